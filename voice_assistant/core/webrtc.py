"""WebRTC's canceller and its opinions on speech, where their wheel is installed.

Nobody builds ``pywebrtc-audio`` for some systems. There nothing of the echo can be taken away, so the
conversation is half duplex; and the level over the room's noise stands in for both opinions. That is a poorer
ear, but it works.
"""

from __future__ import annotations

import math
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from voice_assistant.core.levels import Floor, band_power, dbfs

try:
    import pywebrtc_audio
except ImportError:
    # The wheel is missing, or was built for another system: whatever the reason, there is none.
    CAN_CANCEL = False
else:
    CAN_CANCEL = True

Samples = NDArray[np.int16]


class Canceller(Protocol):
    """Takes both ends in order, as many samples of each, and gives the near one without the far one."""

    def process(self, near: Samples, far: Samples, /) -> Samples:
        """Take the next samples."""
        ...


class SpeechOpinion(Protocol):
    """Takes a voice in order, and says how likely each frame is speech, 0 to 1."""

    def __call__(self, samples: Samples, /) -> float:
        """Take the next frame."""
        ...


def new_canceller(rate: int) -> Canceller | None:
    """Give AEC3 at its defaults; None where there is none."""
    return pywebrtc_audio.EchoCanceller(rate) if CAN_CANCEL else None


def spectral_opinion(rate: int) -> SpeechOpinion:
    """Give WebRTC's spectral voice detector, or what stands in for it."""
    made: SpeechOpinion = pywebrtc_audio.VoiceDetector(rate).process if CAN_CANCEL else LevelOpinion()
    return made


def network_opinion(rate: int) -> SpeechOpinion:
    """Give the recurrent network inside WebRTC's gain controller, or what stands in for it."""
    if not CAN_CANCEL:
        return LevelOpinion()
    # Its gain is off and its sound is thrown away: only the network inside is wanted.
    controller = pywebrtc_audio.GainController(rate, adaptive_digital=False)

    def opinion(samples: Samples) -> float:
        controller.process(samples)
        return float(controller.speech_probability)

    return opinion


class LevelOpinion:
    """In an opinion's place: how far the level stands over the room's noise.

    Loud noise is all but speech to it; that webrtcvad does not find it so keeps it from opening a turn.
    """

    _EVEN_DB = 9.0
    _STEEP_DB = 2.0
    _SUREST = 0.95

    def __init__(self) -> None:
        self._floor = Floor()

    def __call__(self, samples: Samples, /) -> float:
        """Take the next 20 ms at 16 kHz."""
        level = dbfs(band_power(samples))
        over_db = level - self._floor.follow(level)
        return self._SUREST / (1 + math.exp((self._EVEN_DB - over_db) / self._STEEP_DB))
