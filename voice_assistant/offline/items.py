"""The conversation as the protocol keeps it: items in order, in memory, for one session.

An item is a message of the user or the assistant, a call of a tool, or a tool's output. What is said about an
item on the wire is made here too, since the two generations name its parts differently.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Literal

from voice_assistant.offline.protocol import Generation, Json, ProtocolError, new_id

Kind = Literal["message", "function_call", "function_call_output"]
_MOST_ITEMS = 500
"""The oldest go first: a session may last for days."""


@dataclass(slots=True)
class Spoken:
    """One sentence of an answer: its words, and milliseconds of its sound."""

    text: str
    ms: float


@dataclass(slots=True)
class Item:
    """One item of the conversation.

    Args:
        text: The words: typed, understood or said; for a call its arguments, for an output the output.
        by_voice: It was spoken, by the user or by us.
        spoken: The sentences of an answer, for truncating it.
        heard_ms: How long the user's sound was.
    """

    kind: Kind
    role: str = ""
    text: str = ""
    by_voice: bool = False
    status: str = "completed"
    name: str = ""
    call_id: str = ""
    id: str = field(default_factory=lambda: new_id("item"))
    spoken: list[Spoken] = field(default_factory=list)
    heard_ms: float = 0.0

    @property
    def audio_ms(self) -> float:
        """How long its sound is."""
        return sum(sentence.ms for sentence in self.spoken)

    def truncate(self, end_ms: float) -> None:
        """Keep what was heard: the sentences before *end_ms*, and of the one it cuts a share of the words."""
        kept: list[Spoken] = []
        for sentence in self.spoken:
            if sentence.ms > end_ms:
                words = sentence.text.split()
                share = words[: round(len(words) * end_ms / sentence.ms)]
                kept.append(Spoken(" ".join(share), end_ms))
                break
            kept.append(sentence)
            end_ms -= sentence.ms
        self.spoken = kept
        self.text = " ".join(sentence.text for sentence in kept if sentence.text)
        self.status = "incomplete"

    def wire(self, generation: Generation) -> Json:
        """Describe it."""
        shown: Json = {"id": self.id, "object": "realtime.item", "type": self.kind, "status": self.status}
        match self.kind:
            case "function_call":
                return shown | {"name": self.name, "call_id": self.call_id, "arguments": self.text}
            case "function_call_output":
                return shown | {"call_id": self.call_id, "output": self.text}
            case "message":
                return shown | {"role": self.role, "content": self._content(generation)}

    def _content(self, generation: Generation) -> list[Json]:
        if self.role != "assistant":
            if self.by_voice:
                return [{"type": "input_audio", "transcript": self.text or None}]
            return [{"type": "input_text", "text": self.text}]
        if not self.text and self.status == "in_progress":
            return []
        kind = "audio" if self.by_voice else "text"
        words = {"transcript" if self.by_voice else "text": self.text}
        return [{"type": kind if generation == "beta" else f"output_{kind}", **words}]


class Items:
    """All items of a session, in the order of the conversation."""

    def __init__(self) -> None:
        self._items: list[Item] = []

    def __iter__(self) -> Iterator[Item]:
        return iter(self._items)

    def __len__(self) -> int:
        return len(self._items)

    def add(self, item: Item, *, after: str | None = None) -> str | None:
        """Put an item at the end, or after another one; returns the id of the one before it.

        Args:
            after: An item's id, ``"root"`` for the very beginning, or None for the end.

        Raises:
            ProtocolError: There is no such item, or one with the new id is there already.
        """
        if any(known.id == item.id for known in self._items):
            raise ProtocolError(
                f"Item with id {item.id!r} already exists.", code="item_already_exists", param="item.id"
            )
        if after is None:
            position = len(self._items)
        elif after == "root":
            position = 0
        else:
            position = self._items.index(self.find(after, "previous_item_id")) + 1
        before = self._items[position - 1].id if position else None
        self._items.insert(position, item)
        if len(self._items) > _MOST_ITEMS:
            del self._items[0]
        return before

    def copy(self) -> Items:
        """Make a conversation that may go its own way."""
        copied = Items()
        copied._items = list(self._items)
        return copied

    @property
    def last_id(self) -> str | None:
        """The newest item's id."""
        return self._items[-1].id if self._items else None

    def find(self, item_id: Any, param: str = "item_id") -> Item:
        """Find an item.

        Raises:
            ProtocolError: There is none with this id.
        """
        for item in self._items:
            if item.id == item_id:
                return item
        raise ProtocolError(f"There is no item with id {item_id!r}.", code="item_not_found", param=param)

    def delete(self, item_id: Any) -> Item:
        """Take an item out.

        Raises:
            ProtocolError: There is none with this id.
        """
        item = self.find(item_id)
        self._items.remove(item)
        return item


def decoded(text: Any, param: str) -> bytes:
    """Read sound in base64.

    Raises:
        ProtocolError: It is none.
    """
    if not isinstance(text, str):
        raise ProtocolError("Expected a string in base64.", code="missing_required_parameter", param=param)
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as why:
        raise ProtocolError(f"This is no base64: {why}.", code="invalid_value", param=param) from why


def sound_of(fields: Json) -> bytes:
    """Take the sound out of an item that a client made: at the client's rate, empty where there is none.

    Raises:
        ProtocolError: It cannot be read.
    """
    parts = fields.get("content")
    for part in parts if isinstance(parts, list) else []:
        if isinstance(part, dict) and part.get("type") == "input_audio" and part.get("audio"):
            return decoded(part["audio"], "item.content.audio")
    return b""


def from_client(fields: Any) -> Item:
    """Read an item that a client made; sound in it is the caller's matter.

    Raises:
        ProtocolError: It is not one that can be understood.
    """
    if not isinstance(fields, dict):
        raise ProtocolError("Expected an object in 'item'.", code="invalid_type", param="item")
    item_id = fields.get("id")
    own_id = item_id if isinstance(item_id, str) and item_id else new_id("item")
    match fields.get("type"):
        case "message":
            role = fields.get("role")
            if role not in ("user", "assistant", "system"):
                raise ProtocolError("Supported are 'user', 'assistant' and 'system'.", param="item.role")
            parts = fields.get("content")
            if not isinstance(parts, list) or not all(isinstance(part, dict) for part in parts):
                raise ProtocolError("Expected a list of parts.", code="invalid_type", param="item.content")
            words = [part.get("text") or part.get("transcript") for part in parts]
            text = " ".join(word for word in words if isinstance(word, str))
            by_voice = any(part.get("type") in ("input_audio", "audio", "output_audio") for part in parts)
            return Item("message", role, text, by_voice, id=own_id)
        case "function_call_output":
            if not isinstance(fields.get("call_id"), str):
                raise ProtocolError("Expected a string.", code="invalid_type", param="item.call_id")
            output = fields.get("output")
            return Item(
                "function_call_output",
                text=output if isinstance(output, str) else "",
                call_id=fields["call_id"],
                id=own_id,
            )
        case "function_call":
            return Item(
                "function_call",
                name=str(fields.get("name", "")),
                call_id=str(fields.get("call_id") or new_id("call")),
                text=str(fields.get("arguments", "")),
                id=own_id,
            )
    raise ProtocolError(
        "Supported are 'message', 'function_call' and 'function_call_output'.", param="item.type"
    )
