"""Ends opened again while the session goes on, on a thread of their own."""

from __future__ import annotations

import asyncio

from voice_assistant.core.events import DeviceLost, Direction, Event, FollowDefault, SetOutputLatency
from voice_assistant.devices.catalog import Device
from voice_assistant.devices.reopening import Reopening
from voice_assistant.errors import DeviceError

PATIENCE_S = 30.0


class AnEnd:
    """A loudspeaker that notes what is done with it."""

    direction: Direction = "playout"
    wanted = ""
    was_opened = True
    device: Device | None = None

    def __init__(self, *, is_gone: bool = False, opens_only: str | None = None) -> None:
        self.done: list[str] = []
        self._is_gone = is_gone
        self._opens_only = opens_only
        self.reopened = asyncio.Event()
        self._loop = asyncio.get_running_loop()

    def hold(self, latency_ms: float) -> None:
        self.done.append(f"hold {latency_ms:.0f}")

    def choose(self, wanted: str) -> None:
        self.done.append(f"choose {wanted}")
        self.wanted = wanted

    def detach(self) -> None:
        self.done.append("close")

    def attach(self, *, or_default: bool = False) -> None:
        self.done.append("open")
        self._loop.call_soon_threadsafe(self.reopened.set)
        if self._is_gone or self._opens_only not in (None, self.wanted):
            raise DeviceError("it is gone", remedy="Plug it in.")


def reopening_of(*ends: AnEnd) -> tuple[Reopening, asyncio.Queue[Event]]:
    told: asyncio.Queue[Event] = asyncio.Queue()
    loop = asyncio.get_running_loop()
    return Reopening(ends, told.put_nowait, loop, loop.time), told


async def test_a_loudspeaker_that_is_to_hold_more_is_closed_and_opened_again() -> None:
    end = AnEnd()
    reopening, told = reopening_of(end)

    reopening.perform(SetOutputLatency(60.0))

    await asyncio.wait_for(end.reopened.wait(), PATIENCE_S)
    assert end.done == ["hold 60", "close", "open"]
    assert told.empty()
    reopening.close()


async def test_where_it_does_not_open_again_it_is_lost() -> None:
    reopening, told = reopening_of(AnEnd(is_gone=True))

    reopening.perform(SetOutputLatency(60.0))

    lost = await asyncio.wait_for(told.get(), PATIENCE_S)
    assert isinstance(lost, DeviceLost)
    assert (lost.direction, lost.reason) == ("playout", "it is gone")
    reopening.close()


async def test_a_new_default_that_does_not_open_leaves_what_was_in_use() -> None:
    end = AnEnd(opens_only="desk")
    end.device = Device(7, "desk", "ALSA", 2, 2, 48_000)
    reopening, told = reopening_of(end)

    reopening.perform(FollowDefault(("playout",), rescan=False))

    await asyncio.wait_for(end.reopened.wait(), PATIENCE_S)
    reopening.close()  # waits for what is under way
    assert end.done == ["close", "open", "choose desk", "open", "choose "]
    assert told.empty()


async def test_without_a_loudspeaker_there_is_nothing_to_do() -> None:
    reopening, told = reopening_of()

    reopening.perform(SetOutputLatency(60.0))

    reopening.close()
    assert told.empty()
