"""Is playout cut while speech is being recognised? ``python -m benchmarks.recognising [--minutes N]``.

The installed program talks to the offline assistant on a virtual sound card: a synthetic voice asks what it
can do, and a person's sentence is spoken into the answer. Beside it a second recogniser works without a
pause, at the offline assistant's own low priority: so something is always being recognised while a reply
plays, more than in any conversation. What went wrong is taken from the recording of the session: how often
the loudspeaker was given sound too late, how often a reply ran dry, how often the microphone lost samples.
"""

from __future__ import annotations

import argparse
import json
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from tests.support.offline_client import question
from tests.support.sound_server import SoundServer, why_not
from tests.support.spoken import sentence
from tests.support.terminal_program import PipedProgram, home_environment
from voice_assistant.core.audio import NEAR_RATE

LONG_ANSWER = "what_can_you_do"
INTO_ANSWER_S = 4.0

_WITHOUT_PAUSE = """
import asyncio, os, sys
from pathlib import Path
from voice_assistant.offline.recogniser import Moonshine
os.nice(10)
recogniser = Moonshine()
pcm = Path(sys.argv[1]).read_bytes()
while True:
    asyncio.run(recogniser.words(pcm))
"""


@contextmanager
def recognising(folder: Path) -> Iterator[None]:
    """Keep a recogniser at work on a sentence."""
    spoken = folder / "spoken.raw"
    spoken.write_bytes(sentence().tobytes())
    with subprocess.Popen([sys.executable, "-c", _WITHOUT_PAUSE, str(spoken)]) as running:
        try:
            yield
        finally:
            running.kill()


def converse(program: PipedProgram, sound: SoundServer, seconds: float) -> None:
    """Ask, speak into the answer, and so on."""

    def count(what: str) -> int:
        return program.out.count(what)

    program.until('"floor": "listening"')
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        speaking = count('"floor": "speaking"')
        sound.play_into_mic(question(LONG_ANSWER), NEAR_RATE).wait()
        program.until(lambda before=speaking: count('"floor": "speaking"') > before, within_s=60)  # type: ignore[misc]
        time.sleep(INTO_ANSWER_S)
        answers = count('"type": "assistant"')
        sound.play_into_mic(np.asarray(sentence()).tobytes(), NEAR_RATE).wait()
        program.until(lambda before=answers: count('"type": "assistant"') > before + 1, within_s=60)  # type: ignore[misc]


def main() -> int:
    """Run, and print what was lost; the exit code says only whether it could be measured."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.recognising", description=main.__doc__)
    parser.add_argument("--minutes", type=float, default=2.0)
    args = parser.parse_args()
    if missing := why_not():
        sys.stderr.write(f"error: no sound server here: {missing}\n")
        return 1
    with tempfile.TemporaryDirectory() as folder, SoundServer() as sound:
        home = Path(folder)
        kept = home / "kept"
        flags = ["talk", "--provider", "offline", "--json", "--record", str(kept)]
        with (
            recognising(home),
            PipedProgram(flags, home_environment(sound.env, home), home) as program,
        ):
            converse(program, sound, 60 * args.minutes)
            program.send_signal(signal.SIGINT)
            program.wait()
        events = [json.loads(line) for line in (kept / "events.jsonl").read_text().splitlines()]
    kinds = [event["kind"] for event in events]
    overruns = sum(event["overrun"] for event in events if event["kind"] == "Captured")
    played_s = sum(event["heard_ms"] for event in events if event["kind"] == "PlayoutDrained") / 1000
    sys.stdout.write(
        f"{args.minutes:g} minutes; {kinds.count('PlayoutDrained')} replies heard to their end "
        f"({played_s:.0f} s), {kinds.count('PlayoutDropped')} cut by the next words\n"
        f"loudspeaker given sound too late: {kinds.count('DeviceStarved')} times\n"
        f"replies that ran dry: {kinds.count('Underrun')} times\n"
        f"microphone lost samples: {overruns} times\n"
    )
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
