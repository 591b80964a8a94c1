"""Somebody speaks while the microphone is muted: a hint for those who forgot.

Only the detector's opinion of each frame is looked at; nothing of the sound is kept.
"""

from __future__ import annotations

from collections import deque

SPEECH_FRAMES, WINDOW_FRAMES = 25, 40
"""So many frames of clear speech (0.5 s) among so many (0.8 s): a word, not a cough or a key."""

AGAIN_FRAMES = 100
"""Frames (2 s) between two hints while somebody goes on."""


class MutedWatch:
    """Counts frames of 20 ms while the microphone is muted."""

    def __init__(self) -> None:
        self._newest: deque[bool] = deque(maxlen=WINDOW_FRAMES)
        self._quiet_for = AGAIN_FRAMES

    def hear(self, *, is_speech: bool) -> bool:
        """Take the opinion of the next frame; say whether it is time for a hint."""
        self._newest.append(is_speech)
        self._quiet_for += 1
        if self._quiet_for < AGAIN_FRAMES or sum(self._newest) < SPEECH_FRAMES:
            return False
        self._quiet_for = 0
        return True

    def begin(self) -> None:
        """The microphone has just been muted."""
        self._newest.clear()
        self._quiet_for = AGAIN_FRAMES
