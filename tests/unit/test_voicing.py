"""Voicing: words count, a hum by half, and what has no pitch not at all."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from benchmarks import voices
from tests.support.speechlike import RECORDED_SPEECH_S, recorded_speech
from voice_assistant.core.audio import NEAR_RATE, AudioFrame
from voice_assistant.core.levels import FRAME_SAMPLES
from voice_assistant.core.voicing import Voicing

ROOM = 30.0
"""RMS of the room's noise, in steps of 16 bits."""


def weights(sound: NDArray[np.float64], seed: int = 1) -> NDArray[np.float64]:
    """Weigh a sound of about 3000 steps of 16 bits (RMS) in a quiet room."""
    loud = np.concatenate((sound, np.zeros(-len(sound) % FRAME_SAMPLES)))
    loud = loud * (3000 / np.sqrt(np.mean(sound**2)))
    noisy = loud + np.random.default_rng(seed).normal(0, ROOM, len(loud))
    pcm = np.clip(np.rint(noisy), -32768, 32767).astype("<i2")
    voicing = Voicing()
    return np.array(
        [voicing.weigh(AudioFrame(part.tobytes(), NEAR_RATE, 0)) for part in pcm.reshape(-1, FRAME_SAMPLES)]
    )


def test_words_count() -> None:
    begin, end = (round(at * NEAR_RATE) for at in RECORDED_SPEECH_S)
    words = np.frombuffer(recorded_speech(), "<i2").astype(float)[begin:end]

    assert weights(words).mean() > 0.5


@pytest.mark.parametrize("seed", range(5))
def test_a_hum_counts_by_half(seed: int) -> None:
    made = weights(voices.hum(np.random.default_rng(seed)))

    assert 0 < made.mean() <= 0.65


@pytest.mark.parametrize("make", [voices.keys, voices.cough])
@pytest.mark.parametrize("seed", range(5))
def test_keys_and_coughs_hardly_count(make: voices.Make, seed: int) -> None:
    assert weights(make(np.random.default_rng(seed))).mean() < 0.15


def test_a_room_without_a_voice_does_not_count() -> None:
    assert weights(np.random.default_rng(3).normal(0, 1, NEAR_RATE)).mean() < 0.15


def test_silence_is_no_voice() -> None:
    assert Voicing().weigh(AudioFrame(bytes(2 * FRAME_SAMPLES), NEAR_RATE, 0)) == 0


def test_a_frame_that_was_passed_by_is_heard_before_the_next() -> None:
    seconds = np.arange(2 * FRAME_SAMPLES) / NEAR_RATE
    tone = (3000 * np.sin(2 * np.pi * 200 * seconds) + 1500 * np.sin(2 * np.pi * 1200 * seconds)).astype(
        "<i2"
    )
    first, second = (AudioFrame(part.tobytes(), NEAR_RATE, 0) for part in tone.reshape(2, FRAME_SAMPLES))
    voicing = Voicing()
    voicing.pass_by(first)

    assert voicing.weigh(second) == 1.0
