"""How much sound the loudspeaker's device holds in advance: as little as it keeps without running dry.

What the device holds is added to every answer and to every interruption, so it starts with the least that is
offered. A machine with other work serves the device late at times, and then it runs dry, which is heard. Then
it is opened again with more, as much as the longest delay that was seen; and after a long calm with less.
Less that proves too little is tried again only after twice that calm. All of it happens in the quiet between
replies, where nobody hears that a stream ends and another begins. Opening is left to the edge.
"""

from __future__ import annotations

from voice_assistant.core.events import (
    ClockJumped,
    Command,
    CommitInput,
    DeviceLost,
    DeviceOpened,
    DeviceStarved,
    Event,
    PlayoutDrained,
    PlayoutDropped,
    PlayoutStarted,
    ReplyDone,
    Ring,
    SendText,
    SetOutputLatency,
    Tick,
    TurnClosed,
    TurnOpened,
)

STEPS_MS = (0.0, 40.0, 60.0, 90.0, 130.0, 200.0)
"""What a device may be asked to hold; 0 asks for the least that it offers, mostly 20 ms."""

LONGEST_GAP_MS = 300.0
"""Where a machine stands still for longer, no step would have bridged it, and more of it is only later."""

SETTLED_S = 2.0
"""After a device was opened. Until then the program itself is starting, which says nothing of later."""

QUIET_S = 0.4
"""After the last sound of a reply, until what the device holds has been heard."""

BELL_S = 2.0
"""A timer's bell rings for so long, our other sounds for less."""

ANSWER_WAIT_S = 15.0
"""An answer that does not come for so long is not waited for."""

CALM_S = 120.0
"""Without running dry for so long, less is tried."""

LONGEST_CALM_S = 3840.0


class OutputLatency:
    """Events in, commands out, as its siblings in ``Conversation``.

    Args:
        is_fixed: The person has said how much the device shall hold.
        kept_ms: What it held at the end of an earlier session: this one begins a step below.
    """

    def __init__(self, *, is_fixed: bool = False, kept_ms: float = 0.0) -> None:
        self._is_fixed = is_fixed
        self._level = _level_for(first_ms(kept_ms))
        self._wanted = self._level
        self._calm_s = CALM_S
        self._calm_from: float | None = None
        self._lowered_at: float | None = None
        self._quiet_at = 0.0
        self._settled_at = 0.0
        self._sounding: set[str] = set()
        self._has_turn = False
        self._is_open = False

    def deadline(self) -> float | None:
        """When a ``Tick`` is due, in seconds of the session's clock; None while nothing is awaited."""
        if self._is_fixed or not self._is_open or self._sounding or self._has_turn:
            return None
        if self._wanted != self._level:
            return self._quiet_at
        if self._level and self._calm_from is not None:
            return max(self._calm_from + self._calm_s, self._quiet_at)
        return None

    def handle(self, event: Event, decided: list[Command]) -> list[Command]:
        """Take the next event, and what the others decided on it; say what is to be done."""
        if self._is_fixed:
            return []
        match event:
            case DeviceStarved(at=at, gap_ms=gap_ms) if gap_ms <= LONGEST_GAP_MS and at >= self._settled_at:
                self._starve(at, gap_ms)
            case DeviceOpened(at=at, direction="playout"):
                self._is_open = True
                self._calm_from = at
                self._settled_at = at + SETTLED_S
            case DeviceLost(direction="playout"):
                self._is_open = False
            case ClockJumped(at=at):
                self._calm_from = at
            case PlayoutStarted(at=at, item=item):
                self._sounding.add(item)
                self._quiet_at = at  # whatever was waited for: from here on it is this one's end
            case PlayoutDrained(at=at, item=item) | PlayoutDropped(at=at, item=item):
                self._sounding.discard(item)
                self._wait_until(at + QUIET_S)
            case TurnOpened():
                self._has_turn = True
            case TurnClosed(at=at):
                self._has_turn = False
                self._wait_until(at + QUIET_S)
            case ReplyDone(at=at, item=None, goes_on=False):
                self._quiet_at = at + QUIET_S
            case Tick(at=at):
                return self._tick(at)
            case _:
                pass
        for command in decided:
            match command:
                case CommitInput() | SendText():
                    self._wait_until(event.at + ANSWER_WAIT_S)
                case Ring():
                    self._wait_until(event.at + BELL_S)
        return []

    def _wait_until(self, at: float) -> None:
        self._quiet_at = max(self._quiet_at, at)

    def _starve(self, at: float, gap_ms: float) -> None:
        self._calm_from = at
        self._wait_until(at)
        if self._wanted > self._level:
            # Told already; several callbacks may be late in a row.
            self._wanted = max(self._wanted, _level_for(gap_ms))
            return
        self._wanted = min(max(self._level + 1, _level_for(gap_ms)), len(STEPS_MS) - 1)
        if self._lowered_at is not None and at - self._lowered_at < self._calm_s:
            self._calm_s = min(2 * self._calm_s, LONGEST_CALM_S)
        self._lowered_at = None

    def _tick(self, at: float) -> list[Command]:
        due = self.deadline()
        if due is None or at < due:
            return []
        if self._wanted == self._level:
            self._wanted = self._level - 1
            self._lowered_at = at
        self._level = self._wanted
        # Opened anew, it counts as calm from its first callback on.
        self._is_open = False
        return [SetOutputLatency(STEPS_MS[self._level])]


def first_ms(kept_ms: float) -> float:
    """What a session begins with that follows on one that ended with *kept_ms*: a step less."""
    return STEPS_MS[max(_level_for(kept_ms) - 1, 0)]


def _level_for(gap_ms: float) -> int:
    """The lowest step that holds so much, or the highest of all."""
    return next((level for level, ms in enumerate(STEPS_MS) if ms >= gap_ms), len(STEPS_MS) - 1)
