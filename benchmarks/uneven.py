"""Replies that come unevenly, from wire to loudspeaker: ``python -m benchmarks.uneven [--replies N]``.

The installed program on the virtual sound card, at its defaults, with nothing learned before; one session for
each kind of delivery, in which one reply follows on another. Deltas hold 100 ms of sound. *jitter*: each is
late by max(0, N(0, 40 ms)), and every two seconds there is a stall of 300 ms, after which two deltas come at
a time until it is made good. *slow start*: the first second takes two, what is missing then comes at once.
*stall*: one stall of a second, made good at once.

A gap is a stretch of digital silence inside a reply: there is none in what was sent. What was inserted by
drawing out is taken from the length of the reply on the card; lost is what the program's own books say was
received and not played. The start delay runs from the first delta to the first sample on the card.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import mean

import numpy as np

from benchmarks.rig import Samples, TimedRecording
from tests.support.alignment import align
from tests.support.realtime_server import RealtimeCall, RealtimeServer
from tests.support.sound_server import CARD_RATE, SoundServer, why_not
from tests.support.spoken import converted, reply
from tests.support.terminal_program import PipedProgram, home_environment
from voice_assistant.core.audio import REPLY_RATE

SECONDS = 12.7
DELTA_S = 0.1
AFTER_S = 1.2
"""Between the end of a reply and the next one."""

SHORTEST_GAP_MS = 3.0
LATE_S = 0.04
STALL_S = 0.3
STALL_EVERY = 20

Arrivals = Callable[[int, random.Random], list[float]]
"""When each of so many deltas comes, in seconds from the first one being due."""


def jitter(deltas: int, dice: random.Random) -> list[float]:
    """Late by half a bell curve; every 20th delta begins a stall, made good by 100 ms a delta."""
    held_s, times = 0.0, []
    for number in range(deltas):
        held_s += STALL_S if number and number % STALL_EVERY == 0 else 0.0
        times.append(number * DELTA_S + held_s + max(0.0, dice.gauss(0, LATE_S)))
        held_s = max(0.0, held_s - DELTA_S)
    return list(np.maximum.accumulate(times))


def slow_start(deltas: int, _: random.Random) -> list[float]:
    """The first second of sound takes two."""
    return [max(2 * number * DELTA_S if number < 10 else 2.0, number * DELTA_S) for number in range(deltas)]


def stall(deltas: int, _: random.Random) -> list[float]:
    """In the middle nothing comes for a second."""
    middle_s = DELTA_S * (deltas // 2)
    times = (number * DELTA_S for number in range(deltas))
    return [at if at < middle_s else max(at, middle_s + 1.0) for at in times]


KINDS: dict[str, Arrivals] = {"jitter": jitter, "slow start": slow_start, "stall": stall}


def gaps_ms(sound: Samples) -> float:
    """Add up the stretches of digital silence, in a recording from a reply's first sample to its last."""
    silent = np.concatenate(([False], np.abs(sound.astype(np.int32)) <= 1, [False]))
    edges = np.flatnonzero(np.diff(silent.astype(np.int8)))
    lengths = (edges[1::2] - edges[::2]) * 1000 / CARD_RATE
    return float(lengths[lengths >= SHORTEST_GAP_MS].sum())


def measure(kind: str, sound: SoundServer, server: RealtimeServer, replies: int) -> list[str]:
    """Play the replies of one kind; a line for each, and for all but the first together."""
    dice = random.Random(3)
    sounds = [reply(SECONDS, seed=100 + number) for number in range(replies)]
    sent_at: list[float] = []

    async def script(call: RealtimeCall) -> None:
        await call.set_up()
        await asyncio.sleep(1.0)
        size = round(DELTA_S * REPLY_RATE) * 2
        for pcm in sounds:
            deltas = [pcm[at : at + size] for at in range(0, len(pcm), size)]
            begun = time.monotonic() + 0.05
            await call.words(f"This is reply {call.number}. ")
            for number, (delta, at) in enumerate(zip(deltas, KINDS[kind](len(deltas), dice), strict=True)):
                await asyncio.sleep(max(0.0, begun + at - time.monotonic()))
                if not number:
                    sent_at.append(time.monotonic())
                await call.says(delta)
            await call.complete()
            await call.done()
            await asyncio.sleep(max(0.0, begun + SECONDS + 1.0 - time.monotonic()) + AFTER_S)
        await call.hung_up(within_s=60)

    server.play(script)
    with tempfile.TemporaryDirectory() as folder, TimedRecording(sound) as recording:
        home = Path(folder)
        env = home_environment(sound.env, home, LITELLM_API_KEY="sk-bench")
        kept = home / "kept"
        flags = ["talk", "--url", server.url, "--model", "m", "--plain", "--record", str(kept)]
        with PipedProgram(flags, env, home) as program:
            shown = replies * (SECONDS + 4.0)
            program.until(lambda: program.printed.count("assistant: ") >= replies, within_s=2 * shown + 30)
            time.sleep(0.5)
        events = [json.loads(line) for line in (kept / "events.jsonl").read_text().splitlines()]
    timed = recording.timed
    starts: list[float] = []
    gaps: list[float] = []
    lines: list[str] = []
    drained = [event["heard_ms"] for event in events if event["kind"] == "PlayoutDrained"]
    for number, pcm in enumerate(sounds):
        begin = timed.sample_at(sent_at[number]) - CARD_RATE // 50
        end = timed.sample_at(sent_at[number + 1]) if number + 1 < replies else timed.speaker.size
        part = timed.speaker[begin:end]
        found = align(
            converted(pcm, REPLY_RATE, CARD_RATE)[: CARD_RATE // 2], part[: 2 * CARD_RATE], CARD_RATE
        )
        heard = np.flatnonzero(np.abs(part.astype(np.int32)) > 1)
        first = found.offsets[0][1] - found.offsets[0][0]
        starts.append(1000 * (timed.time_of(begin + first) - sent_at[number]))
        gaps.append(gaps_ms(part[first : heard[-1] + 1]))
        added = (heard[-1] + 1 - first) * 1000 / CARD_RATE - 1000 * SECONDS - gaps[-1]
        lost = 1000 * SECONDS - (drained[number] if number < len(drained) else 0.0)
        lines.append(
            f"{kind:<12} reply {number + 1}: start {starts[-1]:4.0f} ms, gaps {gaps[-1]:4.0f} ms, "
            f"inserted {added:5.0f} ms, lost {lost:.0f} ms"
        )
    if replies > 1:
        lines.append(
            f"{kind:<12} later   : start {mean(starts[1:]):4.0f} ms, "
            f"gaps {mean(gaps[1:]):4.0f} ms on average, at most {max(gaps[1:]):.0f}"
        )
    return lines


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print; the exit code says only whether it could be measured."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.uneven", description=main.__doc__)
    parser.add_argument("--replies", type=int, default=4)
    parser.add_argument("--kind", choices=KINDS, action="append", help="only this; may be given again")
    args = parser.parse_args(arguments)
    if missing := why_not():
        sys.stderr.write(f"error: no sound server here: {missing}\n")
        return 1
    with SoundServer() as sound:
        for kind in args.kind or KINDS:
            with RealtimeServer() as server:
                for line in measure(kind, sound, server, args.replies):
                    sys.stdout.write(line + "\n")
                    sys.stdout.flush()
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
