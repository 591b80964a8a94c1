"""Sound that a jitter buffer takes for speech: voiced syllables with a moving pitch, hisses between them.

For measuring where the words do not matter; recordings are better where they do.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

RATE = 24_000
SAMPLES_PER_MS = RATE // 1000
PAUSE_LEVEL = 10.0
"""RMS of the near-silence in a pause (-70 dBFS): what a synthetic voice leaves there."""


def speech_like(media_ms: int, pauses: Sequence[tuple[float, float]], seed: int = 0) -> bytes:
    """*media_ms* of it: 16-bit mono at 24 kHz, about -20 dBFS.

    Args:
        pauses: Spans in ms that hold near-silence instead.
        seed: Another piece of the same voice.
    """
    samples = media_ms * SAMPLES_PER_MS
    voice, hush = _bank()
    at = seed * 7919 * SAMPLES_PER_MS // 10 % len(voice)
    sound = np.take(voice, np.arange(at, at + samples), mode="wrap")
    for start_ms, end_ms in pauses:
        start, end = round(start_ms * SAMPLES_PER_MS), round(end_ms * SAMPLES_PER_MS)
        sound[start:end] = np.take(hush, np.arange(start, min(end, samples)), mode="wrap")
    return bytes(np.rint(sound).astype("<i2").tobytes())


@lru_cache(maxsize=1)
def _bank() -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Thirty seconds of voice, and as much of near-silence."""
    dice = np.random.default_rng(20261123)
    syllables: list[NDArray[np.float64]] = []
    while sum(len(syllable) for syllable in syllables) < 30 * RATE:
        syllables.append(_vowel(dice) if dice.random() < 0.75 else _hiss(dice))
    voice = np.concatenate(syllables)
    voice *= 3000 / np.sqrt(np.mean(voice**2))
    return np.clip(voice, -32_000, 32_000), PAUSE_LEVEL * dice.standard_normal(len(voice))


def _vowel(dice: np.random.Generator) -> NDArray[np.float64]:
    """150 to 300 ms: harmonics of a gliding pitch under three formants."""
    n = int(dice.uniform(0.15, 0.30) * RATE)
    pitch = np.linspace(dice.uniform(90, 220), dice.uniform(90, 220), n)
    phase = 2 * np.pi * np.cumsum(pitch) / RATE
    formants = dice.uniform((300, 900, 2300), (800, 2100, 3200))
    sound = np.zeros(n)
    for harmonic in range(1, 40):
        frequency = harmonic * pitch.mean()
        level = sum(1.0 / (1.0 + ((frequency - formant) / 120.0) ** 2) for formant in formants)
        sound += (0.02 / harmonic + level) * np.sin(harmonic * phase)
    return sound * np.sin(np.pi * (np.arange(n) + 0.5) / n) ** 0.5


def _hiss(dice: np.random.Generator) -> NDArray[np.float64]:
    """50 to 120 ms of high-passed noise, weaker than a vowel."""
    n = int(dice.uniform(0.05, 0.12) * RATE)
    return 0.15 * np.diff(dice.standard_normal(n + 1)) * np.hanning(n)
