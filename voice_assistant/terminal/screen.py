"""The live screen: finished lines go into the terminal's scrollback, what is live is redrawn below them.

A tap on the session. The loop folds each event into the transcript and the status and leaves a frozen
snapshot; a thread of the screen's own draws the newest one, ten times a second at most and only if it looks
different. It is a thread because writing to a terminal can wait (a slow network, a stopped terminal), and the
loop must not.
How a frame gets onto the terminal is left to its painter.
"""

from __future__ import annotations

import atexit
import math
import threading
from collections import deque
from collections.abc import Sequence

from voice_assistant.core.events import Captured, Command, Event, Level, Pressed
from voice_assistant.core.latency import Latency
from voice_assistant.core.lines import Line, NoticeLine, ReplyLine
from voice_assistant.core.status import Status
from voice_assistant.core.transcript import Transcript
from voice_assistant.terminal.line_editor import Draft
from voice_assistant.terminal.painter import Painter, Snapshot

DRAW_EVERY_S = 0.1
LEVEL_EVERY_S = 0.12
"""How often the meters take a new level. Six times as many come, and each that is taken is drawn."""

LOOK_EVERY_S = 0.25
"""How often a change of the terminal's size is looked for while nothing else happens."""

SHOWN_CHARACTERS = 40
"""Of what was copied."""

STOP_WITHIN_S = 0.5
"""How long the end of a session waits for a terminal that takes nothing."""


class Screen:
    """Shows a session while it runs.

    Args:
        status: The status to begin with: provider, mode, whether it is recorded.
        painter: Puts frames onto the terminal.
    """

    def __init__(self, status: Status, painter: Painter) -> None:
        self._transcript = Transcript()
        self._status = status
        self._finished: deque[Line] = deque()
        self._finished_count = 0
        self._answer = ""
        self._draft: Draft | None = None
        self._latency = Latency()
        self._captured: Captured | None = None
        self._level_at = -math.inf
        self._snapshot = Snapshot((), status, 0)
        self._news = threading.Event()
        self._stopping = threading.Event()
        self._awake = threading.Event()
        self._resting = threading.Event()
        self._awake.set()
        self._thread: threading.Thread | None = None
        self._painter = painter

    def start(self) -> None:
        """Begin to draw; what was printed before must have been flushed."""
        atexit.register(self._painter.restore)
        self._thread = threading.Thread(target=self._draw_on, name="screen", daemon=True)
        self._thread.start()

    def see(self, entry: Event | Command) -> None:
        """Take note of an event or a command; on the loop's thread, never waits."""
        match entry:
            case Captured():
                self._captured = entry
                return
            case Level(at=at):
                if 0 <= at - self._level_at < LEVEL_EVERY_S:
                    return
                self._level_at = at
                if self._captured:
                    self._status = self._status.after(self._captured)
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
        begins = words if len(words) <= SHOWN_CHARACTERS else f"{words[:SHOWN_CHARACTERS]}..."
        return NoticeLine(at, "info", f"The last answer is copied, where the terminal allows it: {begins}")

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
