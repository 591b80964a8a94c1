"""The stage: a session as an audience sees it. One large word says who has the floor, and large captions what
is being said; a light in the corner says whether everything is ready.

It takes the whole terminal, on the alternate screen, and gives it back as it was. Nothing of it scrolls.
"""

from __future__ import annotations

import textwrap
import unicodedata
from collections.abc import Mapping, Sequence
from types import MappingProxyType

from rich.cells import cell_len, chop_cells
from rich.text import Span, Text

from voice_assistant.core.lines import Line, NoticeLine, ReplyLine, UserLine
from voice_assistant.core.status import Status
from voice_assistant.terminal.big_letters import SIZES, draw, drawable, letter_cells
from voice_assistant.terminal.key_help import help_rows
from voice_assistant.terminal.keys import POP, PUSH
from voice_assistant.terminal.looks import draft_row
from voice_assistant.terminal.painter import Painter, Row, Snapshot
from voice_assistant.terminal.status_look import STATES

_ALTERNATE, _NORMAL = "\x1b[?1049h" + PUSH.decode(), POP.decode() + "\x1b[?1049l"
"""Into the alternate screen and out of it; keys are told there only where that is asked for there."""

_HOME = "\x1b[H"

NOTICE_S = 12.0
"""Seconds for which a warning or an error stays in sight."""

FEWEST_ROWS = 3
"""Of a stage: the word, a row for what is typed, the light. A lower terminal shows the last of them."""

FEWEST_LETTERS = 16
"""Captions are drawn large where a row holds at least so many letters; else they are plain words."""


class StagePainter(Painter):
    """Paints the stage instead of the conversation."""

    _spoken: UserLine | ReplyLine | None = None
    _notice: NoticeLine | None = None
    _drawn: Mapping[tuple[str, str, tuple[Span, ...]], Row] = MappingProxyType({})

    def paint(self, finished: Sequence[Line], snapshot: Snapshot) -> None:
        """Keep what was finished last in mind, and draw the frame."""
        for line in finished:
            if isinstance(line, NoticeLine):
                self._notice = self._notice if line.severity == "info" else line
            elif line.spans():
                self._spoken = line
        super().paint([], snapshot)

    def _region(self, snapshot: Snapshot, width: int, height: int) -> list[Row]:
        texts = stage_rows(snapshot, width, max(height - 1, FEWEST_ROWS), self._spoken, self._notice)
        if snapshot.status.help_shown:
            shown = help_rows(self._keys, width)[: height - 1]
            texts = [*shown, *texts[len(shown) :]]
        if snapshot.draft:
            texts[-2] = draft_row(snapshot.draft, width)
        texts = texts[-max(height - 1, 1) :]
        # Most rows stay from frame to frame.
        kept = {(text.plain, str(text.style), tuple(text.spans)): text for text in texts}
        self._drawn = {key: self._drawn.get(key) or self._rows(text, width)[0] for key, text in kept.items()}
        return [self._drawn[text.plain, str(text.style), tuple(text.spans)] for text in texts]

    def _begin_frame(self) -> str:
        return _HOME if self._hidden else _ALTERNATE + _HOME

    def _end_frame(self, rows: int) -> str:
        return ""

    def _give_back(self) -> str:
        return _NORMAL


def stage_rows(
    snapshot: Snapshot,
    width: int,
    height: int,
    spoken: UserLine | ReplyLine | None = None,
    notice: NoticeLine | None = None,
) -> list[Text]:
    """Give exactly *height* rows of at most *width* cells: the word, the captions, the light.

    Args:
        snapshot: What is to be seen.
        width: Cells.
        height: Rows.
        spoken: What was said last, where nothing is being said.
        notice: The last warning or error.
    """
    word, style = _word(snapshot.status)
    top = [
        _centred(Text(row, style, end="", no_wrap=True), width) for row in _large(word, width, height // 2)
    ]
    room = max(height - len(top) - 3, 0)
    captions = _captions(_current(snapshot, spoken), width, room)
    pad = [_blank() for _ in range(max(height - len(top) - len(captions) - 2, 0))]
    rows = [_blank(), *top, *pad[:1], *captions, *pad[1:], _light(snapshot, notice, width)]
    return rows[:1] + rows[1 - height :] if len(rows) > height else rows


def _word(status: Status) -> tuple[str, str]:
    if status.muted and status.floor in ("listening", "user"):
        return "MUTED", "bold red"
    word, style = STATES[status.floor]
    return word.upper(), style


def _large(word: str, width: int, height: int) -> tuple[str, ...]:
    """Draw a word as large as there is room for."""
    for size in SIZES:
        cells, rows = letter_cells(size)
        if cells * len(word) <= width and rows <= height:
            return draw(word, size)
    return (word[:width],)


def _current(snapshot: Snapshot, spoken: UserLine | ReplyLine | None) -> tuple[str, str]:
    """Give the words that are being said, or were last, and their style."""
    for line in (*reversed(snapshot.live), *([spoken] if spoken else [])):
        match line:
            case ReplyLine() if line.heard_words:
                return line.heard_words, "bold"
            case UserLine(words=words) if words:
                return words, "bold cyan"
            case _:
                pass
    return "", ""


def _captions(current: tuple[str, str], width: int, height: int) -> list[Text]:
    """Give the newest words that fit, large where their letters can be drawn."""
    words, style = current
    if not words or height < 1:
        return []
    letters = drawable(words)
    cells, tall = letter_cells("small")
    if letters is not None and width // cells >= FEWEST_LETTERS and height >= tall:
        lines = textwrap.wrap(letters, width // cells)[-(height // (tall + 1)) or -1 :]
        rows = [row for line in lines for row in (*draw(line, "small"), "")][:-1]
    else:
        lines = _wrapped(words, max(width - 4, 8))[-((height + 1) // 2) :]
        rows = [row for line in lines for row in (line, "")][:-1]
    return [_centred(Text(row, style, end="", no_wrap=True), width) for row in rows]


def _wrapped(words: str, width: int) -> list[str]:
    """Wrap at spaces, and wide scripts anywhere; by cells, not characters."""
    lines, line = [], ""
    for word in _units(words, width):
        if line and cell_len(line + word.rstrip()) > width:
            lines.append(line.strip())
            line = ""
        line += word
    return [*lines, line.strip()]


def _units(words: str, width: int) -> list[str]:
    """Cut where a line may end; and after *width* cells, since some scripts have no spaces between words."""
    units = [""]
    for char in words:
        units[-1] += char
        if char.isspace() or unicodedata.east_asian_width(char) in ("W", "F"):
            units.append("")
    return [
        part for unit in units for part in (chop_cells(unit, width) if cell_len(unit) > width else [unit])
    ]


def _light(snapshot: Snapshot, notice: NoticeLine | None, width: int) -> Text:
    """Say whether everything is ready, or what is not; beside it what went wrong just now."""
    missing = snapshot.status.missing
    if missing:
        row = Text(f" \u25cb waiting for {', '.join(missing)} ", "yellow", end="", no_wrap=True)
    else:
        row = Text(" \u25cf READY ", "bold green", end="", no_wrap=True)
    if snapshot.status.recording:
        row.append("REC ", "bold red")
    if snapshot.status.muted:
        row.append("MUTED ", "bold red reverse")
    if snapshot.status.is_unheard:
        row.append("you speak, and nobody hears it", "bold red")
    elif notice and snapshot.status.at - notice.began_at < NOTICE_S:
        row.append(f"{notice.severity}: {notice.words}", "bold yellow")
    row.truncate(width)
    return row


def _blank() -> Text:
    return Text("", end="")


def _centred(text: Text, width: int) -> Text:
    text.truncate(width)
    text.pad_left(max((width - cell_len(text.plain)) // 2, 0))
    return text
