"""Fusion: what the opinions say and have said of late, as one score.

One frame of an opinion says little in noise. How it has moved says more: speech comes and goes several times
a second, a fan never does, music holds its notes, and an opinion that is at its limit all the time has
nothing to say in this room. So each opinion is followed at five speeds from 40 ms to 2 s, with its square at
two of them, beside the shape of the spectrum and how fast that changes. A network with one hidden layer makes
log-odds of it. ``python -m benchmarks.fusing`` fits it; ``fusion_weights.py`` holds the outcome.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from voice_assistant.core.levels import SPECTRUM_HZ

Vector = NDArray[np.float32]

SPEEDS = (1, 2, 5, 12, 30, 100)
"""Frames over which an opinion is averaged; 1 is the newest frame."""

SQUARED_SPEEDS = (12, 30)
"""The same for its square: beside the average it tells how much it moves."""

BANDS_HZ = (200, 300, 400, 550, 700, 900, 1150, 1450, 1800, 2250, 2800, 3400, 4001)
"""Edges of the twelve bands whose levels make the shape: an even share of the ear's scale each."""

SHAPE_SPEED = 5
CHANGE_SPEED = 12

AHEAD_FRAMES = 4
"""The score speaks of the frame 80 ms ago: what came after it tells a syllable from a click."""

_BANDS = len(BANDS_HZ) - 1
_FAINTEST = np.float32(1e-10)
"""Mean square (-100 dBFS) below which a band counts as silent."""


@dataclass(frozen=True, slots=True)
class Weights:
    """A network with one hidden layer.

    Args:
        hidden: One row for each input, one column for each hidden unit.
        hidden_bias: One for each hidden unit.
        out: Likewise.
        out_bias: One number.
    """

    hidden: Vector
    hidden_bias: Vector
    out: Vector
    out_bias: float

    @classmethod
    def read(cls, text: str, units: int) -> Weights:
        """Read what ``write`` wrote."""
        numbers = np.frombuffer(base64.b64decode(text), "<f2").astype(np.float32)
        inputs = (len(numbers) - 1) // units - 2
        hidden, rest = numbers[: inputs * units], numbers[inputs * units :]
        return cls(hidden.reshape(inputs, units), rest[:units], rest[units:-1], float(rest[-1]))

    def score(self, inputs: Vector) -> float:
        """What the network makes of its inputs: log-odds."""
        hidden = inputs.dot(self.hidden)
        hidden += self.hidden_bias
        np.maximum(hidden, 0.0, out=hidden)
        return float(hidden.dot(self.out)) + self.out_bias

    def write(self) -> str:
        """Give half-precision numbers as text."""
        parts = (self.hidden.ravel(), self.hidden_bias, self.out, np.array([self.out_bias]))
        return base64.b64encode(np.concatenate(parts).astype("<f2").tobytes()).decode()


class Fusion:
    """Follows the opinions, and makes one score of them.

    Args:
        opinions: How many there are. The first one's square is left out: it is yes or no.
        weights: For so many.
    """

    def __init__(self, opinions: int, weights: Weights) -> None:
        self._weights = weights
        averages, squares = opinions * len(SPEEDS), (opinions - 1) * len(SQUARED_SPEEDS)
        self._share = np.concatenate(
            [np.full(opinions, 1 / speed) for speed in SPEEDS]
            + [np.full(opinions - 1, 1 / speed) for speed in SQUARED_SPEEDS]
            + [np.full(_BANDS, 1 / SHAPE_SPEED), np.full(_BANDS, 1 / CHANGE_SPEED)]
        ).astype(np.float32)
        # Views of one row each: this runs fifty times a second, and what it costs is calls, not sums.
        self._newest = np.zeros(len(self._share), np.float32)
        self._said = self._newest[: averages + squares]
        self._order = np.array(
            [*range(opinions)] * len(SPEEDS) + [*range(opinions, 2 * opinions - 1)] * len(SQUARED_SPEEDS)
        )
        self._shape = self._newest[averages + squares : -_BANDS]
        self._change = self._newest[-_BANDS:]
        self._step = np.zeros(len(self._share), np.float32)
        self._bands: Vector | None = None
        self.state = np.zeros(len(self._share), np.float32)
        """What the network is given."""

    def begin(self) -> None:
        """What comes next does not follow on what came before."""
        self._bands = None
        self._change[:] = 0

    def follow(self, opinions: Sequence[float], spectrum: NDArray[np.float32]) -> None:
        """Take the next 20 ms.

        Args:
            opinions: One number each, about -1 to 1 or 0 to 2.5.
            spectrum: As ``levels.spectrum`` gives it.
        """
        said = np.array([*opinions, *(one * one for one in opinions[1:])], np.float32)
        said.take(self._order, out=self._said)
        bands = TO_BANDS.dot(spectrum)
        np.maximum(bands, _FAINTEST, out=bands)
        np.log10(bands, out=bands)
        np.subtract(bands, bands.dot(_MEAN), out=self._shape)
        if self._bands is None:
            self.state[:] = self._newest
        else:
            np.subtract(bands, self._bands, out=self._change)
            np.abs(self._change, out=self._change)
        self._bands = bands
        np.subtract(self._newest, self.state, out=self._step)
        self._step *= self._share
        self.state += self._step

    def score(self) -> float:
        """Log-odds that somebody spoke ``AHEAD_FRAMES`` ago."""
        return self._weights.score(self.state)


def _to_bands() -> NDArray[np.float32]:
    band = np.searchsorted(BANDS_HZ, SPECTRUM_HZ, side="right") - 1
    rows = (band == np.arange(_BANDS)[:, None]).astype(np.float32)
    return np.concatenate((rows, rows), axis=1)


TO_BANDS = _to_bands()
_MEAN = np.full(_BANDS, 1 / _BANDS, np.float32)
