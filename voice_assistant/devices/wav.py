"""Microphone and loudspeaker for a machine without sound: WAV files, in real time.

``FileMicrophone`` speaks a file as if somebody said it now, followed by silence; ``FileSpeaker`` writes what
would be heard. Both keep the pace of real devices, so that everything between them works as it does live.
"""

from __future__ import annotations

import asyncio
import struct
import wave
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from voice_assistant.core.audio import NEAR_RATE, REPLY_RATE, SAMPLE_BYTES, AudioFrame, Resampler, silence
from voice_assistant.core.events import Captured, PlayoutCommand, StopRequested
from voice_assistant.core.mixer import Mixer
from voice_assistant.devices.desk import Desk
from voice_assistant.devices.far_end import FarEnd
from voice_assistant.devices.playout import Speaker
from voice_assistant.devices.stream import Clock, Post
from voice_assistant.errors import DeviceError

CAPTURE_MS = 20
PLAYOUT_MS = 10

PCM = 1
EXTENSIBLE = 0xFFFE
"""Format tags of a WAV file; an extensible one gives the real tag in the first bytes of its sub-format.
Multimedia Programming Interface and Data Specifications 1.0 (IBM and Microsoft, 1991); ``mmreg.h``."""

HOW_TO_CONVERT = "Convert it: ffmpeg -i FILE -c:a pcm_s16le -ac 1 -ar 16000 FILE.wav"


def read_wav(path: Path) -> tuple[bytes, int]:
    """Read a WAV file of whole-number PCM: any rate, 8 to 32 bits, one channel or two.

    Returns:
        16-bit little-endian mono, and its rate in hertz.

    Raises:
        DeviceError: It cannot be read, is no WAV file, or holds something else than PCM.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise DeviceError(f"cannot read {path}: {error.strerror}", remedy="Check the file's name.") from error
    chunks = _chunks(content) if content[:4] == b"RIFF" and content[8:12] == b"WAVE" else {}
    if len(chunks.get(b"fmt ", b"")) < 16 or b"data" not in chunks:
        raise DeviceError(f"{path} is not a WAV file", remedy=HOW_TO_CONVERT)
    tag, channels, rate, _, _, bits = struct.unpack_from("<HHIIHH", chunks[b"fmt "])
    if tag == EXTENSIBLE and len(chunks[b"fmt "]) >= 26:
        (tag,) = struct.unpack_from("<H", chunks[b"fmt "], 24)
    if tag != PCM or bits not in (8, 16, 24, 32) or channels not in (1, 2) or not 1000 <= rate <= 768_000:
        raise DeviceError(
            f"{path} holds {bits}-bit sound of {channels} channels at {rate} Hz in format {tag:#x}; "
            "PCM of 8 to 32 bits in one channel or two is understood",
            remedy=HOW_TO_CONVERT,
        )
    frame_bytes = channels * bits // 8
    data = chunks[b"data"]
    samples = _to_16_bit(data[: len(data) // frame_bytes * frame_bytes], bits).reshape(-1, channels)
    return np.rint(samples.mean(axis=1)).astype("<i2").tobytes(), rate


def read_at(path: Path, rate: int) -> bytes:
    """Read a WAV file as 16-bit little-endian mono at *rate* hertz.

    Raises:
        DeviceError: As ``read_wav``.
    """
    return _convert(*read_wav(path), rate)


def wav_seconds(path: Path) -> float:
    """Say how long a WAV file is, in seconds.

    Raises:
        DeviceError: As ``read_wav``.
    """
    pcm, rate = read_wav(path)
    return len(pcm) / SAMPLE_BYTES / rate


class FileMicrophone:
    """Speaks a WAV file into the session, in real time, and silence from then on; or what it is told to say.

    Args:
        path: What to speak; None for silence alone.
        far_end: What the loudspeaker is given; there is no echo of it here.
        post: Takes ``Captured``, and one ``StopRequested``; called on the loop's thread.
        loop: Where the session lives.
        clock: The session's clock, in seconds.
        grace_s: Silence after the file before the session is asked to stop; None never asks.
    """

    def __init__(
        self,
        path: Path | None,
        far_end: FarEnd,
        post: Post,
        loop: asyncio.AbstractEventLoop,
        clock: Clock,
        *,
        grace_s: float | None = None,
    ) -> None:
        self._path = path
        self._far_end = far_end
        self._post = post
        self._loop = loop
        self._clock = clock
        self._grace_s = grace_s
        self._sound = b""
        self._next_sample = 0
        self._due = 0.0
        self._timer: asyncio.Handle | None = None
        self.overruns = 0
        """A file loses nothing: always 0."""

    def open(self) -> None:
        """Read the file and begin to speak it, or go on after ``close``.

        Raises:
            DeviceError: As ``read_wav``.
        """
        if self._path and not self._sound:
            self._sound = read_at(self._path, NEAR_RATE)
        self._far_end.realign()
        self._due = self._clock() + CAPTURE_MS / 1000
        self._timer = self._loop.call_later(CAPTURE_MS / 1000, self._come)

    def close(self) -> None:
        """Stop speaking."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def say(self, pcm: bytes) -> None:
        """Speak this too: from now on, or after what is still being spoken. 16-bit mono at 16 kHz."""
        self._sound = self._sound.ljust(self._next_sample * SAMPLE_BYTES, b"\0") + pcm

    def _come(self) -> None:
        # After a stall of the loop a loudspeaker that is a file has as much to catch up with as we have, and
        # is the far end of ours. So it goes first: whatever is due by now has run a round later.
        self._timer = self._loop.call_soon(self._give_way, self._clock())

    def _give_way(self, now: float) -> None:
        self._timer = self._loop.call_soon(self._speak, now)

    def _speak(self, now: float) -> None:
        while self._timer is not None and self._due <= now:
            # As much as the loudspeaker would have been given by then, had nothing stalled.
            late_blocks = int((now - self._due) * 1000 / PLAYOUT_MS)
            written = self._far_end.written - late_blocks * REPLY_RATE * PLAYOUT_MS // 1000
            self._speak_block(self._due, max(0, written))
            self._due += CAPTURE_MS / 1000
        if self._timer is not None:
            self._timer = self._loop.call_later(max(0.0, self._due - self._clock()), self._come)

    def _speak_block(self, at: float, written: int) -> None:
        first, length = self._next_sample, NEAR_RATE * CAPTURE_MS // 1000
        pcm = self._sound[first * SAMPLE_BYTES : (first + length) * SAMPLE_BYTES]
        near = AudioFrame(pcm.ljust(length * SAMPLE_BYTES, b"\0"), NEAR_RATE, first)
        self._next_sample = near.end_sample
        far_samples = REPLY_RATE * CAPTURE_MS // 1000
        far_end = near.end_sample * REPLY_RATE // NEAR_RATE
        far = self._far_end.partner(far_end, far_samples, written)
        self._post(Captured(at, near, far))
        silent_s = near.end_sample / NEAR_RATE - len(self._sound) / SAMPLE_BYTES / NEAR_RATE
        if self._grace_s is not None and silent_s >= self._grace_s:
            self._grace_s = None
            self._post(StopRequested(at, "the file has been spoken"))


class FileSpeaker:
    """Writes what would be heard to a WAV file, in real time: 24 kHz, 16-bit mono.

    The file begins with the first sound and ends with the last; pauses between are kept.

    Args:
        path: Written anew; the header is right whenever the file is closed. None: nobody hears it, and it
            passes in real time all the same.
        mixer: Gives the sound.
        far_end: Told what was pulled.
        post: Takes what became of playout; called on the loop's thread.
        loop: Where the session lives.
        clock: The session's clock, in seconds.
    """

    def __init__(
        self,
        path: Path | None,
        mixer: Mixer,
        far_end: FarEnd,
        post: Post,
        loop: asyncio.AbstractEventLoop,
        clock: Clock,
    ) -> None:
        self._path = path
        self._loop = loop
        self._clock = clock
        self._far_end = far_end
        self._desk = Desk(mixer, far_end, post, loop, clock)
        self._disk: BinaryIO | None = None
        self._file: wave.Wave_write | None = None
        self._has_begun = False
        self._pause_ms = 0
        self._due = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self.underflows = 0
        """A file is never too late: always 0."""

    def open(self) -> None:
        """Create the file and begin to write.

        Raises:
            DeviceError: The file cannot be written.
        """
        if self._path is not None:
            self._create(self._path)
        self._far_end.realign()
        self._due = self._clock()
        self._timer = self._loop.call_later(0, self._play)
        self._desk.start_progress()

    def _create(self, path: Path) -> None:
        try:
            self._disk = path.open("wb")
        except OSError as error:
            raise DeviceError(
                f"cannot write {path}: {error.strerror}", remedy="Choose another place for the file."
            ) from error
        self._file = wave.open(self._disk)  # noqa: SIM115 - open until close()
        self._file.setnchannels(1)
        self._file.setsampwidth(SAMPLE_BYTES)
        self._file.setframerate(REPLY_RATE)

    def close(self) -> None:
        """Finish the file; the mixer keeps what was not pulled."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._desk.stop_progress()
        if self._file is not None:
            self._file.close()  # which completes the header
            self._file = None
        if self._disk is not None:
            self._disk.close()
            self._disk = None

    def perform(self, command: PlayoutCommand) -> None:
        """Do as the conversation says; on the loop's thread, and at once.

        Raises:
            ValueError: The sound of a ``Play`` ends in the middle of a sample.
        """
        self._desk.perform(command)

    def _play(self) -> None:
        while self._due <= self._clock():
            pcm, something_to_tell = self._desk.pull(REPLY_RATE * PLAYOUT_MS // 1000, self._due, 0.0)
            self._write(pcm)
            if something_to_tell:
                self._desk.deliver()
            self._due += PLAYOUT_MS / 1000
        if self._timer is not None:
            self._timer = self._loop.call_later(max(0.0, self._due - self._clock()), self._play)

    def _write(self, pcm: bytes) -> None:
        if not any(pcm):
            self._pause_ms += PLAYOUT_MS
            return
        if self._file is not None:
            if self._has_begun:
                self._file.writeframesraw(silence(self._pause_ms, REPLY_RATE))
            self._file.writeframesraw(pcm)
        self._has_begun = True
        self._pause_ms = 0


class TwoSpeakers:
    """Two loudspeakers that hear the same commands: a device, and the file that keeps what it plays.

    What becomes of playout is told by the first; make the second with a *post* that throws it away.
    """

    def __init__(self, first: Speaker, second: FileSpeaker) -> None:
        self._both = (first, second)

    def open(self) -> None:
        """Open both.

        Raises:
            DeviceError: One of them cannot be used.
        """
        for speaker in self._both:
            speaker.open()

    def close(self) -> None:
        """Close both."""
        for speaker in self._both:
            speaker.close()

    def perform(self, command: PlayoutCommand) -> None:
        """Have both do as the conversation says."""
        for speaker in self._both:
            speaker.perform(command)


def _chunks(content: bytes) -> dict[bytes, bytes]:
    """Take a RIFF file apart; a chunk that is cut short (a stream never finished) ends with the file."""
    found: dict[bytes, bytes] = {}
    at = 12
    while at + 8 <= len(content):
        name, length = struct.unpack_from("<4sI", content, at)
        found.setdefault(name, content[at + 8 : at + 8 + length])
        at += 8 + length + length % 2
    return found


def _to_16_bit(data: bytes, bits: int) -> NDArray[np.float64]:
    """Bring PCM of any width to the scale of 16 bits; eight bits are unsigned in a WAV file."""
    match bits:
        case 8:
            return (np.frombuffer(data, dtype=np.uint8).astype(np.float64) - 128) * 256
        case 24:
            # Three bytes become the upper three of four.
            wide = np.zeros((len(data) // 3, 4), dtype=np.uint8)
            wide[:, 1:] = np.frombuffer(data, dtype=np.uint8).reshape(-1, 3)
            return np.minimum(wide.view("<i4").ravel() / 65536.0, 32767.0)
        case 32:
            return np.minimum(np.frombuffer(data, dtype="<i4") / 65536.0, 32767.0)
        case _:
            return np.frombuffer(data, dtype="<i2").astype(np.float64)


def _convert(pcm: bytes, from_rate: int, to_rate: int) -> bytes:
    """Convert a whole file, a second at a time: all at once would need much memory."""
    resampler = Resampler(from_rate, to_rate)
    second = from_rate * SAMPLE_BYTES
    parts = [resampler.feed(pcm[at : at + second]) for at in range(0, len(pcm), second)]
    return b"".join([*parts, resampler.flush()])
