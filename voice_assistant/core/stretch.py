"""Fades, joins and lengthening: how sound stops, starts and is drawn out without a click.

A gap cut into voiced speech is heard as a click above 4 kHz; 10 ms raised-cosine fades on both sides put it
20 dB and more below the speech (docs/latency.md holds the figures). Where the sound to fade is still there,
it is faded; where it has already been handed out, its last stretch is mirrored and faded instead, so that
nobody has to hold 10 ms back just in case.

Speech is made slower, at its own pitch, by inserting repetitions of a pitch period or a few between samples
that stay as they are (the overlap-add of WSOLA, done only where something is added). At 0.8 of the speed
that leaves the mel spectrum closer to the original than overlap-adding every 10 ms does (docs/latency.md).

When to do either is the jitter buffer's decision. Everything here takes and gives 16-bit little-endian mono
PCM; the lengths of pitch periods are for 24 kHz.
"""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

FULL_SCALE = 32_767
SHORTEST_LAG = 60
LONGEST_LAG = 360
"""Samples, 2.5 to 15 ms at 24 kHz: one period of a voice of 400 to 67 Hz."""

OVERLAP = 240
"""Samples, 10 ms at 24 kHz: what is compared to find a period, and the longest cross-fade."""

LONG_LAG_BONUS = 0.1
"""Added to the likeness (at most 1) of the longest lag, in proportion for shorter ones: fewer joins."""

PAUSE_RATE = 2.0
"""Samples inserted for each one of a natural pause, at most; 360 in 10 ms is as much as is possible."""

SMALLEST_DEBT = 120
"""Samples: what must be missing before something is inserted. Periods are longer, so it is then overpaid."""

QUIET = 0.025
"""A natural pause lies 32 dB below the loudest speech of late."""

ALWAYS_QUIET = 16.0
"""RMS of a pause whatever the speech is like (-66 dBFS)."""

LOUDEST_DECAY = 0.5 ** (1 / 120_000)
"""A sample: the loudest speech is half forgotten in 5 s."""

AUDIBLE_STEP = 64
"""A jump to silence from below this (-54 dBFS) is no click."""


def fade_out(pcm: bytes) -> bytes:
    """Bring the whole of *pcm* from full level to silence."""
    return _scaled(pcm, _falling(len(pcm) // 2))


def fade_in(pcm: bytes, done: int = 0, total: int | None = None) -> bytes:
    """Bring *pcm* up from silence, as samples *done* onwards of a fade of *total* samples.

    Args:
        done: Samples of the fade that lie before *pcm*.
        total: Length of the fade in samples, at least ``done`` plus those of *pcm*; all of it by default.
    """
    samples = len(pcm) // 2
    rising = _falling(samples if total is None else total)[::-1]
    return _scaled(pcm, rising[done : done + samples])


def mirrored_tail(recent: bytes) -> bytes:
    """Continue sound that has stopped, down to silence; as long as *recent*, the last that was heard.

    The sound is reflected in its last sample, in time and in level, so that value and slope go on unbroken,
    and faded. Empty where the last sample is too quiet to click.
    """
    x = np.frombuffer(recent, "<i2").astype(np.float32)
    if not len(x) or abs(x[-1]) <= AUDIBLE_STEP:
        return b""
    y = (2 * x[-1] - x[-2::-1]) * _falling(len(x))[1:]
    return _to_pcm(y)


def period(before: bytes, after: bytes) -> int:
    """The lag, in samples, at which sound repeats itself best.

    Args:
        before: The last ``LONGEST_LAG`` samples heard.
        after: The ``OVERLAP`` samples that come next.
    """
    x = np.frombuffer(before + after, "<i2").astype(np.float32)
    likeness = np.correlate(x[:-SHORTEST_LAG], x[LONGEST_LAG:], "valid")
    energy = np.concatenate(([0.0], np.cumsum(np.square(x, dtype=np.float64))))
    energies = energy[OVERLAP:][: len(likeness)] - energy[: len(likeness)]
    own = energy[-1] - energy[LONGEST_LAG]
    # One count of noise a sample keeps digital silence from dividing by nothing.
    likeness = likeness / np.sqrt((energies + OVERLAP) * (own + OVERLAP))
    return LONGEST_LAG - int(np.argmax(likeness + _BONUS[: len(likeness)]))


def lengthening(before: bytes, after: bytes, lag: int) -> bytes:
    """Sound of *lag* samples to be inserted between *before* and *after*.

    It begins as *after* begins and ends as *before* ends, cross-faded, so that neither join has a step.

    Args:
        before: At least *lag* samples: what was heard last.
        after: What comes next, at least ``OVERLAP`` samples.
        lag: A whole number of periods where there is a pitch; any length in near-silence.
    """
    repeated = np.frombuffer(before, "<i2")[-lag:].astype(np.float32)
    overlap = min(lag, OVERLAP)
    falling = _falling(overlap)
    coming = np.frombuffer(after, "<i2")[:overlap]
    repeated[:overlap] += falling * (coming - repeated[:overlap])
    return _to_pcm(repeated)


def rms(pcm: bytes) -> float:
    """Root mean square of some samples, full scale being 32768; 0 for none."""
    x = np.frombuffer(pcm, "<i2").astype(np.float32)
    return math.sqrt(float(x.dot(x)) / max(len(x), 1))


_BONUS = LONG_LAG_BONUS * np.arange(LONGEST_LAG, SHORTEST_LAG - 1, -1) / LONGEST_LAG


class Lengthener:
    """Says what to insert where, so that a reply plays at a given speed; natural pauses take more."""

    def __init__(self) -> None:
        self._loudest = 0.0
        self.start()

    def start(self) -> None:
        """What follows has no connection with what was heard."""
        self._before = b""
        self._quiet = 0
        self._debt = 0.0

    @property
    def is_due(self) -> bool:
        """Has enough been played at full speed, and is there enough to look back on?"""
        return self._debt >= SMALLEST_DEBT and len(self._before) >= 2 * LONGEST_LAG

    def follow(self, pcm: bytes, speed: float) -> None:
        """Take note of samples that are played as they are; the reply is to play at *speed*, 1 or less."""
        samples = len(pcm) // 2
        self._before = (self._before + pcm)[-2 * LONGEST_LAG :]
        level = rms(pcm)
        self._loudest = max(self._loudest * LOUDEST_DECAY**samples, level)
        self._quiet = self._quiet + samples if self._is_quiet(level) else 0
        if speed < 1.0:
            rate = PAUSE_RATE if self._in_pause else 1.0 / speed - 1.0
            self._debt = min(self._debt + rate * samples, LONGEST_LAG)

    def insertion(self, after: bytes) -> tuple[bytes, bool]:
        """What to insert before *after*, and whether that lengthens a natural pause; only when due."""
        in_pause = self._in_pause and self._is_quiet(rms(after))
        lag = LONGEST_LAG if in_pause else period(self._before, after)
        self._debt -= lag
        return lengthening(self._before, after, lag), in_pause

    @property
    def _in_pause(self) -> bool:
        return self._quiet >= LONGEST_LAG

    def _is_quiet(self, level: float) -> bool:
        return level < max(self._loudest * QUIET, ALWAYS_QUIET)


@lru_cache(maxsize=64)
def _falling(samples: int) -> NDArray[np.float32]:
    """Half a raised cosine from just below 1 to just above 0."""
    phase = (np.arange(samples) + 0.5) / max(samples, 1)
    window: NDArray[np.float32] = (0.5 + 0.5 * np.cos(np.pi * phase)).astype(np.float32)
    window.flags.writeable = False
    return window


def _scaled(pcm: bytes, gain: NDArray[np.float32]) -> bytes:
    return _to_pcm(np.frombuffer(pcm, "<i2") * gain)


def _to_pcm(samples: NDArray[np.float32]) -> bytes:
    return np.clip(np.rint(samples), -FULL_SCALE - 1, FULL_SCALE).astype("<i2").tobytes()
