"""The rig that latency is measured on: the virtual sound card, recorded with the time of every sample.

One clock for everything: ``time.monotonic``. The scripted server notes with it when a message came, a key is
pressed at a time of it, and each sample of the recording gets a time of it: that at which it could first be
read from the card's monitor. The recording is read in small fragments, and for each one it is noted when it
came and how many samples had come by then; a fragment can be late but never early, so the earliest arrivals
give the line from samples to time. They are taken within a few seconds around a sample, because the card's
clock runs up to 700 ppm beside the system's. The uncertainty is one fragment, 5 ms, at most: all figures
that join sound to messages are that coarse, and say too much rather than too little.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
from numpy.typing import NDArray

from tests.support.sound_server import CARD_RATE, FORMAT, SoundServer

FRAGMENT_MS = 5
AROUND_S = 5.0
QUIET_DBFS = -60.0
QUIET_FOR_MS = 60
NOTHING_DBFS = -86.0
"""Not even the noise in the pauses of a ducked reply: nothing is played."""

Samples = NDArray[np.int16]


@dataclass(frozen=True, slots=True)
class Timed:
    """A recording: ``(samples, 2)`` at ``CARD_RATE``, loudspeaker and microphone, and when its parts came."""

    stereo: Samples
    arrivals: NDArray[np.float64]
    counts: NDArray[np.int64]

    @property
    def speaker(self) -> Samples:
        """What the loudspeaker carried."""
        return self.stereo[:, 0]

    @property
    def microphone(self) -> Samples:
        """What the microphone carried."""
        return self.stereo[:, 1]

    def time_of(self, sample: float) -> float:
        """Say when a sample passed the card (``time.monotonic``)."""
        near = np.abs(self.counts - sample) < AROUND_S * CARD_RATE
        offsets = self.arrivals[near] - self.counts[near] / CARD_RATE
        return float(np.min(offsets)) + sample / CARD_RATE

    def sample_at(self, moment: float) -> int:
        """Give the sample that passed the card at a time; the inverse of ``time_of``."""
        guess = round((moment - self.time_of(0)) * CARD_RATE)
        return round(guess + (moment - self.time_of(guess)) * CARD_RATE)

    def silent_from(self, sample: int, below_dbfs: float = QUIET_DBFS) -> int | None:
        """Find the first sample from *sample* on after which the loudspeaker is quiet for a while."""
        frame = CARD_RATE // 1000
        part = self.speaker[sample:].astype(np.float64)
        part = part[: part.size // frame * frame].reshape(-1, frame)
        loud = np.sqrt(np.mean(part**2, axis=1)) > 32768 * 10 ** (below_dbfs / 20)
        run = 0
        for at, is_loud in enumerate(loud):
            run = 0 if is_loud else run + 1
            if run == QUIET_FOR_MS:
                return sample + (at + 1 - run) * frame
        return None


class TimedRecording:
    """Records the card's monitor, from ``with`` to the end of it; then ``timed`` holds what came."""

    def __init__(self, server: SoundServer) -> None:
        self._server = server
        self._parec: subprocess.Popen[bytes] | None = None
        self._reader = threading.Thread(target=self._read, name="recording", daemon=True)
        self._parts: list[bytes] = []
        self._arrivals: list[float] = []
        self.timed = Timed(np.zeros((0, 2), np.int16), np.zeros(0), np.zeros(0, np.int64))

    def __enter__(self) -> Self:
        command = ["parec", "--device=card.monitor", *FORMAT.split(), "--channels=2"]
        self._parec = subprocess.Popen(
            [*command, f"--latency-msec={FRAGMENT_MS}"], env=self._server.env, stdout=subprocess.PIPE
        )
        first(self._parec.pid)
        self._reader.start()
        end = time.monotonic() + 5
        while not self._parts:
            if time.monotonic() > end:
                raise RuntimeError("the recording did not start")
            time.sleep(0.01)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._parec is not None
        self._parec.terminate()
        self._reader.join()
        self._parec.wait()
        raw = b"".join(self._parts)
        counts = np.cumsum([len(part) for part in self._parts]) // 4
        stereo = np.frombuffer(raw[: len(raw) // 4 * 4], "<i2").reshape(-1, 2)
        self.timed = Timed(stereo, np.array(self._arrivals), counts)

    def _read(self) -> None:
        assert self._parec is not None
        assert self._parec.stdout is not None
        first(threading.get_native_id())
        while part := os.read(self._parec.stdout.fileno(), 65536):
            self._arrivals.append(time.monotonic())
            self._parts.append(part)


def first(task: int) -> None:
    """Let a process or a thread go before others, where the system allows it."""
    with contextlib.suppress(OSError, AttributeError):
        os.sched_setscheduler(task, os.SCHED_RR, os.sched_param(1))


@dataclass(frozen=True, slots=True)
class Spent:
    """What a process has used so far."""

    cpu_s: float
    rss_mb: float
    at: float

    @classmethod
    def by(cls, pid: int) -> Spent:
        """Look at a process (Linux)."""
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        ticks = int(fields[11]) + int(fields[12])
        status = Path(f"/proc/{pid}/status").read_text()
        peak_kb = int(status.partition("VmHWM:")[2].split()[0])
        return cls(ticks / os.sysconf("SC_CLK_TCK"), peak_kb / 1024, time.monotonic())
