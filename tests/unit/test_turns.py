"""The gate: what opens a turn, what keeps it open, what ends it, and which samples it is made of."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from voice_assistant.core.audio import NEAR_RATE, AudioFrame
from voice_assistant.core.events import (
    Event,
    TurnAudio,
    TurnClosed,
    TurnOpened,
    TurnSuspected,
    TurnWithdrawn,
)
from voice_assistant.core.evidence import LONGEST_ONSET_MS
from voice_assistant.core.settings import SettingError
from voice_assistant.core.turns import FRAME_MS, Heard, Share, TurnGate, TurnSettings

FRAME = NEAR_RATE * FRAME_MS // 1000


SCORES = {"S": 3.0, "s": 1.0, "f": -0.4}
"""The detector's log-odds."""


class Ear:
    """Feeds a gate frame by frame; every sample holds its own index modulo 2**16."""

    def __init__(self, gate: TurnGate) -> None:
        self.gate = gate
        self.events: list[Event] = []
        self.sample = 0

    @property
    def at(self) -> float:
        return self.sample / NEAR_RATE

    def hear(
        self,
        speech: str,
        *,
        far_active: bool = False,
        echo: bool = False,
        tail: bool = False,
        begins: bool = False,
        samples: int = FRAME,
    ) -> list[Event]:
        """A letter a frame: S clear speech, s speech, f too faint to be called that, others silence."""
        events: list[Event] = []
        for letter in speech:
            voice = AudioFrame(pcm(self.sample, samples), NEAR_RATE, self.sample)
            self.sample += samples
            is_speech, is_clear = letter in "sS", letter == "S"
            score = SCORES.get(letter, -4.0)
            heard = Heard(voice, is_speech, is_clear, far_active, echo, tail=tail, score=score, begins=begins)
            events += self.gate.hear(self.at, heard)
            begins = False
        self.events += events
        return events

    def press(self) -> list[Event]:
        events = self.gate.press(self.at)
        self.events += events
        return events


def counted_ms(events: list[Event]) -> float:
    """What of a turn's frames counts as words that interrupt."""
    return sum(e.frame.ms * e.weight for e in events if isinstance(e, TurnAudio) and e.is_speech)


def pcm(first: int, samples: int) -> bytes:
    return b"".join((index % 65536).to_bytes(2, "little") for index in range(first, first + samples))


def kinds(events: list[Event]) -> list[str]:
    return [type(event).__name__ for event in events if not isinstance(event, TurnAudio)]


def opened(events: list[Event]) -> list[TurnOpened]:
    return [event for event in events if isinstance(event, TurnOpened)]


def closed(events: list[Event]) -> list[TurnClosed]:
    return [event for event in events if isinstance(event, TurnClosed)]


def test_clear_speech_opens_a_turn_and_silence_ends_it() -> None:
    ear = Ear(TurnGate(TurnSettings(hangover_ms=700)))

    ear.hear("." * 50 + "S" * 20 + "." * 34)
    before = closed(ear.events)
    ear.hear(".")

    assert kinds(ear.events) == ["TurnSuspected", "TurnOpened", "TurnClosed"]
    assert not before
    assert closed(ear.events) == [TurnClosed(ear.at, 1, "silence")]


def test_speech_that_is_not_clear_is_suspected_and_withdrawn() -> None:
    ear = Ear(TurnGate())

    events = ear.hear("." * 20 + "s" * 10 + "." * 15)

    assert kinds(events) == ["TurnSuspected", "TurnWithdrawn"]


def test_suspicion_comes_at_the_third_frame_of_four() -> None:
    ear = Ear(TurnGate())

    assert kinds(ear.hear("s.s")) == []
    assert kinds(ear.hear("s")) == ["TurnSuspected"]


@pytest.mark.parametrize(("speech_ms", "needed", "among"), [(60, 3, 4), (80, 4, 6), (180, 9, 12)])
def test_an_onset_is_speech_within_a_stretch_a_third_longer(speech_ms: int, needed: int, among: int) -> None:
    assert Share.of(speech_ms) == Share(needed, among)


@pytest.mark.parametrize(("echo", "frames"), [(False, 4), (True, 6)])
def test_barge_in_takes_as_much_speech_as_is_set(echo: bool, frames: int) -> None:
    ear = Ear(TurnGate(TurnSettings(barge_in_ms=80, barge_in_echo_ms=120)))
    ear.hear("." * 20, far_active=True, echo=echo, tail=echo)

    before = ear.hear("s" * (frames - 1), far_active=True, echo=echo, tail=echo)
    then = ear.hear("s", far_active=True, echo=echo, tail=echo)

    assert not opened(before)
    assert [event.speech_ms for event in opened(then)] == [frames * FRAME_MS]


def test_a_faint_voice_under_echo_takes_the_floor_later_and_without_a_suspicion() -> None:
    ear = Ear(TurnGate(TurnSettings(barge_in_echo_ms=120)))

    assert kinds(ear.hear("f" * 14, far_active=True, echo=True, tail=True)) == []
    assert kinds(ear.hear("f" * 2, far_active=True, echo=True, tail=True)) == ["TurnOpened"]


def test_a_faint_voice_that_breaks_off_under_echo_was_nobody() -> None:
    ear = Ear(TurnGate(TurnSettings(barge_in_echo_ms=120)))

    assert kinds(ear.hear("ffff...." * 20, far_active=True, echo=True, tail=True)) == []


def test_a_turn_over_echo_that_was_nobodys_makes_the_next_one_harder() -> None:
    ear = Ear(TurnGate(TurnSettings(barge_in_echo_ms=60, hangover_ms=200)))

    assert kinds(ear.hear("sss" + "." * 10, far_active=True, echo=True, tail=True)) == [
        "TurnOpened",
        "TurnClosed",
    ]
    assert kinds(ear.hear("sss" + "." * 10, far_active=True, echo=True, tail=True)) == []
    assert kinds(ear.hear("ssssss", far_active=True, echo=True, tail=True)) == ["TurnOpened"]


def test_what_may_be_the_rest_of_the_echo_counts_as_if_heard_before_the_pause_and_no_longer() -> None:
    ear = Ear(TurnGate(TurnSettings(barge_in_echo_ms=60)))
    [turn] = opened(ear.hear("sss", far_active=True, echo=True, tail=True))

    tail = ear.hear("s" * 10, far_active=True, echo=True, tail=True)
    after = ear.hear("s" * 5, far_active=True, echo=True)

    assert turn.speech_ms + counted_ms(tail) == LONGEST_ONSET_MS
    assert counted_ms(after) == 100


def test_a_turn_that_nobody_opened_ends_though_the_rest_of_its_echo_goes_on() -> None:
    ear = Ear(TurnGate(TurnSettings(barge_in_echo_ms=60, hangover_ms=200)))
    ear.hear("sss", far_active=True, echo=True, tail=True)

    assert "TurnClosed" in kinds(ear.hear("s" * 80, far_active=True, echo=True, tail=True))


def test_speech_that_may_be_echo_does_not_end_a_turn_before_it_can_be_told_from_one() -> None:
    ear = Ear(TurnGate(TurnSettings()))
    opened_by = ear.hear("sss", far_active=True, echo=True, tail=True)

    tail = ear.hear("s" * 45, far_active=True, echo=True, tail=True)
    after = ear.hear("s" * 10, far_active=True, echo=True)

    assert opened(opened_by)
    assert not closed(tail)
    assert [event.is_speech for event in after if isinstance(event, TurnAudio)] == [True] * 10


def test_an_echo_that_sounds_like_speech_for_good_keeps_no_turn_open() -> None:
    ear = Ear(TurnGate(TurnSettings()))
    ear.hear("sss", far_active=True, echo=True, tail=True)

    heard = ear.hear("s" * 100, far_active=True, echo=True, tail=True)

    assert closed(heard)


def test_behind_the_echo_of_a_reply_it_takes_clear_speech_as_into_the_silence() -> None:
    ear = Ear(TurnGate())
    ear.hear("." * 20, far_active=True, echo=True, tail=True)

    music = ear.hear("sssff." * 10, far_active=True, echo=True)
    speech = ear.hear("SSS", far_active=True, echo=True)

    assert not opened(music)
    assert opened(speech)


def test_the_pre_roll_reaches_back_from_the_newest_sample() -> None:
    ear = Ear(TurnGate(TurnSettings(pre_roll_ms=500)))

    [turn] = opened(ear.hear("." * 100 + "S" * 3))

    assert turn.by == "voice"
    assert turn.pre_roll.end_sample == ear.sample
    assert turn.pre_roll.ms == 500
    assert turn.pre_roll.pcm == pcm(turn.pre_roll.first_sample, turn.pre_roll.samples)


@pytest.mark.parametrize(("played_frames_ago", "kept_ms"), [(None, 1500), (60, 1200), (5, 1000)])
def test_less_is_kept_from_before_a_turn_where_a_reply_was_playing(
    played_frames_ago: int | None, kept_ms: int
) -> None:
    ear = Ear(TurnGate())
    ear.hear("." * 100, far_active=played_frames_ago is not None)
    if played_frames_ago is not None:
        ear.hear("." * (played_frames_ago - 3))
    events = ear.hear("SSS")

    (turn,) = opened(events)
    assert turn.pre_roll.samples * 1000 == kept_ms * NEAR_RATE


def test_silence_in_doubt_keeps_a_turn_open_for_longer() -> None:
    gate = TurnGate()
    events = []
    for number in range(80):
        voice = AudioFrame(pcm(number * FRAME, FRAME), NEAR_RATE, number * FRAME)
        speaks = number < 10
        events += gate.hear(number * 0.02, Heard(voice, speaks, speaks, silence=0.5))

    assert not closed(events)


def test_what_one_turn_has_sent_is_not_in_the_next_ones_pre_roll() -> None:
    ear = Ear(TurnGate(TurnSettings(hangover_ms=200)))

    ear.hear("." * 50 + "S" * 10 + "." * 10)
    end_of_first = ear.sample
    [turn] = opened(ear.hear("SSSS"))

    assert turn.turn == 2
    assert turn.pre_roll.first_sample == end_of_first


def test_a_longest_turn_is_closed_and_the_talker_goes_on_in_the_next_without_a_lost_sample() -> None:
    ear = Ear(TurnGate(TurnSettings(longest_turn_s=5)))

    ear.hear("S" * 260)

    assert [event.reason for event in closed(ear.events)] == ["longest"]
    assert closed(ear.events)[0].at == pytest.approx(5.0)
    first, second = opened(ear.events)
    assert second.pre_roll.first_sample == first.pre_roll.first_sample + 5 * NEAR_RATE


def test_a_key_opens_at_once_with_what_was_kept_and_closes_after_the_tail() -> None:
    ear = Ear(TurnGate(TurnSettings(mode="push-to-talk", pre_roll_ms=300, tail_ms=200)))
    ear.hear("." * 50)

    [turn] = opened(ear.press())
    ear.hear("." * 100)
    ear.gate.release(tap=False)
    before = ear.hear("." * 9)
    after = ear.hear(".")

    assert turn.by == "key"
    assert (turn.pre_roll.ms, turn.pre_roll.end_sample) == (300, 50 * FRAME)
    assert not closed(before)
    assert [event.reason for event in closed(after)] == ["key"]


def test_a_key_before_the_first_frame_opens_a_turn_with_it() -> None:
    ear = Ear(TurnGate())

    pressed = ear.press()
    [turn] = opened(ear.hear("."))

    assert pressed == []
    assert (turn.by, turn.pre_roll) == ("key", AudioFrame(pcm(0, FRAME), NEAR_RATE, 0))


def test_a_press_that_is_over_before_the_first_frame_leaves_nothing_behind() -> None:
    ear = Ear(TurnGate(TurnSettings(hangover_ms=700)))
    ear.press()
    ear.gate.release(tap=False)

    ear.hear("S" * 10 + "." * 30)

    assert kinds(ear.events) == ["TurnSuspected", "TurnOpened"]


def test_a_tap_holds_the_turn_open_until_the_next_press() -> None:
    ear = Ear(TurnGate(TurnSettings(mode="push-to-talk")))
    ear.hear(".")

    ear.press()
    ear.gate.release(tap=True)
    held = ear.hear("." * 200)
    ear.press()
    ear.gate.release(tap=True)
    ended = ear.hear("." * 10)

    assert kinds(held) == []
    assert [event.reason for event in closed(ended)] == ["key"]
    assert kinds(ear.hear("S" * 20)) == []


def test_pressing_again_during_the_tail_goes_on_with_the_same_turn() -> None:
    ear = Ear(TurnGate(TurnSettings(tail_ms=200)))
    ear.press()
    ear.hear("." * 10)
    ear.gate.release(tap=False)
    ear.hear("." * 8)

    assert ear.press() == []
    ear.hear("." * 50)
    ear.gate.release(tap=False)

    assert not closed(ear.hear("." * 9))
    assert closed(ear.hear("."))


def test_a_held_key_overrules_the_detector_in_hands_free_too() -> None:
    ear = Ear(TurnGate(TurnSettings(hangover_ms=200)))
    ear.hear("." * 20 + "S" * 10)

    assert ear.press() == []
    ear.hear("." * 100)

    assert not closed(ear.events)


def test_the_voice_opens_nothing_in_push_to_talk() -> None:
    ear = Ear(TurnGate(TurnSettings(mode="push-to-talk")))

    assert kinds(ear.hear("S" * 100)) == []


def test_a_change_of_mode_ends_the_turn_and_the_suspicion() -> None:
    ear = Ear(TurnGate())
    ear.hear("S" * 10)

    assert [event.reason for event in closed(ear.gate.change_mode("push-to-talk", ear.at))] == ["mode"]
    assert ear.gate.mode == "push-to-talk"

    ear.gate.change_mode("hands-free", ear.at)
    ear.hear("sss")
    assert kinds(ear.gate.change_mode("push-to-talk", ear.at)) == ["TurnWithdrawn"]


def test_a_turn_closed_from_outside_waits_for_another_press() -> None:
    ear = Ear(TurnGate(TurnSettings(mode="push-to-talk")))
    ear.hear(".")
    ear.press()

    assert ear.gate.close("provider", ear.at) == [TurnClosed(ear.at, 1, "provider")]
    assert ear.gate.close("provider", ear.at) == []
    assert kinds(ear.hear("." * 10)) == []
    ear.gate.release(tap=False)
    assert [turn.turn for turn in opened(ear.press())] == [2]


def test_a_gap_in_the_microphone_ends_the_turn_and_a_held_key_opens_the_next() -> None:
    ear = Ear(TurnGate())
    ear.press()
    ear.hear("." * 10)
    ear.sample += 16000

    events = ear.hear(".", begins=True)

    assert kinds(events) == ["TurnClosed", "TurnOpened"]
    assert opened(events)[0].pre_roll.samples == FRAME


@pytest.mark.parametrize(
    ("name", "value"),
    [("hangover_ms", 60), ("pre_roll_ms", 100), ("mode", "sometimes"), ("longest_turn_s", 1)],
)
def test_settings_outside_their_limits_are_refused_by_name(name: str, value: object) -> None:
    with pytest.raises(SettingError, match=name):
        TurnSettings(**{name: value})  # type: ignore[arg-type]


steps = st.lists(
    st.one_of(
        st.text("Ss.", min_size=1, max_size=40),
        st.sampled_from(["press", "hold", "tap", "mode", "mute", "provider", "gap", "reply"]),
    ),
    max_size=40,
)


@settings(max_examples=150, deadline=None)
@given(steps=steps, sizes=st.lists(st.integers(1, 900), min_size=1, max_size=5))
def test_turns_are_unbroken_stretches_of_the_microphone_and_never_share_a_sample(
    steps: list[str], sizes: list[int]
) -> None:
    limits = TurnSettings(pre_roll_ms=300, hangover_ms=200, tail_ms=100, longest_turn_s=5)
    ear = Ear(TurnGate(limits))
    far_active = False

    for number, step in enumerate(steps):
        match step:
            case "press":
                ear.press()
            case "hold" | "tap":
                ear.gate.release(tap=step == "tap")
            case "mode":
                other = "hands-free" if ear.gate.mode == "push-to-talk" else "push-to-talk"
                ear.events += ear.gate.change_mode(other, ear.at)  # type: ignore[arg-type]
            case "mute":
                ear.events += ear.gate.forget("mute", ear.at)
            case "provider":
                ear.events += ear.gate.close("provider", ear.at)
            case "gap":
                ear.sample += 10_000
                ear.hear(".", begins=True)
            case "reply":
                far_active = not far_active
            case _:
                ear.hear(step, far_active=far_active, samples=sizes[number % len(sizes)])

    check_order(ear.events)
    stretches = check_samples(ear.events, limits)
    assert all(before[1] <= after[0] for before, after in pairwise(stretches))


def check_order(events: list[Event]) -> None:
    """One turn at a time, numbered in order; a suspicion ends in a turn or is withdrawn."""
    turn, is_open, suspected = 0, False, False
    for event in events:
        match event:
            case TurnOpened():
                assert not is_open
                assert event.turn == turn + 1
                turn, is_open, suspected = turn + 1, True, False
            case TurnAudio():
                assert is_open
                assert event.turn == turn
            case TurnClosed():
                assert is_open
                assert event.turn == turn
                is_open = False
            case TurnSuspected():
                assert not suspected
                assert not is_open
                suspected = True
            case TurnWithdrawn():
                assert suspected
                suspected = False


def check_samples(events: list[Event], limits: TurnSettings) -> list[tuple[int, int]]:
    """Every turn runs on without a hole and holds the microphone's own samples; gives their bounds."""
    stretches: list[tuple[int, int]] = []
    for event in events:
        if isinstance(event, TurnOpened):
            frame = event.pre_roll
            assert frame.ms <= limits.pre_roll_ms
            stretches.append((frame.first_sample, frame.end_sample))
        elif isinstance(event, TurnAudio):
            frame = event.frame
            first, end = stretches[-1]
            assert frame.first_sample == end
            assert end - first < limits.longest_turn_s * NEAR_RATE
            stretches[-1] = (first, frame.end_sample)
        else:
            continue
        assert frame.pcm == pcm(frame.first_sample, frame.samples)
    return stretches
