"""A websocket server on 127.0.0.1 that does what a test tells it: the shared part of the scripted providers.

A script is a coroutine that plays the other end of one call; what the client sends meanwhile is noted. The
server has a thread and an event loop of its own, so a plain test, an asynchronous one and the tester of
another process use it alike::

    async def one_turn(call: GeminiCall) -> None:
        await call.set_up()
        await call.stream_end()
        await call.says(sound)

    with GeminiServer() as gemini:
        gemini.play(one_turn)
        ...
        assert gemini.call().sound == expected

What a protocol's messages look like is left to ``gemini_server.py`` and ``realtime_server.py``. A script that
fails, or that waits in vain, hangs up and fails the test: ``check``, ``play`` and the end of ``with`` raise.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import threading
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, Self, TypeVar

from aiohttp import WSMsgType, web

PATIENCE_S = 60.0
"""How long a script, or a test, waits for what should come: a busy machine takes its time."""

TO_THE_END_S = 300.0
"""How long a script waits for the client to go: longer than any test goes on after the script's last word."""


@dataclass(frozen=True, slots=True)
class Message:
    """One JSON message of the client, and when it came (``time.monotonic``)."""

    at: float
    body: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Refuse:
    """Instead of a script: answer the handshake with an HTTP status, and say when to come back."""

    status: int
    text: str = ""
    retry_after: str = ""


@dataclass(frozen=True, slots=True)
class Append:
    """One message of sound: when it came (``time.monotonic``), and its PCM."""

    at: float
    pcm: bytes


class Call:
    """One websocket, as the server sees it.

    Args:
        socket: The accepted websocket.
        number: Counts from 0 since the last ``play``.
        request: What the client asked for: its headers and its query.
    """

    def __init__(self, socket: web.WebSocketResponse, number: int, request: web.Request) -> None:
        self.number = number
        self.headers = dict(request.headers)
        self.query = dict(request.query)
        self.messages: list[Message] = []
        self.appends: list[Append] = []
        self.samples = 0
        self.junk: list[str | bytes] = []
        self.close_code: int | None = None
        self.is_over = False
        self._socket = socket
        self._transport = request.transport
        self._news = asyncio.Event()

    @property
    def sound(self) -> bytes:
        """All the PCM that came."""
        return b"".join(append.pcm for append in self.appends)

    async def until(self, what: Callable[[], bool], *, within_s: float = PATIENCE_S) -> None:
        """Wait until something is so; it is asked again with every message.

        Raises:
            TimeoutError: It has not come.
            ConnectionError: The client went away before.
        """
        async with asyncio.timeout(within_s):
            while not what():
                if self.is_over:
                    raise ConnectionError("the client hung up while the script waited")
                self._news.clear()
                await self._news.wait()

    async def sound_ms(self, ms: float) -> None:
        """Wait until this much sound has come, counted from the first sample of the call."""
        await self.until(lambda: self.samples * 1000 / self.rate >= ms)

    @property
    def rate(self) -> int:
        """Hertz of what came."""
        raise AssertionError("a protocol's call says it")

    async def send(self, body: object) -> None:
        """Send any JSON, as the protocol sends it."""
        await self._socket.send_str(json.dumps(body))

    async def send_raw(self, data: str | bytes) -> None:
        """Send anything at all."""
        if isinstance(data, str):
            await self._socket.send_str(data)
        else:
            await self._socket.send_bytes(data)

    async def stall(self, seconds: float) -> None:
        """Say nothing for a while."""
        await asyncio.sleep(seconds)

    async def close(self, code: int = 1000, reason: str = "") -> None:
        """Close in good order."""
        await self._socket.close(code=code, message=reason.encode())

    def drop(self) -> None:
        """Tear the connection without a closing word."""
        if isinstance(self._transport, asyncio.Transport):
            self._transport.abort()

    async def hung_up(self, *, within_s: float = TO_THE_END_S) -> None:
        """Wait until the client has gone."""
        async with asyncio.timeout(within_s):
            while not self.is_over:
                self._news.clear()
                await self._news.wait()

    def take(self, message: Message) -> None:
        """Note one message of the client; a protocol adds what it means."""
        self.messages.append(message)

    def take_sound(self, at: float, pcm: bytes) -> None:
        """Note sound of the client."""
        self.appends.append(Append(at, pcm))
        self.samples += len(pcm) // 2

    async def _listen(self) -> None:
        """Note all that comes, until the client has gone."""
        async for frame in self._socket:
            if frame.type not in (WSMsgType.TEXT, WSMsgType.BINARY):
                continue
            try:
                body = json.loads(frame.data)
            except ValueError:
                body = None
            if isinstance(body, dict):
                self.take(Message(time.monotonic(), body))
            else:
                self.junk.append(frame.data)
            self._news.set()

    def _end(self) -> None:
        self.close_code = self._socket.close_code
        self.is_over = True
        self._news.set()


AnyCall = TypeVar("AnyCall", bound=Call)
Script = Callable[[AnyCall], Awaitable[None]]


class ScriptedServer(Generic[AnyCall]):
    """Plays scripts, one for each call, in a thread of its own.

    Args:
        make_call: The protocol's kind of call.
        path: Where the websocket is.
        port: 0 takes a free one.
    """

    def __init__(
        self,
        make_call: Callable[[web.WebSocketResponse, int, web.Request], AnyCall],
        path: str,
        port: int = 0,
    ) -> None:
        self.port = port
        self.calls: list[AnyCall] = []
        self._make_call = make_call
        self._path = path
        self._scripts: Sequence[Script[AnyCall] | Refuse] = ()
        self._failures: list[BaseException] = []
        self._handshakes = 0
        self._round = 0
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name="scripted server", daemon=True)
        self._is_up = threading.Event()
        self._playing: set[asyncio.Task[None]] = set()

    @property
    def url(self) -> str:
        """The address without a path: ``http://127.0.0.1:port``."""
        return f"http://127.0.0.1:{self.port}"

    def play(self, *scripts: Script[AnyCall] | Refuse) -> None:
        """Give each coming call its script, the last one to all others; forget what was noted before."""
        self.check()
        self._scripts = scripts
        self._handshakes = 0
        self._round += 1
        self.calls = []

    def call(self, number: int = 0, *, within_s: float = PATIENCE_S) -> AnyCall:
        """Give call *number*, counted from 0 since ``play``; wait for it.

        An asynchronous test calls this in a thread (``asyncio.to_thread``), or looks into ``calls``.

        Raises:
            TimeoutError: It has not come.
        """
        self.wait(lambda: len(self.calls) > number, within_s=within_s)
        return self.calls[number]

    def wait(self, what: Callable[[], bool], *, within_s: float = PATIENCE_S) -> None:
        """Wait until something is so; see ``call`` for asynchronous tests.

        Raises:
            TimeoutError: It has not come.
        """
        end = time.monotonic() + within_s
        while not what():
            self.check()
            if time.monotonic() > end:
                raise TimeoutError(f"waited {within_s:.0f} s in vain")
            time.sleep(0.01)

    def check(self) -> None:
        """Raise what a script has raised."""
        if self._failures:
            failures, self._failures = self._failures, []
            raise failures[0]

    def __enter__(self) -> Self:
        self._thread.start()
        if not self._is_up.wait(PATIENCE_S):
            raise TimeoutError("the scripted server does not start")
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        if kind is None:
            self.check()

    # The server's own thread.

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        runner = web.AppRunner(self._app(), handle_signals=False, shutdown_timeout=0.2)
        self._loop.run_until_complete(self._start(runner))
        self._is_up.set()
        self._loop.run_forever()
        for task in self._playing:
            task.cancel()
        self._loop.run_until_complete(runner.cleanup())
        self._loop.run_until_complete(self._loop.shutdown_asyncgens())
        self._loop.close()

    async def _start(self, runner: web.AppRunner) -> None:
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", self.port)
        await site.start()
        self.port = runner.addresses[0][1]

    def _app(self) -> web.Application:
        app = web.Application()
        app.router.add_get(self._path, self._answer)
        return app

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        number = self._handshakes
        self._handshakes += 1
        script = self._scripts[min(number, len(self._scripts) - 1)] if self._scripts else None
        if isinstance(script, Refuse):
            headers = {"Retry-After": script.retry_after} if script.retry_after else {}
            return web.Response(status=script.status, text=script.text, headers=headers)
        socket = web.WebSocketResponse(max_msg_size=0)
        await socket.prepare(request)
        call = self._make_call(socket, number, request)
        self.calls.append(call)
        playing = asyncio.create_task(self._play(script, call, self._round)) if script else None
        if playing:
            self._playing.add(playing)
            playing.add_done_callback(self._playing.discard)
        try:
            await call._listen()
        finally:
            call._end()
            if playing:
                # A moment for the script to see the end; what it still wants to say is lost.
                await asyncio.wait({playing}, timeout=0.2)
                playing.cancel()
        return socket

    async def _play(self, script: Script[AnyCall], call: AnyCall, of_round: int) -> None:
        try:
            with contextlib.suppress(ConnectionError):
                await script(call)
        except Exception as failure:  # noqa: BLE001 - whatever it is, the test must see it
            if of_round == self._round:
                self._failures.append(failure)
            # So that nobody waits for what will not come.
            await call.close(1011, "the script failed")
