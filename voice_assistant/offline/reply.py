"""One response: the parts of an answer, spoken or written, as the protocol's events.

``Reply`` turns sentence after sentence into sound and sends it faster than it plays, but not all at once: a
client that breaks in should find something left to break off. However it ends, everything it began is closed:
every ``added`` has its ``done``.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import logging
from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass, field
from typing import Any, Literal

from voice_assistant.core.audio import REPLY_RATE, SAMPLE_BYTES
from voice_assistant.offline.items import Item, Items, Spoken
from voice_assistant.offline.mind import Call, Part, Trouble
from voice_assistant.offline.protocol import Json, Wire, new_id
from voice_assistant.offline.voice import SentenceCutter, Voice, VoiceMissingError

log = logging.getLogger(__name__)

Status = Literal["completed", "cancelled", "failed"]
Reason = Literal["turn_detected", "client_cancelled"]

_DELTA_MS = 200
_LEAD_MS = 1500.0
"""Sent at once; what follows comes ``_PACE`` times as fast as it plays."""
_PACE = 4.0
_BYTES_MS = REPLY_RATE * SAMPLE_BYTES // 1000

# As the protocol's makers count: a token of input is 100 ms of sound, of output 50 ms; of text, 4 letters.
_INPUT_TOKEN_MS = 100
_OUTPUT_TOKEN_MS = 50
_TOKEN_LETTERS = 4


@dataclass(slots=True)
class Reply:
    """A response in the making.

    Args:
        post: Takes an event by its newer name, with its fields.
        fail: Takes an error's message and code.
        modalities: ``("audio",)`` or ``("text",)``.
        heard_ms: Sound of the user that it answers.
    """

    wire: Wire
    post: Callable[[str, Json], None]
    fail: Callable[[str, str], None]
    items: Items
    voice: Voice
    modalities: tuple[str, ...]
    conversation: str | None
    heard_ms: float = 0.0
    metadata: Any = None
    id: str = field(default_factory=lambda: new_id("resp"))
    reason: Reason | None = None
    _task: asyncio.Task[None] | None = None
    _output: list[Item] = field(default_factory=list)
    _open: Item | None = None
    _began_at: float = 0.0
    _sent_ms: float = 0.0

    @property
    def active(self) -> bool:
        """Is it still being made?"""
        return self._task is not None and not self._task.done()

    @property
    def is_empty(self) -> bool:
        """Was nothing said or asked for in it so far?"""
        return not self._output

    def spoke(self, item: Item) -> bool:
        """Is *item* a part of it?"""
        return item in self._output

    def start(self, parts: AsyncGenerator[Part]) -> None:
        """Begin; events follow from a task of its own."""
        self.post("response.created", {"response": self._described("in_progress")})
        self._task = asyncio.create_task(self._run(parts))

    def cancel(self, reason: Reason) -> None:
        """Break it off; the events that close it are posted before anything that is posted later."""
        if self.active and self.reason is None and self._task is not None:
            self.reason = reason
            self._task.cancel()
            self._close("cancelled")

    async def ended(self) -> None:
        """Wait for its end, whatever it is."""
        if self._task is not None:
            await asyncio.wait([self._task])

    def abandon(self) -> None:
        """End it without another word: the client is gone."""
        if self._task is not None:
            self._task.cancel()

    async def _run(self, parts: AsyncGenerator[Part]) -> None:
        try:
            async with contextlib.aclosing(parts):
                await self._perform(parts)
        except Exception:
            # Ours to mend; but the client must not wait for ever for a response that has failed.
            log.exception("a response failed")
            self.fail("The offline provider failed to make an answer; its log says more.", "internal_error")
            self._close("failed")
        else:
            self._close("completed")

    async def _perform(self, parts: AsyncGenerator[Part]) -> None:
        cutter = SentenceCutter()
        async for part in parts:
            match part:
                case Trouble(message, code):
                    self.fail(message, code)
                case Call():
                    await self._say_all(cutter.flush())
                    self._call(part)
                case str():
                    await self._say_all(cutter.feed(part))
        await self._say_all(cutter.flush())

    async def _say_all(self, whole: list[str]) -> None:
        for sentence in whole:
            await self._say(sentence)

    async def _say(self, sentence: str) -> None:
        if "audio" in self.modalities:
            try:
                pcm = await self.voice.speak(sentence)
            except VoiceMissingError as why:
                self.fail(str(why), "voice_missing")
                self.modalities = ("text",)
                self._finish_item("completed")
        item = self._message()
        blank = " " if item.spoken else ""
        item.text += blank + sentence
        if not item.by_voice:
            item.spoken.append(Spoken(sentence, 0.0))
            self._post_part("response.output_text.delta", item, delta=blank + sentence)
            return
        spoken = Spoken(sentence, 0.0)
        item.spoken.append(spoken)
        self._post_part("response.output_audio_transcript.delta", item, delta=blank + sentence)
        for start in range(0, len(pcm), _DELTA_MS * _BYTES_MS):
            block = pcm[start : start + _DELTA_MS * _BYTES_MS]
            await self._pace()
            self._post_part("response.output_audio.delta", item, delta=base64.b64encode(block).decode())
            spoken.ms += len(block) / _BYTES_MS
            self._sent_ms += len(block) / _BYTES_MS

    async def _pace(self) -> None:
        now = asyncio.get_running_loop().time()
        if not self._sent_ms:
            self._began_at = now
        ahead_ms = self._sent_ms - _LEAD_MS - (now - self._began_at) * 1000 * _PACE
        if ahead_ms > 0:
            await asyncio.sleep(ahead_ms / 1000 / _PACE)

    def _message(self) -> Item:
        """The message that is being spoken; begun if there is none."""
        if self._open is None:
            item = Item("message", "assistant", by_voice="audio" in self.modalities, status="in_progress")
            self._begin(item)
            kind = "audio" if item.by_voice else "text"
            part = {"type": kind, "transcript" if item.by_voice else "text": ""}
            self._post_part("response.content_part.added", item, part=part)
            self._open = item
        return self._open

    def _call(self, call: Call) -> None:
        self._finish_item("completed")
        item = Item("function_call", name=call.name, call_id=call.call_id, status="in_progress")
        self._begin(item)
        where = {"response_id": self.id, "item_id": item.id, "output_index": len(self._output) - 1}
        where["call_id"] = call.call_id
        self.post("response.function_call_arguments.delta", where | {"delta": call.arguments})
        item.text = call.arguments
        self.post(
            "response.function_call_arguments.done", where | {"name": call.name, "arguments": call.arguments}
        )
        item.status = "completed"
        self._end(item)

    def _begin(self, item: Item) -> None:
        before = self.items.add(item)
        self._output.append(item)
        shown = item.wire(self.wire.generation)
        index = len(self._output) - 1
        self.post(
            "response.output_item.added", {"response_id": self.id, "output_index": index, "item": shown}
        )
        self.post("conversation.item.added", {"previous_item_id": before, "item": shown})

    def _end(self, item: Item) -> None:
        shown = item.wire(self.wire.generation)
        index = self._output.index(item)
        self.post("conversation.item.done", {"previous_item_id": None, "item": shown})
        self.post("response.output_item.done", {"response_id": self.id, "output_index": index, "item": shown})

    def _finish_item(self, status: Literal["completed", "incomplete"]) -> None:
        item, self._open = self._open, None
        if item is None:
            return
        if item.status == "in_progress":  # a truncation may have come before the end
            item.status = status
        if item.by_voice:
            self._post_part("response.output_audio.done", item)
            self._post_part("response.output_audio_transcript.done", item, transcript=item.text)
            part = {"type": "audio", "transcript": item.text}
        else:
            self._post_part("response.output_text.done", item, text=item.text)
            part = {"type": "text", "text": item.text}
        self._post_part("response.content_part.done", item, part=part)
        self._end(item)

    def _close(self, status: Status) -> None:
        self._finish_item("completed" if status == "completed" else "incomplete")
        self.post("response.done", {"response": self._described(status)})

    def _post_part(self, kind: str, item: Item, **fields: Any) -> None:
        where = {"response_id": self.id, "item_id": item.id, "content_index": 0}
        self.post(kind, where | {"output_index": self._output.index(item)} | fields)

    def _described(self, status: Status | Literal["in_progress"]) -> Json:
        over = status != "in_progress"
        return {
            "id": self.id,
            "object": "realtime.response",
            "conversation_id": self.conversation,
            "status": status,
            "status_details": {"type": "cancelled", "reason": self.reason} if self.reason else None,
            "output": [item.wire(self.wire.generation) for item in self._output] if over else [],
            "usage": self._usage() if over else None,
            "metadata": self.metadata,
            **self.wire.modalities(self.modalities),
        }

    def _usage(self) -> Json:
        audio_in = round(self.heard_ms / _INPUT_TOKEN_MS)
        text_in = sum(len(item.text) for item in self.items if item.role == "user") // _TOKEN_LETTERS
        audio_out = round(sum(item.audio_ms for item in self._output) / _OUTPUT_TOKEN_MS)
        text_out = sum(len(item.text) for item in self._output) // _TOKEN_LETTERS
        return {
            "input_tokens": audio_in + text_in,
            "output_tokens": audio_out + text_out,
            "total_tokens": audio_in + text_in + audio_out + text_out,
            "input_token_details": {"audio_tokens": audio_in, "text_tokens": text_in, "cached_tokens": 0},
            "output_token_details": {"audio_tokens": audio_out, "text_tokens": text_out},
        }
