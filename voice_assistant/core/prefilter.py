"""The prefilter: a share of the echo, taken out of the microphone before AEC3 hears it.

AEC3 trusts its own linear filter to take away 6 dB at most, and suppresses what it believes to be left: of a
user who is 10 dB quieter than the echo it lets nearly nothing through. A filter in front of it that takes
away a part of the echo, and nothing of the user, lifts the user by as much. But no more than a part: what
this filter leaves changes as fast as the filter learns, AEC3 cannot follow that, and takes it for a user. So
a share of the echo stays in, in which AEC3 finds again what it has to suppress.

It is a Kalman filter in the frequency domain, with a row of states for each 20 ms of the echo's way (Enzner
and Vary, "Frequency-domain adaptive Kalman filter for acoustic echo control", Signal Processing 86, 2006;
Kuech, Mabande and Enzner, "State-space architecture of the partitioned-block-based acoustic echo controller",
ICASSP 2014). It weighs each frame by how much of it is echo, so that a user does not lead it astray. Two
clocks that drift apart turn the phases of the way steadily: how fast is read off the filter, and the filter
is turned along. Where it has lost track its share falls to nothing by itself.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from voice_assistant.core.audio import to_pcm
from voice_assistant.core.coupling import PATH_FRAMES
from voice_assistant.core.levels import FRAME_SAMPLES
from voice_assistant.core.webrtc import Samples

SHARE = 0.6
"""Of the echo that the filter finds; 0.6 is 8 dB where it finds it all."""

_SIZE = 2 * FRAME_SAMPLES
"""Samples (40 ms) of a transform: overlap-save."""

_BINS = 161
"""Bins of 25 Hz, up to 4 kHz: voices are heard by these."""

_PARTS = 8
"""Frames (0.16 s) of the echo's way that the filter spans, the loudest part: with 12 there is more to learn,
and it takes away no more."""

_LEAD_FRAMES = 3
"""So many frames before the measured delay it begins: that is measured by levels, which come late."""

_MOVED_FRAMES = 2
"""From so great a difference on the delay has changed; one is within what the measuring is worth."""

_ROUND = 3
"""Frames learnt from after which the filter is put right, and the drift is looked at."""

_MEMORY = 0.985
"""What is left, after a round, of what was known about the echo's way: half of it after 3 to 5 s."""

_UNKNOWN = np.repeat(1e-2 * 0.7 ** np.arange(_PARTS), _BINS).reshape(_PARTS, _BINS).astype(np.float32)
"""How great the filter may be before anything is known, squared: less where a room has died away."""

_NOISE = np.float32(1e5)
_LEAST = np.float32(100.0)
"""Power of what is no echo in a bin, to begin with and at the least: of 16-bit samples."""

_AUDIBLE = 500.0
"""Sum of the squares of two frames from which the far end is not silent."""

_FOLLOWING = np.float32(0.1)
"""Weight of the newest frame in that power."""

_JUDGING = 0.06
"""Weight of the newest frame in the judgement on the filter: a memory of a third of a second."""

_LEARNING = 0.2
"""How much of the drift that was not foreseen is foreseen after a round."""

_MOST_DRIFT = 0.2
"""Samples in a frame (600 ppm): what two clocks drift apart, and the reference's gliding on top."""

_LOST_SHARE = SHARE / 2
"""Below this the filter finds little of the echo where it looks for it."""

_GOOD_SHARE = SHARE * 0.95
"""From here on it learns from every second frame, which costs 0.2 dB and saves a fifth of the time."""

_LOUD_USER = 4.0
"""Where the microphone hears so many times the power of the echo, a user hides it."""

_HISTORY = PATH_FRAMES + _PARTS
"""Frames of the far end that are kept."""

_RISE = np.linspace(0, 1, FRAME_SAMPLES, dtype=np.float32)
_HALF = np.float32(0.5)
_MINUS_HALF = np.float32(-0.5)
_ONE = np.float32(1.0)
_KEPT, _LOST = np.float32(_MEMORY), np.float32(1 - _MEMORY)
_SHRUNK = np.float32(_MEMORY**0.5)
_TURN = (2 * np.pi / _SIZE * np.arange(_BINS)).astype(np.float32)
"""By how much a sample of delay turns each bin's phase."""

_Spectra = NDArray[np.complex64]
_Powers = NDArray[np.float32]


class Prefilter:
    """Takes both ends in order, and thins out the echo in the near one."""

    def __init__(self) -> None:
        # The newest row stands first, and every row twice, so that any stretch of them lies in one piece.
        self._far: _Spectra = np.zeros((2 * _HISTORY, _BINS), np.complex64)
        self._far_power: _Powers = np.zeros((2 * _HISTORY, _BINS), np.float32)
        # The far end's newest two frames, and the error of the frame before: transformed by one call.
        self._waiting: _Powers = np.zeros((2, _SIZE), np.float32)
        self._products: _Spectra = np.zeros((_PARTS, _BINS), np.complex64)
        self._doubted: _Powers = np.zeros((_PARTS, _BINS), np.float32)
        self.loses_track = False
        """In this frame it ceased to find most of the echo, and AEC3 has to learn what is left anew."""
        self._begin_history()
        self.restart()

    def restart(self) -> None:
        """Forget the room: nothing is taken away until a delay is known again."""
        self._begins_at: int | None = None
        self._learns_at: int | None = None
        self._filter: _Spectra = np.zeros((_PARTS, _BINS), np.complex64)
        self._doubt: _Powers = _UNKNOWN.copy()
        self._noise: _Powers = np.full(_BINS, _NOISE, np.float32)
        self._frame = 0
        self._drift = 0.0
        self._turning: _Spectra = np.ones(_BINS, np.complex64)
        self._before: _Spectra = self._filter.copy()
        self._turned_frames = 0
        self._has_skipped = False
        self._alike = self._found = self._heard = 0.0
        self._share = 0.0

    def thin(self, near: Samples, far: Samples, delay_frames: int | None, *, has_echo: bool) -> Samples:
        """Take the next 20 ms of both ends, 16 kHz.

        Args:
            delay_frames: How long the echo takes, as far as it is known.
            has_echo: The microphone may hear the far end; if not, there is nothing to learn.

        Returns:
            The near end, with less of the far end in it.
        """
        self.loses_track = False
        if not has_echo:
            if self._is_stale:
                self._begin_history()
            return near
        self._note(far)
        if delay_frames is not None:
            self._begin_at(max(0, delay_frames - _LEAD_FRAMES))
        if self._begins_at is None or self._silent_frames > self._begins_at + _PARTS:
            self._share = 0.0
            return near
        heard = near.astype(np.float32)
        echo = self._find(self._newest + self._begins_at)
        if self._share < _GOOD_SHARE or self._has_skipped:
            self._learns_at = self._newest + self._begins_at
            np.subtract(heard, echo, out=self._waiting[1, FRAME_SAMPLES:])
        self._has_skipped = self._learns_at is None
        before, self._share = self._share, self._judge(heard, echo)
        self.loses_track = before >= _LOST_SHARE > self._share and self._heard < _LOUD_USER * self._found
        echo *= self._share if before == self._share else before + (self._share - before) * _RISE
        heard -= echo
        return np.frombuffer(to_pcm(heard), np.int16)

    def _begin_history(self) -> None:
        self._far[:] = 0
        self._far_power[:] = 0
        self._newest = 0
        self._waiting[:] = 0
        self._learns_at = None
        self._silent_frames = _HISTORY
        self._is_stale = False

    def _note(self, far: Samples) -> None:
        """Take the far end in, and learn from how far the frame before was wrong."""
        self._is_stale = True
        ends = self._waiting[0]
        ends[:FRAME_SAMPLES] = ends[FRAME_SAMPLES:]
        ends[FRAME_SAMPLES:] = far
        self._silent_frames = 0 if ends.dot(ends) > _AUDIBLE else self._silent_frames + 1
        newest = (self._newest or _HISTORY) - 1
        learns_at, self._learns_at = self._learns_at, None
        if learns_at is None and self._silent_frames > 1:
            for rows in (self._far, self._far_power):
                rows[newest] = rows[newest + _HISTORY] = 0
            self._newest = newest
            return
        spectra = np.fft.rfft(self._waiting[: 1 if learns_at is None else 2])[:, :_BINS]
        powers = _power(spectra)
        if learns_at is not None:
            self._learn(spectra[1], powers[1], slice(learns_at, learns_at + _PARTS))
        self._newest = newest
        self._far[newest] = self._far[newest + _HISTORY] = spectra[0]
        self._far_power[newest] = self._far_power[newest + _HISTORY] = powers[0]

    def _begin_at(self, frame: int) -> None:
        """Move the filter to where the echo begins now, unless it finds it where it is."""
        if self._begins_at is None:
            self._begins_at = frame
        elif abs(frame - self._begins_at) >= _MOVED_FRAMES and self._share < _LOST_SHARE:
            # The loudspeaker's delay has changed, and not the room: what was known of that still holds.
            self._begins_at = frame
            self._doubt = np.maximum(self._doubt, _UNKNOWN)

    def _find(self, newest: int) -> NDArray[np.floating]:
        """Give the echo as it is known until now."""
        self._filter *= self._turning
        self._turned_frames += 1
        np.multiply(self._filter, self._far[newest : newest + _PARTS], out=self._products)
        return np.fft.irfft(np.add.reduce(self._products), _SIZE)[FRAME_SAMPLES:]

    def _learn(self, error: _Spectra, error_power: _Powers, rows: slice) -> None:
        np.multiply(self._doubt, self._far_power[rows], out=self._doubted)
        # Half of each transform is empty, and so is half of the power.
        total = np.add.reduce(self._doubted)
        total *= _HALF
        total += self._noise
        total += _LEAST
        # What the doubt does not account for is noise, or a user.
        unexplained = error_power * (self._noise / total)
        unexplained -= self._noise
        unexplained *= _FOLLOWING
        self._noise += unexplained
        step = self._products
        np.multiply(self._far[rows], error.conj() / total, out=step)
        np.conjugate(step, out=step)
        step *= self._doubt
        self._filter += step
        self._doubted *= _MINUS_HALF / total
        self._doubted += _ONE
        self._doubt *= self._doubted
        self._frame = (self._frame + 1) % _ROUND
        if self._frame == 0:
            self._put_right()
            self._follow_drift()

    def _put_right(self) -> None:
        """Cut off what overlap-save cannot use, and let the filter grow old."""
        response = np.fft.irfft(self._filter, _SIZE)
        response[:, FRAME_SAMPLES:] = 0
        np.multiply(np.fft.rfft(response)[:, :_BINS], _SHRUNK, out=self._filter)
        self._doubt *= _KEPT
        self._doubt += _LOST * _power(self._filter)

    def _follow_drift(self) -> None:
        """See how far the filter has turned in a round, and turn it along from now on.

        A delay of *d* samples turns bin *k* by *d* times ``_TURN[k]``: a straight line through small angles,
        each weighted by what the filter knows of its bin.
        """
        turned = np.add.reduce(self._filter * self._before.conj())
        certain = float((_TURN * _TURN).dot(np.abs(turned)))
        if certain:
            later = -float(_TURN.dot(turned.imag)) / certain / self._turned_frames
            drift = self._drift + _LEARNING * (later - self._drift)
            self._drift = min(_MOST_DRIFT, max(-_MOST_DRIFT, drift))
            self._turning = np.exp(-1j * self._drift * _TURN).astype(np.complex64)
        self._before = self._filter.copy()
        self._turned_frames = 0

    def _judge(self, heard: _Powers, echo: NDArray[np.floating]) -> float:
        """What part of the found echo the microphone really holds, of the last third of a second, if any."""
        self._alike += _JUDGING * (float(echo.dot(heard)) - self._alike)
        self._found += _JUDGING * (float(echo.dot(echo)) - self._found)
        self._heard += _JUDGING * (float(heard.dot(heard)) - self._heard)
        return SHARE * min(1.0, max(0.0, self._alike / (self._found + 1.0)))


def _power(spectra: NDArray[np.complexfloating]) -> _Powers:
    # As a complex product this costs a third of two squares and their sum.
    power: _Powers = (spectra * spectra.conj()).real
    return power
