"""The offline provider's process, kept alive: when it ends by itself, or hangs, it is started again.

The conversation needs no more than that: its link is lost and tried again as any other, and the next try asks
here where the process listens now. A process that does not stay alive is given up, and the reason kept.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from typing import Protocol

from voice_assistant.errors import LinkError
from voice_assistant.offline.spawn import OfflineAddress

ALIVE_S = 10.0
"""A process that lived this long had a good start: its end is an accident."""

STARTS = 3
"""So often in a row it is started without having lived so long."""

log = logging.getLogger(__name__)


class Process(Protocol):
    """What is needed of a process: see ``OfflineProcess``."""

    is_hung: bool

    async def start(self) -> OfflineAddress:
        """Start it; comes back as soon as it listens."""
        ...

    async def wait(self) -> int | None:
        """Wait until it ends; one that hangs is ended."""
        ...

    async def stop(self) -> None:
        """End it, and tidy up after it."""
        ...


class Reviving:
    """One process after the other, each started when the last one ended.

    Args:
        process: Not started yet.
    """

    def __init__(self, process: Process) -> None:
        self._process = process
        self._address: OfflineAddress | None = None
        self._watching: asyncio.Task[None] | None = None
        self.failure = ""
        """Why it is not started again; empty while it is."""

    @property
    def address(self) -> OfflineAddress:
        """Where it listens, or listened last."""
        assert self._address is not None, "it was never started"
        return self._address

    @property
    def is_hung(self) -> bool:
        """Was it ended because it hung, and is not started again yet?"""
        return self._process.is_hung

    async def start(self) -> None:
        """Start it for the first time.

        Raises:
            LinkError: It does not start.
        """
        self._address = await self._process.start()
        self._watching = asyncio.create_task(self._watch())

    async def stop(self) -> None:
        """End it for good."""
        if self._watching is not None:
            self._watching.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._watching
        await self._process.stop()

    async def _watch(self) -> None:
        clock = asyncio.get_running_loop().time
        short_lives = 0
        while True:
            began_at = clock()
            status = await self._process.wait()
            short_lives = 0 if clock() - began_at >= ALIVE_S else short_lives + 1
            how = "hung and was ended" if self._process.is_hung else "ended"
            log.warning("the offline provider %s, with status %s", how, status)
            await self._process.stop()
            if short_lives > STARTS:
                self.failure = f"it ended {short_lives} times in a row"
                return
            try:
                self._address = await self._process.start()
            except LinkError as why:
                self.failure = str(why)
                return
