"""A loudspeaker that may be missing: where there is none the conversation goes on, and nobody hears it.

For a question whose answer is printed, and for the demo. Where a person talks, a missing loudspeaker is an
error, and this is not used.
"""

from __future__ import annotations

from collections.abc import Callable

from voice_assistant.core.events import PlayoutCommand
from voice_assistant.devices.playout import Speaker
from voice_assistant.devices.wav import FileSpeaker
from voice_assistant.errors import DeviceError


class SpeakerIfAny:
    """The loudspeaker, or silence that takes as long.

    Args:
        speaker: The device.
        silence: Takes its place; a ``FileSpeaker`` without a file.
        missing: Told once why there is no loudspeaker.
    """

    def __init__(
        self, speaker: Speaker, silence: FileSpeaker, missing: Callable[[DeviceError], None]
    ) -> None:
        self._chosen: Speaker | FileSpeaker = speaker
        self._silence = silence
        self._missing = missing

    def open(self) -> None:
        """Open the loudspeaker, or begin to be silent."""
        try:
            self._chosen.open()
        except DeviceError as error:
            if self._chosen is self._silence:
                raise
            self._chosen = self._silence
            self._chosen.open()
            self._missing(error)

    def close(self) -> None:
        """Stop."""
        self._chosen.close()

    def perform(self, command: PlayoutCommand) -> None:
        """Do as the conversation says; on the loop's thread, and at once."""
        self._chosen.perform(command)
