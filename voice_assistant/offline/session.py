"""One client's session: its events in, the server's events out.

Each client event is one method here. A session owns its conversation, its intake and at most one response; it
knows no socket, only a place to post events to. Two habits of clients of other servers are humoured: the end
of the sound is taken as a wish for an answer where the turn detection is on, and a tool's output likewise; a
``response.create`` that follows then finds its wish fulfilled.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, Awaitable, Callable
from dataclasses import replace
from functools import partial

from voice_assistant.core.audio import NEAR_RATE, Resampler
from voice_assistant.offline.intake import Intake, Turn
from voice_assistant.offline.items import Item, Items, decoded, from_client, sound_of
from voice_assistant.offline.mind import Mind, Part, newest_question
from voice_assistant.offline.protocol import Json, ProtocolError, Session, Wire, new_id, updated
from voice_assistant.offline.recogniser import Recogniser, RecogniserMissingError, RecognitionError
from voice_assistant.offline.reply import Reply
from voice_assistant.offline.voice import Voice
from voice_assistant.offline.watch import has_speech

_CANNOT_HEAR = "I cannot understand speech on this machine. Type your question, or use a provider with a key."
_TRUNCATE_SLACK_MS = 50
"""Clients round, and count a fade."""


class ClientSession:
    """Serves one client.

    Args:
        send: Takes a complete event of ours; must not wait.
        wire: The generation of names that the client speaks.
        model: What the client called its model.
    """

    def __init__(
        self,
        send: Callable[[Json], None],
        wire: Wire,
        model: str,
        recogniser: Recogniser,
        voice: Voice,
        mind: Mind,
    ) -> None:
        self._send = send
        self._wire = wire
        self._recogniser = recogniser
        self._voice = voice
        self._mind = mind
        self._session = Session(id=new_id("sess"), model=model)
        self._conversation = new_id("conv")
        self._items = Items()
        self._intake = Intake(
            recogniser, self._words, self._speech_started, self._speech_stopped, self._is_complete
        )
        self._reply: Reply | None = None
        self._unclaimed: Reply | None = None  # made by itself: a ``response.create`` may still ask for it
        self._owed: Item | None = None  # a turn that ended while another one was being answered
        self._going_on: asyncio.Task[None] | None = None
        self._understanding: dict[str, asyncio.Task[None]] = {}
        self._cannot_hear = False
        self._handlers: dict[str, Callable[[Json], None]] = {
            "session.update": self._update,
            "input_audio_buffer.append": self._append,
            "input_audio_buffer.commit": self._commit,
            "input_audio_buffer.end": self._end_of_sound,
            "input_audio_buffer.clear": self._clear,
            "conversation.item.create": self._create_item,
            "conversation.item.retrieve": self._retrieve_item,
            "conversation.item.truncate": self._truncate_item,
            "conversation.item.delete": self._delete_item,
            "response.create": self._create_response,
            "response.cancel": self._cancel_response,
        }

    def open(self) -> None:
        """Greet the client."""
        self._post("session.created", {"session": self._wire.session(self._session)})
        described = {"id": self._conversation, "object": "realtime.conversation"}
        self._post("conversation.created", {"conversation": described})

    def close(self) -> None:
        """End everything: the client is gone."""
        self._intake.clear()
        if self._going_on is not None:
            self._going_on.cancel()
        for task in list(self._understanding.values()):
            task.cancel()
        if self._reply is not None:
            self._reply.abandon()

    def take(self, message: str | bytes) -> None:
        """Take a client's message; whatever is wrong with it becomes an error event."""
        event_id = None
        try:
            try:
                event = json.loads(message) if isinstance(message, str) else None
            except (ValueError, RecursionError) as why:
                raise ProtocolError(f"This is no JSON: {why}.", code="invalid_json") from why
            if not isinstance(event, dict):
                raise ProtocolError("Expected a JSON object in a text message.", code="invalid_json")
            event_id = event.get("event_id") if isinstance(event.get("event_id"), str) else None
            handler = self._handlers.get(str(event.get("type")))
            if handler is None:
                known = ", ".join(f"'{name}'" for name in self._handlers)
                raise ProtocolError(
                    f"Invalid value: {str(event.get('type'))[:100]!r}. Supported values are: {known}.",
                    param="type",
                )
            handler(event)
        except ProtocolError as why:
            kind = "invalid_request_error"
            self._send(
                self._wire.error(str(why), kind=kind, code=why.code, param=why.param, event_id=event_id)
            )

    def _post(self, kind: str, fields: Json) -> None:
        event = self._wire.event(kind, fields)
        if event is not None:
            self._send(event)

    def _fail(self, message: str, code: str) -> None:
        self._send(self._wire.error(message, kind="server_error", code=code))

    # --- what the client sets ---

    def _update(self, event: Json) -> None:
        update = event.get("session")
        if not isinstance(update, dict):
            raise ProtocolError(
                "Expected an object in 'session'.", code="missing_required_parameter", param="session"
            )
        self._session = updated(self._session, update)
        self._intake.configure(self._session.watch, self._session.input_rate)
        self._post("session.updated", {"session": self._wire.session(self._session)})

    # --- the user's voice ---

    def _append(self, event: Json) -> None:
        self._intake.append(decoded(event.get("audio"), "audio"))

    def _speech_started(self, item: str, at_ms: int) -> None:
        self._post("input_audio_buffer.speech_started", {"audio_start_ms": at_ms, "item_id": item})
        watch = self._session.watch
        if self._reply is not None and watch is not None and watch.interrupt_response:
            self._reply.cancel("turn_detected")

    def _speech_stopped(self, turn: Turn, at_ms: int) -> None:
        self._post("input_audio_buffer.speech_stopped", {"audio_end_ms": at_ms, "item_id": turn.item})
        item = self._committed(turn)
        watch = self._session.watch
        if watch is not None and watch.create_response:
            self._respond_by_itself(item)

    def _commit(self, _event: Json) -> None:
        if not self._intake.listening:
            turn, _ = self._intake.commit()
            self._committed(turn)
        elif self._is_answered():
            # The watch was faster: the turn that this commit ends is being answered already.
            self._intake.clear()
        else:
            self._finish_turn()

    def _end_of_sound(self, _event: Json) -> None:
        """End the sound, as LiteLLM's clients say it: a commit that is never an error and wants an answer."""
        if self._is_answered():
            self._intake.clear()
            return
        try:
            self._finish_turn()
        except ProtocolError:
            self._intake.clear()  # nothing was sent: there is nothing to answer

    def _is_answered(self) -> bool:
        """Is all that was said answered: soon, or in an answer that the client did not break off?"""
        answer = self._unclaimed
        is_answered = self._owed is not None or (answer is not None and answer.reason is None)
        return is_answered and not self._intake.heard_speech()

    def _is_complete(self, words: str) -> bool:
        # Whoever speaks into an answer may be talking to somebody else: the client knows.
        return not self._busy() and self._mind.can_answer(words)

    def _finish_turn(self) -> None:
        spoke = self._intake.heard_speech()
        turn, at_ms = self._intake.commit()
        if spoke and self._intake.listening:
            self._post("input_audio_buffer.speech_stopped", {"audio_end_ms": at_ms, "item_id": turn.item})
        item = self._committed(turn)
        watch = self._session.watch
        if watch is None or watch.create_response:
            self._respond_by_itself(item)

    def _clear(self, _event: Json) -> None:
        self._intake.clear()
        self._post("input_audio_buffer.cleared", {})

    def _committed(self, turn: Turn) -> Item:
        item = Item("message", "user", by_voice=True, id=turn.item, heard_ms=turn.heard_ms)
        fields = {"previous_item_id": self._items.last_id, "item_id": item.id}
        self._post("input_audio_buffer.committed", fields)
        self._add(item)
        self._unclaimed = None
        self._start_understanding(item, turn.dictation.finish if turn.spoke else _nothing)
        return item

    def _add(self, item: Item, after: str | None = None) -> None:
        before = self._items.add(item, after=after)
        fields = {"previous_item_id": before, "item": item.wire(self._wire.generation)}
        self._post("conversation.item.added", fields)
        self._post("conversation.item.done", fields)

    def _words(self, item: str, words: str) -> None:
        if self._session.transcription is not None:
            self._post(
                "conversation.item.input_audio_transcription.delta",
                {"item_id": item, "content_index": 0, "delta": words},
            )

    def _start_understanding(self, item: Item, words: Callable[[], Awaitable[str]]) -> None:
        task = asyncio.create_task(self._understand(item, words))
        self._understanding[item.id] = task
        task.add_done_callback(lambda _: self._understanding.pop(item.id, None))

    async def _understand(self, item: Item, words: Callable[[], Awaitable[str]]) -> None:
        """Wait for the words of a turn and tell them."""
        where = {"item_id": item.id, "content_index": 0}
        try:
            item.text = await words()
        except (RecogniserMissingError, RecognitionError) as why:
            code = "recogniser_missing" if isinstance(why, RecogniserMissingError) else "recognition_failed"
            if not self._cannot_hear:
                self._fail(str(why), code)
            self._cannot_hear = isinstance(why, RecogniserMissingError)
            error = {
                "type": "transcription_error",
                "code": code,
                "message": str(why),
                "param": None,
            }
            self._post("conversation.item.input_audio_transcription.failed", where | {"error": error})
            return
        if self._session.transcription is not None:
            usage = {"type": "duration", "seconds": round(item.heard_ms / 1000, 3)}
            self._post(
                "conversation.item.input_audio_transcription.completed",
                where | {"transcript": item.text, "usage": usage},
            )

    # --- the conversation ---

    def _create_item(self, event: Json) -> None:
        item = from_client(event.get("item"))
        after = event.get("previous_item_id")
        pcm = sound_of(event["item"])
        if pcm and item.role == "user" and not item.text:
            self._add(item, after)
            resampler = Resampler(self._session.input_rate, NEAR_RATE)
            near = resampler.feed(pcm[: len(pcm) // 2 * 2]) + resampler.flush()
            item.heard_ms = len(near) / 2 / NEAR_RATE * 1000
            words = partial(self._recogniser.words, near) if has_speech(near) else _nothing
            self._start_understanding(item, words)
        else:
            self._add(item, after)
        self._unclaimed = None
        if item.kind == "function_call_output" and not self._waiting_calls() and not self._busy():
            self._respond_by_itself(item)

    def _waiting_calls(self) -> bool:
        called = {item.call_id for item in self._items if item.kind == "function_call"}
        return bool(called - {item.call_id for item in self._items if item.kind == "function_call_output"})

    def _retrieve_item(self, event: Json) -> None:
        item = self._items.find(event.get("item_id"))
        self._post("conversation.item.retrieved", {"item": item.wire(self._wire.generation)})

    def _delete_item(self, event: Json) -> None:
        item = self._items.delete(event.get("item_id"))
        self._post("conversation.item.deleted", {"item_id": item.id})

    def _truncate_item(self, event: Json) -> None:
        item = self._items.find(event.get("item_id"))
        end_ms = event.get("audio_end_ms")
        if isinstance(end_ms, bool) or not isinstance(end_ms, int | float) or end_ms < 0:
            raise ProtocolError(
                "Expected milliseconds, 0 or more.", code="invalid_type", param="audio_end_ms"
            )
        if item.role != "assistant" or not item.by_voice:
            raise ProtocolError("Only spoken answers can be truncated.", param="item_id")
        if end_ms > item.audio_ms + _TRUNCATE_SLACK_MS:
            raise ProtocolError(
                f"Audio content of {item.audio_ms:.0f} ms is already shorter than {end_ms:.0f} ms.",
                param="audio_end_ms",
            )
        item.truncate(end_ms)
        if self._unclaimed is not None and self._unclaimed.spoke(item):
            self._unclaimed = None  # broken off: what is said next is no longer part of what it answers
        where = {"item_id": item.id, "content_index": 0, "audio_end_ms": int(end_ms)}
        self._post("conversation.item.truncated", where)

    # --- responses ---

    def _busy(self) -> bool:
        return self._reply is not None and self._reply.active

    def _create_response(self, event: Json) -> None:
        wishes = event.get("response")
        wishes = wishes if isinstance(wishes, dict) else {}
        unclaimed, self._unclaimed = self._unclaimed, None
        if unclaimed is not None and (unclaimed.active or not (wishes or unclaimed.is_empty)):
            return
        if self._busy() and self._owed is not None and not wishes:
            return  # it is answered by itself, when the answer that is running has ended
        if self._busy():
            raise ProtocolError(
                "Conversation already has an active response; wait for its end or cancel it.",
                code="conversation_already_has_active_response",
            )
        self._respond(wishes)

    def _respond_by_itself(self, item: Item) -> None:
        if self._busy():
            # With interruptions switched off, the answer that is running is finished first.
            self._owed = item
            self._going_on = self._going_on or asyncio.create_task(self._go_on())
            return
        self._unclaimed = self._respond({}, item, asked=False)

    async def _go_on(self) -> None:
        """Answer the turn that had to wait."""
        while self._reply is not None and self._busy():
            await self._reply.ended()
        self._going_on = None
        item, self._owed = self._owed, None
        if item is not None:
            self._respond({}, item, asked=False)

    def _respond(self, wishes: Json, question: Item | None = None, *, asked: bool = True) -> Reply:
        session = updated(self._session, {name: wishes[name] for name in wishes if name in _OF_A_RESPONSE})
        items, kept = self._items, wishes.get("conversation") != "none"
        if isinstance(wishes.get("input"), list):
            items = Items()
            for fields in wishes["input"]:
                known = isinstance(fields, dict) and fields.get("type") == "item_reference"
                items.add(replace(self._items.find(fields.get("id"))) if known else from_client(fields))
        question = question or newest_question(items)
        target = items if kept else items.copy()
        in_text = session.modalities == ("text",) and (
            session.text_even_for_speech or question is None or not question.by_voice
        )
        reply = Reply(
            wire=self._wire,
            post=self._post,
            fail=self._fail,
            items=target,
            voice=self._voice,
            modalities=("text",) if in_text else ("audio",),
            conversation=self._conversation if kept else None,
            heard_ms=question.heard_ms if question else 0.0,
            metadata=wishes.get("metadata"),
        )
        self._reply = reply
        reply.start(self._parts(question, items, session, asked=asked))
        return reply

    async def _parts(
        self, question: Item | None, items: Items, session: Session, *, asked: bool
    ) -> AsyncGenerator[Part]:
        understanding = self._understanding.get(question.id) if question else None
        if understanding is not None:
            await asyncio.wait([understanding])  # a response that is cancelled does not cancel the transcript
        if question is not None and question.by_voice and not question.text:
            if self._cannot_hear:
                yield _CANNOT_HEAR
                return
            if not asked:
                return  # a noise, not a question: nothing is said
        async for part in self._mind.answer(question, items, session.instructions, session.tools):
            yield part

    def _cancel_response(self, event: Json) -> None:
        wanted = event.get("response_id")
        if self._reply is None or not self._busy() or (wanted and wanted != self._reply.id):
            raise ProtocolError("There is no active response to cancel.", code="response_cancel_not_active")
        self._reply.cancel("client_cancelled")


async def _nothing() -> str:
    """Give the words of a turn in which nobody spoke."""
    return ""


_OF_A_RESPONSE = frozenset(
    {"instructions", "modalities", "output_modalities", "tools", "tool_choice", "audio", "max_output_tokens"}
)
