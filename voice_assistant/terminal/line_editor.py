"""The line that is typed: text in, at a cursor; keys that move, erase and recall; a whole paste is one text.

Pure. Which strokes are for it is ``key_decoder.py``'s to decide, how it looks ``looks.py``'s. A text may have
several lines, because a paste may; Enter sends all of it, and Escape leaves it to be recalled with Up.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass

from voice_assistant.terminal.key_codes import Stroke

MAX_CHARACTERS = 20_000
"""A longer text is cut: more than a voice model takes, and far more than anybody types."""

_KEPT_CONTROLS = "\n\t"
_JOINERS = "\u200c\u200d"


@dataclass(frozen=True, slots=True)
class Draft:
    """What has been typed so far.

    Args:
        text: As it would be sent.
        cursor: Characters before the cursor.
    """

    text: str = ""
    cursor: int = 0


class LineEditor:
    """Edits one text at a time; closed until it is opened."""

    def __init__(self) -> None:
        self._draft: Draft | None = None
        self._history: list[str] = []
        self._at = 0

    @property
    def draft(self) -> Draft | None:
        """What is being typed; None while nothing is."""
        return self._draft

    def open(self) -> None:
        """Begin with an empty line."""
        self._draft = Draft()
        self._at = len(self._history)

    def insert(self, text: str) -> None:
        """Put text in at the cursor, without what acts on a terminal; opens the line if need be."""
        if self._draft is None:
            self.open()
        assert self._draft is not None
        before, after = self._parts()
        room = MAX_CHARACTERS - len(before) - len(after)
        self._set(before + clean(text)[:room], after)

    def takes(self, stroke: Stroke) -> bool:
        """Say whether this stroke is meant for the line, and not for what its key does besides."""
        return self._draft is not None and (bool(stroke.text) or stroke.name in _EDITING)

    def stroke(self, stroke: Stroke) -> str | None:
        """Take a stroke; gives the text when it is to be sent."""
        before, after = self._parts()
        match stroke.name:
            case "enter":
                return self._finish() if stroke.kind == "press" else None
            case "esc":
                self._finish()
            case "backspace" | "ctrl-h":
                self._set(before[: cluster_start(before)], after)
            case "delete" | "ctrl-d":
                self._set(before, after[cluster_end(after) :])
            case "left" | "ctrl-b":
                at = cluster_start(before)
                self._set(before[:at], before[at:] + after)
            case "right" | "ctrl-f":
                at = cluster_end(after)
                self._set(before + after[:at], after[at:])
            case "home" | "ctrl-a":
                self._set("", before + after)
            case "end" | "ctrl-e":
                self._set(before + after, "")
            case "ctrl-u":
                self._set("", after)
            case "ctrl-k":
                self._set(before, "")
            case "ctrl-w":
                words = before.rstrip()
                self._set(words[: max(words.rfind(" "), words.rfind("\n")) + 1], after)
            case "up":
                self._recall(-1)
            case "down":
                self._recall(+1)
            case _:
                self.insert(stroke.text)
        return None

    def _parts(self) -> tuple[str, str]:
        draft = self._draft or Draft()
        return draft.text[: draft.cursor], draft.text[draft.cursor :]

    def _set(self, before: str, after: str) -> None:
        self._draft = Draft(before + after, len(before))

    def _finish(self) -> str | None:
        text = (self._draft or Draft()).text.strip()
        self._draft = None
        if text and text not in self._history[-1:]:
            self._history.append(text)
        return text or None

    def _recall(self, by: int) -> None:
        self._at = min(max(self._at + by, 0), len(self._history))
        self._set("".join(self._history[self._at : self._at + 1]), "")


_EDITING = frozenset(
    {
        "enter",
        "esc",
        "backspace",
        "delete",
        "left",
        "right",
        "home",
        "end",
        "up",
        "down",
        "tab",
        *(f"ctrl-{letter}" for letter in "abdefhkuw"),
    }
)


def clean(text: str) -> str:
    """Take out what is no text; lines end with ``"\\n"``, tabs stay."""
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    return "".join(
        char for char in text if char in _KEPT_CONTROLS or unicodedata.category(char) not in ("Cc", "Cs")
    )


def cluster_start(text: str) -> int:
    """Say where the last character that a reader sees begins: with its marks, and what is joined to it."""
    at = len(text)
    while at > 0:
        at -= 1
        if not (_is_mark(text[at]) or (at and text[at - 1] in _JOINERS)):
            break
    return at


def cluster_end(text: str) -> int:
    """Say where the first character that a reader sees ends."""
    at = min(1, len(text))
    while at < len(text) and (_is_mark(text[at]) or text[at - 1] in _JOINERS):
        at += 1
    return at


def _is_mark(char: str) -> bool:
    return char in _JOINERS or unicodedata.category(char) in ("Mn", "Me", "Mc")
