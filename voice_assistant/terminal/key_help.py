"""What the keys do, as a list to read: over the live screen, and line by line where it is plain."""

from __future__ import annotations

from collections.abc import Mapping

from rich.cells import cell_len
from rich.text import Text

from voice_assistant.core.events import Action
from voice_assistant.terminal.key_settings import ACTIONS, KeySettings

_WORDS: Mapping[Action, str] = {
    "talk": "talk: hold it, or tap to begin and to end",
    "mode": "next mode: hands-free, push-to-talk",
    "mute": "mute the microphone, or open it again",
    "interrupt": "end the reply, or stop waiting for one",
    "repeat": "play the last answer again",
    "louder": "louder",
    "softer": "softer",
    "copy": "copy the last answer",
    "type": "type a line; esc leaves it",
    "microphone": "next microphone",
    "loudspeaker": "next loudspeaker",
    "help": "show or hide this",
    "quit": "leave",
}


def key_table(keys: KeySettings) -> list[tuple[str, str]]:
    """Give the keys and what they do, those without a key left out."""
    return [(" ".join(named), _WORDS[action]) for action in ACTIONS if (named := keys.keys_for(action))]


def help_rows(keys: KeySettings, width: int) -> list[Text]:
    """Give the table as rows of at most *width* cells; what does not fit loses its end."""
    table = key_table(keys)
    column = min(max(cell_len(named) for named, _ in table), max(width // 3, 6))
    rows = []
    for named, words in table:
        row = Text(end="", no_wrap=True)
        cell = Text(named, "bold", end="")
        cell.truncate(column, pad=True)
        row.append_text(cell).append(f"  {words}")
        row.truncate(width)
        rows.append(row)
    return rows
