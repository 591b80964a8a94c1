"""JitterBuffer: replies come in bursts, too early and too late; they go out in even blocks.

It queues the parts of each reply, starts it as early and draws it out as much as the plan in force asks
(``delivery.py`` learns which), stops and starts it without a click, and keeps exact books of every sample.
It knows nothing of gain or devices (``mixer.py``), and no clock: its time is the number of samples pulled,
and the device never stops pulling.

All sound is 16-bit little-endian mono at 24 kHz. Every sample of a reply comes out once, as it went in, but
for those in a fade: at a pause, a drop and an underrun. A reply is only ever played slower, by samples
inserted between its own, and only while more of it is to come.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

from voice_assistant.core.audio import REPLY_RATE, SAMPLE_BYTES
from voice_assistant.core.delivery import Delivery
from voice_assistant.core.reply_sound import Books, Piece, ReplySound
from voice_assistant.core.settings import check_range
from voice_assistant.core.stretch import OVERLAP, Lengthener, fade_in, fade_out, mirrored_tail

SAMPLES_PER_MS = REPLY_RATE // 1000


@dataclass(frozen=True, slots=True)
class PlayoutSettings:
    """How replies are buffered."""

    adaptive: bool = True
    """Learn how this provider delivers; start as early as that allows, play a little slower when short."""

    prefill_ms: int = 40
    """Sound gathered before a reply starts: the first one, or every one if not adaptive; 0 to 2000."""

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


class JitterBuffer:
    """Queues replies in the order of their first parts and plays them one after another.

    A later reply's first part ends the one before: whatever is missing of it then is not waited for.
    Not locked: its owner calls it under one lock.

    Args:
        settings: Prefill and fades.
        learned: What an earlier session with this provider has ``learned``.
    """

    def __init__(self, settings: PlayoutSettings, learned: Sequence[float] | None = None) -> None:
        self._delivery = Delivery.of(settings.prefill_ms, adaptive=settings.adaptive, learned=learned)
        self._lengthener = Lengthener()
        self._fade = settings.fade_ms * SAMPLES_PER_MS
        self._replies: dict[str, ReplySound] = {}
        self._queue: deque[ReplySound] = deque()
        self._ready: deque[Piece] = deque()
        self._recent = b""
        self._faded_in = self._fade
        self._paused = False
        self._notes: list[Note] = []

    @property
    def learned(self) -> list[float]:
        """What this session knows of the provider's delivery, to be handed to the next one."""
        return self._delivery.learned

    def push(self, item: str, pcm: bytes) -> None:
        """Queue the next part of a reply; never refuses for length.

        Args:
            item: The reply's id. Parts of a reply that was dropped or has drained are booked as cut.
            pcm: Any whole number of samples; none is no part, and gives no place in the queue.

        Raises:
            ValueError: *pcm* ends in the middle of a sample.
        """
        if len(pcm) % SAMPLE_BYTES:
            raise ValueError(f"{len(pcm)} bytes end in the middle of a 16-bit sample")
        if not pcm:
            return
        reply = self._replies.get(item) or self._enqueue(item)
        queued = reply.add(pcm)
        if queued and not reply.ended:
            self._delivery.arrive(queued)
            if reply.dry:
                reply.dry = False
                self._notes.append(RanDry(item))

    def end(self, item: str) -> None:
        """Nothing more of this reply is to be waited for; one that never had sound drains with 0 ms heard."""
        self._end(self._replies.get(item) or self._enqueue(item))

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
            Milliseconds of media that will have been pulled once the fade is out; 0 for an item not seen so
            far, which will not be heard either.
        """
        reply = self._replies.get(item)
        if reply is None:
            self._replies[item] = ReplySound(item, over=True)
            return 0.0
        if not reply.over:
            if reply is self._queue[0]:
                if not self._paused:
                    self._stop()
                self._start_plain()
            self._end(reply)
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
        self._delivery.pass_time(samples)
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
        return None if reply is None else reply.books()

    def _enqueue(self, item: str) -> ReplySound:
        if self._queue:
            self._end(self._queue[-1])
        reply = self._replies[item] = ReplySound(item)
        self._queue.append(reply)
        self._delivery.begin()
        return reply

    def _end(self, reply: ReplySound) -> None:
        if not reply.ended:
            reply.ended = True
            # Only the newest reply can be without its end: the arrivals that are followed are its own.
            self._delivery.close()

    def _render(self, wanted: int) -> bool:
        """Make the next piece ready, for *wanted* samples; False when there is nothing to play."""
        self._retire()
        if self._ready:
            return True
        if self._paused or not self._queue:
            return False
        reply = self._queue[0]
        queued_ms = reply.queued / SAMPLES_PER_MS
        if reply.waiting:
            if not (reply.ended or self._is_enough(reply, queued_ms)):
                return False
            reply.waiting = False
            if (
                not reply.played
                and not reply.ended
                and (lead_in := round(self._delivery.lead_in_ms * SAMPLES_PER_MS))
            ):
                self._ready.append(Piece(bytes(lead_in * SAMPLE_BYTES), reply, 0))
                return True
        if not reply.queued:
            reply.waiting = reply.dry = True
            return self._break_off(reply)
        if not reply.played:
            self._notes.append(Started(reply.item))
        if reply.ended:
            self._take(reply, min(wanted, reply.queued))
            return True
        speed = self._delivery.speed(reply.played / SAMPLES_PER_MS, queued_ms)
        if speed == 1.0 or not self._lengthen(reply):
            self._lengthener.follow(self._take(reply, min(wanted, reply.queued, OVERLAP)), speed)
        return True

    def _is_enough(self, reply: ReplySound, queued_ms: float) -> bool:
        if reply.played:
            return self._delivery.lets_go_on(queued_ms)
        return self._delivery.lets_start(queued_ms)

    def _take(self, reply: ReplySound, samples: int) -> bytes:
        """Make a piece of the reply's next samples ready; they are returned as they went in."""
        pcm = played = reply.take(samples)
        if self._faded_in < self._fade:
            rising = min(samples, self._fade - self._faded_in)
            cut = rising * SAMPLE_BYTES
            played = fade_in(pcm[:cut], self._faded_in, self._fade) + pcm[cut:]
            self._faded_in += rising
        if self._fade:
            self._recent = (self._recent + played)[-self._fade * SAMPLE_BYTES :]
        self._ready.append(Piece(played, reply, samples))
        return pcm

    def _lengthen(self, reply: ReplySound) -> bool:
        """Make a piece ready that is none of the reply's own, if it is time for one."""
        if not self._lengthener.is_due or reply.queued < OVERLAP:
            return False
        inserted, in_pause = self._lengthener.insertion(reply.peek(OVERLAP))
        samples = len(inserted) // SAMPLE_BYTES
        if in_pause:
            reply.paused += samples
        else:
            reply.stretched += samples
        self._ready.append(Piece(inserted, reply, 0))
        return True

    def _stop(self) -> None:
        """Turn what is ready and the next few milliseconds of the reply that is playing into its fade."""
        if not self._queue or (reply := self._queue[0]).waiting:
            return
        missing = self._fade - sum(piece.samples - piece.pulled for piece in self._ready)
        if missing > 0 and reply.queued:
            self._take(reply, min(missing, reply.queued))
        pcm = b"".join(piece.rest for piece in self._ready)
        media = sum(piece.media_left for piece in self._ready)
        self._ready.clear()
        if pcm:
            self._ready.append(Piece(fade_out(pcm), reply, media))
            self._start_silent()
        else:
            self._break_off(reply)

    def _break_off(self, reply: ReplySound) -> bool:
        """Follow sound that was handed out to its last sample with a tail; False where none is needed."""
        tail = mirrored_tail(self._recent)
        self._start_silent()
        if tail:
            self._ready.append(Piece(tail, reply, 0))
        return bool(tail)

    def _start_silent(self) -> None:
        """What is played next is faded in."""
        self._recent = b""
        self._faded_in = 0
        self._lengthener.start()

    def _start_plain(self) -> None:
        """What is played next begins as it is."""
        self._start_silent()
        self._faded_in = self._fade

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
            self._start_plain()
