"""The painter: a frame of the live screen as bytes for the terminal, below what has scrolled.

Between two frames the cursor rests at the *start* of the live region. However a terminal wraps or cuts lines
when its width changes, the region then begins at the cursor, and erasing from there leaves nothing of it.
(rich's own ``Live`` counts rows upwards from the end, and leaves a copy of it at each change of width.) kitty
alone loses a cursor that has wrapped text behind it: there it rests at the very end, and the rows above are
counted as kitty wraps them.
"""

from __future__ import annotations

import base64
import contextlib
import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, TextIO

from rich.cells import cell_len
from rich.color import ColorSystem
from rich.console import Console
from rich.segment import Segment
from rich.text import Text

from voice_assistant.core.latency import NO_WAITS, Waits
from voice_assistant.core.lines import Line
from voice_assistant.core.status import Status
from voice_assistant.terminal.key_help import help_rows
from voice_assistant.terminal.key_settings import KeySettings
from voice_assistant.terminal.line_editor import Draft
from voice_assistant.terminal.looks import draft_text, line_text
from voice_assistant.terminal.status_look import status_rows

_HIDE, _SHOW = "\x1b[?25l", "\x1b[?25h"
_NO_WRAP, _WRAP = "\x1b[?7l", "\x1b[?7h"
_ERASE_LINE, _ERASE_BELOW = "\x1b[K", "\x1b[J"
_ERASE_REST = f"\x1b7\x1b[B{_ERASE_BELOW}\x1b8{_ERASE_LINE}"
"""From the start of a row on, in two steps: what is erased at once from the upper left corner goes into the
scrollback of tmux, and a copy of the live region with it."""
_BEGIN, _END = "\x1b[?2026h", "\x1b[?2026l"
"""A synchronised update: terminals that know it show the whole frame at once, others ignore it."""

_COLOURS = {
    "standard": ColorSystem.STANDARD,
    "256": ColorSystem.EIGHT_BIT,
    "truecolor": ColorSystem.TRUECOLOR,
}
"""rich's systems by the names that its console gives them; none of them means no styles at all."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What is to be seen now.

    Args:
        live: The open lines.
        status: The state.
        finished: How many lines have been finished so far.
        draft: The line that is being typed.
        waits: How long answers take.
    """

    live: tuple[Line, ...]
    status: Status
    finished: int
    draft: Draft | None = None
    waits: Waits = NO_WAITS


class Row(NamedTuple):
    """One row of the terminal: the bytes that show it, and the cells it takes."""

    shown: str
    cells: int


class Painter:
    """Turns snapshots into bytes for the terminal. Used by one thread at a time.

    Args:
        stream: The terminal.
        keys: Which key does what.
    """

    def __init__(self, stream: TextIO, keys: KeySettings) -> None:
        self._fd = stream.fileno()
        self._encoding = stream.encoding or "utf-8"
        self._keys = keys
        # Told to be a terminal, it still honours NO_COLOR and TERM; its size is set before each use.
        self._console = Console(file=stream, force_terminal=True, markup=False, highlight=False, emoji=False)
        self._colours = _COLOURS.get(self._console.color_system or "")
        self._rests_at_end = os.environ.get("TERM", "").startswith("xterm-kitty")
        self._shown: list[Row] = []
        self._is_stale = False
        self._hidden = False
        self._size = (0, 0)
        self._rendered: dict[Line, list[Row]] = {}
        self._status: list[tuple[Text, Row]] = []
        self._to_copy: str | None = None

    def copy(self, words: str) -> None:
        """Put words into the terminal's clipboard with the next frame (OSC 52); from any thread."""
        self._to_copy = words

    def paint(self, finished: Sequence[Line], snapshot: Snapshot) -> None:
        """Print the finished lines and draw what is live below, unless it looks the same."""
        size = self._measure()
        if size != self._size:
            self._size = size
            self._console.size = size
            self._rendered.clear()
            self._status = []
            self._is_stale = True
        width, height = size
        region = self._region(snapshot, width - 1, height)
        if (words := self._to_copy) is not None:
            self._to_copy = None
            self._put(f"\x1b]52;c;{base64.b64encode(words.encode()).decode()}\x07")
        if not finished and region == self._shown and not self._is_stale:
            return
        printed = [row for line in finished for row in self._rows(line_text(line), width - 1)]
        self._write(printed, region)
        self._shown = region
        self._is_stale = False

    def restore(self) -> None:
        """Take the live region away and show the cursor. Also at the exit of a program that crashed."""
        if not self._hidden:
            return
        self._hidden = False
        with contextlib.suppress(OSError):  # Where the terminal is gone there is nothing to restore.
            self._put(f"{self._give_back()}{_WRAP}{_SHOW}")
        self._shown = []

    def begin_anew(self) -> None:
        """Draw everything next time: others have written meanwhile."""
        self._size = (0, 0)

    def _measure(self) -> tuple[int, int]:
        try:
            columns, rows = os.get_terminal_size(self._fd)
        except OSError:
            return 80, 24
        return max(columns or 80, 10), rows or 24

    def _region(self, snapshot: Snapshot, width: int, height: int) -> list[Row]:
        status = status_rows(
            snapshot.status,
            self._keys,
            width,
            waits=snapshot.waits,
            is_typing=snapshot.draft is not None,
        )[: max(height - 1, 1)]
        if snapshot.status.help_shown:
            status = [*help_rows(self._keys, width), *status]
        # The meters move all the time, and what stands beside them hardly ever.
        known = self._status
        self._status = [
            known[at]
            if at < len(known) and _is_alike(known[at][0], text)
            else (text, self._rows(text, width)[0])
            for at, text in enumerate(status)
        ]
        below = [row for _, row in self._status]
        rows: list[Row] = []
        kept: dict[Line, list[Row]] = {}
        for line in snapshot.live:
            kept[line] = self._rendered.get(line) or self._rows(line_text(line), width)
            rows += kept[line]
        self._rendered = kept
        if snapshot.draft:
            rows += self._rows(draft_text(snapshot.draft, width), width)
        # The newest rows are what matters; a region taller than the terminal could not be redrawn.
        room = height - 1 - len(below)
        return [*rows[-room:], *below] if room > 0 else below[-max(height - 1, 1) :]

    def _rows(self, text: Text, width: int) -> list[Row]:
        """Wrap a text at words and give each row as the terminal takes it."""
        rows = text.wrap(self._console, width, tab_size=1)
        for row in rows:
            row.rstrip()
            # A text without spans would be rendered without its own style.
            row.stylize_before(row.style)
        return [
            Row("".join(map(self._styled, row.render(self._console))), cell_len(row.plain)) for row in rows
        ] or [Row("", 0)]

    def _styled(self, segment: Segment) -> str:
        # What Console.print does in the end, without its buffers: a fifth of the time, ten times a second.
        if segment.style is None:
            return segment.text
        style = segment.style.without_color if self._console.no_color else segment.style
        return style.render(segment.text, color_system=self._colours)

    def _write(self, printed: list[Row], region: list[Row]) -> None:
        """Write from the start of the live region, and leave the cursor where it rests."""
        parts = [_BEGIN, self._begin_frame(), _HIDE, _NO_WRAP]
        if self._is_stale:
            # After a change of width: else a row that the terminal wrapped keeps that mark under new words.
            parts.append(_ERASE_REST)
        parts += [f"{row.shown}{_ERASE_LINE}\r\n" for row in printed]
        parts.append("\r\n".join(f"{row.shown}{_ERASE_LINE}" for row in region))
        parts.append(_ERASE_BELOW)
        parts += [self._end_frame(len(region)), _WRAP, _END]
        self._hidden = True
        self._put("".join(parts))

    def _begin_frame(self) -> str:
        return self._to_start()

    def _end_frame(self, rows: int) -> str:
        if self._rests_at_end:
            return ""
        return f"\r\x1b[{rows - 1}A" if rows > 1 else "\r"

    def _give_back(self) -> str:
        return f"{self._to_start()}{_ERASE_REST}"

    def _to_start(self) -> str:
        """Give what brings the cursor from where it rests to the start of the live region."""
        if not self._rests_at_end:
            return "\r"
        columns, _ = self._measure()
        up = sum(max(1, -(-row.cells // columns)) for row in self._shown) - 1
        return f"\r\x1b[{up}A" if up > 0 else "\r"

    def _put(self, text: str) -> None:
        # Past Python's buffer: its lock, held while a stopped terminal takes nothing, would hold up the exit.
        data = text.encode(self._encoding, "replace")
        while data:
            data = data[os.write(self._fd, data) :]


def _is_alike(text: Text, other: Text) -> bool:
    """Do they look the same? rich itself does not compare the style that they begin with."""
    return text == other and text.style == other.style
