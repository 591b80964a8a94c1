"""What the OpenAI Realtime protocol looks like on the wire: events out, session settings in and out.

Two generations of names are spoken. "ga" is the one in force; "beta" is what clients that send
``OpenAI-Beta: realtime=v1`` expect. Everything inside uses the newer names, and ``Wire`` turns them back
where needed. Sessions are read in either shape, whatever the generation: many clients mix them.

Source: the event types of the ``openai`` Python package, ``types/realtime`` and ``types/beta/realtime``.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from voice_assistant.core.audio import REPLY_RATE
from voice_assistant.offline.watch import WatchSettings

Generation = Literal["beta", "ga"]
Json = dict[str, Any]

MODEL = "offline"
VOICE = "espeak"
TRANSCRIPTION_MODEL = "moonshine-tiny-en"

_BETA_NAMES = {
    "response.output_audio.delta": "response.audio.delta",
    "response.output_audio.done": "response.audio.done",
    "response.output_audio_transcript.delta": "response.audio_transcript.delta",
    "response.output_audio_transcript.done": "response.audio_transcript.done",
    "response.output_text.delta": "response.text.delta",
    "response.output_text.done": "response.text.done",
    "conversation.item.added": "conversation.item.created",
}
_NOT_IN_BETA = frozenset({"conversation.item.done"})
_NOT_IN_GA = frozenset({"conversation.created"})
_EAGERNESS_MS = {"low": 8000, "medium": 600, "high": 300, "auto": 600}
"""Silence that ends a turn whose words ask for nothing that is known. "low" waits as long as the protocol's
makers say: a client that asks for it ends such turns itself."""
_MEANING_PADDING_MS = 1000
"""Kept from before speech was noticed where the meaning decides: a client with a gate of its own sends hardly
more than the words."""


class ProtocolError(Exception):
    """A client's event that cannot be honoured.

    Args:
        message: What is wrong with it, for the client's developer.
        code: The protocol's word for it.
        param: The field at fault.
    """

    def __init__(self, message: str, *, code: str = "invalid_value", param: str | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.param = param


def new_id(prefix: str) -> str:
    """Make an id that is used once."""
    return f"{prefix}_{secrets.token_hex(10)}"


@dataclass(frozen=True, slots=True)
class Wire:
    """Puts events into the names of one generation."""

    generation: Generation

    def event(self, kind: str, fields: Mapping[str, Any]) -> Json | None:
        """Complete an event; None where this generation has no such event."""
        if kind in (_NOT_IN_BETA if self.generation == "beta" else _NOT_IN_GA):
            return None
        name = _BETA_NAMES.get(kind, kind) if self.generation == "beta" else kind
        return {"type": name, "event_id": new_id("event"), **fields}

    def error(
        self, message: str, *, kind: str, code: str, param: str | None = None, event_id: str | None = None
    ) -> Json:
        """Make an error; *event_id* is that of the client's event at fault."""
        fields = {"type": kind, "code": code, "message": message, "param": param, "event_id": event_id}
        return {"type": "error", "event_id": new_id("event"), "error": fields}

    def session(self, session: Session) -> Json:
        """Describe a session."""
        return _beta_session(session) if self.generation == "beta" else _ga_session(session)

    def modalities(self, modalities: tuple[str, ...]) -> Json:
        """Name a response's modalities."""
        if self.generation == "beta":
            return {"modalities": ["text", "audio"] if "audio" in modalities else ["text"]}
        return {"output_modalities": list(modalities)}


@dataclass(frozen=True, slots=True)
class Session:
    """What a client has set.

    Args:
        modalities: What an answer is made of: ``("audio",)`` or ``("text",)``.
        text_even_for_speech: It asked for text in the newer names, so speech is answered in text as well.
            Beta clients that ask for text alone are known to wait for sound.
        watch: The turn detection, or None where the client ends its turns itself.
        eagerness: How soon the turn detection called semantic ends a turn; empty for the other.
        transcription: The client's wishes for its words, or None for none.
        input_rate: Hertz of the sound that comes in.
    """

    id: str
    model: str
    instructions: str = ""
    modalities: tuple[str, ...] = ("audio",)
    text_even_for_speech: bool = False
    voice: str = VOICE
    speed: float = 1.0
    watch: WatchSettings | None = field(default_factory=WatchSettings)
    eagerness: str = ""
    transcription: Json | None = field(default_factory=lambda: {"model": TRANSCRIPTION_MODEL})
    tools: tuple[Json, ...] = ()
    tool_choice: Any = "auto"
    temperature: float = 0.8
    max_output_tokens: int | str = "inf"
    input_rate: int = REPLY_RATE


def updated(session: Session, update: Json) -> Session:
    """Take over what a ``session.update`` asks for; fields that nobody knows are passed over.

    Raises:
        ProtocolError: A known field has a value that cannot be honoured; nothing is taken over then.
    """
    audio = _mapping(update, "audio")
    sound_in = _mapping(audio, "input", "audio.input")
    sound_out = _mapping(audio, "output", "audio.output")
    changes: Json = {}
    if isinstance(update.get("instructions"), str):
        changes["instructions"] = update["instructions"]
    for name, newer in (("modalities", False), ("output_modalities", True)):
        if update.get(name) is not None:
            wanted = _modalities(update[name], name)
            changes |= {"modalities": wanted, "text_even_for_speech": newer and wanted == ("text",)}
    for where, path in ((update, "input_audio_format"), (sound_in, "format")):
        if where.get(path) is not None:
            changes["input_rate"] = _rate(where[path], path)
    for where, path in ((update, "output_audio_format"), (sound_out, "format")):
        if where.get(path) is not None and _rate(where[path], path) != REPLY_RATE:
            raise ProtocolError(f"Sound goes out at {REPLY_RATE} Hz only.", param=path)
    for where in (update, sound_out):
        if isinstance(where.get("voice"), str):
            changes["voice"] = where["voice"]
        if isinstance(where.get("speed"), int | float):
            changes["speed"] = float(where["speed"])
    for where, name in ((update, "input_audio_transcription"), (sound_in, "transcription")):
        if name in where:
            changes["transcription"] = dict(_mapping(where, name)) if where[name] is not None else None
    for where in (update, sound_in):
        if "turn_detection" in where:
            changes |= _turn_detection(where["turn_detection"], session.watch)
    if update.get("tools") is not None:
        changes["tools"] = _tools(update["tools"])
    if update.get("tool_choice") is not None:
        changes["tool_choice"] = update["tool_choice"]
    if isinstance(update.get("temperature"), int | float):
        changes["temperature"] = float(update["temperature"])
    for name in ("max_output_tokens", "max_response_output_tokens"):
        if update.get(name) is not None:
            changes["max_output_tokens"] = update[name]
    return replace(session, **changes)


def _mapping(where: Json, name: str, path: str = "") -> Json:
    value = where.get(name)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise ProtocolError(
            f"Expected an object in 'session.{path or name}'.",
            code="invalid_type",
            param=f"session.{path or name}",
        )
    return value


def _modalities(value: Any, name: str) -> tuple[str, ...]:
    if not isinstance(value, list) or not value or not set(map(str, value)) <= {"text", "audio"}:
        raise ProtocolError(
            "Supported modalities are 'text' and 'audio'.", code="invalid_value", param=f"session.{name}"
        )
    return ("audio",) if "audio" in value else ("text",)


def _rate(value: Any, path: str) -> int:
    """Read a format in either generation's form: ``"pcm16"`` or ``{"type": "audio/pcm", "rate": 24000}``."""
    kind, rate = (
        (value.get("type"), value.get("rate", REPLY_RATE)) if isinstance(value, dict) else (value, REPLY_RATE)
    )
    if kind not in ("pcm16", "audio/pcm") or not isinstance(rate, int) or not 8000 <= rate <= 48000:
        raise ProtocolError(
            "Supported is 16-bit PCM: 'pcm16', or {'type': 'audio/pcm', 'rate': 24000}.",
            param=f"session.{path}",
        )
    return rate


def _turn_detection(value: Any, before: WatchSettings | None) -> Json:
    if value is None:
        return {"watch": None, "eagerness": ""}
    if not isinstance(value, dict):
        raise ProtocolError(
            "Expected an object or null.", code="invalid_type", param="session.turn_detection"
        )
    kind = value.get("type", "server_vad")
    if kind == "none":
        return {"watch": None, "eagerness": ""}
    if kind not in ("server_vad", "semantic_vad"):
        raise ProtocolError(
            "Supported are 'server_vad', 'semantic_vad' and null.", param="session.turn_detection.type"
        )
    watch = before or WatchSettings()
    eagerness = str(value.get("eagerness") or "auto") if kind == "semantic_vad" else ""
    watch = replace(watch, by_meaning=bool(eagerness))
    if eagerness:
        silence_ms = _EAGERNESS_MS.get(eagerness, _EAGERNESS_MS["auto"])
        watch = replace(watch, silence_duration_ms=silence_ms, prefix_padding_ms=_MEANING_PADDING_MS)
    changes: Json = {}
    for name, low, high in (
        ("threshold", 0.0, 1.0),
        ("prefix_padding_ms", 0, 5_000),
        ("silence_duration_ms", 20, 30_000),
    ):
        given = value.get(name)
        if given is None:
            continue
        if isinstance(given, bool) or not isinstance(given, int | float) or not low <= given <= high:
            raise ProtocolError(f"It must be {low} to {high}.", param=f"session.turn_detection.{name}")
        changes[name] = float(given) if name == "threshold" else int(given)
    for name in ("create_response", "interrupt_response"):
        if isinstance(value.get(name), bool):
            changes[name] = value[name]
    return {"watch": replace(watch, **changes), "eagerness": eagerness}


def _tools(value: Any) -> tuple[Json, ...]:
    if not isinstance(value, list) or not all(isinstance(tool, dict) for tool in value):
        raise ProtocolError("Expected a list of tools.", code="invalid_type", param="session.tools")
    return tuple(value)


def _ga_session(session: Session) -> Json:
    return {
        "id": session.id,
        "object": "realtime.session",
        "type": "realtime",
        "model": session.model,
        "instructions": session.instructions,
        "output_modalities": list(session.modalities),
        "audio": {
            "input": {
                "format": {"type": "audio/pcm", "rate": session.input_rate},
                "transcription": session.transcription,
                "noise_reduction": None,
                "turn_detection": _described(session),
            },
            "output": {
                "format": {"type": "audio/pcm", "rate": REPLY_RATE},
                "voice": session.voice,
                "speed": session.speed,
            },
        },
        "tools": list(session.tools),
        "tool_choice": session.tool_choice,
        "max_output_tokens": session.max_output_tokens,
    }


def _beta_session(session: Session) -> Json:
    return {
        "id": session.id,
        "object": "realtime.session",
        "model": session.model,
        "instructions": session.instructions,
        "modalities": ["text", "audio"] if "audio" in session.modalities else ["text"],
        "voice": session.voice,
        "speed": session.speed,
        "input_audio_format": "pcm16",
        "output_audio_format": "pcm16",
        "input_audio_transcription": session.transcription,
        "turn_detection": _described(session),
        "tools": list(session.tools),
        "tool_choice": session.tool_choice,
        "temperature": session.temperature,
        "max_response_output_tokens": session.max_output_tokens,
    }


def _described(session: Session) -> Json | None:
    watch = session.watch
    if watch is None:
        return None
    answers = {"create_response": watch.create_response, "interrupt_response": watch.interrupt_response}
    if session.eagerness:
        return {"type": "semantic_vad", "eagerness": session.eagerness, **answers}
    return {
        "type": "server_vad",
        "threshold": watch.threshold,
        "prefix_padding_ms": watch.prefix_padding_ms,
        "silence_duration_ms": watch.silence_duration_ms,
        **answers,
    }
