"""Knocking over real sockets: a first packet that vanishes costs a moment, and one websocket is seen.

A packet that vanishes is a try that does not get as far as its connection.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import aiohttp
import pytest
from aiohttp import web

from voice_assistant.knocking import Knocking

SOON_S = 0.02


class Door:
    """Counts who asks to come in; takes its time to answer."""

    def __init__(self) -> None:
        self.url = ""
        self.asked = 0
        self.takes_s = 0.0
        self.deaf_to = 0
        """So many of the first who ask get no answer, until ``wakes``."""
        self.wakes = asyncio.Event()
        self.open = 0
        """How many are in."""

    async def answer(self, request: web.Request) -> web.StreamResponse:
        self.asked += 1
        await asyncio.sleep(self.takes_s)
        if self.asked <= self.deaf_to:
            await self.wakes.wait()
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        self.open += 1
        await socket.receive()
        self.open -= 1
        return socket


@pytest.fixture
async def door() -> AsyncIterator[Door]:
    door = Door()
    app = web.Application()
    app.router.add_get("/", door.answer)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    door.url = f"ws://127.0.0.1:{runner.addresses[0][1]}/"
    yield door
    await runner.cleanup()


@asynccontextmanager
async def knocks(
    door: Door,
    every_s: float | None,
    packet: Callable[[int], Awaitable[object]],
    unanswered: Callable[[], None] = lambda: None,
    patience_s: float = 60,
) -> AsyncIterator[aiohttp.ClientWebSocketResponse]:
    """Knock at a door; *packet* is awaited with the number of each first packet before it goes out."""
    sent = 0

    async def goes_out(*_: object) -> None:
        nonlocal sent
        sent += 1
        await packet(sent)

    knocking = Knocking[aiohttp.ClientWebSocketResponse](every_s, patience_s, unanswered)
    line = aiohttp.TraceConfig()
    line.on_connection_create_start.append(goes_out)

    async def begin() -> aiohttp.ClientWebSocketResponse:
        return await http.ws_connect(door.url)

    async with aiohttp.ClientSession(trace_configs=[line, knocking.tracing]) as http:
        socket = await asyncio.wait_for(knocking.open(begin), 60)
        yield socket
        await socket.close()


async def passing(_: int) -> None:
    pass


async def test_first_packets_that_vanish_are_followed_by_others(door: Door) -> None:
    async def vanishing(number: int) -> None:
        if number < 4:
            await asyncio.Event().wait()

    async with knocks(door, SOON_S, vanishing) as socket:
        assert not socket.closed

    assert door.asked == 1


async def test_of_connections_that_stand_at_once_a_single_one_says_a_word(door: Door) -> None:
    there = asyncio.Event()

    async def together(number: int) -> None:
        if number == 3:
            there.set()
        await there.wait()

    async with knocks(door, SOON_S, together) as socket:
        assert not socket.closed

    assert door.asked == 1


async def test_a_connection_that_stands_is_waited_for_and_no_other_begun(door: Door) -> None:
    door.takes_s = 10 * SOON_S

    async with knocks(door, SOON_S, passing) as socket:
        assert not socket.closed

    assert door.asked == 1


async def test_a_refusal_is_told_at_once(door: Door) -> None:
    door.url = "ws://127.0.0.1:1/"

    with pytest.raises(aiohttp.ClientConnectorError):
        async with knocks(door, SOON_S, passing):
            pass


@pytest.mark.parametrize("every_s", [None, SOON_S])
async def test_a_connection_without_an_answer_is_told_and_another_beside_it_may_have_one(
    door: Door, every_s: float | None
) -> None:
    door.deaf_to = 1
    told: list[int] = []

    async with knocks(door, every_s, passing, lambda: told.append(door.asked), SOON_S) as socket:
        assert not socket.closed

    assert told[0] == 1
    assert door.asked >= 2


async def test_an_answer_that_comes_late_counts_though_another_is_tried(door: Door) -> None:
    door.deaf_to = 100
    told: list[int] = []

    def late() -> None:
        told.append(door.asked)
        if len(told) == 2:
            door.wakes.set()

    async with knocks(door, None, passing, late, SOON_S) as socket:
        # All that were asked are answered in the same moment, and one is stayed with.
        while door.open != 1:
            await asyncio.sleep(0)
        assert not socket.closed

    assert len(told) == 2
