"""Speaker: what the mixer gives goes to a PortAudio output stream; what became of it comes back as events.

The one lock of the program is here: the output callback pulls from the mixer while the loop pushes into it.
The same block that the device gets is the echo canceller's far end. The mixer outlives the stream: after a
device was lost, playout goes on from the sample where it stopped. When to play, duck or drop is decided
elsewhere.
"""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from voice_assistant.core.audio import REPLY_RATE, SAMPLE_BYTES, Resampler
from voice_assistant.core.events import (
    DropPlayout,
    EndPlayout,
    PausePlayout,
    Play,
    PlayoutDrained,
    PlayoutDropped,
    PlayoutProgress,
    PlayoutStarted,
    ResumePlayout,
    SetGain,
    Underrun,
)
from voice_assistant.core.mixer import Drained, Mixer, Note, RanDry, Started
from voice_assistant.devices.catalog import Device
from voice_assistant.devices.far_end import FarEnd
from voice_assistant.devices.stream import Clock, Format, Post, Stream, formats

BLOCK_MS = 10
PULL_SAMPLES = REPLY_RATE * BLOCK_MS // 1000

PROGRESS_EVERY_S = 0.1

LONGEST_LATENCY_S = 2.0
"""A device that claims to be slower than this is not believed."""

PlayoutCommand = Play | EndPlayout | SetGain | PausePlayout | ResumePlayout | DropPlayout


@dataclass(frozen=True, slots=True)
class SpeakerSettings:
    """Which loudspeaker."""

    device: str = ""
    """The loudspeaker: its number, or part of its name; empty takes the system's default."""


class Speaker:
    """What the loudspeaker plays, from ``open`` to ``close``; commands are taken at any time.

    Args:
        settings: Which device.
        mixer: Gives the sound; from now on it is touched under the lock only.
        far_end: Told what the device was given.
        post: Takes what became of playout; called on the loop's thread.
        loop: Where the session lives.
        clock: The session's clock, in seconds.
        only: Formats to open the device in, in place of the best that it takes.
    """

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
        self._mixer = mixer
        self._far_end = far_end
        self._post = post
        self._loop = loop
        self._clock = clock
        self._only = tuple(only)
        self._lock = threading.Lock()
        self._stream = Stream("playout", post, loop, clock)
        # Appended to by the callback, taken from by the loop: (when, audible in seconds, what).
        self._notes: deque[tuple[float, float, Note]] = deque()
        self._heard: tuple[str, float] | None = None
        self._progress: asyncio.TimerHandle | None = None
        self.underflows = 0
        """How often the device reported that it was given samples too late."""
        self.device: Device | None = None
        self.format: Format | None = None

    def open(self) -> None:
        """Open the loudspeaker and start to play.

        Raises:
            DeviceError: There is none, it is busy, or it takes no format of ours.
        """
        self.device, self.format = self._stream.open(
            self._settings.device,
            lambda device: iter(self._only or formats(device, "playout", REPLY_RATE)),
            self._callback,
            BLOCK_MS,
        )
        self._progress = self._loop.call_later(PROGRESS_EVERY_S, self._report_progress)

    def close(self) -> None:
        """Stop and give the device back; the mixer keeps what was not pulled."""
        self._stream.close()
        if self._progress is not None:
            self._progress.cancel()
            self._progress = None
        self._deliver()

    def perform(self, command: PlayoutCommand) -> None:
        """Do as the conversation says; on the loop's thread. The lock is held for a push, not for work.

        Raises:
            ValueError: The sound of a ``Play`` ends in the middle of a sample.
        """
        match command:
            case Play(item, pcm):
                with self._lock:
                    self._mixer.push(item, pcm)
            case EndPlayout(item):
                with self._lock:
                    self._mixer.end(item)
            case SetGain(gain_db, ramp_ms):
                with self._lock:
                    self._mixer.set_gain(gain_db, ramp_ms)
            case PausePlayout():
                with self._lock:
                    self._mixer.pause()
            case ResumePlayout():
                with self._lock:
                    self._mixer.resume()
            case DropPlayout(item):
                with self._lock:
                    heard_ms = self._mixer.drop(item)
                # What the callback noted before the drop is told before it.
                self._deliver()
                self._post(PlayoutDropped(self._clock(), item, heard_ms))

    def _callback(self, opened_as: Format) -> Any:
        resampler = Resampler(REPLY_RATE, opened_as.rate)
        ready = bytes(resampler.held_back * SAMPLE_BYTES)
        self._far_end.realign()

        def played(block: Any, frames: int, time: Any, status: Any) -> None:
            # PortAudio's thread. Pull, tap, hand over: nothing here may wait or raise.
            nonlocal ready
            now = self._clock()
            self._stream.last_call = now
            if status.output_underflow:
                self.underflows += 1
                self._far_end.realign()
            while len(ready) < frames * SAMPLE_BYTES:
                with self._lock:
                    pcm = self._mixer.pull(PULL_SAMPLES)
                    notes = self._mixer.take_notes()
                self._far_end.write(pcm)
                ready += resampler.feed(pcm)
                if notes:
                    latency_s = time.outputBufferDacTime - time.currentTime
                    audible_in_s = latency_s if 0 <= latency_s <= LONGEST_LATENCY_S else 0.0
                    self._notes.extend((now, audible_in_s, note) for note in notes)
                    self._stream.call(self._deliver)
            sound, ready = ready[: frames * SAMPLE_BYTES], ready[frames * SAMPLE_BYTES :]
            block[:] = _spread(sound, opened_as.channels)

        return played

    def _deliver(self) -> None:
        while self._notes:
            at, audible_in_s, note = self._notes.popleft()
            match note:
                case Started(item):
                    self._post(PlayoutStarted(at, item, at + audible_in_s))
                case Drained(item, heard_ms):
                    self._post(PlayoutDrained(at, item, heard_ms))
                case RanDry(item):
                    self._post(Underrun(at, item))

    def _report_progress(self) -> None:
        self._progress = self._loop.call_later(PROGRESS_EVERY_S, self._report_progress)
        with self._lock:
            heard = self._mixer.heard()
        if heard is not None and heard != self._heard:
            self._deliver()
            self._post(PlayoutProgress(self._clock(), *heard))
        self._heard = heard


def _spread(pcm: bytes, channels: int) -> bytes:
    """Give every channel the same sound."""
    return pcm if channels == 1 else np.repeat(np.frombuffer(pcm, dtype="<i2"), channels).tobytes()
