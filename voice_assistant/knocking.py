"""Knocking: a connection over a line that may come back at any moment, to a server that may hang.

Where packets vanish, the first one of a connection vanishes too, and the system sends it again only a second
later. So while a line is awaited another connection is begun every moment, and the first that stands is the
one: the others are given up before they have said a word, and the other end sees one websocket.

A connection that stands and gets no answer is not given up, for the answer may be slow. But another is tried
beside it, which may meet a line that is whole again, or another machine behind the same address. The first
answer counts.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Generic, Protocol, TypeVar

import aiohttp


class Closable(Protocol):
    """What is opened, as far as it matters here."""

    async def close(self) -> object:
        """Close it in good order."""
        ...


Opened = TypeVar("Opened", bound=Closable)


class Knocking(Generic[Opened]):
    """Begins connections until one is answered.

    Args:
        every_s: Seconds from one to the next while none stands; None for a single one.
        patience_s: Seconds that one may stand without an answer before another is tried beside it; twice as
            many for the next, and so on.
        unanswered: Called each time that these have passed.
    """

    def __init__(
        self, every_s: float | None, patience_s: float, unanswered: Callable[[], None] = lambda: None
    ) -> None:
        self._every_s = every_s
        self._patience_s = patience_s
        self._unanswered = unanswered
        self._standing: asyncio.Task[Opened] | None = None
        self.has_stood = False
        """Did the other end take a connection?"""
        self.tracing = aiohttp.TraceConfig()
        """For the ``ClientSession`` that they are made with."""
        self.tracing.on_connection_create_end.append(self._stands)

    async def open(self, begin: Callable[[], Coroutine[None, None, Opened]]) -> Opened:
        """Begin, again and again, until one is answered or one fails; give what comes of it."""
        tries = [asyncio.create_task(begin())]
        chosen: asyncio.Task[Opened] | None = None
        try:
            while True:
                stood = self._standing
                limit_s = self._patience_s if stood else self._every_s or self._patience_s
                done, _ = await asyncio.wait(tries, timeout=limit_s, return_when=asyncio.FIRST_COMPLETED)
                if done:
                    chosen = min(done, key=lambda one: one.exception() is not None)
                    return chosen.result()
                if self._standing and (stood or self._every_s is None):
                    self._unanswered()
                    self._patience_s *= 2
                    self._standing = None
                    tries.append(asyncio.create_task(begin()))
                elif self._standing is None and self._every_s is not None:
                    tries.append(asyncio.create_task(begin()))
        finally:
            for one in tries:
                one.cancel()
            await asyncio.gather(*tries, return_exceptions=True)
            for one in tries:
                # Answered in the same moment as the chosen one: the other end shall not keep it.
                if one is not chosen and not one.cancelled() and one.exception() is None:
                    await one.result().close()

    async def _stands(self, *_: object) -> None:
        # Called within each try, before it says anything.
        current = asyncio.current_task()
        self.has_stood = True
        if self._standing is None:
            self._standing = current
        elif self._standing is not current:
            await asyncio.Event().wait()  # Another was sooner; this one is cancelled with the next step.
