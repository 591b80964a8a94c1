"""Voicing: is what was heard a voice, and does it say something?

A detector of speech takes a keyboard for it, and "mm-hm" is speech. Neither shall end a reply. Two things
tell them from words: a key and a cough have no pitch, and a hum has nothing above its first formant. So each
frame of what may be an interruption is given a weight. What it takes to interrupt is ``floor.py``'s.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from voice_assistant.core.audio import NEAR_RATE, AudioFrame
from voice_assistant.core.levels import FRAME_SAMPLES

# Measured on words, coughs, keys and hums in rooms, at 10 to 40 dB over the noise: pitch stands out by 0.6
# or more in 85 % of the frames of words, in 95 % of a hum and in 5 % of the rest; the upper band lies 18 dB
# below the lower in a hum (5 % above -10), 11 dB in words (40 % below -12) and above it in keys.
VOICED = 0.6
"""Periodicity from which a frame has a pitch."""

BRIGHT_DB = 3.0
"""From so much more above 1 kHz than below it is no vowel."""

_DULL_DB = -12.0

_DULL = 0.5
"""Weight of a dull voice: "mm-hm" may take half a second, and words are dull now and then."""

MEMORY_FRAMES = 3
"""Frames (60 ms) after a voiced one that count with it: consonants have no pitch."""

_SIZE = 2 * FRAME_SAMPLES
"""Samples (40 ms) that are looked at: three periods of the lowest voice."""

_LAGS = slice(NEAR_RATE // 400, NEAR_RATE // 70)
"""Periods of voices, 70 to 400 Hz, in samples."""


class Voicing:
    """Weighs the frames of a voice by what they say."""

    def __init__(self) -> None:
        self._before: bytes = bytes(2 * FRAME_SAMPLES)
        self._since_voiced = MEMORY_FRAMES

    def pass_by(self, frame: AudioFrame) -> None:
        """Take a frame that nobody asks about."""
        self._before = frame.pcm
        self._since_voiced = MEMORY_FRAMES

    def weigh(self, frame: AudioFrame) -> float:
        """Take the next 20 ms at 16 kHz; say how much they count as words, 0 to 1."""
        samples = np.frombuffer(self._before + frame.pcm, np.int16).astype(np.float32)
        self._before = frame.pcm
        pitch, upper_db = sound_of(samples)
        is_voiced = pitch >= VOICED and upper_db < BRIGHT_DB
        self._since_voiced = 0 if is_voiced else self._since_voiced + 1
        if self._since_voiced > MEMORY_FRAMES:
            return 0.0
        return _DULL if upper_db < _DULL_DB else 1.0


def sound_of(samples: NDArray[np.float32]) -> tuple[float, float]:
    """How periodic 40 ms are below 1 kHz, 0 to 1; and the level of 1 to 4 kHz over that from 70 Hz to 1 kHz.

    The autocorrelation at the best period, over that of the window (Boersma, "Accurate short-term analysis of
    the fundamental frequency", IFA Proceedings 17, 1993).
    """
    spectrum = np.fft.rfft(samples * _WINDOW, 2 * _SIZE)[: _UPPER.stop]
    power = spectrum.real**2 + spectrum.imag**2
    lower = float(power[_LOWER].sum()) + 1e-3
    upper = float(power[_UPPER].sum()) + 1e-3
    correlation = power[_LOWER].dot(_CORRELATION)
    whole = lower / _SIZE
    return float(correlation.max()) / whole, 10 * float(np.log10(upper / lower))


def _bins(lowest_hz: int, highest_hz: int) -> slice:
    return slice(lowest_hz * 2 * _SIZE // NEAR_RATE, highest_hz * 2 * _SIZE // NEAR_RATE)


_LOWER = _bins(70, 1000)
_UPPER = _bins(1000, 4000)
_WINDOW = np.hanning(_SIZE).astype(np.float32)
_WHOLE_CORRELATION = np.fft.irfft(np.abs(np.fft.rfft(_WINDOW, 2 * _SIZE)) ** 2)
_WINDOW_CORRELATION = (_WHOLE_CORRELATION / _WHOLE_CORRELATION[0])[_LAGS]
_TURNS = np.outer(np.arange(2 * _SIZE)[_LOWER], np.arange(2 * _SIZE)[_LAGS]) / (2 * _SIZE)
_CORRELATION = (np.cos(2 * np.pi * _TURNS) / (_SIZE * _WINDOW_CORRELATION)).astype(np.float32)
"""From powers to the correlation at each lag: cheaper than a transform back, for so few bins and lags."""
