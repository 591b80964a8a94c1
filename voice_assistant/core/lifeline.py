"""The link's life: from the first connection to a session that listens, and what is said when it ends.

A provider that has accepted the socket has promised nothing. Until it is ready for sound, what is meant for
it waits here, and goes out in appends of up to half a second. A set-up that nobody confirms is a set-up that
was probably ignored: the person is told, once. A turn that gets no answer is said, too.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from voice_assistant.core.audio import SAMPLE_BYTES, AudioFrame
from voice_assistant.core.events import (
    AppendInput,
    Capabilities,
    Command,
    CommitInput,
    Configure,
    Connect,
    Event,
    LinkLost,
    LinkOpened,
    Notify,
    ReplyAudio,
    ReplyDone,
    ReplyText,
    ServerError,
    SessionConfigured,
    SessionOpened,
    Stop,
    StopRequested,
    Tick,
    UserText,
    WireCommand,
)
from voice_assistant.core.settings import check_range
from voice_assistant.errors import HandshakeError, VoiceAssistantError

APPEND_MS = 500
"""The longest append: what waited goes out in few messages, none of them large."""

CAUTIOUS_APPEND_MS = 100
"""While a set-up may still be under way behind a proxy that keeps 200 messages and drops the rest, sound
goes out in appends of this length: 20 s of it fit. Nothing waits longer than that for its append."""


@dataclass(frozen=True, slots=True)
class LifelineSettings:
    """How long the other end may take ([link]).

    Args:
        session_timeout_s: From the open socket to a session; a proxy may try its upstream three times.
        setup_grace_ms: Wait for the set-up to be confirmed before sound is sent all the same.
        unconfirmed_ms: Without a confirmation for this long, the set-up counts as ignored.
        answer_timeout_s: A turn that gets no sign of an answer for this long is said.
    """

    session_timeout_s: float = 27.0
    setup_grace_ms: int = 400
    unconfirmed_ms: int = 1500
    answer_timeout_s: float = 15.0

    def __post_init__(self) -> None:
        check_range(self, "session_timeout_s", 1, 120)
        check_range(self, "setup_grace_ms", 0, 5000)
        check_range(self, "unconfirmed_ms", 200, 10_000)
        check_range(self, "answer_timeout_s", 2, 120)


State = Literal["idle", "connecting", "opening", "setting up", "ready", "lost"]
Explain = Callable[[LinkLost, str], VoiceAssistantError]


class Lifeline:
    """Brings a session up, keeps back what it is not ready for, and says why it ended.

    Args:
        settings: The times.
        explain: Makes an error with a remedy of a lost link and the last error the server reported.
    """

    def __init__(self, settings: LifelineSettings, explain: Explain) -> None:
        self._settings = settings
        self._explain = explain
        self._state: State = "idle"
        self._link = 0
        self._can = Capabilities()
        self._waiting: list[WireCommand] = []
        self._last_error = ""
        self._is_confirmed = False
        self._session_due: float | None = None
        self._grace_ends: float | None = None
        self._unconfirmed_at: float | None = None
        self._answer_due: float | None = None
        self._now = 0.0
        self._wordless_said = False
        self._words_came = False

    @property
    def state(self) -> State:
        """Where the link stands."""
        return self._state

    def begin(self) -> list[Command]:
        """Open the first link."""
        self._link += 1
        self._state = "connecting"
        return [Connect(self._link)]

    def deadline(self) -> float | None:
        """When a ``Tick`` is due, in seconds of the session's clock."""
        times = (self._session_due, self._grace_ends, self._unconfirmed_at, self._answer_due)
        return min((time for time in times if time is not None), default=None)

    def handle(self, event: Event) -> list[Command]:
        """Take the next event."""
        self._now = event.at
        match event:
            case LinkOpened(at=at):
                self._state = "opening"
                self._session_due = at + self._settings.session_timeout_s
                return [Configure()]
            case SessionOpened(at=at, capabilities=capabilities):
                return self._session_opened(at, capabilities)
            case SessionConfigured():
                self._unconfirmed_at = None
                return self._confirmed()
            case UserText():
                return self._confirmed()
            case ReplyText():
                self._words_came = True
            case ReplyAudio():
                self._answer_due = None
                return self._confirmed()
            case ReplyDone(item=item):
                self._answer_due = None
                return self._confirmed() + (self._say_wordless() if item else [])
            case ServerError(message=message):
                self._last_error = message
            case LinkLost():
                return self._lost(event)
            case StopRequested():
                return [Stop()]
            case Tick(at=at):
                return self._due(at)
            case _:
                pass
        return []

    def admit(self, commands: list[Command]) -> list[Command]:
        """Let through what may be performed now; keep back what the provider is not ready for."""
        admitted: list[Command] = []
        for command in commands:
            if isinstance(command, CommitInput):
                self._answer_due = self._now + self._settings.answer_timeout_s
            if not isinstance(command, WireCommand) or self._is_confirmed:
                admitted.append(command)
            elif self._state != "lost":
                admitted += self._keep(command)
        return admitted

    def _keep(self, command: WireCommand) -> list[Command]:
        longest_ms = CAUTIOUS_APPEND_MS if self._state == "ready" else APPEND_MS
        last = self._waiting[-1] if self._waiting else None
        if (
            isinstance(command, AppendInput)
            and isinstance(last, AppendInput)
            and last.turn == command.turn
            and last.frame.ms + command.frame.ms <= longest_ms
        ):
            self._waiting[-1] = AppendInput(command.turn, _joined(last.frame, command.frame))
        else:
            self._waiting.append(command)
        if self._state != "ready":
            return []
        # Ready, but unconfirmed: whole appends go, the newest fills up; a commit lets all go.
        last = self._waiting[-1]
        is_filling = isinstance(last, AppendInput) and last.frame.ms < longest_ms
        return self._let_go(keep_last=is_filling)

    def _let_go(self, *, keep_last: bool = False) -> list[Command]:
        """Hand out what waited, in appends of at most ``APPEND_MS``."""
        kept = [self._waiting.pop()] if keep_last and self._waiting else []
        going: list[Command] = []
        for command in self._waiting:
            if isinstance(command, AppendInput):
                going += [AppendInput(command.turn, part) for part in _split(command.frame, APPEND_MS)]
            else:
                going.append(command)
        self._waiting = kept
        return going

    def _session_opened(self, at: float, capabilities: Capabilities) -> list[Command]:
        self._can = capabilities
        self._session_due = None
        if capabilities.confirms_setup == "never":
            return self._confirmed()
        self._state = "setting up"
        self._grace_ends = at + self._settings.setup_grace_ms / 1000
        self._unconfirmed_at = at + self._settings.unconfirmed_ms / 1000
        return []

    def _confirmed(self) -> list[Command]:
        """The provider has shown that its session lives: nothing needs to wait any more."""
        if self._is_confirmed:
            return []
        self._state = "ready"
        self._is_confirmed = True
        self._grace_ends = None
        return self._let_go()

    def _lost(self, lost: LinkLost) -> list[Command]:
        self._state = "lost"
        self._is_confirmed = False
        self._waiting = []
        self._session_due = self._grace_ends = self._unconfirmed_at = self._answer_due = None
        return [Stop(self._explain(lost, self._last_error))]

    def _due(self, at: float) -> list[Command]:
        commands: list[Command] = []
        if self._session_due is not None and at >= self._session_due:
            self._session_due = None
            commands.append(Stop(self._no_session()))
        if self._grace_ends is not None and at >= self._grace_ends:
            self._grace_ends = None
            self._state = "ready"
            commands += self._let_go()
        if self._unconfirmed_at is not None and at >= self._unconfirmed_at:
            self._unconfirmed_at = None
            commands.append(
                Notify(
                    "warning",
                    "The provider has not confirmed the set-up: instructions and voice are probably ignored.",
                    self._can.unconfigured_remedy,
                )
            )
        if self._answer_due is not None and at >= self._answer_due:
            self._answer_due = None
            commands.append(
                Notify(
                    "warning",
                    f"No answer for {self._settings.answer_timeout_s:.0f} s.",
                    "Say it again, or start anew if it stays silent.",
                )
            )
        return commands

    def _no_session(self) -> HandshakeError:
        return HandshakeError(
            f"the provider opened no session within {self._settings.session_timeout_s:.0f} s",
            remedy="Look at the proxy's log: it may not reach its upstream.",
        )

    def _say_wordless(self) -> list[Command]:
        if self._words_came or self._wordless_said or not self._can.wordless_remedy:
            return []
        self._wordless_said = True
        return [Notify("info", "Replies come without their words here.", self._can.wordless_remedy)]


def _joined(first: AudioFrame, second: AudioFrame) -> AudioFrame:
    return AudioFrame(first.pcm + second.pcm, first.rate, first.first_sample)


def _split(frame: AudioFrame, longest_ms: int) -> list[AudioFrame]:
    """Cut a frame into parts of at most *longest_ms*."""
    step = frame.rate * longest_ms // 1000
    return [
        AudioFrame(
            frame.pcm[start * SAMPLE_BYTES : (start + step) * SAMPLE_BYTES],
            frame.rate,
            frame.first_sample + start,
        )
        for start in range(0, frame.samples, step)
    ]
