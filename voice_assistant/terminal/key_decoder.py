"""What the bytes of a terminal's keyboard mean: keys that go down, come up, or are only tapped.

Pure: bytes and times in, events and a deadline out. ``keys.py`` owns the terminal and the timers.

A terminal that speaks the kitty keyboard protocol reports releases. In any other, a key that is held repeats:
the first repeat comes about 650 ms after the press, the next every 30 to 90 ms. So a key counts as held for
``FIRST_GAP_S`` after its press, and after a repeat for a gap learned from the repeats before. A tap is a key
that was down for less than ``TAP_S``, or that was not repeated.

However a key says that it goes on being held, it is told once: one press, one release. Only what goes in
steps (the volume) takes each repeat for a press, and has no release.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from voice_assistant.core.events import Action, KeysKnown, Pressed, Released, TextEntered
from voice_assistant.terminal.key_codes import Answer, FocusLost, KeyCodes, Pasted, Stroke
from voice_assistant.terminal.line_editor import Draft, LineEditor

FIRST_GAP_S = 0.8
"""Seconds from a press to its first repeat, at most: X waits 660 ms, measured; macOS up to 2 s if so set."""

UNLEARNED_GAP_S = 0.4
"""Seconds from one repeat to the next while nothing is known of them."""

SHORTEST_GAP_S = 0.15
LONGEST_GAP_S = 0.6

TAP_S = 0.3
"""Seconds: a key that comes up before was tapped."""

ANSWER_WAIT_S = 1.0
"""Seconds that the terminal may take to say what it can do; a later answer still counts."""


STEPS: frozenset[Action] = frozenset({"louder", "softer"})
"""What each repeat of a key does once more."""


@dataclass(frozen=True, slots=True)
class SuspendAsked:
    """Ctrl-Z, where it comes as a key: nobody else makes a signal of it."""


@dataclass(frozen=True, slots=True)
class Drafted:
    """The line that is being typed has changed; None: nothing is being typed any more.

    It concerns nobody but the screen: what is not sent is not said.
    """

    draft: Draft | None


KeyEvent = Pressed | Released | KeysKnown | TextEntered | SuspendAsked | Drafted


@dataclass(slots=True)
class _Down:
    """A key that is down."""

    action: Action
    since: float
    watched: bool
    last: float
    repeats: int = 0


@dataclass(slots=True)
class _Repeats:
    """What is known of this keyboard's repeats: the time between two of them, the newest few."""

    gaps: deque[float] = field(default_factory=lambda: deque(maxlen=8))

    def learn(self, gap_s: float) -> None:
        if gap_s <= LONGEST_GAP_S:
            self.gaps.append(gap_s)

    @property
    def patience_s(self) -> float:
        """How long to wait for the next one. A busy machine or a network delivers some of them late."""
        if len(self.gaps) < 2:
            return UNLEARNED_GAP_S
        return min(max(2 * max(self.gaps) + 0.1, SHORTEST_GAP_S), LONGEST_GAP_S)


class KeyDecoder:
    """Makes presses and releases of bytes.

    Args:
        actions: What each key is for, by its name as ``key_codes.py`` gives it.
        at: Seconds of the session's clock at which the terminal was asked what it can do.
    """

    def __init__(self, actions: Mapping[str, Action], at: float) -> None:
        self._actions = dict(actions)
        self._codes = KeyCodes()
        self._releases: Literal["reported", "watched"] | None = None
        self._answer_due: float | None = at + ANSWER_WAIT_S
        self._down: dict[str, _Down] = {}
        self._repeats = _Repeats()
        self._editor = LineEditor()

    @property
    def releases_are_reported(self) -> bool:
        """Whether this terminal is known to report releases."""
        return self._releases == "reported"

    def feed(self, data: bytes, at: float) -> list[KeyEvent]:
        """Take what was read; any number of bytes, cut anywhere."""
        events = self.expire(at)
        for token in self._codes.feed(data, at):
            match token:
                case Stroke():
                    events += self._stroke(token, at)
                case Answer():
                    events += self._answered(token, at)
                case FocusLost():
                    events += self._focus_lost(at)
                case Pasted(text=text):
                    events += self._pasted(text)
        return events

    def deadline(self) -> float | None:
        """When ``expire`` is due, in seconds of the session's clock; None while nothing is awaited."""
        times = [self._answer_due, self._codes.deadline(), *map(self._gives_up_at, self._down.values())]
        return min((time for time in times if time is not None), default=None)

    def expire(self, at: float) -> list[KeyEvent]:
        """Say what is known now because nothing more has come."""
        events: list[KeyEvent] = []
        for token in self._codes.expire(at):
            events += self._pasted(token.text) if isinstance(token, Pasted) else self._stroke(token, at)
        if self._answer_due is not None and at >= self._answer_due:
            events += self._known("watched", at)
        for name, down in list(self._down.items()):
            gives_up_at = self._gives_up_at(down)
            if gives_up_at is not None and at >= gives_up_at:
                del self._down[name]
                events.append(Released(at, down.action, tap=down.repeats == 0))
        return events

    def release_all(self, at: float) -> list[KeyEvent]:
        """Let go of every key: no release can be seen from here on."""
        events: list[KeyEvent] = [Released(at, down.action, tap=False) for down in self._down.values()]
        self._down.clear()
        return events

    def _gives_up_at(self, down: _Down) -> float | None:
        if not down.watched:
            return None
        return down.last + (self._repeats.patience_s if down.repeats else FIRST_GAP_S)

    def _stroke(self, stroke: Stroke, at: float) -> list[KeyEvent]:
        if stroke.kind == "release":
            return [*self._known("reported", at), *self._released(stroke, at)]
        known = self._known("reported", at) if stroke.kind == "repeat" else []
        is_held_on = stroke.kind == "repeat" and stroke.key in self._down
        if self._editor.takes(stroke) and not is_held_on:
            return [*known, *self._typed(stroke, at)]
        if (action := self._actions.get(stroke.name)) in STEPS:
            return [*known, Pressed(at, action)]
        down = self._down.get(stroke.key)
        if down is None:
            return known + self._pressed(stroke, at)
        if stroke.kind == "press" and stroke.is_encoded and self._releases == "reported":
            # Its release was lost, to another window perhaps: what the hardware does now is what counts.
            del self._down[stroke.key]
            return [Released(at, down.action, tap=False), *self._pressed(stroke, at)]
        if down.repeats:
            self._repeats.learn(at - down.last)
        down.repeats += 1
        down.last = at
        down.watched = down.watched and stroke.kind != "repeat"
        return known

    def _pressed(self, stroke: Stroke, at: float) -> list[KeyEvent]:
        if stroke.name == "ctrl-z" and stroke.kind == "press":
            return [SuspendAsked()]
        action = self._actions.get(stroke.name)
        if action is None or stroke.kind == "repeat":
            return []
        if action == "type":
            return self._open_line(at)
        self._down[stroke.key] = _Down(action, since=at, watched=self._releases != "reported", last=at)
        return [Pressed(at, action)]

    def _open_line(self, at: float) -> list[KeyEvent]:
        events: list[KeyEvent] = [Pressed(at, "type"), Released(at, "type", tap=True)]
        if self._releases != "reported":
            # Another key has ended their repeats; what they type from now on is text.
            events += [Released(at, down.action, tap=down.repeats == 0) for down in self._down.values()]
            self._down.clear()
        self._editor.open()
        return [*events, Drafted(self._editor.draft)]

    def _typed(self, stroke: Stroke, at: float) -> list[KeyEvent]:
        text = self._editor.stroke(stroke)
        sent: list[KeyEvent] = [TextEntered(at, text)] if text and self._editor.draft is None else []
        return [*sent, Drafted(self._editor.draft)]

    def _pasted(self, text: str) -> list[KeyEvent]:
        self._editor.insert(text)
        return [Drafted(self._editor.draft)]

    def _released(self, stroke: Stroke, at: float) -> list[KeyEvent]:
        down = self._down.pop(stroke.key, None)
        return [] if down is None else [Released(at, down.action, tap=at - down.since < TAP_S)]

    def _answered(self, answer: Answer, at: float) -> list[KeyEvent]:
        if answer.releases:
            return self._known("reported", at)
        return self._known("watched", at) if self._answer_due is not None else []

    def _known(self, releases: Literal["reported", "watched"], at: float) -> list[KeyEvent]:
        self._answer_due = None
        if self._releases in (releases, "reported"):
            return []
        self._releases = releases
        self._codes.escapes_are_encoded = releases == "reported"
        return [KeysKnown(at, releases)]

    def _focus_lost(self, at: float) -> list[KeyEvent]:
        # Only where releases are reported: another window gets the release. A repeat ends by itself.
        return self.release_all(at) if self._releases == "reported" else []
