"""Before an audience: the terminal, its keyboard and the machine's power, and a verdict over everything.

What the other checks find of sound and provider counts as well. Only what would be noticed from the seats
keeps a session from being ready.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from voice_assistant.checks.finding import Finding, Tell
from voice_assistant.config import Config
from voice_assistant.core.events import Event, KeysKnown
from voice_assistant.errors import EXIT_DEVICE
from voice_assistant.terminal.keys import Keyboard

LARGE_COLUMNS, LARGE_ROWS = 48, 16
"""From here on captions are drawn in large letters, two lines of them below the word."""

ANSWER_WITHIN_S = 2.0
"""For the terminal to say how it tells of keys; over a slow line it takes its time."""

QUICK_S = 1.5
"""A session that takes longer to begin also takes longer to come back when the line is lost."""

BUSY_SHARE = 0.7
"""Of each processor, that may be taken: sound breaks up when nothing is left."""

LOW_PERCENT = 30

LIMIT_S = ANSWER_WITHIN_S + 2.0

POWER = Path("/sys/class/power_supply")


async def examine(config: Config, tell: Tell, *, power: Path = POWER) -> None:
    """Look at what a stage needs besides sound and provider."""
    tell(_terminal(os.environ))
    tell(await _keyboard(config))
    tell(_power(power))
    tell(_load())


def verdict(findings: Sequence[Finding]) -> Finding:
    """Say whether an audience may come: READY, ready but for what might be noticed, or not ready."""
    failed = [one.check for one in findings if one.state == "failed"]
    doubtful = [one.check for one in findings if one.state == "warning"]
    session = next((one for one in findings if one.check == "session" and one.state == "ok"), None)
    seconds = session.details.get("seconds") if session else None
    if isinstance(seconds, int | float) and seconds > QUICK_S:
        doubtful.append(f"the session took {seconds:.1f} s to begin")
    details: dict[str, object] = {"ready": not failed, "failed": failed, "doubtful": doubtful}
    if failed:
        first = next(one for one in findings if one.state == "failed")
        told = f"NOT READY: {', '.join(failed)}"
        return Finding("stage", "failed", told, "Mend these first; see above.", first.exit_code, details)
    if doubtful:
        told = f"READY, but look at: {', '.join(doubtful)}"
        return Finding("stage", "warning", told, details=details)
    told = "READY. Say one sentence and hear the answer before the audience comes."
    return Finding("stage", "ok", told, details=details)


def _terminal(environ: Mapping[str, str]) -> Finding:
    if not sys.stdout.isatty():
        return Finding(
            "terminal",
            "failed",
            "standard output is no terminal: there is no stage to look at",
            "Run this in the terminal that the audience will see.",
            EXIT_DEVICE,
        )
    columns, rows = os.get_terminal_size(sys.stdout.fileno())
    details = {"columns": columns, "rows": rows}
    told = f"{columns} columns, {rows} rows"
    if environ.get("TERM") == "dumb":
        return Finding(
            "terminal", "failed", "TERM is dumb: it has no screen", "Use another.", EXIT_DEVICE, details
        )
    if columns < LARGE_COLUMNS or rows < LARGE_ROWS:
        return Finding(
            "terminal",
            "warning",
            f"{told}: too small for large captions",
            f"Make the window larger, or its font smaller: {LARGE_COLUMNS} columns and {LARGE_ROWS} rows.",
            details=details,
        )
    colours = "without colours (NO_COLOR)" if environ.get("NO_COLOR") else "with colours"
    return Finding("terminal", "ok", f"{told}, {colours}", details=details)


async def _keyboard(config: Config) -> Finding:
    """Ask the terminal, as a conversation does, how it tells of keys."""
    known: asyncio.Queue[Event] = asyncio.Queue()
    keyboard = Keyboard(config.keys, known.put_nowait, asyncio.get_running_loop().time)
    keyboard.start()
    kind = "watched"
    try:
        async with asyncio.timeout(ANSWER_WITHIN_S):
            while True:
                event = await known.get()
                if isinstance(event, KeysKnown):
                    kind = event.releases
                    break
    except TimeoutError:
        pass  # It does not answer: then keys are watched, which needs no answer.
    finally:
        keyboard.stop()
    details = {"releases": kind}
    talk = config.keys.shown("talk")
    match kind:
        case "reported":
            return Finding("keyboard", "ok", f"releases are reported: hold {talk} to talk", details=details)
        case "watched":
            told = f"releases are not reported: letting go of {talk} is seen about 0.2 s late"
            remedy = "A terminal with the kitty protocol reports them; or tap to begin and to end."
            return Finding("keyboard", "note", told, remedy, details=details)
        case _:
            return Finding(
                "keyboard",
                "failed",
                "there is no keyboard to be read: nobody could mute or interrupt",
                "Run this in the terminal itself, in the foreground.",
                EXIT_DEVICE,
                details,
            )


def _power(folder: Path) -> Finding:
    """Say whether the machine may go to sleep, or slow down, for want of power."""
    battery, plugged = _mac_power() if sys.platform == "darwin" else _linux_power(folder)
    details = {"battery_percent": battery, "plugged_in": plugged}
    if battery is None:
        return Finding("power", "ok", "no battery, or nothing known of one", details=details)
    if plugged:
        return Finding("power", "ok", f"plugged in, battery {battery} %", details=details)
    low = battery < LOW_PERCENT
    return Finding(
        "power",
        "failed" if low else "warning",
        f"on battery, {battery} %",
        "Plug it in: on battery a machine is slower, and goes to sleep.",
        1 if low else 0,
        details,
    )


def _linux_power(folder: Path) -> tuple[int | None, bool]:
    battery, plugged = None, False
    for supply in sorted(folder.glob("*")):
        match _word(supply / "type"), _word(supply / "scope"):
            case "Battery", scope if scope != "Device":  # of the machine, not of a mouse
                charge = _word(supply / "capacity")
                battery = int(charge) if charge.isdecimal() else battery
                plugged |= _word(supply / "status") in ("Charging", "Full", "Not charging")
            case "Mains" | "USB", _:
                plugged |= _word(supply / "online") == "1"
            case _:
                pass
    return battery, plugged


def _mac_power() -> tuple[int | None, bool]:
    try:
        told = subprocess.run(
            ["pmset", "-g", "batt"], capture_output=True, text=True, timeout=1, check=True
        ).stdout
    except (OSError, subprocess.SubprocessError):
        return None, False
    percent = told.partition("%")[0].split()[-1:] if "%" in told else []
    return (int(percent[0]) if percent and percent[0].isdecimal() else None), "AC Power" in told


def _word(file: Path) -> str:
    try:
        return file.read_text(encoding="ascii", errors="replace").strip()
    except OSError:
        return ""


def _load() -> Finding:
    share = os.getloadavg()[0] / (os.cpu_count() or 1)
    details = {"load_per_processor": round(share, 2)}
    told = f"{share:.2f} programs want each processor"
    if share > BUSY_SHARE:
        remedy = "Close what is not needed: sound may break up."
        return Finding("load", "warning", told, remedy, details=details)
    return Finding("load", "ok", told, details=details)
