"""The tools on a real event loop: timers ring, and whatever a model asks for gets an answer."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from voice_assistant.core.events import Event, TimerRang, ToolFinished
from voice_assistant.tools.timers import CancelTimer, SetTimer, Timers
from voice_assistant.tools.toolbox import Tool, Toolbox


class Rig:
    def __init__(self) -> None:
        loop = asyncio.get_running_loop()
        self.events: asyncio.Queue[Event] = asyncio.Queue()
        self.timers = Timers(self.events.put_nowait, loop.time)
        tools: list[Tool] = [SetTimer(self.timers), CancelTimer(self.timers)]
        self.toolbox = Toolbox(tools, self.events.put_nowait, loop.time)

    async def call(self, name: str, arguments: str) -> Any:
        self.toolbox.run("c", name, arguments)
        event = await asyncio.wait_for(self.events.get(), 60)
        assert isinstance(event, ToolFinished)
        assert event.call == "c"
        return json.loads(event.output)


async def test_a_timer_is_set_and_rings() -> None:
    rig = Rig()

    answer = await rig.call("set_timer", '{"seconds": 1, "label": "tea"}')
    rang = await asyncio.wait_for(rig.events.get(), 60)

    assert answer == {"ok": True, "seconds": 1}
    assert isinstance(rang, TimerRang)
    assert (rang.label, rang.seconds) == ("tea", 1)


async def test_timers_are_cancelled_by_label_or_all() -> None:
    rig = Rig()
    for label in ("tea", "eggs", "bread"):
        await rig.call("set_timer", json.dumps({"seconds": 3600, "label": label}))

    assert await rig.call("cancel_timer", '{"label": "Tea"}') == {"ok": True, "cancelled": 1}
    assert await rig.call("cancel_timer", "") == {"ok": True, "cancelled": 2}
    assert await rig.call("cancel_timer", "{}") == {"ok": True, "cancelled": 0}


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("launch_rocket", "{}"),
        ("set_timer", "not json"),
        ("set_timer", "[1]"),
        ("set_timer", "[" * 100_000),
        ("set_timer", "{}"),
        ("set_timer", '{"seconds": true}'),
        ("set_timer", '{"seconds": "5"}'),
        ("set_timer", '{"seconds": 0}'),
        ("set_timer", '{"seconds": 1e9}'),
        ("set_timer", '{"seconds": 5, "label": 7}'),
        ("cancel_timer", '{"label": 7}'),
    ],
)
async def test_what_cannot_be_done_is_told_to_the_model(name: str, arguments: str) -> None:
    rig = Rig()

    answer = await rig.call(name, arguments)

    assert answer["error"]
    assert answer["remedy"]


async def test_no_more_timers_are_set_than_anybody_needs() -> None:
    rig = Rig()

    answers = [await rig.call("set_timer", '{"seconds": 3600}') for _ in range(21)]
    rig.timers.close()

    assert [bool(answer.get("error")) for answer in answers] == [False] * 20 + [True]


async def test_a_tool_that_breaks_is_told_and_ends_nothing() -> None:
    class Broken:
        spec = SetTimer.spec

        async def __call__(self, arguments: dict[str, object]) -> dict[str, object]:
            raise ZeroDivisionError

    rig = Rig()
    rig.toolbox = Toolbox([Broken()], rig.events.put_nowait, asyncio.get_running_loop().time)

    assert await rig.call("set_timer", "{}") == {"error": "the tool failed"}
