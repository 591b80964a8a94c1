"""Fit what tells a word from a hum: ``python -m benchmarks.wording --words DIR ... --others DIR ...``.

Takes recordings of single words, and of what is none (hums, coughs, keys): WAV or FLAC, one sound in each.
Every folder counts as much as any other of its side; one that is named twice counts twice. Each sound is
drawn many times, in rooms and 3 to 30 dB above a noise (``--noise``), with the silence that a turn has before
and behind it; the noise alone is drawn too. The network of ``core/one_word.py`` is fitted to what the program
makes of them, by ``fusing.py``. ``--write`` puts it into ``core/word_weights.py``.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np

from benchmarks.fusing import Numbers, fit, score, source
from benchmarks.rooms import Sound, convolve, room, room_noise
from benchmarks.turns import UnreadableError, read
from benchmarks.voices import at_level
from voice_assistant.core.audio import NEAR_RATE
from voice_assistant.core.one_word import traits

UNITS = 8
EPOCHS = 300
DRAWS = 3000
"""For each side."""

NOISE_DRAWS = 600
"""And of noise alone."""

GATED = 0.1
"""So many are heard through a noise gate: there is no noise at all."""


def main(argv: list[str] | None = None) -> int:
    """Fit what tells a word from a hum."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.wording", description=main.__doc__)
    parser.add_argument("--words", type=Path, nargs="+", required=True, help="folders of single words")
    parser.add_argument("--others", type=Path, nargs="+", required=True, help="folders of what is none")
    parser.add_argument("--noise", type=Path, nargs="+", required=True, help="recordings of noise")
    parser.add_argument("--write", action="store_true", help="replace the program's weights")
    args = parser.parse_args(argv)
    rng = np.random.default_rng(5)
    try:
        noises = [sound(path) for path in args.noise]
        words, others = ([sounds(folder) for folder in side] for side in (args.words, args.others))
    except UnreadableError as error:
        sys.stderr.write(f"error: {error}\n")
        return 1
    said = draw(words, noises, rng)
    inputs = np.array(said + draw(others, noises, rng) + alone(noises, rng), np.float32)
    spoken = (np.arange(len(inputs)) < len(said)).astype(np.float32)
    weights = fit(inputs, spoken, UNITS, EPOCHS)
    right = (score(weights, inputs) > 0) == (spoken > 0)
    sys.stdout.write(f"{len(spoken)} sounds, {100 * right.mean():.1f} % right\n")
    if args.write:
        path = Path(__file__).resolve().parent.parent / "voice_assistant" / "core" / "word_weights.py"
        path.write_text(source("word", "wording", [("WORD", weights)]))
    return 0


def sounds(folder: Path) -> list[Sound]:
    """Read all recordings in a folder.

    Raises:
        UnreadableError: One cannot be read, or there is none.
    """
    found = [sound(path) for path in sorted(folder.glob("*")) if path.suffix in (".wav", ".flac")]
    if not found:
        raise UnreadableError(f"there is no WAV or FLAC in {folder}")
    return found


def draw(folders: list[list[Sound]], noises: list[Sound], rng: np.random.Generator) -> list[Numbers]:
    """Draw sounds, as many out of each folder, and give the traits of those that have any."""
    found: list[Numbers] = []
    for folder in folders:
        for _ in range(DRAWS // len(folders)):
            seen = traits(heard(folder[rng.integers(len(folder))], noises, rng))
            if seen is not None:
                found.append(seen)
    return found


def alone(noises: list[Sound], rng: np.random.Generator) -> list[Numbers]:
    """The same of the noise, where it is loudest for a moment: a voice among many may well be a word."""
    found: list[Numbers] = []
    for _ in range(NOISE_DRAWS):
        noise = noises[rng.integers(len(noises))]
        part = np.resize(noise[rng.integers(len(noise)) :], 2 * NEAR_RATE)
        seen = traits(_pcm(part * 10 ** (float(rng.uniform(-50, -25)) / 20) / max(1e-6, float(part.std()))))
        if seen is not None:
            found.append(seen)
    return found


def sound(path: Path) -> Sound:
    """Read a recording."""
    return np.frombuffer(read(path), "<i2") / 32768


def heard(said: Sound, noises: list[Sound], rng: np.random.Generator) -> bytes:
    """Put a sound into a room and into noise, as a turn that opened for it keeps it."""
    dbfs = float(rng.uniform(-42, -20))
    echoing = room(float(rng.uniform(0.2, 0.5)), float(rng.uniform(0, 8)), rng)
    spoken = at_level(convolve(np.pad(said, (0, NEAR_RATE // 4)), echoing), dbfs)
    before, after = rng.uniform(0.75, 1.05), rng.uniform(0.35, 0.7)
    padded = np.pad(spoken, (round(before * NEAR_RATE), round(after * NEAR_RATE)))
    if rng.random() < GATED:
        return _pcm(padded)
    padded += room_noise(len(padded), -70, rng)
    below_db = float(rng.uniform(3, 30))
    if rng.random() < 0.75:
        noise = noises[rng.integers(len(noises))]
        at = int(rng.integers(max(1, len(noise) - len(padded))))
        noise = np.resize(noise[at:], len(padded))
        padded += noise / max(1e-6, float(noise.std())) * 10 ** ((dbfs - below_db) / 20)
    else:
        padded += room_noise(len(padded), dbfs - below_db - 5, rng)
    return _pcm(padded)


def _pcm(samples: Sound) -> bytes:
    return np.clip(np.rint(samples * 32768), -32768, 32767).astype("<i2").tobytes()


if __name__ == "__main__":
    raise SystemExit(main())
