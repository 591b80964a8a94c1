"""Knocking: a connection over a line that may come back at any moment.

Where packets vanish, the first one of a connection vanishes too, and the system sends it again only a second
later. So while a line is awaited another connection is begun every moment, and the first that stands is the
one: the others are given up before they have said a word, and the other end sees one websocket.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Generic, TypeVar

import aiohttp

Opened = TypeVar("Opened")


class Knocking(Generic[Opened]):
    """Begins connections until one stands.

    Args:
        every_s: Seconds from one to the next; None for a single one.
    """

    def __init__(self, every_s: float | None) -> None:
        self._every_s = every_s
        self._standing: asyncio.Task[Opened] | None = None
        self.tracing = aiohttp.TraceConfig()
        """For the ``ClientSession`` that they are made with."""
        self.tracing.on_connection_create_end.append(self._stands)

    async def open(self, begin: Callable[[], Coroutine[None, None, Opened]]) -> Opened:
        """Begin, again and again, until a connection stands or one fails; give what comes of it."""
        tries = [asyncio.create_task(begin())]
        try:
            while self._standing is None:
                done, _ = await asyncio.wait(
                    tries, timeout=self._every_s, return_when=asyncio.FIRST_COMPLETED
                )
                if self._standing is None:
                    if done:
                        return done.pop().result()
                    tries.append(asyncio.create_task(begin()))
            return await self._standing
        finally:
            for one in tries:
                one.cancel()
            await asyncio.gather(*tries, return_exceptions=True)

    async def _stands(self, *_: object) -> None:
        # Called within each try, before it says anything.
        current = asyncio.current_task()
        if self._standing is None:
            self._standing = current
        elif self._standing is not current:
            await asyncio.Event().wait()  # Another was sooner; this one is cancelled with the next step.
