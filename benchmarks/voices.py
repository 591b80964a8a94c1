"""Who speaks at the simulated desks: people out of recordings, and what is no speech.

For ``echo.py``. Recordings are cut where somebody speaks; coughs, keys and "mm-hm" are made.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.rooms import BLOCK, Sound, active_dbfs
from benchmarks.turns import UnreadableError, read
from voice_assistant.core.audio import NEAR_RATE

SHORTEST_S = 1.0
"""Speech between two pauses that is shorter than this is left out: a user says something."""


@dataclass(frozen=True, slots=True)
class Clip:
    """Somebody speaking, 16 kHz, from the first sound on."""

    file: str
    sound: Sound


def speech(folder: Path) -> Iterator[Clip]:
    """Find the speech in a folder's recordings: by its labels, without added noise; or else by its level.

    Raises:
        UnreadableError: A recording cannot be read, or there is none.
    """
    labels = folder / "labels.json"
    if labels.exists():
        quiet = [
            entry
            for entry in json.loads(labels.read_text())["files"]
            if entry.get("cond") in ("clean", "far-40dBFS")
        ]
        found = [
            (entry["file"], start, end)
            for entry in quiet
            for start, end in entry["segments"]
            if end - start >= SHORTEST_S
        ]
    else:
        found = [
            (path.name, None, None) for path in sorted(folder.glob("*")) if path.suffix in (".wav", ".flac")
        ]
    if not found:
        raise UnreadableError(f"there is no WAV or FLAC in {folder}")
    for name, start, end in found:
        sound = np.frombuffer(read(folder / name), "<i2") / 32768
        if start is not None:
            yield Clip(name, sound[round(start * NEAR_RATE) : round(end * NEAR_RATE)])
        else:
            yield from (Clip(f"{name} {at}", part) for at, part in enumerate(phrases(sound)))


def phrases(sound: Sound) -> list[Sound]:
    """Cut a recording at pauses of 0.3 s; what is within 30 dB of the loudest is speech."""
    powers = (sound[: len(sound) // BLOCK * BLOCK].reshape(-1, BLOCK) ** 2).mean(axis=1)
    spoken = np.flatnonzero(powers > powers.max() * 1e-3)
    cuts = np.flatnonzero(np.diff(spoken) > 15)
    starts = [spoken[0], *spoken[cuts + 1]]
    ends = [*spoken[cuts], spoken[-1]]
    parts = [sound[start * BLOCK : (end + 1) * BLOCK] for start, end in zip(starts, ends, strict=True)]
    return [part for part in parts if len(part) >= SHORTEST_S * NEAR_RATE]


def at_level(sound: Sound, dbfs: float) -> Sound:
    """The same sound, at *dbfs* while it speaks."""
    return sound * 10 ** ((dbfs - active_dbfs(sound)) / 20)


def cough(rng: np.random.Generator) -> Sound:
    """One to three bursts of breath, 0.1 to 0.25 s each."""
    bursts = []
    for _ in range(rng.integers(1, 4)):
        seconds = np.arange(round(rng.uniform(0.1, 0.25) * NEAR_RATE)) / NEAR_RATE
        breath = rng.standard_normal(len(seconds)) * np.minimum(1, seconds / 0.008) * np.exp(-seconds * 14)
        coloured = np.convolve(breath, np.hanning(rng.integers(4, 14)))[: len(seconds)]
        bursts += [coloured, np.zeros(round(rng.uniform(0.05, 0.2) * NEAR_RATE))]
    return np.concatenate(bursts)


def keys(rng: np.random.Generator) -> Sound:
    """Two to six keys of a keyboard, a press and a release each."""
    typed = np.zeros(round(1.1 * NEAR_RATE))
    at = 0.0
    for _ in range(rng.integers(2, 7)):
        for moment, loud in ((at, 1.0), (at + rng.uniform(0.06, 0.1), 0.4)):
            seconds = np.arange(round(0.02 * NEAR_RATE)) / NEAR_RATE
            tone = np.sin(2 * np.pi * rng.uniform(1500, 4000) * seconds) + rng.standard_normal(len(seconds))
            start = round(moment * NEAR_RATE)
            typed[start : start + len(seconds)] += (loud * tone * np.exp(-seconds * 400))[
                : len(typed) - start
            ]
        at += rng.uniform(0.09, 0.16)
    return typed


def hum(rng: np.random.Generator) -> Sound:
    """ "mm-hm": two hums through the nose, 0.12 to 0.18 s each, the second higher."""
    pitch = rng.uniform(90, 220)
    hums = []
    for step in (1.0, 1.25):
        seconds = np.arange(round(rng.uniform(0.12, 0.18) * NEAR_RATE)) / NEAR_RATE
        phase = 2 * np.pi * pitch * step * np.cumsum(1 + 0.3 * seconds) / NEAR_RATE
        voice = sum(np.sin(n * phase) / n**1.5 * (n * pitch < 2500) for n in range(1, 24))
        hums += [voice * np.sin(np.pi * np.arange(len(seconds)) / len(seconds)) ** 0.5, np.zeros(640)]
    return np.concatenate(hums)


Make = Callable[[np.random.Generator], Sound]
"""Makes one burst, drawn from a generator."""

BURSTS: dict[str, tuple[Make, float]] = {"cough": (cough, 0.0), "keys": (keys, -8.0), "hum": (hum, -4.0)}
"""What is no barge-in, and its level relative to the user's."""
