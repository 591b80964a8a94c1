"""The link's life: connect, set up, renew before a limit, rest when nobody speaks, mend what broke.

A provider that has accepted the socket has promised nothing. Until it is ready (``readiness.py``), what is
meant for it is kept (``awaited.py``), and what it has not answered is sent again on a new link. So a link may
come and go without a word lost; the person is told in one line (``outage.py``). Only what no new link can
mend ends the session: a refused key, a refused set-up, a proxy that was not there to begin with.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from voice_assistant.core.awaited import Awaited
from voice_assistant.core.events import (
    AppendInput,
    Capabilities,
    ClockJumped,
    CloseTurn,
    Command,
    CommitInput,
    Configure,
    Connect,
    Disconnect,
    Event,
    LinkLost,
    LinkOpened,
    LinkUnanswered,
    Notify,
    PlayoutDrained,
    PlayoutDropped,
    Pressed,
    Recalled,
    ReplyAudio,
    ReplyDone,
    ReplyText,
    RequestReply,
    SendText,
    SendToolResult,
    ServerError,
    SessionConfigured,
    SessionOpened,
    Stop,
    StopRequested,
    TextEntered,
    Tick,
    ToolCall,
    TurnClosed,
    TurnOpened,
    TurnSuspected,
    UserText,
    WakeWordHeard,
    WireCommand,
)
from voice_assistant.core.lifetime import Lifetime
from voice_assistant.core.losses import Losses
from voice_assistant.core.memory import Memory
from voice_assistant.core.outage import Outage
from voice_assistant.core.readiness import Readiness
from voice_assistant.core.replies import Replies
from voice_assistant.core.settings import check_range
from voice_assistant.errors import HandshakeError, VoiceAssistantError

STABLE_S = 30.0
"""A session that lived this long was a good one: the next loss is tried again at once."""


@dataclass(frozen=True, slots=True)
class LifelineSettings:
    """How long the other end may take, and how long a link lives ([link])."""

    session_timeout_s: float = 27.0
    """From the open socket to a session; 1 to 120. A proxy may try its upstream three times."""

    setup_grace_ms: int = 400
    """Wait for the set-up to be confirmed before sound is sent all the same; 0 to 5000."""

    unconfirmed_ms: int = 1500
    """Without a confirmation for this long, the set-up counts as ignored; 200 to 10000."""

    answer_timeout_s: float = 15.0
    """A turn without an answer for this long is sent again on a new link; 2 to 120."""

    park_after_min: float = 5.0
    """Without a word for this long, the link is let go until you speak; 0 never, else up to 600."""

    keep_s: float = 180.0
    """Sound kept until it is answered, in seconds; 120 to 1800. A minute takes 2 MB of memory."""

    def __post_init__(self) -> None:
        check_range(self, "session_timeout_s", 1, 120)
        check_range(self, "setup_grace_ms", 0, 5000)
        check_range(self, "unconfirmed_ms", 200, 10_000)
        check_range(self, "answer_timeout_s", 2, 120)
        check_range(self, "park_after_min", 0, 600)
        check_range(self, "keep_s", 120, 1800)


State = Literal["idle", "connecting", "opening", "setting up", "ready", "parked", "ended"]
Explain = Callable[[LinkLost, str], VoiceAssistantError]


class Lifeline:
    """Keeps a session alive, and keeps back what it is not ready for.

    Args:
        settings: The times.
        replies: The books of the replies: a link is not given up while one is heard.
        explain: Makes an error with a remedy of a lost link and the last error the server reported.
        dice: Gives a number from 0 to 1, so that many clients do not come back in the same moment.
    """

    def __init__(
        self,
        settings: LifelineSettings,
        replies: Replies,
        explain: Explain,
        dice: Callable[[], float],
    ) -> None:
        self._settings = settings
        self._replies = replies
        self._explain = explain
        self._state: State = "idle"
        self._link = 0
        self._can = Capabilities()
        self._awaited = Awaited(settings.keep_s, settings.answer_timeout_s)
        self._readiness = Readiness(
            settings.session_timeout_s, settings.setup_grace_ms / 1000, settings.unconfirmed_ms / 1000
        )
        self._memory = Memory()
        self._losses = Losses()
        self._outage = Outage(dice)
        self._lifetime = Lifetime(60 * settings.park_after_min)
        self._now = 0.0

        # This link.
        self._is_live = False
        self._was_recalled: bool | None = None
        self._resent_ms = 0.0
        self._last_error = ""
        self._reply: str | None = None

        # All links.
        self._turn_is_open = False
        self._closed_turn: int | None = None
        self._has_left = False
        self._slowness_is_told = False
        self.asked_again: tuple[str, ...] = ()
        """Replies of the link that was left last of which nobody has heard an answer: their turns are sent
        again."""

    @property
    def state(self) -> State:
        """Where the link stands."""
        return self._state

    @property
    def link(self) -> int:
        """Number of the present websocket."""
        return self._link

    def begin(self) -> list[Command]:
        """Open the first link."""
        return self._connect(after_s=0.0)

    def deadline(self) -> float | None:
        """When a ``Tick`` is due, in seconds of the session's clock."""
        times = [self._readiness.deadline, self._awaited.due]
        if self._is_quiet:
            times.append(self._lifetime.deadline)
        return min((time for time in times if time is not None), default=None)

    def take_has_left(self) -> bool:
        """Say whether a link was lost or given up since the last call: what it was about is over."""
        has_left, self._has_left = self._has_left, False
        return has_left

    # --- Events ---

    def handle(self, event: Event) -> list[Command]:
        """Take the next event."""
        self._now = event.at
        self._memory.handle(event)
        match event:
            case LinkOpened(at=at, link=link) if link == self._link:
                self._state = "opening"
                self._readiness.link_opened(at)
                return [Configure(self._recall())]
            case SessionOpened(at=at, capabilities=capabilities):
                return self._session_opened(at, capabilities)
            case SessionConfigured():
                self._readiness.setup_taken()
                return self._confirmed()
            case UserText():
                return self._confirmed()
            case ReplyText(item=item) | ReplyAudio(item=item):
                return self._replying(item)
            case Pressed(action="interrupt") if not (self._turn_is_open or self._replies.sounding):
                self._awaited.give_up()
            case ToolCall():
                self._awaited.tool_asked()
                return self._answering()
            case ReplyDone():
                self._awaited.reply_done(event, self._now, one_each=self._answers_one_each)
                return self._answering()
            case ServerError(message=message):
                self._last_error = message
            case LinkUnanswered(link=link) if link == self._link:
                return self._slow("takes the connection but does not answer")
            case LinkLost(link=link) if link == self._link:
                return self._lost(event)
            case TurnSuspected() | TurnOpened() | TextEntered() | Pressed(action="talk") | WakeWordHeard():
                self._lifetime.touch(event.at)
                self._turn_is_open |= isinstance(event, TurnOpened)
                return self._connect(after_s=0.0) if self._state == "parked" else []
            case TurnClosed(turn=turn):
                self._lifetime.touch(event.at)
                self._turn_is_open = False
                self._closed_turn = turn
            case PlayoutDrained() | PlayoutDropped():
                self._lifetime.touch(event.at)
            case ClockJumped():
                return self._slept()
            case StopRequested():
                return [Stop()]
            case Tick(at=at):
                return self._due(at)
            case _:
                pass
        return []

    def admit(self, commands: list[Command]) -> list[Command]:
        """Let through what may be performed now; keep what the provider is not ready for."""
        admitted: list[Command] = []
        for command in commands:
            match command:
                case AppendInput() | CommitInput() | SendText() | RequestReply():
                    self._awaited.take(command)
                    admitted += self._going()
                case _ if isinstance(command, WireCommand) and self._state != "ready":
                    pass  # It concerns a reply of a link that is gone.
                case SendToolResult():
                    admitted.append(command)
                    self._awaited.wait(self._now)
                case _:
                    admitted.append(command)
        if self._closed_turn is not None:
            if self._reply is not None and self._replies.is_scrap(self._reply):
                self._awaited.kept.is_answered_by(self._closed_turn, self._reply)
            self._awaited.kept.forget_uncommitted(self._closed_turn)
            self._closed_turn = None
        return admitted + self._say_given_up()

    # --- A link comes ---

    def _connect(self, after_s: float) -> list[Command]:
        self._leave("connecting")
        self._link += 1
        self._is_live = False
        self._last_error = ""
        self._reply = None
        self.asked_again = tuple(filter(self._replies.is_scrap, self._awaited.kept.answers))
        for item in self.asked_again:
            self._awaited.kept.was_no_answer(item)
            self._memory.forget(item)
        self._awaited.start_over()
        return [Connect(self._link, after_s)]

    def _recall(self) -> tuple[Recalled, ...]:
        """The conversation so far, without what is going to be sent again."""
        kept = self._awaited.kept
        recall = self._memory.recall(kept.first_turn, kept.texts)
        self._was_recalled = bool(recall) if recall or self._memory.has_some(kept.first_turn) else None
        return recall

    def _session_opened(self, at: float, capabilities: Capabilities) -> list[Command]:
        if self._state != "opening":
            return []
        self._can = capabilities
        self._state = "setting up"
        self._lifetime.open(at, capabilities.session_limit_s)
        if not self._losses.was_live:
            self._lifetime.touch(at)
        match self._readiness.session_opened(at, capabilities):
            case "confirmed":
                return self._confirmed()
            case "send":
                return self._ready()
            case "wait":
                return []

    def _ready(self) -> list[Command]:
        """What waited goes out now: in long appends always, for a proxy's small set-up buffer counts them."""
        if self._state != "ready":
            self._resent_ms = self._awaited.kept.ms
        self._state = "ready"
        return [*self._awaited.going(self._now)]

    def _confirmed(self) -> list[Command]:
        """The provider has shown that its session lives: nothing needs to wait any more."""
        if self._readiness.is_confirmed or self._state not in ("setting up", "ready"):
            return []
        self._readiness.confirmed()
        return self._ready() + self._live()

    def _going(self) -> list[Command]:
        if self._state != "ready":
            return []
        return [*self._awaited.going(self._now, cautious=not self._readiness.is_confirmed)]

    # --- Answers ---

    def _answering(self) -> list[Command]:
        """The provider does something about what was said."""
        self._lifetime.touch(self._now)
        self._outage.proved()
        return self._confirmed()

    def _replying(self, item: str) -> list[Command]:
        commands = self._answering()
        self._reply = item
        self._awaited.reply_came(item, one_each=self._answers_one_each)
        return commands

    @property
    def _answers_one_each(self) -> bool:
        return self._can.answers_each

    # --- A link goes ---

    def _leave(self, state: State) -> None:
        """Let go of the present link, if there is one."""
        self._state = state
        self.asked_again = ()
        self._readiness.leave()
        self._awaited.due = None
        self._lifetime.leave()
        self._has_left = True

    def _slow(self, what: str) -> list[Command]:
        """A server that hangs looks like one that is slow: say once that it is waited for."""
        if self._slowness_is_told:
            return []
        self._slowness_is_told = True
        # In an outage the warning has been given, and this only says how it stands.
        severity: Literal["info", "warning"] = "info" if self._outage.is_on else "warning"
        return [Notify(severity, f"The provider {what}. Still waiting; what you say is kept.")]

    def _lost(self, lost: LinkLost) -> list[Command]:
        if self._state in ("parked", "ended"):
            return []
        error = self._explain(lost, self._last_error)
        had_session = self._state in ("setting up", "ready")
        if self._losses.is_final(lost, error, had_session=had_session, reported=self._last_error):
            self._leave("ended")
            return [Stop(error)]
        if self._lifetime.cut(lost.at) >= STABLE_S:
            self._outage.proved()
        return self._broken(lost, str(error), had_session=had_session)

    def _broken(self, lost: LinkLost, why: str, *, had_session: bool) -> list[Command]:
        """Say it once, and try again."""
        told: list[Command] = []
        is_torn = self._replies.is_unfinished(lost.at)
        if self._outage.begin(lost.at, is_torn=is_torn):
            where = " in the middle of an answer" if is_torn else ""
            told = [Notify("warning", f"The line is gone{where}: {why}. Trying again; go on speaking.")]
        wait_s = self._outage.wait_s(lost, is_early=self._losses.is_early, had_session=had_session)
        return told + self._connect(wait_s)

    def _slept(self) -> list[Command]:
        """What was under way before is old: nobody wants it sent as if it were said now."""
        if self._state in ("ended", "parked"):
            return []
        commands: list[Command] = []
        if self._awaited.kept.forget_all():
            text = "The machine slept. What you were saying before was not sent."
            commands.append(Notify("warning", text, "Say it again."))
        self._outage.begin(self._now)
        return [*commands, CloseTurn("provider"), *self._connect(after_s=0.0)]

    # --- Deadlines ---

    def _due(self, at: float) -> list[Command]:
        commands: list[Command] = []
        for step in self._readiness.steps(at):
            match step:
                case "slow":
                    commands += self._slow("answers but opens no session")
                case "no session":
                    return self._no_session()
                case "send":
                    commands += self._ready()
                case "ignored":
                    commands += self._unconfirmed()
        if self._awaited.due is not None and at >= self._awaited.due:
            commands += self._unanswered()
        if self._is_quiet and self._lifetime.wants_parking(at):
            self._leave("parked")
            commands += [Disconnect(self._link), Notify("info", "The line rests until you speak.")]
        elif self._is_quiet and self._lifetime.wants_renewal(at):
            commands += [Disconnect(self._link), *self._connect(after_s=0.0)]
        return commands

    def _no_session(self) -> list[Command]:
        error = HandshakeError(
            f"the provider opened no session within {self._settings.session_timeout_s:.0f} s",
            remedy="Look at the proxy's log: it may not reach its upstream.",
        )
        lost = LinkLost(self._now, self._link, opened=True, reason="no session")
        if not self._losses.was_live:
            self._leave("ended")
            return [Stop(error)]
        return self._broken(lost, str(error), had_session=False)

    def _unconfirmed(self) -> list[Command]:
        was_said, self._readiness.setup_is_ignored = self._readiness.setup_is_ignored, True
        commands = self._live()
        if was_said:
            return commands
        text = "The provider has not confirmed the set-up: it probably ignores instructions and voice."
        return [*commands, Notify("warning", text, self._can.unconfigured_remedy)]

    def _live(self) -> list[Command]:
        """The session of this link lives: somebody said so, or enough time has passed. Told once a link."""
        if self._is_live:
            return []
        self._is_live = True
        self._slowness_is_told = False
        was_live, self._losses.was_live = self._losses.was_live, True
        if not was_live and not self._outage.is_on:
            return []
        remembers = self._was_recalled and not self._readiness.setup_is_ignored
        told = self._outage.end(self._readiness.opened_at, resent_ms=self._resent_ms, remembers=remembers)
        return [told] if told else []

    def _unanswered(self) -> list[Command]:
        waited = f"No answer for {self._settings.answer_timeout_s:.0f} s."
        if self._awaited.miss() == "give up":
            return [Notify("warning", waited, "Say it again, or start anew if it stays silent.")]
        self._outage.begin(self._now)
        told = Notify("warning", f"{waited} Asking again on a new line.")
        return [told, Disconnect(self._link), *self._connect(after_s=0.0)]

    @property
    def _is_quiet(self) -> bool:
        """Nothing is said, heard or awaited: a link may go without anybody noticing."""
        busy = self._turn_is_open or self._replies.sounding or self._awaited.kept.has_unanswered
        return self._state == "ready" and not busy

    # --- What the person is told ---

    def _say_given_up(self) -> list[Command]:
        given_up_ms = self._awaited.kept.take_given_up_ms()
        if not given_up_ms or not self._outage.give_up(given_up_ms):
            return []
        text = f"Only {self._settings.keep_s:.0f} s of what you say are kept while the line is gone"
        return [Notify("warning", f"{text}: the oldest of it is given up.", "Say it again later.")]
