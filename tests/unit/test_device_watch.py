"""A microphone or loudspeaker that goes away: opened again at once, told in one line, taken back later."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voice_assistant.core.audio import SILENCE_DBFS, AudioFrame
from voice_assistant.core.device_watch import (
    EXPLAIN_AFTER_S,
    LOOK_EVERY_S,
    RESCAN_EVERY_S,
    TELL_AFTER_S,
    ZERO_FRAMES,
    DeviceWatch,
)
from voice_assistant.core.events import (
    Action,
    Command,
    DeviceLost,
    DeviceOpened,
    DevicesReturned,
    Direction,
    Event,
    Level,
    LookAtMicrophone,
    LookForDevices,
    LoudspeakerCaptured,
    MuteChanged,
    NoOtherDevice,
    Notify,
    PlayoutDrained,
    PlayoutStarted,
    Pressed,
    ReopenDevices,
    TakeNextDevice,
    TelephoneHeard,
    Tick,
    TurnClosed,
    TurnOpened,
)

PRE_ROLL = AudioFrame(bytes(640), 16_000)
START = (DeviceOpened(0.0, "playout", "built-in"), DeviceOpened(0.0, "capture", "headset"))


def watch(*events: Event) -> DeviceWatch:
    watching = DeviceWatch()
    take(watching, *START, *events)
    return watching


def take(watching: DeviceWatch, *events: Event) -> list[Command]:
    return [command for event in events for command in watching.handle(event)]


def wait(watching: DeviceWatch, until: float = 1e9) -> tuple[float, list[Command]]:
    """Let time pass until something is to be done, or until then."""
    while (due := watching.deadline()) is not None and due <= until:
        if commands := watching.handle(Tick(due)):
            return due, commands
    return until, []


def notices(commands: list[Command]) -> list[str]:
    return [command.text for command in commands if isinstance(command, Notify)]


def fail(watching: DeviceWatch, until: float, *directions: Direction) -> list[tuple[float, ReopenDevices]]:
    """Answer every attempt with another loss; give the attempts."""
    attempts: list[tuple[float, ReopenDevices]] = []
    while True:
        at, commands = wait(watching, until)
        if not commands:
            return attempts
        for command in commands:
            if isinstance(command, ReopenDevices):
                attempts.append((at, command))
                take(watching, *(DeviceLost(at + 0.01, one, "no device") for one in directions))


def test_what_is_lost_is_opened_again_at_once_and_the_other_end_is_left_alone() -> None:
    watching = watch(DeviceLost(1.0, "capture", "the stream ended"))

    at, commands = wait(watching)

    assert commands == [ReopenDevices(("capture",), rescan=False)]
    assert at - 1.0 <= 0.1


def test_both_ends_of_a_sound_server_that_dies_are_opened_in_one_go() -> None:
    watching = watch(DeviceLost(1.0, "playout", "the stream ended"), DeviceLost(1.02, "capture", "the same"))

    _, commands = wait(watching)
    mended = take(
        watching, DeviceOpened(1.2, "playout", "built-in"), DeviceOpened(1.25, "capture", "built-in")
    )

    assert commands == [ReopenDevices(("capture", "playout"), rescan=False)]
    assert notices(mended) == [
        "The microphone and the loudspeaker were gone for a moment; back on 'built-in'."
        " What you said meanwhile was not heard."
    ]
    assert watching.deadline() is None


def test_where_that_fails_devices_are_looked_for_anew() -> None:
    watching = watch(DeviceLost(1.0, "capture", "the stream ended"))

    attempts = fail(watching, 1.5, "capture")

    assert [command.rescan for _, command in attempts[:2]] == [False, True]


def test_the_default_in_place_of_the_device_asked_for_is_told_in_one_line() -> None:
    watching = watch(DeviceLost(1.0, "capture", "the stream ended"))
    wait(watching)

    told = take(watching, DeviceOpened(1.3, "capture", "default", is_fallback=True))

    assert notices(told) == ["'headset' is gone; the microphone is 'default' now."]


def test_a_loss_that_is_not_mended_soon_is_told_and_later_explained_once() -> None:
    watching = watch(DeviceLost(1.0, "playout", "the stream ended"))
    told: list[tuple[float, Notify]] = []

    while True:
        at, commands = wait(watching, 100.0)
        if not commands:
            break
        told += [(at, command) for command in commands if isinstance(command, Notify)]
        if any(isinstance(command, ReopenDevices) for command in commands):
            take(watching, DeviceLost(at, "playout", "no sound devices were found"))

    assert [at for at, _ in told] == [
        pytest.approx(1.0 + TELL_AFTER_S, abs=1),
        pytest.approx(1.0 + EXPLAIN_AFTER_S, abs=4),
    ]
    assert [notice.text for _, notice in told] == [
        "The loudspeaker is gone: no sound devices were found. The conversation waits for another.",
        "The loudspeaker is still gone after 30 s.",
    ]
    assert "devices" in told[1][1].remedy
    assert notices(take(watching, DeviceOpened(100.0, "playout", "built-in"))) == [
        "The loudspeaker is back, on 'built-in'."
    ]


@given(st.lists(st.sampled_from(["capture", "playout"]), min_size=1, max_size=2, unique=True))
def test_attempts_go_on_for_ever_and_never_pile_up(lost: list[Direction]) -> None:
    watching = watch(*(DeviceLost(1.0, one, "gone") for one in lost))

    attempts = [at for at, _ in fail(watching, 300.0, *lost)]

    waits = [later - sooner for sooner, later in pairwise(attempts)]
    assert attempts[-1] > 290
    assert min(waits) >= 0.1
    assert max(waits) <= 3.1


def test_no_attempt_is_made_while_one_is_under_way() -> None:
    watching = watch(DeviceLost(1.0, "capture", "gone"))
    wait(watching)

    _, commands = wait(watching, 20.0)

    assert [type(command) for command in commands] == [Notify]
    assert wait(watching, 20.0)[1] == []


def test_a_reply_that_is_heard_is_not_disturbed_again_and_again_for_a_lost_microphone() -> None:
    watching = watch(PlayoutStarted(0.5, "a", 0.5), DeviceLost(1.0, "capture", "gone"))

    during = fail(watching, 25.0, "capture")
    take(watching, PlayoutDrained(25.0, "a", 1.0))
    after = fail(watching, 60.0, "capture")

    assert sum(command.rescan for _, command in during) == 1
    rescans = [at for at, command in after if command.rescan]
    assert len(rescans) >= 2
    assert min(b - a for a, b in pairwise(rescans)) >= RESCAN_EVERY_S


def test_a_device_that_is_lost_again_at_once_has_not_really_been_back() -> None:
    watching = watch(DeviceLost(1.0, "capture", "gone"))
    wait(watching)
    take(watching, DeviceOpened(1.1, "capture", "headset"), DeviceLost(1.2, "capture", "gone"))

    _, commands = wait(watching)

    assert commands == [ReopenDevices(("capture",), rescan=True)]


def test_a_device_that_returns_is_taken_back_when_nobody_speaks() -> None:
    watching = watch(DeviceLost(1.0, "capture", "gone"))
    wait(watching)
    take(watching, DeviceOpened(1.3, "capture", "default", is_fallback=True))

    at, looked = wait(watching)
    spoken_into = take(watching, TurnOpened(at, 1, PRE_ROLL, "voice"), DevicesReturned(at, ("capture",)))
    played_into = take(watching, PlayoutStarted(at, "a", at), TurnClosed(at + 1, 1, "silence"))
    quiet = take(watching, PlayoutDrained(at + 2, "a", 1.0))
    told = take(
        watching, DeviceOpened(at + 3, "playout", "built-in"), DeviceOpened(at + 3, "capture", "headset")
    )

    assert looked == [LookForDevices(("capture",))]
    assert at == pytest.approx(1.3 + LOOK_EVERY_S)
    assert spoken_into + played_into == []
    assert quiet == [ReopenDevices(("capture",), rescan=True)]
    assert notices(told) == ["The microphone is 'headset' again."]
    assert watching.deadline() is None


def test_a_device_that_is_seen_but_does_not_open_is_looked_for_less_and_less_often() -> None:
    watching = watch(DeviceLost(1.0, "capture", "gone"))
    wait(watching)
    take(watching, DeviceOpened(1.3, "capture", "default", is_fallback=True))
    looks: list[float] = []
    told: list[str] = []

    for _ in range(8):
        at, _ = wait(watching)
        looks.append(at)
        assert take(watching, DevicesReturned(at, ("capture",)))
        told += notices(take(watching, DeviceOpened(at + 0.1, "capture", "default", is_fallback=True)))

    waits = [later - sooner for sooner, later in pairwise(looks)]
    assert waits[0] < waits[1] < waits[2]
    assert max(waits) <= 81
    assert told == []


def silence(frames: int, first_at: float = 1.0) -> list[Event]:
    return [Level(first_at + 0.02 * index, SILENCE_DBFS, SILENCE_DBFS, False) for index in range(frames)]


def test_a_microphone_of_nothing_but_zeros_is_explained_once() -> None:
    watching = watch()

    early = take(watching, *silence(ZERO_FRAMES - 1))
    told = take(watching, *silence(1), *silence(2 * ZERO_FRAMES))
    again = take(
        watching, DeviceLost(9.0, "capture", "x"), DeviceOpened(9.1, "capture", "headset"), *silence(500)
    )

    assert early == []
    assert notices(told) == ["The microphone 'headset' delivers nothing but zeros."]
    assert "privacy" in str(told).casefold()
    assert "zeros" not in str(again)


def test_one_sample_that_is_not_zero_shows_that_a_microphone_works() -> None:
    watching = watch(*silence(100), Level(3.0, -115.0, -115.0, False))

    assert take(watching, *silence(2 * ZERO_FRAMES)) == []


def test_what_is_zero_because_it_is_muted_or_a_file_is_no_fault() -> None:
    muted = watch(MuteChanged(0.5, True))
    file = DeviceWatch()

    assert take(muted, *silence(2 * ZERO_FRAMES)) == []
    assert take(file, *silence(2 * ZERO_FRAMES)) == []


def test_a_microphone_that_became_the_loudspeakers_monitor_is_told_with_its_remedy() -> None:
    (told,) = take(watch(), LoudspeakerCaptured(5.0))

    assert isinstance(told, Notify)
    assert "loudspeaker's own sound" in told.text
    assert "--input-device" in told.remedy


# --- Another device, by a key ---


@pytest.mark.parametrize(("key", "direction"), [("microphone", "capture"), ("loudspeaker", "playout")])
def test_a_key_asks_for_the_next_device_and_it_is_named_when_it_opens(
    key: Action, direction: Direction
) -> None:
    watching = watch()

    assert take(watching, Pressed(1.0, key), Pressed(1.1, key)) == [TakeNextDevice(direction)]
    assert notices(take(watching, DeviceOpened(1.2, direction, "webcam"))) == [
        f"The {'microphone' if direction == 'capture' else 'loudspeaker'} is 'webcam' now."
    ]
    assert wait(watching) == (1e9, [])


def test_where_there_is_no_other_that_is_told_and_can_be_asked_again() -> None:
    watching = watch(Pressed(1.0, "microphone"))

    assert notices(take(watching, NoOtherDevice(1.1, "capture"))) == [
        "There is no other microphone that opens."
    ]
    assert take(watching, Pressed(2.0, "microphone")) == [TakeNextDevice("capture")]


def test_a_device_that_is_lost_is_looked_for_already() -> None:
    watching = watch(DeviceLost(1.0, "capture", "gone"))

    assert take(watching, Pressed(1.01, "microphone")) == []


# --- The telephone profile ---


def test_a_microphone_that_opens_is_looked_at() -> None:
    watching = DeviceWatch()

    assert take(watching, *START) == [LookAtMicrophone()]


@pytest.mark.parametrize(
    ("instead", "how", "remedy"),
    [
        ("built-in", "", "Take 'built-in' with the key for the next microphone"),
        (
            "alsa_input.pci",
            "pactl set-default-source alsa_input.pci",
            "pactl set-default-source alsa_input.pci",
        ),
        ("", "", "Use another microphone"),
    ],
)
def test_a_telephone_is_told_with_what_to_use_instead(instead: str, how: str, remedy: str) -> None:
    (told,) = take(watch(), TelephoneHeard(1.0, "AirPods", instead, how))

    assert isinstance(told, Notify)
    assert told.text.startswith("'AirPods' is a Bluetooth headset's microphone")
    assert remedy in told.remedy
