"""Notices that the machine slept, or that the program was stopped: time went by in which nothing ran.

The clock that goes on during sleep is looked at every second. If much more than a second has gone by, the
links are dead without knowing it, and what was being said is old. What to do about it is the core's affair.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Callable

from voice_assistant.core.events import ClockJumped, Event

LOOK_EVERY_S = 1.0

SLEPT_S = 5.0
"""A loaded machine is late by tenths of a second; a lid that was closed, by more than this."""

# What goes on during sleep has another name on each system.
_SLEEPLESS = time.CLOCK_MONOTONIC if sys.platform == "darwin" else time.CLOCK_BOOTTIME


def sleepless_clock() -> float:
    """Seconds, counted on while the machine sleeps."""
    return time.clock_gettime(_SLEEPLESS)


async def watch(
    post: Callable[[Event], None],
    clock: Callable[[], float],
    sleepless: Callable[[], float] = sleepless_clock,
    every_s: float = LOOK_EVERY_S,
) -> None:
    """Post ``ClockJumped`` whenever more than ``SLEPT_S`` went by unseen; runs until it is cancelled.

    Args:
        post: Takes the event; called on the event loop's thread.
        clock: The session's clock, for the event's time.
        sleepless: The clock that is looked at.
        every_s: How often.
    """
    before = sleepless()
    while True:
        await asyncio.sleep(every_s)
        now = sleepless()
        unseen_s = now - before - every_s
        if unseen_s >= SLEPT_S:
            post(ClockJumped(clock(), unseen_s))
        before = now
