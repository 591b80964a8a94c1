"""Somebody who asks in a person's place: one question out of a file, or a script of several.

Both are taps that post. ``Asker`` asks one question and waits for the end of the answer; ``Prompter`` speaks
one prompt after the other into a scripted microphone, each when the answer before it has been heard, or
right over that answer. What is said and heard in between is the session's as ever. Time is the time of the
captured blocks, which come every 20 ms whatever happens.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from voice_assistant.core.audio import NEAR_RATE, SAMPLE_BYTES
from voice_assistant.core.events import (
    Captured,
    Command,
    CommitInput,
    Connect,
    Disconnect,
    DropPlayout,
    Event,
    PlayoutDrained,
    PlayoutDropped,
    PlayoutProgress,
    Pressed,
    Recognise,
    RecogniserLost,
    Released,
    ReplyAudio,
    ReplyDone,
    ReplyRecognised,
    ReplyText,
    SessionOpened,
    StopRequested,
    TextEntered,
    ToolCall,
    TurnClosed,
    TurnOpened,
)

CALM_S = 0.6
"""Quiet after the answer before it counts as the whole: a reply after a tool follows within this time."""

PATIENCE_S = 60.0
"""Without any answer for this long, nobody waits any longer; a lost line is tried again meanwhile."""


class Answers:
    """Keeps count of what is still to be answered, or to be heard of an answer."""

    def __init__(self) -> None:
        self.was_answered = False
        """Has anything come back?"""
        self.is_empty = True
        """Is there nothing so far to be heard, read or done?"""
        self.active_at: float | None = None
        """When something was last said by either side."""
        self._unanswered = 0
        self._is_turn_open = False
        self._has_line = False
        self._is_commit_due = False
        self._pending: set[str] = set()
        self._old: set[str] = set()
        self._known: set[str] = set()
        self._played: set[str] = set()
        self._unworded: set[str] = set()

    @property
    def has_come(self) -> bool:
        """Everything that was asked is answered, the answer has been played, and its words are known."""
        asked = self._unanswered or self._is_turn_open or self._is_commit_due
        return self.was_answered and not (asked or self._pending or self._unworded)

    def expect_another(self) -> None:
        """Forget that something was answered: another question begins."""
        self.was_answered = False

    def see(self, entry: Event | Command) -> None:
        """Take note of an event or a command."""
        match entry:
            case TurnOpened(at=at):
                self.active_at = at
                self._is_turn_open = True
            case TurnClosed(at=at, reason=reason):
                self.active_at = at
                self._is_turn_open = False
                # Without a line the turn is kept, and ended towards the provider once there is one.
                self._is_commit_due |= not self._has_line and reason != "provider"
            case SessionOpened():
                self._has_line = True
            case Connect() | Disconnect():
                self._has_line = False
            case DropPlayout() if not self._has_line:
                # It was no answer, or gives way to what is being said: either is asked on the next line.
                self._is_commit_due = True
            case CommitInput() | TextEntered():
                self._unanswered += 1
                self._is_commit_due = False
                # What was under way before is no answer to this, though more of it may still be told.
                self._old = set(self._known)
            case ReplyAudio(at=at, item=item):
                self._known.add(item)
                self._pending |= {item} - self._played
                self.active_at = at
                self.is_empty = False
            case ReplyText(text=text) if text.strip():
                self.is_empty = False
            case ReplyDone(at=at, item=item):
                self._answered(at, item)
            case ToolCall(at=at):
                self.is_empty = False
                self._answered(at, None)
            case Recognise(item=item):
                self._unworded.add(item)
            case ReplyRecognised(item=item, is_last=True):
                self._unworded.discard(item)
            case RecogniserLost():
                self._unworded.clear()
            case PlayoutDrained(at=at, item=item) | PlayoutDropped(at=at, item=item):
                self._played.add(item)
                self._pending.discard(item)
                self._answered(at, item)
            case _:
                pass

    def _answered(self, at: float, item: str | None) -> None:
        self.active_at = at
        if item not in self._old:
            self.was_answered = True
            self._unanswered = 0


class Asker:
    """Asks what a microphone file holds, or waits for the answer to what was typed.

    It presses the talk key before a spoken file begins, lets it go where the file ends, and asks the session
    to stop once the answer has been heard.

    Args:
        post: Takes the keys and the request to stop.
        question_s: Length of the file that is the microphone; None where the question is a text.
        holds_key: Is the whole file one turn? Otherwise the gate decides, as it does for a person.
    """

    def __init__(self, post: Callable[[Event], None], question_s: float | None, *, holds_key: bool) -> None:
        self._post = post
        self._question_s = question_s
        self._holds_key = holds_key and question_s is not None
        self._answers = Answers()
        self._began: int | None = None
        self._is_over = question_s is None
        self._over_at: float | None = None
        self._asked_to_stop = False

    @property
    def was_answered(self) -> bool:
        """Has anything come back?"""
        return self._answers.was_answered

    @property
    def was_empty(self) -> bool:
        """Was there nothing to hear, to read or to do in what came back?"""
        return self._answers.is_empty

    def see(self, entry: Event | Command) -> None:
        """Take note; press, let go and stop when it is time."""
        self._answers.see(entry)
        if isinstance(entry, Captured):
            self._captured(entry.at, entry)

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
        since = max(self._answers.active_at or over_at, over_at)
        answered = self._answers.has_come
        if (answered and at - since >= CALM_S) or at - since >= PATIENCE_S:
            self._asked_to_stop = True
            self._post(StopRequested(at, "the question was answered" if answered else "no answer came"))


@dataclass(frozen=True, slots=True)
class Prompt:
    """Something that is said into the microphone.

    Args:
        sound: 16-bit mono at 16 kHz.
        over_ms: Milliseconds of the reply before that are heard when this is said over it; None waits for
            the end of that reply.
    """

    sound: bytes
    over_ms: float | None = None

    @property
    def seconds(self) -> float:
        """How long it takes to say."""
        return len(self.sound) / SAMPLE_BYTES / NEAR_RATE


class Prompter:
    """Speaks prompts as a person would: each when the answer before it is over, or over that answer.

    Args:
        post: Takes the request to stop.
        say: Speaks sound into the microphone, from now on.
        prompts: In order; at least one.
        patience_s: Without an answer to a prompt for this long, the session is asked to stop.
    """

    def __init__(
        self,
        post: Callable[[Event], None],
        say: Callable[[bytes], None],
        prompts: Sequence[Prompt],
        *,
        patience_s: float = 20.0,
    ) -> None:
        self._post = post
        self._say = say
        self._left = list(prompts)
        self._patience_s = patience_s
        self._answers = Answers()
        self._spoken_at: float | None = None
        self._is_ended = False
        self._has_begun = False
        self._asked_to_stop = False
        self.answered = 0
        """Prompts that were answered, or whose answer the next prompt cut short."""
        self.cuts = 0
        """Replies that were given up because of a prompt."""
        self.was_left = False
        """Did the person leave before the end?"""

    def see(self, entry: Event | Command) -> None:
        """Take note; say the next prompt, or ask the session to stop, when it is time."""
        self._answers.see(entry)
        match entry:
            case SessionOpened(at=at) if self._spoken_at is None:
                self._spoken_at = self._answers.active_at = at
                self._is_ended = self._answers.was_answered = True
            case CommitInput() | TurnClosed(reason="provider"):
                self._is_ended = True
            case PlayoutDropped():
                self.cuts += 1
            case StopRequested() | Pressed(action="quit"):
                self.was_left |= not self._asked_to_stop
            case PlayoutProgress(at=at, heard_ms=heard_ms) if self._left and not self._is_speaking(at):
                over_ms = self._left[0].over_ms
                if over_ms is not None and heard_ms >= over_ms:
                    self._next(at)
            case Captured(at=at) if self._spoken_at is not None and not self._asked_to_stop:
                self._captured(at, self._spoken_at)
            case _:
                pass

    def _captured(self, at: float, spoken_at: float) -> None:
        since = max(self._answers.active_at or spoken_at, spoken_at)
        if self._is_ended and self._answers.has_come and at - since >= CALM_S:
            self._next(at)
        elif at - since >= self._patience_s:
            self._stop(at, "no answer came")

    def _is_speaking(self, at: float) -> bool:
        return self._spoken_at is None or at < self._spoken_at or not self._is_ended

    def _next(self, at: float) -> None:
        """Count the answer to the prompt before, and say the next one."""
        self.answered += self._has_begun
        if not self._left:
            self._stop(at, "everything was said")
            return
        self._has_begun = True
        prompt = self._left.pop(0)
        self._spoken_at = at + prompt.seconds
        self._is_ended = False
        self._answers.expect_another()
        self._say(prompt.sound)

    def _stop(self, at: float, reason: str) -> None:
        self._asked_to_stop = True
        self._post(StopRequested(at, reason))
