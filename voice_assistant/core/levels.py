"""Levels that follow: a frame's power in decibels, and the floor of a room.

``audio.py`` measures one stretch of sound; this is for those who listen on: the canceller's question whether
the loudspeaker can be heard, and the detector's whether somebody stands out from the room.
"""

from __future__ import annotations

import math
from bisect import bisect_left, insort
from collections import deque

import numpy as np
from numpy.typing import NDArray

from voice_assistant.core.audio import NEAR_RATE, SILENCE_DBFS

FRAME_SAMPLES = NEAR_RATE // 50
"""Samples in 20 ms at 16 kHz, the frame that is cleaned, judged and gated at a time."""

FLOOR_FRAMES = 150
"""Frames (3 s) over which the floor is taken: longer than a phrase, short enough to follow the room."""

FLOOR_SHARE = 0.15
"""The floor is the level that this share of them lies below: pauses, not words."""

SPECTRUM_HZ = np.arange(200, 4001, 50)
"""Where speech has its power, and a fan and a hum have little."""

_ONES = np.ones(2 * len(SPECTRUM_HZ), np.float32)


class Floor:
    """The level that the last three seconds seldom fell below."""

    def __init__(self) -> None:
        self._levels: deque[float] = deque()
        self._sorted: list[float] = []

    def follow(self, level_dbfs: float) -> float:
        """Take the next frame's level; give the floor."""
        self._levels.append(level_dbfs)
        insort(self._sorted, level_dbfs)
        if len(self._levels) > FLOOR_FRAMES:
            del self._sorted[bisect_left(self._sorted, self._levels.popleft())]
        return self._sorted[int((len(self._sorted) - 1) * FLOOR_SHARE)]


def dbfs(power: float) -> float:
    """A mean square (1.0 for full scale) in dB, not less than ``SILENCE_DBFS``."""
    return 10 * math.log10(power) if power > 1e-12 else SILENCE_DBFS


def sharp_power(samples: NDArray[np.int16]) -> float:
    """Mean square of the samples' differences, 1.0 for full scale: cheap, and rumble hardly counts in it."""
    wide = samples.astype(np.float32)
    steps = wide[1:] - wide[:-1]
    return float(steps.dot(steps)) / (len(steps) * 32768.0**2)


def spectrum(samples: NDArray[np.int16]) -> NDArray[np.float32]:
    """Squares of the real parts, then of the imaginary ones, at ``SPECTRUM_HZ``, of 20 ms at 16 kHz.

    Both of a frequency make its mean square, and all of them that of the band; 1.0 for full scale.
    """
    bins: NDArray[np.float32] = _BAND.dot(samples.astype(np.float32))
    bins *= bins
    return bins


def total(squares: NDArray[np.float32]) -> float:
    """Sum of ``spectrum``; as a product, which costs a third of a sum."""
    return float(squares.dot(_ONES))


def band_power(samples: NDArray[np.int16]) -> float:
    """Mean square between 200 and 4000 Hz of 20 ms at 16 kHz; 1.0 for full scale."""
    return total(spectrum(samples))


def _band() -> NDArray[np.float32]:
    """Real and imaginary rows of a Fourier transform, scaled so that their squares add up to the mean square.

    As a matrix product this costs less than half of the whole transform. Scale: Parseval, both signs of the
    frequency, Hann window.
    """
    window = np.hanning(FRAME_SAMPLES)
    angles = 2j * np.pi * np.outer(SPECTRUM_HZ, np.arange(FRAME_SAMPLES)) / NEAR_RATE
    rows = np.exp(-angles) * window
    scale = math.sqrt(2 / (FRAME_SAMPLES * float(np.dot(window, window)))) / 32768
    return (np.concatenate((rows.real, rows.imag)) * scale).astype(np.float32)


_BAND = _band()
