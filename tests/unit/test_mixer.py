"""What the loudspeaker is given: gain without a step, exact blocks."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from voice_assistant.core.mixer import Drained, Mixer, PlayoutSettings, Started

BLOCK = 240


def tone(ms: int, level: int = 8000) -> bytes:
    t = np.arange(24 * ms)
    return bytes(np.rint(level * np.sin(2 * np.pi * 200 * t / 24_000)).astype("<i2").tobytes())


def samples(pcm: bytes) -> np.ndarray[tuple[int], np.dtype[np.int16]]:
    return np.frombuffer(pcm, "<i2").astype(np.int16)


def test_a_reply_comes_out_byte_for_byte_and_silence_follows() -> None:
    mixer = Mixer(PlayoutSettings(adaptive=False))
    mixer.push("a", tone(100))
    mixer.end("a")

    heard = b"".join(mixer.pull(BLOCK) for _ in range(12))

    assert heard[: 2 * 10 * BLOCK] == tone(100)
    assert not any(heard[2 * 11 * BLOCK :])
    assert mixer.take_notes() == [Started("a"), Drained("a", 100.0)]


def test_a_gain_of_0_db_after_a_duck_is_exact_again() -> None:
    mixer = Mixer(PlayoutSettings(adaptive=False))
    mixer.push("a", tone(500))
    mixer.set_gain(-20, 20)
    for _ in range(5):
        mixer.pull(BLOCK)

    mixer.set_gain(0, 20)
    ramp = mixer.pull(BLOCK) + mixer.pull(BLOCK)
    after = mixer.pull(BLOCK)

    assert ramp != tone(500)[5 * 480 : 7 * 480]
    assert after == tone(500)[7 * 480 : 8 * 480]


@given(blocks=st.lists(st.integers(1, 700), min_size=1, max_size=12))
def test_a_duck_moves_evenly_from_sample_to_sample_in_blocks_of_any_length(blocks: list[int]) -> None:
    mixer = Mixer(PlayoutSettings(adaptive=False))
    level = np.full(24_000, 10_000, "<i2").tobytes()
    mixer.push("a", level)
    mixer.set_gain(-20, 20)

    heard = samples(b"".join(mixer.pull(block) for block in blocks)).astype(int)

    steps = np.diff(np.concatenate([[10_000], heard]))
    assert steps.max() <= 0
    assert steps.min() >= -20  # 9000 over 480 samples is 18.75 a sample, and rounding
    assert np.all(heard[480:] == 1000)


def test_a_gain_without_a_ramp_is_there_at_once_and_never_wraps_around() -> None:
    mixer = Mixer(PlayoutSettings(adaptive=False))
    mixer.push("a", tone(100, level=30_000))

    mixer.set_gain(12, 0)
    heard = samples(mixer.pull(BLOCK)).astype(int)

    before = samples(tone(100, level=30_000))[:BLOCK].astype(int)
    assert np.all(np.sign(heard) == np.sign(before))
    assert heard.max() == 32_767


def test_half_a_sample_is_refused() -> None:
    with pytest.raises(ValueError, match="middle of a 16-bit sample"):
        Mixer(PlayoutSettings(adaptive=False)).push("a", b"\x00\x01\x02")


def test_the_volume_stays_when_a_duck_comes_and_goes() -> None:
    mixer = Mixer(PlayoutSettings(adaptive=False))
    mixer.push("a", tone(1000))
    mixer.set_volume(-6.0)
    mixer.set_gain(-20, 20)
    ducked = [mixer.pull(BLOCK) for _ in range(20)][-1]
    mixer.set_gain(0, 20)
    restored = [mixer.pull(BLOCK) for _ in range(20)][-1]

    assert np.max(samples(ducked)) == pytest.approx(8000 * 10 ** (-26 / 20), rel=0.03)
    assert np.max(samples(restored)) == pytest.approx(8000 * 10 ** (-6 / 20), rel=0.03)
