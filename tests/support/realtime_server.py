"""A scripted server that speaks as a LiteLLM proxy does for Gemini: OpenAI Realtime, with the proxy's quirks.

Faster to start than a proxy and able to misbehave in any way: both ways of setting up, both sets of names,
ends that are lost, ids used again, garbage, stalls, torn connections. It notes when each append came, so
delays are measured with it too. What it says was recorded from a real proxy (``tests/data/wire``) and is
written down here a second time on purpose: the program's own idea of the protocol must not test itself.

How to write a script: ``scripted_server.py``.
"""

from __future__ import annotations

import asyncio
import base64
import time
import uuid
from collections.abc import Iterable
from typing import Any, Literal

from aiohttp import web

from tests.support.scripted_server import PATIENCE_S, Call, Message, ScriptedServer

PATH = "/v1/realtime"
RATE = 24_000

Names = Literal["ga", "beta"]

_BETA = {
    "response.output_audio.delta": "response.audio.delta",
    "response.output_audio.done": "response.audio.done",
    "response.output_audio_transcript.delta": "response.audio_transcript.delta",
    "response.output_text.delta": "response.text.delta",
    "response.output_text.done": "response.text.done",
    "conversation.item.added": "conversation.item.created",
}

NO_USAGE: dict[str, Any] = {"input_tokens": 0, "output_tokens": 0, "total_tokens": 0}
USAGE: dict[str, Any] = {
    "input_tokens": 50,
    "output_tokens": 30,
    "total_tokens": 80,
    "input_token_details": {"cached_tokens": 0, "text_tokens": 0, "audio_tokens": 50},
    "output_token_details": {"text_tokens": 0, "audio_tokens": 30},
}


class RealtimeCall(Call):
    """One client of the proxy. ``names`` may be set by the script; the beta's header asks for the beta's."""

    def __init__(self, socket: web.WebSocketResponse, number: int, request: web.Request) -> None:
        super().__init__(socket, number, request)
        self.names: Names = "beta" if "OpenAI-Beta" in request.headers else "ga"
        self.commits: list[tuple[float, int]] = []
        """When each commit came (``time.monotonic``), and after how many samples."""
        self.session: dict[str, Any] | None = None
        self.response_id = ""
        self.item_id = ""
        self._commits_seen = 0

    @property
    def rate(self) -> int:
        """Hertz: 24 kHz, always."""
        return RATE

    def take(self, message: Message) -> None:
        """Note a message: the set-up, sound, the end of a turn."""
        super().take(message)
        match message.body.get("type"):
            case "session.update":
                self.session = message.body["session"]
            case "input_audio_buffer.append":
                self.take_sound(message.at, base64.b64decode(message.body["audio"], validate=True))
            case "input_audio_buffer.commit" | "input_audio_buffer.end":
                self.commits.append((message.at, self.samples))

    # --- What a script waits for ---

    async def set_up(self, mode: Literal["eager", "deferred"] = "deferred") -> dict[str, Any]:
        """Open the session; return what the client wants of it.

        Args:
            mode: The proxy's default ignores the client's set-up and confirms nothing; where setting up is
                deferred, it confirms.
        """
        await self.say("session.created", session=self._session())
        await self.until(lambda: self.session is not None)
        if mode == "deferred":
            await self.say("session.updated", session=self._session())
        assert self.session is not None
        return self.session

    async def commit(self, *, within_s: float = PATIENCE_S) -> None:
        """Wait for the next end of a turn, counted from the last one that was waited for."""
        self._commits_seen += 1
        await self.until(lambda: len(self.commits) >= self._commits_seen, within_s=within_s)

    # --- What a script says ---

    async def say(self, kind: str, **fields: object) -> None:
        """Send one event, under the name of the set that is spoken."""
        kind = _BETA.get(kind, kind) if self.names == "beta" else kind
        await self.send({"type": kind, "event_id": f"event_{uuid.uuid4()}", **fields})

    async def hears(self, *fragments: str) -> None:
        """Send the user's words, each fragment under an id of its own."""
        for fragment in fragments:
            await self.say(
                "conversation.item.input_audio_transcription.completed",
                transcript=fragment,
                item_id=_new("item"),
                content_index=0,
            )

    async def begin(self) -> None:
        """Announce a reply, unless one is under way."""
        if self.item_id:
            return
        self.response_id, self.item_id = _new("resp"), _new("item")
        item = {
            "id": self.item_id,
            "type": "message",
            "status": "in_progress",
            "role": "assistant",
            "content": [],
        }
        response = {
            "id": self.response_id,
            "object": "realtime.response",
            "status": "in_progress",
            "output": [],
        }
        await self.say("response.created", response=response)
        await self.say("response.output_item.added", response_id=self.response_id, output_index=0, item=item)
        await self.say("conversation.item.added", previous_item_id=None, item=item)
        await self.say("response.content_part.added", **self._ids(), part={"type": "audio", "transcript": ""})

    async def says(self, pcm: bytes, *, chunk_ms: float = 100, speed: float | None = None) -> None:
        """Send sound of a reply, and announce it first.

        Args:
            pcm: 24 kHz.
            chunk_ms: Sound in each message.
            speed: Times real time; None sends all at once.
        """
        size = round(chunk_ms * RATE / 1000) * 2
        await self.says_in((pcm[at : at + size] for at in range(0, len(pcm), size)), speed=speed)

    async def says_in(self, chunks: Iterable[bytes], *, speed: float | None = None) -> None:
        """Send sound of a reply, a message for each chunk; see ``says``."""
        await self.begin()
        due = time.monotonic()
        for chunk in chunks:
            await self.says_base64(base64.b64encode(chunk).decode())
            if speed:
                due += len(chunk) / 2 / RATE / speed
                await asyncio.sleep(max(0.0, due - time.monotonic()))

    async def says_base64(self, delta: str) -> None:
        """Send one delta as it is: several base64 texts in one, or nonsense."""
        await self.begin()
        await self.say("response.output_audio.delta", **self._ids(), delta=delta)

    async def words(self, text: str) -> None:
        """Send words of the reply's sound, as a proxy of Vertex does."""
        await self.begin()
        await self.say("response.output_audio_transcript.delta", **self._ids(), delta=text, transcript=text)

    async def thinks(self, text: str) -> None:
        """Send text beside the sound: what the model thinks."""
        await self.begin()
        await self.say("response.output_text.delta", **self._ids(), delta=text)

    async def complete(self) -> None:
        """Say that all of the reply has been made (``generationComplete``)."""
        item = {
            "id": self.item_id,
            "type": "message",
            "status": "completed",
            "role": "assistant",
            "content": [],
        }
        await self.say("response.output_audio.done", **self._ids())
        await self.say("response.content_part.done", **self._ids(), part={"type": "audio", "transcript": ""})
        await self.say("response.output_item.done", response_id=self.response_id, output_index=0, item=item)

    async def done(self, usage: dict[str, Any] | None = None, *, response_id: str = "") -> None:
        """Say that the turn is over (``turnComplete``); without a reply under way, for an unknown id."""
        response: dict[str, Any] = {
            "id": response_id or self.response_id or _new("resp"),
            "object": "realtime.response",
            "status": "completed",
            "status_details": None,
            "output": [],
            "usage": USAGE if usage is None else usage,
        }
        await self.say("response.done", response=response)
        self.response_id = self.item_id = ""

    async def interrupted(self) -> None:
        """Break the reply off: an end without the end of the sound, then the second end."""
        await self.done(NO_USAGE)
        await self.done()

    async def reply(self, pcm: bytes, *, chunk_ms: float = 100, speed: float | None = None) -> None:
        """Say a whole reply, and that it is over."""
        await self.says(pcm, chunk_ms=chunk_ms, speed=speed)
        await self.complete()
        await self.done()

    async def lossy_reply(self, pcm: bytes, *, chunk_ms: float = 100) -> None:
        """Say a reply whose turn never ends and whose ids come again: two ends in one frame of Gemini's."""
        await self.says(pcm, chunk_ms=chunk_ms)
        await self.complete()

    async def error(self, message: str, *, kind: str = "server_error", code: str | None = None) -> None:
        """Report an error, as the proxy itself does."""
        await self.send({"type": "error", "error": {"type": kind, "message": message, "code": code}})

    async def upstream_closed(self, code: int, reason: str = "") -> None:
        """Hand an end of Gemini's on: an error, unless it was in good order, and the same code."""
        if code != 1000:
            says = f": {reason}" if reason else ""
            await self.error(f"upstream websocket closed with code {code}{says}")
        await self.close(code, reason)

    def _ids(self) -> dict[str, Any]:
        return {
            "response_id": self.response_id,
            "item_id": self.item_id,
            "output_index": 0,
            "content_index": 0,
        }

    def _session(self) -> dict[str, Any]:
        return {
            "id": "sess-scripted",
            "modalities": ["audio"],
            "model": self.query.get("model", "gemini-live"),
        }


class RealtimeServer(ScriptedServer[RealtimeCall]):
    """A scripted proxy at ``url``. A call without a key is accepted too: look at its ``headers``."""

    def __init__(self, port: int = 0) -> None:
        super().__init__(RealtimeCall, PATH, port)


def _new(kind: str) -> str:
    return f"{kind}_{uuid.uuid4()}"
