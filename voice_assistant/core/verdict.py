"""The verdict: what a detector's score means for a turn.

The gate asks four things of a frame. Is it speech, so that an open turn goes on? Is that sure enough to end
a pause? Has there been so much of it lately that a turn opens? And if it is no speech, how much does it count
as silence? What opens a turn is certainty added up: a clear voice is believed soon, a doubtful one later, and
one loud chord, which looks like a syllable, not at all. Silence that is in doubt counts for less, so that a
turn in noise waits longer where a faint word may hide, and one in a quiet room does not.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

_DOUBT = 0.1
"""Log-odds: what a frame's score is above this is added up to certainty."""

_MOST = 4.0
"""No frame adds more than this."""

_LOSS = -1.5
"""No frame takes away more than this: a stop consonant is no end."""

_OVERFLOW = 6.0
"""Certainty is kept up to so much more than is needed: after a silence a voice must be clear anew."""


# Not frozen, though nobody changes one: it is made fifty times a second, and freezing makes that dearer.
@dataclass(slots=True)
class Opinion:
    """What is made of one frame.

    Args:
        is_speech: Likely enough speech that an open turn goes on.
        is_sure: Sure enough that a speaker goes on after a pause.
        is_clear: Enough clear speech lately to open a turn.
        score: Log-odds that it is speech, less the strictness.
        floor_dbfs: The room's noise between 200 and 4000 Hz, dB below full scale (RMS).
        silence: How much the frame counts as silence if it is no speech: less where that is in doubt.
    """

    is_speech: bool
    is_sure: bool
    is_clear: bool
    score: float
    floor_dbfs: float
    silence: float = 1.0


@dataclass(frozen=True, slots=True)
class Measure:
    """What a detector's score is measured by; log-odds, but for the last two.

    Args:
        speech: From here on it is speech.
        sure: And here sure enough to end a pause.
        enough: So much certainty opens a turn.
        silent: Here and below it is silence for certain.
        doubtful: Here and above it is silence in doubt, if it is silence.
        sure_silence: How much a frame of silence counts for certain, in its lengths: more than one, since the
            end of a word is heard late.
        doubtful_silence: How much it counts in doubt; in between it is in proportion.
    """

    speech: float
    sure: float
    enough: float
    silent: float
    doubtful: float
    sure_silence: float
    doubtful_silence: float

    def silence_in(self, score: float) -> float:
        """What a frame of this score counts for as silence."""
        share = min(1.0, max(0.0, (score - self.silent) / (self.doubtful - self.silent)))
        return self.sure_silence + (self.doubtful_silence - self.sure_silence) * share


class Verdict:
    """Makes opinions of scores, frame by frame.

    Args:
        measure: What the scores are measured by.
    """

    def __init__(self, measure: Measure) -> None:
        self._measure = measure
        self._certainty = 0.0

    def on(self, score: float, floor_dbfs: float) -> Opinion:
        """Take the next frame's score.

        Args:
            score: Log-odds that it is speech, less the strictness.
            floor_dbfs: The room's noise.
        """
        measure = self._measure
        gain = min(_MOST, max(_LOSS, score - _DOUBT))
        self._certainty = min(measure.enough + _OVERFLOW, max(0.0, self._certainty + gain))
        return Opinion(
            score > measure.speech,
            score > measure.sure,
            self._certainty > measure.enough,
            score,
            floor_dbfs,
            measure.silence_in(score),
        )

    def begin(self) -> None:
        """What was heard until now opens no turn."""
        self._certainty = 0.0


def log_odds(probability: float) -> float:
    """Log-odds of a probability, kept within about 4.6 so that no opinion outshouts the others."""
    return math.log((probability + 0.01) / (1.01 - probability))
