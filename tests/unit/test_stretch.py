"""Fades and joins without a click."""

from __future__ import annotations

import numpy as np
import pytest

from voice_assistant.core.stretch import fade_in, fade_out, mirrored_tail


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
