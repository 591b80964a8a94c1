"""Levels, and the promises of the resampler: nothing lost, nothing folded back, cut as one likes."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from voice_assistant.core.audio import SILENCE_DBFS, AudioFrame, Resampler, level_dbfs, silence

RATES = st.sampled_from([8000, 11025, 16000, 22050, 24000, 32000, 44100, 48000, 96000])


def tone(hz: float, rate: int, *, seconds: float = 0.5, peak: float = 0.5) -> bytes:
    """A sine, 16-bit mono."""
    at = np.arange(round(rate * seconds)) / rate
    return np.rint(peak * 32767 * np.sin(2 * np.pi * hz * at)).astype("<i2").tobytes()


def samples(pcm: bytes) -> NDArray[np.float64]:
    """Floating-point view of 16-bit PCM."""
    return np.frombuffer(pcm, dtype="<i2").astype(np.float64)


def convert(pcm: bytes, from_rate: int, to_rate: int) -> bytes:
    """All of a stream at once."""
    resampler = Resampler(from_rate, to_rate)
    return resampler.feed(pcm) + resampler.flush()


def middle(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Without the first and last 5 %, where the filter sees the silence around the stream."""
    edge = values.size // 20
    return values[edge:-edge]


def test_a_frame_knows_its_length() -> None:
    frame = AudioFrame(bytes(640), rate=16_000, first_sample=320)

    assert (frame.samples, frame.ms, frame.end_sample) == (320, 20.0, 640)


def test_the_level_of_a_full_sine_is_three_decibels_below_full_scale() -> None:
    assert level_dbfs(tone(1000, 16_000, peak=1.0)) == pytest.approx(-3.01, abs=0.01)


def test_the_level_of_silence_and_of_nothing_is_the_floor() -> None:
    assert level_dbfs(silence(20, 16_000)) == SILENCE_DBFS
    assert level_dbfs(b"") == SILENCE_DBFS


def test_silence_has_the_length_asked_for() -> None:
    assert len(silence(20, 16_000)) == 640
    assert not any(silence(20, 24_000))


def test_the_same_rate_hands_everything_on() -> None:
    resampler = Resampler(16_000, 16_000)

    assert resampler.feed(b"\x01\x02\x03\x04") == b"\x01\x02\x03\x04"
    assert resampler.flush() == b""
    assert resampler.held_back == 0


@pytest.mark.parametrize("rates", [(16_000, 24_000), (16_000, 16_000)])
def test_half_a_sample_is_refused(rates: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match="middle of a sample"):
        Resampler(*rates).feed(b"\x00\x00\x00")


@settings(max_examples=60, deadline=None)
@given(st.data(), RATES, RATES, st.integers(0, 3000), st.integers(0, 2**32 - 1))
def test_the_same_bytes_come_out_however_the_stream_is_cut(
    data: st.DataObject, from_rate: int, to_rate: int, length: int, seed: int
) -> None:
    sound = np.random.default_rng(seed).integers(-32768, 32768, length).astype("<i2").tobytes()
    cuts = sorted(data.draw(st.lists(st.integers(0, length), max_size=8)))

    resampler = Resampler(from_rate, to_rate)
    parts = [resampler.feed(sound[2 * a : 2 * b]) for a, b in zip([0, *cuts], [*cuts, length], strict=True)]
    parts.append(resampler.flush())

    assert b"".join(parts) == convert(sound, from_rate, to_rate)


@settings(max_examples=60, deadline=None)
@given(RATES, RATES, st.integers(0, 3000))
def test_nothing_is_lost_or_added(from_rate: int, to_rate: int, length: int) -> None:
    out = convert(bytes(2 * length), from_rate, to_rate)

    assert len(out) == 2 * round(length * to_rate / from_rate)


@settings(max_examples=30, deadline=None)
@given(RATES, RATES)
def test_a_constant_keeps_its_value(from_rate: int, to_rate: int) -> None:
    out = samples(convert(np.full(4000, 12345, dtype="<i2").tobytes(), from_rate, to_rate))

    assert np.abs(middle(out) - 12345).max() <= 1


def test_the_end_of_a_stream_leaves_nothing_behind_for_the_next() -> None:
    resampler = Resampler(16_000, 24_000)
    first = resampler.feed(tone(440, 16_000)) + resampler.flush()

    assert resampler.feed(tone(440, 16_000)) + resampler.flush() == first


@pytest.mark.parametrize(
    ("from_rate", "to_rate"),
    [
        (16_000, 24_000),
        (24_000, 16_000),
        (48_000, 16_000),
        (44_100, 16_000),
        (24_000, 48_000),
        (24_000, 44_100),
    ],
)
@pytest.mark.parametrize("hz", [300, 1000, 3400])
def test_speech_passes_in_time_and_unharmed(from_rate: int, to_rate: int, hz: float) -> None:
    out = samples(convert(tone(hz, from_rate), from_rate, to_rate))
    wanted = 0.5 * 32767 * np.sin(2 * np.pi * hz * np.arange(out.size) / to_rate)

    noise = middle(out - wanted)
    snr_db = 10 * np.log10(np.mean(middle(wanted) ** 2) / np.mean(noise**2))

    assert snr_db >= 87


@pytest.mark.parametrize("from_rate", [24_000, 44_100, 48_000])
@pytest.mark.parametrize("above_nyquist_hz", [700, 1500, 3000])
def test_what_the_lower_rate_cannot_hold_does_not_fold_back(from_rate: int, above_nyquist_hz: float) -> None:
    out = samples(convert(tone(8000 + above_nyquist_hz, from_rate, peak=0.9), from_rate, 16_000))

    alias_db = 10 * np.log10(np.mean(middle(out) ** 2) / (0.9 * 32767) ** 2 * 2 + 1e-20)

    assert alias_db <= -92


@pytest.mark.parametrize(("from_rate", "to_rate"), [(48_000, 16_000), (24_000, 16_000), (24_000, 48_000)])
def test_a_live_stream_waits_for_no_more_than_a_millisecond(from_rate: int, to_rate: int) -> None:
    resampler = Resampler(from_rate, to_rate)

    out = resampler.feed(silence(20, from_rate))

    assert to_rate // 50 - len(out) // 2 == resampler.held_back <= to_rate // 1000
    assert len(resampler.feed(silence(20, from_rate))) == len(silence(20, to_rate))


def test_loud_sound_is_clipped_and_does_not_wrap_around() -> None:
    square = np.where(np.arange(4000) // 20 % 2, 32767, -32768).astype("<i2")

    out = samples(convert(square.tobytes(), 16_000, 24_000))

    assert np.abs(np.diff(out)).max() < 65_000
    assert out.max() == 32767
    assert out.min() == -32768
