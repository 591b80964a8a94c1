"""Microphone: a PortAudio input stream becomes ``Captured`` events.

The callback copies a block and hands it over; on the loop it is made mono and 16 kHz, cut into 20 ms, and
joined by what the loudspeaker was given. What is in the sound is the listener's affair.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from voice_assistant.core.audio import NEAR_RATE, REPLY_RATE, SAMPLE_BYTES, AudioFrame, Resampler
from voice_assistant.core.events import Captured, Direction
from voice_assistant.devices.catalog import Device
from voice_assistant.devices.far_end import FarEnd
from voice_assistant.devices.stream import Clock, Format, Post, Stream, formats

BLOCK_MS = 20
NEAR_SAMPLES = NEAR_RATE * BLOCK_MS // 1000
FAR_SAMPLES = REPLY_RATE * BLOCK_MS // 1000

LONGEST_AGE_S = 0.5
"""A block that a driver calls older than this was not; its clock is not to be trusted."""


@dataclass(frozen=True, slots=True)
class CaptureSettings:
    """Which microphone."""

    device: str = ""
    """The microphone: its number, or part of its name; empty takes the system's default."""

    follow_default: bool = False
    """Where no device is named: look every few seconds whether the system has another default, and move to it
    in a quiet moment. PulseAudio and PipeWire move by themselves; then it is told, and the stream is opened
    anew."""


class Microphone:
    """What the microphone hears, as events, from ``open`` to ``close``.

    The index of its samples runs on through ``detach`` and ``attach``, and shows the hole between them.

    Args:
        settings: Which device.
        far_end: What the loudspeaker is given; each block takes its partner from there.
        post: Takes ``Captured``, ``DeviceOpened`` and ``DeviceLost``; called on the loop's thread.
        loop: Where the session lives.
        clock: The session's clock, in seconds.
        only: Formats to open the device in, in place of the best that it takes.
    """

    direction: Direction = "capture"

    def __init__(
        self,
        settings: CaptureSettings,
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
        self._stream = Stream("capture", post, loop, clock)
        self._streams = 0
        self._heard_stream = 0
        self._next_sample = 0
        self._pending = b""
        self._resampler = Resampler(NEAR_RATE, NEAR_RATE)
        self._last_at: float | None = None
        self.overruns = 0
        """How often the device reported that samples were lost."""
        self._first_name = ""
        self.device: Device | None = None
        self.format: Format | None = None

    def open(self) -> None:
        """Open the microphone and start to capture.

        Raises:
            DeviceError: There is none, it is busy, or it takes no format of ours.
        """
        self.attach()

    def close(self) -> None:
        """Stop capturing and give the device back. The sample count goes on at the next ``open``."""
        self._stream.leave()

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
            lambda device: iter(self._only or formats(device, "capture", NEAR_RATE)),
            self._callback,
            BLOCK_MS,
            or_default=or_default,
        )
        self._first_name = self._first_name or self.device.name

    @property
    def latency_ms(self) -> float:
        """What the open device holds, as it says; 0 while it is closed."""
        return self._stream.latency_ms

    def detach(self) -> None:
        """Close the device, on any thread."""
        self._stream.close()

    def hold(self, latency_ms: float) -> None:
        """A microphone holds what it must: more of it would only be later."""

    def _callback(self, opened_as: Format) -> Any:
        self._streams += 1
        stream = self._streams
        self._far_end.realign()
        block_s = BLOCK_MS / 1000

        def captured(block: Any, frames: int, time: Any, status: Any) -> None:
            # PortAudio's thread. Copy, count, hand over: nothing here may wait or raise.
            now = self._clock()
            self._stream.called(now)
            age_s = time.currentTime - time.inputBufferAdcTime - block_s
            if not 0 <= age_s <= LONGEST_AGE_S:
                age_s = 0.0
            at = now - age_s
            self._far_end.capture_delay_s = age_s
            overrun = bool(status.input_overflow)
            written = self._far_end.written
            self._stream.call(self._arrived, stream, opened_as, bytes(block), written, at, overrun)

        return captured

    def _start_conversion(self, opened_as: Format) -> None:
        self._resampler = Resampler(opened_as.rate, NEAR_RATE)
        # Silence stands in for the first millisecond, which waits in the filter: blocks then come out whole.
        self._pending = bytes(self._resampler.held_back * SAMPLE_BYTES)

    def _arrived(
        self, stream: int, opened_as: Format, block: bytes, written: int, at: float, overrun: bool
    ) -> None:
        if stream != self._streams or not self._stream.is_open:
            return  # handed over by a stream that has been closed since
        samples = len(block) // SAMPLE_BYTES // opened_as.channels
        is_first, self._heard_stream = stream != self._heard_stream, stream
        self.overruns += overrun
        if overrun or is_first:
            self._skip(at, samples / opened_as.rate)
            self._start_conversion(opened_as)
            self._far_end.realign()
        self._last_at = at
        self._pending += self._resampler.feed(_mono(block, opened_as.channels))
        while len(self._pending) >= NEAR_SAMPLES * SAMPLE_BYTES:
            pcm, self._pending = (
                self._pending[: NEAR_SAMPLES * SAMPLE_BYTES],
                self._pending[NEAR_SAMPLES * SAMPLE_BYTES :],
            )
            near = AudioFrame(pcm, NEAR_RATE, self._next_sample)
            self._next_sample = near.end_sample
            far = self._far_end.partner(near.end_sample * REPLY_RATE // NEAR_RATE, FAR_SAMPLES, written)
            self._post(Captured(at, near, far, overrun))
            overrun = False

    def _skip(self, at: float, block_s: float) -> None:
        """Leave room in the sample count for what was lost, as far as the clock can tell: whole 10 ms."""
        if self._last_at is not None:
            lost_s = at - self._last_at - block_s
            self._next_sample += max(0, round(lost_s * 100)) * (NEAR_RATE // 100)


def _mono(block: bytes, channels: int) -> bytes:
    """Mix to one channel: a microphone may be in any input of an interface, so none is left out."""
    if channels == 1:
        return block
    mixed = np.frombuffer(block, dtype="<i2").reshape(-1, channels).mean(axis=1)
    return bytes(np.rint(mixed).astype("<i2"))
