"""The detector: is somebody speaking, in this frame?

webrtcvad is the first opinion. Alone it takes a fan, music and a keyboard for speech; so a frame must also
stand out from the room, which the detector learns as the level that the last seconds seldom fell below, and
the speech probability of the WebRTC wheel's recurrent network must not speak against it. One frame at a time,
without memory of turns: how much speech opens a turn and how much silence ends it is ``turns.py``'s.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from pywebrtc_audio import GainController
from webrtcvad import Vad

from voice_assistant.core.audio import NEAR_RATE, SILENCE_DBFS, AudioFrame
from voice_assistant.core.settings import check_range

FRAME_SAMPLES = NEAR_RATE // 50
"""Samples in the 20 ms that are judged at a time."""

_BAND = slice(4, 81)
"""Bins of the 320-sample spectrum (50 Hz apart) in which speech stands out: 200 to 4000 Hz."""

_FLOOR_FRAMES = 150
"""Frames (3 s) over which the floor is taken: longer than a phrase, short enough to follow the room."""

_FLOOR_PERCENTILE = 15
"""The floor is the level that this share of them, in percent, lies below: pauses, not words."""

_SMOOTHING = 0.5
"""Weight of the newest frame in the level."""


@dataclass(frozen=True, slots=True)
class SpeechSettings:
    """What counts as speech. Table ``[speech]``."""

    open_over_floor_db: float = 6.0
    """how far speech that opens a turn must stand out from the room's noise, in dB; 0 to 30"""
    hold_over_floor_db: float = 4.0
    """the same for speech that keeps a turn open; 0 to 30"""

    def __post_init__(self) -> None:
        check_range(self, "open_over_floor_db", 0, 30)
        check_range(self, "hold_over_floor_db", 0, 30)


@dataclass(frozen=True, slots=True)
class Opinion:
    """What the detector makes of one frame.

    Args:
        is_speech: Clear enough to open a turn.
        holds: Enough to keep an open turn open; wherever *is_speech* is true, this is too.
        level_dbfs: Smoothed level between 200 and 4000 Hz.
        floor_dbfs: The room's noise in the same band.
    """

    is_speech: bool
    holds: bool
    level_dbfs: float
    floor_dbfs: float


class SpeechDetector:
    """webrtcvad, the level over an adaptive floor, and a recurrent network's word."""

    def __init__(self, settings: SpeechSettings | None = None) -> None:
        self._settings = settings or SpeechSettings()
        self._vad = Vad(3)
        self._network = GainController(NEAR_RATE, adaptive_digital=False)
        self._levels: deque[float] = deque(maxlen=_FLOOR_FRAMES)
        self._power = 0.0

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
        voiced = bool(self._vad.is_speech(frame.pcm, NEAR_RATE))
        level, floor = self._follow(band_power(samples))
        over = level - floor
        is_speech = voiced and over >= self._settings.open_over_floor_db
        holds = is_speech or (voiced and over >= self._settings.hold_over_floor_db)
        return Opinion(is_speech, holds, level, floor)

    def _follow(self, power: float) -> tuple[float, float]:
        self._power += _SMOOTHING * (power - self._power)
        level = dbfs(self._power)
        self._levels.append(level)
        floor = float(np.percentile(np.fromiter(self._levels, float), _FLOOR_PERCENTILE))
        return level, floor


_WINDOW = np.hanning(FRAME_SAMPLES).astype(np.float32)
_TO_MEAN_SQUARE = 2 / (FRAME_SAMPLES * float(np.dot(_WINDOW, _WINDOW))) / 32768**2


def band_power(samples: NDArray[np.int16]) -> float:
    """Mean square between 200 and 4000 Hz of 20 ms at 16 kHz, 1.0 for full scale (Parseval, Hann window)."""
    spectrum = np.fft.rfft(samples * _WINDOW)[_BAND]
    return float(np.vdot(spectrum, spectrum).real) * _TO_MEAN_SQUARE


def dbfs(power: float) -> float:
    """A mean square as dB below full scale, not less than ``SILENCE_DBFS``."""
    return max(SILENCE_DBFS, 10 * float(np.log10(max(power, 1e-12))))
