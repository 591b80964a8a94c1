"""The other side of the core, in values: a microphone, a provider and a loudspeaker that answer its commands.

No socket and no clock. A test moves time on; each link that the core asks for is a ``Line``, which notes what
was sent by it. The provider here confirms every set-up and answers nothing by itself: a test lets it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count
from typing import TypeVar

from voice_assistant.core.audio import REPLY_RATE, SAMPLE_BYTES, AudioFrame
from voice_assistant.core.conversation import Conversation
from voice_assistant.core.events import (
    AppendInput,
    Capabilities,
    CloseTurn,
    Command,
    CommitInput,
    Configure,
    Connect,
    Disconnect,
    DropPlayout,
    EndPlayout,
    Event,
    LinkLost,
    LinkOpened,
    Notify,
    PausePlayout,
    Play,
    PlayoutDrained,
    PlayoutDropped,
    PlayoutProgress,
    ReplyAudio,
    ReplyComplete,
    ReplyDone,
    ResumePlayout,
    SessionConfigured,
    SessionOpened,
    Stop,
    Tick,
    TurnAudio,
    TurnClosed,
    TurnOpened,
    WireCommand,
)
from voice_assistant.core.floor import FloorSettings
from voice_assistant.core.lifeline import Explain, LifelineSettings

FRAME_S = 0.02
FRAME = 320

AnEntry = TypeVar("AnEntry")


@dataclass(slots=True)
class Line:
    """One link, as the provider sees it."""

    number: int
    opened_at: float = 0.0
    is_up: bool = False
    said: list[WireCommand] = field(default_factory=list)

    def sound(self, turn: int) -> bytes:
        """All sound of a turn that came by this line."""
        return b"".join(c.frame.pcm for c in self.said if isinstance(c, AppendInput) and c.turn == turn)

    def commits(self, turn: int) -> int:
        """How often a turn was ended."""
        return self.said.count(CommitInput(turn))

    def setup(self) -> Configure:
        """The set-up; there is exactly one, and it came first."""
        assert isinstance(self.said[0], Configure)
        assert sum(isinstance(command, Configure) for command in self.said) == 1
        return self.said[0]


class FarSide:
    """A conversation with everything around it.

    Args:
        explain: Makes an error of a lost link.
        settings: The link's times.
        capabilities: The provider's.
        refuses: Says how a link is refused that is tried at a time; None lets it come.
    """

    def __init__(
        self,
        explain: Explain,
        settings: LifelineSettings | None = None,
        capabilities: Capabilities | None = None,
        refuses: Callable[[float], LinkLost | None] = lambda at: None,
    ) -> None:
        self.at = 100.0
        self.lines: list[Line] = []
        self.told: list[Notify] = []
        self.stopped: Stop | None = None
        self.played: dict[str, bytes] = {}
        self.tried_at: list[float] = []
        self.is_paused = False
        self.refuses = refuses
        self.session_after_s = 0.0
        """How long a link is open before there is a session on it."""
        self.spoken: dict[int, bytes] = {}
        self.entries: list[Event | Command] = []
        self._capabilities = capabilities or Capabilities(confirms_setup="always")
        self._talk = Conversation(FloorSettings(), settings or LifelineSettings(), explain, lambda: 0.5)
        self._connecting: tuple[float, int] | None = None
        self._session_at: float | None = None
        self._turns = count(1)
        self._turn: int | None = None
        self._is_silent = False
        self._sample = 0
        self._playing: dict[str, float] = {}
        self._ended: set[str] = set()
        self._perform(self._talk.begin())
        self.pass_time(0.1)

    @property
    def line(self) -> Line:
        """The newest link."""
        return self.lines[-1]

    @property
    def is_turn_open(self) -> bool:
        """Is the user's turn open?"""
        return self._turn is not None

    def all(self, kind: type[AnEntry]) -> list[AnEntry]:
        """Every event or command of a kind so far."""
        return [entry for entry in self.entries if isinstance(entry, kind)]

    # --- What happens ---

    def take(self, *events: Event) -> None:
        """Have something happen now."""
        for event in events:
            self.entries.append(event)
            self._perform(self._talk.handle(event))

    def pass_time(self, seconds: float) -> None:
        """Let time go by, frame by frame: links come, the user speaks, replies are played, deadlines ring."""
        for _ in range(round(seconds / FRAME_S)):
            self.at = round(self.at + FRAME_S, 6)
            self._come()
            if self._turn is not None:
                self.take(TurnAudio(self.at, self._turn, self._frame(1), not self._is_silent))
            self._play()
            due = self._talk.deadline()
            if due is not None and due <= self.at:
                self.take(Tick(self.at))

    def rest(self, until: float) -> None:
        """Let time go by to a moment, while nobody speaks: only links come, and deadlines ring."""
        assert self._turn is None
        assert not self._playing
        while self.at < until:
            connecting = self._connecting[0] if self._connecting else None
            times = (connecting, self._session_at, self._talk.deadline(), until)
            self.at = max(self.at, min(time for time in times if time is not None))
            self._come()
            due = self._talk.deadline()
            if due is not None and due <= self.at:
                self.take(Tick(self.at))

    def open_turn(self) -> int:
        """The user begins to speak, and goes on until ``close_turn``."""
        turn = next(self._turns)
        self.spoken[turn] = b""
        self._turn = turn
        self.take(TurnOpened(self.at, turn, self._frame(20), "voice", 120.0))
        return turn

    def cough(self) -> None:
        """A turn opens over a reply, and not a word follows: silence, until it is closed."""
        self.open_turn()
        self._is_silent = True

    def close_turn(self) -> None:
        """The user has spoken."""
        turn, self._turn = self._turn, None
        self._is_silent = False
        assert turn is not None
        self.take(TurnClosed(self.at, turn, "silence"))

    def say(self, seconds: float = 1.0) -> int:
        """The user says something; gives the number of the turn."""
        turn = self.open_turn()
        self.pass_time(seconds)
        self.close_turn()
        return turn

    def begin_reply(self, item: str, seconds: float = 2.0) -> None:
        """The provider begins to answer."""
        self.take(ReplyAudio(self.at, item, pcm_of(item, seconds)))

    def end_reply(self, item: str) -> None:
        """The provider has answered."""
        self.take(ReplyComplete(self.at, item), ReplyDone(self.at, item))

    def reply(self, item: str, seconds: float = 2.0) -> None:
        """The provider answers, and the answer is heard to its end."""
        self.begin_reply(item, seconds)
        self.end_reply(item)
        self.pass_time(seconds + 0.2)

    def lose(self, **how: object) -> None:
        """The present link ends."""
        self.line.is_up = False
        self.take(LinkLost(self.at, self.line.number, **({"opened": True} | how)))  # type: ignore[arg-type]

    # --- What is done ---

    def _perform(self, commands: list[Command]) -> None:
        for command in commands:
            self.entries.append(command)
            self._perform_one(command)

    def _perform_one(self, command: Command) -> None:
        match command:
            case Connect(link=link, after_s=after_s):
                if self.lines:
                    self.line.is_up = False
                self._connecting, self._session_at = (self.at + after_s, link), None
            case Disconnect():
                self.line.is_up = False
            case Play(item=item, pcm=pcm):
                self.played[item] = self.played.get(item, b"") + pcm
                self._playing.setdefault(item, 0.0)
            case EndPlayout(item=item):
                self._ended.add(item)
            case DropPlayout(item=item):
                heard_s = self._playing.pop(item, 0.0)
                self.take(PlayoutDropped(self.at, item, heard_s * 1000))
            case PausePlayout():
                self.is_paused = True
            case ResumePlayout():
                self.is_paused = False
            case CloseTurn(reason=reason) if self._turn is not None:
                turn, self._turn, self._is_silent = self._turn, None, False
                self.take(TurnClosed(self.at, turn, reason))
            case Notify():
                self.told.append(command)
            case Stop():
                self.stopped = self.stopped or command
            case _ if isinstance(command, WireCommand):
                assert self.line.is_up, f"{type(command).__name__} on a link that is not up"
                self.line.said.append(command)
            case _:
                pass

    def _come(self) -> None:
        if self._session_at is not None and self.at >= self._session_at:
            self._session_at = None
            self.take(SessionOpened(self.at, "m", self._capabilities))
            if self._capabilities.confirms_setup != "never":
                self.take(SessionConfigured(self.at))
        if self._connecting is None or self.at < self._connecting[0] or self.stopped:
            return
        (_, link), self._connecting = self._connecting, None
        self.tried_at.append(self.at)
        if refusal := self.refuses(self.at):
            self.take(LinkLost(self.at, link, refusal.opened, refusal.status, refusal.code, refusal.reason))
            return
        self.lines.append(Line(link, self.at, is_up=True))
        self.take(LinkOpened(self.at, link))
        self._session_at = self.at + self.session_after_s

    def _play(self) -> None:
        if self.is_paused or not self._playing:
            return
        item = next(iter(self._playing))
        self._playing[item] += FRAME_S
        has_s = len(self.played[item]) / SAMPLE_BYTES / REPLY_RATE
        if self._playing[item] < has_s:
            self.take(PlayoutProgress(self.at, item, self._playing[item] * 1000))
        elif item in self._ended:
            del self._playing[item]
            self.take(PlayoutDrained(self.at, item, has_s * 1000))
        else:
            self._playing[item] = has_s

    def _frame(self, frames: int) -> AudioFrame:
        """The next sound of the user: every sample tells where it belongs."""
        first, self._sample = self._sample, self._sample + frames * FRAME
        pcm = b"".join((index % 65_521).to_bytes(2, "little") for index in range(first, self._sample))
        assert self._turn is not None
        self.spoken[self._turn] += pcm
        return AudioFrame(pcm, 16_000, first)


def pcm_of(item: str, seconds: float) -> bytes:
    """Sound of a reply that is told from any other."""
    return bytes([len(item), sum(item.encode()) % 256]) * round(seconds * REPLY_RATE)
