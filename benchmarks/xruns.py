"""Is the sound ever cut on a busy machine? ``python -m benchmarks.xruns [--minutes N] [--busy N]``.

The installed program draws its screen on a virtual sound card and plays one reply after another, beside
processes that do nothing but count. Lost samples are taken from the recording of the session: how often the
loudspeaker's device was given sound too late, how often the microphone's lost some, and what the program had
the loudspeaker hold because of it. What a busy process does to the scripted proxy or to the sound server is
in the figures too; both go before others where the system allows it.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

from benchmarks.rig import Spent
from tests.support.realtime_server import RealtimeCall, RealtimeServer
from tests.support.sound_server import SoundServer, why_not
from tests.support.spoken import reply
from tests.support.terminal_program import TerminalProgram, home_environment

REPLY_S = 8.0
PAUSE_S = 1.5


@contextmanager
def busy(processes: int) -> Iterator[None]:
    """Keep so many processes counting."""
    running = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(processes)]
    try:
        yield
    finally:
        for process in running:
            process.kill()
            process.wait()


async def talk_on(call: RealtimeCall) -> None:
    """Say one reply after another, at the pace of speech, with words."""
    await call.set_up()
    sound = reply(REPLY_S, seed=1)
    for number in count(1):
        if call.close_code is not None:
            return
        await call.words(f"This is reply number {number}, and it is long enough to fill a line or two. ")
        await call.reply(sound, speed=1.0)
        await asyncio.sleep(PAUSE_S)


def main() -> int:
    """Run, and print what was lost; the exit code says only whether it could be measured."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.xruns", description=main.__doc__)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--busy", type=int, default=2, help="processes that count beside it")
    parser.add_argument("--flags", default="", help="more for the program, in one argument")
    args = parser.parse_args()
    if missing := why_not():
        sys.stderr.write(f"error: no sound server here: {missing}\n")
        return 1
    with tempfile.TemporaryDirectory() as home, SoundServer() as sound, RealtimeServer() as server:
        server.play(talk_on)
        env = home_environment(sound.env, Path(home), LITELLM_API_KEY="sk-bench")
        kept = Path(home) / "kept"
        flags = ["talk", "--url", server.url, "--model", "m", "--record", str(kept), *args.flags.split()]
        with TerminalProgram(flags, env, Path(home), kind="kitty") as program:
            program.until(lambda: any(call.session is not None for call in server.calls))
            began = Spent.by(program.pid)
            with busy(args.busy):
                time.sleep(60 * args.minutes)
                ended = Spent.by(program.pid)
            program.interrupt()
            program.wait()
            server.wait(lambda: all(call.close_code is not None for call in server.calls))
        events = [json.loads(line) for line in (kept / "events.jsonl").read_text().splitlines()]
    begun = next(event["at"] for event in events if event["kind"] == "Captured")
    starved = [event for event in events if event["kind"] == "DeviceStarved"]
    opened = [one for one in events if one["kind"] == "DeviceOpened" and one["direction"] == "playout"]
    overruns = sum(event["overrun"] for event in events if event["kind"] == "Captured")
    drained = sum(event["kind"] == "PlayoutDrained" for event in events)
    underruns = sum(event["kind"] == "Underrun" for event in events)
    cpu = 60 * (ended.cpu_s - began.cpu_s) / (ended.at - began.at)
    gaps = ", ".join(f"{one['gap_ms']:.0f} ms at {one['at'] - begun:.0f} s" for one in starved)
    held = ", ".join(f"{one['latency_ms']:.0f} ms from {one['at'] - begun:.0f} s" for one in opened)
    sys.stdout.write(
        f"{args.minutes:g} minutes beside {args.busy} busy processes; {drained} replies of {REPLY_S:g} s\n"
        f"loudspeaker given sound too late: {len(starved)} times{': ' if gaps else ''}{gaps}\n"
        f"microphone lost samples: {overruns} times\n"
        f"loudspeaker held: {held}\n"
        f"replies that ran dry: {underruns} times\n"
        f"CPU: {cpu:.1f} s per minute\n"
    )
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
