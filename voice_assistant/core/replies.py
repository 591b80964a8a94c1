"""The provider's replies: what came, what was played, what was heard, what was cut.

A reply goes straight to the loudspeaker's mixer as it comes; there is nothing to decide about it here but
whether it was cut. Who may cut it is the floor's affair (``floor.py``).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from voice_assistant.core.audio import REPLY_RATE, SAMPLE_BYTES
from voice_assistant.core.encore import Encore
from voice_assistant.core.events import (
    CancelReply,
    Capabilities,
    Command,
    DropPlayout,
    EndPlayout,
    Event,
    Notify,
    Play,
    PlayoutDrained,
    PlayoutDropped,
    PlayoutProgress,
    Pressed,
    ReplyAudio,
    ReplyComplete,
    ReplyDone,
    SessionOpened,
    Tick,
    TruncateReply,
)

REMEMBERED = 256
"""Replies kept in mind after their end: a late message of a cut one must still be known as cut."""


AWAITED_S = 3.0
"""A reply of which nothing came for this long is not counted on any more; nor is one that could not even
begin, for want of sound to begin with."""

SCRAP_MS = 300.0
"""A reply that was torn before this much of it had come is no answer: it is a breath or a syllable, for the
shortest word that answers anything is longer."""

ENDLESS_S = 15.0
"""Nothing more after the last sound that came was played: the reply is over, though nobody said so. A proxy
may lose the end, and a provider may stall in the middle for many seconds and go on."""


@dataclass(slots=True)
class Reply:
    """The books of one reply.

    Args:
        received_ms: Sound received so far.
        heard_ms: Handed to the loudspeaker so far, in media time.
        complete: All of its sound has come.
        ended: The loudspeaker is through with it: played to its end, or dropped.
        cut: Given up; nothing more of it is played.
        is_left: The link that it came by is gone: nobody can be told about it.
        received_at: When its newest sound came.
        is_ours: Played again at the person's wish: the provider knows nothing of it.
    """

    received_ms: float = 0.0
    heard_ms: float = 0.0
    complete: bool = False
    ended: bool = False
    cut: bool = False
    is_left: bool = False
    received_at: float = 0.0
    is_ours: bool = False


class Replies:
    """Takes replies from the wire to the loudspeaker, and knows which are still to be heard."""

    def __init__(self) -> None:
        self._replies: dict[str, Reply] = {}
        self._can = Capabilities()
        self._encore = Encore()
        self._refuses = False

    def __getitem__(self, item: str) -> Reply:
        return self._replies[item]

    @property
    def sounding(self) -> list[str]:
        """Replies that the loudspeaker is not through with, in order."""
        return [item for item, reply in self._replies.items() if not reply.ended and not reply.cut]

    def is_scrap(self, item: str) -> bool:
        """Say whether next to nothing has come of a reply that goes on. Words alone are not heard."""
        reply = self._replies.get(item)
        if reply is None:
            return True
        return not (reply.complete or reply.cut) and reply.received_ms < SCRAP_MS

    def is_unfinished(self, now: float) -> bool:
        """Say whether more of a reply is awaited, for a moment at least: some providers tell no end."""
        return any(
            not (reply.complete or reply.cut) and now - reply.received_at < AWAITED_S
            for item, reply in self._replies.items()
            if not self.is_scrap(item)
        )

    def deadline(self) -> float | None:
        """When a reply that never got its end is taken to be over, in seconds of the session's clock."""
        return min(map(_over_at, self._endless.values()), default=None)

    @property
    def _endless(self) -> dict[str, Reply]:
        return {item: self._replies[item] for item in self.sounding if not self._replies[item].complete}

    def knows(self, item: str) -> bool:
        """Say whether some of this reply came before."""
        return item in self._replies

    def handle(self, event: Event) -> list[Command]:
        """Take the next event; say what is to be done about replies."""
        match event:
            case SessionOpened(capabilities=capabilities):
                self._can = capabilities
            case ReplyAudio(at=at, item=item, pcm=pcm):
                return self._received(at, item, pcm)
            case ReplyComplete(item=item):
                return self._completed(item)
            case ReplyDone(item=None, goes_on=False):
                self._refuses = False
            case ReplyDone(item=str(item), interrupted=True):
                return self.cut(item)
            case ReplyDone(item=str(item)):
                return self._completed(item)
            case Tick(at=at):
                over = [item for item, reply in self._endless.items() if at >= _over_at(reply)]
                return [command for item in over for command in self._completed(item)]
            case PlayoutProgress(item=item, heard_ms=heard_ms) if item in self._replies:
                self._replies[item].heard_ms = heard_ms
            case PlayoutDrained(item=item, heard_ms=heard_ms) if item in self._replies:
                self._replies[item].heard_ms = heard_ms
                self._replies[item].ended = True
            case PlayoutDropped(item=item, heard_ms=heard_ms) if item in self._replies:
                return self._dropped(item, heard_ms)
            case Pressed(action="repeat"):
                return self._play_again()
            case _:
                pass
        return []

    def link_gone(self, asked_again: Sequence[str] = ()) -> list[Command]:
        """No more will come of the replies; what has come is played to its end.

        Args:
            asked_again: Those that were no answers: there will be others in their place.
        """
        commands = [command for item in asked_again for command in self.cut(item)]
        commands += [command for item in self.sounding for command in self._completed(item)]
        for reply in self._replies.values():
            reply.is_left = True
        return commands

    def cut(self, item: str) -> list[Command]:
        """Give a reply up: at the loudspeaker, and at the provider where it can be stopped."""
        reply = self._replies.get(item)
        if reply is None or reply.cut or reply.ended:
            return []
        reply.cut = True
        commands: list[Command] = [DropPlayout(item)]
        if self._can.cancel and not reply.complete:
            commands.append(CancelReply(item))
        return commands

    def refuse(self) -> list[Command]:
        """The answer that is awaited is not wanted: it is stopped where that can be done, or never played."""
        self._refuses = True
        return [CancelReply("")] if self._can.cancel else []

    def want(self) -> None:
        """Something new was asked: what comes now is wanted."""
        self._refuses = False

    def _play_again(self) -> list[Command]:
        """Play the last answer from its beginning, without asking for it again."""
        if any(not self._replies[item].is_ours for item in self.sounding):
            return [Notify("info", "The answer is still being played.")]
        kept = self._encore.again()
        if kept is None:
            return [Notify("info", "There is no answer yet to play again.")]
        commands = self._end_encore()
        item, pcm = kept
        self._replies[item] = Reply(received_ms=_ms(pcm), complete=True, is_left=True, is_ours=True)
        self._forget_the_oldest()
        return [*commands, Play(item, pcm), EndPlayout(item)]

    def _end_encore(self) -> list[Command]:
        ours = [item for item in self.sounding if self._replies[item].is_ours]
        return [command for item in ours for command in self.cut(item)]

    def _received(self, at: float, item: str, pcm: bytes) -> list[Command]:
        if self._refuses and item not in self._replies:
            self._refuses = False
            self._replies[item] = Reply()
            commands = self.cut(item)
        else:
            # What is new goes before what was heard already.
            commands = [] if item in self._replies else self._end_encore()
        reply = self._replies.setdefault(item, Reply())
        reply.received_at = at
        reply.received_ms += _ms(pcm)
        self._forget_the_oldest()
        if reply.cut:
            return commands
        self._encore.keep(item, pcm)
        return [*commands, Play(item, pcm)]

    def _completed(self, item: str) -> list[Command]:
        reply = self._replies.get(item)
        if reply is None or reply.complete:
            return []
        reply.complete = True
        return [] if reply.cut else [EndPlayout(item)]

    def _dropped(self, item: str, heard_ms: float) -> list[Command]:
        reply = self._replies[item]
        reply.heard_ms = heard_ms
        reply.ended = True
        # What was heard to its end was not cut, and some providers refuse a cut at or beyond the end.
        if self._can.truncate and not reply.is_left and heard_ms < reply.received_ms:
            return [TruncateReply(item, heard_ms)]
        return []

    def _forget_the_oldest(self) -> None:
        if len(self._replies) > REMEMBERED:
            del self._replies[next(iter(self._replies))]


def _over_at(reply: Reply) -> float:
    if not reply.heard_ms:
        return reply.received_at + AWAITED_S
    return reply.received_at + reply.received_ms / 1000 + ENDLESS_S


def _ms(pcm: bytes) -> float:
    return len(pcm) / SAMPLE_BYTES * 1000 / REPLY_RATE
