"""Fades and joins without a click."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from voice_assistant.core.stretch import (
    LONGEST_LAG,
    OVERLAP,
    SHORTEST_LAG,
    Lengthener,
    fade_in,
    fade_out,
    lengthening,
    mirrored_tail,
    period,
    rms,
)


def tone(samples: int, phase: float = 0.0) -> bytes:
    wave = 9000 * np.sin(2 * np.pi * 150 * np.arange(samples) / 24_000 + phase)
    return bytes(np.rint(wave).astype("<i2").tobytes())


def ints(pcm: bytes) -> list[int]:
    return [int(value) for value in np.frombuffer(pcm, "<i2")]


def test_a_fade_out_begins_at_full_level_and_ends_in_silence() -> None:
    faded = ints(fade_out(np.full(240, 10_000, "<i2").tobytes()))

    assert faded == sorted(faded, reverse=True)
    assert faded[0] > 9990
    assert faded[-1] < 10


def test_a_fade_in_is_the_same_in_one_piece_or_in_many() -> None:
    pcm = tone(240)

    parts = b"".join(fade_in(pcm[2 * at : 2 * at + 120], at, 240) for at in range(0, 240, 60))

    assert parts == fade_in(pcm)


@pytest.mark.parametrize("phase", [0.0, 0.7, np.pi / 2, 2.5, 4.0])
def test_a_mirrored_tail_goes_on_without_a_step_and_ends_in_silence(phase: float) -> None:
    recent = tone(240, phase)

    joined = np.array(ints(recent) + ints(mirrored_tail(recent)))

    assert np.abs(np.diff(joined)).max() <= 1.5 * np.abs(np.diff(joined[:240])).max()
    assert abs(joined[-1]) < 10


def test_near_silence_needs_no_tail() -> None:
    assert mirrored_tail(np.full(240, 50, "<i2").tobytes()) == b""
    assert mirrored_tail(b"") == b""


@pytest.mark.parametrize("hertz", [80, 110, 160, 240, 380])
def test_the_period_found_is_one_of_the_voice_or_a_few(hertz: int) -> None:
    t = np.arange(LONGEST_LAG + OVERLAP) / 24_000
    voice = sum(np.cos(2 * np.pi * hertz * k * t + k) / k for k in range(1, 8))
    pcm = np.rint(4000 * np.asarray(voice)).astype("<i2").tobytes()

    lag = period(pcm[: 2 * LONGEST_LAG], pcm[2 * LONGEST_LAG :])

    periods = lag * hertz / 24_000
    assert abs(periods - round(periods)) < 0.05
    assert round(periods) >= 1


@given(data=st.data(), lag=st.integers(SHORTEST_LAG, LONGEST_LAG))
def test_what_is_inserted_joins_on_both_sides_whatever_the_sound(data: st.DataObject, lag: int) -> None:
    dice = np.random.default_rng(data.draw(st.integers(0, 1000)))
    sound = np.cumsum(dice.integers(-50, 51, LONGEST_LAG + OVERLAP))
    before, after = (half.astype("<i2").tobytes() for half in np.split(sound, [LONGEST_LAG]))

    inserted = ints(lengthening(before, after, lag))

    assert len(inserted) == lag
    assert abs(inserted[0] - ints(after)[0]) <= 60
    assert abs(inserted[-1] - ints(before)[-1]) <= 60


def slowed(pcm: bytes, speed: float) -> tuple[bytes, int]:
    """The sound at *speed*, and how many of its samples were inserted into pauses."""
    lengthener = Lengthener()
    blocks, in_pauses = [], 0
    for at in range(0, len(pcm), 2 * OVERLAP):
        block = pcm[at : at + 2 * OVERLAP]
        if lengthener.is_due:
            inserted, in_pause = lengthener.insertion(block)
            blocks.append(inserted)
            in_pauses += in_pause * len(inserted) // 2
        blocks.append(block)
        lengthener.follow(block, speed)
    return b"".join(blocks), in_pauses


@pytest.mark.parametrize("speed", [0.6, 0.8, 1.0])
def test_a_voice_gets_slower_and_keeps_its_pitch(speed: float) -> None:
    voice = tone(48_000)

    slow, in_pauses = slowed(voice, speed)

    assert in_pauses == 0
    assert len(voice) / len(slow) == pytest.approx(speed, abs=0.03)
    spectrum = np.abs(np.fft.rfft(np.array(ints(slow)) * np.hanning(len(slow) // 2)))
    assert np.argmax(spectrum) * 24_000 / (len(slow) // 2) == pytest.approx(150, abs=2)


def test_a_natural_pause_is_lengthened_more_than_speech() -> None:
    hush = np.random.default_rng(1).normal(0, 5, 9600).astype("<i2").tobytes()

    slow, in_pauses = slowed(tone(24_000) + hush + tone(24_000), 0.8)

    assert 0.8 * 9600 < in_pauses < 2 * 9600
    assert len(slow) // 2 - in_pauses == pytest.approx((48_000 + 9600) * 1.25, rel=0.06)


def test_the_level_of_a_full_scale_square_wave_is_full_scale() -> None:
    assert rms(np.array([32_000, -32_000] * 100, "<i2").tobytes()) == pytest.approx(32_000)
    assert rms(b"") == 0.0
