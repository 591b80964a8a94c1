"""Memory: what was said and heard, as text, for a provider that has to begin anew.

A new link knows nothing of the conversation. What is told to it is what was really heard: of a reply that was
cut, the words up to the cut (``word_times.py``), whenever they come. Words that were recognised here,
because the provider sends none, count as well as its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from voice_assistant.core.events import (
    Event,
    PlayoutDropped,
    Recalled,
    ReplyAudio,
    ReplyComplete,
    ReplyDone,
    ReplyRecognised,
    ReplyText,
    TextEntered,
    TurnOpened,
    UserText,
)
from voice_assistant.core.word_times import NO_TIMES, WordTimes

ENTRIES = 60
"""Turns and replies kept: more than fit into what is recalled."""

RECALLED_CHARACTERS = 6000
"""About ten minutes of conversation; a set-up message stays small."""


@dataclass(slots=True)
class _Entry:
    """One turn, or one reply.

    Args:
        speaker: Whose it is.
        turn: Its number, where it was spoken by the user.
        text: All words of it that came.
        is_typed: The user typed it.
        times: What is known of when its words are spoken.
        cut_ms: So much of it was heard; None where it was not cut.
    """

    speaker: Literal["user", "assistant"]
    turn: int | None = None
    text: str = ""
    is_typed: bool = False
    times: WordTimes = NO_TIMES
    cut_ms: float | None = None

    @property
    def heard_text(self) -> str:
        """The words that were said, or heard."""
        if self.cut_ms is None or not self.times.received_ms:
            return self.text.strip()
        return self.text[: self.times.heard(self.text, self.cut_ms)].strip()


class Memory:
    """Takes events, gives back the conversation."""

    def __init__(self) -> None:
        self._entries: dict[int | str, _Entry] = {}

    def has_some(self, before_turn: int | None) -> bool:
        """Has anything been said before a turn; None: at all? Its words need not be known."""
        return any(
            entry.speaker == "assistant" or before_turn is None or (entry.turn or 0) < before_turn
            for entry in self._entries.values()
            if not entry.is_typed
        )

    def handle(self, event: Event) -> None:
        """Take note of what was said."""
        match event:
            case TurnOpened(turn=turn):
                # Its words may come after the reply has begun: it keeps its place from now on.
                self._entry(turn)
            case UserText(turn=turn, text=text):
                self._entry(turn).text = text
            case TextEntered(at=at, text=text):
                self._keep(f"typed at {at}", _Entry("user", text=text, is_typed=True))
            case ReplyText(item=item, text=text):
                entry = self._entry(item)
                before = "" if entry.times.known else entry.text
                entry.text = before + text
                entry.times = entry.times.worded(len(before), len(entry.text))
            case ReplyRecognised(item=item, text=text, until_ms=until_ms):
                self._recognised(item, text, until_ms)
            case ReplyAudio(item=item, pcm=pcm):
                entry = self._entry(item)
                entry.times = entry.times.sounded(pcm)
            case ReplyComplete(item=item) | ReplyDone(item=str(item)) if item in self._entries:
                self._entries[item].times = self._entries[item].times.ended()
            case PlayoutDropped(item=item, heard_ms=heard_ms) if item in self._entries:
                self._entries[item].cut_ms = heard_ms
            case _:
                pass

    def forget(self, item: str) -> None:
        """A reply that was no answer is not part of the conversation."""
        self._entries.pop(item, None)

    def recall(self, before_turn: int | None, but: Sequence[str] = ()) -> tuple[Recalled, ...]:
        """The conversation so far, oldest first. What will be sent again is not told as well.

        Args:
            before_turn: The first turn whose sound will be sent again. None: all is told.
            but: What was typed and will be sent again.
        """
        again = list(but)
        recalled: list[Recalled] = []
        room = RECALLED_CHARACTERS
        for entry in reversed(self._entries.values()):
            text = entry.heard_text
            if before_turn is not None and entry.turn is not None and entry.turn >= before_turn:
                continue
            if entry.is_typed and entry.text in again:
                again.remove(entry.text)
                continue
            if not text:
                continue
            if len(text) > room and recalled:
                break
            text = text[-room:]
            room -= len(text)
            recalled.append(Recalled(entry.speaker, text))
        return tuple(reversed(recalled))

    def _recognised(self, item: str, text: str, until_ms: float) -> None:
        if item not in self._entries:
            return  # It was forgotten meanwhile.
        entry = self._entries[item]
        if entry.text and not entry.times.known:
            return  # The provider's own words have come meanwhile.
        before = len(entry.text)
        entry.text = f"{entry.text} {text}".strip()
        entry.times = entry.times.measured(before, len(entry.text), until_ms)

    def _entry(self, key: int | str) -> _Entry:
        if key not in self._entries:
            self._keep(key, _Entry("user", turn=key) if isinstance(key, int) else _Entry("assistant"))
        return self._entries[key]

    def _keep(self, key: int | str, entry: _Entry) -> None:
        self._entries[key] = entry
        if len(self._entries) > ENTRIES:
            del self._entries[next(iter(self._entries))]
