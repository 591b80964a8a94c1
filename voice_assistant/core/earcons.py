"""Small sounds for what else could only be seen: who has the floor now, and that the line is back.

Off unless set: in a room with others they are noise. Whoever cannot look at the screen may want them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from voice_assistant.core.events import (
    Command,
    CommitInput,
    Event,
    FellAsleep,
    LinkLost,
    ModeChanged,
    MuteChanged,
    PlayoutDrained,
    Ring,
    SessionOpened,
    TurnClosed,
    TurnOpened,
    WakeWordHeard,
    WokenByKey,
)


@dataclass(frozen=True, slots=True)
class SoundSettings:
    """Which small sounds are played. Table ``[sounds]``."""

    listening: bool = False
    """a sound when it is your turn: at the start, after the wake word, after an answer, after unmuting"""
    thinking: bool = False
    """a sound when your turn is over and an answer is awaited"""
    reconnected: bool = False
    """a sound when a line that was lost is back"""


class Earcons:
    """Says which sound belongs to what has just happened.

    Args:
        settings: Which are wanted.
        is_asleep: It begins asleep, until the wake word is said.
    """

    def __init__(self, settings: SoundSettings, *, is_asleep: bool = False) -> None:
        self._settings = settings
        self._is_open = False
        self._opened_once = False
        self._was_lost = False
        self._is_asleep = is_asleep

    def handle(self, event: Event, commands: Sequence[Command]) -> list[Command]:
        """Take the next event, and what is done about it."""
        settings = self._settings
        match event:
            case TurnOpened():
                self._is_open = True
            case TurnClosed():
                self._is_open = False
                if settings.thinking and any(isinstance(command, CommitInput) for command in commands):
                    return [Ring("thinking")]
            case LinkLost(opened=True):
                self._was_lost = True
            case SessionOpened():
                return self._opened()
            case FellAsleep():
                self._is_asleep = True
            case WokenByKey() | ModeChanged():
                self._is_asleep = False
            case WakeWordHeard():
                self._is_asleep = False
                return [Ring("listening")] if settings.listening else []
            case PlayoutDrained() | MuteChanged(muted=False) if not (self._is_open or self._is_asleep):
                return [Ring("listening")] if settings.listening else []
            case _:
                pass
        return []

    def _opened(self) -> list[Command]:
        is_first, self._opened_once = not self._opened_once, True
        was_lost, self._was_lost = self._was_lost, False
        if is_first:
            return [Ring("listening")] if self._settings.listening and not self._is_asleep else []
        return [Ring("reconnected")] if was_lost and self._settings.reconnected else []
