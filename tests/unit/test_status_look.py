"""The rows of the status: what is in them, and that they fit."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from voice_assistant.core.echo import EchoMode
from voice_assistant.core.latency import NO_WAITS, Spread, TurnLatency, Waits
from voice_assistant.core.status import Status
from voice_assistant.terminal.key_settings import KeySettings
from voice_assistant.terminal.status_look import clock_time, short_count, status_rows

KNOWN = Status(
    provider="litellm",
    model="gemini-live-2.5-flash",
    link="ready",
    keys="reported",
    at=190.0,
    began_at=3.0,
    volume_db=-6.0,
    tokens=12_345,
    near_dbfs=-20.0,
    floor_dbfs=-50.0,
    far_dbfs=-15.0,
    is_speech=True,
)
WAITS = Waits(
    answer=Spread(620.0, 600.0, 1310.0, 4),
    silence=Spread(180.0, 170.0, 190.0, 3),
    last=TurnLatency(4, 250.0, 560.0, 620.0),
)


def rows(status: Status, width: int, waits: Waits = WAITS, *, is_typing: bool = False) -> list[str]:
    return [row.plain for row in status_rows(status, KeySettings(), width, waits=waits, is_typing=is_typing)]


def test_where_there_is_room_everything_is_shown() -> None:
    state, known, keys = rows(KNOWN, 119)

    assert state.startswith(" LIVE  listening  mic ###|")
    assert "  loud ====" in state
    assert (
        known == "litellm gemini-live-2.5-flash · answer 0.62 s · p50 0.60 p95 1.31 · silent 0.18 s"
        " · -6 dB · 3:07 · 12k tokens"
    )
    assert keys.startswith("hands-free · hold space or tap · m mute · ? keys · enter type · tab mode")


def test_on_a_wide_screen_an_answers_time_is_taken_apart() -> None:
    known = rows(KNOWN, 199)[1]

    assert (
        "answer 0.62 s · p50 0.60 p95 1.31 · end 0.25 + model 0.31 + play 0.06"
        " · silent 0.18 s · p50 0.17 p95 0.19 ·" in known
    )


def test_at_forty_columns_what_matters_most_stays() -> None:
    state, known, keys = rows(KNOWN, 39)

    assert "#" in state
    assert "=" in state
    assert known == "answer 0.62 s · -6 dB · 3:07"
    assert keys == "hands-free · hold space or tap · m mute"


def test_while_a_line_is_typed_the_keys_are_those_of_the_line() -> None:
    assert rows(KNOWN, 79, is_typing=True)[2] == "typing · enter sends · esc leaves · up recalls"


@given(
    width=st.integers(5, 200),
    model=st.text(alphabet="gemini-你好שלום", max_size=60),
    muted=st.booleans(),
    recording=st.booleans(),
    mode=st.sampled_from(["hands-free", "push-to-talk"]),
    dbfs=st.floats(-130, 10),
    turns=st.integers(0, 5),
    is_typing=st.booleans(),
)
def test_no_row_is_wider_than_it_may_be(
    width: int,
    model: str,
    muted: bool,
    recording: bool,
    mode: str,
    dbfs: float,
    turns: int,
    is_typing: bool,
) -> None:
    status = Status(
        model=model,
        muted=muted,
        recording=recording,
        mode=mode,  # type: ignore[arg-type]
        near_dbfs=dbfs,
        far_dbfs=dbfs,
        began_at=0.0,
        unheard_at=0.0 if turns == 1 else None,
    )

    shown = rows(
        status, width, Waits(answer=Spread(1.0, 1.0, 1.0, turns)) if turns else NO_WAITS, is_typing=is_typing
    )

    assert len(shown) == 3
    assert all(cell_len(row) <= width for row in shown)


@pytest.mark.parametrize(
    ("seconds", "shown"), [(0, "0:00"), (187.9, "3:07"), (3609, "1:00:09"), (-1, "0:00")]
)
def test_time_reads_as_on_a_clock(seconds: float, shown: str) -> None:
    assert clock_time(seconds) == shown


@pytest.mark.parametrize(
    ("number", "shown"),
    [
        (0, "0"),
        (999, "999"),
        (1000, "1.0k"),
        (9_949, "9.9k"),
        (9_950, "10k"),
        (999_499, "999k"),
        (1_250_000, "1.2M"),
    ],
)
def test_counts_are_short(number: int, shown: str) -> None:
    assert short_count(number) == shown


@pytest.mark.parametrize(
    ("mode", "removed_db", "told"),
    [
        ("cancelling", 28.6, "  echo -29 dB"),
        ("cancelling", 0.0, "  no echo"),
        ("cancelling", -1.2, "  echo 0 dB"),
        ("half-duplex", None, "  half duplex"),
    ],
)
def test_what_becomes_of_the_echo_is_shown_where_there_is_room(
    mode: EchoMode, removed_db: float | None, told: str
) -> None:
    status = replace(KNOWN, echo_mode=mode, echo_removed_db=removed_db)

    assert rows(status, 79)[0].endswith(told)
    assert "echo" not in rows(status, 39)[0]


@pytest.mark.parametrize(("mode", "removed_db"), [("cancelling", None), ("off", 0.0)])
def test_nothing_is_said_of_an_echo_that_is_not_there(mode: EchoMode, removed_db: float | None) -> None:
    assert "echo" not in rows(replace(KNOWN, echo_mode=mode, echo_removed_db=removed_db), 119)[0]
