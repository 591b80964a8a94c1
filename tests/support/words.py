"""A single sound as a turn keeps it: with the silence before and behind it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from voice_assistant.core.audio import NEAR_RATE

ROOM = 30.0
"""RMS of the room's noise, in steps of 16 bits."""


def in_a_quiet_room(sound: NDArray[np.float64], rms: float = 3000, seed: int = 1) -> bytes:
    """Put a second of a quiet room before a sound of that RMS, 16 kHz, and half a second behind it."""
    loud = np.abs(sound) > 0.03 * np.abs(sound).max()
    heard = np.pad(sound * (rms / np.sqrt(np.mean(sound[loud] ** 2))), (NEAR_RATE, NEAR_RATE // 2))
    heard += np.random.default_rng(seed).normal(0, ROOM, len(heard))
    pcm: bytes = np.clip(np.rint(heard), -32768, 32767).astype("<i2").tobytes()
    return pcm
