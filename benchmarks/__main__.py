"""All measurements on this machine, a table each: ``python -m benchmarks [NAME ...]``.

Each is a program of its own with options of its own, ``python -m benchmarks.NAME --help``; here they run on
the data that lies in this project. What each measures stands at the top of its file. A measurement without
its data is named and left out.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

RUNS: dict[str, tuple[str, ...]] = {
    "playout": ("tests/data/playout",),
    "stretch": (),
    "decoding": (),
    "latency": (),
    "recognition": (),
    "recognising": (),
}
"""The measurements that need no choice, and the data of each."""


def main() -> int:
    """Run them one after the other; the exit code is 1 if one fails."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__.partition("\n")[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"some of: {', '.join(RUNS)}")
    names = parser.parse_args().names or list(RUNS)
    if unknown := set(names) - set(RUNS):
        parser.error(f"no such measurement: {', '.join(sorted(unknown))}")
    failed = False
    for name in names:
        sys.stdout.write(f"\n== {name}\n")
        sys.stdout.flush()
        if missing := [data for data in RUNS[name] if not any((ROOT / data).glob("*"))]:
            sys.stdout.write(f"left out: there is nothing in {', '.join(missing)}\n")
            continue
        line = [sys.executable, "-m", f"benchmarks.{name}", *RUNS[name]]
        failed |= subprocess.run(line, cwd=ROOT, check=False).returncode != 0
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
