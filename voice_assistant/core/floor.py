"""Who has the floor: the user, the assistant, or neither; and how it passes from one to the other.

The user may take the floor at any time, and a cough may not. So an interruption is a dialogue::

    suspicion (a few frames of speech)      duck the reply: the room, and the echo canceller, hear the user
    onset (a turn opens)                    pause the reply, keep the turn's sound here
    confirmed: enough speech, words, a key  drop the reply, send what was kept, go on sending
    over, and one word for certain          the same, and it is a whole turn
    not confirmed in time                   play on from where it was paused; nothing was sent

Nothing of an unconfirmed turn reaches the provider: it would hear the cough with its own detector, break
off its reply for it, and nothing here could bring that back. Keeping costs no time: it all goes out at once.

The other way round, a reply may begin while the user's turn is still open, because the provider called its
end first. Then the reply is let through if the user is silent, and held if they speak or hold the key, until
it is clear whether they go on. Whoever speaks again before they can have heard it was not through: such words
take as little to cut the reply as if it were held.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from voice_assistant.core.audio import AudioFrame
from voice_assistant.core.events import (
    AppendInput,
    CloseReason,
    CloseTurn,
    Command,
    CommitInput,
    Event,
    Notify,
    OpenedBy,
    PausePlayout,
    PlayoutStarted,
    Pressed,
    ReplyAudio,
    ReplyDone,
    RequestReply,
    ResumePlayout,
    SendText,
    SetGain,
    TextEntered,
    Tick,
    TurnAudio,
    TurnClosed,
    TurnOpened,
    TurnReviewed,
    TurnSuspected,
    TurnWithdrawn,
    UserText,
)
from voice_assistant.core.one_word import is_hum, is_word
from voice_assistant.core.replies import Replies
from voice_assistant.core.settings import check_range

DUCK_RAMP_MS = 20.0
RESTORE_RAMP_MS = 120.0
"""Back to full volume more slowly than down: a dip is noticed less than a jump."""

SILENT_MS = 200
"""A user whose last speech is this long ago is silent, though their turn is still open."""

GOES_ON_MS = 100
"""Speech, while a reply is held or not yet heard, that shows the user goes on; less may be the end of a
breath."""

SHORTEST_WORD_MS = 100
"""Words that a turn over a reply holds at least if it was a word: no breath and no key is looked at."""

REACTION_MS = 150
"""Nobody answers what they hear sooner than this: who speaks by then was speaking anyway."""


@dataclass(frozen=True, slots=True)
class FloorSettings:
    """How an interruption is decided ([barge_in]).

    Args:
        duck_db: How much quieter a reply becomes at the first suspicion; 0 to 60.
        min_interruption_ms: Words that it takes to cut a reply; 60 to 2000. Keys and coughs are none, and
            "mm-hm" counts by half. Where no echo is heard, a single word cuts it when it is over.
        confirm_within_ms: Time it may take to gather that much before the reply goes on; 200 to 5000.
        hold_reply_ms: How long a reply that comes while the user speaks waits to see whether they go on.
    """

    duck_db: float = 20.0
    min_interruption_ms: int = 340
    confirm_within_ms: int = 1500
    hold_reply_ms: int = 300

    def __post_init__(self) -> None:
        check_range(self, "duck_db", 0, 60)
        check_range(self, "min_interruption_ms", 60, 2000)
        check_range(self, "confirm_within_ms", 200, 5000)
        check_range(self, "hold_reply_ms", 100, 2000)


Standing = Literal["free", "ducked", "contested", "dismissed", "granted", "held"]
"""Where the floor stands.

free: no turn is open. ducked: a suspicion while a reply is heard. contested: a turn opened over a reply,
which is paused. dismissed: it was not confirmed, the reply plays on, the turn is still open. granted: the
user has the floor. held: so they have, and a reply that began meanwhile waits.
"""


class Floor:
    """Decides who speaks. Reads the replies' books; asks them to cut."""

    def __init__(self, settings: FloorSettings, replies: Replies) -> None:
        self._settings = settings
        self._replies = replies
        self._standing: Standing = "free"
        self._turn = 0
        self._by: OpenedBy = "voice"
        self._over_echo = False
        self._wanted_ms = settings.min_interruption_ms
        self._kept: list[AudioFrame] = []
        self._speech: deque[tuple[float, float]] = deque()
        self._last_speech = float("-inf")
        self._decide_at: float | None = None
        self._unanswered = 0
        self._owed_to_an_earlier_turn = False
        self._called_by: str | None = None
        self._audible_at = float("inf")

    @property
    def standing(self) -> Standing:
        """Where the floor stands now."""
        return self._standing

    def deadline(self) -> float | None:
        """When a ``Tick`` is due, in seconds of the session's clock."""
        return self._decide_at

    def handle(self, event: Event) -> list[Command]:
        """Take the next event, before the replies' books have seen it."""
        match event:
            case TurnSuspected():
                return self._suspected()
            case TurnWithdrawn():
                return self._withdrawn()
            case TurnOpened():
                return self._opened(event)
            case TurnAudio():
                return self._heard(event)
            case TurnReviewed(turn=turn, speech_ms=speech_ms) if turn == self._turn and self._is_disputed:
                return self._grant() if speech_ms >= self._settings.min_interruption_ms else []
            case TurnClosed(turn=turn, reason=reason):
                return self._closed(turn, reason)
            case TextEntered(text=text):
                return self._typed(text)
            case Pressed(action="interrupt"):
                return self._interrupted()
            case UserText(turn=turn, text=text) if text and turn == self._turn and self._is_disputed:
                return self._grant()
            case ReplyAudio(at=at, item=item):
                return self._reply_came(at, item)
            case PlayoutStarted(item=item, audible_at=audible_at) if item == self._called_by:
                self._audible_at = audible_at
            case ReplyDone(item=None, interrupted=False, goes_on=False):
                self._unanswered = 0
            case ReplyDone(interrupted=True) if self._is_disputed:
                return self._grant()
            case Tick(at=at) if self._decide_at is not None and at >= self._decide_at:
                return self._decide(at)
            case _:
                pass
        return []

    def link_gone(self, asked_again: Sequence[str] = ()) -> list[Command]:
        """A reply that was held was not heard, and a new link will answer the whole of the turn.

        Args:
            asked_again: Replies that were no answers: they are owed again.
        """
        self._unanswered += len(asked_again)
        return self._grant() if self._standing == "held" else []

    def _typed(self, text: str) -> list[Command]:
        """What is typed is meant: it takes the floor at once."""
        commands = [command for item in self._replies.sounding for command in self._replies.cut(item)]
        self._replies.want()
        self._unanswered += 1
        return [*commands, SendText(text), RequestReply()]

    def _interrupted(self) -> list[Command]:
        """A key ends what is heard, or only awaited, without asking for anything else."""
        if self._standing == "held":
            # Its words were about to take the turn that is still open: now that goes on.
            return self._grant()
        if self._standing == "free" and not self._replies.sounding and self._unanswered:
            self._unanswered = 0
            return [Notify("info", "The answer is not waited for any more."), *self._replies.refuse()]
        return [command for item in self._replies.sounding for command in self._replies.cut(item)]

    @property
    def _is_disputed(self) -> bool:
        return self._standing in ("contested", "dismissed")

    def _suspected(self) -> list[Command]:
        if self._standing != "free" or not self._replies.sounding:
            return []
        self._standing = "ducked"
        return [SetGain(-self._settings.duck_db, DUCK_RAMP_MS)]

    def _withdrawn(self) -> list[Command]:
        if self._standing != "ducked":
            return []
        self._standing = "free"
        return [SetGain(0.0, RESTORE_RAMP_MS)]

    def _opened(self, event: TurnOpened) -> list[Command]:
        self._turn = event.turn
        self._by = event.by
        self._over_echo = event.over_echo
        self._wanted_ms = self._settings.min_interruption_ms
        self._kept = [event.pre_roll]
        self._speech.clear()
        self._speech.append((event.at, event.speech_ms))
        self._last_speech = event.at
        self._owed_to_an_earlier_turn = self._unanswered > 0
        if self._was_called_too_early(event):
            self._wanted_ms = GOES_ON_MS
        if event.by == "key" or not self._replies.sounding:
            return self._grant()
        self._standing = "contested"
        self._decide_at = event.at + self._settings.confirm_within_ms / 1000
        return [PausePlayout(), *self._confirmed()]

    def _was_called_too_early(self, event: TurnOpened) -> bool:
        """Did the user go on before they can have heard the reply that the provider began?"""
        if event.over_echo or self._called_by not in self._replies.sounding:
            return False  # The microphone hears the reply: it may be that.
        return event.at - event.speech_ms / 1000 < self._audible_at + REACTION_MS / 1000

    def _heard(self, event: TurnAudio) -> list[Command]:
        if event.is_speech:
            self._last_speech = event.at
            self._speech.append((event.at, event.frame.ms * event.weight))
        oldest = event.at - self._settings.confirm_within_ms / 1000
        while self._speech and self._speech[0][0] < oldest:
            self._speech.popleft()
        if not self._is_disputed:
            return [AppendInput(event.turn, event.frame, self._by == "key")]
        self._kept.append(event.frame)
        return self._confirmed()

    def _confirmed(self) -> list[Command]:
        wanted_ms = self._wanted_ms
        if not self._replies.sounding:
            wanted_ms = 1  # There is nothing left to interrupt, and no word to be lost.
        if self._spoken_ms < wanted_ms:
            return []
        is_first = wanted_ms == self._settings.min_interruption_ms
        if is_first and self._can_be_looked_at and is_hum(self._sound):
            self._wanted_ms = 2 * wanted_ms  # And asked no more: it takes a few milliseconds.
            return []
        return self._grant()

    @property
    def _spoken_ms(self) -> float:
        return sum(ms for _, ms in self._speech)

    @property
    def _was_one_word(self) -> bool:
        """Was that which paused the reply, and is over, a word too short to be confirmed by its length?"""
        return self._can_be_looked_at and self._spoken_ms >= SHORTEST_WORD_MS and is_word(self._sound)

    @property
    def _can_be_looked_at(self) -> bool:
        """Is what was kept the user's alone, and short? Over echo it holds the reply's words too."""
        return self._standing == "contested" and not self._over_echo

    @property
    def _sound(self) -> bytes:
        return b"".join(frame.pcm for frame in self._kept)

    def _grant(self) -> list[Command]:
        """Give the user the floor: what still sounds is cut, what was kept goes out."""
        self._replies.want()
        commands: list[Command] = []
        for item in self._replies.sounding:
            commands += self._replies.cut(item)
        commands += self._full_volume()
        commands += [AppendInput(self._turn, frame, self._by == "key") for frame in self._kept]
        self._kept = []
        self._decide_at = None
        self._standing = "granted"
        return commands

    def _full_volume(self) -> list[Command]:
        """Undo a duck and a pause."""
        match self._standing:
            case "ducked" | "dismissed":
                return [SetGain(0.0, RESTORE_RAMP_MS)]
            case "contested" | "held":
                return [SetGain(0.0, RESTORE_RAMP_MS), ResumePlayout()]
            case "free" | "granted":
                return []

    def _closed(self, turn: int, reason: CloseReason) -> list[Command]:
        commands = self._grant() if reason == "silence" and self._was_one_word else []
        answered_already = self._standing == "held" and not self._owed_to_an_earlier_turn
        if not (self._is_disputed or answered_already or reason == "provider"):
            commands += [CommitInput(turn), RequestReply()]
            self._unanswered += 1
        commands += self._full_volume()
        self._kept = []
        self._standing = "free"
        self._decide_at = None
        return commands

    def _reply_came(self, at: float, item: str) -> list[Command]:
        """A reply that begins while the user's turn is open is let through, or held."""
        if self._replies.knows(item):
            return []
        self._unanswered = 0
        if self._standing != "granted":
            return []
        self._called_by, self._audible_at = item, float("inf")
        is_silent = at - self._last_speech >= SILENT_MS / 1000
        if is_silent and self._by == "voice" and not self._owed_to_an_earlier_turn:
            return [CloseTurn("provider")]
        self._standing = "held"
        self._speech.clear()
        self._decide_at = at + self._settings.hold_reply_ms / 1000
        return [PausePlayout()]

    def _decide(self, at: float) -> list[Command]:
        """The time for gathering evidence is over."""
        self._decide_at = None
        match self._standing:
            case "contested":
                self._standing = "dismissed"
                # What was not enough does not count twice; the reply, which goes on, may add to it.
                self._speech.clear()
                self._wanted_ms = min(self._wanted_ms, self._settings.min_interruption_ms)
                return [SetGain(0.0, RESTORE_RAMP_MS), ResumePlayout()]
            case "held" if self._spoken_ms >= GOES_ON_MS:
                return self._grant()
            case "held" if self._by == "key" or self._owed_to_an_earlier_turn:
                # The key keeps the floor, and words that were sent want their commit: wait for more.
                self._decide_at = at + self._settings.hold_reply_ms / 1000
                return []
            case "held":
                return [CloseTurn("provider")]
            case _:
                return []
