"""The provider's replies: what came, what was played, what was heard, what was cut.

A reply goes straight to the loudspeaker's mixer as it comes; there is nothing to decide about it here but
whether it was cut. Who may cut it is the floor's affair (``floor.py``).
"""

from __future__ import annotations

from dataclasses import dataclass

from voice_assistant.core.audio import REPLY_RATE, SAMPLE_BYTES
from voice_assistant.core.events import (
    CancelReply,
    Capabilities,
    Command,
    DropPlayout,
    EndPlayout,
    Event,
    LinkLost,
    Play,
    PlayoutDrained,
    PlayoutDropped,
    PlayoutProgress,
    ReplyAudio,
    ReplyComplete,
    ReplyDone,
    SessionOpened,
    TruncateReply,
)

REMEMBERED = 256
"""Replies kept in mind after their end: a late message of a cut one must still be known as cut."""


@dataclass(slots=True)
class Reply:
    """The books of one reply.

    Args:
        received_ms: Sound received so far.
        heard_ms: Handed to the loudspeaker so far, in media time.
        complete: All of its sound has come.
        ended: The loudspeaker is through with it: played to its end, or dropped.
        cut: Given up; nothing more of it is played.
    """

    received_ms: float = 0.0
    heard_ms: float = 0.0
    complete: bool = False
    ended: bool = False
    cut: bool = False


class Replies:
    """Takes replies from the wire to the loudspeaker, and knows which are still to be heard."""

    def __init__(self) -> None:
        self._replies: dict[str, Reply] = {}
        self._can = Capabilities()

    def __getitem__(self, item: str) -> Reply:
        return self._replies[item]

    @property
    def sounding(self) -> list[str]:
        """Replies that the loudspeaker is not through with, in order."""
        return [item for item, reply in self._replies.items() if not reply.ended and not reply.cut]

    def knows(self, item: str) -> bool:
        """Say whether some of this reply came before."""
        return item in self._replies

    def handle(self, event: Event) -> list[Command]:
        """Take the next event; say what is to be done about replies."""
        match event:
            case SessionOpened(capabilities=capabilities):
                self._can = capabilities
            case ReplyAudio(item=item, pcm=pcm):
                return self._received(item, pcm)
            case ReplyComplete(item=item):
                return self._completed(item)
            case ReplyDone(item=str(item), interrupted=True):
                return self.cut(item)
            case ReplyDone(item=str(item)):
                return self._completed(item)
            case LinkLost():
                # No more will come of them; what has come is played to its end.
                return [command for item in self.sounding for command in self._completed(item)]
            case PlayoutProgress(item=item, heard_ms=heard_ms) if item in self._replies:
                self._replies[item].heard_ms = heard_ms
            case PlayoutDrained(item=item, heard_ms=heard_ms) if item in self._replies:
                self._replies[item].heard_ms = heard_ms
                self._replies[item].ended = True
            case PlayoutDropped(item=item, heard_ms=heard_ms) if item in self._replies:
                return self._dropped(item, heard_ms)
            case _:
                pass
        return []

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

    def _received(self, item: str, pcm: bytes) -> list[Command]:
        reply = self._replies.setdefault(item, Reply())
        reply.received_ms += len(pcm) / SAMPLE_BYTES * 1000 / REPLY_RATE
        self._forget_the_oldest()
        return [] if reply.cut else [Play(item, pcm)]

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
        if self._can.truncate and heard_ms < reply.received_ms:
            return [TruncateReply(item, heard_ms)]
        return []

    def _forget_the_oldest(self) -> None:
        if len(self._replies) > REMEMBERED:
            del self._replies[next(iter(self._replies))]
