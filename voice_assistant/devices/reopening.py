"""Both ends opened again while the session goes on: after one was lost, or when another has returned.

PortAudio lists devices once, when it starts; to look anew it has to be ended, and that ends every stream. So
one object owns the reopening of both ends. It works on a thread of its own, because a sound system that has
just lost a device takes its time. Whether a device that was asked for is back, or the system's default is
another, is asked in another process, which leaves the open streams alone. When to do any of this is decided
elsewhere.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine, Iterable, Mapping
from typing import Protocol

from voice_assistant.core.events import (
    DefaultChanged,
    DeviceCommand,
    DeviceLost,
    DevicesReturned,
    Direction,
    Event,
    FollowDefault,
    LookAtMicrophone,
    LookForDefault,
    LookForDevices,
    NoOtherDevice,
    ReopenDevices,
    SetOutputLatency,
    TakeNextDevice,
    TelephoneHeard,
)
from voice_assistant.devices import listing, portaudio, sound_server, telephone
from voice_assistant.devices.catalog import Device, list_devices, match, name_of
from voice_assistant.devices.stream import Clock, Post
from voice_assistant.errors import DeviceError


class End(Protocol):
    """A microphone or a loudspeaker, as far as it is opened again; to be called on any thread."""

    @property
    def direction(self) -> Direction:
        """Which end it is."""
        ...

    @property
    def wanted(self) -> str:
        """The device that was asked for: part of its name, or empty for the default."""
        ...

    @property
    def was_opened(self) -> bool:
        """Was it in use when the session began?"""
        ...

    @property
    def device(self) -> Device | None:
        """What is in use."""
        ...

    def choose(self, wanted: str) -> None:
        """Want another device from the next opening on."""
        ...

    def attach(self, *, or_default: bool) -> None:
        """Open the device; DeviceError where that fails."""
        ...

    def detach(self) -> None:
        """Close the device; the end itself goes on."""
        ...

    def hold(self, latency_ms: float) -> None:
        """Have the device hold so much sound from its next opening on, where it can."""
        ...


class Reopening:
    """Reopens the ends that are real devices.

    Args:
        ends: Microphone, loudspeaker, or one of them; files are never lost.
        post: Takes ``DeviceLost`` where a device does not open, and what was found by looking; called on the
            loop's thread. The ends themselves tell when they deliver.
        loop: Where the session lives.
        clock: The session's clock, in seconds.
    """

    def __init__(
        self, ends: Iterable[End], post: Post, loop: asyncio.AbstractEventLoop, clock: Clock
    ) -> None:
        self._ends = {end.direction: end for end in ends}
        self._post = post
        self._loop = loop
        self._clock = clock
        self._lock = threading.Lock()
        self._closed = False
        self._looking: dict[str, asyncio.Task[None]] = {}
        self._server_defaults: dict[Direction, str] = {}

    def perform(self, command: DeviceCommand) -> None:
        """Begin to do it; on the loop's thread, and at once."""
        match command:
            case ReopenDevices(directions, rescan):
                self._begin_to_reopen(directions, rescan)
            case FollowDefault(directions, rescan):
                self._begin_to_reopen(directions, rescan, following=True)
            case SetOutputLatency(latency_ms):
                if speaker := self._ends.get("playout"):
                    speaker.hold(latency_ms)
                    self._begin_to_reopen(("playout",), rescan=False)
            case LookForDevices(directions):
                self._begin_to_look("devices", lambda: self._look(directions))
            case LookForDefault(directions):
                self._begin_to_look("default", lambda: self._look_for_default(directions))
            case TakeNextDevice(direction):
                threading.Thread(target=self._take_next, args=(direction,), daemon=True).start()
            case LookAtMicrophone():
                self._begin_to_look("microphone", self._look_at_microphone)

    def close(self) -> None:
        """Begin nothing more, and let what is under way end; the ends are closed by their owner."""
        self._closed = True
        for looking in self._looking.values():
            looking.cancel()
        if self._lock.acquire(timeout=portaudio.LEAVING_S):
            self._lock.release()
        else:
            portaudio.leaving.give_up()

    def _begin_to_reopen(
        self, directions: tuple[Direction, ...], rescan: bool, *, following: bool = False
    ) -> None:
        threading.Thread(target=self._reopen, args=(directions, rescan, following), daemon=True).start()

    def _begin_to_look(self, what: str, look: Callable[[], Coroutine[None, None, None]]) -> None:
        """Look, unless the last look of this kind is still under way."""
        if what not in self._looking or self._looking[what].done():
            self._looking[what] = self._loop.create_task(look())

    # --- A thread of its own ---

    def _reopen(self, directions: tuple[Direction, ...], rescan: bool, following: bool) -> None:
        with self._lock:
            if self._closed:
                return
            ends = [
                end
                for end in self._ends.values()
                if end.was_opened and (rescan or end.direction in directions)
            ]
            for end in ends:
                end.detach()
            failed = _failure(portaudio.rescan) if rescan else None
            for end in ends:
                before = end.device
                error = failed or _failure(end.attach, or_default=True)
                if error and not failed and following and end.direction in directions:
                    error = _failure_to_stay(end, before)
                if error:
                    self._tell_lost(end.direction, str(error))

    def _take_next(self, direction: Direction) -> None:
        with self._lock:
            end = self._ends.get(direction)
            if self._closed:
                return
            if end is None or not end.was_opened or end.device is None:
                self._tell(NoOtherDevice(self._clock(), direction))
                return
            before = end.wanted
            others = _others(end.device, direction)
            for wanted in others:
                end.choose(wanted)
                end.detach()
                if _failure(end.attach, or_default=False) is None:
                    return
            end.choose(before)
            if others and (error := _failure(end.attach, or_default=True)):
                self._tell_lost(direction, str(error))
            self._tell(NoOtherDevice(self._clock(), direction))

    def _tell_lost(self, direction: Direction, reason: str) -> None:
        self._tell(DeviceLost(self._clock(), direction, reason))

    def _tell(self, event: Event) -> None:
        try:
            self._loop.call_soon_threadsafe(self._post, event)
        except RuntimeError:
            # The loop is closed: the program is ending, and nobody is left to tell.
            return

    # --- The loop's thread again ---

    async def _look(self, directions: tuple[Direction, ...]) -> None:
        wanted = [end for end in self._ends.values() if end.direction in directions]
        now = await listing.look()
        found = tuple(end.direction for end in wanted if _is_there(end, now.devices))
        if found and not self._closed:
            self._post(DevicesReturned(self._clock(), found))

    async def _look_for_default(self, directions: tuple[Direction, ...]) -> None:
        ends = [end for end in self._ends.values() if end.direction in directions and not end.wanted]
        in_use = {end.direction: end.device.name for end in ends if end.device}
        served = {one: name for one, name in in_use.items() if name in sound_server.ALSA_NAMES}
        listed = {one: name for one, name in in_use.items() if one not in served}
        new = _changed(listed, (await listing.look()).defaults) if listed else {}
        rescan = bool(new)
        if served and not new:
            now = await sound_server.defaults()
            new = _changed({one: self._server_defaults.get(one, now[one]) for one in served}, now)
            self._server_defaults |= {one: name for one, name in now.items() if name}
        if new and not self._closed:
            self._post(DefaultChanged(self._clock(), new.get("capture", ""), new.get("playout", ""), rescan))

    async def _look_at_microphone(self) -> None:
        end = self._ends.get("capture")
        if end is None or end.device is None:
            return
        found = await telephone.look(end.device)
        if found and not self._closed:
            self._post(TelephoneHeard(self._clock(), found.name, found.instead, found.how))


def _changed(before: Mapping[Direction, str], now: Mapping[Direction, str]) -> dict[Direction, str]:
    return {one: now[one] for one, name in before.items() if now[one] and now[one] != name}


def _others(device: Device, direction: Direction) -> list[str]:
    """Name the other devices, in the order of the list, from the one in use on."""
    usable = [one for one in list_devices() if one.channels(direction)]
    after = [one for one in usable if one.index > device.index]
    before = [one for one in usable if one.index < device.index]
    return [name_of(one, usable) for one in after + before]


def _failure(attempt: Callable[..., None], **how: bool) -> DeviceError | None:
    try:
        attempt(**how)
    except DeviceError as error:
        return error
    return None


def _failure_to_stay(end: End, before: Device | None) -> DeviceError | None:
    """Go on with what was in use, where the system's new default does not open."""
    if before is None:
        return _failure(end.attach, or_default=True)
    end.choose(name_of(before, [one for one in list_devices() if one.channels(end.direction)]))
    try:
        return _failure(end.attach, or_default=False)
    finally:
        end.choose("")


def _is_there(end: End, devices: list[Device]) -> bool:
    return _failure(lambda: _matched(end, devices)) is None


def _matched(end: End, devices: list[Device]) -> None:
    match(end.wanted, end.direction, devices)
