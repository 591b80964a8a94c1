"""Where is what was sent, in what was recorded? Sample by sample: what is missing, repeated or harmed.

Both are cut into windows and each window is looked for where the one before leads to expect it, then
everywhere (normalised cross-correlation). Sound for this needs a little noise that never repeats
(``speechlike``), or two windows look alike. Rates are equal; the caller converts.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import ArrayLike, NDArray

FOUND = 0.97
"""A window counts as found from this correlation on; another syllable of the same pitch reaches 0.95."""

HELD_UP_MS = 240
"""In all, for which a comparison forgives harm in the middle: on a shared machine with two cores, stalls of
20 to 175 ms hold up the sound server, its recorder or the program, and the card goes on without them. That
the program itself loses and repeats no sample is held exactly where no card is in the way: in the mixer's
properties, and on WAV files."""

NEARBY_MS = 3
FIR_TAPS = 64


@dataclass(frozen=True, slots=True)
class Jump:
    """The recording leaves its step: a hole or a repetition (*samples* > 0), or a loss (< 0).

    Args:
        at: Sample of what was sent.
        samples: How many more (or fewer) samples there are in the recording from here on.
    """

    at: int
    samples: int


@dataclass(frozen=True, slots=True)
class Alignment:
    """What became of the windows of what was sent.

    Args:
        start: Sample of the recording where sample 0 of what was sent is, or would be.
        found: Share of the windows that were found, 0 to 1.
        missing: First samples of the windows that were not found.
        jumps: Where found windows are not in step with those before.
        offsets: For each window that was found: its first sample in what was sent, and in the recording.
    """

    start: int
    found: float
    missing: tuple[int, ...]
    jumps: tuple[Jump, ...]
    offsets: tuple[tuple[int, int], ...]

    @property
    def is_whole(self) -> bool:
        """Every window was found, each in step with the one before."""
        return not self.missing and not self.jumps

    def harmed_ms(self, rate: int, window_ms: float = 40) -> float:
        """How much was missing or out of step, in all; what is lost is both, and counts once."""
        out_of_step = sum(abs(jump.samples) for jump in self.jumps) * 1000 / rate
        return max(len(self.missing) * window_ms, out_of_step)

    def was_held_up(self, rate: int, window_ms: float = 40) -> bool:
        """The beginning and the end are there, and what is harmed between them is a machine's stall."""
        windows = [at for at, _ in self.offsets]
        if not windows:
            return False
        last = max((*windows, *self.missing))
        has_ends = windows[0] == 0 and windows[-1] == last
        return has_ends and self.harmed_ms(rate, window_ms) <= HELD_UP_MS


def align(
    sent: ArrayLike, heard: ArrayLike, rate: int, *, window_ms: float = 40, slack: int = 1
) -> Alignment:
    """Find every window of *sent* in *heard*.

    Args:
        sent: Samples, one channel.
        heard: Samples at the same rate, one channel; longer, as a rule.
        rate: Hertz of both.
        window_ms: Length of a window.
        slack: Samples by which a window may be out of step (a converter's rounding) without a jump.
    """
    wanted, record = _float(sent), _float(heard)
    length = round(rate * window_ms / 1000)
    spectrum = np.fft.rfft(record, _fast_length(record.size + length))
    energy = np.concatenate(([0.0], np.cumsum(record**2)))
    nearby = rate * NEARBY_MS // 1000
    offsets: list[tuple[int, int]] = []
    missing: list[int] = []
    step: int | None = None
    for at in range(0, wanted.size - length + 1, length):
        window = wanted[at : at + length]
        place = None
        if step is not None:
            place = _find_within(window, record, energy, at + step - nearby, at + step + nearby)
        if place is None:
            place = _find_anywhere(window, spectrum, record, energy)
        if place is None:
            missing.append(at)
            continue
        step = place - at
        offsets.append((at, place))
    jumps = [
        Jump(at, (place - at) - (place_before - before))
        for (before, place_before), (at, place) in pairwise(offsets)
        if abs((place - at) - (place_before - before)) > slack
    ]
    windows = len(offsets) + len(missing)
    start = offsets[0][1] - offsets[0][0] if offsets else 0
    return Alignment(start, len(offsets) / max(1, windows), tuple(missing), tuple(jumps), tuple(offsets))


def snr_db(sent: ArrayLike, heard: ArrayLike, alignment: Alignment) -> float:
    """Measure how much of *heard* is not explained by *sent*, after the best filter of ``FIR_TAPS``.

    The filter takes up the gain, the fraction of a sample and the band of a converter between the two; what
    remains is noise, clicks and holes.
    """
    wanted, record = _float(sent), _float(heard)
    start = alignment.start
    reach = FIR_TAPS // 2
    first, last = max(reach, -start), min(wanted.size - reach, record.size - start)
    shifted = np.lib.stride_tricks.sliding_window_view(wanted[first - reach : last + reach - 1], FIR_TAPS)
    target = record[start + first : start + last]
    # A little is added to the diagonal: what was sent has no sound in its upper band.
    normal = shifted.T @ shifted
    normal += np.eye(FIR_TAPS) * normal[0, 0] * 1e-9
    rest = target - shifted @ np.linalg.solve(normal, shifted.T @ target)
    return float(10 * np.log10(np.sum(target**2) / max(1e-9, float(np.sum(rest**2)))))


def _float(samples: ArrayLike) -> NDArray[np.float64]:
    return np.asarray(samples, dtype=np.float64)


def _fast_length(least: int) -> int:
    return 1 << (least - 1).bit_length()


def _find_within(
    window: NDArray[np.float64], record: NDArray[np.float64], energy: NDArray[np.float64], low: int, high: int
) -> int | None:
    low, high = max(0, low), min(record.size - window.size, high)
    if high < low:
        return None
    part = record[low : high + window.size]
    return _best(np.correlate(part, window, "valid"), window, energy, low)


def _find_anywhere(
    window: NDArray[np.float64],
    spectrum: NDArray[np.complex128],
    record: NDArray[np.float64],
    energy: NDArray[np.float64],
) -> int | None:
    size = 2 * (spectrum.size - 1)
    products = np.fft.irfft(spectrum * np.conj(np.fft.rfft(window, size)), size)
    return _best(products[: record.size - window.size + 1], window, energy, 0)


def _best(
    products: NDArray[np.float64], window: NDArray[np.float64], energy: NDArray[np.float64], low: int
) -> int | None:
    places = np.arange(low, low + products.size)
    there = energy[places + window.size] - energy[places]
    own = float(window @ window)
    if not own or not products.size:
        return None
    correlation = products / np.sqrt(np.maximum(there, own * 1e-4) * own)
    best = int(np.argmax(correlation))
    return low + best if correlation[best] >= FOUND else None
