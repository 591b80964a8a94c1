"""The detector: is somebody speaking, in this frame?

Four opinions make one. webrtcvad knows speech in a quiet room, and takes a fan, music and a keyboard for it.
The level over the room's noise tells whether there is anything to judge at all. Where there is, WebRTC's
spectral speech probability and its recurrent network's are asked too. Their log-odds are added up with fixed
weights into a score that follows the last few frames; two thresholds on it make the opinion. How much speech
opens a turn and how much silence ends it is ``turns.py``'s.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from webrtcvad import Vad

from voice_assistant.core.audio import NEAR_RATE, AudioFrame
from voice_assistant.core.levels import FRAME_SAMPLES, Floor, band_power, dbfs
from voice_assistant.core.settings import check_range
from voice_assistant.core.webrtc import network_opinion, spectral_opinion

SPEECH_SCORE = 0.25
"""Log-odds from which a frame is speech: better than even."""

CLEAR_SCORE = 2.2
"""Log-odds from which it is clear speech: nine to one."""

# Logistic regression on 16 minutes of read speech in quiet, fan, room noise, music and babble at 20 to 0 dB,
# and of noise alone, rounded. Fitted to either half of the recordings the weights differ by a fifth.
_VOICED_WEIGHT = 1.25
_SPECTRAL_WEIGHT = 0.42
_NETWORK_WEIGHT = 0.42
_BIAS = -0.8

_FOLLOWING = 0.5
"""Weight of the newest frame in the score and in the level: a memory of about two frames. A longer one scores
no better and hears later."""

_ASKING_DB = 3.0
"""The network is asked where the level stands this far over the floor. It costs more than all the others, and
asked of the noise floor it has nothing to say: the turns are the same with it and without."""

_ASKING_FRAMES = 3
"""Frames for which it is still asked after that: it listens to a context."""


@dataclass(frozen=True, slots=True)
class SpeechSettings:
    """What counts as speech. Table ``[speech]``."""

    strictness: float = 0.0
    """raise it where noise opens your turn, lower it where you are not heard; log-odds, -2 to 2"""

    def __post_init__(self) -> None:
        check_range(self, "strictness", -2, 2)


@dataclass(frozen=True, slots=True)
class Opinion:
    """What the detector makes of one frame.

    Args:
        is_speech: More likely speech than not.
        is_clear: Speech almost certainly.
        score: Log-odds that it is speech, less the strictness, over the last few frames.
        floor_dbfs: The room's noise between 200 and 4000 Hz, dB below full scale (RMS).
    """

    is_speech: bool
    is_clear: bool
    score: float
    floor_dbfs: float


_SETTLING_FRAMES = 25
_QUIET_ROOM = 100.0
"""RMS in steps of 16 bits: -50 dBFS, an ordinary room. A quieter one opens turns on noise at the start."""


class SpeechDetector:
    """Four opinions, one score."""

    def __init__(self, settings: SpeechSettings | None = None) -> None:
        self._strictness = (settings or SpeechSettings()).strictness
        self._speech_score = SPEECH_SCORE + self._strictness
        self._clear_score = CLEAR_SCORE + self._strictness
        self._vad = Vad(3)
        self._spectral = spectral_opinion(NEAR_RATE)
        self._network = network_opinion(NEAR_RATE)
        self._network_says = 0.0
        self._asking = _ASKING_FRAMES
        self._floor = Floor()
        self._power = 0.0
        self._score = _BIAS
        # It follows the noise by itself, and what it hears first is noise to it: with somebody speaking from
        # the first frame on, a turn opened after 0.9 s (median of 40); after a quiet half second, 0.3 s.
        hiss = np.random.default_rng(0).normal(0, _QUIET_ROOM, (_SETTLING_FRAMES, FRAME_SAMPLES))
        for samples in np.rint(hiss).astype(np.int16):
            self._spectral(samples)

    def judge(self, frame: AudioFrame) -> Opinion:
        """Take the next 20 ms at 16 kHz.

        Raises:
            ValueError: The frame has another rate or length.
        """
        if (frame.rate, frame.samples) != (NEAR_RATE, FRAME_SAMPLES):
            raise ValueError(
                f"a frame is {FRAME_SAMPLES} samples at {NEAR_RATE} Hz, not {frame.samples} at {frame.rate}"
            )
        samples = np.frombuffer(frame.pcm, np.int16)
        self._power += _FOLLOWING * (band_power(samples) - self._power)
        level = dbfs(self._power)
        floor = self._floor.follow(level)

        evidence = (
            _BIAS
            + _VOICED_WEIGHT * self._vad.is_speech(frame.pcm, NEAR_RATE)
            + _SPECTRAL_WEIGHT * log_odds(self._spectral(samples))
            + _NETWORK_WEIGHT * log_odds(self._ask_network(samples, level - floor))
        )
        self._score += _FOLLOWING * (evidence - self._score)
        return Opinion(
            self._score > self._speech_score,
            self._score > self._clear_score,
            self._score - self._strictness,
            floor,
        )

    def _ask_network(self, samples: NDArray[np.int16], over_floor_db: float) -> float:
        self._asking = _ASKING_FRAMES if over_floor_db >= _ASKING_DB else self._asking - 1
        if self._asking > 0:
            self._network_says = self._network(samples)
        else:
            self._network_says /= 2
        return self._network_says


def log_odds(probability: float) -> float:
    """Log-odds of a probability, kept within about 4.6 so that no opinion outshouts the others."""
    return math.log((probability + 0.01) / (1.01 - probability))
