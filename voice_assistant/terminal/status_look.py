"""How the status looks: three rows of words, meters and colours, cut to a width.

First what must be seen at once: is the microphone live, who has the floor, how loud is each end. Then what is
good to know, as much of it as fits. Then what the keys do now. Every state is a word as well as a colour.
"""

from __future__ import annotations

from rich.cells import cell_len
from rich.text import Text

from voice_assistant.core.events import Action
from voice_assistant.core.latency import NO_WAITS, Spread, TurnLatency, Waits
from voice_assistant.core.status import Having, Status
from voice_assistant.terminal.key_settings import KeySettings

METER_CELLS = 16
METER_FLOOR_DBFS = -60.0
"""Speech at arm's length lies 20 to 40 dB above it; the room lies below."""

NO_LEVEL_DBFS = -100.0

SPREAD_FROM = 3
"""Percentiles of fewer times than this say nothing."""

STATES: dict[Having, tuple[str, str]] = {
    "connecting": ("connecting", "yellow"),
    "resting": ("resting", "dim"),
    "listening": ("listening", "green"),
    "asleep": ("asleep", "dim"),
    "user": ("you speak", "bold cyan"),
    "waiting": ("thinking", "yellow"),
    "speaking": ("speaking", "bold magenta"),
    "paused": ("paused", "yellow"),
}


def status_rows(
    status: Status, keys: KeySettings, width: int, *, waits: Waits = NO_WAITS, is_typing: bool = False
) -> list[Text]:
    """Give the rows of the status, each of at most *width* cells."""
    return [
        _state_row(status, width),
        _known_row(status, waits, width),
        _keys_row(status, keys, width, is_typing=is_typing),
    ]


def badge(status: Status) -> Text:
    """LIVE, MUTED or without a microphone, as words and as a colour."""
    if "capture" in status.lost:
        return Text(" NO MIC ", "bold red reverse", end="")
    if status.muted:
        return Text(" MUTED ", "bold red reverse", end="")
    if status.mode == "push-to-talk" and status.talking == "no":
        return Text(" LIVE on key ", "bold yellow reverse", end="")
    if status.asleep and status.talking == "no":
        return Text(f' LIVE on "{status.asleep}" ', "bold yellow reverse", end="")
    return Text(" LIVE ", "bold green reverse", end="")


def _state_row(status: Status, width: int) -> Text:
    row = Text(end="", no_wrap=True).append_text(badge(status))
    if status.is_unheard:
        row.append(" you speak, and nobody hears it", "bold red")
        row.truncate(width)
        return row
    if status.recording:
        row.append(" REC", "bold red")
    word, style = STATES[status.floor]
    row.append(" ").append(word.ljust(10), style)
    rest = width - cell_len(row.plain)
    labels = (" mic ", "  loud ") if rest >= 12 + 2 * 8 else (" ", " ")
    cells = min((rest - sum(map(len, labels))) // 2, METER_CELLS)
    if cells >= 3:
        row.append(labels[0], "dim").append_text(_near_meter(status, cells))
        row.append(labels[1], "dim").append_text(_far_meter(status, cells))
        echo = _echo(status)
        if cell_len(row.plain) + 2 + cell_len(echo.plain) <= width:
            row.append("  ").append_text(echo)
    elif rest >= 5:
        row.append(" ").append_text(_near_meter(status, rest - 1))
    row.truncate(width)
    return row


def _near_meter(status: Status, cells: int) -> Text:
    """The microphone's level; the mark is the room's noise."""
    if status.muted or status.near_dbfs <= NO_LEVEL_DBFS:
        return Text("-" * cells, "dim", end="")
    filled = _cells(status.near_dbfs, cells)
    meter = Text("#" * filled, "green" if status.is_speech else "", end="")
    meter.append("-" * (cells - filled), "dim")
    room = min(_cells(status.floor_dbfs, cells), cells - 1)
    return Text.assemble(meter[:room], ("|", "dim"), meter[room + 1 :], end="")


def _far_meter(status: Status, cells: int) -> Text:
    """What the loudspeaker is given."""
    filled = _cells(status.far_dbfs, cells)
    return Text.assemble(("=" * filled, "magenta"), ("-" * (cells - filled), "dim"), end="")


def _echo(status: Status) -> Text:
    """What becomes of the loudspeaker's sound in the microphone."""
    if status.echo_mode == "half-duplex":
        return Text("half duplex", "yellow", end="")
    if status.echo_removed_db is None or status.echo_mode == "off":
        return Text(end="")
    if status.echo_removed_db == 0:
        return Text("no echo", "dim", end="")
    return Text(f"echo {-max(0, round(status.echo_removed_db))} dB", "dim", end="")


def _cells(dbfs: float, cells: int) -> int:
    return min(max(round((dbfs - METER_FLOOR_DBFS) / -METER_FLOOR_DBFS * cells), 0), cells)


def _known_row(status: Status, waits: Waits, width: int) -> Text:
    """What is good to know, shown in this order; what matters least goes first where there is no room."""
    # How dear each is, and what it says.
    known: list[tuple[int, str]] = []
    named = " ".join(name for name in (status.provider, status.model) if name)
    if named:
        known.append((5, named))
    if waits.answer:
        known.append((7, f"answer {waits.answer.last_ms / 1000:.2f} s"))
        if waits.answer.count >= SPREAD_FROM:
            known.append((3, _spread(waits.answer)))
        if waits.last:
            known.append((1, _parts(waits.last)))
    if waits.silence:
        known.append((4, f"silent {waits.silence.last_ms / 1000:.2f} s"))
        if waits.silence.count >= SPREAD_FROM:
            known.append((0, _spread(waits.silence)))
    if status.volume_db:
        known.append((8, f"{status.volume_db:+.0f} dB"))
    if status.began_at is not None:
        known.append((6, clock_time(status.at - status.began_at)))
    if status.tokens:
        known.append((2, f"{short_count(status.tokens)} tokens"))
    while known and sum(cell_len(words) + 3 for _, words in known) - 3 > width:
        known.remove(min(known))
    return Text(" · ".join(words for _, words in known), "dim", end="", no_wrap=True)


def _spread(times: Spread) -> str:
    return f"p50 {times.median_ms / 1000:.2f} p95 {times.p95_ms / 1000:.2f}"


def _parts(answer: TurnLatency) -> str:
    """Say what an answer's time was made of: the end of the turn, the provider, the loudspeaker."""
    called_ms = answer.called_ms or 0.0
    parts = (called_ms, answer.first_byte_ms - called_ms, answer.audible_ms - answer.first_byte_ms)
    return "end {:.2f} + model {:.2f} + play {:.2f}".format(*(ms / 1000 for ms in parts))


def clock_time(seconds: float) -> str:
    """Give a length of time as it stands on a clock: 3:07, 1:00:09."""
    minutes, whole = divmod(max(int(seconds), 0), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{whole:02}" if hours else f"{minutes}:{whole:02}"


def short_count(number: int) -> str:
    """Give a number in few characters: 950, 1.2k, 45k, 1.2M."""
    if number < 1000:
        return str(number)
    thousands = number / 1000
    if thousands < 999.5:
        return f"{thousands:.1f}k" if thousands < 9.95 else f"{thousands:.0f}k"
    return f"{thousands / 1000:.1f}M"


def _keys_row(status: Status, keys: KeySettings, width: int, *, is_typing: bool) -> Text:
    """The mode and what the keys do, as many of them as fit; the mode and the talk key come first."""
    row = Text("typing" if is_typing else status.mode, end="", no_wrap=True)
    if is_typing:
        parts = [("enter sends",) * 2, ("esc leaves",) * 2, ("up recalls",) * 2]
    elif status.keys == "none":
        parts = [("no keyboard here", "no keys")]
    else:
        parts = [_talk_key(status, keys.shown("talk"))]
        named: list[tuple[Action, str]] = [
            ("mute", "unmute" if status.muted else "mute"),
            ("help", "keys"),
            ("type", "type"),
            ("mode", "mode"),
        ]
        if status.playing or status.floor == "waiting":
            named.insert(0, ("interrupt", "interrupt"))
        parts += [(f"{key} {words}",) * 2 for action, words in named if (key := keys.shown(action))]
        parts += [("ctrl-c leave",) * 2]
    for long, short in parts:
        room = width - cell_len(row.plain) - 3
        fitting = next((words for words in (long, short) if cell_len(words) <= room), None)
        if fitting is None:
            break
        row.append(" · ", "dim").append(fitting, "dim")
    row.truncate(width)
    return row


def _talk_key(status: Status, key: str) -> tuple[str, str]:
    """What the talk key does now: in full, and briefly."""
    match status.talking:
        case "key held":
            return f"release {key} to send", f"release {key}"
        case "key latched":
            return f"tap {key} to send", f"tap {key}"
        case _ if status.keys == "watched":
            return f"hold {key} (release seen ~0.2 s late) or tap", f"hold {key} (~0.2 s late)"
        case _ if status.keys is None:
            return f"hold {key}", f"hold {key}"
        case _:
            return f"hold {key} or tap", f"hold {key}"
