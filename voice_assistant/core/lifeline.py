"""The link's life: connect, set up, renew before a limit, rest when nobody speaks, mend what broke.

A provider that has accepted the socket has promised nothing. Until it is ready, what is meant for it is kept
(``kept.py``), and what it has not answered is sent again on a new link. So a link may come and go without a
word lost; the person is told in one line. Only what no new link can mend ends the session: a refused key, a
refused set-up, a proxy that was not there to begin with.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

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
    Notify,
    PlayoutDrained,
    PlayoutDropped,
    Pressed,
    ReplyAudio,
    ReplyDone,
    ReplyText,
    RequestReply,
    SendText,
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
    WireCommand,
)
from voice_assistant.core.kept import KeptSound
from voice_assistant.core.memory import Memory
from voice_assistant.core.replies import Replies
from voice_assistant.core.settings import check_range
from voice_assistant.errors import AuthError, HandshakeError, VoiceAssistantError

APPEND_MS = 500
"""The longest append: what waited goes out in few messages, none of them large."""

CAUTIOUS_APPEND_MS = 100
"""While a set-up may still be under way behind a proxy that keeps 200 messages and drops the rest, sound
goes out in appends of this length: 20 s of it fit. Nothing waits longer than that for its append."""

CALM_S = 2.0
"""After the last word of either side, before a link may be given up on purpose."""

LONGEST_LEAD_S = 120.0
"""A link is renewed in the last fifth of its life, but no earlier than this before its end."""

WORTH_LEARNING_S = 60.0
"""A cut after a shorter life is a fault and says nothing of a limit."""

STABLE_S = 30.0
"""A session that lived this long was a good one: the next loss is tried again at once."""

SLOWEST_RETRY_S = 15.0


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
        self._dice = dice
        self._state: State = "idle"
        self._link = 0
        self._can = Capabilities()
        self._kept = KeptSound(settings.keep_s)
        self._memory = Memory()
        self._now = 0.0

        # This link.
        self._is_confirmed = False
        self._is_live = False
        self._was_recalled = False
        self._opened_at: float | None = None
        self._session_due: float | None = None
        self._grace_ends: float | None = None
        self._unconfirmed_at: float | None = None
        self._answer_due: float | None = None
        self._last_error = ""

        # All links.
        self._was_ready = False
        self._setup_is_ignored = False
        self._attempt = 0
        self._lost_at: float | None = None
        self._lives: list[float] = []
        self._retried = False
        self._turn_is_open = False
        self._closed_turn: int | None = None
        self._active_at = 0.0
        self._wordless_said = False
        self._words_came = False

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
        times = [self._session_due, self._grace_ends, self._unconfirmed_at, self._answer_due]
        if self._is_quiet:
            calm_at = self._active_at + CALM_S
            times += [max(at, calm_at) for at in (self._renew_at, self._park_at) if at is not None]
        return min((time for time in times if time is not None), default=None)

    # --- Events ---

    def handle(self, event: Event) -> list[Command]:
        """Take the next event."""
        self._now = event.at
        self._memory.handle(event)
        match event:
            case LinkOpened(at=at, link=link) if link == self._link:
                self._state = "opening"
                self._session_due = at + self._settings.session_timeout_s
                recall = self._memory.recall(self._kept.first_turn) if self._was_ready else ()
                self._was_recalled = bool(recall)
                return [Configure(recall)]
            case SessionOpened(at=at, capabilities=capabilities):
                return self._session_opened(at, capabilities)
            case SessionConfigured():
                self._unconfirmed_at = None
                self._setup_is_ignored = False
                return self._confirmed()
            case UserText():
                return self._confirmed()
            case ReplyText():
                self._words_came = True
            case ReplyAudio(item=item):
                return self._answered(is_new=not self._replies.knows(item))
            case ToolCall():
                return self._answered(is_new=True)
            case ReplyDone(item=item):
                return self._answered(is_new=item is None) + (self._say_wordless() if item else [])
            case ServerError(message=message):
                self._last_error = message
            case LinkLost(link=link) if link == self._link:
                return self._lost(event)
            case TurnSuspected() | TurnOpened() | TextEntered() | Pressed(action="talk"):
                self._active_at = event.at
                self._turn_is_open |= isinstance(event, TurnOpened)
                return self._connect(after_s=0.0) if self._state == "parked" else []
            case TurnClosed(turn=turn):
                self._active_at = event.at
                self._turn_is_open = False
                self._closed_turn = turn
            case PlayoutDrained() | PlayoutDropped():
                self._active_at = event.at
            case ClockJumped(by_s=by_s):
                return self._slept(by_s)
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
                    self._kept.take(command)
                    admitted += self._going()
                case _ if isinstance(command, WireCommand) and self._state != "ready":
                    pass  # It concerns a reply of a link that is gone.
                case _:
                    admitted.append(command)
        if self._closed_turn is not None:
            self._kept.forget_uncommitted(self._closed_turn)
            self._closed_turn = None
        if given_up_ms := self._kept.take_given_up_ms():
            admitted.append(
                Notify(
                    "warning",
                    f"{given_up_ms / 1000:.0f} s of what you said could not be kept any longer.",
                    "Say it again once the line is back.",
                )
            )
        return admitted

    # --- A link comes ---

    def _connect(self, after_s: float) -> list[Command]:
        self._link += 1
        self._state = "connecting"
        self._is_confirmed = self._is_live = False
        self._opened_at = None
        self._session_due = self._grace_ends = self._unconfirmed_at = self._answer_due = None
        self._last_error = ""
        self._kept.start_over()
        return [Connect(self._link, after_s)]

    def _session_opened(self, at: float, capabilities: Capabilities) -> list[Command]:
        self._can = capabilities
        self._session_due = None
        self._opened_at = at
        if not self._was_ready:
            self._active_at = at
        if capabilities.confirms_setup == "never":
            return self._confirmed()
        self._state = "setting up"
        self._unconfirmed_at = at + self._settings.unconfirmed_ms / 1000
        if self._setup_is_ignored:
            # It did not confirm the last one either: the grace would be waited for nothing.
            return self._ready()
        self._grace_ends = at + self._settings.setup_grace_ms / 1000
        return []

    def _ready(self) -> list[Command]:
        self._state = "ready"
        self._grace_ends = None
        return self._going()

    def _confirmed(self) -> list[Command]:
        """The provider has shown that its session lives: nothing needs to wait any more."""
        if self._is_confirmed or self._opened_at is None:
            return []
        self._is_confirmed = True
        return self._ready() + self._live()

    def _going(self) -> list[Command]:
        if self._state != "ready":
            return []
        going = (
            self._kept.going(APPEND_MS)
            if self._is_confirmed
            else self._kept.going(CAUTIOUS_APPEND_MS, whole_only=True)
        )
        if any(isinstance(command, CommitInput | SendText) for command in going):
            self._answer_due = self._now + self._settings.answer_timeout_s
        return [*going]

    def _answered(self, *, is_new: bool) -> list[Command]:
        self._active_at = self._now
        commands = self._confirmed()
        if is_new:
            self._kept.answered()
            self._attempt = 0
            self._retried = False
            self._answer_due = None
        return commands

    # --- A link goes ---

    def _lost(self, lost: LinkLost) -> list[Command]:
        if self._state in ("parked", "ended"):
            return []
        error = self._explain(lost, self._last_error)
        if not self._was_ready or isinstance(error, AuthError | HandshakeError):
            self._state = "ended"
            self._session_due = self._grace_ends = self._unconfirmed_at = self._answer_due = None
            return [Stop(error)]
        self._learn_from(lost)
        told: list[Command] = []
        if self._lost_at is None:
            self._lost_at = lost.at
            told = [Notify("warning", f"The line is gone: {error}. Trying again; go on speaking.")]
        return told + self._connect(self._wait_before_trying(lost))

    def _learn_from(self, lost: LinkLost) -> None:
        """Two cuts at about the same age are a limit of the other end that nobody told us."""
        if self._opened_at is None:
            return
        age = lost.at - self._opened_at
        if age >= STABLE_S:
            self._attempt = 0
        if age >= WORTH_LEARNING_S:
            self._lives = [*self._lives[-3:], age]

    def _wait_before_trying(self, lost: LinkLost) -> float:
        """At once, then slower and slower, with dice: many clients lose the same proxy together."""
        self._attempt += 1
        if lost.status == 429 or lost.code == 1013:
            self._attempt = max(self._attempt, 4)
        if self._attempt == 1:
            return 0.2 * self._dice()
        slow = min(0.25 * 2.0 ** min(self._attempt - 1, 10), SLOWEST_RETRY_S)
        return slow * (0.75 + 0.5 * self._dice())

    def _slept(self, by_s: float) -> list[Command]:
        """What was under way before is old: nobody wants it sent as if it were said now."""
        if self._state in ("ended", "parked"):
            return []
        commands: list[Command] = []
        if self._kept.ms:
            commands.append(
                Notify("warning", "What you were saying before the pause was not sent.", "Say it again.")
            )
        self._kept.forget_all()
        self._lost_at = self._now
        commands.append(CloseTurn("provider"))
        return commands + self._connect(after_s=0.0)

    # --- Deadlines ---

    def _due(self, at: float) -> list[Command]:
        commands: list[Command] = []
        if self._session_due is not None and at >= self._session_due:
            self._session_due = None
            commands += self._no_session()
        if self._grace_ends is not None and at >= self._grace_ends:
            commands += self._ready()
        if self._unconfirmed_at is not None and at >= self._unconfirmed_at:
            commands += self._unconfirmed()
        if self._answer_due is not None and at >= self._answer_due:
            commands += self._unanswered()
        if self._is_quiet and at >= self._active_at + CALM_S:
            if self._park_at is not None and at >= self._park_at:
                commands += self._park()
            elif self._renew_at is not None and at >= self._renew_at:
                commands += [Disconnect(self._link), *self._connect(after_s=0.0)]
        return commands

    def _no_session(self) -> list[Command]:
        timeout_s = self._settings.session_timeout_s
        error = HandshakeError(
            f"the provider opened no session within {timeout_s:.0f} s",
            remedy="Look at the proxy's log: it may not reach its upstream.",
        )
        if not self._was_ready:
            self._state = "ended"
            return [Stop(error)]
        lost = LinkLost(self._now, self._link, opened=True, reason="no session")
        return self._connect(self._wait_before_trying(lost))

    def _unconfirmed(self) -> list[Command]:
        self._unconfirmed_at = None
        was_said, self._setup_is_ignored = self._setup_is_ignored, True
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
        was_ready, self._was_ready = self._was_ready, True
        return self._say_restored() if was_ready else []

    def _unanswered(self) -> list[Command]:
        self._answer_due = None
        waited = f"No answer for {self._settings.answer_timeout_s:.0f} s."
        if self._retried:
            self._kept.forget_all()
            return [Notify("warning", waited, "Say it again, or start anew if it stays silent.")]
        self._retried = True
        self._lost_at = self._now
        told = Notify("warning", f"{waited} Asking again on a new line.")
        return [told, Disconnect(self._link), *self._connect(after_s=0.0)]

    def _park(self) -> list[Command]:
        self._state = "parked"
        self._opened_at = self._unconfirmed_at = None
        return [Disconnect(self._link), Notify("info", "The line rests until you speak.")]

    @property
    def _is_quiet(self) -> bool:
        """Nothing is said, heard or awaited: a link may go without anybody noticing."""
        busy = self._turn_is_open or self._replies.sounding or self._kept.has_unanswered
        return self._state == "ready" and not busy

    @property
    def _park_at(self) -> float | None:
        minutes = self._settings.park_after_min
        return self._active_at + 60 * minutes if minutes and self._opened_at is not None else None

    @property
    def _renew_at(self) -> float | None:
        limits = [self._can.session_limit_s] if self._can.session_limit_s else []
        if len(self._lives) >= 2 and abs(self._lives[-1] - self._lives[-2]) < 0.05 * self._lives[-1]:
            limits.append(min(self._lives[-2:]))
        if not limits or self._opened_at is None:
            return None
        return self._opened_at + min(limits) - min(0.2 * min(limits), LONGEST_LEAD_S)

    # --- What the person is told ---

    def _say_restored(self) -> list[Command]:
        lost_at, self._lost_at = self._lost_at, None
        knows = self._was_recalled and not self._setup_is_ignored
        forgot = "" if knows else " The assistant may not remember what was said before."
        if lost_at is None:
            return [] if knows else [Notify("info", f"The line was renewed.{forgot}")]
        resent = f", with {self._kept.ms / 1000:.0f} s of what you said" if self._kept.ms >= 500 else ""
        restored = " The conversation so far was restored." if knows else forgot
        return [Notify("info", f"The line is back after {self._now - lost_at:.1f} s{resent}.{restored}")]

    def _say_wordless(self) -> list[Command]:
        if self._words_came or self._wordless_said or not self._can.wordless_remedy:
            return []
        self._wordless_said = True
        return [Notify("info", "Replies come without their words here.", self._can.wordless_remedy)]
