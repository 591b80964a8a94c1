"""One word: was a short sound a word, or a hum, a cough, a knock?

"Stop" is over before it has lasted long enough to interrupt a reply by its length. What tells it from "mm-hm"
is not in any one frame: a word goes from one sound to another, and a hum stays what it is. So ``floor.py``
asks once, when the turn is over, and the whole sound is looked at: its loudest burst, how much of it has a
pitch, how bright that is, and how the shape of its spectrum moves. A small network makes log-odds of it.
``python -m benchmarks.wording`` fits it; ``word_weights.py`` holds the outcome.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from voice_assistant.core.fusion import TO_BANDS, Vector
from voice_assistant.core.levels import FRAME_SAMPLES, spectrum
from voice_assistant.core.voicing import TIMBRE, VOICED
from voice_assistant.core.word_weights import WORD

_BURST_DB = 18.0
"""What is fainter than the loudest frame by more than this is no part of the burst."""

_OVER_NOISE_DB = 3.0
"""Nor is what stands out from the noise by less."""

_MOST_OVER_NOISE_DB = 40.0
"""And standing out further says no more: behind a noise gate there is no noise at all."""

_GAP_FRAMES = 8
"""Frames (160 ms) of silence inside a word, at most: the closure of a stop consonant."""

_NOISE_SHARE = 0.3
"""The noise in a band is the power that this share of the frames lies below: there is as much silence before
and after a word."""

_NOISE_OFF = 1.5
"""The noise is taken off so many times, since it varies."""

_LOWER = slice(0, 5)
_UPPER = slice(6, 12)
"""Bands below the second formant's (200 to 900 Hz), and from it on (1150 to 4000 Hz)."""

_NOTHING = 1e-12
"""Mean square of digital silence (-120 dBFS)."""

_RISE_DB = 25.0
"""A rise counts from so far below the peak on."""

_FEWEST = 5
"""Frames (0.1 s) with a pitch that the shortest word has."""

_FAINTEST = 1e-3
"""Of the loudest band: what is fainter does not count in the shape of a spectrum."""

_SURE = 0.6
"""Log-odds that it is a word, from which it is taken for one: docs/decisions/single-words.md says why."""

_SURELY_NOT = -0.5
"""And below this it is a hum: words are seldom there, even before they are over."""


def is_word(pcm: bytes) -> bool:
    """Is the loudest burst in a sound a word? It takes a few milliseconds: ask once.

    Args:
        pcm: 16 kHz, with some silence or noise before the burst and behind it.
    """
    seen = traits(pcm)
    return seen is not None and WORD.score(seen) > _SURE


def is_hum(pcm: bytes) -> bool:
    """Is it a voice that says nothing, for all that is known? The burst may still go on. It takes as long.

    Args:
        pcm: 16 kHz, with some silence or noise before the burst.
    """
    seen = traits(pcm)
    return seen is not None and WORD.score(seen) < _SURELY_NOT


def traits(pcm: bytes) -> Vector | None:
    """What is to be known of the loudest burst in a sound; None where there is none with a pitch.

    Args:
        pcm: 16 kHz, with some silence or noise before the burst and behind it.

    Returns:
        Eleven numbers, about -3 to 3: tens of frames with a pitch; their share; the peak over the noise; the
        brightest frame, the median and the span of brightness; how far the shapes of the spectra lie apart,
        in the mean, at most, and from one frame to the next; how periodic they are; the steepest rise. Levels
        are in tens of decibels.
    """
    samples = np.frombuffer(pcm, np.int16)
    count = len(samples) // FRAME_SAMPLES
    if count < 2:
        return None
    frames = samples[: count * FRAME_SAMPLES].reshape(count, FRAME_SAMPLES)
    bands = np.stack([TO_BANDS.dot(spectrum(frame)) for frame in frames])
    noise = np.quantile(bands, _NOISE_SHARE, axis=0)
    power = bands.sum(axis=1)
    over_noise_db = _db(power / (noise.sum() + _NOTHING))
    level_db = _db(np.maximum(power - noise.sum(), _NOTHING))
    peak = int(level_db.argmax())
    burst = _burst(peak, (level_db > level_db[peak] - _BURST_DB) & (over_noise_db > _OVER_NOISE_DB))
    pairs = np.concatenate((frames[:-1], frames[1:]), axis=1).astype(np.float32)
    pitch, _ = TIMBRE.of(pairs[burst - 1])
    voiced = burst[pitch > VOICED]
    if len(voiced) < _FEWEST:
        return None
    heard = np.maximum(bands - _NOISE_OFF * noise, _FAINTEST * bands.max(axis=1, keepdims=True) + _NOTHING)
    bright_db = np.sort(_db(heard[voiced, _UPPER].sum(axis=1) / heard[voiced, _LOWER].sum(axis=1)))
    shape = np.log10(heard[voiced])
    shape -= shape.mean(axis=1, keepdims=True)
    shape = (shape[:-2] + shape[1:-1] + shape[2:]) / 3
    apart = np.sqrt(((shape[:, None] - shape[None]) ** 2).mean(axis=2))
    start = np.maximum(level_db[burst[0] - 1 : burst[-1] + 1], level_db[peak] - _RISE_DB)
    return np.array(
        [
            len(voiced) / 10,
            len(voiced) / len(burst),
            min(_MOST_OVER_NOISE_DB, over_noise_db[peak]) / 10,
            bright_db[-2] / 10,
            np.median(bright_db) / 10,
            (bright_db[-2] - bright_db[1]) / 10,
            apart.mean(),
            apart.max(),
            np.diagonal(apart, 1).mean(),
            pitch[pitch > VOICED].mean(),
            np.diff(start).max(initial=0.0) / 10,
        ],
        np.float32,
    )


def _burst(peak: int, stands_out: NDArray[np.bool_]) -> NDArray[np.intp]:
    """The frames that stand out around the peak, over gaps; never the first, which has none before it."""
    found = np.flatnonzero(stands_out[1:]) + 1
    breaks = np.flatnonzero(np.diff(found) > _GAP_FRAMES) + 1
    return next((part for part in np.split(found, breaks) if peak in part), found[:0])


def _db(power: NDArray[np.floating]) -> NDArray[np.floating]:
    level: NDArray[np.floating] = 10 * np.log10(power + _NOTHING)
    return level
