"""Sound as values: the frame, its level, and the one converter between sample rates.

Everywhere inside the program sound is 16-bit little-endian mono PCM. The core has two rates: the near end
at 16 kHz (what webrtcvad and Gemini take) and replies at 24 kHz (what Gemini sends). Devices and wires have
rates of their own, and ``Resampler`` stands between.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

NEAR_RATE = 16_000
"""Hertz: the microphone, inside the core."""

REPLY_RATE = 24_000
"""Hertz: replies, the loudspeaker and the far end, inside the core."""

SAMPLE_BYTES = 2

SILENCE_DBFS = -120.0
"""What ``level_dbfs`` says of digital silence."""

ZERO_CROSSINGS = 16
"""Half the length of the resampler's filter, in samples of the lower rate: 1 ms at 16 kHz."""

KAISER_BETA = 10.0
"""Shape of the filter's window: a stop band of -99 dB (Kaiser: beta = 0.1102 (A - 8.7))."""

ROLL_OFF = 0.88
"""The filter is down by half here, as a share of the lower rate's Nyquist frequency. At 16 kHz the pass band
ends at 5.5 kHz and the stop band begins at 8.6: what folds back lands above 7.4 kHz."""

_COEFFICIENT_STEP = 2.0**-30

_SPAN = 24
"""Samples of input by which the converter steps, about: one row of its product of matrices. Measured
between 16, 24 and 48 kHz: less makes more rows, more multiplies more zeros."""

_FLOAT, _PCM = np.dtype(np.float64), np.dtype("<i2")


@dataclass(frozen=True, slots=True)
class AudioFrame:
    """A stretch of sound.

    Args:
        pcm: 16-bit little-endian mono; any whole number of samples.
        rate: Hertz.
        first_sample: Index of the first sample, counted at ``rate`` from the start of its stream.
    """

    pcm: bytes
    rate: int
    first_sample: int = 0

    @property
    def samples(self) -> int:
        """How many samples it holds."""
        return len(self.pcm) // SAMPLE_BYTES

    @property
    def ms(self) -> float:
        """Its length in milliseconds."""
        return self.samples * 1000 / self.rate

    @property
    def end_sample(self) -> int:
        """Index of the first sample after it."""
        return self.first_sample + self.samples


def silence(ms: float, rate: int) -> bytes:
    """Make *ms* milliseconds of digital silence at *rate* hertz, to the nearest sample."""
    return bytes(round(ms * rate / 1000) * SAMPLE_BYTES)


def level_dbfs(pcm: bytes) -> float:
    """Measure the root mean square of 16-bit PCM, in dB below full scale.

    A full square wave is 0, a full sine -3; silence, or nothing at all, is ``SILENCE_DBFS``.
    """
    samples = np.frombuffer(pcm, _PCM).astype(_FLOAT)
    if not samples.size:
        return SILENCE_DBFS
    power = float(samples.dot(samples)) / samples.size / 32768.0**2
    return max(SILENCE_DBFS, 10 * math.log10(power)) if power else SILENCE_DBFS


def to_pcm(samples: NDArray[np.floating]) -> bytes:
    """Make 16-bit PCM of numbers in its scale, to the nearest step and clipped; *samples* is used up."""
    np.rint(samples, out=samples)
    np.minimum(samples, 32767, out=samples)
    np.maximum(samples, -32768, out=samples)
    return samples.astype(_PCM).tobytes()


class Resampler:
    """Converts a stream of sound from one rate to another, in parts of any length.

    A polyphase windowed sinc: output sample *k* is the input's value at time *k* / *to_rate*, so there is no
    delay in what comes out, only ``held_back`` samples that wait for the input after them (1 ms at 16 kHz,
    0.7 ms between 24 and 48). The same bytes come out however the input is cut: coefficients are multiples
    of 2^-30, so every sum is exact in double precision and its order does not matter.

    The formula: J. O. Smith, "Digital Audio Resampling", https://ccrma.stanford.edu/~jos/resample/; window
    and beta: J. F. Kaiser, "Nonrecursive digital filter design using the I0-sinh window function", 1974.

    Args:
        from_rate: Hertz of what is fed.
        to_rate: Hertz of what comes out; the same rate hands everything on as it is.
    """

    def __init__(self, from_rate: int, to_rate: int) -> None:
        common = math.gcd(from_rate, to_rate)
        self.from_rate = from_rate
        self.to_rate = to_rate
        self._up = to_rate // common
        self._down = from_rate // common
        # The filter reaches this many input samples to either side of an output sample.
        self._reach = math.ceil(ZERO_CROSSINGS * max(1.0, from_rate / to_rate))
        # One row of input makes this many outputs, and the next row begins so many input samples later.
        repeats = max(1, _SPAN // self._down)
        self._row_outputs, self._row_step = repeats * self._up, repeats * self._down
        self._filter = self._row_filter(repeats)
        self._kept: NDArray[np.float64]
        self._reset()

    @property
    def held_back(self) -> int:
        """How many output samples wait for the input after them, at the start of a stream."""
        return 0 if self._up == self._down else self._reach * self._up // self._down

    def feed(self, pcm: bytes) -> bytes:
        """Take the next part of the stream; return all that can be said of it.

        Args:
            pcm: 16-bit little-endian mono at ``from_rate``; any length.

        Raises:
            ValueError: *pcm* ends in the middle of a sample.
        """
        if len(pcm) % SAMPLE_BYTES:
            raise ValueError("pcm ends in the middle of a sample")
        if self._up == self._down:
            return bytes(pcm)
        new = np.frombuffer(pcm, _PCM)
        self._fed += new.size
        self._kept = np.concatenate((self._kept, new))
        # Output k needs the input up to floor(k * down / up) + reach.
        return self._emit(max(0, -((self._reach - self._fed) * self._up // self._down)))

    def flush(self) -> bytes:
        """End the stream: return what was held back, and be as new.

        All that came out is then ``round(samples fed * to_rate / from_rate)`` samples long.
        """
        total = round(Fraction(self._fed * self._up, self._down))
        self._kept = np.concatenate((self._kept, np.zeros(2 * self._reach, dtype=np.float64)))
        tail = self._emit(total)
        self._reset()
        return tail

    def _reset(self) -> None:
        self._fed = 0
        self._emitted = 0
        # Input from the first sample that the next block of outputs needs; silence before the stream.
        self._kept = np.zeros(self._reach - 1, dtype=np.float64)

    def _emit(self, until: int) -> bytes:
        # A row of input makes a row of outputs, and one product of matrices makes them all. What the first
        # row has said already is left out; what the last one would say too early is made of zeros and left
        # out too. Every call of numpy here is made fifty times a second on caches that others have used
        # since, so there are few, and none that are written in Python.
        if until <= self._emitted:
            return b""
        done, count = self._emitted % self._row_outputs, until - self._emitted
        rows = -(-(done + count) // self._row_outputs)
        width = self._filter.shape[0]
        missing = (rows - 1) * self._row_step + width - self._kept.size
        sound = np.concatenate((self._kept, np.zeros(missing))) if missing > 0 else self._kept
        strides = (self._row_step * _FLOAT.itemsize, _FLOAT.itemsize)
        made = np.ndarray((rows, width), _FLOAT, sound, 0, strides).copy().dot(self._filter)
        self._kept = self._kept[(done + count) // self._row_outputs * self._row_step :]
        self._emitted = until
        return to_pcm(made)[done * SAMPLE_BYTES : (done + count) * SAMPLE_BYTES]

    def _row_filter(self, repeats: int) -> NDArray[np.float64]:
        """Coefficients for a row of blocks: column *p* makes output *p* from a row of input."""
        block = self._block_filter()
        width, outputs = block.shape
        row = np.zeros((width + (repeats - 1) * self._down, repeats * outputs), dtype=np.float64)
        for repeat in range(repeats):
            first = repeat * self._down
            row[first : first + width, repeat * outputs : (repeat + 1) * outputs] = block
        return row

    def _block_filter(self) -> NDArray[np.float64]:
        """Coefficients for one block: column *p* makes output *p* of the block from its row of input."""
        half_width = ZERO_CROSSINGS * max(1.0, self.from_rate / self.to_rate)
        cutoff = ROLL_OFF * min(1.0, self.to_rate / self.from_rate)
        width = 2 * self._reach + (self._up - 1) * self._down // self._up
        block = np.zeros((width, self._up), dtype=np.float64)
        for phase in range(self._up):
            base, rest = divmod(phase * self._down, self._up)
            at = np.arange(1 - self._reach, self._reach + 1) - rest / self._up
            inside = np.sqrt(np.maximum(0.0, 1 - (at / half_width) ** 2))
            taps = np.sinc(cutoff * at) * np.i0(KAISER_BETA * inside) * (np.abs(at) < half_width)
            taps /= taps.sum()
            block[base : base + taps.size, phase] = np.rint(taps / _COEFFICIENT_STEP) * _COEFFICIENT_STEP
        return block
