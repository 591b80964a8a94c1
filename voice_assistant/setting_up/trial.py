"""The devices tried: a few seconds of the microphone, with its level, then the same out of the loudspeaker.

They are opened as a conversation opens them. A sound system that hangs is waited for on a thread of its own,
which is left behind.
"""

from __future__ import annotations

import asyncio
import os
import queue
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from voice_assistant.config import Config
from voice_assistant.core.audio import NEAR_RATE, REPLY_RATE, Resampler, level_dbfs
from voice_assistant.core.events import Captured, EndPlayout, Event, Play, PlayoutDrained
from voice_assistant.core.mixer import Mixer
from voice_assistant.devices import portaudio
from voice_assistant.devices.capture import Microphone
from voice_assistant.devices.far_end import FarEnd
from voice_assistant.devices.playout import Speaker
from voice_assistant.errors import DeviceError

SETTLE_S = 0.3
"""What a microphone delivers right after it was opened is often a click, or nothing."""

LISTEN_S = 3.0

DEVICE_S = 0.3
"""What may still be inside the loudspeaker when everything has been handed out."""

LIMIT_S = 15.0
"""For a sound system to answer, over and above what is listened and played."""


T = TypeVar("T")


class SoundHangsError(DeviceError):
    """The sound system does not answer; a thread was left behind in it."""


def within_limit(job: Callable[[], T], seconds: float = 0.0) -> T:
    """Do something with the sound system, and wait for it, but not for ever.

    Args:
        job: What to do; runs on a thread of its own.
        seconds: What it takes where all is well.

    Raises:
        SoundHangsError: It did not end in time.
    """
    done: queue.SimpleQueue[tuple[T | None, BaseException | None]] = queue.SimpleQueue()

    def work() -> None:
        try:
            done.put((job(), None))
        except BaseException as error:  # noqa: BLE001 - it is raised again where it is waited for
            done.put((None, error))

    threading.Thread(target=work, name="sound", daemon=True).start()
    try:
        # ALSA writes to the terminal from C while it looks for devices.
        with portaudio.quiet_stderr(Path(os.devnull)):
            given, error = done.get(timeout=seconds + LIMIT_S)
    except queue.Empty:
        raise SoundHangsError(
            f"the sound system does not answer within {LIMIT_S:.0f} s",
            remedy="Its server hangs: start it anew, or name another in PULSE_SERVER.",
        ) from None
    if error is not None:
        raise error
    return given  # type: ignore[return-value]


def listen(config: Config, level: Callable[[float], None]) -> bytes:
    """Listen for ``LISTEN_S``; gives 16-bit mono at 16 kHz.

    Args:
        config: Which microphone.
        level: Takes the level of what comes, in dBFS, fifty times a second; called on another thread.

    Raises:
        DeviceError: It cannot be used.
    """
    return within_limit(lambda: asyncio.run(_listen(config, level)), SETTLE_S + LISTEN_S)


def play(config: Config, pcm: bytes) -> None:
    """Play what was heard; comes back when it is over.

    Args:
        config: Which loudspeaker.
        pcm: 16-bit mono at 16 kHz.

    Raises:
        DeviceError: It cannot be used.
    """
    seconds = len(pcm) / 2 / NEAR_RATE
    within_limit(lambda: asyncio.run(_play(config, pcm)), seconds)


async def _listen(config: Config, level: Callable[[float], None]) -> bytes:
    loop = asyncio.get_running_loop()
    arrived: list[bytes] = []

    def post(event: Event) -> None:
        if isinstance(event, Captured):
            arrived.append(event.near.pcm)
            level(level_dbfs(event.near.pcm))

    microphone = Microphone(config.capture, FarEnd(), post, loop, loop.time)
    try:
        microphone.open()
        await asyncio.sleep(SETTLE_S)
        arrived.clear()
        await asyncio.sleep(LISTEN_S)
        return b"".join(arrived)
    finally:
        microphone.close()


async def _play(config: Config, pcm: bytes) -> None:
    loop = asyncio.get_running_loop()
    over = asyncio.Event()

    def post(event: Event) -> None:
        if isinstance(event, PlayoutDrained):
            over.set()

    speaker = Speaker(config.speaker, Mixer(config.playout), FarEnd(), post, loop, loop.time)
    try:
        speaker.open()
        converter = Resampler(NEAR_RATE, REPLY_RATE)
        speaker.perform(Play("trial", converter.feed(pcm)))
        speaker.perform(EndPlayout("trial"))
        await over.wait()
        await asyncio.sleep(DEVICE_S)
    finally:
        speaker.close()
