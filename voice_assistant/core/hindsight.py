"""Hindsight: did somebody speak into the reply, after all?

Where a turn opens over echo the reply is paused, and then words are wanted in the quiet. Who said a second
only has no more of them, and what was heard of it before, or while the reply was still on its way, cannot
count in full: AEC3 may have lost the echo. But once it is over, what was heard can be looked at again, the
second before the pause included, and the echo explained better than any canceller does (``residue.py``). So
when somebody may have spoken and now says nothing more, it is: half a second of it in each frame, that none
takes long. What it was worth is told as ``TurnReviewed``; what follows is ``floor.py``'s.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

import numpy as np

from voice_assistant.core.audio import NEAR_RATE, REPLY_RATE, silence
from voice_assistant.core.coupling import PATH_FRAMES
from voice_assistant.core.events import Captured, Event, TurnAudio, TurnClosed, TurnOpened, TurnReviewed
from voice_assistant.core.residue import FRAME, RATE, WAY_FRAMES, Residue, Samples, lowered
from voice_assistant.core.turns import Heard
from voice_assistant.core.voicing import BRIGHT_DB, MEMORY_FRAMES, VOICED, Timbre

BEFORE_FRAMES = 50
"""Frames (1 s) before the turn opened that are looked at: late suspicions come after so long."""

LATEST_FRAMES = 60
"""Frames (1.2 s) after which nothing is looked at any more: a turn is decided by then."""

LEAD_FRAMES = 3
"""So many frames before the measured delay an echo may begin: that is measured by levels, which come late."""

LEAST_MS = 260.0
"""Less than this, heard by the detector, is worth no look. Most tricks of the room are less."""

ENOUGH_MS = 340.0
"""More than this, counted already, needs none."""

_NEAR_FRAMES = BEFORE_FRAMES + LATEST_FRAMES + 2
_FAR_FRAMES = _NEAR_FRAMES + PATH_FRAMES + WAY_FRAMES + 1

_LOUD_DB = 4.0
_SURE_DB = 10.0
_UNSURE = 0.25
"""So far over what an echo leaves there may be somebody, and counts by a quarter; so far there surely is. The
loudspeaker's distortion, and a jump of its delay, leave up to 9 dB more than foreseen."""

_TIMBRE = Timbre(RATE, 3800)

_MEANT = 1.5
"""Words that were said for each that is found in the residue."""

_HUM_FRAMES = 28
_MORE_FRAMES = 4
"""Frames (0.56 s) that "mm-hm" lasts at the most, the room's ringing included. Where there is hardly more
than in some stretch of that length it may be one, and is worth nothing."""


class Hindsight:
    """Keeps what both ends heard, and looks at it again when there is a doubt."""

    def __init__(self) -> None:
        self._near: deque[bytes] = deque(maxlen=_NEAR_FRAMES)
        self._far: deque[bytes] = deque(maxlen=_FAR_FRAMES)
        self._turn: int | None = None
        self._frames = 0
        self._spoken_ms = 0.0
        self._counted_ms = 0.0
        self._is_new = False
        self._look: _Look | None = None

    def forget(self) -> None:
        """What comes next does not follow on what came before."""
        self._near.clear()
        self._far.clear()
        self._turn = self._look = None

    def follow(
        self, event: Captured, heard: Heard, made: Sequence[Event], delay_frames: int | None
    ) -> list[Event]:
        """Take the next frame of both ends; say what is known of the open turn now.

        Args:
            event: What was captured.
            heard: What the gate was told of it.
            made: What the gate made of that.
            delay_frames: How long the echo takes, as far as it is known.
        """
        self._near.append(event.near.pcm)
        self._far.append(event.far.pcm)
        for each in made:
            match each:
                case TurnOpened(turn=turn, over_echo=True):
                    self._turn, self._frames, self._look = turn, 0, None
                    self._spoken_ms = self._counted_ms = each.speech_ms
                    self._is_new = True
                    return []
                case TurnAudio(is_speech=True):
                    self._counted_ms += each.frame.ms * each.weight
                case TurnClosed():
                    self._turn = self._look = None
                case _:
                    pass
        if self._turn is None:
            return []
        self._frames += 1
        if self._frames > LATEST_FRAMES or self._counted_ms >= ENOUGH_MS:
            self._turn = self._look = None
        elif heard.is_speech:
            self._spoken_ms += heard.voice.ms * heard.weight
            self._is_new, self._look = True, None
        elif self._look:
            return self._go_on(event.at, self._look, self._turn)
        elif self._is_new and not heard.tail and self._spoken_ms >= LEAST_MS and delay_frames is not None:
            self._is_new = False
            self._look = _Look(self._near, self._far, BEFORE_FRAMES + self._frames, delay_frames)
        return []

    def _go_on(self, at: float, look: _Look, turn: int) -> list[Event]:
        look.residue.explain()
        if not look.residue.is_explained:
            return []
        self._look = None
        return [TurnReviewed(at, turn, words_ms(look.residue.samples, look.residue.excess))]


class _Look:
    """One look at the last so many *frames*."""

    def __init__(self, near: deque[bytes], far: deque[bytes], frames: int, delay_frames: int) -> None:
        heard = lowered(_filled(near, _NEAR_FRAMES, NEAR_RATE), NEAR_RATE)
        played = lowered(_filled(far, _FAR_FRAMES, REPLY_RATE), REPLY_RATE)
        begins = min(PATH_FRAMES, max(0, delay_frames - LEAD_FRAMES))
        self.residue = Residue(heard[-frames * FRAME :], played, begins)


def _filled(frames: deque[bytes], length: int, rate: int) -> list[bytes]:
    """As many frames as are wanted: before the first there was silence."""
    return [silence(20, rate)] * (length - len(frames)) + list(frames)


def words_ms(samples: Samples, excess: Samples) -> float:
    """How much of the residue is words, in milliseconds.

    Args:
        samples: The residue, at ``RATE``.
        excess: The power of each frame over what an echo would leave.
    """
    rows = samples.reshape(-1, FRAME)
    before = np.concatenate((np.zeros((1, FRAME), np.float32), rows[:-1]))
    pitch, upper_db = _TIMBRE.of(np.concatenate((before, rows), axis=1))
    over_db = 10 * np.log10(excess + 1e-9)
    loud = over_db > _LOUD_DB
    voiced = loud & (pitch > VOICED) & (upper_db < BRIGHT_DB)
    # One frame alone is chance.
    around = np.concatenate(([False], voiced, [False]))
    voiced &= around[:-2] | around[2:]
    spoken = voiced.copy()
    for later in range(1, MEMORY_FRAMES + 1):
        spoken[later:] |= voiced[:-later]
    spoken &= loud
    densest = np.convolve(spoken, np.ones(_HUM_FRAMES), "valid").max()
    if spoken.sum() - densest < _MORE_FRAMES:
        return 0.0
    shares = np.clip((over_db - _LOUD_DB) / (_SURE_DB - _LOUD_DB), _UNSURE, 1.0)
    return 20 * _MEANT * float(shares[spoken].sum())
