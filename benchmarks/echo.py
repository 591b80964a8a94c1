"""Barge-in on open speakers, in a closed loop: ``python -m benchmarks.echo --seed N --minutes M [--neural]``.

The program's own Listener, Floor, Replies, Mixer and FarEnd run at simulated desks (``rooms.py``): what they
decide really ducks, pauses, resumes and drops what the loudspeaker plays, and the microphone hears that. A
desk is used for a minute, then comes the next. While replies play, a user breaks in (half of the replies; a
quarter of those in the first second), or coughs, types or says "mm-hm", or leaves the reply alone.

The rows are the user's level relative to the echo's; no echo at all (headphones); and a loudspeaker whose
sound comes 0.4 to 0.6 s late, which the devices do not tell (Bluetooth). What is counted:

* false stops: replies dropped without a user; per minute of replies that nobody speaks into, bursts left out;
* dips: ducks and pauses without a user that passed by themselves; per minute likewise;
* bursts: share of coughs, keys and "mm-hm" at which the reply dipped, and at which it was dropped;
* found: share of users for whom the reply was dropped before they had finished;
* onset to decision: from the first sound of the user at the microphone to the capture of the block on which
  the reply was paused, where it was dropped later: median and 90th percentile of those found.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

import numpy as np

from benchmarks.echo_loop import DESK_S, Books, Loop
from benchmarks.rooms import draw_desk, far_away
from benchmarks.turns import UnreadableError, no_model
from benchmarks.voices import speech
from voice_assistant.errors import ConfigError
from voice_assistant.opinions.silero import SileroVoice

ROWS = {"SER -10 dB": -10.0, "SER +0 dB": 0.0, "SER +10 dB": 10.0, "headphones": None, "Bluetooth": 0.0}
"""The user's level relative to the echo's, in dB; None for no echo."""


def main(argv: list[str] | None = None) -> int:
    """Run the closed loop at every level, and print a table."""
    root = Path(__file__).resolve().parent.parent
    parser = argparse.ArgumentParser(prog="python -m benchmarks.echo", description=main.__doc__)
    parser.add_argument("--seed", type=int, default=1, help="desks, users and bursts are drawn from it")
    parser.add_argument(
        "--minutes", type=float, default=24.0, help="simulated, for each row (default: 24, 100 users or more)"
    )
    parser.add_argument(
        "--speech",
        type=Path,
        default=root / "tests" / "data" / "speech",
        help="folder of WAV or FLAC, 16 kHz mono; labels.json in it says where they speak",
    )
    parser.add_argument("--neural", action="store_true", help='with [speech] detector = "neural"')
    parser.add_argument("--json", type=Path, help="write the table here too")
    args = parser.parse_args(argv)
    try:
        clips = list(speech(args.speech))
        new_model = SileroVoice if args.neural else no_model
        new_model()
    except (UnreadableError, ConfigError) as error:
        sys.stderr.write(f"error: {error}\n")
        return 1
    rows: dict[str, dict[str, float]] = {}
    sys.stdout.write(HEAD)
    for number, (name, ser_db) in enumerate(ROWS.items()):
        books = Books()
        for desk in range(max(1, round(args.minutes * 60 / DESK_S))):
            rng = np.random.default_rng((args.seed, desk, number))
            desk_drawn = draw_desk(rng)
            if name == "Bluetooth":
                desk_drawn = far_away(desk_drawn, rng)
            Loop(desk_drawn, ser_db, clips, rng, books, new_model()).run()
        rows[name] = books.figures()
        sys.stdout.write(row(name, rows[name]))
        sys.stdout.flush()
    if args.json:
        args.json.write_text(json.dumps(rows, indent=1))
    return 0


HEAD = (
    "             |  replies alone       | bursts          | users             onset to decision ms"
    "  first second     | CPU\n"
    "             |  min  stops/min dips | num  dip stopped | num found median   p90"
    "  num found median  | %\n"
)


def row(name: str, figures: dict[str, float]) -> str:
    """One line of the table."""
    return (
        "{name:12} | {alone_min:5.1f} {false_stops_per_min:7.2f} {dips_per_min:6.1f} "
        "| {bursts:3.0f} {bursts_dipped:5.2f} {bursts_stopped:5.2f} "
        "  | {users:3.0f} {found:5.2f} {median_ms:6.0f} {p90_ms:6.0f} "
        " {early_users:3.0f} {early_found:5.2f} {early_median_ms:6.0f}  | {cpu_percent:.2f}\n"
    ).format(name=name, **figures)


if __name__ == "__main__":
    raise SystemExit(main())
