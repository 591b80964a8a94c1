"""The echo path: can the microphone hear the loudspeaker at all?

With headphones on it cannot, and then AEC3 must not be let at the user's words: with nothing to adapt to it
takes ordinary speech for echo and removes 5 to 40 dB of it (measured, the far end active). So an upper bound
of the coupling is kept, from the one thing that proves it: the loudspeaker was loud, and 0.7 s later
the microphone had not risen further than this. Echo is presumed until then, and again as soon as the
microphone follows the loudspeaker's ups and downs.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from voice_assistant.core.audio import SILENCE_DBFS
from voice_assistant.core.levels import Floor, dbfs

PATH_FRAMES = 50
"""Frames (1 s) within which an echo is looked for."""

_PROOF_FRAMES = 35
"""Frames (0.7 s) within which an echo arrives unless it is known to take longer; Bluetooth takes up to 0.6 s.
Whoever speaks into the first reply before there is a proof is believed later, so a proof must come soon."""

_SURE_FRAMES = 5
"""Frames (0.1 s) more than the delay that was measured."""

_PROVING_FRAMES = 15
"""Frames (0.3 s) before those: what was played in them has been heard by now, or never will be."""

AUDIBLE_DB = 6.0
"""Echo that stays less than this over the room's floor can be taken for nobody's speech."""

_FLOOR_RISE_DB = 0.01
"""How much the floor may rise in a frame (0.5 dB a second): a user who talks on and on is not the room."""

_LOUD_DBFS = -55.0
"""The far end says something about the path from here on."""

_LOUD_FRAMES = 10
"""So many loud frames (0.2 s) make a proof; a click is none."""

_LIKENESS_FRAMES = 75
"""Frames (1.5 s) over which the ups and downs of both ends are compared."""

_STEP_FRAMES = 3
"""An up or down is how far the level moves in so many frames (60 ms), a part of a syllable. Levels themselves
are no measure: a sentence between two silences is like any other sentence."""

_LARGEST_STEP_DB = 10.0
"""No step counts for more, up or down: or one beginning on both sides would be likeness enough."""

_SMALLEST_STEPS_DB = 2.0
"""Both ends must move by this much (root mean square of the steps) for a comparison to mean anything."""

_OVER_FLOOR_DB = 3.0
"""Up to here over the floor it is the room that moves."""

_LIKENESS = 0.65
"""Correlation of the steps from which the microphone follows the loudspeaker. Of 2100 looks at an echo alone,
0.02 to 0.9 s late, 98 in 100 were above; of those at users who talk with headphones on, 6 in 1000."""

_LIKENESS_EVERY = 10
"""Frames between two comparisons."""

_LOOKS = 2
"""So many in a row must agree on the delay, before it is believed."""

_LOOKS_TO_PRESUME = 3
"""And so many before there is an echo where there was proved to be none, while the loudspeaker plays: with no
new sound, looks that agree have seen the same thing twice. In an hour of users who talk before, into and
right behind replies with headphones on chance made an echo twice; comparing levels it was 121 times."""

_RISEN_DB = 12.0
"""So far over the floor the microphone hears something begin."""

_PROOF_EVERY = 5
"""Frames between two looks for a proof."""

_DELAY_EVERY = 25
"""Frames between two looks at the delay while echo is presumed, once it is known."""

_LESS_DB = 6.0
"""A reply that is this much less loud than the one that told the delay should be heard too."""

_LONGEST_TAIL_FRAMES = 38
"""Frames (0.76 s): no echo is waited for longer. Bluetooth takes up to 0.6 s; and of the 1.5 s in which an
interruption must be confirmed enough is to be the user's, whatever was measured."""

RINGING_FRAMES = 8
"""Frames (0.16 s) after which a room has swallowed an echo by 20 dB or more, and AEC3 what is left of it.
After 0.1 s a room that rings for half a second was taken for a user for as long again."""

LONG_RINGING_FRAMES = 20
"""Frames (0.4 s) after which a room has swallowed 48 dB of it by itself."""

_LONG_AGO = 10_000
_UNKNOWN_DB = 200.0


class Coupling:
    """An upper bound of the echo's level relative to the far end's."""

    def __init__(self) -> None:
        self._bound_db = _UNKNOWN_DB
        self._floor = Floor()
        self._floor_dbfs = SILENCE_DBFS
        self._near: deque[float] = deque(maxlen=_LIKENESS_FRAMES)
        self._far: deque[float] = deque(maxlen=_LIKENESS_FRAMES + PATH_FRAMES)
        self._power = 0.0
        self._frames = 0
        self._alike_at: int | None = None
        self._agreed = 0
        self._told_by_dbfs = SILENCE_DBFS
        self.delay_frames: int | None = None
        """How long the echo takes, in frames; None until looks in a row have agreed on it."""
        self._first_delay: int | None = None
        self._since_silence = 0
        self._since_loud = _LONG_AGO

    @property
    def likely_delay_frames(self) -> int | None:
        """How long the echo takes, or likely takes: from the first reply on; None before its first sound."""
        return self._first_delay if self.delay_frames is None else self.delay_frames

    def played_within(self, frames: int) -> bool:
        """Did the loudspeaker play what may still be on its way to the microphone, or ring for so long?"""
        delay = self.likely_delay_frames
        return (
            self._since_loud
            < min(PATH_FRAMES // 2 if delay is None else delay, _LONGEST_TAIL_FRAMES) + frames
        )

    def follow(self, near_power: float, far_power: float) -> bool:
        """Take the next frame of both ends, as mean squares; say whether the microphone may hold echo."""
        self._power += 0.5 * (near_power - self._power)
        near, far = dbfs(self._power), dbfs(far_power)
        floor = self._floor.follow(near)
        self._floor_dbfs = min(floor, self._floor_dbfs + _FLOOR_RISE_DB) if self._near else floor
        self._near.append(near)
        self._far.append(far)
        self._since_loud = 0 if far >= _LOUD_DBFS else self._since_loud + 1
        loudest = max(self._far)
        if loudest < _LOUD_DBFS:
            self._since_silence = 0
            return False
        self._frames += 1
        if self.delay_frames is None and len(self._near) > 1:
            self._guess_delay()
        if self._frames % _PROOF_EVERY == 0:
            self._prove()
        if loudest + self._bound_db > self._floor_dbfs + AUDIBLE_DB:
            every = _LIKENESS_EVERY if self.delay_frames is None else _DELAY_EVERY
            if self._frames % every == 0:
                self._look(_LOOKS)
            return True
        is_new = self._since_loud < _LIKENESS_EVERY
        if is_new and self._frames % _LIKENESS_EVERY == 0 and self._look(_LOOKS_TO_PRESUME):
            self._bound_db = _UNKNOWN_DB
            return True
        return False

    def _guess_delay(self) -> None:
        """Until the delay is measured: so long after a reply began in a silent room the microphone rose."""
        self._since_silence += 1
        if self._since_silence == 1 and self._near[-2] > self._floor_dbfs + AUDIBLE_DB:
            # Somebody speaks already: another reply will tell.
            self._since_silence = PATH_FRAMES
        elif self._since_silence <= PATH_FRAMES and self._near[-1] > self._floor_dbfs + _RISEN_DB:
            self._first_delay = self._since_silence
            self._since_silence = PATH_FRAMES

    def _prove(self) -> None:
        """Lower the bound where loud sound was played and its echo has had the time to arrive."""
        path = max(_PROOF_FRAMES, (self.delay_frames or 0) + _SURE_FRAMES)
        played = list(self._far)[-path - _PROVING_FRAMES : -path]
        if sum(level >= _LOUD_DBFS for level in played) >= _LOUD_FRAMES:
            heard = max(list(self._near)[-path - _PROVING_FRAMES :])
            self._bound_db = min(self._bound_db, heard - max(played))
            is_unheard = heard <= self._floor_dbfs + AUDIBLE_DB
            is_unheard &= max(played) >= self._told_by_dbfs - _LESS_DB
            if self.delay_frames is not None and is_unheard:
                # What the delay was taken from was no echo, or the echo is gone.
                self.delay_frames = self._alike_at = None

    def _look(self, looks: int) -> bool:
        """Compare the ends at every delay; believe the likest, once so many *looks* in a row agree on it."""
        before, self._alike_at = self._alike_at, self._likest()
        if self._alike_at is None:
            self._agreed = 0
            return False
        agrees = before is not None and abs(before - self._alike_at) <= 1
        self._agreed = self._agreed + 1 if agrees else 1
        if self._agreed < looks:
            return False
        self.delay_frames = PATH_FRAMES - self._alike_at
        self._told_by_dbfs = max(self._far)
        return True

    def _likest(self) -> int | None:
        """Where in its past the loudspeaker moved as the microphone does now; None where it did not."""
        if len(self._far) < PATH_FRAMES + _LIKENESS_FRAMES:
            return None
        near = _steps(self._near, self._floor_dbfs + _OVER_FLOOR_DB)
        far = sliding_window_view(_steps(self._far, _LOUD_DBFS), len(near))
        least = _SMALLEST_STEPS_DB**2 * len(near)
        moved = float(near @ near)
        if moved < least:
            return None
        likeness = (far @ near) / np.sqrt(moved * np.maximum((far * far).sum(axis=1), least))
        best = int(likeness.argmax())
        return best if likeness[best] > _LIKENESS else None


def _steps(levels_dbfs: Iterable[float], lowest_dbfs: float) -> NDArray[np.float64]:
    """How far the level moves from frame to frame, in dB; what is below the lowest stands still."""
    levels = np.maximum(np.fromiter(levels_dbfs, float), lowest_dbfs)
    steps: NDArray[np.float64] = levels[_STEP_FRAMES:] - levels[:-_STEP_FRAMES]
    return steps.clip(-_LARGEST_STEP_DB, _LARGEST_STEP_DB)
