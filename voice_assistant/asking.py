"""One question, and then the end: a file or a text takes the place of the person.

It is a tap that posts: it presses the talk key before a spoken file begins, lets it go where the file ends,
and asks the session to stop once the answer has been heard. What is said and heard in between is the
session's as ever. Time is the time of the captured blocks, which come every 20 ms whatever happens.
"""

from __future__ import annotations

from collections.abc import Callable

from voice_assistant.core.audio import NEAR_RATE
from voice_assistant.core.events import (
    Captured,
    Command,
    CommitInput,
    Event,
    PlayoutDrained,
    PlayoutDropped,
    Pressed,
    Released,
    ReplyAudio,
    ReplyDone,
    StopRequested,
    TextEntered,
    ToolCall,
    TurnOpened,
)

CALM_S = 0.6
"""Quiet after the answer before it counts as the whole: a reply after a tool follows within this time."""

PATIENCE_S = 60.0
"""Without any answer for this long, nobody waits any longer; a lost line is tried again meanwhile."""


class Asker:
    """Asks what a microphone file holds, or waits for the answer to what was typed.

    Args:
        post: Takes the keys and the request to stop.
        question_s: Length of the file that is the microphone; None where the question is a text.
        holds_key: Is the whole file one turn? Otherwise the gate decides, as it does for a person.
    """

    def __init__(self, post: Callable[[Event], None], question_s: float | None, *, holds_key: bool) -> None:
        self._post = post
        self._question_s = question_s
        self._holds_key = holds_key and question_s is not None
        self._began: int | None = None
        self._is_over = question_s is None
        self._over_at: float | None = None
        self._unanswered = 0
        self._pending: set[str] = set()
        self._active_at: float | None = None
        self._asked_to_stop = False
        self.was_answered = False
        """Has anything come back?"""

    def see(self, entry: Event | Command) -> None:
        """Take note; press, let go and stop when it is time."""
        match entry:
            case Captured(at=at):
                self._captured(at, entry)
            case TurnOpened(at=at):
                self._active_at = at
            case CommitInput() | TextEntered():
                self._unanswered += 1
            case ReplyAudio(at=at, item=item):
                self._pending.add(item)
                self._active_at = at
            case ReplyDone(at=at) | ToolCall(at=at):
                self.was_answered = True
                self._unanswered = 0
                self._active_at = at
            case PlayoutDrained(at=at, item=item) | PlayoutDropped(at=at, item=item):
                self.was_answered = True
                self._unanswered = 0
                self._pending.discard(item)
                self._active_at = at
            case _:
                pass

    def _captured(self, at: float, captured: Captured) -> None:
        if self._began is None:
            self._began = captured.near.first_sample
            if self._holds_key:
                self._post(Pressed(at, "talk"))
        if not self._is_over and self._question_s is not None:
            spoken = captured.near.end_sample - self._began
            self._is_over = spoken >= self._question_s * NEAR_RATE
            if self._is_over and self._holds_key:
                self._post(Released(at, "talk", tap=False))
        if self._is_over and self._over_at is None:
            self._over_at = at
        if self._over_at is not None and not self._asked_to_stop:
            self._stop_when_answered(at, self._over_at)

    def _stop_when_answered(self, at: float, over_at: float) -> None:
        since = max(self._active_at or over_at, over_at)
        answered = self.was_answered and not self._unanswered and not self._pending
        if (answered and at - since >= CALM_S) or at - since >= PATIENCE_S:
            self._asked_to_stop = True
            self._post(StopRequested(at, "the question was answered" if answered else "no answer came"))
