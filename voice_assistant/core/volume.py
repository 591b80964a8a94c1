"""How loud replies are played, as the person wants it."""

from __future__ import annotations

from dataclasses import dataclass

from voice_assistant.core.events import Command, Event, Pressed, SetVolume
from voice_assistant.core.settings import check_range

STEP_DB = 3.0
SOFTEST_DB = -30.0
LOUDEST_DB = 6.0
"""Replies come near full scale: beyond this, more would be clipped than a listener forgives."""


@dataclass(frozen=True, slots=True)
class VolumeSettings:
    """How loud replies are to begin with. Table ``[playout]``."""

    volume_db: float = 0.0
    """how loud replies are to begin with, in dB: 0 as they come; -30 to 6"""

    def __post_init__(self) -> None:
        check_range(self, "volume_db", SOFTEST_DB, LOUDEST_DB)


class Volume:
    """Goes up and down by keys; what ducks a reply adds to it."""

    def __init__(self, settings: VolumeSettings) -> None:
        self._db = settings.volume_db

    def begin(self) -> list[Command]:
        """Say what is to be done before anything has happened."""
        return [SetVolume(self._db)] if self._db else []

    def handle(self, event: Event) -> list[Command]:
        """Take the next event. At an end of the range it is said again: so the end can be seen."""
        match event:
            case Pressed(action="louder"):
                self._db = min(self._db + STEP_DB, LOUDEST_DB)
            case Pressed(action="softer"):
                self._db = max(self._db - STEP_DB, SOFTEST_DB)
            case _:
                return []
        return [SetVolume(self._db)]
