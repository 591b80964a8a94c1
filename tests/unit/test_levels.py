"""Levels: the floor, the band in which speech stands out, decibels."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from voice_assistant.core.audio import NEAR_RATE, SILENCE_DBFS
from voice_assistant.core.levels import (
    FLOOR_FRAMES,
    FLOOR_SHARE,
    FRAME_SAMPLES,
    Floor,
    band_power,
    dbfs,
    sharp_power,
)


def tone(hertz: float) -> np.ndarray[tuple[int], np.dtype[np.int16]]:
    """A full-scale sine of 20 ms."""
    wave = 32767 * np.sin(2 * np.pi * hertz * np.arange(FRAME_SAMPLES) / NEAR_RATE)
    return wave.astype(np.int16)


@given(levels=st.lists(st.floats(-120, 0, allow_nan=False), min_size=1, max_size=400))
def test_the_floor_is_the_level_that_a_share_of_the_last_seconds_lay_below(levels: list[float]) -> None:
    floor = Floor()

    for level in levels:
        found = floor.follow(level)

    last = sorted(levels[-FLOOR_FRAMES:])
    assert found == last[int((len(last) - 1) * FLOOR_SHARE)]


@pytest.mark.parametrize("hertz", [300, 950, 1000, 2025, 3900])
def test_a_full_tone_in_the_band_measures_about_minus_three(hertz: float) -> None:
    assert dbfs(band_power(tone(hertz))) == pytest.approx(-3.0, abs=2.0)


@pytest.mark.parametrize("hertz", [0, 50, 5000, 7500])
def test_what_lies_outside_the_band_does_not_count(hertz: float) -> None:
    assert dbfs(band_power(tone(hertz))) < -25


def test_rumble_hardly_counts_in_the_sharp_power() -> None:
    assert dbfs(sharp_power(tone(50))) < dbfs(sharp_power(tone(2000))) - 25


def test_silence_has_a_level() -> None:
    assert dbfs(0.0) == SILENCE_DBFS
    assert dbfs(1.0) == 0.0
