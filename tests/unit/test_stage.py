"""The stage: large letters, large captions, the light; whatever the terminal's size."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from voice_assistant.core.events import (
    Capabilities,
    Connect,
    DeviceLost,
    DeviceOpened,
    Level,
    LinkOpened,
    SessionOpened,
)
from voice_assistant.core.lines import NoticeLine, ReplyLine, UserLine
from voice_assistant.core.status import Status
from voice_assistant.core.word_times import WordTimes
from voice_assistant.terminal.big_letters import SIZES, Size, draw, drawable, letter_cells
from voice_assistant.terminal.painter import Snapshot
from voice_assistant.terminal.stage import NOTICE_S, stage_rows

READY = Status(link="ready", delivering=frozenset({"capture", "playout"}), has_heard=True, at=100.0)


def rows(snapshot: Snapshot, width: int = 120, height: int = 30, **more: UserLine | NoticeLine) -> list[str]:
    return [row.plain for row in stage_rows(snapshot, width, height, **more)]  # type: ignore[arg-type]


def reply(words: str, heard_ms: float = 500.0) -> ReplyLine:
    return ReplyLine(1.0, "a", words, WordTimes(1000.0, whole=True), heard_ms=heard_ms)


def test_the_smallest_letter_reads_as_it_should() -> None:
    assert draw("HI", "small") == ("▌ ▌▝▛ ", "▙▄▌ ▌ ", "▌ ▌ ▌ ", "▘ ▘▝▀ ")


@pytest.mark.parametrize("size", SIZES)
def test_every_letter_takes_the_cells_that_are_said(size: Size) -> None:
    wide, high = letter_cells(size)

    drawn = {char: draw(char, size) for char in "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.,!?'-:"}

    assert all(len(shown) == high for shown in drawn.values())
    assert all(len(row) == wide for shown in drawn.values() for row in shown)
    assert len(set(drawn.values())) == len(drawn)


def test_what_cannot_be_drawn_is_told() -> None:
    assert drawable("Größe, naïve… “so”") == 'GROSSE, NAIVE... "SO"'
    assert drawable("你好") is None


def test_the_word_is_as_large_as_there_is_room_for() -> None:
    snapshot = Snapshot((), READY, 0)

    assert "██████████" in "".join(rows(snapshot, 120))
    assert len([row for row in rows(snapshot, 60) if row.strip()]) == 4 + 1
    assert rows(snapshot, 30, 12)[1].strip()
    assert rows(snapshot, 20, 6)[1].strip() == "LISTENING"


def test_captions_are_the_words_that_are_heard_now() -> None:
    plain = rows(Snapshot((UserLine(0.5, 1, "你好吗", is_open=False), reply("一二三四五六")), READY, 0), 60)
    before = rows(Snapshot((UserLine(0.5, 1, "你好吗", is_open=False), reply("一二三四", 0.0)), READY, 0), 60)
    after = rows(Snapshot((), READY, 0), 60, spoken=UserLine(0.5, 1, "你好吗", is_open=False))

    assert any(row.strip() == "一二三" for row in plain)
    assert any(row.strip() == "你好吗" for row in before)
    assert any(row.strip() == "你好吗" for row in after)


def test_the_light_says_what_is_missing_until_everything_was_seen_to_work() -> None:
    status = Status()
    seen = [status.missing]
    for entry in (
        DeviceOpened(0.1, "capture", "mic"),
        Level(0.2, -120.0, -120.0, False),
        Level(0.3, -70.0, -70.0, False),
        Connect(1),
        LinkOpened(0.4, 1),
        SessionOpened(0.5, "model", Capabilities()),
        DeviceOpened(0.6, "playout", "speaker"),
        DeviceLost(0.7, "capture", "gone"),
    ):
        status = status.after(entry)
        seen.append(status.missing)

    every = ["microphone", "socket", "session", "loudspeaker"]
    assert seen == [every, every, every, every[1:], every[1:], every[2:], every[3:], [], every[:1]]


def test_a_warning_is_in_sight_for_a_while_and_then_gone() -> None:
    warning = NoticeLine(99.0, "warning", "The line is gone.")
    late = NoticeLine(100.0 - NOTICE_S, "warning", "The line is gone.")

    assert rows(Snapshot((), READY, 0), notice=warning)[-1] == " ● READY warning: The line is gone."
    assert rows(Snapshot((), READY, 0), notice=late)[-1].strip() == "● READY"


def test_muted_is_said_whoever_has_the_floor() -> None:
    speaking = Status(link="ready", muted=True, playing="a")

    assert "MUTED" in rows(Snapshot((), speaking, 0))[-1]


@given(
    width=st.integers(9, 220),
    height=st.integers(3, 60),
    words=st.text(alphabet="abc XYZ.,é你好שלום\u0301", max_size=300),
    muted=st.booleans(),
    playing=st.sampled_from([None, "a"]),
)
def test_the_frame_has_the_terminals_size_whatever_is_in_it(
    width: int, height: int, words: str, muted: bool, playing: str | None
) -> None:
    status = Status(link="ready", muted=muted, playing=playing)
    live = (UserLine(0.5, 1, words), reply(words))

    shown = rows(Snapshot(live, status, 0), width, height)

    assert len(shown) == height
    assert all(cell_len(row) <= width for row in shown)


@pytest.mark.parametrize(
    "word", ["L" + "o" * 150 + "ng\u0e01", "\u0e20\u0e32\u0e29\u0e32\u0e44\u0e17\u0e22" * 25]
)
def test_words_without_a_space_are_shown_to_their_end(word: str) -> None:
    rows = stage_rows(Snapshot((), Status(), 0), 60, 30, ReplyLine(0.0, "a", word, ending="heard"))

    assert word in "".join(row.plain.strip() for row in rows)
