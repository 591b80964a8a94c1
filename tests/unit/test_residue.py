"""The residue: what a room makes of the loudspeaker's sound goes, and everything else stays."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from voice_assistant.core.audio import NEAR_RATE
from voice_assistant.core.residue import FRAME, RATE, WAY_FRAMES, Residue, Samples, lowered, powers

FRAMES = 60
BACK = FRAMES + 5 + WAY_FRAMES + 1


def noise(frames: int, seed: int, rms: float = 1000.0) -> Samples:
    return np.random.default_rng(seed).normal(0, rms, frames * FRAME).astype(np.float32)


def echo_of(far: Samples, begins_frames: int) -> Samples:
    """A room of 80 ms, half as loud."""
    rng = np.random.default_rng(9)
    response = rng.standard_normal(4 * FRAME) * 10 ** (-1.5 * np.arange(4 * FRAME) / (4 * FRAME))
    response *= 0.5 / np.sqrt(response @ response)
    late = np.convolve(far, response)[: len(far)]
    return np.roll(late, begins_frames * FRAME)[-FRAMES * FRAME :].astype(np.float32)


def left_of(near: Samples, far: Samples, begins_frames: int) -> Residue:
    residue = Residue(near, far, begins_frames)
    while not residue.is_explained:
        residue.explain()
    return residue


def loss_db(before: Samples, after: Samples) -> float:
    return float(10 * np.log10(np.mean(np.square(before)) / np.mean(np.square(after))))


@pytest.mark.parametrize("begins_frames", [0, 5])
def test_the_echo_goes(begins_frames: int) -> None:
    far = noise(BACK, 1)
    near = echo_of(far, begins_frames)

    residue = left_of(near, far, begins_frames)

    assert loss_db(near[-30 * FRAME :], residue.samples[-30 * FRAME :]) > 15
    assert residue.excess.max() < 2


@settings(max_examples=10, deadline=None)
@given(rms=st.floats(100, 3000), seed=st.integers(10, 99))
def test_what_is_no_echo_stays_but_for_a_share_that_looks_like_one(rms: float, seed: int) -> None:
    far = noise(BACK, 1)
    user = noise(FRAMES, seed, rms)

    kept = left_of(echo_of(far, 5) + user, far, 5).samples

    late = slice(-30 * FRAME, None)
    assert loss_db(user[late], kept[late]) < 4.5


def test_a_silent_loudspeaker_explains_nothing() -> None:
    near = noise(FRAMES, 2)

    residue = left_of(near, np.zeros(BACK * FRAME, np.float32), 5)

    np.testing.assert_array_equal(residue.samples, near)


def test_what_is_not_explained_yet_is_nobodys() -> None:
    residue = Residue(noise(FRAMES, 2), noise(BACK, 1), 5)
    residue.explain()

    assert not residue.is_explained
    assert residue.excess[: FRAMES - 25].max() == 0
    assert residue.excess[FRAMES - 25 :].min() > 0


@pytest.mark.parametrize("rate", [NEAR_RATE, 24_000])
def test_a_lowered_tone_is_the_same_tone(rate: int) -> None:
    tone = np.rint(1000 * np.sin(2 * np.pi * 500 * np.arange(rate // 2) / rate)).astype("<i2")
    frames = [part.tobytes() for part in tone.reshape(25, -1)]

    expected = 1000 * np.sin(2 * np.pi * 500 * np.arange(RATE // 2) / RATE)
    np.testing.assert_allclose(lowered(frames, rate), expected, atol=3)


def test_powers_are_mean_squares() -> None:
    np.testing.assert_allclose(powers(np.full(2 * FRAME, 3.0, np.float32)), [9.0, 9.0])
