"""The live screen in a real pseudo-terminal, read with a terminal emulator; and the plain printer."""

from __future__ import annotations

import base64
import copy
import fcntl
import io
import os
import pty
import re
import struct
import subprocess
import sys
import termios
import threading
import time
from collections.abc import Iterator, Sequence

import pyte
import pytest

from voice_assistant.core.audio import NEAR_RATE, AudioFrame
from voice_assistant.core.events import (
    AppendInput,
    Capabilities,
    Command,
    CommitInput,
    Connect,
    Event,
    KeysKnown,
    Level,
    ModeChanged,
    MuteChanged,
    Notify,
    PlayoutDrained,
    PlayoutDropped,
    PlayoutStarted,
    Pressed,
    ReplyAudio,
    ReplyDone,
    ReplyText,
    SessionOpened,
    SetVolume,
    SpokeWhileMuted,
    TurnClosed,
    TurnOpened,
    UserText,
)
from voice_assistant.core.status import Status
from voice_assistant.terminal.key_settings import KeySettings
from voice_assistant.terminal.line_editor import Draft
from voice_assistant.terminal.painter import Painter
from voice_assistant.terminal.plain import PlainPrinter
from voice_assistant.terminal.screen import Screen
from voice_assistant.terminal.stage import StagePainter

FRAME = AudioFrame(bytes(640), NEAR_RATE)
ENOUGH_S = 60.0
HOSTILE = "\x1b]0;owned\x07\x1b[2J[bold]words[/bold]\u202e\x07"


class TmuxScreen(pyte.HistoryScreen):
    """As tmux has it: what is erased at once from the upper left corner on goes into the scrollback."""

    def erase_in_display(self, how: int = 0, *args: object, **more: object) -> None:
        if how == 0 and (self.cursor.x, self.cursor.y) == (0, 0):
            self.history.top.extend(copy.deepcopy(self.buffer[y]) for y in range(self.lines))
        super().erase_in_display(how, *args, **more)


class Emulator:
    """The far end of a pseudo-terminal, and what can be read on it."""

    def __init__(self, columns: int, rows: int = 24) -> None:
        self.far, near = pty.openpty()
        self.near = os.fdopen(near, "w")
        self.raw = b""
        self.screens: list[Screen] = []
        self.view = TmuxScreen(columns, rows, history=1000, ratio=0.5)
        self._stream = pyte.ByteStream(self.view)
        os.set_blocking(self.far, False)
        self.resize(columns, rows)

    def resize(self, columns: int, rows: int) -> None:
        fcntl.ioctl(self.near.fileno(), termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        self.view.resize(rows, columns)

    def read(self) -> None:
        """Show what has been written since."""
        try:
            data = os.read(self.far, 1 << 20)
        except BlockingIOError:
            return
        self.raw += data
        self._stream.feed(data)

    def rows(self) -> list[str]:
        return [row.rstrip() for row in self.view.display]

    def scrolled(self) -> list[str]:
        """What has left the screen at its top, and what is on it."""
        history = [
            "".join(row[x].data for x in range(self.view.columns)).rstrip() for row in self.view.history.top
        ]
        return [*history, *self.rows()]

    def until(self, *wanted: str) -> list[str]:
        """Read until every text is on the screen."""
        ends = time.monotonic() + ENOUGH_S
        while not all(any(text in row for row in self.rows()) for text in wanted):
            if time.monotonic() > ends:
                raise AssertionError(f"{wanted} not on the screen:\n" + "\n".join(self.rows()))
            time.sleep(0.01)
            self.read()
        return self.rows()

    def settle(self) -> None:
        """Read until nothing more comes for a few frames."""
        before = -1
        while before != len(self.raw):
            before = len(self.raw)
            time.sleep(0.3)
            self.read()

    def close(self) -> None:
        for screen in self.screens:
            screen.stop()
        os.close(self.far)
        self.near.close()


@pytest.fixture(autouse=True)
def _colours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.delenv("COLORTERM", raising=False)


@pytest.fixture(params=[80, 40], ids=["80 columns", "40 columns"])
def emulator(request: pytest.FixtureRequest) -> Iterator[Emulator]:
    terminal = Emulator(request.param)
    yield terminal
    terminal.close()


@pytest.fixture
def wide() -> Iterator[Emulator]:
    terminal = Emulator(80)
    yield terminal
    terminal.close()


def screen_on(terminal: Emulator, status: Status | None = None) -> Screen:
    screen = Screen(status or Status(provider="litellm"), Painter(terminal.near, KeySettings()))
    terminal.screens.append(screen)
    screen.start()
    return screen


def show(screen: Screen, entries: Sequence[Event | Command]) -> None:
    for entry in entries:
        screen.see(entry)


def opened() -> list[Event | Command]:
    return [Connect(1), SessionOpened(0.5, "gemini-live", Capabilities()), KeysKnown(0.6, "reported")]


def said(turn: int, words: str, answer: str, *, at: float = 1.0) -> list[Event | Command]:
    item = f"item {turn}"
    return [
        TurnOpened(at, turn, FRAME, "voice"),
        AppendInput(turn, FRAME),
        TurnClosed(at + 1, turn, "silence"),
        CommitInput(turn),
        UserText(at + 1, turn, words, final=True),
        ReplyAudio(at + 2, item, bytes(48_000)),
        ReplyText(at + 2, item, answer),
        PlayoutStarted(at + 2, item, at + 2),
        PlayoutDrained(at + 3, item, 1000.0),
        ReplyDone(at + 3, item),
    ]


def test_finished_turns_stand_above_what_is_live(emulator: Emulator) -> None:
    screen = screen_on(emulator)
    show(screen, opened() + said(1, "What time is it?", "Half past nine."))
    show(screen, [TurnOpened(5.0, 2, FRAME, "voice"), UserText(5.5, 2, "And the", final=False)])

    rows = emulator.until("you: And the", "LIVE", "hands-free")

    order = ["note: Connected", "you: What time", "assistant: Half past", "you: And the", " LIVE  you speak"]
    at = [next(n for n, row in enumerate(rows) if row.startswith(start)) for start in order]
    assert at == sorted(at)
    assert sum("LIVE" in row for row in rows) == 1
    screen.stop()


def test_the_status_says_who_has_the_floor_what_the_key_does_and_how_loud_it_is(emulator: Emulator) -> None:
    screen = screen_on(emulator, Status(mode="push-to-talk", recording=True))
    show(screen, opened())
    emulator.until("LIVE on key", "REC", "listening", "push-to-talk · hold space")
    show(screen, [KeysKnown(1.0, "watched")])
    emulator.until("~0.2 s late)")

    show(screen, [TurnOpened(2.0, 1, FRAME, "key"), Level(2.1, -15.0, -55.0, True)])

    emulator.until(" LIVE  REC you speak", "####", "release space to send")
    screen.stop()


def test_muted_is_a_word_and_a_colour(emulator: Emulator) -> None:
    screen = screen_on(emulator)
    show(screen, [*opened(), MuteChanged(1.0, True)])

    rows = emulator.until("MUTED")

    row = next(n for n, text in enumerate(rows) if "MUTED" in text)
    cell = emulator.view.buffer[row][rows[row].index("MUTED")]
    assert (cell.fg, cell.reverse, cell.bold) == ("red", True, True)
    assert not any("LIVE" in text for text in rows)
    screen.stop()


def test_who_speaks_while_muted_is_told(emulator: Emulator) -> None:
    screen = screen_on(emulator)
    show(screen, [*opened(), MuteChanged(1.0, True), Level(1.5, -120, -120, False), SpokeWhileMuted(1.5)])

    emulator.until(" MUTED  you speak, and nobody hears")
    show(screen, [SpokeWhileMuted(6.0), MuteChanged(7.0, False), Level(7.1, -60, -60, False)])

    emulator.until(" LIVE  listening")
    assert sum("You speak, and the" in row for row in emulator.rows()) == 1
    screen.stop()


def test_the_help_lies_over_the_status_until_it_is_asked_for_again(emulator: Emulator) -> None:
    screen = screen_on(emulator)
    show(screen, [*opened(), Pressed(1.0, "help")])
    emulator.until("play the last answer again", "ctrl-c", "LIVE")

    show(screen, [Pressed(2.0, "help")])
    emulator.settle()

    assert not any("play the last answer" in row for row in emulator.rows())
    assert sum("LIVE" in row for row in emulator.rows()) == 1
    screen.stop()


def test_the_line_that_is_typed_stands_above_the_status(emulator: Emulator) -> None:
    screen = screen_on(emulator)
    show(screen, opened())
    screen.draft(Draft("你好 code()\n\tmore\x1b[2J", 3))
    rows = emulator.until("> 你好 code()\u23ce more")

    row = next(n for n, text in enumerate(rows) if text.startswith("> "))
    assert "LIVE" in rows[row + 1]
    screen.draft(Draft("x" * 1000 + " the end", 1008))
    emulator.until("end")
    screen.draft(None)
    emulator.settle()

    assert not any(row.startswith("> ") for row in emulator.rows())
    screen.stop()


def test_the_volume_is_shown_where_it_was_changed(emulator: Emulator) -> None:
    screen = screen_on(emulator)
    show(screen, [*opened(), SetVolume(-6.0)])

    emulator.until("-6 dB")
    show(screen, [SetVolume(0.0)])
    emulator.settle()

    assert not any(" dB" in row for row in emulator.rows())
    screen.stop()


def test_the_last_answer_goes_to_the_clipboard_whole(emulator: Emulator) -> None:
    screen = screen_on(emulator)
    show(
        screen,
        [*opened(), Pressed(0.9, "copy"), *said(1, "Hi.", "Grüße\x1b]0;x\x07, 你好."), Pressed(5.0, "copy")],
    )

    emulator.until("no words of an answer", "answer is copied")

    copied = re.findall(rb"\x1b\]52;c;([^\x07]*)\x07", emulator.raw)
    assert [base64.b64decode(words).decode() for words in copied] == ["Grüße, 你好."]
    screen.stop()


def test_without_colours_the_words_remain(wide: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    screen = screen_on(wide)
    show(screen, [*opened(), MuteChanged(1.0, True), Notify("error", "Something broke.", "Mend it.")])

    wide.until("MUTED", "error: Something broke. Fix: Mend it.")
    screen.stop()
    wide.read()

    colours = {
        int(code) for codes in re.findall(rb"\x1b\[([0-9;]*)m", wide.raw) for code in codes.split(b";")
    }
    assert colours.isdisjoint({*range(30, 39), *range(40, 49), *range(90, 108)})


def test_where_a_reply_was_cut_is_marked(emulator: Emulator) -> None:
    screen = screen_on(emulator)
    show(
        screen,
        [*opened(), *said(1, "Go on.", "one two three four")[:-2], PlayoutDropped(3.5, "item 1", 400.0)],
    )

    rows = emulator.until("[cut after 0.4 s]")

    row = next(n for n, text in enumerate(rows) if "[cut" in text)
    assert rows[row] == "assistant: one two [cut after 0.4 s]" + (
        " three four" if len(rows[row]) > 40 else ""
    )
    screen.stop()


def test_hostile_words_are_only_words(emulator: Emulator) -> None:
    screen = screen_on(emulator)
    show(screen, [*opened(), *said(1, HOSTILE, HOSTILE), Notify("warning", HOSTILE, HOSTILE)])
    show(screen, [SessionOpened(9.0, HOSTILE, Capabilities()), ReplyText(9.0, "open", HOSTILE)])

    emulator.until(
        "you: [bold]words[/bold]",
        "assistant: [bold]words[/bold]",
        "warning: [bold]words[/bold]",
    )
    screen.stop()
    emulator.settle()

    assert emulator.view.title == ""
    assert b"owned" not in emulator.raw
    assert b"\x1b[2J" not in emulator.raw
    assert "\u202e".encode() not in emulator.raw


@pytest.mark.parametrize("term", ["xterm-256color", "xterm-kitty"])
def test_each_finished_line_is_in_the_scrollback_once(
    emulator: Emulator, term: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TERM", term)
    screen = screen_on(emulator)
    show(screen, opened())
    for turn in range(1, 25):
        show(screen, said(turn, f"Question {turn}.", f"Answer {turn}.", at=turn * 10.0))
        if turn % 5 == 0:
            emulator.until(f"Answer {turn}.")
    emulator.until("Answer 24.", "LIVE")
    screen.stop()
    emulator.settle()

    conversation = [row for row in emulator.scrolled() if row.startswith(("you:", "assistant:"))]

    wanted = [(f"you: Question {turn}.", f"assistant: Answer {turn}.") for turn in range(1, 25)]
    assert conversation == [row for pair in wanted for row in pair]


def test_a_reply_longer_than_the_screen_shows_its_newest_words(emulator: Emulator) -> None:
    screen = screen_on(emulator)
    show(screen, [*opened(), ReplyAudio(1.0, "a", bytes(48_000)), PlayoutStarted(1.0, "a", 1.0)])
    for part in range(40):
        show(screen, [ReplyText(2.0, "a", f"part {part} " + "is so long " * 6)])
        emulator.read()
        time.sleep(0.01)

    emulator.until("part 39", "LIVE", "hands-free")
    screen.stop()
    emulator.settle()

    text = " ".join(emulator.scrolled())
    assert re.findall(r"part (\d+)", text) == [str(part) for part in range(40)]


def test_words_in_wide_and_right_to_left_scripts_leave_no_debris(emulator: Emulator) -> None:
    screen = screen_on(emulator)
    show(screen, opened())
    for at in range(10):
        show(
            screen,
            [UserText(1.0 + at, 7, "東京の天気は" * at + "مرحبا بكم 👍🏽 👩\u200d👩\u200d👧", final=False)],
        )
        time.sleep(0.05)
        emulator.read()
    emulator.until("LIVE")
    emulator.settle()

    rows = emulator.rows()

    assert sum(row.startswith("you:") for row in rows) == 1
    assert sum("LIVE" in row for row in rows) == 1
    screen.stop()


@pytest.mark.parametrize("columns", [30, 40, 60, 120])
def test_a_change_of_size_leaves_one_live_region(wide: Emulator, columns: int) -> None:
    screen = screen_on(wide)
    show(screen, [*opened(), UserText(1.0, 7, "some words that have to be wrapped " * 4, final=False)])
    wide.until("you: some words", "LIVE")

    wide.resize(columns, 24)
    show(screen, [MuteChanged(2.0, True)])

    wide.until("MUTED")
    wide.settle()
    rows = wide.rows()
    assert sum(row.startswith("you:") for row in rows) == 1
    assert not any("LIVE" in row for row in rows)
    assert sum("MUTED" in row for row in rows) == 1
    screen.stop()


def test_a_change_of_size_and_the_end_leave_no_copy_of_the_live_region_in_the_scrollback(
    wide: Emulator,
) -> None:
    screen = screen_on(wide)
    show(screen, [*opened()[2:], UserText(1.0, 7, "some words", final=False)])
    wide.until("you: some words", "LIVE")

    wide.resize(60, 24)
    show(screen, [MuteChanged(2.0, True)])
    wide.until("MUTED")
    screen.stop()
    wide.settle()

    assert sum("some words" in row for row in wide.scrolled()) == 1
    assert not any("LIVE" in row or "MUTED" in row for row in wide.scrolled())


@pytest.mark.parametrize("painter", [Painter, StagePainter])
@pytest.mark.parametrize("rows", [1, 2, 3])
def test_a_terminal_of_few_rows_is_redrawn_and_does_not_scroll(painter: type[Painter], rows: int) -> None:
    terminal = Emulator(60, rows)
    screen = Screen(Status(provider="litellm"), painter(terminal.near, KeySettings()))
    terminal.screens.append(screen)
    screen.start()
    for n in range(4):
        show(screen, [MuteChanged(2.0 + n, n % 2 == 0)])
        terminal.settle()

    scrolled = terminal.scrolled()[: -len(terminal.rows())]
    assert not any(scrolled)
    assert any(("LIVE" if painter is Painter else "waiting for") in row for row in terminal.rows())
    terminal.close()


@pytest.mark.parametrize("text", ["word " * 40, "\u4f60\u597d\u4e16\u754c" * 30])
def test_the_end_of_a_long_line_that_is_typed_is_seen_on_the_stage(wide: Emulator, text: str) -> None:
    screen = Screen(Status(provider="litellm"), StagePainter(wide.near, KeySettings()))
    wide.screens.append(screen)
    screen.start()

    screen.draft(Draft(f"{text}end", len(text) + 3))

    wide.until("...", "end")
    screen.stop()


def test_nothing_is_written_while_nothing_looks_different(wide: Emulator) -> None:
    screen = screen_on(wide)
    show(screen, opened())
    wide.until("LIVE")
    wide.settle()
    before = len(wide.raw)

    for n in range(50):
        show(
            screen,
            [Level(2.0 + n * 0.02, -30.0 + 0.01 * (n % 2), -55.0, False), ModeChanged(3.0, "hands-free")],
        )
        time.sleep(0.01)
    wide.settle()

    assert wide.raw[before:].count(b"\x1b[?2026h") <= 1  # The level's first frame.
    screen.stop()


def test_the_cursor_comes_back_below_the_last_line(emulator: Emulator) -> None:
    screen = screen_on(emulator)
    show(screen, opened() + said(1, "Bye.", "Goodbye."))
    emulator.until("assistant: Goodbye.", "LIVE")
    hidden = emulator.view.cursor.hidden

    screen.stop()
    screen.stop()
    emulator.settle()

    rows = [row for row in emulator.rows() if row]
    assert hidden
    assert not emulator.view.cursor.hidden, emulator.raw[-300:]
    assert rows[-1] == "assistant: Goodbye."
    assert (emulator.view.cursor.x, emulator.view.cursor.y) == (0, len(rows))


def test_what_is_still_open_at_the_end_is_kept(emulator: Emulator) -> None:
    screen = screen_on(emulator)
    show(screen, [*opened(), UserText(1.0, 1, "I was about to", final=False)])

    screen.stop()

    emulator.until("you: I was about to")


def test_while_suspended_the_terminal_belongs_to_others(wide: Emulator) -> None:
    screen = screen_on(wide)
    show(screen, opened())
    wide.until("LIVE")

    screen.suspend()
    wide.settle()
    suspended = wide.rows()
    shown = not wide.view.cursor.hidden
    show(screen, [MuteChanged(2.0, True)])
    wide.settle()
    still = wide.rows()
    screen.resume()

    assert not any("LIVE" in row for row in suspended)
    assert shown, wide.raw[-300:]
    assert still == suspended
    wide.until("MUTED")
    screen.stop()


def test_a_terminal_that_takes_nothing_holds_up_neither_the_loop_nor_the_end(wide: Emulator) -> None:
    screen = screen_on(wide)
    show(screen, opened())
    began = time.monotonic()

    for turn in range(1, 60):
        show(screen, said(turn, "words " * 200, "more words " * 200, at=turn * 10.0))
        time.sleep(0.01)
    screen.stop()

    assert time.monotonic() - began < ENOUGH_S
    # The thread that draws was left behind. It must be gone before its terminal's number is another's.
    while any(thread.name == "screen" for thread in threading.enumerate()):
        wide.read()
        time.sleep(0.01)


CRASHING = """
import sys
from voice_assistant.core.events import MuteChanged
from voice_assistant.core.status import Status
from voice_assistant.terminal.key_settings import KeySettings
from voice_assistant.terminal.painter import Painter
from voice_assistant.terminal.screen import Screen
screen = Screen(Status(), Painter(sys.stdout, KeySettings()))
screen.start()
sys.stdin.readline()
raise RuntimeError("crashed")
"""


def test_a_crash_shows_the_cursor_again(wide: Emulator) -> None:
    command = [sys.executable, "-c", CRASHING]
    near = wide.near.fileno()
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=near, stderr=subprocess.DEVNULL) as program:
        wide.until("LIVE")
        assert wide.view.cursor.hidden
        program.communicate(b"\n", timeout=ENOUGH_S)
    wide.settle()

    assert program.returncode == 1
    assert not wide.view.cursor.hidden
    assert not any("LIVE" in row for row in wide.rows())


def test_the_stage_takes_the_whole_terminal_and_gives_it_back(emulator: Emulator) -> None:
    emulator.near.write("before\r\n")
    emulator.near.flush()
    screen = Screen(Status(), StagePainter(emulator.near, KeySettings()))
    emulator.screens.append(screen)
    screen.start()
    show(screen, [*opened(), *said(1, "你好", "大家好")])
    rows = emulator.until("大家好", "waiting for microphone, loudspeaker")

    assert not any("assistant:" in row or "hands-free" in row for row in rows)
    word = next(n for n, row in enumerate(rows) if "\u2580" in row or "\u2588" in row)
    column = next(at for at, char in enumerate(rows[word]) if char != " ")
    assert emulator.view.buffer[word][column].fg == "green"
    assert sum("\u2580" in row or "\u2588" in row for row in rows) >= 2
    emulator.resize(60, 12)
    show(screen, [Pressed(9.0, "help")])
    emulator.until("play the last answer again")
    screen.stop()
    emulator.settle()

    assert emulator.raw.count(b"\x1b[?1049h") == emulator.raw.count(b"\x1b[?1049l") == 1
    assert emulator.raw.rindex(b"\x1b[?25h") > emulator.raw.rindex(b"\x1b[?1049l")


def test_plain_prints_each_line_when_it_is_finished_and_no_control_code() -> None:
    out, err = io.StringIO(), io.StringIO()
    printer = PlainPrinter(out, err)

    for entry in [*opened(), *said(1, "What?", "one two three four")[:-2]]:
        printer.see(entry)
    during = out.getvalue()
    printer.see(PlayoutDropped(3.5, "item 1", 400.0))
    printer.see(Notify("warning", HOSTILE, "Mend it."))
    for entry in [*said(2, "And?", "", at=10.0), ReplyText(20.0, "open", "Almost")]:
        printer.see(entry)
    printer.stop()

    assert during == "you: What?\n"
    assert out.getvalue().splitlines() == [
        "you: What?",
        "assistant: one two [cut after 0.4 s] [not heard: three four]",
        "you: And?",
        "assistant: [spoken reply, 1.0 s; this provider sends no words]",
        "assistant: Almost",
    ]
    assert err.getvalue().splitlines() == [
        "note: Connected to gemini-live.",
        "warning: [bold]words[/bold] Fix: Mend it.",
    ]


def test_plain_lists_the_keys_beside_the_conversation() -> None:
    out, notices = io.StringIO(), io.StringIO()
    printer = PlainPrinter(out, notices, KeySettings(mute="f2"))

    printer.see(Pressed(1.0, "help"))
    printer.stop()

    assert "f2: mute the microphone" in notices.getvalue()
    assert out.getvalue() == ""


def test_plain_echoes_what_is_typed() -> None:
    out, notices = io.StringIO(), io.StringIO()
    printer = PlainPrinter(out, notices)

    for text in ("", "a", "ab", "b"):
        printer.draft(Draft(text, len(text)))
    printer.draft(None)

    assert notices.getvalue() == "type, enter sends: ab\ntyped: b\n"
    assert out.getvalue() == ""


def test_plain_writes_what_the_stream_can_hold() -> None:
    raw = io.BytesIO()
    printer = PlainPrinter(io.TextIOWrapper(raw, encoding="ascii"), io.StringIO())

    printer.see(UserText(1.0, 1, "Zürich \ud83d 東京", final=True))

    assert raw.getvalue() == b"you: Z?rich ? ??\n"


def test_plain_goes_on_when_nobody_reads_it_any_more() -> None:
    read_end, write_end = os.pipe()
    os.close(read_end)
    out, err = os.fdopen(write_end, "w"), io.StringIO()
    printer = PlainPrinter(out, err)

    for entry in [*said(1, "One.", "Two."), Notify("error", "Still told.")]:
        printer.see(entry)
    printer.stop()

    out.close()  # Nor does Python complain about what was left in the buffer.

    assert err.getvalue() == "error: Still told.\n"
