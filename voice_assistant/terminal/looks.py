"""How the lines of the transcript and the status look: words and styles, cut to a width.

Values in, rich texts out; ``screen.py`` draws them. Colours are the terminal's own sixteen and reverse video,
so they can be read on light and on dark; every state is also a word, so nothing is lost without colours.
"""

from __future__ import annotations

from rich.cells import cell_len
from rich.text import Text

from voice_assistant.core.events import Action
from voice_assistant.core.lines import Line, ReplyLine, Role, name_of
from voice_assistant.core.plain_text import neutralise
from voice_assistant.core.status import Having, Status
from voice_assistant.terminal.key_settings import KeySettings
from voice_assistant.terminal.line_editor import Draft, cluster_end

METER_CELLS = 16
METER_FLOOR_DBFS = -60.0
"""Speech at arm's length lies 20 to 40 dB above it; the room lies below."""

NO_LEVEL_DBFS = -100.0

DRAFT_ROWS = 3
"""Of a text that is typed so many rows before the cursor are shown: a paste may be long."""

LINE_END = "\u23ce"

_ROLES: dict[Role, str] = {"said": "", "unheard": "dim strike", "remark": "dim italic"}

_STATES: dict[Having, tuple[str, str]] = {
    "connecting": ("connecting", "yellow"),
    "resting": ("resting", "dim"),
    "listening": ("listening", "green"),
    "user": ("you speak", "bold cyan"),
    "waiting": ("thinking", "yellow"),
    "speaking": ("speaking", "bold magenta"),
    "paused": ("paused", "yellow"),
}


def line_text(line: Line) -> Text:
    """Give a line as styled text, without line breaks."""
    styles = {"you": "bold cyan", "assistant": "bold magenta", "warning": "bold yellow", "error": "bold red"}
    name = name_of(line)
    text = Text(end="")
    text.append(f"{name}: ", styles.get(name, "dim"))
    still_playing = isinstance(line, ReplyLine) and line.ending == "open"
    for words, role in line.spans():
        # What is still to be heard is not crossed out.
        text.append(words, "dim" if role == "unheard" and still_playing else _ROLES[role])
    return text


def draft_text(draft: Draft, width: int) -> Text:
    """Give the line that is being typed, with its cursor; of a long one what is near the cursor."""
    before, after = draft.text[: draft.cursor], draft.text[draft.cursor :]
    under = cluster_end(after)
    text = Text("> ", "bold cyan", end="")
    if len(before) > DRAFT_ROWS * width:
        before = before[-DRAFT_ROWS * width :]
        text.append("...", "dim")
    text.append(_one_row(before))
    text.append(_one_row(after[:under]) or " ", "reverse")
    text.append(_one_row(after[under : under + width]))
    return text


def _one_row(text: str) -> str:
    return neutralise(text.replace("\n", LINE_END))


def status_texts(status: Status, keys: KeySettings, width: int) -> tuple[Text, Text]:
    """Give the two lines of the status, each of at most *width* cells."""
    return _state_line(status, width), _help_line(status, keys, width)


def _state_line(status: Status, width: int) -> Text:
    word, style = _STATES[status.floor]
    line = Text(end="", no_wrap=True)
    line.append_text(_badge(status))
    if status.recording:
        line.append(" REC", "bold red")
    line.append(" ")
    line.append(word.ljust(10), style)
    if status.is_unheard:
        line = Text.assemble(
            _badge(status), (" you speak, and nobody hears it", "bold red"), end="", no_wrap=True
        )
        line.truncate(width)
        return line
    if status.volume_db:
        line.append(f" {status.volume_db:+.0f} dB")
    rest = width - cell_len(line.plain) - 1
    if rest >= 4:
        line.append(" ")
        line.append_text(_meter(status, min(rest, METER_CELLS)))
    named = " ".join(name for name in (status.provider, status.model) if name)
    if named and cell_len(line.plain) + cell_len(named) + 2 <= width:
        line.append(f"  {named}", "dim")
    line.truncate(width)
    return line


def _badge(status: Status) -> Text:
    """LIVE or MUTED, as a word and as a colour."""
    if status.muted:
        return Text(" MUTED ", "bold red reverse", end="")
    if status.mode == "push-to-talk" and status.talking == "no":
        return Text(" LIVE on key ", "bold yellow reverse", end="")
    return Text(" LIVE ", "bold green reverse", end="")


def _meter(status: Status, cells: int) -> Text:
    """The microphone's level; the mark is the room's noise."""
    if status.muted or status.near_dbfs <= NO_LEVEL_DBFS:
        return Text("-" * cells, "dim", end="")
    filled = _cells(status.near_dbfs, cells)
    meter = Text("#" * filled, "green" if status.is_speech else "", end="")
    meter.append("-" * (cells - filled), "dim")
    room = min(_cells(status.floor_dbfs, cells), cells - 1)
    return Text.assemble(meter[:room], ("|", "dim"), meter[room + 1 :], end="")


def _cells(dbfs: float, cells: int) -> int:
    return min(max(round((dbfs - METER_FLOOR_DBFS) / -METER_FLOOR_DBFS * cells), 0), cells)


def _help_line(status: Status, keys: KeySettings, width: int) -> Text:
    """The mode and what the keys do, as many of them as fit; the mode and the talk key come first."""
    line = Text(status.mode, end="", no_wrap=True)
    if status.keys == "none":
        parts = [("no keyboard here", "no keys")]
    else:
        parts = [_talk_key(status, keys.shown("talk"))]
        named: list[tuple[Action, str]] = [
            ("mute", "unmute" if status.muted else "mute"),
            ("mode", "mode"),
            ("type", "type"),
            ("help", "keys"),
        ]
        if status.playing:
            named.insert(0, ("interrupt", "interrupt"))
        parts += [(f"{key} {words}",) * 2 for action, words in named if (key := keys.shown(action))]
        parts += [("ctrl-c leave",) * 2]
    for long, short in parts:
        room = width - cell_len(line.plain) - 3
        fitting = next((words for words in (long, short) if cell_len(words) <= room), None)
        if fitting is None:
            break
        line.append(" · ", "dim")
        line.append(fitting, "dim")
    line.truncate(width)
    return line


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
