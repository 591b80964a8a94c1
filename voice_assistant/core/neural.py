"""The fifth opinion: a neural network that knows voices, beside the four of ``speech.py``.

It knows speech from music, babble and kitchen noise far better than they do, but hears it some 30 ms later,
and takes a far, quiet voice for none. So it is given the microphone louder where the room is quiet, and
believed most but not alone. One loud chord looks like a syllable to it, too: what opens a turn is its
certainty added up, so that a clear voice is believed soon and a doubtful one later. The model itself is
handed in (``opinions/``); it costs a package that not everybody has.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray


class VoiceModel(Protocol):
    """A model that says how likely there is speech."""

    def judge(self, samples: NDArray[np.float32]) -> float:
        """Take the next 20 ms at 16 kHz, full scale 1.0; give the probability that somebody speaks."""
        ...


@dataclass(frozen=True, slots=True)
class Opinion:
    """What is made of one frame.

    Args:
        is_speech: More likely speech than not.
        is_sure: Sure enough that a speaker goes on after a pause.
        is_clear: Speech almost certainly.
        score: Log-odds that it is speech, less the strictness, over the last few frames.
        floor_dbfs: The room's noise between 200 and 4000 Hz, dB below full scale (RMS).
        silence: How much the frame counts as silence if it is no speech: less where that is in doubt.
    """

    is_speech: bool
    is_sure: bool
    is_clear: bool
    score: float
    floor_dbfs: float
    silence: float = 1.0


# Logistic regression as for the four, on the same recordings and on as many made from them with keyboards,
# household noise and other levels; rounded between the two.
_MODEL_WEIGHT = 0.7
_VOICED_WEIGHT = 0.5
_SPECTRAL_WEIGHT = 0.15
_NETWORK_WEIGHT = 0.15
_BIAS = -0.4

SPEECH_SCORE = 1.5
SURE_SCORE = 1.6
"""Log-odds, as for the four. Higher, since the model remembers a word for some frames."""

_SILENT_SCORE = -3.0
_SURE_SILENCE = 1.08
_DOUBTFUL_SCORE = 0.5
_DOUBTFUL_SILENCE = 0.38
"""What a frame counts for as silence: a little more than its length where nobody speaks for certain, since
the end of a word is heard late; a third of it where somebody might; in between in proportion."""

_DOUBT = 0.5
_FAINT_DOUBT = 0.15
_STANDS_OUT_DB = 10.0
_FADING_DB = 1.0
_ENOUGH = 22.0
"""What opens a turn: the score over the doubt, added up frame by frame. A clear voice has it in seven frames,
a doubtful one in fifteen; the onset rule of ``turns.py`` comes on top. The doubt grows with each decibel that
the level lately stood less than 10 dB over the floor: there 97 of 100 voices stand, and babble never did."""

_MOST = 28.0
_LOSS = -1.5
"""A frame takes away no more than this: a stop consonant is no end."""

_LIFTED_FLOOR_DBFS = -50.0
_MOST_LIFT_DB = 12.0
"""The model's microphone is louder by so much that the room's floor comes up to an ordinary room's. Voices at
-40 dBFS are then found (before it one in six was clipped), and babble, whose floor is high, is not lifted."""

_LIFT_FOLLOWING = 0.05
"""Weight of the newest frame in the lift: half a second. A jump would be a sound of its own."""


class NeuralJudge:
    """The model's word and the four's, as one score.

    Args:
        model: Says how likely there is speech.
        strictness: Log-odds that are asked for on top.
    """

    def __init__(self, model: VoiceModel, strictness: float) -> None:
        self._model = model
        self._strictness = strictness
        self._lift_db = 0.0
        self._over_floor_db = 0.0
        self._certainty = 0.0

    def judge(
        self,
        samples: NDArray[np.int16],
        floor_dbfs: float,
        over_floor_db: float,
        voiced: bool,
        spectral: float,
        network: float,
    ) -> Opinion:
        """Take the next 20 ms.

        Args:
            samples: 16 kHz.
            floor_dbfs: The room's noise.
            over_floor_db: How far the level stands over it.
            voiced: webrtcvad's opinion.
            spectral: The spectral detector's, as log-odds.
            network: The recurrent network's, as log-odds.
        """
        lift_db = min(_MOST_LIFT_DB, max(0.0, _LIFTED_FLOOR_DBFS - floor_dbfs))
        self._lift_db += _LIFT_FOLLOWING * (lift_db - self._lift_db)
        lifted = samples.astype(np.float32) * np.float32(10 ** (self._lift_db / 20) / 32768)
        model = log_odds(self._model.judge(np.clip(lifted, -1.0, 1.0)))
        evidence = (
            _BIAS
            + _MODEL_WEIGHT * model
            + _VOICED_WEIGHT * voiced
            + _SPECTRAL_WEIGHT * spectral
            + _NETWORK_WEIGHT * network
        )
        score = evidence - self._strictness
        self._over_floor_db = max(over_floor_db, self._over_floor_db - _FADING_DB)
        doubt = _DOUBT + _FAINT_DOUBT * max(0.0, _STANDS_OUT_DB - self._over_floor_db)
        self._certainty = min(_MOST, max(0.0, self._certainty + max(_LOSS, score - doubt)))
        is_clear = self._certainty > _ENOUGH
        return Opinion(
            score > SPEECH_SCORE, score > SURE_SCORE, is_clear, score, floor_dbfs, silence_in(score)
        )


def silence_in(score: float) -> float:
    """What a frame of this score counts for as silence."""
    share = (score - _SILENT_SCORE) / (_DOUBTFUL_SCORE - _SILENT_SCORE)
    return _SURE_SILENCE + (_DOUBTFUL_SILENCE - _SURE_SILENCE) * min(1.0, max(0.0, share))


def log_odds(probability: float) -> float:
    """Log-odds of a probability, kept within about 4.6 so that no opinion outshouts the others."""
    return math.log((probability + 0.01) / (1.01 - probability))
