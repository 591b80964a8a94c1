"""The installed command, run the way a person runs it: in a terminal, or with its output in pipes.

It is ``voice-assistant`` beside this Python, in a home of its own, so that nobody's settings or keys are met.
The terminal is a pseudo-terminal with an emulator (pyte) behind it, of one of two kinds: one that speaks the
kitty keyboard protocol and reports releases, and a plain one whose held keys repeat. What the program prints
is kept as bytes and as a screen; what it does with sound and network is the test's business.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, Literal, Self

import pyte

COMMAND = Path(sys.executable).with_name("voice-assistant")
PATIENCE_S = 60.0
"""How long a test waits for words, or for the end."""

_LAUNCH = """
import contextlib, fcntl, os, signal, sys, termios
signal.signal(signal.SIGINT, signal.SIG_DFL)
if sys.argv[1] == "terminal":
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)
with contextlib.suppress(OSError, AttributeError):
    os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(1))
os.execv(sys.argv[2], sys.argv[2:])
"""
"""Runs in the child before the command: the terminal becomes its own, and where the system allows it the
child goes before other programs. On a busy machine it would otherwise be held up for 20 to 175 ms, which
sounds like a fault of its own."""

Kind = Literal["kitty", "plain"]

_KITTY = re.compile(rb"\x1b\[([>=<?])([0-9;]*)u")
_DEVICE_ATTRIBUTES = re.compile(rb"\x1b\[0?c")
REPEAT_AFTER_S, REPEAT_EVERY_S = 0.5, 0.033
"""Key repeat as X has it by default on many systems."""


def home_environment(base: Mapping[str, str], home: Path, **more: str) -> dict[str, str]:
    """Make an environment in which *home* is all that the program finds of a person's files.

    Args:
        base: Where to begin: ``SoundServer.env``, or ``os.environ``.
        more: What to add.
    """
    ours = ("VOICE_ASSISTANT_", "LITELLM_", "XDG_CONFIG", "XDG_STATE", "XDG_CACHE", "XDG_DATA", "PYTHON")
    inherited = {name: value for name, value in base.items() if not name.startswith(ours)}
    settled = {"HOME": str(home), "LANG": "C.UTF-8", "LC_ALL": "C.UTF-8", "NO_PROXY": "*"}
    settled["PYTHON_KEYRING_BACKEND"] = "keyring.backends.null.Keyring"
    return inherited | settled | more


class Program:
    """A running command; what pipes and terminals have in common.

    Args:
        arguments: Behind the command's name.
        env: Its whole environment; see ``home_environment``.
        folder: Its working directory.
    """

    def __init__(self, arguments: Sequence[str], env: Mapping[str, str], folder: Path) -> None:
        self._arguments = list(arguments)
        self._env = dict(env)
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None
        self._readers: list[threading.Thread] = []
        self.started_at = 0.0
        """When it was started (``time.monotonic``)."""

    @property
    def pid(self) -> int:
        """Its process id."""
        assert self._process is not None
        return self._process.pid

    @property
    def is_running(self) -> bool:
        """Has it not ended yet?"""
        return self._process is not None and self._process.poll() is None

    @property
    def printed(self) -> str:
        """All that it has printed so far."""
        raise AssertionError("a kind of program says it")

    def until(self, what: str | Callable[[], bool], *, within_s: float = PATIENCE_S) -> None:
        """Wait until words are printed, or until something is so.

        Raises:
            TimeoutError: In vain; the message holds what was printed.
        """
        end = time.monotonic() + within_s
        while True:
            was_over = self._is_over()
            if what in self.printed if isinstance(what, str) else what():
                return
            if was_over or time.monotonic() > end:
                raise TimeoutError(f"waited for {what!r} in vain; printed so far:\n{self.printed}")
            time.sleep(0.01)

    def send_signal(self, number: signal.Signals) -> None:
        """Send it a signal."""
        os.kill(self.pid, number)

    def wait(self, *, within_s: float = PATIENCE_S) -> int:
        """Wait for its end and for all that it printed; give its exit code.

        Raises:
            TimeoutError: It does not end; the message holds what was printed.
        """
        assert self._process is not None
        try:
            code = self._process.wait(within_s)
        except subprocess.TimeoutExpired:
            raise TimeoutError(f"it has not ended within {within_s} s; it printed:\n{self.printed}") from None
        for reader in self._readers:
            reader.join(2)
        return code

    def __exit__(self, *_: object) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.kill()
            self._process.wait()
        for reader in self._readers:
            reader.join(2)

    def _start(self, kind: Literal["terminal", "pipes"], stdin: int, stdout: int, stderr: int) -> None:
        self.started_at = time.monotonic()
        launch = [sys.executable, "-I", "-S", "-c", _LAUNCH, kind]
        self._process = subprocess.Popen(
            [*launch, str(COMMAND), *self._arguments],
            env=self._env,
            cwd=self._folder,
            stdin=stdin,
            stdout=stdout,
            stderr=stderr,
            start_new_session=True,
        )

    def _read_on(self, read: Callable[[], None]) -> None:
        reader = threading.Thread(target=read, name="reader", daemon=True)
        reader.start()
        self._readers.append(reader)

    def _is_over(self) -> bool:
        return not self.is_running and not any(reader.is_alive() for reader in self._readers)


class PipedProgram(Program):
    """The command with its output in pipes and without a keyboard."""

    def __init__(self, arguments: Sequence[str], env: Mapping[str, str], folder: Path) -> None:
        super().__init__(arguments, env, folder)
        self._out = bytearray()
        self._err = bytearray()
        self._is_reading = True

    @property
    def out(self) -> str:
        """What it has printed to standard output."""
        return self._out.decode(errors="replace")

    @property
    def err(self) -> str:
        """What it has printed to standard error."""
        return self._err.decode(errors="replace")

    @property
    def printed(self) -> str:
        """Both of them, the output first."""
        return self.out + self.err

    def __enter__(self) -> Self:
        self._start("pipes", subprocess.DEVNULL, subprocess.PIPE, subprocess.PIPE)
        assert self._process is not None
        out, err = self._process.stdout, self._process.stderr
        assert out is not None
        assert err is not None
        self._read_on(lambda: self._drain(out, self._out, for_ever=False))
        self._read_on(lambda: self._drain(err, self._err, for_ever=True))
        return self

    def stop_reading(self) -> None:
        """Close standard output's other end, as ``| head`` does when it has seen enough."""
        self._is_reading = False
        assert self._process is not None
        assert self._process.stdout is not None
        self._readers[0].join()
        self._process.stdout.close()

    def _drain(self, pipe: IO[bytes], kept: bytearray, *, for_ever: bool) -> None:
        while for_ever or self._is_reading:
            if select.select([pipe], [], [], 0.05)[0]:
                data = os.read(pipe.fileno(), 65536)
                if not data:
                    return
                kept += data

    def __exit__(self, *_: object) -> None:
        super().__exit__()
        assert self._process is not None
        for pipe in (self._process.stdout, self._process.stderr):
            if pipe is not None:
                pipe.close()


class TerminalProgram(Program):
    """The command in a terminal of its own.

    Args:
        kind: How the terminal tells of keys.
        columns, rows: Its size.
    """

    def __init__(
        self,
        arguments: Sequence[str],
        env: Mapping[str, str],
        folder: Path,
        *,
        kind: Kind = "kitty",
        columns: int = 100,
        rows: int = 30,
    ) -> None:
        super().__init__(arguments, {**env, "TERM": "xterm-256color"}, folder)
        self.kind = kind
        self._modes = {"main": 0, "alternate": 0}
        self._shown: Literal["main", "alternate"] = "main"
        self.raw = bytearray()
        """Every byte that was printed."""
        self._screen = pyte.HistoryScreen(columns, rows, history=1000, ratio=0.5)
        self._stream = pyte.ByteStream(self._screen)
        self._lock = threading.Lock()
        self._ended = threading.Event()
        self._unread = b""
        self._far, self._near = os.openpty()
        fcntl.ioctl(self._near, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        self._before = termios.tcgetattr(self._near)

    @property
    def keyboard_modes(self) -> int:
        """How many sets of the kitty protocol's flags are in force: each of the two screens has its own."""
        return self._modes[self._shown]

    @property
    def printed(self) -> str:
        """The words on the screen and above it, a line each; wrapped lines stay apart."""
        with self._lock:
            return "\n".join([*self._scrollback(), *self._screen.display])

    @property
    def display(self) -> list[str]:
        """The lines that are on the screen now."""
        with self._lock:
            return [str(line).rstrip() for line in self._screen.display]

    @property
    def settings(self) -> list[object]:
        """What the terminal's line is set to now (``termios.tcgetattr``)."""
        return termios.tcgetattr(self._near)

    @property
    def is_restored(self) -> bool:
        """Is the terminal as it was: its settings, the cursor, the keyboard's modes?"""
        with self._lock:
            hidden = self._screen.cursor.hidden
        return self.settings == self._before and not hidden and not any(self._modes.values())

    def __enter__(self) -> Self:
        self._start("terminal", self._near, self._near, self._near)
        # Until the terminal is the child's, no key reaches anybody.
        self.until(lambda: self._is_over() or os.tcgetpgrp(self._far) == self.pid)
        self._read_on(self._play_terminal)
        return self

    def __exit__(self, *_: object) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.kill()
        self._ended.set()
        super().__exit__()
        self.hang_up()

    def wait(self, *, within_s: float = PATIENCE_S) -> int:
        """Wait for its end and for all that it printed; give its exit code."""
        assert self._process is not None
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(within_s)
            self._ended.set()
        return super().wait(within_s=0.1)

    def type(self, keys: str) -> None:
        """Press and release keys that are characters."""
        for key in keys:
            if self.kind == "kitty" and self.keyboard_modes:
                self._send(f"\x1b[{ord(key)}u\x1b[{ord(key)};1:3u".encode())
            else:
                self._send(key.encode())

    def interrupt(self) -> None:
        """Press Ctrl-C, as the terminal sends it."""
        encoded = self.kind == "kitty" and self.keyboard_modes
        self._send(b"\x1b[99;5u\x1b[99;5:3u" if encoded else b"\x03")

    @contextlib.contextmanager
    def holding(self, key: str = " ") -> Iterator[None]:
        """Hold a key down."""
        up = threading.Event()
        code = ord(key)
        encoded = self.kind == "kitty" and self.keyboard_modes
        self._send(f"\x1b[{code}u".encode() if encoded else key.encode())
        again = f"\x1b[{code};1:2u".encode() if encoded else key.encode()

        def repeat() -> None:
            if not up.wait(REPEAT_AFTER_S):
                self._send(again)
            while not up.wait(REPEAT_EVERY_S):
                self._send(again)

        hand = threading.Thread(target=repeat, daemon=True)
        hand.start()
        try:
            yield
        finally:
            up.set()
            hand.join()
            if encoded:
                self._send(f"\x1b[{code};1:3u".encode())

    def hang_up(self) -> None:
        """Close the terminal, as when its window is closed."""
        for descriptor in (self._near, self._far):
            with contextlib.suppress(OSError):
                os.close(descriptor)
        self._near = self._far = -1

    def _send(self, data: bytes) -> None:
        os.write(self._far, data)

    def _scrollback(self) -> list[str]:
        width = self._screen.columns
        return ["".join(row[x].data for x in range(width)) for row in self._screen.history.top]

    # --- The emulator's thread ---

    def _play_terminal(self) -> None:
        while True:
            try:
                ready, _, _ = select.select([self._far], [], [], 0.05)
                data = os.read(self._far, 65536) if ready else b""
            except (OSError, ValueError) as error:
                if isinstance(error, OSError) and error.errno not in (errno.EIO, errno.EBADF):
                    raise
                return  # the terminal was closed
            if data:
                self._take(data)
            elif self._ended.is_set() or not self.is_running:
                return

    def _take(self, data: bytes) -> None:
        self.raw += data
        text = self._unread + data
        # A sequence that is cut off at the end waits for its rest.
        cut = text.rfind(b"\x1b", max(0, len(text) - 16))
        is_cut = cut >= 0 and re.fullmatch(rb"\x1b(\[[<-?]?[0-9;]*)?", text[cut:]) is not None
        self._unread, text = (text[cut:], text[:cut]) if is_cut else (b"", text)
        for found in re.finditer(rb"\x1b\[[<-?]?[0-9;]*[uc]|\x1b\[\?1049[hl]", text):
            self._answer(found[0])
        with self._lock:
            # pyte does not know these, and would print parts of them.
            self._stream.feed(_KITTY.sub(b"", text))

    def _answer(self, asked: bytes) -> None:
        if _DEVICE_ATTRIBUTES.fullmatch(asked):
            self._send(b"\x1b[?62;c" if self.kind == "kitty" else b"\x1b[?1;2c")
        elif asked.endswith((b"h", b"l")):
            self._shown = "alternate" if asked.endswith(b"h") else "main"
        elif self.kind == "kitty" and (keyboard := _KITTY.fullmatch(asked)):
            match keyboard[1], keyboard[2]:
                case b">", _:
                    self._modes[self._shown] += 1
                case b"<", count:
                    self._modes[self._shown] -= int(count or b"1")
                case b"?", _:
                    self._send(b"\x1b[?11u" if self.keyboard_modes else b"\x1b[?0u")
