"""The keyboard: a terminal's bytes in, presses and releases out.

Owns the terminal's settings: characters come at once and without an echo, releases are asked for, and all of
it is undone at the end, around a suspension (Ctrl-Z), and after a crash. What the bytes mean is
decided in ``key_decoder.py``; what a key does, in the core.
"""

from __future__ import annotations

import asyncio
import atexit
import os
import re
import select
import signal
import sys
import termios
import threading
import time
from collections.abc import Callable
from typing import Any

from voice_assistant.core.events import Event, KeysKnown
from voice_assistant.terminal.key_decoder import Drafted, KeyDecoder, KeyEvent, SuspendAsked
from voice_assistant.terminal.key_settings import KeySettings
from voice_assistant.terminal.line_editor import Draft

PUSH, POP = b"\x1b[>27u", b"\x1b[<u"
"""The kitty protocol's flags 1 + 2 + 8 + 16: unambiguous, with releases, all keys, with the text that each
makes. A terminal has a pile of them for each of its two screens, so whoever changes screens pushes again."""

ASK = PUSH + b"\x1b[?2004h\x1b[?1004h\x1b[?u\x1b[c"
"""Have pastes and a lost focus marked too, ask which flags are in force, and ask what every terminal answers:
it ends the waiting."""

UNDO = POP + b"\x1b[?1004l\x1b[?2004l"

LAST_WORD = b"\x1b[c"
"""Asked after ``UNDO`` where releases are reported: what the terminal sent before its answer was for us."""

LAST_WORD_S = 0.15

_LAST_ANSWER = re.compile(rb"\x1b\[\?[0-9;]*c")


class Keyboard:
    """Makes events of the keyboard of a terminal, on the event loop's thread.

    Args:
        settings: Which key does what.
        post: Takes each event.
        clock: Seconds of the session's clock.
        tty: File descriptor of the terminal; standard input where None. Without a terminal the only event is
            ``KeysKnown("none")``.
        on_suspend: Called before the program is stopped by Ctrl-Z or SIGTSTP.
        on_resume: Called when it goes on.
        on_draft: Told of the line that is being typed; None when it is sent or left.
    """

    def __init__(
        self,
        settings: KeySettings,
        post: Callable[[Event], None],
        clock: Callable[[], float],
        *,
        tty: int | None = None,
        on_suspend: Callable[[], None] = lambda: None,
        on_resume: Callable[[], None] = lambda: None,
        on_draft: Callable[[Draft | None], None] = lambda _: None,
    ) -> None:
        self._settings = settings
        self._post = post
        self._clock = clock
        self._tty = tty
        self._on_suspend = on_suspend
        self._on_resume = on_resume
        self._on_draft = on_draft
        self._loop: asyncio.AbstractEventLoop | None = None
        self._decoder = KeyDecoder(settings.actions(), clock())
        self._fd = -1
        self._own_fd = False
        self._before: list[Any] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._suspends = False

    def start(self) -> None:
        """Take the terminal over, where there is one; call it on the event loop."""
        self._loop = asyncio.get_running_loop()
        self._decoder = KeyDecoder(self._settings.actions(), self._clock())
        if not self._open():
            self._post(KeysKnown(self._clock(), "none"))
            return
        atexit.register(self._leave)
        self._enter()
        self._loop.add_reader(self._fd, self._read)
        try:
            self._loop.add_signal_handler(signal.SIGTSTP, self._suspended)
            self._suspends = True
        except (RuntimeError, ValueError):
            pass  # Not the main thread: it gets no signals, and Ctrl-Z keeps its default meaning.
        self._set_timer()

    def stop(self) -> None:
        """Give the terminal back as it was; may be called twice."""
        if self._fd < 0 or self._loop is None:
            return
        if self._timer:
            self._timer.cancel()
        if self._suspends:
            self._loop.remove_signal_handler(signal.SIGTSTP)
        self._loop.remove_reader(self._fd)
        self._leave()
        atexit.unregister(self._leave)
        if self._own_fd:
            os.close(self._fd)
        self._fd = -1

    def _open(self) -> bool:
        """Find the terminal; say whether there is one that is ours to read."""
        try:
            fd = sys.stdin.fileno() if self._tty is None else self._tty
            if not os.isatty(fd):
                return False
        except (AttributeError, OSError, ValueError):
            return False  # No standard input at all, or a closed one.
        try:
            # One of our own, so that not waiting for it does not change standard output, which often is
            # the same open file; and because standard input may be open for reading only.
            self._fd = os.open(os.ttyname(fd), os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
            self._own_fd = True
        except OSError:
            self._fd, self._own_fd = fd, False  # A terminal without a name here, as in some containers.
        if self._is_in_background():
            # Touching the terminal would stop the whole program.
            self._close_fd()
            return False
        return True

    def _is_in_background(self) -> bool:
        try:
            return os.tcgetpgrp(self._fd) != os.getpgrp()
        except OSError:
            return False  # Not our controlling terminal: nobody else's jobs run on it either.

    def _close_fd(self) -> None:
        if self._own_fd:
            os.close(self._fd)
        self._fd = -1

    def _enter(self) -> None:
        before = termios.tcgetattr(self._fd)
        self._before = list(before)
        iflag, oflag, cflag, lflag, ispeed, ospeed, cc = before
        # Signals stay on: Ctrl-C works even while the event loop does not. Ctrl-S must not freeze the screen.
        lflag &= ~(termios.ICANON | termios.ECHO | termios.IEXTEN)
        iflag &= ~(termios.IXON | termios.ICRNL)
        cc = list(cc)
        cc[termios.VMIN], cc[termios.VTIME] = 1, 0
        # At once (TCSANOW): waiting for the output to drain could wait for ever on a stopped terminal.
        termios.tcsetattr(self._fd, termios.TCSANOW, [iflag, oflag, cflag, lflag, ispeed, ospeed, cc])
        self._write(ASK)

    def _leave(self) -> None:
        """Undo what was done to the terminal. Also at the exit of a program that crashed."""
        if self._before is None:
            return
        before, self._before = self._before, None
        self._write(UNDO)
        if self._decoder.releases_are_reported:
            self._hear_out()
        try:
            # What was typed for us must not reach the shell.
            termios.tcflush(self._fd, termios.TCIFLUSH)
            termios.tcsetattr(self._fd, termios.TCSANOW, before)
        except termios.error:
            pass  # The terminal itself is gone; there is nothing left to give back.

    def _hear_out(self) -> None:
        """Take in the releases that are still on their way: the shell would show them as text."""
        self._write(LAST_WORD)
        heard, ends = b"", time.monotonic() + LAST_WORD_S
        while not _LAST_ANSWER.search(heard) and (left := ends - time.monotonic()) > 0:
            if not select.select([self._fd], [], [], left)[0]:
                return
            try:
                data = os.read(self._fd, 4096)
            except OSError:
                return  # The terminal is gone.
            if not data:
                return
            heard += data

    def _write(self, data: bytes) -> None:
        try:
            os.write(self._fd, data)
        except OSError:
            # Gone, or stopped with its buffer full: then it asks and undoes nothing, and keys are watched.
            return

    def _read(self) -> None:
        try:
            data = os.read(self._fd, 4096)
        except BlockingIOError:
            return
        except OSError:
            data = b""  # The terminal is gone; SIGHUP says so to those who need to know.
        if data:
            self._emit(self._decoder.feed(data, self._clock()))
        elif self._loop:
            self._loop.remove_reader(self._fd)
            self._emit(self._decoder.release_all(self._clock()))
            self._post(KeysKnown(self._clock(), "none"))

    def _expire(self) -> None:
        self._timer = None
        self._emit(self._decoder.expire(self._clock()))

    def _emit(self, events: list[KeyEvent]) -> None:
        for event in events:
            if isinstance(event, SuspendAsked):
                # As the terminal itself does for a Ctrl-Z that is not encoded: to the whole job.
                os.killpg(os.getpgrp(), signal.SIGTSTP)
            elif isinstance(event, Drafted):
                self._on_draft(event.draft)
            else:
                self._post(event)
        self._set_timer()

    def _set_timer(self) -> None:
        if self._timer:
            self._timer.cancel()
            self._timer = None
        due = self._decoder.deadline()
        if due is not None and self._loop:
            self._timer = self._loop.call_later(max(0.0, due - self._clock()), self._expire)

    def _suspended(self) -> None:
        """Give the terminal back, stand still until the shell says go on, take it over again."""
        if self._loop is None:
            return
        self._emit(self._decoder.release_all(self._clock()))
        self._on_suspend()
        self._leave()
        # The default action, on this thread, so that nothing below runs before the stop; the system ignores
        # it where there is no shell that could wake us up.
        self._loop.remove_signal_handler(signal.SIGTSTP)
        signal.pthread_kill(threading.get_ident(), signal.SIGTSTP)
        self._loop.add_signal_handler(signal.SIGTSTP, self._suspended)
        self._enter()
        self._on_resume()
