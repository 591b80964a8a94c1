"""How long answers take, as a person notices it: from the end of their speech to the first audible sample.

Folded from the session's events, turn by turn. The end of speech is the last frame that the detector took for
speech, so the wait that decides that a turn is over counts: the person waits for it too. For a line that was
typed it is the moment it was sent.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

from voice_assistant.core.events import (
    Command,
    Event,
    PlayoutStarted,
    ReplyAudio,
    ReplyDone,
    TextEntered,
    TurnAudio,
    TurnClosed,
    TurnOpened,
)

REMEMBERED = 1000
"""Turns that the percentiles are taken over, the newest ones."""


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
class Waits:
    """What is known of the waits so far, in milliseconds to the first audible sample."""

    last_ms: float
    median_ms: float
    p95_ms: float
    turns: int


@dataclass(slots=True)
class _Asked:
    """A turn that awaits its answer."""

    turn: int
    ended_at: float
    closed_at: float | None = None
    item: str | None = None
    first_byte_at: float = 0.0


class Latency:
    """Folds events into the times of each answer. Show it every event and command."""

    def __init__(self) -> None:
        self._asked: _Asked | None = None
        self._newest_item: str | None = None
        self._audible: deque[float] = deque(maxlen=REMEMBERED)
        self._waits: Waits | None = None

    @property
    def waits(self) -> Waits | None:
        """Last, median and 95th percentile (nearest rank); None before the first answer."""
        return self._waits

    def see(self, entry: Event | Command) -> TurnLatency | None:
        """Take the next entry; gives the times of an answer with its first audible sample."""
        asked = self._asked
        match entry:
            case TurnAudio(at=at, is_speech=True) if asked:
                asked.ended_at = at
            case TurnOpened(at=at, turn=turn):
                self._asked = _Asked(turn, at)
            case TurnClosed(at=at) if asked:
                asked.closed_at = at
            case TextEntered(at=at):
                self._asked = _Asked(0, at, closed_at=at)
            case ReplyAudio(at=at, item=item) if item != self._newest_item:
                self._newest_item = item
                if asked and asked.item is None:
                    asked.item, asked.first_byte_at = item, at
            case ReplyDone(item=None):
                self._asked = None
            case PlayoutStarted(item=item, audible_at=audible_at) if asked and item == asked.item:
                self._asked = None
                return self._answered(asked, audible_at)
            case _:
                pass
        return None

    def _answered(self, asked: _Asked, audible_at: float) -> TurnLatency:
        since = asked.ended_at
        closed = asked.closed_at
        answer = TurnLatency(
            asked.turn,
            None if closed is None or closed > asked.first_byte_at else (closed - since) * 1000,
            (asked.first_byte_at - since) * 1000,
            (audible_at - since) * 1000,
        )
        self._audible.append(answer.audible_ms)
        ranked = sorted(self._audible)
        self._waits = Waits(answer.audible_ms, _rank(ranked, 50), _rank(ranked, 95), len(ranked))
        return answer


def _rank(ranked: list[float], percent: int) -> float:
    return ranked[-(-len(ranked) * percent // 100) - 1]
