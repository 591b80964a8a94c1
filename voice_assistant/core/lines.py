"""The lines of a transcript: what was said, what of it was heard, and what went wrong, with our remarks.

Values only. ``transcript.py`` makes them of events; the screen and the plain printer show them. Each gives
its text as spans with a role, so that the wording is the same everywhere and the looks are the shower's.
All text in them is neutralised.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from voice_assistant.core.word_times import NO_TIMES, WordTimes

Role = Literal["said", "unheard", "remark"]
"""Words of the speaker; words of a reply that was not heard; our remark on it."""

Span = tuple[str, Role]

RECOGNISED = "~ "
"""Stands before words of the assistant that were recognised here: its provider sends none, and they may be
misheard."""

Ending = Literal["open", "heard", "cut"]


@dataclass(frozen=True, slots=True)
class UserLine:
    """What the user said in one turn.

    Args:
        began_at: Seconds of the session's clock.
        turn: Number of our turn; 0 where the provider heard something outside any turn of ours.
        words: As the provider understood them, neutralised.
        spoken_ms: Length of the turn so far.
        is_open: The turn is not over yet.
        is_late: These words came when the line they belong to had been handed over.
        is_typed: They were typed, and are a turn of their own.
    """

    began_at: float
    turn: int
    words: str = ""
    spoken_ms: float = 0.0
    is_open: bool = True
    is_late: bool = False
    is_typed: bool = False

    def spans(self) -> list[Span]:
        """Give the line's text in order, each part with its role."""
        if self.words:
            remark: list[Span] = [(" (came late)", "remark")] if self.is_late else []
            return [(self.words, "said"), *remark]
        if self.is_open:
            return [("...", "remark")]
        return [(f"spoken, {_seconds(self.spoken_ms)}; no words of it came back", "remark")]


@dataclass(frozen=True, slots=True)
class ReplyLine:
    """What the assistant said in one reply.

    Args:
        began_at: Seconds of the session's clock.
        item: The reply.
        words: Neutralised; empty where the provider sends none.
        times: What is known of when they are spoken; its length, as far as it came.
        heard_ms: How much of it was heard.
        ending: Still open, heard to its end, or cut.
        is_again: The person had it played once more.
    """

    began_at: float
    item: str
    words: str = ""
    times: WordTimes = NO_TIMES
    heard_ms: float = 0.0
    ending: Ending = "open"
    is_again: bool = False

    @property
    def received_ms(self) -> float:
        """Its length, as far as it came."""
        return self.times.received_ms

    @property
    def is_recognised(self) -> bool:
        """The words were recognised here, because the provider sends none."""
        return self.times.known

    def spans(self) -> list[Span]:
        """Give the line's text in order, each part with its role."""
        if not self.words:
            return [(self._wordless(), "remark")]
        heard, unheard = self._divided()
        parts: list[Span] = [("(again) ", "remark")] if self.is_again else []
        parts += [(RECOGNISED, "remark")] if self.is_recognised else []
        parts.append((heard, "said"))
        if self.ending == "cut":
            cut = f"[cut after {_seconds(self.heard_ms)}]"
            parts.append((f" {cut}" if heard else cut, "remark"))
            if unheard:
                parts.append((f" {unheard}", "unheard"))
        elif unheard:
            parts.append((f" {unheard}" if heard else unheard, "unheard"))
        return [part for part in parts if part[0]]

    @property
    def heard_words(self) -> str:
        """The words that were heard, as far as can be told."""
        return self._divided()[0]

    def _wordless(self) -> str:
        length = _seconds(max(self.received_ms, self.heard_ms))
        if self.ending == "open":
            return f"speaking, {_seconds(self.heard_ms)}"
        if self.ending == "cut":
            length = f"cut after {_seconds(self.heard_ms)} of {length}"
        return f"spoken reply, {length}; this provider sends no words"

    def _divided(self) -> tuple[str, str]:
        if self.ending == "heard" or self.received_ms <= 0:
            return self.words, ""
        at = self.times.heard(self.words, self.heard_ms)
        return self.words[:at].rstrip(), self.words[at:].strip()


@dataclass(frozen=True, slots=True)
class NoticeLine:
    """One line for the person: what happened, and what would mend it."""

    began_at: float
    severity: Literal["info", "warning", "error"]
    words: str
    remedy: str = ""

    def spans(self) -> list[Span]:
        """Give the line's text in order, each part with its role."""
        remedy: list[Span] = [(f" Fix: {self.remedy}", "remark")] if self.remedy else []
        return [(self.words, "said"), *remedy]


Line = UserLine | ReplyLine | NoticeLine


def name_of(line: Line) -> str:
    """Say whose line it is."""
    match line:
        case UserLine():
            return "you"
        case ReplyLine():
            return "assistant"
        case NoticeLine(severity="info"):
            return "note"
        case NoticeLine(severity=severity):
            return severity


def plain_line(line: Line) -> str:
    """Give a line as text alone; what was not heard of a reply is told in brackets."""
    return f"{name_of(line)}: " + "".join(_plain(span, line) for span in line.spans())


def _plain(span: Span, line: Line) -> str:
    words, role = span
    marks: dict[Role, str] = {"said": "{}", "remark": "{}", "unheard": " [not heard: {}]"}
    is_bare = role == "remark" and isinstance(line, ReplyLine) and not line.words
    return f"[{words}]" if is_bare else marks[role].format(words.strip() if role == "unheard" else words)


def _seconds(ms: float) -> str:
    return f"{ms / 1000:.1f} s"
