"""The link over real sockets: messages both ways, and every way a connection can fail or end."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
from aiohttp import WSMsgType, web

from voice_assistant import link
from voice_assistant.core.events import Event, LinkLost, LinkOpened, LinkUnanswered, MessageReceived
from voice_assistant.dialects.base import LinkRequest
from voice_assistant.errors import LinkError
from voice_assistant.link import MOST_WAITING, Link, get_json
from voice_assistant.route import is_loopback

Handler = Callable[[web.WebSocketResponse, web.Request], Awaitable[None]]


@asynccontextmanager
async def served(handler: Handler) -> AsyncIterator[str]:
    async def answer(request: web.Request) -> web.StreamResponse:
        if request.headers.get("Authorization") != "Bearer right":
            raise web.HTTPForbidden
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        await handler(socket, request)
        return socket

    app = web.Application()
    app.router.add_get("/v1/realtime", answer)
    app.router.add_get("/v1/models", models)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield f"ws://127.0.0.1:{runner.addresses[0][1]}/v1/realtime"
    finally:
        await runner.cleanup()


async def models(_: web.Request) -> web.Response:
    return web.json_response({"data": []})


class Inbox:
    def __init__(self) -> None:
        self.events: asyncio.Queue[Event] = asyncio.Queue()
        self.link = Link(self.events.put_nowait, time.monotonic, waiting=self.events.qsize)

    def connect(self, url: str, key: str = "right", link: int = 1) -> None:
        headers = {"Authorization": f"Bearer {key}"}
        self.link.connect(link, LinkRequest(url, url, headers), after_s=0)

    async def next(self) -> Event:
        return await asyncio.wait_for(self.events.get(), 60)


@pytest.fixture
async def inbox() -> AsyncIterator[Inbox]:
    box = Inbox()
    yield box
    await box.link.close()


async def echo(socket: web.WebSocketResponse, _: web.Request) -> None:
    async for message in socket:
        if message.type is WSMsgType.TEXT:
            await socket.send_str(message.data)
        else:
            await socket.send_bytes(message.data)


async def test_messages_go_both_ways_in_order_and_as_they_are(inbox: Inbox) -> None:
    async with served(echo) as url:
        inbox.connect(url)
        inbox.link.send("before it is open")
        assert isinstance(await inbox.next(), LinkOpened)
        inbox.link.send(b"bytes")
        inbox.link.send("x" * 3_000_000)

        events = [await inbox.next() for _ in range(3)]
        await inbox.link.close()

    data = [event.data for event in events if isinstance(event, MessageReceived)]
    assert data == ["before it is open", b"bytes", "x" * 3_000_000]


async def test_who_sends_faster_than_is_listened_waits_and_nothing_is_lost(inbox: Inbox) -> None:
    wanted = 4 * MOST_WAITING

    async def flooding(socket: web.WebSocketResponse, _: web.Request) -> None:
        for number in range(wanted):
            await socket.send_str(f"{number}")
        await socket.receive()

    async with served(flooding) as url:
        inbox.connect(url)
        while inbox.events.qsize() <= MOST_WAITING:
            await asyncio.sleep(0)
        for _ in range(1000):
            await asyncio.sleep(0)
        waiting = inbox.events.qsize()
        assert isinstance(await inbox.next(), LinkOpened)
        received = [await inbox.next() for _ in range(wanted)]

    assert waiting == MOST_WAITING + 1
    assert [event.data for event in received if isinstance(event, MessageReceived)] == [
        f"{number}" for number in range(wanted)
    ]


async def test_a_refused_key_is_told_with_its_status(inbox: Inbox) -> None:
    async with served(echo) as url:
        inbox.connect(url, key="wrong")
        lost = await inbox.next()

    assert isinstance(lost, LinkLost)
    assert (lost.opened, lost.status) == (False, 403)
    assert "wrong" not in repr(lost)


@pytest.mark.parametrize("code", [1000, 1007, 1011, 4000])
async def test_a_close_is_told_with_its_code_and_reason(inbox: Inbox, code: int) -> None:
    async def closing(socket: web.WebSocketResponse, _: web.Request) -> None:
        await socket.close(code=code, message=b"because of this")

    async with served(closing) as url:
        inbox.connect(url)
        assert isinstance(await inbox.next(), LinkOpened)
        lost = await inbox.next()

    assert isinstance(lost, LinkLost)
    assert (lost.opened, lost.code, lost.reason) == (True, code, "because of this")


async def test_a_connection_that_drops_is_told_as_1006(inbox: Inbox) -> None:
    async def dropping(_: web.WebSocketResponse, request: web.Request) -> None:
        assert request.transport is not None
        request.transport.abort()

    async with served(dropping) as url:
        inbox.connect(url)
        assert isinstance(await inbox.next(), LinkOpened)
        lost = await inbox.next()

    assert isinstance(lost, LinkLost)
    assert lost.code == 1006


@pytest.mark.parametrize(
    "garbage",
    [b"\x81\x02\xff\xfe", b"\xff\xff\xff\xff", b"\x81\x7f\0\0\0\xff\0\0\0\0"],
    ids=["text that is no UTF-8", "no frame", "a frame of a terabyte"],
)
async def test_what_no_websocket_says_is_a_broken_line_and_no_refusal(inbox: Inbox, garbage: bytes) -> None:
    async def babbling(socket: web.WebSocketResponse, request: web.Request) -> None:
        assert request.transport is not None
        request.transport.write(garbage)
        await socket.receive()

    async with served(babbling) as url:
        inbox.connect(url)
        assert isinstance(await inbox.next(), LinkOpened)
        lost = await inbox.next()

    assert isinstance(lost, LinkLost)
    assert (lost.code, lost.reason) == (1006, "what came from there could not be read")


async def test_a_port_where_nothing_listens_is_told_in_words(inbox: Inbox) -> None:
    inbox.connect("ws://127.0.0.1:1/v1/realtime")

    lost = await inbox.next()

    assert isinstance(lost, LinkLost)
    assert (lost.opened, lost.status, lost.code) == (False, None, None)
    assert "refused" in lost.reason


async def test_a_newer_link_replaces_the_older_and_events_say_which_is_meant(inbox: Inbox) -> None:
    async with served(echo) as url:
        inbox.connect(url, link=1)
        assert isinstance(await inbox.next(), LinkOpened)
        inbox.connect(url, link=2)
        event = await inbox.next()
        while not (isinstance(event, LinkOpened) and event.link == 2):
            event = await inbox.next()
        inbox.link.send("for the second")
        answer = await inbox.next()
        await inbox.link.close()

    assert isinstance(answer, MessageReceived)
    assert (answer.link, answer.data) == (2, "for the second")


async def test_hanging_up_is_told_to_the_other_end_and_nothing_more_is_heard_of_it(inbox: Inbox) -> None:
    codes: asyncio.Queue[int | None] = asyncio.Queue()

    async def listening(socket: web.WebSocketResponse, _: web.Request) -> None:
        await socket.receive()
        codes.put_nowait(socket.close_code)

    async with served(listening) as url:
        inbox.connect(url)
        assert isinstance(await inbox.next(), LinkOpened)
        inbox.link.hang_up()
        code = await asyncio.wait_for(codes.get(), 60)
        await inbox.link.close()

    assert code == 1000
    assert inbox.events.empty()


async def test_leaving_takes_less_than_a_second_even_if_the_other_end_never_answers(inbox: Inbox) -> None:
    async def deaf(_: web.WebSocketResponse, __: web.Request) -> None:
        await asyncio.sleep(60)

    async with served(deaf) as url:
        inbox.connect(url)
        assert isinstance(await inbox.next(), LinkOpened)
        began = time.monotonic()
        await inbox.link.close()

    assert time.monotonic() - began < 15  # a busy machine is no finding


async def test_a_list_is_fetched_with_its_status() -> None:
    async with served(echo) as url:
        status, listing = await get_json(url.replace("ws:", "http:").replace("realtime", "models"), {})
        missing, _ = await get_json(url.replace("ws:", "http:").replace("realtime", "nothing"), {})

    assert (status, listing) == (200, {"data": []})
    assert missing == 404


@asynccontextmanager
async def hung() -> AsyncIterator[str]:
    """A server that takes connections and says nothing: its address, without a scheme."""
    listening = socket.create_server(("127.0.0.1", 0))
    with listening:
        yield f"127.0.0.1:{listening.getsockname()[1]}/v1"


async def test_a_server_that_hangs_is_told_while_it_is_waited_for_and_when_it_is_given_up(
    inbox: Inbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(link, "UNANSWERED_S", 0.05)
    monkeypatch.setattr(link, "CONNECT_TIMEOUT_S", 0.5)
    async with hung() as place:
        inbox.connect(f"ws://{place}/realtime")
        told = [await inbox.next()]
        while isinstance(told[-1], LinkUnanswered):
            told.append(await inbox.next())

    assert len(told) >= 2
    assert isinstance(told[-1], LinkLost)
    assert told[-1].reason == "it takes the connection and does not answer"


async def test_a_list_that_does_not_come_is_told_while_it_is_waited_for_and_when_it_is_given_up(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(link, "UNANSWERED_S", 0.05)
    monkeypatch.setattr(link, "CONNECT_TIMEOUT_S", 0.5)
    told: list[str] = []
    async with hung() as place:
        with pytest.raises(LinkError, match="takes the connection and does not answer") as error:
            await get_json(f"http://{place}/models", {}, unanswered=lambda: told.append("waiting"))

    assert told == ["waiting"]
    assert "look at its log" in error.value.remedy


async def test_a_list_from_nowhere_is_an_error_with_a_remedy() -> None:
    with pytest.raises(LinkError, match="nothing answers") as error:
        await get_json("http://127.0.0.1:1/v1/models", {})

    assert "LITELLM_URL" in error.value.remedy


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("ws://localhost:4000/v1", True),
        ("ws://127.0.0.1/v1", True),
        ("ws://[::1]:4000/v1", True),
        ("wss://proxy.example/v1", False),
        ("ws://127.example:4000", False),
    ],
)
def test_this_machine_itself_is_never_reached_through_an_http_proxy(url: str, expected: bool) -> None:
    assert is_loopback(url) is expected
