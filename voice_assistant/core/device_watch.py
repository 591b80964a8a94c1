"""What becomes of a microphone or a loudspeaker that goes away: the session stays, and looks for another.

Devices are lost while a person talks: a headset is unplugged, a sound server restarts. What is lost is opened
again at once, on the default where the one asked for is gone; if that fails, devices are looked for anew,
with waits in between. A device that was asked for is taken back in a quiet moment after it has returned. The
person is told in one line, and after a while what would mend it. A microphone that delivers nothing but
zeros, or the loudspeaker's own sound, is noticed too. How a device is opened is left to the edge.
"""

from __future__ import annotations

from typing import Literal

from voice_assistant.core.audio import SILENCE_DBFS
from voice_assistant.core.events import (
    Command,
    DeviceLost,
    DeviceOpened,
    DevicesReturned,
    Direction,
    Event,
    Level,
    LookAtMicrophone,
    LookForDevices,
    LoudspeakerCaptured,
    MuteChanged,
    NoOtherDevice,
    Notify,
    PlayoutDrained,
    PlayoutDropped,
    PlayoutStarted,
    Pressed,
    ReopenDevices,
    TakeNextDevice,
    TelephoneHeard,
    Tick,
    TurnClosed,
    TurnOpened,
)

BOTH: tuple[Direction, Direction] = ("capture", "playout")
THING = {"capture": "microphone", "playout": "loudspeaker"}

GATHER_S = 0.05
"""After a loss, before anything is done: a sound server that dies takes both ends, one after the other."""

WAITS_S = (0.1, 0.25, 0.25, 0.25, 0.25, 0.5, 0.5, 1.0)
"""Between one attempt and the next; the last one again and again, until ``EXPLAIN_AFTER_S``."""

PATIENT_WAIT_S = 3.0
"""Between two attempts after that."""

STEADY_S = 5.0
"""A device that is lost again sooner than this has not really been back: its waits go on."""

RESCAN_EVERY_S = 10.0
"""Looking for devices anew makes a hole at the end that still works: no more often than this, and in a quiet
moment, after it was tried once."""

TELL_AFTER_S = 1.5
"""A loss that is mended by then is told as over; one that is not, as what is the case."""

EXPLAIN_AFTER_S = 30.0

LOOK_EVERY_S = 5.0
"""Between two looks whether the device that was asked for is back; each costs a process of its own."""

LOOK_SELDOM_S = 80.0
"""At most between two looks: the wait doubles whenever what is seen does not open."""

ZERO_FRAMES = 250
"""Frames of 20 ms (5 s) of nothing but zeros after which a microphone is not just in a quiet room: every
converter adds noise of its own."""

_Said = Literal["nothing", "gone", "explained"]


class DeviceWatch:
    """Events in, commands out, as its siblings in ``Conversation``."""

    def __init__(self) -> None:
        self._lost: dict[Direction, str] = {}
        self._lost_at = 0.0
        self._mended: set[Direction] = set()
        self._awaited: set[Direction] = set()
        self._attempts = 0
        self._next_at: float | None = None
        self._steady_at = 0.0
        self._rescanned_at = -RESCAN_EVERY_S
        self._said: _Said = "nothing"
        self._names: dict[Direction, str] = {}
        self._fallbacks: set[Direction] = set()
        self._look_at: float | None = None
        self._look_every_s = LOOK_EVERY_S
        self._returned: set[Direction] = set()
        self._reclaiming: set[Direction] = set()
        self._has_turn = False
        self._sounding: set[str] = set()
        self._zero_frames: int | None = None
        self._proven: set[str] = set()
        self._muted = False
        self._choosing: set[Direction] = set()

    @property
    def is_unheard(self) -> bool:
        """Has there been no loudspeaker for a while? Then nothing waits for a reply to be heard."""
        return "playout" in self._lost and self._said != "nothing"

    def deadline(self) -> float | None:
        """When a ``Tick`` is due, in seconds of the session's clock; None while nothing is awaited."""
        times = [self._next_at, self._look_at]
        if self._lost and self._said != "explained":
            after_s = TELL_AFTER_S if self._said == "nothing" else EXPLAIN_AFTER_S
            times.append(self._lost_at + after_s)
        return min((time for time in times if time is not None), default=None)

    def handle(self, event: Event) -> list[Command]:
        """Take the next event; say what is to be done."""
        match event:
            case Level(near_dbfs=near_dbfs):
                return self._hear(near_dbfs)
            case Tick(at=at):
                return self._tick(at)
            case DeviceLost(at=at, direction=direction, reason=reason):
                self._lose(at, direction, reason)
            case DeviceOpened():
                return self._open(event)
            case DevicesReturned(directions=directions):
                self._returned = self._fallbacks.intersection(directions)
                return self._reclaim()
            case LoudspeakerCaptured():
                return [
                    Notify(
                        "warning",
                        "The microphone carries the loudspeaker's own sound, with no room between.",
                        "The system has put the loudspeaker's monitor in the microphone's place: choose a"
                        " microphone in its sound settings, or start with --input-device.",
                    )
                ]
            case TelephoneHeard():
                return [_told_of_telephone(event)]
            case Pressed(action="microphone"):
                return self._take_next("capture")
            case Pressed(action="loudspeaker"):
                return self._take_next("playout")
            case NoOtherDevice(direction=direction):
                self._choosing.discard(direction)
                return [Notify("info", f"There is no other {THING[direction]} that opens.")]
            case MuteChanged(muted=muted):
                self._muted = muted
            case TurnOpened():
                self._has_turn = True
            case TurnClosed():
                self._has_turn = False
                return self._reclaim()
            case PlayoutStarted(item=item):
                self._sounding.add(item)
            case PlayoutDrained(item=item) | PlayoutDropped(item=item):
                self._sounding.discard(item)
                return self._reclaim()
            case _:
                pass
        return []

    def _lose(self, at: float, direction: Direction, reason: str) -> None:
        if not self._lost:
            if at >= self._steady_at:
                self._attempts = 0
            self._lost_at = at
            self._said = "nothing"
            self._mended.clear()
        self._lost[direction] = reason
        self._mended.discard(direction)
        self._awaited.discard(direction)
        self._choosing.discard(direction)
        self._zero_frames = None if direction == "capture" else self._zero_frames
        if not self._awaited and self._next_at is None:
            self._next_at = at + self._wait_s(at)

    def _take_next(self, direction: Direction) -> list[Command]:
        """The person wants another; one that is lost is being looked for already."""
        if direction in self._lost or direction in self._choosing:
            return []
        self._choosing.add(direction)
        return [TakeNextDevice(direction)]

    def _wait_s(self, at: float) -> float:
        if not self._attempts:
            return GATHER_S
        if at - self._lost_at >= EXPLAIN_AFTER_S:
            return PATIENT_WAIT_S
        return WAITS_S[min(self._attempts, len(WAITS_S)) - 1]

    def _tick(self, at: float) -> list[Command]:
        commands: list[Command] = []
        if self._next_at is not None and at >= self._next_at:
            self._next_at = None
            commands += self._attempt(at)
        if self._look_at is not None and at >= self._look_at:
            self._look_at = at + self._look_every_s
            if not self._lost and not self._returned:
                commands.append(LookForDevices(_in_order(self._fallbacks)))
        return commands + self._tell(at)

    def _attempt(self, at: float) -> list[Command]:
        if not self._lost:
            return []
        rescan = self._attempts > 0 and self._may_rescan(at)
        self._attempts += 1
        self._awaited = set(self._lost)
        if rescan:
            self._rescanned_at = at
        return [ReopenDevices(_in_order(self._lost), rescan)]

    def _may_rescan(self, at: float) -> bool:
        if len(self._lost) == len(BOTH) or self._attempts == 1:
            return True
        return self._is_calm and at - self._rescanned_at >= RESCAN_EVERY_S

    @property
    def _is_calm(self) -> bool:
        return not self._has_turn and not self._sounding

    def _open(self, event: DeviceOpened) -> list[Command]:
        direction = event.direction
        before = self._names.get(direction)
        self._names[direction] = event.name
        self._awaited.discard(direction)
        if direction == "capture":
            self._zero_frames = None if event.name in self._proven else 0
        was_fallback = direction in self._fallbacks
        self._follow_fallback(event, was_fallback)
        commands: list[Command] = [LookAtMicrophone()] if direction == "capture" else []
        if direction in self._choosing:
            self._choosing.discard(direction)
            commands.append(Notify("info", f"The {THING[direction]} is {event.name!r} now."))
        elif was_fallback and not event.is_fallback:
            commands.append(Notify("info", f"The {THING[direction]} is {event.name!r} again."))
            self._lost.pop(direction, None)
        elif direction in self._lost:
            del self._lost[direction]
            self._mended.add(direction)
            if event.is_fallback and not was_fallback:
                gone = f"{before!r}" if before else f"the {THING[direction]} that was asked for"
                text = f"{gone[0].upper()}{gone[1:]} is gone; the {THING[direction]} is {event.name!r} now."
                commands.append(Notify("warning", text))
                self._mended.discard(direction)
        if self._lost:
            if not self._awaited and self._next_at is None:
                self._next_at = event.at + self._wait_s(event.at)
            return commands
        self._next_at = None
        self._steady_at = event.at + STEADY_S
        return commands + self._tell_mended()

    def _follow_fallback(self, event: DeviceOpened, was_fallback: bool) -> None:
        if not event.is_fallback:
            self._fallbacks.discard(event.direction)
        elif was_fallback and event.direction in self._reclaiming:
            self._look_every_s = min(2 * self._look_every_s, LOOK_SELDOM_S)
        else:
            self._fallbacks.add(event.direction)
            self._look_every_s = LOOK_EVERY_S
        self._reclaiming.discard(event.direction)
        self._look_at = event.at + self._look_every_s if self._fallbacks else None

    def _reclaim(self) -> list[Command]:
        """Take back what has returned, if nobody speaks: both ends are closed for it."""
        if not self._returned or self._lost or not self._is_calm:
            return []
        self._reclaiming, self._returned = self._returned, set()
        return [ReopenDevices(_in_order(self._reclaiming), rescan=True)]

    def _tell_mended(self) -> list[Command]:
        """Say that what was lost is back on the same device as before."""
        if not self._mended:
            return []
        ends = _named(self._mended)
        names = " and ".join(dict.fromkeys(repr(self._names[end]) for end in _in_order(self._mended)))
        verb = "was" if len(self._mended) == 1 else "were"
        unheard = " What you said meanwhile was not heard." if "capture" in self._mended else ""
        self._mended = set()
        if self._said == "nothing":
            return [Notify("warning", f"{ends} {verb} gone for a moment; back on {names}.{unheard}")]
        return [Notify("info", f"{ends} {'is' if verb == 'was' else 'are'} back, on {names}.")]

    def _tell(self, at: float) -> list[Command]:
        """Say that something is lost, and later what would mend it."""
        if not self._lost:
            return []
        ends, verb = _named(self._lost), "is" if len(self._lost) == 1 else "are"
        if self._said == "nothing" and at >= self._lost_at + TELL_AFTER_S:
            self._said = "gone"
            reasons = " / ".join(dict.fromkeys(self._lost[end] for end in _in_order(self._lost)))
            return [Notify("warning", f"{ends} {verb} gone: {reasons}. The conversation waits for another.")]
        if self._said == "gone" and at >= self._lost_at + EXPLAIN_AFTER_S:
            self._said = "explained"
            return [
                Notify(
                    "error",
                    f"{ends} {verb} still gone after {EXPLAIN_AFTER_S:.0f} s.",
                    "Connect one and make it the default in the system's sound settings, or start the sound"
                    " server again: it is then taken by itself. 'voice-assistant devices' lists all.",
                )
            ]
        return []

    def _hear(self, near_dbfs: float) -> list[Command]:
        """Count zeros from the first opening of a microphone on; a sample that is none ends the count."""
        if self._zero_frames is None or self._muted:
            return []
        if near_dbfs > SILENCE_DBFS:
            self._zero_frames = None
            self._proven.add(self._names["capture"])
            return []
        self._zero_frames += 1
        if self._zero_frames < ZERO_FRAMES:
            return []
        self._zero_frames = None
        self._proven.add(self._names["capture"])  # not proven, but told; once is enough
        return [
            Notify(
                "warning",
                f"The microphone {self._names['capture']!r} delivers nothing but zeros.",
                "Allow this terminal to use the microphone (on macOS: System Settings, Privacy & Security,"
                " Microphone), and look whether a switch on it or the system's sound settings mute it.",
            )
        ]


def _told_of_telephone(heard: TelephoneHeard) -> Notify:
    text = (
        f"{heard.name!r} is a Bluetooth headset's microphone: while it is open, all sounds as by telephone."
    )
    remedy = "Use another microphone"
    if heard.how:
        remedy = f"Take {heard.instead!r}: {heard.how}"
    elif heard.instead:
        remedy = f"Take {heard.instead!r} with the key for the next microphone, or with --input-device"
    return Notify("warning", text, f"{remedy}. The headset's loudspeaker then sounds as it does with music.")


def _in_order(directions: set[Direction] | dict[Direction, str]) -> tuple[Direction, ...]:
    return tuple(direction for direction in BOTH if direction in directions)


def _named(directions: set[Direction] | dict[Direction, str]) -> str:
    things = " and ".join(f"the {THING[direction]}" for direction in _in_order(directions))
    return f"T{things[1:]}"
