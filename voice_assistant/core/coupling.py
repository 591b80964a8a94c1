"""The echo path: can the microphone hear the loudspeaker at all?

With headphones on it cannot, and then AEC3 must not be let at the user's words: with nothing to adapt to it
takes ordinary speech for echo and removes 5 to 40 dB of it (measured, the far end active). So an upper bound
of the coupling is kept, from the one thing that proves it: the loudspeaker was loud, and 0.7 s later
the microphone had not risen further than this. Echo is presumed until then, and again as soon as the
microphone follows the loudspeaker's ups and downs.
"""

from __future__ import annotations

from collections import deque

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

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

_LIKENESS = 0.85
"""Correlation from which the microphone follows the loudspeaker. Echo gives 0.86 to 0.98; a user who talks
into a reply stays below 0.7, but for a moment of 0.83 when both begin together."""

_LIKENESS_EVERY = 10
"""Frames between two comparisons; two in a row must agree, on the delay too."""

_SPREAD_DB = 3.0
"""Both ends must move by this much (standard deviation) for a comparison to mean anything."""

_RISEN_DB = 12.0
"""So far over the floor the microphone hears something begin."""

_PROOF_EVERY = 5
"""Frames between two looks for a proof."""

_DELAY_EVERY = 25
"""Frames between two looks at the delay while echo is presumed, once it is known."""

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
        self.delay_frames: int | None = None
        """How long the echo takes, in frames; None until two looks in a row have agreed on it."""
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
        return self._since_loud < (PATH_FRAMES // 2 if delay is None else delay) + frames

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
            if self._frames % every == 0 and self._near_follows_far() and self._alike_at is not None:
                self.delay_frames = PATH_FRAMES - self._alike_at
            return True
        if self._frames % _LIKENESS_EVERY == 0 and self._near_follows_far() and self._alike_at is not None:
            self._bound_db = _UNKNOWN_DB
            self.delay_frames = PATH_FRAMES - self._alike_at
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

    def _near_follows_far(self) -> bool:
        """Compare the ends at every delay; yes, if this comparison and the one before agree on one."""
        before, self._alike_at = self._alike_at, self._likest()
        return before is not None and self._alike_at is not None and abs(before - self._alike_at) <= 1

    def _likest(self) -> int | None:
        """Where in its past the loudspeaker was like the microphone is now; None where it was not."""
        if len(self._far) == self._far.maxlen:
            delays = sliding_window_view(np.fromiter(self._far, float), _LIKENESS_FRAMES)
            spread = delays.std(axis=1)
            near = np.fromiter(self._near, float)[-_LIKENESS_FRAMES:]
            near_spread = float(near.std())
            if near_spread > _SPREAD_DB and float(spread.max()) > _SPREAD_DB:
                together = (delays - delays.mean(axis=1, keepdims=True)) @ (near - near.mean())
                likeness = together / (len(near) * near_spread * np.maximum(spread, _SPREAD_DB))
                best = int(likeness.argmax())
                return best if likeness[best] > _LIKENESS else None
        return None
