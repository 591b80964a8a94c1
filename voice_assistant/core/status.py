"""The state of the session in one value: what a status line or a program wants to know at once.

Folded from the same events and commands as the transcript, and as pure: ``status.after(entry)`` is the next
value. How it looks is left to ``terminal/``.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from voice_assistant.core.audio import SILENCE_DBFS, level_dbfs
from voice_assistant.core.echo import EchoMode
from voice_assistant.core.events import (
    Captured,
    Command,
    CommitInput,
    Connect,
    DeviceLost,
    DeviceOpened,
    Direction,
    Disconnect,
    Event,
    FellAsleep,
    KeysKnown,
    Level,
    LinkLost,
    LinkOpened,
    Mode,
    ModeChanged,
    MuteChanged,
    PausePlayout,
    PlayoutDrained,
    PlayoutDropped,
    PlayoutStarted,
    Pressed,
    Released,
    ReplyDone,
    ResumePlayout,
    SendText,
    SessionOpened,
    SetVolume,
    SpokeWhileMuted,
    TurnClosed,
    TurnOpened,
    WakeWordHeard,
    WokenByKey,
)
from voice_assistant.core.plain_text import neutralise

ANSWER_WAIT_S = 30.0
"""Seconds after which an answer that did not come is no longer waited for."""

HINT_S = 4.0
"""Seconds for which a hint is shown."""

Having = Literal["connecting", "resting", "listening", "asleep", "user", "waiting", "speaking", "paused"]
"""Who has the floor: nobody yet; nobody, and the line rests until somebody speaks; nobody; nobody until the
wake word is said; the user; the provider, thinking; the assistant; the assistant, interrupted and perhaps to
go on."""

Talking = Literal["no", "by voice", "key held", "key latched"]


@dataclass(frozen=True, slots=True)
class Status:
    """What is the case now.

    Args:
        provider: Its name.
        model: As the provider reports it; empty before it does.
        mode: Who opens the user's turn.
        asleep: The wake word, while nothing but that is listened for; empty otherwise.
        muted: Nothing of the microphone is judged, kept or sent.
        recording: The session is written to disk.
        keys: How the talk key works in this terminal; None until that is known.
        link: Nothing is open; the socket is; the session is; it was closed by us until it is needed.
        talking: Is the user's turn open, and what keeps it open?
        near_dbfs: Level of the microphone.
        floor_dbfs: The room's noise floor.
        is_speech: The detector's opinion of the newest frame.
        awaited_since: When the answer that is awaited was asked for; seconds of the session's clock.
        playing: The reply that is heard.
        paused: Playout is held.
        at: Time of the newest level.
        link_number: The newest websocket.
        volume_db: How much louder or softer than they come replies are played.
        help_shown: The person wants to see what the keys do.
        unheard_at: When somebody last spoke while muted.
        far_dbfs: Level of what the loudspeaker is given.
        echo_mode: What is done about its echo in the microphone.
        echo_removed_db: How much of it is being removed: 0 where there is none, None while nothing plays.
        began_at: Time of the first level.
        tokens: Sent and received so far, as the provider counts them; 0 where it does not.
        lost: Devices that are gone.
        delivering: Devices that have begun to deliver, and were not lost since.
        has_heard: The microphone has given something but zeros.
    """

    provider: str = ""
    model: str = ""
    mode: Mode = "hands-free"
    asleep: str = ""
    muted: bool = False
    recording: bool = False
    keys: Literal["reported", "watched", "none"] | None = None
    link: Literal["down", "open", "ready", "resting"] = "down"
    talking: Talking = "no"
    near_dbfs: float = -120.0
    floor_dbfs: float = -120.0
    is_speech: bool = False
    awaited_since: float | None = None
    playing: str | None = None
    paused: bool = False
    at: float = 0.0
    link_number: int = 0
    volume_db: float = 0.0
    help_shown: bool = False
    unheard_at: float | None = None
    far_dbfs: float = SILENCE_DBFS
    echo_mode: EchoMode = "cancelling"
    echo_removed_db: float | None = None
    began_at: float | None = None
    tokens: int = 0
    lost: frozenset[Direction] = frozenset()
    delivering: frozenset[Direction] = frozenset()
    has_heard: bool = False

    @property
    def missing(self) -> list[str]:
        """What has not been seen to work yet, in the order of a sentence's way; empty: all is ready."""
        microphone = "capture" in self.delivering and self.has_heard
        checks = {
            "microphone": microphone,
            "socket": self.link in ("open", "ready"),
            "session": self.link == "ready",
            "loudspeaker": "playout" in self.delivering,
        }
        return [name for name, is_there in checks.items() if not is_there]

    @property
    def floor(self) -> Having:
        """Who has the floor."""
        if self.talking != "no":
            return "user"
        if self.playing and self.paused:
            return "paused"
        if self.playing:
            return "speaking"
        if self.link == "resting":
            return "resting"
        if self.link != "ready":
            return "connecting"
        if self.awaited_since is not None and self.at - self.awaited_since < ANSWER_WAIT_S:
            return "waiting"
        return "asleep" if self.asleep else "listening"

    @property
    def is_unheard(self) -> bool:
        """Somebody has just spoken who is muted."""
        return self.muted and self.unheard_at is not None and self.at - self.unheard_at < HINT_S

    def after(self, entry: Event | Command) -> Status:
        """Give the status after *entry*: the same object where nothing changed."""
        match entry:
            case Level(at=at, near_dbfs=near, floor_dbfs=floor, is_speech=is_speech, echo_removed_db=removed):
                began_at = at if self.began_at is None else self.began_at
                return replace(
                    self,
                    at=at,
                    near_dbfs=near,
                    floor_dbfs=floor,
                    is_speech=is_speech,
                    echo_removed_db=removed,
                    began_at=began_at,
                    has_heard=self.has_heard or near > SILENCE_DBFS,
                )
            case Captured(far=far):
                # Most of the time nothing plays, and looking for that is cheaper than measuring it.
                far_dbfs = level_dbfs(far.pcm) if far.pcm.count(0) < len(far.pcm) else SILENCE_DBFS
                return self if far_dbfs == self.far_dbfs else replace(self, far_dbfs=far_dbfs)
            case DeviceLost(direction="capture"):
                quiet = replace(self, near_dbfs=SILENCE_DBFS, far_dbfs=SILENCE_DBFS, is_speech=False)
                return quiet._without("capture")
            case DeviceLost(direction=direction):
                return self._without(direction)
            case DeviceOpened(direction=direction):
                return replace(self, lost=self.lost - {direction}, delivering=self.delivering | {direction})
            case TurnOpened(by=by):
                return replace(self, talking="by voice" if by == "voice" else "key held", awaited_since=None)
            case TurnClosed():
                return replace(self, talking="no")
            case Pressed(action="talk") if self.talking == "by voice":
                return replace(self, talking="key held")
            case Released(action="talk", tap=True) if self.talking == "key held":
                return replace(self, talking="key latched")
            case CommitInput() | SendText():
                return replace(self, awaited_since=self.at)
            case PlayoutStarted(item=item):
                return replace(self, playing=item, awaited_since=None)
            case PlayoutDrained(item=item) | PlayoutDropped(item=item) if item == self.playing:
                return replace(self, playing=None)
            case ReplyDone(item=item, usage=usage):
                tokens = self.tokens + (usage.input_tokens + usage.output_tokens if usage else 0)
                return replace(self, tokens=tokens, awaited_since=self.awaited_since if item else None)
            case PausePlayout():
                return replace(self, paused=True)
            case ResumePlayout():
                return replace(self, paused=False)
            case ModeChanged(mode=mode):
                return replace(self, mode=mode, asleep="")
            case FellAsleep(word=word):
                return replace(self, asleep=word)
            case WakeWordHeard() | WokenByKey():
                return replace(self, asleep="")
            case MuteChanged(muted=muted):
                return replace(self, muted=muted, unheard_at=None)
            case SpokeWhileMuted(at=at):
                return replace(self, unheard_at=at)
            case SetVolume(volume_db=volume_db):
                return replace(self, volume_db=volume_db)
            case Pressed(action="help"):
                return replace(self, help_shown=not self.help_shown)
            case Pressed(action="interrupt"):
                waiting = self.awaited_since if self.playing else None
                return replace(self, help_shown=False, awaited_since=waiting)
            case KeysKnown(releases=releases):
                return replace(self, keys=releases)
            case Connect() | Disconnect() | LinkOpened() | LinkLost() | SessionOpened():
                return self._linked(entry)
            case _:
                return self

    def _without(self, direction: Direction) -> Status:
        heard = self.has_heard and direction != "capture"
        return replace(
            self, lost=self.lost | {direction}, delivering=self.delivering - {direction}, has_heard=heard
        )

    def _linked(self, entry: Connect | Disconnect | LinkOpened | LinkLost | SessionOpened) -> Status:
        match entry:
            case Connect(link=link):
                return replace(self, link_number=link, link=self.link if self.link == "ready" else "down")
            case Disconnect(link=link) if link == self.link_number:
                return replace(self, link="resting")
            case LinkOpened(link=link) if link == self.link_number:
                return replace(self, link="open")
            case SessionOpened(model=model):
                return replace(self, link="ready", model=neutralise(model))
            case LinkLost(link=link) if link == self.link_number and self.link != "resting":
                return replace(self, link="down", awaited_since=None)
            case _:
                return self
