"""When speech begins and ends, frame by frame: the server's own turn detection.

Pure: frames in, verdicts out, time counted in samples. webrtcvad says whether a frame sounds like speech, its
level says whether it stands out of the room; both must agree. What is done about a verdict is the session's.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Literal

import webrtcvad

from voice_assistant.core.audio import NEAR_RATE, SAMPLE_BYTES, level_dbfs

FRAME_MS = 20
FRAME_BYTES = NEAR_RATE * FRAME_MS // 1000 * SAMPLE_BYTES

Verdict = Literal["started", "stopped"]

_ONSET_WINDOW = 8
_ONSET_FRAMES = 5
"""Frames of speech among the last ``_ONSET_WINDOW`` that open a turn: 100 of 160 ms; a click is shorter."""
_QUIETEST_DBFS = -60.0
"""Whatever the room, this is no speech."""
_BELOW_PEAK_DB = 32.0
_PEAK_FADES_DB = 0.1
"""A frame this far below the loudest of late is the room's echo of a word; the loudest fades by 5 dB/s."""
_FIRST_FLOOR_DBFS = -70.0
_FLOOR_DOWN = 0.3
_FLOOR_UP_DB = 0.04
"""The floor follows a quieter frame by a third, a louder one by 2 dB a second."""


@dataclass(frozen=True, slots=True)
class WatchSettings:
    """What a client may ask of the turn detection, in the protocol's own terms.

    Args:
        threshold: How sure it must be that there is speech; 0 to 1.
        prefix_padding_ms: Sound kept from before speech was noticed.
        silence_duration_ms: Silence that ends a turn.
        create_response: Is the end of a turn a request for an answer?
        interrupt_response: Does speech end an answer that is being given?
        by_meaning: Is a request that can be answered as it stands over after a shorter silence?
    """

    threshold: float = 0.5
    prefix_padding_ms: int = 300
    silence_duration_ms: int = 450
    create_response: bool = True
    interrupt_response: bool = True
    by_meaning: bool = False


class SpeechWatch:
    """Hears speech begin and end."""

    def __init__(self, settings: WatchSettings) -> None:
        self._settings = settings
        # Aggressiveness 1 to 3; 0 takes a fan for speech.
        self._vad = webrtcvad.Vad(1 if settings.threshold < 0.25 else 2 if settings.threshold < 0.75 else 3)
        self._margin_db = 4.0 + 10.0 * settings.threshold
        self._floor_dbfs = _FIRST_FLOOR_DBFS
        self._peak_dbfs = _QUIETEST_DBFS
        self._recent: deque[bool] = deque(maxlen=_ONSET_WINDOW)
        self.speaking = False
        self.is_speech = False
        self.silence_ms = 0

    def feed(self, frame: bytes) -> Verdict | None:
        """Take the next frame; say whether a turn starts or stops with it.

        Args:
            frame: 20 ms of 16-bit mono at 16 kHz.
        """
        level = level_dbfs(frame)
        self._peak_dbfs = max(level, self._peak_dbfs - _PEAK_FADES_DB)
        stands_out = level > max(
            _QUIETEST_DBFS, self._floor_dbfs + self._margin_db, self._peak_dbfs - _BELOW_PEAK_DB
        )
        # The detector has a memory: it must see every frame.
        self.is_speech = self._vad.is_speech(frame, NEAR_RATE) and stands_out
        if level < self._floor_dbfs:
            self._floor_dbfs += (level - self._floor_dbfs) * _FLOOR_DOWN
        else:
            self._floor_dbfs += min(_FLOOR_UP_DB, level - self._floor_dbfs)
        self._recent.append(self.is_speech)
        self.silence_ms = 0 if self.is_speech else self.silence_ms + FRAME_MS
        if not self.speaking and sum(self._recent) >= _ONSET_FRAMES:
            self.speaking = True
            return "started"
        if self.speaking and self.silence_ms >= self._settings.silence_duration_ms:
            self.stop()
            return "stopped"
        return None

    def stop(self) -> None:
        """End the turn from outside, or forget an onset that was beginning."""
        self.speaking = False
        self._recent.clear()


def has_speech(pcm: bytes) -> bool:
    """Say whether anybody speaks in a stretch of sound.

    Args:
        pcm: 16-bit mono at 16 kHz; what is left over of the last frame is not looked at.
    """
    watch = SpeechWatch(WatchSettings())
    ends = range(FRAME_BYTES, len(pcm) + 1, FRAME_BYTES)
    return any(watch.feed(pcm[end - FRAME_BYTES : end]) == "started" for end in ends)
