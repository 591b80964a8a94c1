"""The detector: is somebody speaking, in this frame?

Four opinions make one, and a fifth can be had (``neural.py``). webrtcvad knows speech in a quiet room, and
takes a fan, music and a keyboard for it. The level over the room's noise tells whether there is anything to
judge at all. Where there is, the recurrent network inside WebRTC's gain control is asked too. While nothing
plays there is time: what they say and have said of late is fused (``fusion.py``), and a verdict made of it
(``verdict.py``). While a reply plays there is none: WebRTC's spectral detector is heard too, their log-odds
are added up with fixed weights into a score that follows the last two frames, and thresholds on it make the
opinion. How much speech opens a turn and how much silence ends it is ``turns.py``'s.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from webrtcvad import Vad

from voice_assistant.core.audio import NEAR_RATE, AudioFrame
from voice_assistant.core.fusion import Fusion
from voice_assistant.core.fusion_weights import FIVE, FOUR
from voice_assistant.core.levels import FRAME_SAMPLES, Floor, dbfs, spectrum, total
from voice_assistant.core.neural import LiftedModel, VoiceModel
from voice_assistant.core.settings import check_choice, check_range
from voice_assistant.core.verdict import Measure, Opinion, Verdict, log_odds
from voice_assistant.core.webrtc import network_opinion, spectral_opinion

FOUR_MEASURE = Measure(
    speech=-0.92,
    sure=-0.22,
    enough=7.7,
    silent=-3.5,
    doubtful=-0.57,
    sure_silence=1.6,
    doubtful_silence=0.12,
)
FIVE_MEASURE = Measure(
    speech=0.1,
    sure=0.1,
    enough=12.0,
    silent=-4.1,
    doubtful=-0.5,
    sure_silence=1.24,
    doubtful_silence=0.6,
)
"""Found by trying: docs/decisions/turn-ends.md says on what, and what came of it."""

NOBODY = -10.0
"""Log-odds that somebody speaks where nobody was heard, or shall be."""

# --- While a reply plays ---

SPEECH_SCORE = 0.25
"""Log-odds from which a frame is speech: better than even."""

SURE_SCORE = 1.0
"""Log-odds from which it is speech surely enough to end a pause: three to one."""

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

_SPECTRAL_EVERY = 8
"""Frames between two looks of the spectral detector while nothing plays, or nothing stands out from the room:
so it knows the noise when its word counts."""

_FUSED_EVERY = 2
"""Frames between two scores of the fusion without a model, which would cost much more than it: the score
speaks of a while ago, and a while is longer than that. While a reply plays, when it is not asked, so many
between two that it is told of."""

_MOST_OVER_DB = 25.0
"""A level further over the floor than this says no more."""


@dataclass(frozen=True, slots=True)
class SpeechSettings:
    """What counts as speech. Table ``[speech]``."""

    strictness: float = 0.0
    """raise it where noise opens your turn, lower it where you are not heard; log-odds, -2 to 2"""
    detector: Literal["default", "neural"] = "default"
    """"neural" asks a neural network too: fewer mistakes in noise. It needs the extra: [neural]"""

    def __post_init__(self) -> None:
        check_choice(self, "detector", ("default", "neural"))
        check_range(self, "strictness", -2, 2)


_SETTLING_FRAMES = 25
_QUIET_ROOM = 100.0
"""RMS in steps of 16 bits: -50 dBFS, an ordinary room. A quieter one opens turns on noise at the start."""


class SpeechDetector:
    """Four opinions or five, one verdict.

    Args:
        settings: How strict it is.
        model: The fifth opinion; without one the four decide.
    """

    def __init__(self, settings: SpeechSettings | None = None, model: VoiceModel | None = None) -> None:
        self._strictness = (settings or SpeechSettings()).strictness
        self._model = LiftedModel(model) if model else None
        self.fusion = Fusion(4, FIVE) if model else Fusion(3, FOUR)
        """What the opinions say and have said of late."""
        self._verdict = Verdict(FIVE_MEASURE if model else FOUR_MEASURE)
        self._vad = Vad(3)
        self._spectral = spectral_opinion(NEAR_RATE)
        self._spectral_says = 0.0
        self._frames = 0
        self._floor = Floor()
        self.begin()
        # It follows the noise by itself, and what it hears first is noise to it: with somebody speaking from
        # the first frame on, a turn opened after 0.9 s (median of 40); after a quiet half second, 0.3 s.
        hiss = np.random.default_rng(0).normal(0, _QUIET_ROOM, (_SETTLING_FRAMES, FRAME_SAMPLES))
        for samples in np.rint(hiss).astype(np.int16):
            self._spectral(samples)

    def begin(self) -> None:
        """What comes next does not follow on what came before: a word that was cut off is over."""
        self._network = network_opinion(NEAR_RATE)
        self._network_says = 0.0
        self._asking = _ASKING_FRAMES
        self._power = 0.0
        self._score = _BIAS
        self.fusion.begin()
        self._fused = NOBODY
        self.forget()

    def forget(self) -> None:
        """What was heard until now opens no turn."""
        self._verdict.begin()

    def judge(self, frame: AudioFrame, *, far_active: bool = False) -> Opinion:
        """Take the next 20 ms at 16 kHz.

        Args:
            frame: What the microphone heard.
            far_active: A reply is playing. Then the sum of the four decides: it is quicker by 80 ms, and what
                is left of the reply's voice in the microphone is a voice to the model.

        Raises:
            ValueError: The frame has another rate or length.
        """
        if (frame.rate, frame.samples) != (NEAR_RATE, FRAME_SAMPLES):
            raise ValueError(
                f"a frame is {FRAME_SAMPLES} samples at {NEAR_RATE} Hz, not {frame.samples} at {frame.rate}"
            )
        self._frames += 1
        samples = np.frombuffer(frame.pcm, np.int16)
        powers = spectrum(samples)
        self._power += _FOLLOWING * (total(powers) - self._power)
        level = dbfs(self._power)
        floor = self._floor.follow(level)
        over_floor_db = level - floor

        voiced = self._vad.is_speech(frame.pcm, NEAR_RATE)
        network = log_odds(self._ask_network(samples, over_floor_db))
        spectral = self._ask_spectral(samples, far_active=far_active)
        evidence = _BIAS + _VOICED_WEIGHT * voiced + _SPECTRAL_WEIGHT * spectral + _NETWORK_WEIGHT * network
        self._score += _FOLLOWING * (evidence - self._score)
        said = [float(voiced), network / 4, min(_MOST_OVER_DB, max(0.0, over_floor_db)) / 10]
        if self._model:
            said.append(self._model.judge(samples, floor) / 4)
        if not far_active or self._frames % _FUSED_EVERY == 0:
            self.fusion.follow(said, powers)
        if far_active:
            self.forget()
            score = self._score - self._strictness
            return Opinion(score > SPEECH_SCORE, score > SURE_SCORE, score > CLEAR_SCORE, score, floor)
        if self._model or self._frames % _FUSED_EVERY == 0:
            self._fused = self.fusion.score() - self._strictness
        return self._verdict.on(self._fused, floor)

    def _ask_spectral(self, samples: NDArray[np.int16], *, far_active: bool) -> float:
        """Ask it while its word counts; otherwise so often that it knows the noise when it does."""
        if (far_active and self._asking > 0) or self._frames % _SPECTRAL_EVERY == 0:
            self._spectral_says = log_odds(self._spectral(samples))
        return self._spectral_says

    def _ask_network(self, samples: NDArray[np.int16], over_floor_db: float) -> float:
        self._asking = _ASKING_FRAMES if over_floor_db >= _ASKING_DB else self._asking - 1
        if self._asking > 0:
            self._network_says = self._network(samples)
        else:
            self._network_says /= 2
        return self._network_says
