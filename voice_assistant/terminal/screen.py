"""The live screen: finished lines go into the terminal's scrollback, what is live is redrawn below them.

A tap on the session. The loop folds each event into the transcript and the status and leaves a frozen
snapshot; a thread of the screen's own draws the newest one, ten times a second at most and only if it looks
different. It is a thread because writing to a terminal can wait (a slow network, a stopped terminal), and the
loop must not.

Between two frames the cursor rests at the *start* of the live region. However a terminal wraps or cuts lines
when its width changes, the region then begins at the cursor, and erasing from there leaves nothing of it.
(rich's own ``Live`` counts rows upwards from the end, and leaves a copy of it at each change of width.) kitty
alone loses a cursor that has wrapped text behind it: there it rests at the very end, and the rows above are
counted as kitty wraps them.
"""

from __future__ import annotations

import atexit
import base64
import contextlib
import os
import threading
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, TextIO

from rich.cells import cell_len
from rich.color import ColorSystem
from rich.console import Console
from rich.segment import Segment
from rich.text import Text

from voice_assistant.core.events import Command, Event, Pressed
from voice_assistant.core.latency import Latency, Waits
from voice_assistant.core.lines import Line, NoticeLine, ReplyLine
from voice_assistant.core.status import Status
from voice_assistant.core.transcript import Transcript
from voice_assistant.terminal.key_help import help_rows
from voice_assistant.terminal.key_settings import KeySettings
from voice_assistant.terminal.line_editor import Draft
from voice_assistant.terminal.looks import draft_text, line_text
from voice_assistant.terminal.status_look import status_rows

DRAW_EVERY_S = 0.1
LOOK_EVERY_S = 0.25
"""How often a change of the terminal's size is looked for while nothing else happens."""

STOP_WITHIN_S = 0.5
"""How long the end of a session waits for a terminal that takes nothing."""

_HIDE, _SHOW = "\x1b[?25l", "\x1b[?25h"
_NO_WRAP, _WRAP = "\x1b[?7l", "\x1b[?7h"
_ERASE_LINE, _ERASE_BELOW = "\x1b[K", "\x1b[J"
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
    waits: Waits | None = None


class _Row(NamedTuple):
    """One row of the terminal: the bytes that show it, and the cells it takes."""

    shown: str
    cells: int


class Screen:
    """Shows a session while it runs.

    Args:
        status: The status to begin with: provider, mode, whether it is recorded.
        keys: Which key does what.
        stream: The terminal.
    """

    def __init__(self, status: Status, keys: KeySettings, stream: TextIO) -> None:
        self._transcript = Transcript()
        self._status = status
        self._finished: deque[Line] = deque()
        self._finished_count = 0
        self._answer = ""
        self._draft: Draft | None = None
        self._latency = Latency()
        self._snapshot = Snapshot((), status, 0)
        self._news = threading.Event()
        self._stopping = threading.Event()
        self._awake = threading.Event()
        self._resting = threading.Event()
        self._awake.set()
        self._thread: threading.Thread | None = None
        self._painter = _Painter(stream, keys)

    def start(self) -> None:
        """Begin to draw; what was printed before must have been flushed."""
        atexit.register(self._painter.restore)
        self._thread = threading.Thread(target=self._draw_on, name="screen", daemon=True)
        self._thread.start()

    def see(self, entry: Event | Command) -> None:
        """Take note of an event or a command; on the loop's thread, never waits."""
        lines = self._transcript.see(entry)
        self._latency.see(entry)
        if isinstance(entry, Pressed) and entry.action == "copy":
            lines = [*lines, self._copy(entry.at)]
        status = self._status.after(entry)
        if lines or status is not self._status or self._transcript.live is not self._snapshot.live:
            self._status = status
            self._leave(lines)

    def draft(self, draft: Draft | None) -> None:
        """Show the line that is being typed, or none; on the loop's thread."""
        self._draft = draft
        self._leave([])

    def stop(self) -> None:
        """Draw the last lines, and leave the cursor below them; may be called twice."""
        if self._thread is None:
            return
        self._draft = None
        self._leave(self._transcript.close())
        self._stopping.set()
        self._awake.set()
        self._news.set()
        self._thread.join(STOP_WITHIN_S)
        self._thread = None
        atexit.unregister(self._painter.restore)

    def suspend(self) -> None:
        """Take the live region away and draw no more, until ``resume``."""
        self._resting.clear()
        self._awake.clear()
        self._news.set()
        if self._thread:
            self._resting.wait(STOP_WITHIN_S)

    def resume(self) -> None:
        """Draw again."""
        self._awake.set()

    def _copy(self, at: float) -> Line:
        """Have the words of the last answer copied; give the line that says so."""
        live = [line.words for line in self._transcript.live if isinstance(line, ReplyLine)]
        words = next((words for words in [*reversed(live), self._answer] if words), "")
        if not words:
            return NoticeLine(at, "info", "There are no words of an answer to copy.")
        self._painter.copy(words)
        return NoticeLine(
            at, "info", f"The last answer is copied, where the terminal allows it: {words[:40]}..."
        )

    def _leave(self, lines: Sequence[Line]) -> None:
        """Leave a snapshot for the thread."""
        self._answer = next(
            (line.words for line in reversed(lines) if isinstance(line, ReplyLine) and line.words),
            self._answer,
        )
        self._finished.extend(lines)
        self._finished_count += len(lines)
        self._snapshot = Snapshot(
            self._transcript.live, self._status, self._finished_count, self._draft, self._latency.waits
        )
        self._news.set()

    # --- The screen's own thread ---

    def _draw_on(self) -> None:
        printed = 0
        try:
            while True:
                self._news.wait(LOOK_EVERY_S)
                self._news.clear()
                if not self._awake.is_set():
                    self._painter.restore()
                    self._resting.set()
                    self._awake.wait()
                    self._painter.begin_anew()
                snapshot = self._snapshot
                # Only what this snapshot counts: a later line may still be live in it.
                lines = [self._finished.popleft() for _ in range(snapshot.finished - printed)]
                printed = snapshot.finished
                self._painter.paint(lines, snapshot)
                if self._stopping.wait(DRAW_EVERY_S) and printed == self._finished_count:
                    break
        except OSError:
            pass  # The terminal is gone; the session goes on, and SIGHUP ends it if it is to end.
        finally:
            self._resting.set()
            self._painter.restore()


class _Painter:
    """Turns snapshots into bytes for the terminal. Used by one thread at a time."""

    def __init__(self, stream: TextIO, keys: KeySettings) -> None:
        self._fd = stream.fileno()
        self._encoding = stream.encoding or "utf-8"
        self._keys = keys
        # Told to be a terminal, it still honours NO_COLOR and TERM; its size is set before each use.
        self._console = Console(file=stream, force_terminal=True, markup=False, highlight=False, emoji=False)
        self._colours = _COLOURS.get(self._console.color_system or "")
        self._rests_at_end = os.environ.get("TERM", "").startswith("xterm-kitty")
        self._shown: list[_Row] = []
        self._is_stale = False
        self._hidden = False
        self._size = (0, 0)
        self._rendered: dict[Line, list[_Row]] = {}
        self._status: tuple[list[Text], list[_Row]] | None = None
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
            self._status = None
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
            self._put(f"{self._to_start()}{_ERASE_BELOW}{_WRAP}{_SHOW}")
        self._shown = []

    def begin_anew(self) -> None:
        """Draw everything next time: others have written meanwhile."""
        self._size = (0, 0)

    def _measure(self) -> tuple[int, int]:
        try:
            columns, rows = os.get_terminal_size(self._fd)
        except OSError:
            return 80, 24
        return max(columns or 80, 10), max(rows or 24, 4)

    def _region(self, snapshot: Snapshot, width: int, height: int) -> list[_Row]:
        status = status_rows(
            snapshot.status,
            self._keys,
            width,
            waits=snapshot.waits,
            is_typing=snapshot.draft is not None,
        )
        if snapshot.status.help_shown:
            status = [*help_rows(self._keys, width), *status]
        if self._status is None or self._status[0] != status:
            self._status = (status, [self._rows(text, width)[0] for text in status])
        rows: list[_Row] = []
        kept: dict[Line, list[_Row]] = {}
        for line in snapshot.live:
            kept[line] = self._rendered.get(line) or self._rows(line_text(line), width)
            rows += kept[line]
        self._rendered = kept
        if snapshot.draft:
            rows += self._rows(draft_text(snapshot.draft, width), width)
        # The newest rows are what matters; a region taller than the terminal could not be redrawn.
        room = height - 1 - len(self._status[1])
        return [*rows[-room:], *self._status[1]] if room > 0 else self._status[1][1 - height :]

    def _rows(self, text: Text, width: int) -> list[_Row]:
        """Wrap a text at words and give each row as the terminal takes it."""
        rows = text.wrap(self._console, width, tab_size=1)
        for row in rows:
            row.rstrip()
        return [
            _Row("".join(map(self._styled, row.render(self._console))), cell_len(row.plain)) for row in rows
        ] or [_Row("", 0)]

    def _styled(self, segment: Segment) -> str:
        # What Console.print does in the end, without its buffers: a fifth of the time, ten times a second.
        if segment.style is None:
            return segment.text
        style = segment.style.without_color if self._console.no_color else segment.style
        return style.render(segment.text, color_system=self._colours)

    def _write(self, printed: list[_Row], region: list[_Row]) -> None:
        """Write from the start of the live region, and leave the cursor where it rests."""
        parts = [_BEGIN, _HIDE, _NO_WRAP, self._to_start()]
        if self._is_stale:
            # After a change of width: else a row that the terminal wrapped keeps that mark under new words.
            parts.append(_ERASE_BELOW)
        parts += [f"{row.shown}{_ERASE_LINE}\r\n" for row in printed]
        parts.append("\r\n".join(f"{row.shown}{_ERASE_LINE}" for row in region))
        parts.append(_ERASE_BELOW)
        if not self._rests_at_end:
            parts.append(f"\r\x1b[{len(region) - 1}A" if len(region) > 1 else "\r")
        parts += [_WRAP, _END]
        self._hidden = True
        self._put("".join(parts))

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
