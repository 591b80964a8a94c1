"""Which key does what. Every action has its keys, as many as one likes: also those of clickers and pedals."""

from __future__ import annotations

from dataclasses import dataclass, fields

from voice_assistant.core.events import Action
from voice_assistant.core.settings import SettingError
from voice_assistant.terminal.key_codes import NAMES, SAME


@dataclass(frozen=True, slots=True)
class KeySettings:
    """Which key does what. Table ``[keys]``.

    A key is a character, or one of: space, tab, enter, esc, backspace, up, down, left, right, home, end,
    pageup, pagedown, insert, delete, f1 to f12; with ``ctrl-`` or ``alt-`` before it. Where the terminal
    reports releases, also left-ctrl, right-ctrl, left-alt, right-alt, left-shift, right-shift by themselves.
    Terminals send tab, enter, backspace and esc for ctrl-i, ctrl-m, ctrl-h and ctrl-[: these are no others.
    Several for one action stand with spaces between them; the first is the one that is shown. Ctrl-C always
    leaves, and no letter does unless it is set: a demonstration should not end by a slip of the hand.
    """

    talk: str = "space"
    """hold it to talk, or tap it to keep talking until the next tap"""
    mode: str = "tab"
    """the next mode: hands-free, push-to-talk, and wake-word where it began with that"""
    mute: str = "m"
    """mutes the microphone, or opens it again"""
    interrupt: str = "i esc"
    """ends the reply that is playing, or the waiting for one"""
    repeat: str = "r"
    """plays the last answer again"""
    louder: str = "+ = up"
    """plays replies louder"""
    softer: str = "- down"
    """plays replies softer"""
    copy: str = "c"
    """copies the words of the last answer"""
    type: str = "enter /"
    """opens a line to type in; esc leaves it"""
    microphone: str = "n"
    """goes on with the next microphone"""
    loudspeaker: str = "o"
    """goes on with the next loudspeaker"""
    help: str = "? h f1"
    """shows what the keys do, or hides it"""
    quit: str = ""
    """leaves, as ctrl-c always does; empty: no other key"""

    def __post_init__(self) -> None:
        taken: dict[str, str] = {"ctrl-c": "leaving", "ctrl-z": "suspending"}
        for field in fields(self):
            value = getattr(self, field.name)
            if field.name == "talk" and not value.split():
                raise SettingError(field.name, value, "a key: 'space'")
            for key in value.lower().split():
                plain = key.removeprefix("alt-").removeprefix("ctrl-")
                if len(plain) != 1 and plain not in NAMES:
                    wanted = (
                        "a character, or the name of a key: 'space', 'tab', 'f5'; several with spaces between"
                    )
                    raise SettingError(field.name, value, wanted)
                alt, bare = key[: -len(key.removeprefix("alt-"))], key.removeprefix("alt-")
                if bare in SAME:
                    sent = f"'{alt}{SAME[bare]}': that is what terminals send for {key}"
                    raise SettingError(field.name, value, sent)
                if key in taken:
                    raise SettingError(field.name, value, f"another key: this one is for {taken[key]}")
                taken[key] = field.name

    def keys_for(self, action: Action) -> list[str]:
        """Give the keys of an action, the one that is shown first; ctrl-c is among those for leaving."""
        keys: list[str] = getattr(self, action).lower().split()
        return [*keys, "ctrl-c"] if action == "quit" else keys

    def shown(self, action: Action) -> str:
        """Give the key of an action that is shown; empty where it has none."""
        keys = self.keys_for(action)
        return keys[0] if keys else ""

    def actions(self) -> dict[str, Action]:
        """Give what each key is for."""
        return {key: action for action in ACTIONS for key in self.keys_for(action)}


ACTIONS: tuple[Action, ...] = (
    "talk",
    "mode",
    "mute",
    "interrupt",
    "repeat",
    "louder",
    "softer",
    "copy",
    "type",
    "microphone",
    "loudspeaker",
    "help",
    "quit",
)
"""All of them, in the order of the help."""
