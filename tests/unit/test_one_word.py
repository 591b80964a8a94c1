"""One word: a word is one, and a hum, a cough, a key and a room are none."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from benchmarks import voices
from tests.support.speechlike import RECORDED_SPEECH_S, recorded_speech
from tests.support.words import in_a_quiet_room
from voice_assistant.core.audio import NEAR_RATE
from voice_assistant.core.one_word import is_hum, is_word, traits

WORD = round(0.4 * NEAR_RATE)


def of_a_sentence(start_s: float) -> NDArray[np.float64]:
    """0.4 s out of a sentence, faded in and out."""
    start = round((RECORDED_SPEECH_S[0] + start_s) * NEAR_RATE)
    return (
        np.frombuffer(recorded_speech(), "<i2").astype(float)[start : start + WORD] * np.hanning(WORD) ** 0.2
    )


@pytest.mark.parametrize("start_s", [0.0, 0.8, 1.2, 1.6, 2.4])
def test_what_is_as_short_as_a_word_and_was_said_is_one(start_s: float) -> None:
    assert is_word(in_a_quiet_room(of_a_sentence(start_s)))


@pytest.mark.parametrize("make", [voices.hum, voices.cough, voices.keys])
@pytest.mark.parametrize("seed", range(8))
def test_a_hum_a_cough_and_keys_are_no_word(make: voices.Make, seed: int) -> None:
    assert not is_word(in_a_quiet_room(make(np.random.default_rng(seed))))


def test_most_hums_are_hums_for_certain_and_a_word_never_is() -> None:
    hums = [is_hum(in_a_quiet_room(voices.hum(np.random.default_rng(seed)))) for seed in range(8)]

    assert sum(hums) >= 6
    assert not any(is_hum(in_a_quiet_room(of_a_sentence(start_s))) for start_s in (0.0, 0.8, 1.6, 2.4))
    assert not is_hum(in_a_quiet_room(voices.cough(np.random.default_rng(1))))


def test_a_tone_is_no_word() -> None:
    assert not is_word(in_a_quiet_room(np.sin(np.arange(WORD) / 12)))


@pytest.mark.parametrize("samples", [0, 1, 320, 640, 5 * NEAR_RATE])
def test_silence_is_no_word_however_long(samples: int) -> None:
    assert not is_word(bytes(2 * samples))


def test_a_sound_without_a_pitch_has_no_traits() -> None:
    assert traits(in_a_quiet_room(np.random.default_rng(1).normal(0, 1, WORD))) is None


def test_a_word_is_one_however_loud_it_is_said() -> None:
    word = of_a_sentence(2.4)

    assert is_word(in_a_quiet_room(word, rms=1500))
    assert is_word(in_a_quiet_room(word, rms=9000))


def test_what_fills_the_whole_sound_is_looked_at_too() -> None:
    whole = np.frombuffer(recorded_speech(), "<i2").astype(float)

    seen = traits(in_a_quiet_room(np.tile(whole, 2))[NEAR_RATE * 2 :])

    assert seen is not None
    assert np.isfinite(seen).all()
