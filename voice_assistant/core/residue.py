"""The residue: what the microphone heard in the last second that the loudspeaker does not explain.

A canceller that adapts as it goes has to be careful: it loses track of a room that changes, and takes a faint
user away with the echo. For a stretch that is over nothing has to be foreseen. So the echo's way is found
anew for each half second of it, by least squares, and what that way makes of the loudspeaker's sound is taken
off. 12 to 20 dB of the echo go; most of what is left is distortion. Of a user nine tenths stay.

The half seconds overlap, and each 20 ms count as quiet as any of them leaves them: a jump of the delay spoils
those that it falls into, and no others. So short a stretch knows no drift either.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

RATE = 8000
"""Samples a second that are looked at; with half as many, faint users stand out less."""

FRAME = RATE // 50
"""Samples in 20 ms."""

WAY_FRAMES = 8
"""Frames (0.16 s) of the echo's way that are found."""

_WAY = WAY_FRAMES * FRAME
_FIT_FRAMES = 25
"""Frames (0.5 s) that are explained at a time."""

_STEP_FRAMES = 12
"""From one such stretch to the one before it."""

_FADING = (10 ** (-1.5 * np.arange(_WAY) / _WAY)).astype(np.float32)
"""How loud the way may be, from its beginning to its end: rooms die away."""

_CAUTION = 2e-3
"""The way's power costs as much as this share of the far end's: where that says nothing the way is short."""

_ROUNDS = 14
"""Steps of the conjugate gradients: with 20 another dB of the echo goes, at half as much work again."""

_ORDER = 10
"""Coefficients of the prediction that whitens both ends: what is loud in speech would be all that counts."""

_LEFT = 10**-1.2
"""Up to this share of the echo, -12 dB, the fit leaves by itself, of this frame's and as it dies away."""

_RINGING = 0.7
"""What is left, a frame later, of an echo's power: 60 dB in 0.8 s, more than a room where one can talk."""

_MISFIT = 4e-3
"""And up to this share, -24 dB, of what the half second holds of it on average."""

Samples = NDArray[np.floating]
"""At ``RATE``, in steps of 16 bits."""

Spectrum = NDArray[np.complexfloating]


def lowered(frames: Sequence[bytes], rate: int) -> Samples:
    """16-bit sound at *rate*, as frames of 20 ms, brought to ``RATE``: nothing above 4 kHz, no delay."""
    samples = np.frombuffer(b"".join(frames), np.int16).astype(np.float32)
    spectrum = np.fft.rfft(samples)[: len(frames) * FRAME // 2 + 1]
    return (np.fft.irfft(spectrum, len(frames) * FRAME) * (RATE / rate)).astype(np.float32)


class Residue:
    """A stretch of both ends, explained half a second at a time; the newest first.

    Args:
        near: The microphone, whole frames.
        far: The loudspeaker; it ends with *near*, and is longer by all that the echo's way reaches back.
        begins_frames: Frames that the echo takes at the least.
    """

    def __init__(self, near: Samples, far: Samples, begins_frames: int) -> None:
        self._near = near
        self._far = far[: len(far) - begins_frames * FRAME]
        frames = len(near) // FRAME
        heard = powers(near)
        self.samples = near.copy()
        """What is left of *near*."""
        self._power = np.full(frames, np.inf, np.float32)
        self._foreseen = np.zeros(frames, np.float32)
        self._noise = float(np.percentile(heard, 5))
        self._end = frames

    @property
    def is_explained(self) -> bool:
        """Nothing is left to do, but less than half a second at the beginning."""
        return self._end < _FIT_FRAMES

    @property
    def excess(self) -> Samples:
        """The power of each frame of the residue over what an echo and the noise leave; 0 if unknown."""
        known = np.where(np.isfinite(self._power), self._power, np.float32(0.0))
        excess: Samples = known / (self._foreseen + np.float32(self._noise + 1.0))
        return excess

    def explain(self) -> None:
        """Explain the next half second."""
        first, end = self._end - _FIT_FRAMES, self._end
        near = self._near[max(0, first * FRAME - _ORDER) : end * FRAME]
        stop = len(self._far) - len(self._near) + end * FRAME
        echo = echo_in(near, self._far[stop - len(near) - _WAY + 1 : stop])[-_FIT_FRAMES * FRAME :]
        left = near[-_FIT_FRAMES * FRAME :] - echo
        power = powers(left)
        foreseen = powers(echo)
        misfit = np.float32(_MISFIT * foreseen.mean())
        for frame in range(1, len(foreseen)):
            foreseen[frame] = max(foreseen[frame], _RINGING * foreseen[frame - 1])
        foreseen *= np.float32(_LEFT)
        foreseen += misfit
        better = np.flatnonzero(power < self._power[first:end])
        self._power[first + better] = power[better]
        self._foreseen[first + better] = foreseen[better]
        rows = self.samples.reshape(-1, FRAME)
        rows[first + better] = left.reshape(-1, FRAME)[better]
        self._end -= _STEP_FRAMES


def powers(samples: Samples) -> Samples:
    """Mean square of each frame."""
    rows = samples.reshape(-1, FRAME)
    made: Samples = np.einsum("fs,fs->f", rows, rows) / np.float32(FRAME)
    return made


def echo_in(near: Samples, far: Samples) -> Samples:
    """The part of *near* that a way of ``_WAY`` samples makes of *far*, which begins so much earlier.

    Regularised least squares by conjugate gradients (Hestenes and Stiefel, "Methods of conjugate gradients
    for solving linear systems", Journal of Research of the NBS 49, 1952); the products by Fourier transforms.
    """
    if float(far @ far) < len(far):
        return np.zeros(len(near), np.float32)
    whitening = _predictor(far)
    size = -(-len(far) // 64) * 64
    whitened = np.convolve(far, whitening)[: len(far)]
    whitened[:_ORDER] = 0  # The filter runs in.
    white = np.fft.rfft(whitened, size)
    wanted = np.convolve(near, whitening)[: len(near)]
    wanted[:_ORDER] = 0
    caution = _CAUTION * float(whitened @ whitened)
    way = np.zeros(_WAY, np.float32)
    left = wanted
    towards = slope = _back(white, left, size)
    steepness = start = float(slope @ slope)
    for _ in range(_ROUNDS):
        if steepness <= 1e-9 * start:
            break
        change = _through(white, towards, len(near), size)
        step = np.float32(steepness / (float(change @ change) + caution * float(towards @ towards)))
        way = way + step * towards
        left = left - step * change
        slope = _back(white, left, size) - np.float32(caution) * way
        before, steepness = steepness, float(slope @ slope)
        towards = slope + np.float32(steepness / before) * towards
    return _through(np.fft.rfft(far, size), way, len(near), size)


def _through(spectrum: Spectrum, way: Samples, length: int, size: int) -> Samples:
    made: Samples = np.fft.irfft(spectrum * np.fft.rfft(way * _FADING, size), size)
    return made[_WAY - 1 : _WAY - 1 + length]


def _back(spectrum: Spectrum, left: Samples, size: int) -> Samples:
    made: Samples = np.fft.irfft(spectrum * np.fft.rfft(left, size).conj(), size)
    return made[_WAY - 1 :: -1] * _FADING


def _predictor(samples: Samples) -> Samples:
    """Coefficients of the filter that foresees nothing: linear prediction by Levinson's recursion."""
    spectrum = np.fft.rfft(samples.astype(np.float64), 2 * len(samples))
    likeness = np.fft.irfft(spectrum.real**2 + spectrum.imag**2)[: _ORDER + 1]
    likeness[0] = 1.0001 * likeness[0] + 1e-3
    filter_ = np.zeros(_ORDER + 1)
    filter_[0] = 1.0
    error = likeness[0]
    for order in range(1, _ORDER + 1):
        mirror = -float(filter_[:order] @ likeness[order:0:-1]) / error
        filter_[: order + 1] += mirror * filter_[order::-1]
        error *= 1 - mirror * mirror
    return filter_.astype(np.float32)
