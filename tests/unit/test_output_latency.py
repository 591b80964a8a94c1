"""What the loudspeaker holds: more where it runs dry, less after a calm, changed where nobody hears it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voice_assistant.core.audio import NEAR_RATE, AudioFrame
from voice_assistant.core.events import (
    Command,
    CommitInput,
    DeviceLost,
    DeviceOpened,
    DeviceStarved,
    Event,
    PlayoutDrained,
    PlayoutStarted,
    ReplyDone,
    Ring,
    SetOutputLatency,
    Tick,
    TimerRang,
    TurnClosed,
    TurnOpened,
)
from voice_assistant.core.output_latency import (
    ANSWER_WAIT_S,
    BELL_S,
    CALM_S,
    LONGEST_GAP_MS,
    QUIET_S,
    STEPS_MS,
    OutputLatency,
)

FRAME = AudioFrame(bytes(640), NEAR_RATE)
OPENED = DeviceOpened(-10.0, "playout", "built-in", latency_ms=20.0)


def opened(kept_ms: float = 0.0) -> OutputLatency:
    latency = OutputLatency(kept_ms=kept_ms)
    latency.handle(OPENED, [])
    return latency


def take(latency: OutputLatency, *events: Event) -> None:
    for event in events:
        assert latency.handle(event, []) == []


def next_change(latency: OutputLatency) -> tuple[float, float] | None:
    """When it is opened again, and for how much; None where nothing more would happen by itself."""
    due = latency.deadline()
    if due is None:
        return None
    (command,) = latency.handle(Tick(due), [])
    assert isinstance(command, SetOutputLatency)
    return due, command.latency_ms


def reopened(latency: OutputLatency) -> float:
    """Let what is due happen, and the device deliver; say for how much."""
    change = next_change(latency)
    assert change is not None
    latency.handle(DeviceOpened(change[0], "playout", "built-in"), [])
    return change[1]


def test_a_device_that_never_runs_dry_is_left_alone() -> None:
    assert opened().deadline() is None


def test_a_device_that_ran_dry_holds_as_much_as_the_gap_was_long() -> None:
    latency = opened()

    take(latency, DeviceStarved(5.0, 12.0))
    first = next_change(latency)
    take(latency, DeviceOpened(5.1, "playout", "built-in"), DeviceStarved(8.0, 75.0))

    assert first is not None
    assert first[1] == STEPS_MS[1]
    assert next_change(latency) == (8.0, 90.0)


def test_it_is_opened_again_only_when_the_reply_has_been_heard() -> None:
    latency = opened()

    take(latency, PlayoutStarted(1.0, "a", 1.02), DeviceStarved(2.0, 30.0))
    while_playing = latency.deadline()
    take(latency, PlayoutDrained(8.0, "a", 7000.0))

    assert while_playing is None
    assert next_change(latency) == (8.0 + QUIET_S, STEPS_MS[1])


def test_it_is_not_opened_while_the_user_speaks_or_an_answer_is_on_its_way() -> None:
    latency = opened()

    take(latency, TurnOpened(1.0, 1, FRAME, "voice"), DeviceStarved(2.0, 30.0))
    while_speaking = latency.deadline()
    latency.handle(TurnClosed(3.0, 1, "silence"), [CommitInput(1)])
    waiting = latency.deadline()
    take(latency, PlayoutStarted(4.0, "a", 4.02), PlayoutDrained(6.0, "a", 2000.0))

    assert while_speaking is None
    assert waiting == 3.0 + ANSWER_WAIT_S
    assert next_change(latency) == (6.0 + QUIET_S, STEPS_MS[1])


def test_a_turn_without_an_answer_is_not_waited_for_to_the_end() -> None:
    latency = opened()
    take(latency, DeviceStarved(2.0, 30.0))

    latency.handle(TurnClosed(3.0, 1, "silence"), [CommitInput(1)])
    take(latency, ReplyDone(4.0, None))

    assert latency.deadline() == 4.0 + QUIET_S


def test_a_bell_is_heard_out() -> None:
    latency = opened()
    take(latency, DeviceStarved(2.0, 30.0))

    latency.handle(TimerRang(3.0, "tea", 60.0), [Ring()])

    assert latency.deadline() == 3.0 + BELL_S


def test_after_a_calm_it_goes_down_step_by_step_to_the_least() -> None:
    latency = opened()
    take(latency, DeviceStarved(0.0, 85.0))

    steps = [reopened(latency) for _ in range(4)]

    assert steps == [90.0, 60.0, 40.0, 0.0]
    assert latency.deadline() is None


def test_what_proved_too_little_is_tried_again_only_after_twice_the_calm() -> None:
    latency = opened()
    take(latency, DeviceStarved(0.0, 30.0))
    reopened(latency)
    assert reopened(latency) == 0.0

    take(latency, DeviceStarved(CALM_S + 10.0, 30.0))
    assert reopened(latency) == STEPS_MS[1]

    change = next_change(latency)
    assert change is not None
    assert change[0] - (CALM_S + 10.0) == pytest.approx(2 * CALM_S)


def test_what_happens_while_the_program_starts_is_no_reason() -> None:
    latency = OutputLatency()

    take(latency, DeviceOpened(3.0, "playout", "built-in"), DeviceStarved(3.1, 120.0))

    assert latency.deadline() is None


def test_a_machine_that_slept_is_no_reason() -> None:
    latency = opened()

    take(latency, DeviceStarved(5.0, LONGEST_GAP_MS + 1))

    assert latency.deadline() is None


def test_what_the_person_has_fixed_stays() -> None:
    latency = OutputLatency(is_fixed=True)
    take(latency, OPENED, DeviceStarved(1.0, 50.0))

    assert latency.deadline() is None


def test_a_lost_device_is_left_to_those_who_look_for_it() -> None:
    latency = opened()

    take(latency, DeviceStarved(1.0, 50.0), DeviceLost(1.1, "playout", "unplugged"))
    while_lost = latency.deadline()
    take(latency, DeviceOpened(3.0, "playout", "built-in"))

    assert while_lost is None
    assert next_change(latency) == (1.0, 60.0)


def test_a_session_begins_a_step_below_what_the_last_one_ended_with() -> None:
    latency = opened(kept_ms=90.0)

    assert reopened(latency) == 40.0


EVENTS = st.lists(
    st.one_of(
        st.builds(DeviceStarved, at=st.just(0.0), gap_ms=st.floats(1.0, 2000.0)),
        st.just(DeviceOpened(0.0, "playout", "built-in")),
        st.just(DeviceLost(0.0, "playout", "gone")),
        st.just(PlayoutStarted(0.0, "a", 0.0)),
        st.just(PlayoutDrained(0.0, "a", 100.0)),
        st.just(TurnOpened(0.0, 1, FRAME, "voice")),
        st.just(TurnClosed(0.0, 1, "silence")),
        st.just(Tick(0.0)),
    ),
    max_size=60,
)


@given(events=EVENTS, waits=st.lists(st.floats(0.01, 200.0), min_size=60, max_size=60))
def test_whatever_happens_it_is_opened_in_quiet_only_and_a_tick_never_asks_for_another(
    events: list[Event], waits: list[float]
) -> None:
    latency = OutputLatency()
    now, playing, speaking = 0.0, False, False
    for event, wait in zip(events, waits, strict=False):
        now += wait
        while (due := latency.deadline()) is not None and due <= now:
            commands: list[Command] = latency.handle(Tick(due), [])
            assert not playing
            assert not speaking
            assert commands, "a deadline that nothing comes of would never end"
            assert latency.deadline() is None
        match event:
            case PlayoutStarted():
                playing = True
            case PlayoutDrained():
                playing = False
            case TurnOpened():
                speaking = True
            case TurnClosed():
                speaking = False
            case _:
                pass
        stamped = type(event)(**{name: getattr(event, name) for name in event.__slots__} | {"at": now})
        commands = latency.handle(stamped, [])
        assert not (commands and (playing or speaking))
