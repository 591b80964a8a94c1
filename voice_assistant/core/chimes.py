"""The sounds of our own: a bell for timers, and small signs for those who do not look at the screen.

16-bit scale as floats, 24 kHz mono. They go through the mixer, so the canceller knows them.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from voice_assistant.core.audio import REPLY_RATE
from voice_assistant.core.events import Chime

_NOTES: dict[Chime, tuple[tuple[float, int], ...]] = {
    "listening": ((659.3, 80), (880.0, 140)),
    "thinking": ((440.0, 110),),
    "reconnected": ((523.3, 80), (659.3, 80), (784.0, 160)),
}
"""Hertz and milliseconds of each note. Upwards is for what begins; one low note asks for patience."""

_LOUD = 2600.0
"""Of 32768: 22 dB below full scale, well below speech."""


def chime(name: Chime) -> NDArray[np.float32]:
    """Give the samples of one of our sounds."""
    return bell() if name == "bell" else np.concatenate([_note(*note) for note in _NOTES[name]])


def bell() -> NDArray[np.float32]:
    """Three strokes of a small bell: two partials that die away, at a third of full scale."""
    seconds = _seconds(400)
    tone = np.sin(2 * np.pi * 880 * seconds) + 0.5 * np.sin(2 * np.pi * 2217 * seconds)
    rise = np.minimum(seconds / 0.005, 1.0)
    stroke = (7000 * rise * np.exp(-seconds * 8) * tone).astype(np.float32)
    return np.tile(stroke, 3)


def _note(hertz: float, ms: int) -> NDArray[np.float32]:
    """A soft tone that comes and goes without a click (half a sine for its envelope)."""
    seconds = _seconds(ms)
    envelope = np.sin(np.pi * seconds / (ms / 1000)) ** 0.5
    return (_LOUD * envelope * np.sin(2 * np.pi * hertz * seconds)).astype(np.float32)


def _seconds(ms: int) -> NDArray[np.float64]:
    return np.arange(ms * REPLY_RATE // 1000) / REPLY_RATE
