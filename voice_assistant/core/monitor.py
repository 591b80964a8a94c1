"""Has the microphone turned into the loudspeaker's monitor?

A sound server whose microphone goes away moves the stream to what is left, and that may be a copy of what the
loudspeaker plays. Nobody is heard any more, and nothing looks wrong. Such a copy has a mark that no room
leaves: one delay and one gain explain all of it. Walls, a loudspeaker and a real microphone smear it. The
delay may change evenly, because two clocks drift apart, and the reference glides after them.
"""

from __future__ import annotations

from collections import deque

import numpy as np
from numpy.typing import NDArray

from voice_assistant.core.audio import NEAR_RATE, REPLY_RATE, AudioFrame, level_dbfs, silence

WINDOW_FRAMES = 15
"""Frames of 20 ms that are compared: 0.3 s."""

REACH_FRAMES = 30
"""Frames of delay that are tried: 0.6 s. The canceller's reference runs ahead by less."""

EVERY_FRAMES = 50
"""Frames (1 s) between two comparisons; each takes about 1 ms."""

SELDOM = 5
"""So many times as long it waits for the next comparison where the last three found no copy."""

COPY = 0.97
"""Share of the microphone's power that one delay and one gain explain in a copy. Measured with up to 620 ppm
of drift: in 19 of 20 windows of a copy 0.97 and more; in 40 simulated rooms 0.89 at most, and with a
laptop's loudspeaker, but no room at all, 0.95."""

COMPARISONS, OF_THE_LAST = 3, 6
"""So many copies among the last comparisons make it sure: a busy machine leaves holes in one or another."""

REPEATS = 0.93
"""A window in which another delay fits so well, compared with the best, says nothing: it repeats itself, as
the tone of an earcon does, of which one delay explains 0.97 and more in half of all rooms. 6 windows of
speech in 100 do so, and 97 in 100 of a chime."""

NEIGHBOURS = 8
"""Samples (0.5 ms) on each side of the best delay that are no other delay."""

AUDIBLE_DBFS = -55.0
"""A quieter window of the microphone says nothing."""

TAPS = 2
"""On each side of the best delay, because it may lie between two samples."""

_SILENCE = silence(10 * (WINDOW_FRAMES + REACH_FRAMES), REPLY_RATE)
"""Half of what is kept of the loudspeaker."""

Samples = NDArray[np.float64]


class MonitorWatch:
    """Takes both ends of every frame; says once that the one is a copy of the other."""

    def __init__(self) -> None:
        self._near: deque[bytes] = deque(maxlen=WINDOW_FRAMES)
        self._far: deque[bytes] = deque(maxlen=WINDOW_FRAMES + REACH_FRAMES)
        self.begin()

    def begin(self) -> None:
        """Another microphone was opened: judge anew."""
        self._frames = 0
        self._copies: deque[bool] = deque(maxlen=OF_THE_LAST)
        self._told = False
        self._near.clear()
        self._far.clear()

    def follow(self, near: AudioFrame, far: AudioFrame) -> bool:
        """Take 20 ms of the microphone (16 kHz) and of the loudspeaker (24 kHz).

        Returns:
            Whether it has become sure with this frame.
        """
        if self._told:
            return False
        self._near.append(near.pcm)
        self._far.append(far.pcm)
        self._frames += 1
        is_seldom = len(self._copies) >= COMPARISONS and not any(self._copies)
        if (
            self._frames % (EVERY_FRAMES * (SELDOM if is_seldom else 1))
            or len(self._far) < WINDOW_FRAMES + REACH_FRAMES
        ):
            return False
        heard, played = b"".join(self._near), b"".join(self._far)
        if level_dbfs(heard) < AUDIBLE_DBFS or played.endswith(_SILENCE):
            return False
        share = explained(_samples(heard), _at_near_rate(played))
        if share is None:
            return False
        self._copies.append(share >= COPY)
        self._told = sum(self._copies) >= COMPARISONS
        return self._told


def explained(near: Samples, far: Samples) -> float | None:
    """Share of the power of *near* (0 to 1) that one gain and one delay of *far* explain; None where many do.

    The delay may change at an even pace. At 420 ppm, as fast as the reference ever glides, a fixed one would
    explain no more of some windows of a copy than of a laptop's loudspeaker.

    Args:
        near: The microphone.
        far: The loudspeaker at the same rate, longer by the delays to try.
    """
    size = 1 << (far.size - 1).bit_length()
    products = np.fft.irfft(np.fft.rfft(far, size) * np.conj(np.fft.rfft(near, size)), size)
    energy = np.concatenate(([0.0], np.cumsum(far**2)))
    there = energy[near.size :] - energy[: -near.size]
    likeness = np.abs(products[: there.size]) / np.sqrt(np.maximum(there, 1.0))
    best = int(likeness[TAPS : there.size - TAPS].argmax()) + TAPS
    others = np.concatenate((likeness[: max(0, best - NEIGHBOURS)], likeness[best + NEIGHBOURS + 1 :]))
    if others.max() >= REPEATS * likeness[best]:
        return None
    path = np.stack([far[best + tap : best + tap + near.size] for tap in range(-TAPS, TAPS + 1)], axis=1)
    path = np.concatenate((path, path * np.linspace(-1.0, 1.0, near.size)[:, None]), axis=1)
    normal = path.T @ path
    # A little on the diagonal: speech has next to nothing in its upper band.
    normal += np.eye(normal.shape[0]) * (normal[TAPS, TAPS] * 1e-4 + 1.0)
    rest = near - path @ np.linalg.solve(normal, path.T @ near)
    return 1.0 - float(rest @ rest) / max(1.0, float(near @ near))


def _at_near_rate(far: bytes) -> Samples:
    """Leave out what is above the lower rate's band; the two ends run into each other for a millisecond."""
    played = _samples(far)
    size = played.size * NEAR_RATE // REPLY_RATE
    return np.fft.irfft(np.fft.rfft(played)[: size // 2 + 1], size) * (size / played.size)


def _samples(pcm: bytes) -> Samples:
    return np.frombuffer(pcm, "<i2").astype(np.float64)
