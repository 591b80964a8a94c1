"""The system's default device, followed where that is wanted: another becomes it, and the conversation moves.

Some systems leave an open stream where it is when a person chooses another default, because a headset was put
on. So it is looked for from time to time, and moved to when nobody speaks: the device is closed and opened
for it. The person is told in one line. Lost devices are the affair of ``device_watch.py``, and a device that
was asked for by name is nobody's default. How one looks is left to the edge.
"""

from __future__ import annotations

from voice_assistant.core.device_watch import BOTH, THING
from voice_assistant.core.events import (
    Command,
    DefaultChanged,
    DeviceLost,
    DeviceOpened,
    Direction,
    Event,
    FollowDefault,
    LookForDefault,
    Notify,
    PlayoutDrained,
    PlayoutDropped,
    PlayoutStarted,
    Tick,
    TurnClosed,
    TurnOpened,
)

LOOK_EVERY_S = 5.0
"""Between two looks; each costs a process of its own, 0.1 s of one core at most."""


class DefaultWatch:
    """Events in, commands out, as its siblings in ``Conversation``.

    Args:
        follows: The ends that follow the default; none where each stays on its device.
    """

    def __init__(self, follows: frozenset[Direction] = frozenset()) -> None:
        self._follows = tuple(direction for direction in BOTH if direction in follows)
        self._look_at: float | None = None
        self._new: dict[Direction, str] = {}
        self._is_named = False
        self._moving: dict[Direction, str] = {}
        self._refused: dict[Direction, str] = {}
        self._lost: set[Direction] = set()
        self._has_turn = False
        self._sounding: set[str] = set()

    def deadline(self) -> float | None:
        """When a ``Tick`` is due, in seconds of the session's clock; None while nothing is awaited."""
        return self._look_at

    def handle(self, event: Event) -> list[Command]:
        """Take the next event; say what is to be done."""
        if not self._follows:
            return []
        match event:
            case Tick(at=at) if self._look_at is not None and at >= self._look_at:
                self._look_at = at + LOOK_EVERY_S
                if self._is_named:
                    self._new.clear()  # It is told again, unless it has changed back.
                return [LookForDefault(self._follows)] if not self._lost else []
            case DefaultChanged():
                self._note(event)
            case DeviceOpened():
                return self._open(event) + self._move()
            case DeviceLost(direction=direction):
                self._lost.add(direction)
                self._moving.pop(direction, None)
                return []
            case TurnOpened():
                self._has_turn = True
            case TurnClosed():
                self._has_turn = False
            case PlayoutStarted(item=item):
                self._sounding.add(item)
            case PlayoutDrained(item=item) | PlayoutDropped(item=item):
                self._sounding.discard(item)
            case _:
                return []
        return self._move()

    def _note(self, event: DefaultChanged) -> None:
        for direction in self._follows:
            name = event.capture if direction == "capture" else event.playout
            if name and name != self._moving.get(direction) and name != self._refused.get(direction):
                self._new[direction] = name
                self._is_named = event.rescan

    def _move(self) -> list[Command]:
        """Move, if there is somewhere to move to and nobody speaks."""
        if not self._new or self._moving or self._lost or self._has_turn or self._sounding:
            return []
        self._moving, self._new = self._new, {}
        return [FollowDefault(tuple(one for one in BOTH if one in self._moving), rescan=self._is_named)]

    def _open(self, event: DeviceOpened) -> list[Command]:
        direction = event.direction
        self._lost.discard(direction)
        if self._look_at is None:
            self._look_at = event.at + LOOK_EVERY_S
        name = self._moving.pop(direction, None)
        if name is None:
            return []
        if self._is_named and event.name != name:
            self._refused[direction] = name
            stays = f"the {THING[direction]} stays {event.name!r}."
            return [Notify("warning", f"{name!r}, the system's new default, does not open; {stays}")]
        self._refused.pop(direction, None)
        return [Notify("info", f"The {THING[direction]} is {name!r} now, the system's new default.")]
