"""What every loudspeaker shares, be it a device or a file: the mixer, the one lock, and what is told.

The one lock of the program is here: a device's thread pulls from the mixer while the loop pushes into it.
What is pulled is the echo canceller's far end. The mixer outlives the device: after it was lost, playout goes
on from the sample where it stopped. When to play, duck or drop is decided elsewhere.
"""

from __future__ import annotations

import asyncio
import threading
from collections import deque

from voice_assistant.core.events import (
    DropPlayout,
    EndPlayout,
    PausePlayout,
    Play,
    PlayoutCommand,
    PlayoutDrained,
    PlayoutDropped,
    PlayoutProgress,
    PlayoutStarted,
    ResumePlayout,
    Ring,
    SetGain,
    SetVolume,
    Underrun,
)
from voice_assistant.core.mixer import Drained, Mixer, Note, RanDry, Started
from voice_assistant.devices.far_end import FarEnd
from voice_assistant.devices.stream import Clock, Post

PROGRESS_EVERY_S = 0.1


class Desk:
    """The mixer behind its lock; commands go in, and what became of them comes out as events.

    Args:
        mixer: Gives the sound; from now on it is touched under the lock only.
        far_end: Told what was pulled.
        post: Takes what became of playout; called on the loop's thread.
        loop: Where the session lives.
        clock: The session's clock, in seconds.
    """

    def __init__(
        self, mixer: Mixer, far_end: FarEnd, post: Post, loop: asyncio.AbstractEventLoop, clock: Clock
    ) -> None:
        self._mixer = mixer
        self._far_end = far_end
        self._post = post
        self._loop = loop
        self._clock = clock
        self._lock = threading.Lock()
        # Appended to by the device's thread, taken from by the loop: (when, audible in seconds, what).
        self._notes: deque[tuple[float, float, Note]] = deque()
        self._heard: tuple[str, float] | None = None
        self._progress: asyncio.TimerHandle | None = None

    def pull(self, samples: int, now: float, audible_in_s: float) -> tuple[bytes, bool]:
        """Take the next sound for the device, on the device's thread.

        Args:
            samples: How many, at 24 kHz.
            now: When.
            audible_in_s: How long the device takes to make it heard.

        Returns:
            16-bit mono; and whether there is something for ``deliver`` to tell.
        """
        with self._lock:
            pcm = self._mixer.pull(samples)
            notes = self._mixer.take_notes()
        self._far_end.write(pcm)
        self._notes.extend((now, audible_in_s, note) for note in notes)
        return pcm, bool(notes)

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
            case SetVolume(volume_db):
                with self._lock:
                    self._mixer.set_volume(volume_db)
            case PausePlayout():
                with self._lock:
                    self._mixer.pause()
            case ResumePlayout():
                with self._lock:
                    self._mixer.resume()
            case Ring(sound):
                with self._lock:
                    self._mixer.ring(sound)
            case DropPlayout(item):
                with self._lock:
                    heard_ms = self._mixer.drop(item)
                # What was noted before the drop is told before it.
                self.deliver()
                self._post(PlayoutDropped(self._clock(), item, heard_ms))

    def deliver(self) -> None:
        """Tell what was noted, on the loop's thread."""
        while self._notes:
            at, audible_in_s, note = self._notes.popleft()
            match note:
                case Started(item):
                    self._post(PlayoutStarted(at, item, at + audible_in_s))
                case Drained(item, heard_ms):
                    self._post(PlayoutDrained(at, item, heard_ms))
                case RanDry(item):
                    self._post(Underrun(at, item))

    def start_progress(self) -> None:
        """Tell ten times a second how much has been heard, while something is playing."""
        self.stop_progress()
        self._progress = self._loop.call_later(PROGRESS_EVERY_S, self._report_progress)

    def stop_progress(self) -> None:
        """Tell what is left to tell, and no more."""
        if self._progress is not None:
            self._progress.cancel()
            self._progress = None
        self.deliver()

    def _report_progress(self) -> None:
        self._progress = self._loop.call_later(PROGRESS_EVERY_S, self._report_progress)
        with self._lock:
            heard = self._mixer.heard()
        if heard is not None and heard != self._heard:
            self.deliver()
            self._post(PlayoutProgress(self._clock(), *heard))
        self._heard = heard
