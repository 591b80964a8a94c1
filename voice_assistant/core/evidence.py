"""Evidence: how much of what was heard lately speaks for a user who talks into a reply.

Under echo one frame proves nothing. AEC3 takes away much of a user who is quieter than the reply, and leaves
some of the reply where it has lost track of the room. So the detector's scores are added up, from the moment
when they begin to speak for a voice: a clear voice counts in full, a faint one for less, and whatever speaks
against one takes away again until nothing is left (Page's cumulative sum, "Continuous inspection schemes",
Biometrika 41, 1954; its steps are log-likelihood ratios). A clear voice is believed soon and a faint one
later, in the same room and with the same rule. How much is enough grows where the rule has been wrong, and
shrinks back while it is not; what follows from it is ``turns.py``'s.
"""

from __future__ import annotations

# The logarithm of the likelihood ratio of a score under speech to one under echo alone, by logistic
# regression on half an hour at thirty simulated desks, users 10 dB below to 10 dB above the echo; divided by
# what a clear voice brings. That gave an offset of 0.9. With the prefilter users score higher, and so do
# tricks of the room: at 0.6 these are no more than without it, and more users are suspected, and sooner.
_SLOPE = 0.5
_OFFSET = 0.6
_MOST_FOR = 1.0
_MOST_AGAINST = -1.3

FAINTEST_SCORE = -1.8
"""From here on a score may be a voice's. A suspicion takes more; but where there is one, what was as faint as
this before it was heard too."""

_FRAME_MS = 20

_DOUBLED_BY_A_FALSE_TURN = 2.0
_GREATEST_DOUBT = 4.0
"""A jump of the delay or a drifting clock can leave AEC3 at a loss for seconds, and fool the rule again and
again; more than this would lock the user out."""

_FORGIVENESS = 0.9995
"""What is left of the doubt after each frame: it halves in 28 s."""

_SETTLING_DOUBT = 2.0
"""While AEC3 does not know the room yet, it takes twice as much."""


LONGEST_ONSET_MS = 180.0
"""No more than this counts of what was heard while the reply was, too: what confirms an interruption is to be
heard in the quiet, or an echo that AEC3 has lost track of confirms itself."""


class Evidence:
    """A running sum of the detector's scores under echo."""

    def __init__(self) -> None:
        self._frames = 0.0
        self._faint = 0.0
        self._frames_for = 0.0
        self._doubt = 1.0
        self._settling = False

    @property
    def ms(self) -> float:
        """What the sum is worth, in milliseconds of clear speech, less what the doubt takes off."""
        return self._frames * _FRAME_MS / (self._doubt * (_SETTLING_DOUBT if self._settling else 1.0))

    @property
    def speech_ms(self) -> float:
        """How much of a voice has been heard since the sum began to grow, clear or faint, in milliseconds."""
        return min(LONGEST_ONSET_MS, self._frames_for * _FRAME_MS)

    def take(self, score: float, *, settling: bool, weight: float = 1.0) -> None:
        """Add the next frame's score.

        Args:
            score: The detector's log-odds that it is speech.
            settling: AEC3 does not know the room yet.
            weight: How much it counts as words that interrupt, 0 to 1.
        """
        step = min(_MOST_FOR, max(_MOST_AGAINST, _SLOPE * score + _OFFSET))
        self._frames = max(0.0, self._frames + step)
        faint = min(_MOST_FOR, max(_MOST_AGAINST, _SLOPE * (score - FAINTEST_SCORE)))
        self._faint = max(0.0, self._faint + faint)
        self._frames_for = self._frames_for + weight * (faint > 0) if self._faint else 0.0
        self._settling = settling
        self._doubt = max(1.0, self._doubt * _FORGIVENESS)

    def clear(self) -> None:
        """Begin to add up anew; the doubt stays."""
        self._frames = 0.0
        self._faint = 0.0
        self._frames_for = 0.0

    def was_wrong(self) -> None:
        """What was taken for a user was none: ask for more."""
        self._doubt = min(_GREATEST_DOUBT, self._doubt * _DOUBLED_BY_A_FALSE_TURN)
