"""Stretches: speech cut at its pauses, into parts that can be recognised one by one.

A recogniser takes a few seconds at a time, and a word that is cut in two is two wrong ones. So a stretch ends
in the first pause after some seconds, and where nobody draws breath, in the quietest moment.
"""

from __future__ import annotations

import numpy as np

from voice_assistant.core.audio import REPLY_RATE, SAMPLE_BYTES

FRAME_MS = 20
SHORTEST_MS = 2500
"""Before this no pause is looked for: a recogniser needs some context."""

LONGEST_MS = 12_000
"""A stretch without a pause is cut by then; small recognisers are made for less than half a minute."""

PAUSE_MS = 200
"""A silence this long is no stop inside a word: those of plosives take 50 to 150 ms."""

SPEECH_MS = 100
"""A stretch with less sound than this says nothing; recognisers make words of a breath."""

BELOW_DB = 30.0
"""So far below the loudest frame so far there is no speech."""

SILENT_DBFS = -55.0
"""Nor is there below this, however quiet the rest."""

_FRAME_BYTES = REPLY_RATE * FRAME_MS // 1000 * SAMPLE_BYTES


class Stretches:
    """Takes sound as it comes, gives it back in stretches: 16-bit mono at 24 kHz."""

    def __init__(self) -> None:
        self._pcm = bytearray()
        self._levels: list[float] = []
        self._loudest = SILENT_DBFS
        self._tried = 0

    @property
    def ms(self) -> float:
        """Milliseconds of sound that were not given back yet."""
        return len(self._pcm) / SAMPLE_BYTES * 1000 / REPLY_RATE

    def feed(self, pcm: bytes) -> None:
        """Take the next sound."""
        self._pcm += pcm
        known = len(self._levels)
        frames = len(self._pcm) // _FRAME_BYTES - known
        if frames > 0:
            fresh = bytes(self._pcm[known * _FRAME_BYTES : (known + frames) * _FRAME_BYTES])
            samples = np.frombuffer(fresh, "<i2").astype(np.float32).reshape(frames, -1) / 32768
            power = np.maximum(np.mean(samples * samples, axis=1), 1e-12)
            self._levels += (10 * np.log10(power)).tolist()
            self._loudest = max(self._loudest, *self._levels[known:])

    def keep(self, ms: float) -> None:
        """Forget all but the first so many milliseconds of what was not given back yet."""
        del self._pcm[max(round(ms * REPLY_RATE / 1000), 0) * SAMPLE_BYTES :]
        del self._levels[len(self._pcm) // _FRAME_BYTES :]

    def take(self, *, is_over: bool) -> tuple[bytes, bool]:
        """Give the next stretch, empty while there is none; and say whether there is speech in it.

        Args:
            is_over: No more sound will come: what is left is a stretch.
        """
        if not is_over and self._tried == len(self._levels):
            return b"", False  # It was looked at already.
        self._tried = len(self._levels)
        if (end := self._end()) is None:
            end = len(self._pcm) if is_over else 0
        stretch = bytes(self._pcm[:end])
        loud = sum(level >= self._quiet for level in self._levels[: end // _FRAME_BYTES])
        if end:
            del self._pcm[:end]
            del self._levels[: end // _FRAME_BYTES]
            self._tried = 0
        return stretch, loud * FRAME_MS >= SPEECH_MS

    @property
    def _quiet(self) -> float:
        return max(self._loudest - BELOW_DB, SILENT_DBFS)

    def _end(self) -> int | None:
        """Where the next stretch ends, in bytes; None while it is to go on."""
        shortest, longest, pause = (ms // FRAME_MS for ms in (SHORTEST_MS, LONGEST_MS, PAUSE_MS))
        levels = self._levels[:longest]
        if len(levels) <= shortest:
            return None
        quiet, run = self._quiet, 0
        for frame in range(shortest - pause, len(levels)):
            run = run + 1 if levels[frame] < quiet else 0
            if run >= pause and frame >= shortest:
                return (frame + 1 - pause // 2) * _FRAME_BYTES
        if len(levels) < longest:
            return None
        return (shortest + int(np.argmin(levels[shortest:])) + 1) * _FRAME_BYTES
