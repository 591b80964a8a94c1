"""PortAudio, loaded while other things go on, by a thread that may be left behind.

It looks for devices when it is loaded, and where a sound server hangs that never ends. A thread of a pool
would be waited for when the program ends; this one is not. sounddevice sends file descriptor 2 away
meanwhile, so it is given back where the wait is given up: there is an error to be told, of the sound system
or, because a provider refuses faster than PortAudio loads, of something else.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import threading

from voice_assistant.devices import portaudio
from voice_assistant.errors import DeviceError

LIMIT_S = 15.0
"""It takes a second on a slow machine; some sound servers answer late."""


MOMENT_S = 3.0
"""It is nearly always there within this, in a tenth of it as a rule. An error is told after that long at the
latest: sooner, what ALSA writes while it looks for devices would follow it."""


class Loading:
    """PortAudio on its way.

    Args:
        loop: Where it is waited for.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._loaded: asyncio.Future[Exception | None] = loop.create_future()
        self._stderr = os.dup(2)
        self._patience_s = MOMENT_S
        self._thread = threading.Thread(target=self._load, name="PortAudio", daemon=True)
        self._thread.start()

    async def done(self) -> None:
        """Wait for it.

        Raises:
            DeviceError: It is not installed or does not start, or its sound server hangs.
        """
        try:
            async with asyncio.timeout(LIMIT_S):
                error = await asyncio.shield(self._loaded)
        except TimeoutError as hanging:
            self._patience_s = 0.0
            raise DeviceError(
                f"the sound system does not answer within {LIMIT_S:.0f} s",
                remedy="Its server hangs: start it anew, or name another in PULSE_SERVER.",
            ) from hanging
        if error is not None:
            raise error

    def close(self) -> None:
        """Wait no longer than a moment, and give file descriptor 2 back."""
        self._thread.join(self._patience_s)
        if self._thread.is_alive():
            os.dup2(self._stderr, 2)
        os.close(self._stderr)

    def _load(self) -> None:
        # A thread of its own.
        failure: Exception | None = None
        try:
            portaudio.load()
        except Exception as error:  # noqa: BLE001 - it is raised again where it is waited for
            failure = error
        with contextlib.suppress(RuntimeError):  # the loop is closed: the program has ended meanwhile
            self._loop.call_soon_threadsafe(self._settle, failure)

    def _settle(self, failure: Exception | None) -> None:
        if not self._loaded.done():
            self._loaded.set_result(failure)


async def loaded() -> None:
    """Load PortAudio, and give up where it takes longer than ``LIMIT_S``.

    Raises:
        DeviceError: As ``Loading.done``.
    """
    loading = Loading(asyncio.get_running_loop())
    try:
        await loading.done()
    finally:
        loading.close()
