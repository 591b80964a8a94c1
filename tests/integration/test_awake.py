"""A machine that slept is noticed, and one that was only busy is not."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator

from voice_assistant.awake import sleepless_clock, watch
from voice_assistant.core.events import ClockJumped, Event


async def watched(readings: list[float]) -> list[Event]:
    events: list[Event] = []
    clock: Iterator[float] = iter(readings)
    task = asyncio.create_task(watch(events.append, lambda: 42.0, lambda: next(clock), every_s=0.001))
    # It ends by itself when the readings run out: there is no more time to look at.
    with contextlib.suppress(RuntimeError, StopIteration):
        await asyncio.wait_for(task, 60)
    return events


async def test_an_hour_that_nobody_saw_is_told_with_its_length() -> None:
    events = await watched([0.0, 1.0, 3601.0, 3602.0])

    assert [type(event) for event in events] == [ClockJumped]
    assert isinstance(events[0], ClockJumped)
    assert events[0].at == 42.0
    assert round(events[0].by_s) == 3600


async def test_a_busy_machine_has_not_slept() -> None:
    assert await watched([0.0, 1.0, 5.0, 6.5]) == []


def test_the_clock_goes_on() -> None:
    first = sleepless_clock()

    assert sleepless_clock() >= first > 0
