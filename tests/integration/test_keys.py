"""The keyboard on a real pseudo-terminal; the test plays the terminal at its other end."""

from __future__ import annotations

import asyncio
import os
import pty
import signal
import subprocess
import sys
import termios
import textwrap
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest

from voice_assistant.core.events import Event, KeysKnown, Pressed, Released
from voice_assistant.terminal.key_settings import KeySettings
from voice_assistant.terminal.keys import ASK, LAST_WORD, UNDO, Keyboard

LOCAL_FLAGS = 3
ENOUGH_S = 60.0


@dataclass
class Terminal:
    """A terminal as its far end sees it, and the events that came of it."""

    far: int
    near: int
    events: list[Event] = field(default_factory=list)
    news: asyncio.Event = field(default_factory=asyncio.Event)

    def post(self, event: Event) -> None:
        self.events.append(event)
        self.news.set()

    def keyboard(self) -> Keyboard:
        return Keyboard(KeySettings(), self.post, asyncio.get_running_loop().time, tty=self.near)

    def types(self, data: bytes) -> None:
        os.write(self.far, data)

    def answer_late(self) -> None:
        """As a terminal does that sends a release before it has seen that nobody wants to know."""
        seen = b""
        while UNDO + LAST_WORD not in seen:
            try:
                seen += os.read(self.far, 4096)
            except BlockingIOError:
                time.sleep(0.002)
        self.types(b"\x1b[99;5:3u\x1b[57442;5:3u\x1b[?62;c")

    async def until(self, kind: type[Event]) -> Event:
        """Wait for an event of a kind that has not been seen yet."""
        async with asyncio.timeout(ENOUGH_S):
            while True:
                for event in self.events:
                    if isinstance(event, kind):
                        self.events.remove(event)
                        return event
                self.news.clear()
                await self.news.wait()

    async def shows(self, wanted: bytes) -> None:
        """Wait until the program has written something."""
        seen = b""
        async with asyncio.timeout(ENOUGH_S):
            while wanted not in seen:
                try:
                    seen += os.read(self.far, 4096)
                except BlockingIOError:
                    await asyncio.sleep(0.005)


@pytest.fixture
def terminal() -> Iterator[Terminal]:
    far, near = pty.openpty()
    os.set_blocking(far, False)
    yield Terminal(far, near)
    os.close(near)
    os.close(far)


async def test_where_releases_are_reported_a_hold_is_a_press_and_a_release(terminal: Terminal) -> None:
    keyboard = terminal.keyboard()
    keyboard.start()
    await terminal.shows(ASK)
    terminal.types(b"\x1b[?11u\x1b[?62;c")

    known = await terminal.until(KeysKnown)
    terminal.types(b"\x1b[32u")
    pressed = await terminal.until(Pressed)
    terminal.types(b"\x1b[32;1:2u" * 3 + b"\x1b[32;1:3u")
    released = await terminal.until(Released)
    keyboard.stop()

    assert isinstance(known, KeysKnown)
    assert known.releases == "reported"
    assert isinstance(pressed, Pressed)
    assert pressed.action == "talk"
    assert isinstance(released, Released)
    assert terminal.events == []


async def test_where_they_are_not_the_end_of_key_repeat_is_the_release(terminal: Terminal) -> None:
    keyboard = terminal.keyboard()
    keyboard.start()
    terminal.types(b"\x1b[?1;2c")
    known = await terminal.until(KeysKnown)

    terminal.types(b" ")
    await terminal.until(Pressed)
    for _ in range(5):
        await asyncio.sleep(0.03)
        terminal.types(b" ")
    released = await terminal.until(Released)
    keyboard.stop()

    assert isinstance(known, KeysKnown)
    assert known.releases == "watched"
    assert isinstance(released, Released)
    assert not released.tap
    assert terminal.events == []


async def test_a_terminal_that_answers_nothing_is_watched_after_a_while(terminal: Terminal) -> None:
    keyboard = terminal.keyboard()
    keyboard.start()

    known = await terminal.until(KeysKnown)
    keyboard.stop()

    assert isinstance(known, KeysKnown)
    assert known.releases == "watched"


async def test_the_terminal_is_given_back_as_it_was(terminal: Terminal) -> None:
    before = termios.tcgetattr(terminal.near)
    keyboard = terminal.keyboard()

    keyboard.start()
    during = termios.tcgetattr(terminal.near)
    keyboard.stop()
    keyboard.stop()

    await terminal.shows(UNDO)
    assert not during[LOCAL_FLAGS] & (termios.ICANON | termios.ECHO)
    assert during[LOCAL_FLAGS] & termios.ISIG
    assert termios.tcgetattr(terminal.near) == before


async def test_releases_on_their_way_do_not_reach_the_shell(terminal: Terminal) -> None:
    keyboard = terminal.keyboard()
    keyboard.start()
    terminal.types(b"\x1b[?11u\x1b[?62;c")
    await terminal.until(KeysKnown)

    stopping = asyncio.get_running_loop().run_in_executor(None, terminal.answer_late)
    keyboard.stop()
    await stopping
    os.set_blocking(terminal.near, False)

    with pytest.raises(BlockingIOError):
        os.read(terminal.near, 4096)


async def test_standard_output_does_not_become_unwilling_to_wait(terminal: Terminal) -> None:
    keyboard = terminal.keyboard()

    keyboard.start()

    assert os.get_blocking(terminal.near)
    keyboard.stop()


async def test_a_terminal_that_goes_away_lets_go_of_the_keys() -> None:
    far, near = pty.openpty()
    terminal = Terminal(far, near)
    keyboard = terminal.keyboard()
    keyboard.start()
    terminal.types(b"\x1b[?11u\x1b[32u")
    await terminal.until(Pressed)

    os.close(far)
    await terminal.until(Released)
    keyboard.stop()
    os.close(near)

    assert [event.releases for event in terminal.events if isinstance(event, KeysKnown)] == [
        "reported",
        "none",
    ]


async def test_without_a_terminal_there_are_no_keys() -> None:
    events: list[Event] = []
    read_end, write_end = os.pipe()
    keyboard = Keyboard(KeySettings(), events.append, asyncio.get_running_loop().time, tty=read_end)

    keyboard.start()
    keyboard.stop()
    os.close(read_end)
    os.close(write_end)

    assert [event.releases for event in events if isinstance(event, KeysKnown)] == ["none"]
    assert len(events) == 1


PROGRAM = """
    import asyncio, sys
    from voice_assistant.terminal.key_settings import KeySettings
    from voice_assistant.terminal.keys import Keyboard

    async def main() -> None:
        keyboard = Keyboard(
            KeySettings(), lambda event: print(event, flush=True), asyncio.get_running_loop().time,
            on_suspend=lambda: print("suspending", flush=True), on_resume=lambda: print("back", flush=True),
        )
        keyboard.start()
        print("started", flush=True)
        {then}

    asyncio.run(main())
"""


class Run:
    """A program with a terminal of its own as a shell would start it: as a job in the foreground."""

    def __init__(self, then: str) -> None:
        self.far, self._near = pty.openpty()
        self.before = termios.tcgetattr(self._near)
        program = textwrap.dedent(PROGRAM).format(then=then)
        shell = (
            "import os, sys, fcntl, termios, signal\n"
            "os.setsid(); fcntl.ioctl(0, termios.TIOCSCTTY, 0)\n"
            "signal.signal(signal.SIGTTOU, signal.SIG_IGN)\n"
            "child = os.fork()\n"
            "if not child:\n"
            "    os.setpgid(0, 0)\n"
            "    os.tcsetpgrp(0, os.getpid()); signal.signal(signal.SIGTTOU, signal.SIG_DFL)\n"
            f"    os.execv(sys.executable, [sys.executable, '-c', {program!r}])\n"
            "while True:\n"
            "    _, status = os.waitpid(child, os.WUNTRACED)\n"
            "    if not os.WIFSTOPPED(status): break\n"
            "    os.tcsetpgrp(0, os.getpid()); os.write(1, b'job stopped'); os.read(0, 1)\n"
            "    os.tcsetpgrp(0, child); os.kill(child, signal.SIGCONT)\n"
        )
        self.shell = subprocess.Popen(
            [sys.executable, "-c", shell], stdin=self._near, stdout=self._near, stderr=self._near
        )
        self._seen = b""

    def shows(self, wanted: bytes) -> bytes:
        """Read on until *wanted* is there; gives what came with it."""
        while wanted not in self._seen:
            self._seen += os.read(self.far, 4096)
        taken, _, self._seen = self._seen.partition(wanted)
        return taken + wanted

    def flags(self) -> int:
        return int(termios.tcgetattr(self._near)[LOCAL_FLAGS])

    def close(self) -> None:
        self.shell.kill()
        self.shell.wait()
        os.close(self.far)
        os.close(self._near)


@pytest.fixture
def impatient() -> Iterator[None]:
    """Reading a terminal can wait for ever: then the test fails instead."""

    def alarmed(signum: int, frame: object) -> None:
        raise TimeoutError("the program under test did not show what was expected")

    before = signal.signal(signal.SIGALRM, alarmed)
    signal.alarm(30)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


@pytest.mark.usefixtures("impatient")
def test_a_crash_leaves_the_terminal_as_it_was() -> None:
    run = Run("raise RuntimeError('crashed')")

    told = run.shows(UNDO)
    run.shell.wait()

    assert b"RuntimeError: crashed" in told
    assert termios.tcgetattr(run._near) == run.before
    run.close()


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("ctrl_z", [b"\x1a", b"\x1b[122;5u"], ids=["as a signal", "as a key"])
def test_the_terminal_is_given_back_while_the_program_is_suspended(ctrl_z: bytes) -> None:
    run = Run("await asyncio.sleep(60)")
    run.shows(b"started")
    os.write(run.far, ctrl_z)
    suspended = run.shows(b"job stopped")
    flags_while_stopped = run.flags()

    os.write(run.far, b"\n")
    resumed = run.shows(b"back")

    assert b"suspending" in suspended
    assert UNDO in suspended
    assert flags_while_stopped & termios.ICANON
    assert ASK in resumed
    assert not run.flags() & termios.ICANON
    run.close()
