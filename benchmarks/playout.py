"""How well replies are played that arrive as replies do: ``python -m benchmarks.playout FOLDER``.

Every ``*.json`` of the folder is a trace: ``{"name", "responses": [{"chunks": [[arrival_ms, duration_ms],
...], "pauses": [[from_ms, to_ms], ...]}]}``. Arrivals count from the first chunk of their reply, pauses are
quiet spans in media time. The program's own jitter buffer plays them in blocks of 10 ms: what arrives at or
before a block is pushed before it is pulled, and the last chunk ends its reply. The sound is speech-like,
with near-silence in the pauses; the buffer has to find them itself. It keeps what it learns over the replies
of one file and starts afresh with the next.

The cost J of a reply: start delay + 2 x gap ms + 100 x underruns + 0.25 x ms inserted into speech + 0.1 x ms
inserted into pauses. The ratio of a family (traces of one name): (mean J + 20) / (mean oracle + 20), where
the oracle is the smallest start delay that would have played the reply without a gap; of all: the geometric
mean over the families.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.speech_like import speech_like
from voice_assistant.core.jitter import Drained, JitterBuffer, PlayoutSettings, RanDry, Started
from voice_assistant.core.reply_sound import Books

BLOCK_MS = 10
SAMPLES_PER_MS = 24
BLOCK = BLOCK_MS * SAMPLES_PER_MS
IDLE_MS = 500
"""Between the end of a reply and the first chunk of the next."""


@dataclass(frozen=True, slots=True)
class Delivered:
    """One reply of a trace, in milliseconds."""

    chunks: tuple[tuple[float, int], ...]
    pauses: tuple[tuple[float, float], ...]

    @property
    def media_ms(self) -> int:
        """How long it is."""
        return sum(duration for _, duration in self.chunks)

    @property
    def oracle_ms(self) -> float:
        """The smallest start delay without a gap."""
        media_ms, delay_ms = 0, 0.0
        for arrival_ms, duration_ms in self.chunks:
            delay_ms = max(delay_ms, arrival_ms - media_ms)
            media_ms += duration_ms
        return delay_ms


@dataclass(frozen=True, slots=True)
class Played:
    """What a listener had of one reply, in milliseconds."""

    media_ms: float
    oracle_ms: float
    start_ms: float
    underruns: int
    gap_ms: float
    stretched_ms: float
    lengthened_ms: float

    @property
    def cost(self) -> float:
        """J."""
        gaps = 2 * self.gap_ms + 100 * self.underruns
        return self.start_ms + gaps + 0.25 * self.stretched_ms + 0.1 * self.lengthened_ms


def read_trace(path: Path) -> tuple[str, list[Delivered]]:
    """A family's name and its replies."""
    trace = json.loads(path.read_text("utf-8"))
    return str(trace["name"]), [
        Delivered(
            tuple((float(arrival), int(duration)) for arrival, duration in response["chunks"]),
            tuple((float(start), float(end)) for start, end in response["pauses"]),
        )
        for response in trace["responses"]
    ]


def play(buffer: JitterBuffer, item: str, reply: Delivered, sound: bytes) -> Played:
    """Push a reply as it arrives, pull it to its end, and half a second of silence after it."""
    arrivals = list(reply.chunks)
    pushed = now_ms = played = waited = underruns = 0
    start_ms: float | None = None
    drained = False
    books = Books()
    while not drained:
        while arrivals and arrivals[0][0] <= now_ms:
            length = 2 * SAMPLES_PER_MS * arrivals.pop(0)[1]
            buffer.push(item, sound[pushed : pushed + length])
            pushed += length
            if not arrivals:
                buffer.end(item)
        buffer.pull(BLOCK)
        for note in buffer.take_notes():
            match note:
                case Started():
                    pass  # in which block; the books say at which sample of it
                case RanDry():
                    underruns += 1
                case Drained():
                    drained = True
        books = buffer.books(item) or books
        if start_ms is None and books.played:
            start_ms = now_ms + (BLOCK - books.played) / SAMPLES_PER_MS
        elif start_ms is not None and not drained:
            waited += BLOCK - (books.played - played)
        played = books.played
        now_ms += BLOCK_MS
    if start_ms is None or books.played != books.received or books.received * 2 != len(sound):
        raise AssertionError(f"{item}: {books} of {len(sound) // 2} samples")
    for _ in range(IDLE_MS // BLOCK_MS):
        buffer.pull(BLOCK)
    return Played(
        media_ms=reply.media_ms,
        oracle_ms=reply.oracle_ms,
        start_ms=start_ms,
        underruns=underruns,
        gap_ms=max(waited - books.stretched - books.paused, 0) / SAMPLES_PER_MS if underruns else 0.0,
        stretched_ms=books.stretched / SAMPLES_PER_MS,
        lengthened_ms=books.paused / SAMPLES_PER_MS,
    )


def ratio(replies: Sequence[Played]) -> float:
    """Of one family."""
    return float(
        (np.mean([reply.cost for reply in replies]) + 20)
        / (np.mean([reply.oracle_ms for reply in replies]) + 20)
    )


def row(name: str, replies: Sequence[Played], its_ratio: float) -> dict[str, str | float]:
    """One line of the table."""
    minutes = sum(reply.media_ms for reply in replies) / 60_000
    starts = [reply.start_ms for reply in replies]
    return {
        "family": name,
        "replies": len(replies),
        "start_mean_ms": float(np.mean(starts)),
        "start_p95_ms": float(np.percentile(starts, 95)),
        "underruns_per_min": sum(reply.underruns for reply in replies) / minutes,
        "underrun_ms_per_min": sum(reply.gap_ms for reply in replies) / minutes,
        "stretched_ms_per_min": sum(reply.stretched_ms for reply in replies) / minutes,
        "lengthened_ms_per_min": sum(reply.lengthened_ms for reply in replies) / minutes,
        "J": float(np.mean([reply.cost for reply in replies])),
        "ratio": its_ratio,
    }


def measure(paths: Iterable[Path], settings: PlayoutSettings) -> list[dict[str, str | float]]:
    """The table: a line a family, and one for all."""
    families: dict[str, list[Played]] = defaultdict(list)
    for path in paths:
        name, replies = read_trace(path)
        buffer = JitterBuffer(settings)
        for number, reply in enumerate(replies):
            sound = speech_like(reply.media_ms, reply.pauses, seed=number)
            families[name].append(play(buffer, f"{path.stem}/{number}", reply, sound))
    ratios = {name: ratio(replies) for name, replies in families.items()}
    rows = [row(name, families[name], ratios[name]) for name in sorted(families)]
    mean_ratio = math.exp(sum(map(math.log, ratios.values())) / len(ratios))
    return [*rows, row("all", [reply for played in families.values() for reply in played], mean_ratio)]


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print; 1 where the folder holds no trace."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.playout", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("folder", type=Path, help="traces, *.json")
    parser.add_argument("--json", action="store_true", help="one JSON object a line")
    parser.add_argument("--fixed", type=int, metavar="MS", help="a fixed prefill instead of what is learned")
    args = parser.parse_args(arguments)
    paths = sorted(args.folder.glob("*.json"))
    if not paths:
        print(f"no *.json in {args.folder}", file=sys.stderr)  # noqa: T201
        return 1
    settings = PlayoutSettings()
    if args.fixed is not None:
        settings = PlayoutSettings(adaptive=False, prefill_ms=args.fixed)
    rows = measure(paths, settings)
    if args.json:
        for values in rows:
            print(json.dumps(values))  # noqa: T201
        return 0
    heads = ("family", "replies", "start", "p95", "underr/min", "ms/min", "stretch", "pauses", "J", "ratio")
    print(f"{heads[0]:10}" + "".join(f"{head:>11}" for head in heads[1:]))  # noqa: T201
    for name, count, *figures, cost, its_ratio in (tuple(values.values()) for values in rows):
        start, p95, underruns, gaps, stretched, lengthened = figures
        print(  # noqa: T201
            f"{name:10}{count:11}{start:11.0f}{p95:11.0f}{underruns:11.2f}{gaps:11.0f}"
            f"{stretched:11.0f}{lengthened:11.0f}{cost:11.1f}{its_ratio:11.3f}"
        )
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
