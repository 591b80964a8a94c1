"""The offline provider in a test's own loop, and a plain client for it that checks whatever it is sent.

Every event is held against the ``openai`` package's own model of it, of the generation the client speaks: a
field that is missing, misnamed or of a wrong type fails the test that received it.
"""

from __future__ import annotations

import asyncio
import base64
import functools
import json
import typing
import wave
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from random import Random
from typing import Any, Literal

import aiohttp
import openai.types.beta.realtime as beta_types
import openai.types.realtime as ga_types
from pydantic import BaseModel

from voice_assistant.core.audio import NEAR_RATE, REPLY_RATE, Resampler, silence
from voice_assistant.offline.recogniser import Moonshine, Recogniser
from voice_assistant.offline.server import Server
from voice_assistant.offline.settings import OfflineSettings

QUESTIONS = Path(__file__).parent.parent / "data" / "questions"
"""Synthetic: spoken by flite."""

TOKEN = "a-token-of-the-tests"
NOW = datetime(2026, 11, 23, 14, 5)
PIECE_MS = 100
LIMIT_S = 60.0

Generation = Literal["beta", "ga"]
Json = dict[str, Any]


@functools.cache
def recogniser() -> Moonshine:
    """The recogniser that we ship, loaded once for all tests."""
    return Moonshine()


def question(name: str) -> bytes:
    """Load one of the synthetic questions: 16-bit mono at 16 kHz."""
    with wave.open(str(QUESTIONS / f"{name}.wav")) as file:
        assert (file.getframerate(), file.getsampwidth(), file.getnchannels()) == (NEAR_RATE, 2, 1)
        return bytes(file.readframes(file.getnframes()))


def at_24k(near: bytes) -> bytes:
    """Bring sound from 16 to 24 kHz."""
    resampler = Resampler(NEAR_RATE, REPLY_RATE)
    return resampler.feed(near) + resampler.flush()


@dataclass(frozen=True, slots=True)
class Address:
    """Where a server of a test listens."""

    http: str
    token: str = TOKEN

    @property
    def websocket(self) -> str:
        """The realtime endpoint."""
        return self.http.replace("http", "ws", 1) + "/v1/realtime?model=gpt-realtime"


@asynccontextmanager
async def offline_server(
    settings: OfflineSettings | None = None, *, hears: Recogniser | None = None, chat_key: str = ""
) -> AsyncGenerator[Address]:
    """Run a server: its clock stands still at ``NOW``, and its dice fall the same way each time."""
    server = Server(
        settings or OfflineSettings(),
        TOKEN,
        chat_key,
        now=lambda: NOW,
        dice=Random(7),
        recogniser=_Kept(hears or recogniser()),
    )
    port = await server.open("127.0.0.1", 0)
    try:
        yield Address(f"http://127.0.0.1:{port}")
    finally:
        await server.close()


@dataclass(slots=True)
class _Kept:
    """A recogniser that outlives the server that uses it."""

    inner: Recogniser
    name: str = "shared"

    async def words(self, pcm: bytes) -> str:
        return await self.inner.words(pcm)

    def close(self) -> None:
        """Leave it open for the next test."""


@functools.cache
def _models(generation: Generation) -> dict[str, type[BaseModel]]:
    """The package's models by the type of event they describe."""
    package = ga_types if generation == "ga" else beta_types
    union = package.realtime_server_event.RealtimeServerEvent
    members = typing.get_args(typing.get_args(union)[0] if generation == "ga" else union)
    if generation == "beta":
        members = typing.get_args(members[0]) or members
    found = {}
    for model in members:
        for name in typing.get_args(model.model_fields["type"].annotation):
            found[name] = model
    return found


def validated(event: Json, generation: Generation) -> Json:
    """Hold an event against the package's model of it.

    Raises:
        AssertionError: There is no such event in this generation.
        pydantic.ValidationError: Its fields are not as they should be.
    """
    model = _models(generation).get(event["type"])
    assert model is not None, f"the {generation} protocol has no event {event['type']!r}"
    model.model_validate(event, strict=True)
    return event


@dataclass(slots=True)
class Client:
    """A client of a test."""

    socket: aiohttp.ClientWebSocketResponse
    generation: Generation
    seen: list[Json] = field(default_factory=list)

    async def send(self, kind: str, **fields: Any) -> None:
        """Send an event."""
        await self.socket.send_str(json.dumps({"type": kind, **fields}))

    async def append(self, near: bytes) -> None:
        """Send sound, 16 kHz here and 24 kHz on the wire, as fast as it goes."""
        pcm = at_24k(near)
        size = REPLY_RATE * PIECE_MS // 1000 * 2
        for start in range(0, len(pcm), size):
            piece = base64.b64encode(pcm[start : start + size]).decode()
            await self.send("input_audio_buffer.append", audio=piece)

    async def say(self, near: bytes, *, then_silence_ms: float = 800) -> None:
        """Send speech, and the silence by which a turn detection knows its end."""
        await self.append(near + silence(then_silence_ms, NEAR_RATE))

    async def receive(self) -> Json:
        """Take the next event, whatever it is."""
        async with asyncio.timeout(LIMIT_S):  # aiohttp's own timeout begins anew with every ping
            message = await self.socket.receive()
        assert message.type == aiohttp.WSMsgType.TEXT, f"no event, but {message.type.name}: {message.data}"
        event = validated(json.loads(message.data), self.generation)
        self.seen.append(event)
        return event

    async def until(self, kind: str) -> Json:
        """Take events up to one of a kind; errors on the way fail the test unless they are waited for."""
        while True:
            event = await self.receive()
            if event["type"] == kind:
                return event
            assert event["type"] != "error", event

    async def nothing_more(self) -> None:
        """See that nothing is on its way: the answer to a harmless question comes next."""
        await self.send("input_audio_buffer.clear")
        event = await self.receive()
        assert event["type"] == "input_audio_buffer.cleared", event

    def all(self, kind: str) -> list[Json]:
        """All events of a kind so far."""
        return [event for event in self.seen if event["type"] == kind]

    def kinds(self) -> list[str]:
        """What has come so far, in order."""
        return [event["type"] for event in self.seen]

    def audio(self) -> bytes:
        """All sound received so far: 24 kHz."""
        name = "response.output_audio.delta" if self.generation == "ga" else "response.audio.delta"
        return b"".join(base64.b64decode(event["delta"]) for event in self.all(name))


@asynccontextmanager
async def connected(address: Address, generation: Generation = "ga") -> AsyncGenerator[Client]:
    """Connect, and wait for the greeting."""
    headers = {"Authorization": f"Bearer {address.token}"}
    if generation == "beta":
        headers["OpenAI-Beta"] = "realtime=v1"
    async with (
        aiohttp.ClientSession(headers=headers) as http,
        http.ws_connect(address.websocket, max_msg_size=0) as socket,
    ):
        client = Client(socket, generation)
        await client.until("session.created")
        if generation == "beta":
            await client.until("conversation.created")
        yield client
