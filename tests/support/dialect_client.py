"""Speaks a dialect over a plain websocket: what it makes of a server, without the program around it."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Self, TypeVar

import aiohttp

from voice_assistant.core.audio import NEAR_RATE, AudioFrame
from voice_assistant.core.events import (
    AppendInput,
    CommitInput,
    Configure,
    Event,
    LinkLost,
    ReplyAudio,
    SessionOpened,
    WireCommand,
)
from voice_assistant.dialects.base import Dialect

PATIENCE_S = 60.0

AnEvent = TypeVar("AnEvent")


class DialectClient:
    """One call to a provider; an asynchronous context manager.

    Args:
        dialect: A fresh one.
    """

    def __init__(self, dialect: Dialect) -> None:
        self.events: list[Event] = []
        self.lost: LinkLost | None = None
        self.wire: list[dict[str, object]] = []
        """The call as lines of JSON: what was done (``do``) and what came (``got``)."""
        self._dialect = dialect
        self._http = aiohttp.ClientSession()
        self._socket: aiohttp.ClientWebSocketResponse | None = None
        self._reading: asyncio.Task[None] | None = None
        self._news = asyncio.Event()

    async def __aenter__(self) -> Self:
        request = self._dialect.request()
        try:
            self._socket = await self._http.ws_connect(
                request.url, headers=request.headers, heartbeat=request.heartbeat_s, max_msg_size=0
            )
        except aiohttp.WSServerHandshakeError as refused:
            self.lost = LinkLost(time.monotonic(), 1, False, status=refused.status, reason=refused.message)
            return self
        self._reading = asyncio.create_task(self._read(self._socket))
        return self

    async def __aexit__(self, *_: object) -> None:
        try:
            if self._socket:
                await self._socket.close()
            if self._reading:
                await self._reading
        finally:
            await self._http.close()

    async def do(self, *commands: WireCommand) -> None:
        """Say commands to the provider."""
        assert self._socket is not None
        for command in commands:
            turn = getattr(command, "turn", None)
            self.wire.append({"do": type(command).__name__} | ({"turn": turn} if turn is not None else {}))
            for message in self._dialect.encode(command):
                if isinstance(message, str):
                    await self._socket.send_str(message)
                else:
                    await self._socket.send_bytes(message)

    async def set_up(self) -> SessionOpened:
        """Send the set-up; wait for the session."""
        await self.do(Configure())
        return await self.expect(SessionOpened)

    async def speak(self, turn: int, pcm: bytes, *, frame_ms: int = 20, commit: bool = True) -> None:
        """Send a turn of the user: 16 kHz."""
        size = frame_ms * NEAR_RATE // 1000 * 2
        for at in range(0, len(pcm), size):
            await self.do(AppendInput(turn, AudioFrame(pcm[at : at + size], NEAR_RATE, at // 2)))
        if commit:
            await self.do(CommitInput(turn))

    async def expect(self, kind: type[AnEvent], count: int = 1) -> AnEvent:
        """Wait for the *count*-th event of a kind since the call began, and give it."""
        await self.until(lambda: len(self.all(kind)) >= count)
        return self.all(kind)[count - 1]

    async def until(self, what: Callable[[], bool], *, within_s: float = PATIENCE_S) -> None:
        """Wait until something is so; it is asked again with every event."""
        async with asyncio.timeout(within_s):
            while not what():
                self._news.clear()
                await self._news.wait()

    async def ended(self) -> LinkLost:
        """Wait until the link is lost."""
        await self.until(lambda: self.lost is not None)
        assert self.lost is not None
        return self.lost

    def all(self, kind: type[AnEvent]) -> list[AnEvent]:
        """Give all events of a kind."""
        return [event for event in self.events if isinstance(event, kind)]

    def heard(self, item: str) -> bytes:
        """Give all sound of a reply: 24 kHz."""
        return b"".join(event.pcm for event in self.all(ReplyAudio) if event.item == item)

    @property
    def items(self) -> list[str]:
        """The replies that sounded, in order."""
        return list(dict.fromkeys(event.item for event in self.all(ReplyAudio)))

    async def _read(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        while True:
            message = await socket.receive()
            if message.type not in (aiohttp.WSMsgType.TEXT, aiohttp.WSMsgType.BINARY):
                break
            try:
                self.wire.append({"got": json.loads(message.data)})
            except ValueError:
                self.wire.append({"junk": repr(message.data)})
            self.events += self._dialect.decode(message.data, time.monotonic())
            self._news.set()
        self.lost = LinkLost(
            time.monotonic(), 1, opened=True, code=socket.close_code, reason=str(message.extra or "")
        )
        self._news.set()


def write_wire(path: Path, wire: Iterable[dict[str, object]]) -> None:
    """Keep a call as JSON lines, one frame of sound a turn."""
    lines: list[str] = []
    for line in wire:
        text = json.dumps(line)
        if not lines or line.get("do") != "AppendInput" or lines[-1] != text:
            lines.append(text)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(f"{line}\n" for line in lines))
