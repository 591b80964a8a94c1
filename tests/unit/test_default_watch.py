"""The system's default, followed where that is wanted: looked for, moved to when nobody speaks, told once."""

from __future__ import annotations

import pytest

from voice_assistant.core.audio import AudioFrame
from voice_assistant.core.default_watch import LOOK_EVERY_S, DefaultWatch
from voice_assistant.core.events import (
    Command,
    DefaultChanged,
    DeviceLost,
    DeviceOpened,
    Direction,
    Event,
    FollowDefault,
    LookForDefault,
    Notify,
    PlayoutDrained,
    PlayoutStarted,
    Tick,
    TurnClosed,
    TurnOpened,
)

PRE_ROLL = AudioFrame(bytes(640), 16_000)
START = (DeviceOpened(0.0, "playout", "speakers"), DeviceOpened(0.0, "capture", "desk"))
HEADSET = DefaultChanged(6.0, "headset", "", rescan=True)


def watch(*events: Event, follows: tuple[Direction, ...] = ("capture", "playout")) -> DefaultWatch:
    watching = DefaultWatch(frozenset(follows))
    take(watching, *START, *events)
    return watching


def take(watching: DefaultWatch, *events: Event) -> list[Command]:
    return [command for event in events for command in watching.handle(event)]


def notices(commands: list[Command]) -> list[str]:
    return [command.text for command in commands if isinstance(command, Notify)]


def test_it_is_looked_for_from_time_to_time() -> None:
    watching = watch()

    looks = [take(watching, Tick(at)) for at in (LOOK_EVERY_S, LOOK_EVERY_S + 1, 2 * LOOK_EVERY_S)]

    assert looks == [[LookForDefault(("capture", "playout"))], [], [LookForDefault(("capture", "playout"))]]


def test_where_nothing_is_to_follow_nothing_is_looked_for() -> None:
    watching = watch(follows=())

    assert watching.deadline() is None
    assert take(watching, Tick(100.0), HEADSET) == []


def test_another_default_is_moved_to_and_told_in_one_line() -> None:
    watching = watch()

    moved = take(watching, HEADSET)
    told = take(watching, DeviceOpened(6.1, "playout", "speakers"), DeviceOpened(6.2, "capture", "headset"))

    assert moved == [FollowDefault(("capture",), rescan=True)]
    assert told == [Notify("info", "The microphone is 'headset' now, the system's new default.")]


def test_only_the_end_that_is_to_follow_does() -> None:
    watching = watch(follows=("playout",))

    assert take(watching, HEADSET) == []
    assert take(watching, DefaultChanged(7.0, "headset", "headset", rescan=True)) == [
        FollowDefault(("playout",), rescan=True)
    ]


def test_nobody_is_disturbed_for_it() -> None:
    watching = watch(TurnOpened(5.0, 1, PRE_ROLL, "voice"))

    spoken_into = take(watching, HEADSET, PlayoutStarted(6.5, "a", 6.5), TurnClosed(7.0, 1, "silence"))
    quiet = take(watching, PlayoutDrained(8.0, "a", 1.0))

    assert spoken_into == []
    assert quiet == [FollowDefault(("capture",), rescan=True)]


def test_a_default_that_has_changed_back_before_it_was_quiet_is_not_moved_to() -> None:
    watching = watch(TurnOpened(5.0, 1, PRE_ROLL, "voice"), HEADSET)

    assert take(watching, Tick(2 * LOOK_EVERY_S), TurnClosed(11.0, 1, "silence")) == [
        LookForDefault(("capture", "playout"))
    ]


def test_what_a_sound_server_tells_once_is_kept_until_it_is_quiet() -> None:
    watching = watch(TurnOpened(5.0, 1, PRE_ROLL, "voice"))

    take(watching, DefaultChanged(6.0, "usb", "", rescan=False), Tick(2 * LOOK_EVERY_S))
    moved = take(watching, TurnClosed(11.0, 1, "silence"))
    told = take(watching, DeviceOpened(11.1, "capture", "default"))

    assert moved == [FollowDefault(("capture",), rescan=False)]
    assert notices(told) == ["The microphone is 'usb' now, the system's new default."]


def test_a_new_default_that_does_not_open_is_told_and_not_tried_again() -> None:
    watching = watch()

    take(watching, HEADSET)
    told = take(watching, DeviceOpened(6.1, "capture", "desk"))

    assert notices(told) == [
        "'headset', the system's new default, does not open; the microphone stays 'desk'."
    ]
    assert take(watching, HEADSET) == []
    assert take(watching, DefaultChanged(20.0, "webcam", "", rescan=True)) == [
        FollowDefault(("capture",), rescan=True)
    ]


@pytest.mark.parametrize("direction", ["capture", "playout"])
def test_while_a_device_is_lost_nothing_else_is_touched(direction: Direction) -> None:
    watching = watch(DeviceLost(5.0, direction, "gone"))

    assert take(watching, Tick(LOOK_EVERY_S), HEADSET) == []
    assert take(watching, DeviceOpened(7.0, direction, "built-in")) == [
        FollowDefault(("capture",), rescan=True)
    ]


def test_one_move_at_a_time() -> None:
    watching = watch()

    assert len(take(watching, HEADSET, HEADSET)) == 1
