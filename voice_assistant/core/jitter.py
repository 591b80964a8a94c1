"""JitterBuffer: replies come in bursts, too early and too late; they go out in even blocks.

It queues the parts of each reply, decides when a reply may start and when it has run dry, stops and starts
it without a click, and keeps exact books of every sample: received, played, cut. It knows nothing of gain or
devices (``mixer.py``), and no clock: its time is the number of samples pulled, and the device never stops
pulling.

All sound is 16-bit little-endian mono at 24 kHz. Sound that is neither paused, dropped nor interrupted by
an underrun comes out byte for byte as it went in.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

from voice_assistant.core.audio import REPLY_RATE, SAMPLE_BYTES
from voice_assistant.core.settings import check_range
from voice_assistant.core.stretch import fade_in, fade_out, mirrored_tail

SAMPLES_PER_MS = REPLY_RATE // 1000


@dataclass(frozen=True, slots=True)
class PlayoutSettings:
    """How replies are buffered."""

    prefill_ms: int = 40
    """Sound gathered before a reply starts; a reply that is complete starts at once. 0 to 2000."""

    fade_ms: int = 10
    """Length of the fades where sound stops or starts in the middle; 0 to 50. Below 5 it clicks."""

    def __post_init__(self) -> None:
        check_range(self, "prefill_ms", 0, 2000)
        check_range(self, "fade_ms", 0, 50)


@dataclass(frozen=True, slots=True)
class Started:
    """The first sample of a reply was pulled."""

    item: str


@dataclass(frozen=True, slots=True)
class Drained:
    """The last sample of a complete reply was pulled."""

    item: str
    heard_ms: float


@dataclass(frozen=True, slots=True)
class RanDry:
    """A reply had run dry before its end, and more of it has come."""

    item: str


Note = Started | Drained | RanDry


@dataclass(frozen=True, slots=True)
class Books:
    """What became of a reply's samples; ``received == played + queued + cut`` at any time.

    Args:
        received: Samples pushed.
        played: Samples of media pulled.
        queued: Samples still to be pulled.
        cut: Samples given up by ``drop``, or pushed when the reply was over.
    """

    received: int
    played: int
    queued: int
    cut: int


@dataclass(slots=True, eq=False)
class _Reply:
    """One item: its samples that are still to be rendered, and its account."""

    item: str
    parts: deque[memoryview]
    queued: int = 0
    received: int = 0
    played: int = 0
    cut: int = 0
    ended: bool = False
    over: bool = False
    waiting: bool = True
    dry: bool = False

    def take(self, samples: int) -> bytes:
        """Remove the next *samples*; at most those queued."""
        wanted = samples * SAMPLE_BYTES
        taken = []
        while wanted:
            part = self.parts.popleft()
            if len(part) > wanted:
                self.parts.appendleft(part[wanted:])
                part = part[:wanted]
            wanted -= len(part)
            taken.append(part)
        self.queued -= samples
        return b"".join(taken)

    def give_up(self) -> None:
        """Cut all that is queued."""
        self.cut += self.queued
        self.queued = 0
        self.parts.clear()
        self.over = True


@dataclass(slots=True, eq=False)
class _Piece:
    """Sound rendered and not yet pulled, standing for *media* samples of a reply."""

    pcm: bytes
    reply: _Reply
    media: int
    pulled: int = 0

    @property
    def samples(self) -> int:
        return len(self.pcm) // SAMPLE_BYTES

    @property
    def media_left(self) -> int:
        """Media samples that will be booked as played when the rest is pulled."""
        return self.media - self.media_at(self.pulled)

    def media_at(self, samples: int) -> int:
        """Media samples that the first *samples* stand for."""
        return self.media * samples // self.samples

    def pull(self, samples: int) -> bytes:
        """Hand out up to *samples* more, and book them as played."""
        start = self.pulled
        end = self.pulled = min(start + samples, self.samples)
        self.reply.played += self.media_at(end) - self.media_at(start)
        return self.pcm[start * SAMPLE_BYTES : end * SAMPLE_BYTES]


class JitterBuffer:
    """Queues replies in the order of their first parts and plays them one after another.

    A later reply's first part ends the one before: whatever is missing of it then is not waited for.
    Not locked: its owner calls it under one lock.
    """

    def __init__(self, settings: PlayoutSettings) -> None:
        self._prefill = settings.prefill_ms * SAMPLES_PER_MS
        self._fade = settings.fade_ms * SAMPLES_PER_MS
        self._replies: dict[str, _Reply] = {}
        self._queue: deque[_Reply] = deque()
        self._ready: deque[_Piece] = deque()
        self._recent = b""
        self._faded_in = self._fade
        self._paused = False
        self._notes: list[Note] = []

    def push(self, item: str, pcm: bytes) -> None:
        """Queue the next part of a reply; never refuses for length.

        Args:
            item: The reply's id. Parts of a reply that was dropped or has drained are booked as cut.
            pcm: Any whole number of samples.

        Raises:
            ValueError: *pcm* ends in the middle of a sample.
        """
        if len(pcm) % SAMPLE_BYTES:
            raise ValueError(f"{len(pcm)} bytes end in the middle of a 16-bit sample")
        if not pcm:
            return
        reply = self._replies.get(item) or self._enqueue(item)
        samples = len(pcm) // SAMPLE_BYTES
        reply.received += samples
        if reply.over:
            reply.cut += samples
            return
        reply.parts.append(memoryview(pcm))
        reply.queued += samples
        if reply.dry:
            reply.dry = False
            self._notes.append(RanDry(item))

    def end(self, item: str) -> None:
        """Nothing more of this reply is to be waited for; one that never had sound drains with 0 ms heard."""
        reply = self._replies.get(item) or self._enqueue(item)
        reply.ended = True

    def pause(self) -> None:
        """Fade out what is playing and hold everything, later replies too, until ``resume``."""
        if not self._paused:
            self._paused = True
            self._stop()

    def resume(self) -> None:
        """Go on from the sample where it was paused, fading in."""
        self._paused = False

    def drop(self, item: str) -> float:
        """Fade out a reply and give up the rest of it, for good; a pause goes on.

        Returns:
            Milliseconds of media that will have been pulled once the fade is out; 0 for an item
            not seen so far, which will not be heard either.
        """
        reply = self._replies.get(item)
        if reply is None:
            self._replies[item] = _Reply(item, deque(), over=True)
            return 0.0
        if not reply.over:
            if reply is self._queue[0]:
                if not self._paused:
                    self._stop()
                self._faded_in = self._fade  # whatever comes next begins as it is
            reply.give_up()
            self._queue.remove(reply)
        fading = sum(piece.media_left for piece in self._ready if piece.reply is reply)
        return (reply.played + fading) / SAMPLES_PER_MS

    def pull(self, samples: int) -> bytes:
        """The next *samples*, exactly; silence where there is nothing to play."""
        blocks = []
        missing = samples
        while missing and (self._ready or self._render(missing)):
            piece = self._ready[0]
            block = piece.pull(missing)
            if piece.pulled == piece.samples:
                self._ready.popleft()
            blocks.append(block)
            missing -= len(block) // SAMPLE_BYTES
        self._retire()
        if missing:
            blocks.append(bytes(missing * SAMPLE_BYTES))
        return blocks[0] if len(blocks) == 1 else b"".join(blocks)

    def take_notes(self) -> list[Note]:
        """What has happened since the last call."""
        notes, self._notes = self._notes, []
        return notes

    def heard(self) -> tuple[str, float] | None:
        """The reply that has started and is not over, with the milliseconds of media pulled from it."""
        if self._queue and (reply := self._queue[0]).played:
            return reply.item, reply.played / SAMPLES_PER_MS
        return None

    def books(self, item: str) -> Books | None:
        """What became of the samples of a reply; None for an unknown item."""
        reply = self._replies.get(item)
        if reply is None:
            return None
        return Books(reply.received, reply.played, reply.received - reply.played - reply.cut, reply.cut)

    def _enqueue(self, item: str) -> _Reply:
        if self._queue:
            self._queue[-1].ended = True
        reply = self._replies[item] = _Reply(item, deque())
        self._queue.append(reply)
        return reply

    def _render(self, wanted: int) -> bool:
        """Make the next piece ready, of at most *wanted* samples; False when there is nothing to play."""
        self._retire()
        if self._ready:
            return True
        if self._paused or not self._queue:
            return False
        reply = self._queue[0]
        if reply.waiting:
            if not reply.ended and reply.queued < max(self._prefill, 1):
                return False
            reply.waiting = False
        if not reply.queued:
            reply.waiting = reply.dry = True
            return self._break_off(reply)
        if not reply.played:
            self._notes.append(Started(reply.item))
        self._ready.append(self._piece(reply, min(wanted, reply.queued)))
        return True

    def _piece(self, reply: _Reply, samples: int) -> _Piece:
        pcm = reply.take(samples)
        if self._faded_in < self._fade:
            rising = min(samples, self._fade - self._faded_in)
            cut = rising * SAMPLE_BYTES
            pcm = fade_in(pcm[:cut], self._faded_in, self._fade) + pcm[cut:]
            self._faded_in += rising
        self._recent = (self._recent + pcm)[-self._fade * SAMPLE_BYTES :] if self._fade else b""
        return _Piece(pcm, reply, samples)

    def _stop(self) -> None:
        """Turn what is ready and the next few milliseconds of the reply that is playing into its fade."""
        if not self._queue or (reply := self._queue[0]).waiting:
            return
        pcm, media = b"", 0
        while self._ready:
            piece = self._ready.popleft()
            pcm += piece.pcm[piece.pulled * SAMPLE_BYTES :]
            media += piece.media_left
        missing = min(max(self._fade - len(pcm) // SAMPLE_BYTES, 0), reply.queued)
        if missing:
            pcm += self._piece(reply, missing).pcm
            media += missing
        if pcm:
            self._ready.append(_Piece(fade_out(pcm), reply, media))
        else:
            self._break_off(reply)
        self._start_silent()

    def _break_off(self, reply: _Reply) -> bool:
        """Follow sound that was handed out to its last sample with a tail; False where none is needed."""
        tail = mirrored_tail(self._recent)
        self._start_silent()
        if tail:
            self._ready.append(_Piece(tail, reply, 0))
        return bool(tail)

    def _start_silent(self) -> None:
        self._recent = b""
        self._faded_in = 0

    def _retire(self) -> None:
        """Take leave of replies of which everything was pulled."""
        while self._queue and not self._ready:
            reply = self._queue[0]
            if reply.queued or not reply.ended:
                return
            self._queue.popleft()
            reply.over = True
            self._notes.append(Drained(reply.item, reply.played / SAMPLES_PER_MS))
            self._break_off(reply)
            self._faded_in = self._fade  # the next one begins as it is
