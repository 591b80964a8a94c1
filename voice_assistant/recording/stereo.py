"""The sound of a session as one WAV file: the microphone on the left, the loudspeaker on the right.

The two are locked sample by sample, as they were captured: what stands side by side was in the air at the
same time, but for the lead that the far end has on its echo. The file has the rate of replies, 24 kHz, so
that what was played is there bit by bit; the microphone's 16 kHz are brought up to it without delay. Its
header is true at every moment that ``settle`` was called, also when the program did not live to close it.
"""

from __future__ import annotations

import os
import struct
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np

from voice_assistant.core.audio import NEAR_RATE, REPLY_RATE, SAMPLE_BYTES, Resampler

RATE = REPLY_RATE
FRAME_BYTES = 2 * SAMPLE_BYTES
HEADER_BYTES = 44

LONGEST_BYTES = 2**32 - 2**16
"""A WAV file counts its bytes in 32 bits: about twelve hours. What comes after is left out."""

_SETTLE_FRAMES = RATE


class StereoFile:
    """A WAV file that grows, and whose holes are silent.

    Args:
        path: Must not exist; only the user can read what is made.
    """

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
        self._upsampler = Resampler(NEAR_RATE, RATE)
        self._origin: int | None = None
        self._next_sample = 0
        self._far = bytearray()
        self._frames = 0
        self._settled = 0
        self.settle()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def frame_of(self, sample: int) -> int:
        """Say where in the file a sample of the near end lies; *sample* counts at 16 kHz."""
        return (sample - (self._origin or 0)) * RATE // NEAR_RATE

    def add(self, near: bytes, far: bytes, first_sample: int) -> None:
        """Write one block of both ends.

        Args:
            near: 16 kHz, 16-bit mono.
            far: 24 kHz, 16-bit mono; the same stretch of time.
            first_sample: Where *near* lies, at 16 kHz. What is missing since the block before is silence;
                the first block begins the file.

        Raises:
            OSError: The disk is full or gone.
        """
        if self._origin is None:
            self._origin = self._next_sample = first_sample
        if first_sample > self._next_sample:
            self._skip_to(first_sample)
        self._next_sample = max(self._next_sample, first_sample) + len(near) // SAMPLE_BYTES
        self._far += far
        self._write(self._upsampler.feed(near))
        if self._frames - self._settled >= _SETTLE_FRAMES:
            self.settle()

    def settle(self) -> None:
        """Make the header true."""
        size = min(self._frames * FRAME_BYTES, LONGEST_BYTES)
        os.pwrite(self._file, _header(size), 0)
        self._settled = self._frames

    def close(self) -> None:
        """Write what was held back, and make the file what it says."""
        try:
            self._write(self._upsampler.flush())
            self.settle()
            # A hole at the very end has been skipped, not written.
            os.ftruncate(self._file, HEADER_BYTES + min(self._frames * FRAME_BYTES, LONGEST_BYTES))
        finally:
            os.close(self._file)

    def _skip_to(self, first_sample: int) -> None:
        """Leave a hole: its bytes read as zeros and, on most disks, take no room."""
        self._write(self._upsampler.flush())
        self._far.clear()
        self._frames = self.frame_of(first_sample)

    def _write(self, near: bytes) -> None:
        """Put *near*, at 24 kHz, beside as much of the far end; a far end that is short is silent there."""
        count = len(near) // SAMPLE_BYTES
        if count == 0:
            return
        both = np.zeros((count, 2), dtype="<i2")
        both[:, 0] = np.frombuffer(near, dtype="<i2")
        far = np.frombuffer(bytes(self._far[: len(near)]), dtype="<i2")
        both[: far.size, 1] = far
        del self._far[: len(near)]
        start = HEADER_BYTES + self._frames * FRAME_BYTES
        if start + both.nbytes <= LONGEST_BYTES:
            _write_all(self._file, both.tobytes(), start)
        self._frames += count


def _write_all(file: int, data: bytes, start: int) -> None:
    written = 0
    while written < len(data):
        # A disk that fills up takes a part first, and refuses the rest at the next try.
        written += os.pwrite(file, data[written:], start + written)


def _header(size: int) -> bytes:
    """Make the 44 bytes before the samples (Microsoft and IBM, "Multimedia Programming Interface", 1991)."""
    form = struct.pack("<HHIIHH", 1, 2, RATE, RATE * FRAME_BYTES, FRAME_BYTES, 8 * SAMPLE_BYTES)
    chunks = b"WAVEfmt " + struct.pack("<I", len(form)) + form + b"data" + struct.pack("<I", size)
    return b"RIFF" + struct.pack("<I", len(chunks) + size) + chunks
