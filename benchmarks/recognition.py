"""How well people are understood: ``python -m benchmarks.recognition [--every N] [--show] [--whole]``.

Recordings go the way that a client's sound goes in the offline provider: cut into turns by its turn detection
and written down while they go on. The words of a recording's turns, joined, are compared with what was said
(``scoring.py`` says what counts). With ``--whole`` each recording is read at once instead, without turns.

Recordings of people, as far as they are on this machine:

* a page of Dickens, 44 s, read by an actor; comes with the recogniser;
* a sentence out of LibriSpeech, in this project;
* the prompts of a telephone exchange, in their written form three words or more: 8 kHz, one speaker
  (Debian's ``asterisk-core-sounds-en-wav`` and ``asterisk-core-sounds-en``; A. Smith, CC BY-SA 3.0);
* sentences out of Jane Austen, and playing cards (Debian's ``pocketsphinx-testdata``).

The questions of the demonstration are synthetic; they stand in a line of their own and are not in the sum.
"""

from __future__ import annotations

import argparse
import asyncio
import gzip
import json
import re
import sys
import time
import wave
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.scoring import Score, scored
from voice_assistant.core.audio import NEAR_RATE, SAMPLE_BYTES, Resampler, silence
from voice_assistant.offline.intake import Intake, Turn
from voice_assistant.offline.recogniser import Moonshine
from voice_assistant.offline.watch import WatchSettings

ROOT = Path(__file__).resolve().parent.parent
PROMPTS = Path("/usr/share/asterisk/sounds/en_US_f_Allison")
PROMPTS_WORDS = Path("/usr/share/doc/asterisk-core-sounds-en/core-sounds-en.txt.gz")
SPHINX = Path("/usr/share/pocketsphinx/test/data")
FEWEST_WORDS = 3
PIECE_MS = 100
SILENCE_MS = 800
"""Behind a recording, so that its last turn ends."""

DICKENS = """
It was the best of times, it was the worst of times, it was the age of wisdom, it was the age of foolishness,
it was the epoch of belief, it was the epoch of incredulity, it was the season of Light, it was the season of
Darkness, it was the spring of hope, it was the winter of despair, we had everything before us, we had nothing
before us, we were all going direct to Heaven, we were all going direct the other way - in short, the period
was so far like the present period, that some of its noisiest authorities insisted on its being received, for
good or for evil, in the superlative degree of comparison only.
"""
"""A Tale of Two Cities, 1859."""

LIBRISPEECH = "Of course this meant detention till the coroner should arrive."


@dataclass(frozen=True, slots=True)
class Recording:
    """A file and what is said in it."""

    file: Path
    words: str


@dataclass(slots=True)
class AtOnce:
    """The recogniser, which is done before the next piece of sound comes: as it is on a machine of its own.

    So the words do not depend on how fast sound is handed over.
    """

    inner: Moonshine
    name: str = "at once"
    spent_s: float = 0.0

    async def words(self, pcm: bytes) -> str:
        started = time.perf_counter()
        found = self.inner._words(pcm)
        self.spent_s += time.perf_counter() - started
        return found

    def close(self) -> None:
        self.inner.close()


@dataclass(slots=True)
class Tally:
    """What became of some recordings."""

    score: Score = field(default_factory=Score)
    sound_s: float = 0.0
    spent_s: float = 0.0

    def __add__(self, other: Tally) -> Tally:
        return Tally(self.score + other.score, self.sound_s + other.sound_s, self.spent_s + other.spent_s)


def corpora(prompts: Path, words: Path, sphinx: Path) -> Iterator[tuple[str, list[Recording]]]:
    """Find the recordings of people that are here."""
    import moonshine_voice

    novel = Path(moonshine_voice.__file__).parent / "assets" / "two_cities.wav"
    sentence = ROOT / "tests/data/speech/librispeech-1970-10594-0000.wav"
    yield "Dickens", [Recording(novel, DICKENS)]
    yield "LibriSpeech", [Recording(sentence, LIBRISPEECH)]
    yield "telephone prompts, 8 kHz", list(_prompts(prompts, words))
    yield "Austen", list(_sphinx(sphinx / "librivox", "transcription"))
    yield "playing cards", list(_sphinx(sphinx / "cards", "cards.transcription"))


def synthetic() -> list[Recording]:
    """Find the questions of the demonstration."""
    folder = ROOT / "tests/data/questions"
    listed = json.loads((folder / "questions.json").read_text(encoding="utf-8"))
    return [Recording(folder / entry["file"], entry["text"]) for entry in listed]


def _prompts(folder: Path, words: Path) -> Iterator[Recording]:
    """Read the exchange's list: ``name: What is said``; what is no speech stands in brackets."""
    if not words.is_file():
        return
    for line in gzip.decompress(words.read_bytes()).decode(errors="replace").splitlines():
        name, colon, said = line.strip().partition(":")
        if not colon or name.startswith(";") or re.search(r"[\[(<]", said):
            continue
        file = folder / f"{name}.wav"
        if len(said.split()) >= FEWEST_WORDS and file.is_file():
            yield Recording(file, said.strip())


def _sphinx(folder: Path, words: str) -> Iterator[Recording]:
    """Read a list of ``<s> what is said </s> (name)``."""
    if not (folder / words).is_file():
        return
    for said, name in re.findall(r"<s>(.*?)</s>\s*\((.*?)\)", (folder / words).read_text()):
        yield Recording(folder / f"{name}.wav", said.strip())


def read(file: Path) -> tuple[bytes, int]:
    """Read 16-bit mono; returns the samples and their rate."""
    with wave.open(str(file)) as sound:
        if (sound.getsampwidth(), sound.getnchannels()) != (SAMPLE_BYTES, 1):
            raise SystemExit(f"{file} is not 16-bit mono")
        return sound.readframes(sound.getnframes()), sound.getframerate()


async def by_turns(recogniser: AtOnce, pcm: bytes, rate: int) -> str:
    """Write a recording down as the offline provider does."""
    turns: list[Turn] = []
    intake = Intake(
        recogniser,
        on_words=lambda _item, _words: None,
        on_start=lambda _item, _at: None,
        on_stop=lambda turn, _at: turns.append(turn),
    )
    intake.configure(WatchSettings(), rate)
    sound = silence(SILENCE_MS, rate) + pcm + silence(SILENCE_MS, rate)
    size = rate * PIECE_MS // 1000 * SAMPLE_BYTES
    for start in range(0, len(sound), size):
        intake.append(sound[start : start + size])
        for _ in range(3):  # a task begins, ends, and is noticed
            await asyncio.sleep(0)
    return " ".join([await turn.dictation.finish() for turn in turns])


async def at_once(recogniser: AtOnce, pcm: bytes, rate: int) -> str:
    """Write a recording down without looking for turns."""
    resampler = Resampler(rate, NEAR_RATE)
    return await recogniser.words(resampler.feed(pcm) + resampler.flush())


async def measure(recordings: list[Recording], recogniser: AtOnce, *, whole: bool, show: bool) -> Tally:
    """Write all of them down and count the errors."""
    tally = Tally()
    for recording in recordings:
        pcm, rate = read(recording.file)
        spent = recogniser.spent_s
        heard = await (at_once if whole else by_turns)(recogniser, pcm, rate)
        score = scored(recording.words, heard)
        tally += Tally(score, len(pcm) / SAMPLE_BYTES / rate, recogniser.spent_s - spent)
        if show and score.errors:
            sys.stdout.write(
                f"  {score.errors}/{score.words} {recording.file.stem}\n"
                f"    said:  {' '.join(recording.words.split())}\n    heard: {heard}\n"
            )
            sys.stdout.flush()
    return tally


async def _run(args: argparse.Namespace) -> None:
    recogniser = AtOnce(Moonshine(args.model))
    sys.stdout.write(
        f"{'':<28} {'recordings':>10} {'exact':>6} {'words':>6} {'errors':>7} {'rate':>7}"
        f" {'time/sound':>11}\n"
    )
    people = Tally()
    for name, recordings in corpora(args.prompts, args.prompts_words, args.sphinx):
        chosen = recordings[:: args.every] if len(recordings) > args.every else recordings
        if not chosen:
            sys.stdout.write(f"{name:<28} not on this machine\n")
            continue
        tally = await measure(chosen, recogniser, whole=args.whole, show=args.show)
        people += tally
        _print(name, tally)
    _print("people, together", people)
    _print("synthetic questions", await measure(synthetic(), recogniser, whole=args.whole, show=args.show))
    recogniser.close()


def _print(name: str, tally: Tally) -> None:
    score = tally.score
    sys.stdout.write(
        f"{name:<28} {score.texts:>10} {score.exact:>6} {score.words:>6} {score.errors:>7} {score.rate:>7.1%}"
        f" {tally.spent_s / tally.sound_s:>11.2f}\n"
    )
    sys.stdout.flush()


def main() -> int:
    """Measure what is here, and print a table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.recognition", description=main.__doc__)
    parser.add_argument("--every", type=int, default=1, metavar="N", help="only every Nth of many recordings")
    parser.add_argument("--whole", action="store_true", help="read each recording at once, without turns")
    parser.add_argument("--show", action="store_true", help="print what was misheard")
    parser.add_argument("--prompts", type=Path, default=PROMPTS, help="where the telephone prompts lie")
    parser.add_argument("--prompts-words", type=Path, default=PROMPTS_WORDS, help="and what they say")
    parser.add_argument("--sphinx", type=Path, default=SPHINX, help="where pocketsphinx's recordings lie")
    parser.add_argument("--model", type=Path, help="a folder with another model")
    asyncio.run(_run(parser.parse_args()))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
