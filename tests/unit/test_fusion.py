"""The fusion: it follows what the opinions say, and its network is a network."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from voice_assistant.core.fusion import CHANGE_SPEED, SPEEDS, Fusion, Weights
from voice_assistant.core.fusion_weights import FIVE, FOUR
from voice_assistant.core.levels import SPECTRUM_HZ

EVEN = np.full(2 * len(SPECTRUM_HZ), 1e-6, np.float32)
SLOPE = np.tile(np.geomspace(1e-5, 1e-8, len(SPECTRUM_HZ)), 2).astype(np.float32)


def state(*said: tuple[list[float], NDArray[np.float32]]) -> NDArray[np.float32]:
    fusion = Fusion(3, FOUR)
    for opinions, spectrum in said:
        fusion.follow(opinions, spectrum)
    return fusion.state


def test_what_is_said_first_is_all_that_is_known() -> None:
    known = state(([1.0, -0.5, 2.0], EVEN))

    assert known[:18] == pytest.approx([1.0, -0.5, 2.0] * 6)
    assert known[18:22] == pytest.approx([0.25, 4.0] * 2)


@pytest.mark.parametrize(("place", "frames"), list(enumerate(SPEEDS)))
def test_each_opinion_is_followed_at_six_speeds(place: int, frames: int) -> None:
    known = state(([0.0, 0.0, 0.0], EVEN), *[([1.0, 0.0, 0.0], EVEN)] * 7)

    assert known[3 * place] == pytest.approx(1 - (1 - 1 / frames) ** 7, abs=1e-5)


def test_an_opinion_that_moves_differs_from_one_that_rests_by_its_square() -> None:
    resting = state(*[([0.0, 0.0, 0.0], EVEN)] * 200)
    moving = state(*[([0.0, 1.0, 0.0], EVEN), ([0.0, -1.0, 0.0], EVEN)] * 100)

    assert abs(moving[3 * 3 + 1] - resting[3 * 3 + 1]) < 0.1
    assert moving[18] - resting[18] == pytest.approx(1.0, abs=0.01)


def test_the_shape_of_the_spectrum_is_the_same_near_and_far() -> None:
    near, far = state(([0.0] * 3, SLOPE)), state(([0.0] * 3, SLOPE * np.float32(0.01)))

    assert near[22:34] == pytest.approx(far[22:34], abs=1e-5)
    assert near[22] - near[33] > 1


def test_digital_silence_has_no_shape_and_no_change() -> None:
    known = state(*[([0.0] * 3, np.zeros_like(EVEN))] * 3)

    assert known[22:] == pytest.approx([0.0] * 24)


def test_a_spectrum_that_changes_is_noticed() -> None:
    known = state(([0.0] * 3, EVEN), ([0.0] * 3, EVEN * np.float32(10)))

    assert known[34:] == pytest.approx([1 / CHANGE_SPEED] * 12, abs=1e-5)


def test_after_a_gap_nothing_is_known_of_what_came_before() -> None:
    fusion = Fusion(3, FOUR)
    for _ in range(20):
        fusion.follow([1.0, 1.0, 2.0], SLOPE)

    fusion.begin()
    fusion.follow([0.0, 0.5, 1.0], EVEN)

    assert fusion.state.tolist() == state(([0.0, 0.5, 1.0], EVEN)).tolist()


def network() -> Weights:
    rng = np.random.default_rng(3)
    return Weights(
        rng.normal(0, 1, (46, 2)).astype(np.float16).astype(np.float32),
        np.array([0.5, -40.0], np.float32),
        np.array([2.0, 100.0], np.float32),
        -1.25,
    )


def test_the_score_is_the_network_s_and_a_unit_below_zero_is_silent() -> None:
    weights = network()
    fusion = Fusion(3, weights)
    fusion.follow([1.0, 0.25, 1.5], SLOPE)

    lit = float(fusion.state @ weights.hidden[:, 0]) + 0.5

    assert float(fusion.state @ weights.hidden[:, 1]) < 40
    assert fusion.score() == pytest.approx(2.0 * max(0.0, lit) - 1.25, abs=1e-4)


def test_weights_are_read_as_they_were_written() -> None:
    read = Weights.read(network().write(), 2)

    assert np.array_equal(read.hidden, network().hidden)
    assert read.hidden_bias.tolist() == [0.5, -40.0]
    assert read.out.tolist() == [2.0, 100.0]
    assert read.out_bias == -1.25


@pytest.mark.parametrize(("opinions", "weights"), [(3, FOUR), (4, FIVE)])
def test_the_program_s_weights_fit_its_opinions(opinions: int, weights: Weights) -> None:
    assert len(weights.hidden) == len(Fusion(opinions, weights).state)
