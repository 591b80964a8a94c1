"""Mixer: what the loudspeaker is given, block by block.

The jitter buffer's replies go through one gain (ducking, volume) that moves without a step. The speaker owns
the lock and the thread, and taps what it pulled as the far end; when a device goes away, the mixer stays,
and playout goes on from the sample where it stopped.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from voice_assistant.core.chimes import chime
from voice_assistant.core.events import Chime
from voice_assistant.core.jitter import (
    SAMPLES_PER_MS,
    Drained,
    JitterBuffer,
    Note,
    PlayoutSettings,
    RanDry,
    Started,
)
from voice_assistant.core.reply_sound import Books

__all__ = ["Books", "Drained", "Mixer", "Note", "PlayoutSettings", "RanDry", "Started"]


VOLUME_RAMP_MS = 60.0
"""From one volume to the next without a step, and before the key comes up."""


class Mixer:
    """Replies in, exact blocks of 24 kHz 16-bit mono out. Called under the speaker's lock; no I/O.

    The methods on replies are those of ``JitterBuffer``, which says how they behave at the edges.

    Args:
        settings: Prefill, fades, and whether to adapt.
        learned: ``learned`` of an earlier session with the same provider.
    """

    def __init__(self, settings: PlayoutSettings, learned: Sequence[float] | None = None) -> None:
        self._buffer = JitterBuffer(settings, learned)
        self._bell: NDArray[np.float32] = np.zeros(0, np.float32)
        self._gain_db = 0.0
        self._volume_db = 0.0
        self._gain = 1.0
        self._wanted_gain = 1.0
        self._ramp_left = 0

    @property
    def learned(self) -> list[float]:
        """What this session knows of the provider's delivery, to be handed to the next one."""
        return self._buffer.learned

    def push(self, item: str, pcm: bytes) -> None:
        """Queue the next part of a reply; ValueError where it ends in the middle of a sample."""
        self._buffer.push(item, pcm)

    def end(self, item: str) -> None:
        """Nothing more of this reply will come."""
        self._buffer.end(item)

    def set_gain(self, gain_db: float, ramp_ms: float) -> None:
        """Move to *gain_db* (0 leaves every sample as it is) over *ramp_ms*, from where the gain is now.

        The volume adds to it.
        """
        self._gain_db = gain_db
        self._wanted_gain = 10.0 ** ((gain_db + self._volume_db) / 20.0)
        self._ramp_left = round(ramp_ms * SAMPLES_PER_MS)
        if self._ramp_left <= 0:
            self._ramp_left = 0
            self._gain = self._wanted_gain

    def set_volume(self, volume_db: float) -> None:
        """Play louder or softer than it comes, whatever the gain does; beyond full scale it is clipped."""
        self._volume_db = volume_db
        self.set_gain(self._gain_db, VOLUME_RAMP_MS)

    def pause(self) -> None:
        """Fade out and hold everything, later replies too, until ``resume``."""
        self._buffer.pause()

    def resume(self) -> None:
        """Fade in and go on from the sample where it was paused."""
        self._buffer.resume()

    def drop(self, item: str) -> float:
        """Fade out a reply, give up the rest for good, and say how many ms of it that makes heard."""
        return self._buffer.drop(item)

    def ring(self, sound: Chime = "bell") -> None:
        """Sound one of our own sounds over whatever is playing; nothing holds it up.

        A timer's bell that is ringing is not cut short for a smaller one.
        """
        if sound == "bell" or not len(self._bell):
            self._bell = chime(sound)

    def pull(self, samples: int) -> bytes:
        """The next *samples*, exactly; silence where there is nothing to play."""
        block = self._with_gain(self._buffer.pull(samples), samples)
        if not len(self._bell):
            return block
        ringing, self._bell = self._bell[:samples], self._bell[samples:]
        mixed = np.frombuffer(block, "<i2").astype(np.float32)
        mixed[: len(ringing)] += ringing
        return _to_pcm(mixed)

    def _with_gain(self, block: bytes, samples: int) -> bytes:
        if not self._ramp_left and self._gain == 1.0:
            return block
        return _to_pcm(np.frombuffer(block, "<i2") * self._next_gains(samples))

    def take_notes(self) -> list[Note]:
        """What has happened since the last call."""
        return self._buffer.take_notes()

    def heard(self) -> tuple[str, float] | None:
        """The reply that is under way, with the milliseconds of its media pulled so far."""
        return self._buffer.heard()

    def books(self, item: str) -> Books | None:
        """What became of the samples of a reply; None for an unknown item."""
        return self._buffer.books(item)

    def _next_gains(self, samples: int) -> NDArray[np.float32]:
        """One gain a sample: along the ramp (linear in amplitude), then level."""
        gains = np.full(samples, self._wanted_gain, np.float32)
        ramping = min(self._ramp_left, samples)
        if ramping:
            step = (self._wanted_gain - self._gain) / self._ramp_left
            gains[:ramping] = self._gain + step * np.arange(1, ramping + 1)
            self._ramp_left -= ramping
            self._gain = self._gain + step * ramping if self._ramp_left else self._wanted_gain
        return gains


def _to_pcm(samples: NDArray[np.float32]) -> bytes:
    return np.clip(np.rint(samples), -32_768, 32_767).astype("<i2").tobytes()
