"""Fades and joins: how sound stops and starts without a click.

A gap cut into voiced speech is heard as a click above 4 kHz; 10 ms raised-cosine fades on both sides put it
20 dB and more below the speech (docs/latency.md holds the figures). Where the sound to fade is still there,
it is faded; where it has already been handed out, its last stretch is mirrored and faded instead, so that
nobody has to hold 10 ms back just in case. When to fade is the jitter buffer's decision.

Everything here takes and gives 16-bit little-endian mono PCM of any rate.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

FULL_SCALE = 32_767
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
