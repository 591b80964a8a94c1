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


class Timbre:
    """How periodic 40 ms are below 1 kHz, and how bright, at one sample rate.

    The autocorrelation at the best period of a voice, over that of the window (Boersma, "Accurate short-term
    analysis of the fundamental frequency", IFA Proceedings 17, 1993).

    Args:
        rate: Hertz.
        highest_hz: Up to here what is bright is looked for.
    """

    def __init__(self, rate: int, highest_hz: int) -> None:
        size = rate // 25
        # Periods of voices, 70 to 400 Hz, in samples; three of the lowest fit into 40 ms.
        lags = slice(rate // 400, rate // 70)
        self._lower = slice(70 * 2 * size // rate, 1000 * 2 * size // rate)
        self._upper = slice(1000 * 2 * size // rate, highest_hz * 2 * size // rate)
        self._window = np.hanning(size).astype(np.float32)
        whole = np.fft.irfft(np.abs(np.fft.rfft(self._window, 2 * size)) ** 2)
        turns = np.outer(np.arange(2 * size)[self._lower], np.arange(2 * size)[lags]) / (2 * size)
        # From powers to the correlation at each lag: cheaper than a transform back, for so few bins and lags.
        self._correlation = (np.cos(2 * np.pi * turns) / (whole / whole[0])[lags]).astype(np.float32)

    def of(self, samples: NDArray[np.float32]) -> tuple[NDArray[np.floating], NDArray[np.floating]]:
        """Look at stretches of 40 ms.

        Args:
            samples: Shape (..., 40 ms), in steps of 16 bits.

        Returns:
            Shape (...): the periodicity, 0 to 1; and the level above 1 kHz over that from 70 Hz up to there,
            in dB.
        """
        spectrum = np.fft.rfft(samples * self._window, 2 * len(self._window))[..., : self._upper.stop]
        power = spectrum.real**2 + spectrum.imag**2
        lower = power[..., self._lower].sum(axis=-1) + 1e-3
        upper = power[..., self._upper].sum(axis=-1) + 1e-3
        pitch = power[..., self._lower].dot(self._correlation).max(axis=-1) / lower
        return pitch, 10 * np.log10(upper / lower)


TIMBRE = Timbre(NEAR_RATE, 4000)
"""Of the near end."""


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
        pitch, upper_db = TIMBRE.of(samples)
        is_voiced = bool(pitch >= VOICED and upper_db < BRIGHT_DB)
        self._since_voiced = 0 if is_voiced else self._since_voiced + 1
        if self._since_voiced > MEMORY_FRAMES:
            return 0.0
        return _DULL if upper_db < _DULL_DB else 1.0
