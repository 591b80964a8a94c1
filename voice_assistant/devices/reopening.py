"""Both ends opened again while the session goes on: after one was lost, or when another has returned.

PortAudio lists devices once, when it starts; to look anew it has to be ended, and that ends every stream. So
one object owns the reopening of both ends. It works on a thread of its own, because a sound system that has
just lost a device takes its time. Whether a device that was asked for is back is asked in another process,
which leaves the open streams alone. When to do any of this is decided elsewhere.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import threading
from collections.abc import Callable, Iterable
from dataclasses import asdict
from typing import Protocol

from voice_assistant.core.events import (
    DeviceLost,
    DevicesReturned,
    Direction,
    Event,
    LookAtMicrophone,
    LookForDevices,
    NoOtherDevice,
    ReopenDevices,
    SetOutputLatency,
    TakeNextDevice,
    TelephoneHeard,
)
from voice_assistant.devices import portaudio, telephone
from voice_assistant.devices.catalog import Device, list_devices, match, name_of
from voice_assistant.devices.stream import Clock, Post
from voice_assistant.errors import DeviceError

LOOK_WITHIN_S = 10.0


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
        post: Takes ``DeviceLost`` where a device does not open, and ``DevicesReturned``; called on the
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
        self._looking: asyncio.Task[None] | None = None
        self._looking_at: asyncio.Task[None] | None = None

    def perform(
        self,
        command: ReopenDevices | LookForDevices | SetOutputLatency | TakeNextDevice | LookAtMicrophone,
    ) -> None:
        """Begin to do it; on the loop's thread, and at once."""
        match command:
            case ReopenDevices(directions, rescan):
                self._begin_to_reopen(directions, rescan)
            case SetOutputLatency(latency_ms):
                if speaker := self._ends.get("playout"):
                    speaker.hold(latency_ms)
                    self._begin_to_reopen(("playout",), rescan=False)
            case LookForDevices(directions):
                if self._looking is None or self._looking.done():
                    self._looking = self._loop.create_task(self._look(directions))
            case TakeNextDevice(direction):
                threading.Thread(target=self._take_next, args=(direction,), daemon=True).start()
            case LookAtMicrophone():
                self._looking_at = self._loop.create_task(self._look_at_microphone())

    def close(self) -> None:
        """Begin nothing more, and let what is under way end; the ends are closed by their owner."""
        self._closed = True
        if self._looking is not None:
            self._looking.cancel()
        if self._looking_at is not None:
            self._looking_at.cancel()
        if self._lock.acquire(timeout=portaudio.LEAVING_S):
            self._lock.release()
        else:
            portaudio.leaving.give_up()

    def _begin_to_reopen(self, directions: tuple[Direction, ...], rescan: bool) -> None:
        threading.Thread(target=self._reopen, args=(directions, rescan), daemon=True).start()

    # --- A thread of its own ---

    def _reopen(self, directions: tuple[Direction, ...], rescan: bool) -> None:
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
                if error := failed or _failure(end.attach, or_default=True):
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
        devices = await _devices_now()
        found = tuple(end.direction for end in wanted if _is_there(end, devices))
        if found and not self._closed:
            self._post(DevicesReturned(self._clock(), found))

    async def _look_at_microphone(self) -> None:
        end = self._ends.get("capture")
        if end is None or end.device is None:
            return
        found = await telephone.look(end.device)
        if found and not self._closed:
            self._post(TelephoneHeard(self._clock(), found.name, found.instead, found.how))


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


def _is_there(end: End, devices: list[Device]) -> bool:
    return _failure(lambda: _matched(end, devices)) is None


def _matched(end: End, devices: list[Device]) -> None:
    match(end.wanted, end.direction, devices)


async def _devices_now() -> list[Device]:
    """List the devices that a PortAudio started now finds; empty where it cannot be asked."""
    asked = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        __name__,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        told, _ = await asyncio.wait_for(asked.communicate(), LOOK_WITHIN_S)
        return [Device(**one) for one in json.loads(told or b"[]")]
    except TimeoutError:
        return []
    finally:
        if asked.returncode is None:
            asked.kill()
            await asked.wait()


def main() -> None:
    """The other process's side: print the devices as JSON."""
    os.nice(10)
    print(json.dumps([asdict(device) for device in list_devices()]))  # noqa: T201 - the parent reads it


if __name__ == "__main__":
    main()
