"""The fifth opinion: a neural network that knows voices, beside the four of ``speech.py``.

It knows speech from music, babble and kitchen noise far better than they do, but takes a far, quiet voice for
none. So it is given the microphone louder where the room is quiet. The model itself is handed in
(``opinions/``); it costs a package that not everybody has.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from voice_assistant.core.verdict import log_odds


class VoiceModel(Protocol):
    """A model that says how likely there is speech."""

    def judge(self, samples: NDArray[np.float32]) -> float:
        """Take the next 20 ms at 16 kHz, full scale 1.0; give the probability that somebody speaks."""
        ...


_LIFTED_FLOOR_DBFS = -50.0
_MOST_LIFT_DB = 12.0
"""The model's microphone is louder by so much that the room's floor comes up to an ordinary room's. Voices at
-40 dBFS are then found (before it one in six was clipped), and babble, whose floor is high, is not lifted."""

_LIFT_FOLLOWING = 0.05
"""Weight of the newest frame in the lift: half a second. A jump would be a sound of its own."""


class LiftedModel:
    """The model's word, from a microphone that is as loud as it needs.

    Args:
        model: Says how likely there is speech.
    """

    def __init__(self, model: VoiceModel) -> None:
        self._model = model
        self._lift_db = 0.0

    def judge(self, samples: NDArray[np.int16], floor_dbfs: float) -> float:
        """Take the next 20 ms at 16 kHz, and the room's noise; give log-odds that somebody speaks."""
        lift_db = min(_MOST_LIFT_DB, max(0.0, _LIFTED_FLOOR_DBFS - floor_dbfs))
        self._lift_db += _LIFT_FOLLOWING * (lift_db - self._lift_db)
        lifted = samples.astype(np.float32) * np.float32(10 ** (self._lift_db / 20) / 32768)
        return log_odds(self._model.judge(np.clip(lifted, -1.0, 1.0)))
