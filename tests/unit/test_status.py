"""The status: who has the floor, and what else a status line says."""

from __future__ import annotations

import pytest

from voice_assistant.core.audio import NEAR_RATE, REPLY_RATE, SILENCE_DBFS, AudioFrame
from voice_assistant.core.events import (
    AppendInput,
    Capabilities,
    Captured,
    Command,
    CommitInput,
    Connect,
    DeviceLost,
    DeviceOpened,
    Disconnect,
    Event,
    KeysKnown,
    Level,
    LinkLost,
    LinkOpened,
    ModeChanged,
    MuteChanged,
    PausePlayout,
    PlayoutDrained,
    PlayoutDropped,
    PlayoutStarted,
    Pressed,
    Released,
    ReplyDone,
    ResumePlayout,
    SessionOpened,
    SpokeWhileMuted,
    TurnClosed,
    TurnOpened,
    Usage,
)
from voice_assistant.core.status import ANSWER_WAIT_S, HINT_S, Having, Status

FRAME = AudioFrame(bytes(640), NEAR_RATE)
READY: list[Event | Command] = [Connect(1), LinkOpened(0.1, 1), SessionOpened(0.2, "model", Capabilities())]
SPOKEN: list[Event | Command] = [
    TurnOpened(1.0, 1, FRAME, "voice"),
    TurnClosed(2.0, 1, "silence"),
    CommitInput(1),
]
INTERRUPTED: list[Event | Command] = [
    PlayoutStarted(3.0, "a", 3.1),
    TurnOpened(4.0, 2, FRAME, "voice"),
    PausePlayout(),
]


def after(entries: list[Event | Command], status: Status | None = None) -> Status:
    status = status or Status()
    for entry in entries:
        status = status.after(entry)
    return status


@pytest.mark.parametrize(
    ("entries", "floor"),
    [
        ([], "connecting"),
        ([Connect(1), LinkOpened(0.1, 1)], "connecting"),
        (READY, "listening"),
        ([*READY, SPOKEN[0]], "user"),
        ([*READY, *SPOKEN], "waiting"),
        ([*READY, *SPOKEN, ReplyDone(2.5, None)], "listening"),
        ([*READY, *SPOKEN, Pressed(2.5, "interrupt")], "listening"),
        ([*READY, *SPOKEN, Level(ANSWER_WAIT_S + 1, -60, -60, False)], "listening"),
        ([*READY, *SPOKEN, PlayoutStarted(3.0, "a", 3.1)], "speaking"),
        ([*READY, *SPOKEN, PlayoutStarted(3.0, "a", 3.1), PlayoutDrained(4.0, "a", 900.0)], "listening"),
        ([*READY, *INTERRUPTED], "user"),
        ([*READY, *INTERRUPTED, TurnClosed(4.3, 2, "silence")], "paused"),
        ([*READY, *INTERRUPTED, TurnClosed(4.3, 2, "silence"), ResumePlayout()], "speaking"),
        (
            [*READY, *INTERRUPTED, PlayoutDropped(4.5, "a", 9.0), ResumePlayout(), TurnClosed(5.0, 2, "key")],
            "listening",
        ),
        ([*READY, LinkLost(9.0, 1, opened=True)], "connecting"),
        ([*READY, Disconnect(1), LinkLost(9.0, 1, opened=True)], "resting"),
        ([*READY, Disconnect(1), Connect(2)], "connecting"),
        ([*READY, Connect(2), LinkLost(9.0, 1, opened=True)], "listening"),
    ],
)
def test_the_floor_follows_the_conversation(entries: list[Event | Command], floor: Having) -> None:
    assert after(entries).floor == floor


def test_a_key_that_is_tapped_holds_the_turn_open() -> None:
    held = after([*READY, Pressed(1.0, "talk"), TurnOpened(1.0, 1, FRAME, "key")])
    latched = after([Released(1.2, "talk", tap=True)], held)

    assert held.talking == "key held"
    assert latched.talking == "key latched"
    assert after([TurnClosed(5.0, 1, "key")], latched).talking == "no"


def test_a_key_takes_over_a_turn_that_the_voice_opened() -> None:
    status = after([*READY, TurnOpened(1.0, 1, FRAME, "voice"), Pressed(1.5, "talk")])

    assert status.talking == "key held"


def test_what_is_told_is_kept() -> None:
    status = after(
        [
            *READY,
            ModeChanged(1.0, "push-to-talk"),
            MuteChanged(1.0, True),
            KeysKnown(1.0, "watched"),
            Level(2.0, -31.0, -55.0, True),
        ]
    )

    assert (status.mode, status.muted, status.keys) == ("push-to-talk", True, "watched")
    assert (status.near_dbfs, status.floor_dbfs, status.is_speech) == (-31.0, -55.0, True)


def test_the_models_name_is_neutralised() -> None:
    status = after([Connect(1), SessionOpened(0.2, "mo\x1b[31mdel\n", Capabilities())])

    assert status.model == "model "


def test_what_does_not_matter_leaves_the_same_object() -> None:
    status = after(READY)

    assert status.after(AppendInput(1, FRAME)) is status


def test_the_loudspeaker_has_a_level_while_something_plays() -> None:
    near = AudioFrame(bytes(640), NEAR_RATE)
    loud = AudioFrame(b"\x00\x40" * 480, REPLY_RATE)
    playing = Status().after(Captured(1.0, near, loud))
    silent = playing.after(Captured(1.02, near, AudioFrame(bytes(960), REPLY_RATE)))

    assert playing.far_dbfs == pytest.approx(-6.0, abs=0.1)
    assert silent.far_dbfs == SILENCE_DBFS
    assert silent.after(Captured(1.04, near, AudioFrame(bytes(960), REPLY_RATE))) is silent


def test_tokens_add_up_where_they_are_told() -> None:
    status = after(
        [ReplyDone(1.0, "a", usage=Usage(100, 20)), ReplyDone(2.0, "b"), ReplyDone(3.0, None, usage=Usage(5))]
    )

    assert status.tokens == 125


def test_the_session_began_with_the_first_level() -> None:
    assert after([Level(2.0, -60, -60, False), Level(3.0, -60, -60, False)]).began_at == 2.0


def test_who_spoke_while_muted_is_told_for_a_moment() -> None:
    unheard = after([MuteChanged(1.0, True), SpokeWhileMuted(2.0), Level(2.1, -120, -120, False)])

    assert unheard.is_unheard
    assert not unheard.after(Level(2.0 + HINT_S, -120, -120, False)).is_unheard
    assert not unheard.after(MuteChanged(2.2, False)).is_unheard


def test_a_microphone_that_is_gone_is_no_live_one() -> None:
    talking = Status(near_dbfs=-30.0, is_speech=True)

    gone = talking.after(DeviceLost(1.0, "capture", "the stream ended"))
    back = gone.after(DeviceLost(1.1, "playout", "the same")).after(DeviceOpened(2.0, "capture", "built-in"))

    assert gone.lost == {"capture"}
    assert gone.near_dbfs == -120.0
    assert back.lost == {"playout"}
