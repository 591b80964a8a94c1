"""ReplySound: the samples of one reply that are still to be played, and the books on all of them.

The jitter buffer takes pieces from it and hands them out; what the device pulls of a piece is booked here as
played. Which piece comes next, and when, is the jitter buffer's decision.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from voice_assistant.core.audio import SAMPLE_BYTES


@dataclass(frozen=True, slots=True)
class Books:
    """What became of a reply's samples; ``received == played + queued + cut`` at any time.

    Args:
        received: Samples pushed.
        played: Samples of media pulled.
        queued: Samples still to be pulled.
        cut: Samples given up by ``drop``, or pushed when the reply was over.
        stretched: Samples inserted into speech to play it slower; none of the reply's own.
        paused: Samples inserted into its natural pauses; none of its own either.
    """

    received: int = 0
    played: int = 0
    queued: int = 0
    cut: int = 0
    stretched: int = 0
    paused: int = 0


@dataclass(slots=True, eq=False)
class ReplySound:
    """One reply.

    Args:
        item: The provider's id for it.
        queued: Samples that no piece was made of so far.
        ended: Nothing more is waited for.
        over: Drained or dropped; it plays no more.
        waiting: Not playing: not started, or run dry.
        dry: It has run dry, and nothing has come since.
    """

    item: str
    queued: int = 0
    played: int = 0
    cut: int = 0
    stretched: int = 0
    paused: int = 0
    ended: bool = False
    over: bool = False
    waiting: bool = True
    dry: bool = False
    _received: int = 0
    _parts: deque[memoryview] = field(default_factory=deque)

    def add(self, pcm: bytes) -> int:
        """Queue more, or book it as cut if the reply is over; the number of samples queued."""
        samples = len(pcm) // SAMPLE_BYTES
        self._received += samples
        if self.over:
            self.cut += samples
            return 0
        self._parts.append(memoryview(pcm))
        self.queued += samples
        return samples

    def peek(self, samples: int) -> bytes:
        """The next *samples*, which stay; at most those queued."""
        wanted = samples * SAMPLE_BYTES
        seen = []
        for part in self._parts:
            seen.append(part[:wanted])
            wanted -= len(seen[-1])
            if not wanted:
                break
        return b"".join(seen)

    def take(self, samples: int) -> bytes:
        """Remove the next *samples*; at most those queued."""
        wanted = samples * SAMPLE_BYTES
        taken = []
        while wanted:
            part = self._parts.popleft()
            if len(part) > wanted:
                self._parts.appendleft(part[wanted:])
                part = part[:wanted]
            wanted -= len(part)
            taken.append(part)
        self.queued -= samples
        return b"".join(taken)

    def give_up(self) -> None:
        """Cut all that is queued; it plays no more."""
        self.cut += self.queued
        self.queued = 0
        self._parts.clear()
        self.over = True

    def books(self) -> Books:
        """What became of its samples so far."""
        return Books(
            received=self._received,
            played=self.played,
            queued=self._received - self.played - self.cut,
            cut=self.cut,
            stretched=self.stretched,
            paused=self.paused,
        )


@dataclass(slots=True, eq=False)
class Piece:
    """Sound ready to be pulled, which stands for *media* samples of a reply: all, some or none of its own."""

    pcm: bytes
    reply: ReplySound
    media: int
    pulled: int = 0

    @property
    def samples(self) -> int:
        """Its whole length."""
        return len(self.pcm) // SAMPLE_BYTES

    @property
    def media_left(self) -> int:
        """Media samples that will be booked as played when the rest is pulled."""
        return self.media - self._media_at(self.pulled)

    @property
    def rest(self) -> bytes:
        """What has not been pulled."""
        return self.pcm[self.pulled * SAMPLE_BYTES :]

    def pull(self, samples: int) -> bytes:
        """Hand out up to *samples* more, and book them as played."""
        start = self.pulled
        end = self.pulled = min(start + samples, self.samples)
        self.reply.played += self._media_at(end) - self._media_at(start)
        return self.pcm[start * SAMPLE_BYTES : end * SAMPLE_BYTES]

    def _media_at(self, samples: int) -> int:
        return self.media * samples // self.samples
