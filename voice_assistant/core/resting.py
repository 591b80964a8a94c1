"""AEC3 at rest: the canceller, left out while nobody asks what it makes of the microphone.

It is the dearest part of listening, and most of the time there is no echo to take away. It rests after the
first seconds, in which it learns the room's noise. What it misses is kept, the newest half second of it, and
told to it before it is asked again: its filters, its blocks and its idea of the noise are then those of now.
Its idea of the echo path does not change without an echo, fed or not. Measured in the closed loop with pauses
of 0.3 to 8 s between replies: the same users found, as soon, with no more false stops; and where an echo came
and went every 15 s, no more of them either.
"""

from __future__ import annotations

from collections import deque

from voice_assistant.core.webrtc import Canceller, Samples

_FIRST_FRAMES = 250
"""Frames (5 s) that it is fed in any case."""

_MISSED_FRAMES = 25
"""Frames (0.5 s) that it is told afterwards; each costs 0.2 ms, all at once."""


class Resting:
    """Takes both ends in order, and feeds the canceller what it needs.

    Args:
        canceller: Used by nobody else.
    """

    def __init__(self, canceller: Canceller) -> None:
        self._canceller = canceller
        self._fed = 0
        self._missed: deque[tuple[Samples, Samples]] = deque(maxlen=_MISSED_FRAMES)

    def process(self, near: Samples, far: Samples, *, is_asked: bool) -> Samples | None:
        """Take the next frame of both ends.

        Args:
            is_asked: The output is needed. It follows without a step on that of the frame before, unless
                nobody asked for that one.

        Returns:
            The near end without the far end; None where nobody asked and it was left out.
        """
        self._fed += 1
        if not is_asked and self._fed > _FIRST_FRAMES:
            self._missed.append((near, far))
            return None
        while self._missed:
            self._canceller.process(*self._missed.popleft())
        return self._canceller.process(near, far)
