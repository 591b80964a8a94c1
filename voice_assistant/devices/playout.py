"""Speaker: what the mixer gives goes to a PortAudio output stream, ten milliseconds at a time.

The callback pulls from the desk, which holds the mixer, and converts where the device has a rate of its own.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from voice_assistant.core.audio import REPLY_RATE, SAMPLE_BYTES, Resampler
from voice_assistant.core.events import DeviceStarved, Direction, PlayoutCommand
from voice_assistant.core.mixer import Mixer
from voice_assistant.core.settings import check_range
from voice_assistant.devices.catalog import Device
from voice_assistant.devices.desk import Desk
from voice_assistant.devices.far_end import FarEnd
from voice_assistant.devices.stream import Clock, Format, Post, Stream, formats

BLOCK_MS = 10
PULL_SAMPLES = REPLY_RATE * BLOCK_MS // 1000

RECOVERY_S = 0.2
"""Within so long after a device was given sound too late, it is the same misfortune."""

LONGEST_LATENCY_S = 2.0
"""A device that claims to be slower than this is not believed."""


@dataclass(frozen=True, slots=True)
class SpeakerSettings:
    """Which loudspeaker."""

    device: str = ""
    """The loudspeaker: its number, or part of its name; empty takes the system's default."""

    latency_ms: int = 0
    """Sound that the loudspeaker holds in advance; 0 to 500. 0 begins with the least that it offers, about
    20, and holds more where that runs dry on a busy machine, until there is calm again."""

    follow_default: bool = False
    """The same as for the microphone: move to another default of the system, where no device is named."""

    def __post_init__(self) -> None:
        check_range(self, "latency_ms", 0, 500)


class Speaker:
    """What the loudspeaker plays, from ``open`` to ``close``; commands are taken at any time.

    Args:
        settings: Which device.
        mixer: Gives the sound; from now on it is touched under a lock only.
        far_end: Told what the device was given.
        post: Takes what became of playout and of the device; called on the loop's thread.
        loop: Where the session lives.
        clock: The session's clock, in seconds.
        only: Formats to open the device in, in place of the best that it takes.
    """

    direction: Direction = "playout"

    def __init__(
        self,
        settings: SpeakerSettings,
        mixer: Mixer,
        far_end: FarEnd,
        post: Post,
        loop: asyncio.AbstractEventLoop,
        clock: Clock,
        *,
        only: Iterable[Format] = (),
    ) -> None:
        self._settings = settings
        self._far_end = far_end
        self._post = post
        self._clock = clock
        self._only = tuple(only)
        self._desk = Desk(mixer, far_end, post, loop, clock)
        self._stream = Stream("playout", post, loop, clock)
        self.underflows = 0
        """How often the device reported that it was given samples too late."""
        self._first_name = ""
        self._hold_ms = float(settings.latency_ms)
        self._least_ms = LONGEST_LATENCY_S * 1000
        self.device: Device | None = None
        self.format: Format | None = None

    def open(self) -> None:
        """Open the loudspeaker and start to play.

        Raises:
            DeviceError: There is none, it is busy, or it takes no format of ours.
        """
        self.attach()
        self._desk.start_progress()

    def close(self) -> None:
        """Stop and give the device back; the mixer keeps what was not pulled."""
        self._stream.leave()
        self._desk.stop_progress()

    @property
    def wanted(self) -> str:
        """The device that was asked for: part of its name, or empty for the default.

        A number means another device when devices have come and gone, so it becomes the name it stood for.
        """
        asked = self._settings.device.strip()
        return self._first_name if asked.isdecimal() and self._first_name else asked

    @property
    def was_opened(self) -> bool:
        """Was it in use when the session began?"""
        return bool(self._first_name)

    def choose(self, wanted: str) -> None:
        """Want another device from the next opening on."""
        self._settings = replace(self._settings, device=wanted)

    def attach(self, *, or_default: bool = False) -> None:
        """Open the device, on any thread; see ``Stream.open``."""
        self.device, self.format = self._stream.open(
            self.wanted,
            lambda device: iter(self._only or formats(device, "playout", REPLY_RATE)),
            self._callback,
            BLOCK_MS,
            self._hold_ms,
            or_default=or_default,
        )
        self._first_name = self._first_name or self.device.name
        # What the device holds more than before comes back to the microphone that much later.
        self._least_ms = min(self._least_ms, self.latency_ms)
        self._far_end.hold_back_s = (self.latency_ms - self._least_ms) / 1000
        self._far_end.realign()

    def hold(self, latency_ms: float) -> None:
        """Have the device hold so much sound from the next ``attach`` on; 0 is the least that it offers."""
        self._hold_ms = latency_ms

    @property
    def hold_ms(self) -> float:
        """What it was last told to hold."""
        return self._hold_ms

    @property
    def latency_ms(self) -> float:
        """What the open device holds, as it says; 0 while it is closed."""
        return self._stream.latency_ms

    def detach(self) -> None:
        """Close the device, on any thread; the mixer keeps what was not pulled."""
        self._stream.close()

    def perform(self, command: PlayoutCommand) -> None:
        """Do as the conversation says; on the loop's thread, and at once.

        Raises:
            ValueError: The sound of a ``Play`` ends in the middle of a sample.
        """
        self._desk.perform(command)

    def _starved(self, at: float, gap_s: float) -> None:
        self._post(DeviceStarved(at, 1000 * gap_s))

    def _callback(self, opened_as: Format) -> Any:
        resampler = Resampler(REPLY_RATE, opened_as.rate)
        # Silence stands in for the first millisecond, which waits in the filter: blocks then come out whole.
        ready = bytes(resampler.held_back * SAMPLE_BYTES)
        before: float | None = None
        starved_at = -RECOVERY_S
        self._far_end.realign()

        def played(block: Any, frames: int, time: Any, status: Any) -> None:
            # PortAudio's thread. Pull, convert, hand over: nothing here may wait or raise.
            nonlocal ready, before, starved_at
            now = self._clock()
            self._stream.called(now)
            latency_s = time.outputBufferDacTime - time.currentTime
            audible_in_s = latency_s if 0 <= latency_s <= LONGEST_LATENCY_S else 0.0
            self._far_end.playout_delay_s = audible_in_s
            if status.output_underflow:
                self.underflows += 1
                self._far_end.realign()
                # While it recovers, callbacks come in a row, each with the same message.
                if before is not None and now - starved_at > RECOVERY_S:
                    starved_at = now
                    self._stream.call(self._starved, now, now - before)
            before = now
            while len(ready) < frames * SAMPLE_BYTES:
                pcm, something_to_tell = self._desk.pull(PULL_SAMPLES, now, audible_in_s)
                ready += resampler.feed(pcm)
                if something_to_tell:
                    self._stream.call(self._desk.deliver)
            sound, ready = ready[: frames * SAMPLE_BYTES], ready[frames * SAMPLE_BYTES :]
            block[:] = _spread(sound, opened_as.channels)

        return played


def _spread(pcm: bytes, channels: int) -> bytes:
    """Give every channel the same sound."""
    return pcm if channels == 1 else np.repeat(np.frombuffer(pcm, dtype="<i2"), channels).tobytes()
