"""Are questions understood however they come in? ``python -m benchmarks.perturbed [--times N] [FILE ...]``.

A recording that a recogniser reads well may be read quite differently ten milliseconds later, and a test
that speaks it into a sound card never hears it twice at the same place. So each is read many times, changed a
little each time: a longer or shorter silence before it, up to 30 ms of its beginning cut off, louder or
quieter, noise of a room, up to 1.5 % faster or slower, moved by a part of a sample. It goes the way that a
client's sound goes in the offline provider, through its turn detection.

Counted is how often the skills answer what was heard as they answer what was said. The same numbers come out
each time: the changes are drawn from a seed.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections import Counter
from datetime import datetime
from pathlib import Path
from random import Random

import numpy as np
from numpy.typing import NDArray

from benchmarks.recognition import AtOnce, Recording, by_turns, read, synthetic
from voice_assistant.core.audio import NEAR_RATE
from voice_assistant.offline.recogniser import Moonshine
from voice_assistant.offline.skills.catalogue import Skills
from voice_assistant.offline.skills.outcome import CallTool
from voice_assistant.offline.skills.wording import plain

AUDIBLE = 200
"""A sample from here on, of 32768, belongs to the words."""
ROUND_MS = 10
LONGEST_CUT_MS = 30.0
LEAD_MS = (0.0, 600.0)
"""Silence before the words, on top of what the way through the turn detection has."""
LEVEL_DB = (-14.0, 4.0)
NOISE_DBFS = (-75.0, -52.0)
TEMPO = (0.985, 1.015)
MOST_SHOWN = 3


def perturbed(samples: NDArray[np.float64], dice: Random) -> bytes:
    """Change a recording a little.

    Args:
        samples: Mono at 16 kHz, on the scale of 16-bit samples.
        dice: Decides about the changes; of noise, level and tempo each is left alone half of the time.

    Returns:
        16-bit mono at 16 kHz, the silence around the words as long as it fell out.
    """

    def at_times(low: float, high: float) -> float | None:
        drawn = dice.uniform(low, high)
        return drawn if dice.random() < 0.5 else None

    audible = np.flatnonzero(np.abs(samples) > AUDIBLE)
    margin = NEAR_RATE * ROUND_MS // 1000
    words = samples[max(0, audible[0] - margin) : audible[-1] + margin]
    words = words[round((at_times(0, LONGEST_CUT_MS) or 0) * NEAR_RATE / 1000) :]
    at = np.arange(dice.random(), words.size - 1, at_times(*TEMPO) or 1.0)
    words = np.interp(at, np.arange(words.size), words) * 10 ** ((at_times(*LEVEL_DB) or 0) / 20)
    sound = np.concatenate([np.zeros(round(dice.uniform(*LEAD_MS) * NEAR_RATE / 1000)), words])
    if noise_dbfs := at_times(*NOISE_DBFS):
        room = np.random.default_rng(dice.getrandbits(32)).normal(0, 1, sound.size)
        sound += room * 32768 * 10 ** (noise_dbfs / 20)
    return bytes(np.rint(sound).clip(-32768, 32767).astype("<i2").tobytes())


def meaning(words: str) -> object:
    """Say what the skills make of some words, in a form that can be compared; None for nothing.

    The clock stands still and the dice always fall the same way.
    """
    match Skills(lambda: datetime(2026, 11, 23, 14, 5), Random(7)).answer(words):
        case CallTool(tool=tool, seconds=seconds, label=label):
            return tool, seconds, label
        case None:
            return None
        case said:
            return plain(said.text)


async def measure(recording: Recording, recogniser: AtOnce, times: int) -> tuple[int, Counter[str]]:
    """Read a recording so many times; returns how often it was understood, and what it was misheard as."""
    pcm, rate = read(recording.file)
    if rate != NEAR_RATE:
        raise SystemExit(f"{recording.file} is not at {NEAR_RATE} Hz")
    samples = np.frombuffer(pcm, "<i2").astype(np.float64)
    dice, wanted, misheard = Random(5), meaning(recording.words), Counter[str]()
    for _ in range(times):
        heard = await by_turns(recogniser, perturbed(samples, dice), NEAR_RATE)
        if wanted is None or meaning(heard) != wanted:
            misheard[heard] += 1
    return times - misheard.total(), misheard


async def _run(args: argparse.Namespace) -> None:
    recogniser = AtOnce(Moonshine())
    chosen = [Recording(file, file.stem.replace("_", " ")) for file in args.files] or synthetic()
    for recording in chosen:
        understood, misheard = await measure(recording, recogniser, args.times)
        shown = "; ".join(f"{count} x {heard}" for heard, count in misheard.most_common(MOST_SHOWN))
        sys.stdout.write(
            f"{understood:>4} of {args.times}  {recording.words}{'  ' if shown else ''}{shown}\n"
        )
        sys.stdout.flush()
    recogniser.close()


def main() -> int:
    """Read each question many times, and print how often it was understood."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.perturbed", description=main.__doc__)
    parser.add_argument("--times", type=int, default=80, metavar="N", help="how often each is read")
    parser.add_argument(
        "files", type=Path, nargs="*", metavar="FILE", help="16-bit mono at 16 kHz, named after its words"
    )
    asyncio.run(_run(parser.parse_args()))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
