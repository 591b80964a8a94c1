"""The echo path: presumed until it is disproved, and found again when it appears."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from voice_assistant.core.coupling import RINGING_FRAMES, Coupling

FLOOR = 1e-7
"""Mean square of a quiet room: -70 dBFS."""


def speech_like(frames: int, seed: int, peak: float = 1e-2) -> list[float]:
    """Powers that go up and down by 20 dB in stretches of a syllable's length."""
    rng = np.random.default_rng(seed)
    syllables = np.repeat(rng.uniform(-20, 0, frames // 8 + 1), 8)[:frames]
    return [float(peak * 10 ** (level / 10)) for level in syllables]


def late(powers: list[float], by: int, gain: float = 1.0) -> list[float]:
    """What the microphone hears of *powers* in a quiet room."""
    return [FLOOR] * by + [FLOOR + gain * power for power in powers[: len(powers) - by]]


def follow(coupling: Coupling, near: list[float], far: list[float]) -> list[bool]:
    return [coupling.follow(heard, played) for heard, played in zip(near, far, strict=True)]


def quiet(frames: int) -> list[float]:
    return [FLOOR] * frames


def test_there_is_no_echo_of_silence() -> None:
    assert not any(follow(Coupling(), speech_like(100, 1), [0.0] * 100))


def test_echo_is_presumed_until_loud_sound_was_not_heard_within_a_second() -> None:
    far = speech_like(150, 1)

    echo = follow(Coupling(), quiet(150), far)

    assert all(echo[:35])
    assert not any(echo[55:])


def test_a_user_who_talks_into_a_reply_makes_no_echo() -> None:
    coupling = Coupling()
    far = speech_like(400, 1)
    follow(coupling, quiet(130), far[:130])

    assert not any(follow(coupling, speech_like(270, 2), far[130:]))


@pytest.mark.parametrize("delay", [1, 3, 12, 22, 30, 34])
@pytest.mark.parametrize("gain", [1.0, 0.1, 0.01])
def test_real_echo_is_never_ruled_out(delay: int, gain: float) -> None:
    far = speech_like(400, 1)

    assert all(follow(Coupling(), late(far, delay, gain), far))


@pytest.mark.parametrize("gain", [1.0, 0.1])
def test_an_echo_that_takes_longer_than_was_thought_is_found_once_and_for_all(gain: float) -> None:
    far = speech_like(600, 1)

    echo = follow(Coupling(), late(far, 45, gain), far)

    assert all(echo[200:])


def test_echo_that_appears_when_headphones_are_pulled_out_is_found_within_two_seconds() -> None:
    coupling = Coupling()
    far = speech_like(400, 1)
    near = quiet(200) + late(far, 5, 0.1)[200:]

    echo = follow(coupling, near, far)

    assert not echo[199]
    assert echo[300]


def test_a_louder_reply_than_was_proved_harmless_counts_as_echo_again() -> None:
    coupling = Coupling()
    follow(coupling, quiet(150), speech_like(150, 1, peak=1e-4))

    assert coupling.follow(FLOOR, 1e-2 * 1.0) is True


@settings(max_examples=50, deadline=None)
@given(
    seed=st.integers(0, 1000),
    delay=st.integers(1, 34),
    gain=st.floats(0.01, 1.0),
    talk=st.integers(50, 450),
)
def test_a_user_who_talks_over_real_echo_does_not_hide_it(
    seed: int, delay: int, gain: float, talk: int
) -> None:
    far = [0.0] * 50 + speech_like(500, seed)
    near = late(far, delay, gain)
    for index, power in enumerate(speech_like(100, seed + 1, peak=1e-1)):
        near[talk + index] += power

    assert all(follow(Coupling(), near, far)[50:])


def test_the_tail_of_an_echo_is_as_long_as_its_delay_and_a_little_more() -> None:
    far = speech_like(400, 1)
    coupling = Coupling()
    before = Coupling()
    follow(coupling, late(far, 6, 0.1), far)
    # Somebody speaks as the reply begins: it cannot be told when its echo came.
    follow(before, [1e-3] * 60, [0.0, *far[:59]])

    after = []
    for _ in range(40):
        coupling.follow(FLOOR, 0.0)
        before.follow(FLOOR, 0.0)
        after.append((coupling.played_within(RINGING_FRAMES), before.played_within(RINGING_FRAMES)))

    assert 8 <= sum(known for known, _ in after) <= 14
    assert 28 <= sum(unknown for _, unknown in after) <= 32


@pytest.mark.parametrize("delay", [4, 20, 40])
def test_the_delay_of_an_echo_is_measured_however_long_it_is(delay: int) -> None:
    far = speech_like(400, 1)
    coupling = Coupling()
    follow(coupling, late(far, delay, 0.1), far)

    assert coupling.delay_frames == pytest.approx(delay, abs=2)


def test_no_delay_is_made_up_where_nothing_is_heard() -> None:
    coupling = Coupling()
    follow(coupling, quiet(400), speech_like(400, 1))

    assert coupling.delay_frames is None


@pytest.mark.parametrize("later", [33, 40, 49])
@pytest.mark.parametrize("seed", [3, 13, 23])
def test_a_user_who_answers_a_short_reply_with_as_short_a_sentence_makes_no_echo(
    later: int, seed: int
) -> None:
    coupling = Coupling()
    far = speech_like(150, 1) + [0.0] * 100 + speech_like(50, seed - 1) + [0.0] * 150
    near = quiet(250 + later) + [FLOOR + power for power in speech_like(50, seed)] + quiet(150 - later)

    echo = follow(coupling, near, far)

    assert not any(echo[150:])
    assert coupling.delay_frames is None


def test_a_delay_that_was_measured_of_an_echo_that_is_gone_is_forgotten() -> None:
    far = speech_like(800, 1)
    coupling = Coupling()
    follow(coupling, late(far[:400], 40, 0.1), far[:400])
    assert coupling.delay_frames == pytest.approx(40, abs=2)

    follow(coupling, quiet(400), far[400:])

    assert coupling.delay_frames is None


def test_the_tail_of_the_longest_echo_leaves_a_user_the_half_of_the_time_to_confirm() -> None:
    far = speech_like(600, 1)
    coupling = Coupling()
    follow(coupling, late(far, 49, 0.1), far)
    assert coupling.delay_frames == pytest.approx(49, abs=2)

    tail = 0
    while coupling.played_within(RINGING_FRAMES):
        coupling.follow(FLOOR, 0.0)
        tail += 1

    assert 40 <= tail <= 46


def test_in_a_silent_room_the_first_moment_of_a_reply_tells_its_delay() -> None:
    far = [0.0] * 20 + speech_like(40, 1)
    coupling = Coupling()
    follow(coupling, late(far, 6, 0.1), far)
    assert coupling.delay_frames is None

    ringing = 0
    while coupling.played_within(RINGING_FRAMES):
        coupling.follow(FLOOR, 0.0)
        ringing += 1

    assert 8 <= ringing <= 15
