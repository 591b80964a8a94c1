"""The OpenAI Realtime protocol as values: what a client says, and what a server's messages hold.

Both sets of names are understood always: those of the beta (``response.audio.delta``) and those that came
after it (``response.output_audio.delta``), for a server may speak either, whatever it was asked for. This
file knows the shapes of messages and nothing of their order: what a sequence of them means differs from one
server to the next and is left to the dialects (``litellm.py``).

Fields and names: https://platform.openai.com/docs/api-reference/realtime-server-events.
"""

from __future__ import annotations

import binascii
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from voice_assistant.core.calls import ToolSpec
from voice_assistant.core.events import Usage
from voice_assistant.dialects.fields import (
    UnreadableError,
    clean,
    count_in,
    id_in,
    object_in,
    optional_text_in,
    short,
    sound_in,
    text_in,
)
from voice_assistant.dialects.unpacking import Message, Unpacked

WIRE_RATE = 24_000
"""Hertz: 16-bit little-endian mono PCM, in both directions."""

# --- What a server says ---


@dataclass(frozen=True, slots=True)
class SessionCreated:
    """There is a session."""

    model: str


@dataclass(frozen=True, slots=True)
class SessionUpdated:
    """The set-up was taken."""


@dataclass(frozen=True, slots=True)
class SpeechStarted:
    """The server's detector heard the user begin."""


@dataclass(frozen=True, slots=True)
class UserWords:
    """Words of the user; *is_whole* where they replace what came before of the same item."""

    item_id: str
    text: str
    is_whole: bool


@dataclass(frozen=True, slots=True)
class ReplyBegun:
    """A reply is announced."""

    response_id: str


@dataclass(frozen=True, slots=True)
class Sound:
    """The next sound of a reply: 16-bit PCM at ``WIRE_RATE``, perhaps cut inside a sample."""

    response_id: str
    item_id: str
    pcm: bytes


@dataclass(frozen=True, slots=True)
class Words:
    """The next words of a spoken reply."""

    response_id: str
    item_id: str
    text: str


@dataclass(frozen=True, slots=True)
class Written:
    """The next words of a written part of a reply: an answer without sound, or what the model thinks."""

    response_id: str
    item_id: str
    text: str


@dataclass(frozen=True, slots=True)
class PartEnded:
    """Some part of a reply is complete: its sound, its text, or the item as a whole."""

    response_id: str
    item_id: str


@dataclass(frozen=True, slots=True)
class InputCommitted:
    """The sound that was ended became an item of the conversation."""

    item_id: str


@dataclass(frozen=True, slots=True)
class ToolAsked:
    """A reply asks for a tool; the arguments are JSON as the model wrote it."""

    call_id: str
    name: str
    arguments: str


@dataclass(frozen=True, slots=True)
class ReplyEnded:
    """The server is through with a reply.

    Args:
        status: ``completed``, ``cancelled``, ``incomplete`` or ``failed``; empty where it was left out.
        usage: None where nothing was counted.
        failure: What the server says of a reply that failed.
        has_calls: It asks for tools; what was said before that has no end of its own.
    """

    response_id: str
    status: str = ""
    usage: Usage | None = None
    failure: str = ""
    has_calls: bool = False


@dataclass(frozen=True, slots=True)
class Report:
    """The server reports an error."""

    message: str
    code: str


@dataclass(frozen=True, slots=True)
class Nothing:
    """A message that is known and tells us nothing we need."""


@dataclass(frozen=True, slots=True)
class Unknown:
    """A message that is not known, or cannot be read."""

    kind: str


ServerMessage = (
    SessionCreated
    | SessionUpdated
    | SpeechStarted
    | UserWords
    | ReplyBegun
    | Sound
    | Words
    | Written
    | PartEnded
    | InputCommitted
    | ToolAsked
    | ReplyEnded
    | Report
    | Nothing
    | Unknown
)

_NOT_NEEDED = frozenset(
    {
        "conversation.created",
        "conversation.item.added",
        "conversation.item.created",
        "conversation.item.done",
        "conversation.item.deleted",
        "conversation.item.truncated",
        "input_audio_buffer.cleared",
        "input_audio_buffer.speech_stopped",
        "rate_limits.updated",
        "response.audio_transcript.done",
        "response.content_part.added",
        "response.content_part.done",
        "response.function_call_arguments.delta",
        "response.function_call_arguments.done",
        "response.output_audio_transcript.done",
        "response.output_item.added",
    }
)


def read(message: Message) -> ServerMessage:
    """Say what a message holds. Never raises: what cannot be read is ``Unknown``."""
    try:
        parsed = message.read() if isinstance(message, Unpacked) else json.loads(message)
    except (ValueError, RecursionError):
        return Unknown("not JSON")
    if not isinstance(parsed, dict):
        return Unknown("not an object")
    kind = parsed.get("type")
    if not isinstance(kind, str):
        return Unknown("no type")
    try:
        return _read(kind, parsed)
    except UnreadableError as error:
        return Unknown(f"{short(kind)}: {error}")


def _read(kind: str, message: Mapping[str, object]) -> ServerMessage:
    match kind:
        case "response.audio.delta" | "response.output_audio.delta":
            return Sound(id_in(message, "response_id"), id_in(message, "item_id"), sound_in(message, "delta"))
        case "response.audio_transcript.delta" | "response.output_audio_transcript.delta":
            return Words(id_in(message, "response_id"), id_in(message, "item_id"), text_in(message, "delta"))
        case "response.text.delta" | "response.output_text.delta":
            return Written(
                id_in(message, "response_id"), id_in(message, "item_id"), text_in(message, "delta")
            )
        case "conversation.item.input_audio_transcription.completed":
            return UserWords(id_in(message, "item_id"), text_in(message, "transcript"), is_whole=True)
        case "conversation.item.input_audio_transcription.delta":
            return UserWords(id_in(message, "item_id"), text_in(message, "delta"), is_whole=False)
        case "response.created":
            return ReplyBegun(id_in(object_in(message, "response"), "id"))
        case (
            "response.audio.done"
            | "response.output_audio.done"
            | "response.text.done"
            | "response.output_text.done"
        ):
            return PartEnded(id_in(message, "response_id"), id_in(message, "item_id"))
        case "input_audio_buffer.committed":
            return InputCommitted(id_in(message, "item_id"))
        case "response.output_item.done" if object_in(message, "item").get("type") == "function_call":
            item = object_in(message, "item")
            return ToolAsked(id_in(item, "call_id"), id_in(item, "name"), text_in(item, "arguments"))
        case "response.output_item.done":
            return PartEnded(id_in(message, "response_id"), id_in(object_in(message, "item"), "id"))
        case "response.done":
            return _reply_ended(object_in(message, "response"))
        case "session.created":
            return SessionCreated(short(optional_text_in(object_in(message, "session"), "model")))
        case "session.updated":
            return SessionUpdated()
        case "input_audio_buffer.speech_started":
            return SpeechStarted()
        case "error":
            return _report(message.get("error"))
        case _ if kind in _NOT_NEEDED:
            return Nothing()
        case _:
            return Unknown(short(kind))


def _reply_ended(response: Mapping[str, object]) -> ReplyEnded:
    status = optional_text_in(response, "status")
    failure = ""
    if status == "failed":
        details = response.get("status_details")
        error = details.get("error") if isinstance(details, dict) else None
        failure = optional_text_in(error, "message") if isinstance(error, dict) else ""
        failure = failure or "the reply failed"
    output = response.get("output")
    items = output if isinstance(output, list) else []
    has_calls = any(isinstance(item, dict) and item.get("type") == "function_call" for item in items)
    return ReplyEnded(id_in(response, "id"), status, _usage(response.get("usage")), failure, has_calls)


def _usage(usage: object) -> Usage | None:
    """Read token counts; None where there are none, or all are zero."""
    if not isinstance(usage, dict):
        return None
    given, made = usage.get("input_token_details"), usage.get("output_token_details")
    counted = Usage(
        input_tokens=count_in(usage, "input_tokens"),
        output_tokens=count_in(usage, "output_tokens"),
        input_audio_tokens=count_in(given, "audio_tokens"),
        output_audio_tokens=count_in(made, "audio_tokens"),
        cached_tokens=count_in(given, "cached_tokens"),
    )
    return None if counted == Usage() else counted


def _report(error: object) -> Report:
    if isinstance(error, str):
        return Report(clean(error), "")
    if not isinstance(error, dict):
        return Report("the server reports an error and does not say which", "")
    code = optional_text_in(error, "code") or optional_text_in(error, "type")
    return Report(optional_text_in(error, "message") or code or "the server does not say which", short(code))


# --- What a client says ---


def session_update(session: Mapping[str, object]) -> str:
    """Say how the session shall be."""
    return json.dumps({"type": "session.update", "session": session})


def append_audio(pcm: bytes) -> str:
    """Send sound of the user: 16-bit mono PCM at ``WIRE_RATE``."""
    return json.dumps(
        {"type": "input_audio_buffer.append", "audio": binascii.b2a_base64(pcm, newline=False).decode()}
    )


def commit_audio() -> str:
    """Say that the user's turn is over."""
    return json.dumps({"type": "input_audio_buffer.commit"})


def end_audio() -> str:
    """Say the same as ``commit_audio``, in the one word that only a LiteLLM proxy knows."""
    return json.dumps({"type": "input_audio_buffer.end"})


def create_reply() -> str:
    """Ask for a reply."""
    return json.dumps({"type": "response.create"})


def cancel_reply() -> str:
    """Have the reply that is being made stopped."""
    return json.dumps({"type": "response.cancel"})


def truncate_item(item_id: str, heard_ms: float) -> str:
    """Say how much of a reply was heard, in milliseconds; cut down to whole ones."""
    return json.dumps(
        {
            "type": "conversation.item.truncate",
            "item_id": item_id,
            "content_index": 0,
            "audio_end_ms": int(heard_ms),
        }
    )


def create_message(speaker: Literal["user", "assistant"], text: str) -> str:
    """Put something that was said into the conversation, without asking for a reply."""
    kind = "input_text" if speaker == "user" else "output_text"
    return _create_item({"type": "message", "role": speaker, "content": [{"type": kind, "text": text}]})


def tool_result(call_id: str, output: str) -> str:
    """Give what a tool gave back: JSON."""
    return _create_item({"type": "function_call_output", "call_id": call_id, "output": output})


def offered(tools: Sequence[ToolSpec]) -> list[dict[str, object]]:
    """Describe tools as a set-up offers them."""
    return [
        {
            "type": "function",
            "name": tool.name,
            "description": tool.description,
            "parameters": tool.parameters,
        }
        for tool in tools
    ]


def _create_item(item: Mapping[str, object]) -> str:
    return json.dumps({"type": "conversation.item.create", "item": item})
