"""How long answers take, as a person notices it, and how soon a reply is silent for one who speaks into it.

Folded from the session's events, turn by turn. The end of speech is the last frame that the detector took for
speech, so the wait that decides that a turn is over counts: the person waits for it too. For a line that was
typed it is the moment it was sent. An interruption begins with the speech, or the key, that opened the turn,
and ends when the reply's fade has left the loudspeaker; one that was taken back does not count.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, replace

from voice_assistant.core.events import (
    Command,
    DropPlayout,
    Event,
    Level,
    PausePlayout,
    PlayoutDrained,
    PlayoutDropped,
    PlayoutStarted,
    Pressed,
    ReplyAudio,
    ReplyDone,
    ResumePlayout,
    TextEntered,
    TurnAudio,
    TurnClosed,
    TurnOpened,
    TurnSuspected,
)

REMEMBERED = 1000
"""Turns that the percentiles are taken over, the newest ones."""

FADE_MS = 10.0
"""What is played of a reply after it was stopped: ``[playout] fade_ms`` as it comes."""

LONGEST_INTERRUPTION_S = 5.0
"""A reply that sounds on for longer was not stopped by what was said then."""


@dataclass(frozen=True, slots=True)
class TurnLatency:
    """The times of one answer, in milliseconds from the end of the user's speech.

    Args:
        turn: Number of our turn; 0 for a line that was typed.
        called_ms: When the turn was called over; None where the answer came before.
        first_byte_ms: When the first sound of the answer arrived.
        audible_ms: When its first sample was to be heard.
    """

    turn: int
    called_ms: float | None
    first_byte_ms: float
    audible_ms: float


@dataclass(frozen=True, slots=True)
class Interruption:
    """A reply that was cut because the user spoke, or pressed a key.

    Args:
        item: The reply.
        silent_ms: From the onset of speech, or the press, until it was silent.
        by_key: It was a key.
    """

    item: str
    silent_ms: float
    by_key: bool


@dataclass(frozen=True, slots=True)
class Spread:
    """What is known of a time that was taken again and again, in milliseconds; ranks, not averages."""

    last_ms: float
    median_ms: float
    p95_ms: float
    count: int


@dataclass(frozen=True, slots=True)
class Waits:
    """All times of the session so far; None where there was none yet.

    Args:
        answer: From the end of speech to the first audible sample.
        called: Of that, until the turn was called over.
        first_byte: Until the first sound of the answer arrived.
        silence: From the onset of an interruption to the silence of the reply.
        last: The newest answer's.
    """

    answer: Spread | None = None
    called: Spread | None = None
    first_byte: Spread | None = None
    silence: Spread | None = None
    last: TurnLatency | None = None


NO_WAITS = Waits()
"""Of a session in which nothing was answered yet."""


@dataclass(slots=True)
class _Asked:
    """A turn that awaits its answer."""

    turn: int
    ended_at: float
    closed_at: float | None = None
    item: str | None = None
    first_byte_at: float = 0.0


@dataclass(slots=True)
class _Playing:
    """A reply that is heard, and what may be about to cut it."""

    item: str
    delay_s: float
    onset_at: float | None = None
    by_key: bool = False
    stopped_at: float | None = None
    is_given_up: bool = False


class _Times:
    """The newest times of one kind."""

    def __init__(self) -> None:
        self._newest: deque[float] = deque(maxlen=REMEMBERED)

    def take(self, ms: float) -> Spread:
        self._newest.append(ms)
        ranked = sorted(self._newest)
        return Spread(ms, _rank(ranked, 50), _rank(ranked, 95), len(ranked))


class Latency:
    """Folds events into the times of each answer and interruption. Show it every event and command."""

    def __init__(self) -> None:
        self._asked: _Asked | None = None
        self._playing: _Playing | None = None
        self._newest_item: str | None = None
        self._now = 0.0
        self._answers, self._calls, self._first_bytes, self._silences = (_Times() for _ in range(4))
        self._waits = NO_WAITS

    @property
    def waits(self) -> Waits:
        """All times so far; the same object until one is added."""
        return self._waits

    def see(self, entry: Event | Command) -> TurnLatency | Interruption | None:
        """Take the next entry; gives the times of an answer with its first audible sample, or of a cut."""
        asked = self._asked
        match entry:
            case Level(at=at) | TurnSuspected(at=at):
                self._now = at
            case TurnAudio(at=at, is_speech=is_speech):
                self._now = at
                if asked and is_speech:
                    asked.ended_at = at
            case TurnOpened(at=at, turn=turn, by=by, speech_ms=speech_ms):
                self._asked = _Asked(turn, at)
                self._interrupted(at - speech_ms / 1000, by_key=by == "key")
                self._now = at
            case Pressed(at=at, action="interrupt" | "talk" | "mute"):
                self._interrupted(at, by_key=True)
                self._now = at
            case TurnClosed(at=at) if asked:
                asked.closed_at = at
            case TextEntered(at=at):
                self._asked = _Asked(0, at, closed_at=at)
                self._interrupted(at, by_key=True)
                self._now = at
            case ReplyAudio(at=at, item=item) if item != self._newest_item:
                self._newest_item = item
                if asked and asked.item is None:
                    asked.item, asked.first_byte_at = item, at
            case ReplyDone(item=None):
                self._asked = None
            case PlayoutStarted(at=at, item=item, audible_at=audible_at):
                self._playing = _Playing(item, audible_at - at)
                if asked and item == asked.item:
                    self._asked = None
                    return self._answered(asked, audible_at)
            case DropPlayout(item=item) if asked and item == asked.item and self._playing is None:
                # It was held back because the user went on: the answer is the next one.
                asked.item = None
            case PlayoutDrained():
                self._playing = None
            case PausePlayout() | DropPlayout() if self._playing:
                self._playing.is_given_up |= isinstance(entry, DropPlayout)
                if self._playing.stopped_at is None:
                    self._playing.stopped_at = self._now
            case ResumePlayout() if self._playing and not self._playing.is_given_up:
                self._playing.onset_at = self._playing.stopped_at = None
            case PlayoutDropped(item=item) if self._playing and item == self._playing.item:
                playing, self._playing = self._playing, None
                return self._cut(playing)
            case _:
                pass
        return None

    def _interrupted(self, onset_at: float, *, by_key: bool) -> None:
        playing = self._playing
        # It may have been stopped already, on a suspicion that has now come true.
        if playing and (playing.stopped_at is None or playing.onset_at is None):
            playing.onset_at, playing.by_key = onset_at, by_key

    def _cut(self, cut: _Playing) -> Interruption | None:
        if cut.onset_at is None or cut.stopped_at is None:
            return None
        silent_s = cut.stopped_at - cut.onset_at
        if not 0.0 <= silent_s <= LONGEST_INTERRUPTION_S:
            return None
        interruption = Interruption(cut.item, (silent_s + cut.delay_s) * 1000 + FADE_MS, cut.by_key)
        self._waits = replace(self._waits, silence=self._silences.take(interruption.silent_ms))
        return interruption

    def _answered(self, asked: _Asked, audible_at: float) -> TurnLatency:
        since = asked.ended_at
        closed = asked.closed_at
        answer = TurnLatency(
            asked.turn,
            None if closed is None or closed > asked.first_byte_at else (closed - since) * 1000,
            (asked.first_byte_at - since) * 1000,
            (audible_at - since) * 1000,
        )
        called = self._waits.called
        if answer.called_ms is not None:
            called = self._calls.take(answer.called_ms)
        self._waits = replace(
            self._waits,
            answer=self._answers.take(answer.audible_ms),
            called=called,
            first_byte=self._first_bytes.take(answer.first_byte_ms),
            last=answer,
        )
        return answer


def _rank(ranked: list[float], percent: int) -> float:
    return ranked[-(-len(ranked) * percent // 100) - 1]
