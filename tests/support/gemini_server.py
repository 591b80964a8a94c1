"""A scripted Gemini Live server, as a LiteLLM proxy or a native client finds it.

JSON in binary frames at Google's path; one ``setup`` from the client, then ``setupComplete``, then whatever
the test's script says. What the client sends is noted: each message, all sound with its rate, each end of the
stream. Shapes: https://ai.google.dev/api/live. How to write a script: ``scripted_server.py``.
"""

from __future__ import annotations

import asyncio
import base64
import json
import time
from collections.abc import Iterable
from typing import Any, Literal

import numpy as np
from aiohttp import web

from tests.support.scripted_server import PATIENCE_S, Call, Message, ScriptedServer

PATH = "/ws/google.ai.generativelanguage.v1beta.GenerativeService.BidiGenerateContent"
REPLY_RATE = 24_000

SPEECH_RMS = 184.0
"""A 20 ms frame above this is speech to the simple detector here: -45 dB below full scale."""

USAGE = {
    "promptTokenCount": 50,
    "responseTokenCount": 30,
    "totalTokenCount": 80,
    "promptTokensDetails": [{"modality": "AUDIO", "tokenCount": 50}],
    "responseTokensDetails": [{"modality": "AUDIO", "tokenCount": 30}],
}


class GeminiCall(Call):
    """One client of Gemini Live."""

    def __init__(self, socket: web.WebSocketResponse, number: int, request: web.Request) -> None:
        super().__init__(socket, number, request)
        self.setup: dict[str, Any] | None = None
        self.stream_ends: list[int] = []
        """After how many samples each ``audioStreamEnd`` came."""
        self.mime_types: set[str] = set()
        self._ends_seen = 0
        # Turns that ended before this sample have been waited for.
        self._judged = 0

    @property
    def rate(self) -> int:
        """Hertz, as the client labels its sound."""
        label = next(iter(self.mime_types), "audio/pcm;rate=16000")
        return int(label.partition("rate=")[2] or 16_000)

    def take(self, message: Message) -> None:
        """Note a message: the set-up, sound, the end of a stream."""
        super().take(message)
        if "setup" in message.body:
            self.setup = message.body["setup"]
        given = message.body.get("realtimeInput", {})
        if "audio" in given:
            self.mime_types.add(given["audio"]["mimeType"])
            self.take_sound(message.at, base64.b64decode(given["audio"]["data"], validate=True))
        if given.get("audioStreamEnd"):
            self.stream_ends.append(self.samples)

    # --- What a script waits for ---

    async def set_up(self) -> dict[str, Any]:
        """Take the set-up and confirm it."""
        await self.until(lambda: self.setup is not None)
        await self.send({"setupComplete": {}})
        assert self.setup is not None
        return self.setup

    async def stream_end(self) -> None:
        """Wait for the next ``audioStreamEnd``, counted from the last one that was waited for."""
        await self.until(lambda: len(self.stream_ends) > self._ends_seen)
        self._judged = self.stream_ends[self._ends_seen]
        self._ends_seen += 1

    async def turn_end(
        self, silence_ms: int | None = None, *, within_s: float = PATIENCE_S
    ) -> Literal["stream end", "silence"]:
        """Wait as Gemini's own detector does: for the end of the stream, or for silence after speech.

        Args:
            silence_ms: What ends a turn; None takes the set-up's, and 800 where that says nothing.
            within_s: How long to wait for it.
        """
        if silence_ms is None:
            detection = (
                (self.setup or {}).get("realtimeInputConfig", {}).get("automaticActivityDetection", {})
            )
            silence_ms = int(detection.get("silenceDurationMs", 800))
        await self.until(lambda: self._turn_ended_at(silence_ms) is not None, within_s=within_s)
        ended_at = self._turn_ended_at(silence_ms)
        assert ended_at is not None
        self._judged = ended_at
        self._ends_seen = sum(end <= ended_at for end in self.stream_ends)
        return "stream end" if ended_at in self.stream_ends else "silence"

    def _turn_ended_at(self, silence_ms: int) -> int | None:
        """Find the sample at which the turn ended, however much has come since; None while it goes on.

        A turn has speech in it: the end of a stream with none since the last turn ends nothing.
        """
        frame = self.rate // 50
        samples = np.frombuffer(self.sound, "<i2")[self._judged :].astype(np.float64)
        frames = samples[: samples.size // frame * frame].reshape(-1, frame)
        speech = np.flatnonzero(np.sqrt(np.mean(frames**2, axis=1)) > SPEECH_RMS) if frames.size else frames
        if not speech.size:
            return None
        begins = self._judged + int(speech[0]) * frame
        ends = [end for end in self.stream_ends if end > begins]
        # Each frame of speech is followed by silence until the next one, or until now.
        following = np.append(speech[1:], len(frames))
        gaps = np.flatnonzero((following - speech - 1) * 20 >= silence_ms)
        if gaps.size:
            ends.append(self._judged + (int(speech[gaps[0]]) + 1 + -(-silence_ms // 20)) * frame)
        return min(ends, default=None)

    # --- What a script says ---

    async def send(self, body: object) -> None:
        """Send JSON the way Google does: in a binary frame."""
        await self.send_raw(json.dumps(body).encode())

    async def content(self, *, usage: dict[str, Any] | None = None, **parts: object) -> None:
        """Send one ``serverContent``; several *parts* make one combined frame."""
        body: dict[str, object] = {"serverContent": parts}
        if usage:
            body["usageMetadata"] = usage
        await self.send(body)

    async def hears(self, *fragments: str) -> None:
        """Send the user's words, a message for each fragment."""
        for fragment in fragments:
            await self.content(inputTranscription={"text": fragment})

    async def says(self, pcm: bytes, *, chunk_ms: float = 100, speed: float | None = None) -> None:
        """Send sound of a reply.

        Args:
            pcm: 24 kHz.
            chunk_ms: Sound in each message.
            speed: Times real time; None sends all at once.
        """
        await self.says_in(_cut(pcm, round(chunk_ms * REPLY_RATE / 1000) * 2), speed=speed)

    async def says_in(self, chunks: Iterable[bytes], *, speed: float | None = None) -> None:
        """Send sound of a reply, a message for each chunk; see ``says``."""
        due = time.monotonic()
        for chunk in chunks:
            await self.content(modelTurn=model_turn(chunk))
            if speed:
                due += len(chunk) / 2 / REPLY_RATE / speed
                await asyncio.sleep(max(0.0, due - time.monotonic()))

    async def words(self, text: str) -> None:
        """Send words of the reply's sound (``outputTranscription``)."""
        await self.content(outputTranscription={"text": text})

    async def thinks(self, text: str) -> None:
        """Send a text part: a summary of thoughts, not speech."""
        await self.content(modelTurn={"parts": [{"text": text, "thought": True}]})

    async def generation_complete(self) -> None:
        """Say that all of the reply has been made."""
        await self.content(generationComplete=True)

    async def turn_complete(self, usage: dict[str, Any] | None = USAGE) -> None:
        """Say that the turn is over."""
        await self.content(turnComplete=True, usage=usage)

    async def interrupted(self) -> None:
        """Say that the user was heard and the reply broken off; ``turn_complete`` follows at Google."""
        await self.content(interrupted=True)

    async def reply(self, pcm: bytes, *, chunk_ms: float = 100, speed: float | None = None) -> None:
        """Say a whole reply, and that it is over."""
        await self.says(pcm, chunk_ms=chunk_ms, speed=speed)
        await self.generation_complete()
        await self.turn_complete()


class GeminiServer(ScriptedServer[GeminiCall]):
    """A scripted Gemini Live at ``url``, the ``api_base`` of a proxy's model."""

    def __init__(self, port: int = 0) -> None:
        super().__init__(GeminiCall, PATH, port)


def model_turn(*chunks: bytes) -> dict[str, Any]:
    """Make a ``modelTurn`` of sound; several chunks make several parts in one."""
    return {"parts": [{"inlineData": _blob(chunk)} for chunk in chunks]}


def _blob(pcm: bytes) -> dict[str, str]:
    return {"mimeType": f"audio/pcm;rate={REPLY_RATE}", "data": base64.b64encode(pcm).decode()}


def _cut(pcm: bytes, size: int) -> list[bytes]:
    return [pcm[start : start + size] for start in range(0, len(pcm), size)]
