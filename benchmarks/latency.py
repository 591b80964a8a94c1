"""From mouth to ear: ``python -m benchmarks.latency [--quick]``.

The installed program on a virtual sound card (``benchmarks/rig.py`` says how sound and messages get one
clock), against a scripted server that speaks as a LiteLLM proxy does. Settings are the defaults. What is
measured, and from where to where, stands beside each figure in the table; the wanted figure too. Nothing else
should run meanwhile: with two cores, a compiler next door adds 10 ms to most lines and gaps to the sound.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

import numpy as np

from benchmarks.rig import NOTHING_DBFS, Samples, Spent, TimedRecording
from tests.support.alignment import align
from tests.support.realtime_server import RealtimeCall, RealtimeServer
from tests.support.sound_server import CARD_RATE, SoundServer, why_not
from tests.support.spoken import converted, pause, pcm, reply, sentence, words
from tests.support.terminal_program import (
    COMMAND,
    Kind,
    PipedProgram,
    Program,
    TerminalProgram,
    home_environment,
)
from voice_assistant.core.audio import NEAR_RATE, REPLY_RATE

SPEECH_FROM_MS = 20.0
"""Where the speech begins in ``sentence()``."""

SETTLED_S = 0.8
ANSWER_AFTER_S = 0.3
Script = Callable[[RealtimeCall], Awaitable[None]]


@dataclass(slots=True)
class Table:
    """The figures, as lines to print."""

    lines: list[tuple[str, str, str]] = field(default_factory=list)

    def add(self, what: str, figure: str, wanted: str = "") -> None:
        """Add a line, and print it at once: a run takes minutes."""
        self.lines.append((what, figure, wanted))
        sys.stdout.write(f"{what:<64} {figure:>24}   {wanted}\n")
        sys.stdout.flush()


class Rig:
    """The card, the server and a person's home; starts programs and speaks to them."""

    def __init__(self, sound: SoundServer, server: RealtimeServer, home: Path) -> None:
        self.sound = sound
        self.server = server
        self.home = home
        self.env = home_environment(
            sound.env, home, LITELLM_API_KEY="sk-bench", VOICE_ASSISTANT_WORDS_RECOGNISE="false"
        )

    def program(self, *flags: str, kind: Kind | None = None) -> PipedProgram | TerminalProgram:
        """Make the program: in a terminal of a kind, or in pipes."""
        arguments = ["talk", "--url", self.server.url, "--model", "gemini-live", *flags]
        if kind is None:
            return PipedProgram([*arguments, "--plain"], self.env, self.home)
        return TerminalProgram(arguments, self.env, self.home, kind=kind)

    def say(self, *parts: Samples) -> None:
        """Say something and be silent for a moment."""
        self.sound.play_into_mic(pcm(*parts, pause(0.2)), NEAR_RATE).wait(60)

    @contextmanager
    def session(
        self, script: Script, *flags: str, kind: Kind | None = None
    ) -> Iterator[tuple[Program, TimedRecording, RealtimeCall]]:
        """Run the program against a script, recorded, from a session that is set up."""
        self.server.play(script)
        with TimedRecording(self.sound) as recording, self.program(*flags, kind=kind) as program:
            program.until(lambda: any(call.session is not None for call in self.server.calls))
            time.sleep(SETTLED_S)
            yield program, recording, self.server.calls[0]
            time.sleep(0.3)


# --- Wire to loudspeaker ---


def measure_replies(rig: Rig, table: Table, seconds: float) -> None:
    """Play replies that come at the pace of speech, at once, and late; look for each of their samples."""
    jitter = random.Random(3)
    for delivery in ("steady", "burst", "jitter"):
        sound = reply(seconds, seed=7)
        sent_at: list[float] = []

        async def script(
            call: RealtimeCall,
            sound: bytes = sound,
            sent_at: list[float] = sent_at,
            delivery: str = delivery,
        ) -> None:
            await call.set_up()
            await call.commit()
            begun = time.monotonic() + 0.05
            size = REPLY_RATE // 10 * 2
            held_s = 0.0
            for number, at in enumerate(range(0, len(sound), size)):
                if delivery == "jitter":
                    held_s += 0.3 if number and number % 20 == 0 else 0.0
                late_s = max(0.0, jitter.gauss(0, 0.04)) if delivery == "jitter" else 0.0
                if delivery != "burst":
                    due = begun + number * 0.1 + late_s + held_s
                    await asyncio.sleep(max(0.0, due - time.monotonic()))
                    held_s = max(0.0, held_s - 0.1) if delivery == "jitter" else 0.0
                sent_at.append(time.monotonic())
                await call.says(sound[at : at + size])
            await call.complete()
            await call.done()
            await call.hung_up(within_s=120)

        with rig.session(script) as (program, recording, _):
            rig.say(words(), pause(0.9))
            program.until("[spoken reply", within_s=4 * seconds)
        timed = recording.timed
        wanted = converted(sound, REPLY_RATE, CARD_RATE)
        found = align(wanted, timed.speaker, CARD_RATE)
        where = dict(found.offsets)
        first_ms = 1000 * (timed.time_of(found.start) - sent_at[0])
        delays = [
            1000 * (timed.time_of(where[number * CARD_RATE // 10]) - at)
            for number, at in enumerate(sent_at)
            if number * CARD_RATE // 10 in where
        ]
        wished = "<= 40" if delivery == "steady" else ""
        table.add(f"wire -> loudspeaker, {delivery}: first sample, ms", f"{first_ms:.0f}", wished)
        if delivery == "steady":
            table.add("wire -> loudspeaker, steady: median over deltas, ms", f"{median(delays):.0f}", "<= 40")
        changed = [jump.samples * 1000 / CARD_RATE for jump in found.jumps]
        lost = len(found.missing) * 40
        added = f"{lost} / {sum(map(abs, changed)):.0f}"
        wished = "" if delivery == "jitter" else "0 / 0"
        table.add(f"reply, {delivery}: not found as sent / out of step, ms", added, wished)


# --- Microphone to wire ---


def measure_capture(rig: Rig, table: Table) -> None:
    """Compare when each newest sample of an append passed the card with when the append came."""
    delays: list[float] = []

    async def script(call: RealtimeCall) -> None:
        await call.set_up()
        for _ in range(3):
            await call.commit()
            await call.reply(reply(0.5))
        await call.hung_up(within_s=120)

    with rig.session(script) as (_, recording, call):
        for _ in range(3):
            rig.say(sentence(), pause(2.0))
    timed = recording.timed
    said = converted(sentence(), NEAR_RATE, CARD_RATE)
    for begin, end in turns_of(call):
        arrived = b"".join(append.pcm for append in call.appends[begin:end])
        in_turn = align(said, converted(arrived, REPLY_RATE, CARD_RATE), CARD_RATE)
        around = timed.sample_at(call.appends[begin].at) - CARD_RATE
        on_card = align(said, timed.microphone[around : around + 5 * CARD_RATE], CARD_RATE)
        step = around + on_card.start - in_turn.start
        samples = 0
        for number, append in enumerate(call.appends[begin:end]):
            samples += len(append.pcm) // 2
            # The first ones carry what was kept from before the turn opened.
            if number > 10:
                newest = step + samples * CARD_RATE // REPLY_RATE
                delays.append(1000 * (append.at - timed.time_of(newest)))
    table.add("mic -> wire, newest sample: median, ms", f"{median(delays):.0f}", "<= 25")
    table.add("mic -> wire, newest sample: 95 of 100 below, ms", f"{np.percentile(delays, 95):.0f}", "<= 35")


def turns_of(call: RealtimeCall) -> Iterator[tuple[int, int]]:
    """Cut the appends of a call at its commits."""
    begin = 0
    for _, samples in call.commits:
        end, seen = begin, sum(len(append.pcm) // 2 for append in call.appends[:begin])
        while end < len(call.appends) and seen < samples:
            seen += len(call.appends[end].pcm) // 2
            end += 1
        yield begin, end
        begin = end


# --- Start ---


def measure_start(rig: Rig, table: Table, runs: int) -> None:
    """Start the program while somebody is speaking; wait for the first sound to be sent."""

    async def script(call: RealtimeCall) -> None:
        await call.set_up()
        await call.hung_up(within_s=60)

    starts = []
    for _ in range(runs):
        rig.server.play(script)
        speaking = rig.sound.play_into_mic(pcm(sentence(), sentence()), NEAR_RATE)
        with rig.program() as program:
            program.until(lambda: any(call.appends for call in rig.server.calls))
            starts.append(rig.server.calls[0].appends[0].at - program.started_at)
        speaking.wait(20)
    table.add(f"start -> first sound sent, s (median of {runs})", f"{median(starts):.2f}", "<= 1.0")
    helps = []
    for _ in range(2 * runs):
        begun = time.monotonic()
        subprocess.run([COMMAND, "--help"], env=rig.env, stdout=subprocess.DEVNULL, check=True)
        helps.append(1000 * (time.monotonic() - begun))
    table.add(f"--help, ms (median of {2 * runs})", f"{median(helps):.0f}", "<= 150")


# --- Barge-in ---


def measure_interruptions(rig: Rig, table: Table, turns: int, kind: Kind | None) -> None:
    """Interrupt one reply after another, on the screen or in plain lines."""
    replies = [reply(10.0, seed=20 + number) for number in range(turns + 1)]

    async def script(call: RealtimeCall) -> None:
        await call.set_up()
        for sound in replies:
            await call.commit()
            await call.reply(sound)
        await call.hung_up(within_s=300)

    kept = rig.home / f"kept-{kind}"
    onsets: list[float] = []
    with rig.session(script, "--record", str(kept), kind=kind) as (_, recording, call):
        rig.say(words(), pause(1.0))
        for number in range(turns):
            rig.server.wait(lambda number=number: len(call.commits) > number)  # type: ignore[misc]
            time.sleep(1.5)
            onsets.append(time.monotonic())
            rig.say(sentence(), pause(1.0))
        time.sleep(2.0)
    timed = recording.timed
    silences, differences = [], []
    told = [json.loads(line) for line in (kept / "events.jsonl").read_text().splitlines()]
    cuts = [event["heard_ms"] for event in told if event["kind"] == "PlayoutDropped"]
    said = converted(sentence(), NEAR_RATE, CARD_RATE)
    for number, moment in enumerate(onsets):
        around = timed.sample_at(moment)
        found = align(said, timed.microphone[around : around + 6 * CARD_RATE], CARD_RATE)
        onset = around + found.start + round(SPEECH_FROM_MS * CARD_RATE / 1000)
        silent = timed.silent_from(onset)
        if silent is None:
            continue
        silences.append((silent - onset) * 1000 / CARD_RATE)
        over = timed.silent_from(onset, NOTHING_DBFS) or silent
        sound = converted(replies[number], REPLY_RATE, CARD_RATE)[:CARD_RATE]
        started = max(0, around - 4 * CARD_RATE)
        begun = align(sound, timed.speaker[started:over], CARD_RATE)
        if begun.found > 0.9 and number < len(cuts):
            heard_ms = (over - started - begun.start) * 1000 / CARD_RATE
            differences.append(cuts[number] - heard_ms)
    name = "plain" if kind is None else "screen"
    figure = f"{median(silences):.0f} ({min(silences):.0f}-{max(silences):.0f})" if silences else "never"
    table.add(f"barge-in, onset -> silence, {name}: median of {len(silences)} (range), ms", figure, "<= 220")
    if differences:
        figure = f"{median(differences):+.1f} ({min(differences):+.1f} to {max(differences):+.1f})"
        table.add(f"told minus heard, {name}: median of {len(differences)} (range), ms", figure, "within 5")


# --- What it costs ---


def measure_cost(rig: Rig, table: Table, seconds: float, kind: Kind | None) -> None:
    """Count what a minute of ordinary conversation costs: a question, an answer with its words, and so on.

    Every third answer is broken into. Nothing is recorded. The start is counted apart, because it is paid
    once however long the conversation; and then nobody speaks for a while, for comparison.
    """

    async def script(call: RealtimeCall) -> None:
        await call.set_up()
        for number in itertools.count():
            await call.commit(within_s=300)
            await asyncio.sleep(ANSWER_AFTER_S)
            await call.hears("and how long would that take?")
            speaking = asyncio.create_task(
                call.says(reply(6.0, seed=20 + number % 10), chunk_ms=40, speed=1.3)
            )
            for word in (
                "It",
                "takes",
                "an",
                "hour",
                "and",
                "a",
                "half",
                "by",
                "train,",
                "two",
                "by",
                "car.",
            ):
                await call.words(f"{word} ")
                await asyncio.sleep(0.3)
            await speaking
            await call.complete()
            await call.done()

    rig.server.play(script)
    name = "plain" if kind is None else "screen"
    with rig.program(kind=kind) as program:
        program.until(lambda: any(call.session is not None for call in rig.server.calls))
        time.sleep(SETTLED_S)
        started = Spent.by(program.pid)
        call = rig.server.calls[0]
        for turn in itertools.count():
            if time.monotonic() - started.at >= seconds:
                break
            rig.say(sentence())
            rig.server.wait(lambda turn=turn: len(call.commits) > turn)  # type: ignore[misc]
            time.sleep(3.0 if turn % 3 == 2 else 7.5)
        talked = Spent.by(program.pid)
        time.sleep(seconds / 3)
        ended = Spent.by(program.pid)
    talked_s, cpu_s = talked.at - started.at, talked.cpu_s - started.cpu_s
    wished = "<= 5" if kind is None else "<= 7"
    what = f"CPU, {name}, s per minute of conversation (over {talked_s:.0f} s)"
    table.add(what, f"{60 * cpu_s / talked_s:.1f}", wished)
    quiet = 60 * (ended.cpu_s - talked.cpu_s) / (ended.at - talked.at)
    table.add(f"CPU, {name}, s per minute while nobody speaks", f"{quiet:.1f}")
    table.add(f"CPU, {name}, s until a session is ready", f"{started.cpu_s:.2f}")
    table.add(f"memory, {name}, MB at most", f"{ended.rss_mb:.0f}", "<= 90")


# --- The key ---


def measure_key(rig: Rig, table: Table, presses: int, kind: Kind) -> None:
    """Hold the talk key over one reply after another."""

    async def script(call: RealtimeCall) -> None:
        await call.set_up()
        for number in range(presses + 1):
            await call.commit()
            await call.reply(reply(8.0, seed=50 + number))
        await call.hung_up(within_s=120)

    pressed: list[float] = []
    released: list[float] = []
    with rig.session(script, "--mode", "push-to-talk", kind=kind) as (program, recording, call):
        assert isinstance(program, TerminalProgram)
        program.until("LIVE on key")
        time.sleep(1.2)
        for number in range(presses + 1):
            pressed.append(time.monotonic())
            with program.holding():
                rig.say(words())
            released.append(time.monotonic())
            rig.server.wait(lambda number=number: len(call.commits) > number)  # type: ignore[misc]
            time.sleep(1.5)
    timed = recording.timed
    silences = []
    for moment in pressed[1:]:
        at = timed.sample_at(moment)
        if (silent := timed.silent_from(at)) is not None:
            silences.append((silent - at) * 1000 / CARD_RATE)
    tail_ms = 200.0
    late = [1000 * (commit - up) - tail_ms for (commit, _), up in zip(call.commits, released, strict=True)]
    name = "releases reported" if kind == "kitty" else "key repeat"
    if kind == "kitty":
        table.add(f"key press -> silence, ms (median of {len(silences)})", f"{median(silences):.0f}", "<= 60")
    wished = "<= 30" if kind == "kitty" else "<= 230"
    table.add(f"release -> commit beyond the tail, {name}, ms", f"{median(late):.0f}", wished)


def main() -> int:
    """Measure everything; the exit code says only whether it could be measured."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.latency", description=main.__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer turns: a look, not a measurement")
    args = parser.parse_args()
    if missing := why_not():
        sys.stderr.write(f"error: no sound server here: {missing}\n")
        return 1
    load = os.getloadavg()[0]
    table = Table()
    with (
        tempfile.TemporaryDirectory() as home,
        SoundServer() as sound,
        RealtimeServer() as server,
    ):
        rig = Rig(sound, server, Path(home))
        measure_replies(rig, table, 6.0 if args.quick else 12.7)
        measure_capture(rig, table)
        measure_start(rig, table, 3 if args.quick else 5)
        kinds: tuple[Kind | None, ...] = (None, "kitty")
        for kind in kinds:
            measure_interruptions(rig, table, 3 if args.quick else 9, kind)
        for kind in kinds:
            measure_cost(rig, table, 30.0 if args.quick else 120.0, kind)
        measure_key(rig, table, 2 if args.quick else 6, "kitty")
        measure_key(rig, table, 2 if args.quick else 6, "plain")
    sys.stdout.write(f"load average before and after: {load:.1f}, {os.getloadavg()[0]:.1f}\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
