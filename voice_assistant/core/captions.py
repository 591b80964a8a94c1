"""Captions: what was said, cut into pieces that can be read at a glance, each with its time.

Folded from the same lines as the transcript, as it happens. The assistant's words are written when they have
been heard, so what was cut is not in them; which words those are is an estimate (``lines.py``). The user's
words come before the answer to them, as far as the provider has sent them by then.
"""

from __future__ import annotations

import re
import textwrap
import unicodedata
from dataclasses import dataclass
from typing import Literal

from voice_assistant.core.events import (
    Command,
    Event,
    PlayoutDrained,
    PlayoutDropped,
    PlayoutProgress,
    PlayoutStarted,
)
from voice_assistant.core.lines import Line, ReplyLine, UserLine
from voice_assistant.core.transcript import Transcript

ROW_CHARACTERS = 42
"""A row of a caption, two of which are shown at a time: what subtitles for television are held to."""

WHOLE_SENTENCE = 16
"""A sentence shorter than this waits for the next one."""

SHORTEST_S = 0.8
"""No caption is shown for less than this; words that were typed take no time at all."""

_ENDS = ".!?\u2026\u3002\uff01\uff1f\u061f\u06d4\u0964"

Format = Literal["srt", "vtt"]


@dataclass(frozen=True, slots=True)
class Cue:
    """One caption.

    Args:
        began_s: When it is to appear, in seconds from the session's start.
        ended_s: When it goes.
        speaker: Whose words they are.
        words: Neutralised, in one line.
    """

    began_s: float
    ended_s: float
    speaker: Literal["user", "assistant"]
    words: str


@dataclass(slots=True)
class _Progress:
    """How far the captions of one reply have come: characters written, until when, and when it was over."""

    until: float
    written: int = 0
    over_at: float | None = None


class Captions:
    """Folds events into captions. Show it every event and command; take those that are complete.

    Args:
        began_at: The session's start, by the session's clock.
    """

    def __init__(self, began_at: float) -> None:
        self._began_at = began_at
        self._transcript = Transcript()
        self._replies: dict[str, _Progress] = {}
        self._early: set[float] = set()
        self._last_began_s = 0.0

    def see(self, entry: Event | Command) -> list[Cue]:
        """Take the next entry; give the captions that are complete now, in the order of their times."""
        if isinstance(entry, PlayoutStarted):
            self._replies[entry.item] = _Progress(until=entry.audible_at)
        finished = self._transcript.see(entry)
        cues: list[Cue] = []
        match entry:
            case PlayoutProgress(at=at, item=item) if item in self._replies:
                cues = self._heard(item, at)
            case PlayoutDrained(at=at, item=item) | PlayoutDropped(at=at, item=item) if item in self._replies:
                self._replies[item].over_at = at
            case _:
                pass
        return cues + self._finished(finished)

    def close(self) -> list[Cue]:
        """Give what is left."""
        return self._finished(self._transcript.close())

    def _finished(self, lines: list[Line]) -> list[Cue]:
        cues: list[Cue] = []
        for line in lines:
            match line:
                case UserLine(words=words) if words and line.began_at not in self._early:
                    cues.append(self._said(line))
                case ReplyLine(item=item) if progress := self._replies.pop(item, None):
                    over_at = progress.until if progress.over_at is None else progress.over_at
                    cues += self._pieces(line, progress, over_at, is_over=True)
        return cues

    def _heard(self, item: str, at: float) -> list[Cue]:
        """Caption what has been heard of a reply, and before it what the user said, if they still wait."""
        waiting: list[Cue] = []
        for line in self._transcript.live:
            match line:
                case UserLine(is_open=False, words=words) if words and line.began_at not in self._early:
                    waiting.append(self._said(line))
                    self._early.add(line.began_at)
                case ReplyLine(item=open_item) if open_item == item:
                    return waiting + self._pieces(line, self._replies[item], at, is_over=False)
                case _:
                    pass
        return waiting

    def _said(self, line: UserLine) -> Cue:
        return self._cue(line.began_at, line.began_at + line.spoken_ms / 1000, "user", line.words)

    def _pieces(self, line: ReplyLine, progress: _Progress, at: float, *, is_over: bool) -> list[Cue]:
        heard = line.heard_words
        fresh = heard[progress.written :]
        cues: list[Cue] = []
        for piece in pieces_of(fresh, is_over=is_over):
            share = len(piece) / max(len(heard) - progress.written, 1)
            ends = progress.until + (at - progress.until) * min(share, 1.0)
            progress.written += len(piece)
            if words := piece.strip():
                cues.append(self._cue(progress.until, ends, "assistant", words))
            progress.until = max(ends, progress.until)
        return cues

    def _cue(self, began: float, ended: float, speaker: Literal["user", "assistant"], words: str) -> Cue:
        began_s = max(began - self._began_at, self._last_began_s, 0.0)
        self._last_began_s = began_s
        return Cue(began_s, max(ended - self._began_at, began_s + SHORTEST_S), speaker, words)


def pieces_of(words: str, *, is_over: bool) -> list[str]:
    """Cut words where a caption may end: after a sentence, or before it gets too long for two rows.

    What is not a whole caption yet is left out, unless no more will come. Together the pieces are the words,
    up to what was left out.
    """
    pieces: list[str] = []
    while words:
        end = _end_of_piece(words)
        if end is None:
            if is_over:
                pieces.append(words)
            break
        pieces.append(words[:end])
        words = words[end:]
    return pieces


def _end_of_piece(words: str) -> int | None:
    """Say where the first whole caption ends; None where it is not whole yet."""
    cells = 0
    last_space = None
    for at, char in enumerate(words):
        cells += 2 if unicodedata.east_asian_width(char) in ("W", "F") else 1
        if cells > 2 * ROW_CHARACTERS:
            return last_space or at
        if char.isspace():
            last_space = at + 1
        is_end = char in _ENDS and (at + 1 == len(words) or not words[at + 1].isalnum())
        if is_end and cells >= WHOLE_SENTENCE and at + 1 < len(words):
            return at + 1
    return None


# --- The two kinds of file ---

_NAMES = {"user": "You", "assistant": "Assistant"}

_SRT_INSTEAD = {"-->": "->", "<": "\u2039", "{\\": "{ \\"}
_SRT_MARKUP = re.compile(r"-->|<(?=[A-Za-z/!])|\{\\")
"""SubRip knows no escape: players take these for times, styles and places, and hide the words in them."""


def head_of(kind: Format) -> str:
    """Give what a file begins with."""
    return "WEBVTT\n\n" if kind == "vtt" else ""


def cue_text(cue: Cue, number: int, kind: Format) -> str:
    """Give a caption as it stands in a file, with the empty line after it.

    SubRip (https://www.matroska.org/technical/subtitles.html#srt-subtitles) and WebVTT
    (https://www.w3.org/TR/webvtt1/).

    Args:
        cue: The caption.
        number: Counts from 1.
        kind: Of file.
    """
    name = _NAMES[cue.speaker]
    comma = "." if kind == "vtt" else ","
    times = f"{_time(cue.began_s, comma)} --> {_time(cue.ended_s, comma)}"
    if kind == "vtt":
        words = cue.words.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
        return f"{times}\n<v {name}>{_rows(words)}\n\n"
    words = _SRT_MARKUP.sub(lambda found: _SRT_INSTEAD[found[0]], cue.words)
    return f"{number}\n{times}\n{_rows(f'{name}: {words}')}\n\n"


def _rows(words: str) -> str:
    return "\n".join(textwrap.wrap(words, ROW_CHARACTERS, break_long_words=False, break_on_hyphens=False))


def _time(seconds: float, comma: str) -> str:
    ms = round(seconds * 1000)
    return f"{ms // 3_600_000:02}:{ms // 60_000 % 60:02}:{ms // 1000 % 60:02}{comma}{ms % 1000:03}"
