"""The words of one turn, worked out while it is still going on.

Recognition takes a tenth of the sound's length or more, and an answer can begin only after it. So this does
not wait for the end of a turn: as soon as there is a short silence it takes what it has, in the hope that
nothing follows, and in a long turn what lies before such a silence is written down for good. Words that two
readings agree on are handed out on the way.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from dataclasses import dataclass

from voice_assistant.core.audio import NEAR_RATE, SAMPLE_BYTES
from voice_assistant.offline.recogniser import Recogniser
from voice_assistant.offline.watch import FRAME_MS

HOPEFUL_SILENCE_MS = 160
"""Silence after which the turn is read as if it were over."""
_SETTLED_MS = 8_000
"""A reading this long or longer, ended by a silence, is not read again."""
_LONGEST_OPEN_MS = 25_000
"""Speech without any silence is settled anyway after this long."""
_LONGEST_SILENCE_MS = 30_000
"""Kept of a turn in which nothing was heard yet."""
_FIRST_LOOK_MS = 1_500
_LOOK_EVERY_MS = 2_000
_LOOK_COST = 6.0
"""Looks on the way take at most one part in six of the time, so that the last one need not wait long."""
_LEAD_MS = 160
"""Kept of the silence before the first speech."""

_BYTES_MS = NEAR_RATE * SAMPLE_BYTES // 1000


@dataclass(slots=True)
class _Reading:
    """One run of the recogniser over the open part: how far it went, and its words to come."""

    upto: int
    words: asyncio.Task[str]
    settles: bool


class Dictation:
    """Writes down one turn.

    Args:
        recogniser: Reads sound.
        on_words: Called with words that will not change, as they become known; each call follows on the last.
        on_reading: Called when the turn was read up to its last speech, with all its words, if it were over.
    """

    def __init__(
        self,
        recogniser: Recogniser,
        on_words: Callable[[str], None],
        on_reading: Callable[[str], None] = lambda _words: None,
    ) -> None:
        self._recogniser = recogniser
        self._on_words = on_words
        self._on_reading = on_reading
        self._pcm = bytearray()
        self._settled: list[str] = []
        self._first_speech: int | None = None
        self._last_speech = 0
        self._silence_ms = 0
        self._reading: _Reading | None = None
        self._last_guess: list[str] = []
        self._handed_out = ""
        self._next_look_ms = float(_FIRST_LOOK_MS)
        self._last_cost_ms = 0.0

    @property
    def heard_speech(self) -> bool:
        """Was there speech in it, as far as the turn detection knows?"""
        return self._first_speech is not None or bool(self._settled)

    def feed(self, pcm: bytes, *, is_speech: bool) -> None:
        """Take the next sound of the turn: 16 kHz, about one frame."""
        self._pcm += pcm
        if is_speech:
            if self._first_speech is None:
                self._first_speech = max(0, len(self._pcm) - len(pcm))
                self._next_look_ms = len(self._pcm) / _BYTES_MS + _FIRST_LOOK_MS
            self._last_speech = len(self._pcm)
            self._silence_ms = 0
        else:
            self._silence_ms += len(pcm) // _BYTES_MS
        if self._first_speech is None:
            del self._pcm[: max(0, len(self._pcm) - _LONGEST_SILENCE_MS * _BYTES_MS)]
            return
        if HOPEFUL_SILENCE_MS <= self._silence_ms < HOPEFUL_SILENCE_MS + FRAME_MS:
            self._read(settles=self._open_ms() >= _SETTLED_MS)
        elif self._open_ms() >= _LONGEST_OPEN_MS and not self._busy():
            self._read(settles=True)
        elif is_speech and len(self._pcm) / _BYTES_MS >= self._next_look_ms and not self._busy():
            self._read(settles=False)

    def _open_ms(self) -> float:
        return (len(self._pcm) - (self._first_speech or 0)) / _BYTES_MS

    def _busy(self) -> bool:
        return self._reading is not None and not self._reading.words.done()

    def _read(self, *, settles: bool) -> None:
        if self._reading is not None and self._reading.settles and not self._reading.words.done():
            return  # it is about to cut the sound that this one would read
        if self._reading is not None:
            # One that still waits for the recogniser would only keep this one waiting, and says less.
            self._reading.words.cancel()
        sound = bytes(self._pcm[self._start() :])
        reading = _Reading(
            upto=len(self._pcm), words=asyncio.create_task(self._timed(sound)), settles=settles
        )
        reading.words.add_done_callback(lambda task: self._take(reading, task))
        self._reading = reading
        self._next_look_ms = len(self._pcm) / _BYTES_MS + max(_LOOK_EVERY_MS, self._last_cost_ms * _LOOK_COST)

    def _start(self) -> int:
        """Where the open part begins to be worth reading; the whole of it where no speech was noticed."""
        return max(0, self._first_speech - _LEAD_MS * _BYTES_MS) if self._first_speech is not None else 0

    async def _timed(self, sound: bytes) -> str:
        loop = asyncio.get_running_loop()
        started = loop.time()
        words = await self._recogniser.words(sound)
        self._last_cost_ms = (loop.time() - started) * 1000
        return words

    def _take(self, reading: _Reading, task: asyncio.Task[str]) -> None:
        """Hand out what this reading and the one before agree on; settle what is to be settled."""
        if task.cancelled() or task.exception() is not None:
            return  # whoever waits for the words is told
        guess = task.result().split()
        agreed = list(_common(self._last_guess, guess))
        self._last_guess = guess
        self._hand_out(" ".join([*self._settled, *agreed]))
        if reading.upto > self._last_speech and reading is self._reading:
            self._on_reading(" ".join([*self._settled, *guess]))
        if reading.settles and reading is self._reading:
            self._settled.append(task.result())
            del self._pcm[: reading.upto]
            self._last_speech -= reading.upto
            # Speech may have gone on while the recogniser worked.
            self._first_speech = 0 if self._last_speech > 0 else None
            self._last_guess = []
            self._reading = None

    def _hand_out(self, text: str) -> None:
        """Hand out what is new in *text*, if it still begins with what was handed out before."""
        if len(text) > len(self._handed_out) and text.startswith(self._handed_out):
            self._on_words(text[len(self._handed_out) :])
            self._handed_out = text

    async def finish(self) -> str:
        """End the turn; returns all its words, and hands out those that were not."""
        if self._reading is not None and self._reading.settles:
            await self._reading.words
            await asyncio.sleep(0)  # ``_take`` may still be waiting for its place in the loop
        rest = ""
        if self._first_speech is not None or not self._settled:
            reading = self._reading
            if reading is not None and reading.upto >= self._last_speech and self._first_speech is not None:
                rest = await reading.words
            else:
                rest = await self._recogniser.words(bytes(self._pcm[self._start() :]))
        text = " ".join(part for part in (*self._settled, rest) if part)
        self._hand_out(text)
        return text

    def drop(self) -> None:
        """Give the turn up."""
        if self._reading is not None:
            self._reading.words.cancel()


def _common(before: list[str], after: list[str]) -> list[str]:
    """Say which words both readings begin with, in the newer one's spelling."""
    agreed = []
    for old, new in zip(before, after, strict=False):
        if _bare(old) != _bare(new):
            break
        agreed.append(new)
    # The last word's punctuation is still open: "time" may become "time?".
    if agreed:
        agreed[-1] = agreed[-1].rstrip(".,?!;:")
    return agreed


def _bare(word: str) -> str:
    return re.sub(r"\W", "", word).lower()
