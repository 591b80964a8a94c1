"""The plain printer: a line a turn, as soon as it is finished, without a single control code.

For pipes, files, screen readers and terminals that can do nothing. The conversation goes to one stream, and
what is to be known beside it (notices, errors) to another, so that a pipe holds the conversation alone.
"""

from __future__ import annotations

import contextlib
import os
from typing import TextIO

from voice_assistant.core.events import Command, Event, FellAsleep, Pressed, WakeWordHeard
from voice_assistant.core.lines import Line, NoticeLine, plain_line
from voice_assistant.core.plain_text import neutralise
from voice_assistant.core.transcript import Transcript
from voice_assistant.terminal.key_help import key_table
from voice_assistant.terminal.key_settings import KeySettings
from voice_assistant.terminal.line_editor import Draft


class PlainPrinter:
    """Prints a session line by line.

    Args:
        stream: Takes what was said; standard output.
        notices: Takes everything else; standard error.
        keys: Which key does what.
    """

    def __init__(self, stream: TextIO, notices: TextIO, keys: KeySettings | None = None) -> None:
        self._stream = stream
        self._notices = notices
        self._keys = keys or KeySettings()
        self._transcript = Transcript()
        self._unread: set[TextIO] = set()
        self._typed: str | None = None

    def start(self) -> None:
        """Begin; there is nothing to set up."""

    def see(self, entry: Event | Command) -> None:
        """Take note of an event or a command, and print what is finished by it."""
        self._print(self._transcript.see(entry))
        match entry:
            case Pressed(action="help"):
                for named, words in key_table(self._keys):
                    self._put(self._notices, f"{named}: {words}")
            case WakeWordHeard():
                self._put(self._notices, "awake: speak")
            case FellAsleep(word=word):
                self._put(self._notices, f'asleep: say "{neutralise(word)}"')
            case _:
                pass

    def draft(self, draft: Draft | None) -> None:
        """Echo the line that is typed: what is added at its end as it comes, else the whole line anew."""
        if draft is None:
            self._put(self._notices, "")
            self._typed = None
            return
        shown = neutralise(draft.text)
        if self._typed is None:
            self._put(self._notices, f"type, enter sends: {shown}", end="")
        elif shown.startswith(self._typed):
            self._put(self._notices, shown[len(self._typed) :], end="")
        else:
            self._put(self._notices, f"\ntyped: {shown}", end="")
        self._typed = shown

    def stop(self) -> None:
        """Print what is left."""
        self._print(self._transcript.close())

    def _print(self, lines: list[Line]) -> None:
        for line in lines:
            self._put(self._notices if isinstance(line, NoticeLine) else self._stream, plain_line(line))

    def _put(self, stream: TextIO, text: str, end: str = "\n") -> None:
        if stream in self._unread:
            return
        encoding = stream.encoding or "utf-8"
        try:
            stream.write(text.encode(encoding, "replace").decode(encoding) + end)
            stream.flush()
        except BrokenPipeError:
            # Whoever read it has gone ('| head'). A conversation does not end because nobody reads it, and
            # Python must not complain at its end about what is left in the buffer.
            self._unread.add(stream)
            with contextlib.suppress(OSError):
                os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
