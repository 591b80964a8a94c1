"""One PortAudio stream: opened in the first format that the device takes, and watched.

Microphone and loudspeaker share what is the same for both: trying formats, telling whether the stream still
delivers, and saying once that it does, and once that it does not any more. What happens with the sound is
theirs.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from voice_assistant.core.events import DeviceLost, DeviceOpened, Direction, Event
from voice_assistant.devices import portaudio
from voice_assistant.devices.catalog import Device, find
from voice_assistant.errors import DeviceError

Clock = Callable[[], float]
Post = Callable[[Event], None]

SILENT_FOR_S = 1.0
"""Without a callback for so long, a device counts as lost. A suspended PulseAudio source does only this."""

FIRST_WITHIN_S = 2.0
"""The same for the first callback of all: a Bluetooth headset takes its time to change over."""

WATCH_EVERY_S = 0.25

FALLBACK_RATES = (48_000, 44_100)
"""Hertz that nearly all hardware takes, where the one we would like is refused."""


@dataclass(frozen=True, slots=True)
class Format:
    """How a device was opened: 16-bit, interleaved.

    Args:
        rate: Hertz.
        channels: As many as the device insisted on.
    """

    rate: int
    channels: int


def formats(device: Device, direction: Direction, best_rate: int) -> Iterator[Format]:
    """Give the formats to try, best first: any channels at our own rate before another rate."""
    most = device.channels(direction)
    rates = dict.fromkeys((best_rate, *FALLBACK_RATES, device.default_rate))
    for rate in rates:
        for channels in dict.fromkeys((1, min(2, most), most)):
            yield Format(rate, channels)


class Stream:
    """A PortAudio stream that is running, from ``open`` to ``close``; both may be called on any thread.

    Args:
        direction: Capture or playout.
        post: Takes ``DeviceOpened`` and ``DeviceLost``, on the loop's thread, each at most once from an
            ``open``.
        loop: Where the session lives.
        clock: The session's clock, in seconds.
    """

    def __init__(
        self, direction: Direction, post: Post, loop: asyncio.AbstractEventLoop, clock: Clock
    ) -> None:
        self._direction: Direction = direction
        self._post = post
        self._loop = loop
        self._clock = clock
        self._stream: Any = None
        self._opened = 0
        self._last_call = 0.0
        self._looked_at = 0.0
        self._device: Device | None = None
        self._latency_ms = 0.0
        self._is_fallback = False
        self._has_delivered = False

    @property
    def is_open(self) -> bool:
        """Was it opened, and not closed since? It may be lost all the same."""
        return self._stream is not None

    @property
    def latency_ms(self) -> float:
        """Sound that the open device holds, as it says; 0 while it is closed."""
        return self._latency_ms if self.is_open else 0.0

    def called(self, now: float) -> None:
        """From PortAudio's thread: a callback has come."""
        self._last_call = now
        if not self._has_delivered:
            self._has_delivered = True
            self.call(self._tell_opened, self._opened)

    def open(
        self,
        wanted: str,
        offers: Callable[[Device], Iterator[Format]],
        callback_for: Callable[[Format], Any],
        block_ms: int,
        latency_ms: float = 0.0,
        *,
        or_default: bool = False,
    ) -> tuple[Device, Format]:
        """Open the device that *wanted* names, in the first format that it takes, and start it.

        Args:
            wanted: As in ``catalog.find``.
            offers: Gives the formats to try on a device.
            callback_for: Makes the callback of PortAudio's thread, once the format is known.
            block_ms: Milliseconds in each callback.
            latency_ms: What the device may hold; 0 asks for the least. A microphone gains nothing from more:
                PulseAudio then delivers in bursts (measured: newest sample 14 ms old in place of 3).
            or_default: Take the system's default where *wanted* is not there or does not open.

        Raises:
            DeviceError: There is no such device, it is busy, or takes none of the formats.
        """
        try:
            self._is_fallback = False
            return self._open(wanted, offers, callback_for, block_ms, latency_ms)
        except DeviceError:
            if not (or_default and wanted):
                raise
            self._is_fallback = True
            return self._open("", offers, callback_for, block_ms, latency_ms)

    def _open(
        self,
        wanted: str,
        offers: Callable[[Device], Iterator[Format]],
        callback_for: Callable[[Format], Any],
        block_ms: int,
        latency_ms: float,
    ) -> tuple[Device, Format]:
        self.close()
        sounddevice = portaudio.load()
        device = find(wanted, self._direction).device
        make = sounddevice.RawInputStream if self._direction == "capture" else sounddevice.RawOutputStream
        self._opened += 1
        refusal: Exception | None = None
        for offer in offers(device):
            try:
                stream = make(
                    samplerate=offer.rate,
                    blocksize=offer.rate * block_ms // 1000,
                    device=device.index,
                    channels=offer.channels,
                    dtype="int16",
                    latency=latency_ms / 1000 if latency_ms else "low",
                    callback=callback_for(offer),
                    finished_callback=self._finished(self._opened),
                )
            except sounddevice.PortAudioError as error:
                if error.args[1:2] not in {
                    (portaudio.INVALID_SAMPLE_RATE,),
                    (portaudio.INVALID_CHANNEL_COUNT,),
                }:
                    raise portaudio.explain(error, self._direction, device.name) from error
                refusal = refusal or error
                continue
            self._start(stream, device)
            return device, offer
        assert refusal is not None, "a device without a format to try"
        raise portaudio.explain(refusal, self._direction, device.name) from refusal

    def close(self) -> None:
        """Stop and close it; what is inside the device is not waited for. May be called twice."""
        stream, self._stream = self._stream, None
        self._opened += 1
        if stream is not None:
            # A device that has gone away answers with errors here, and there is nothing left to save.
            stream.abort(ignore_errors=True)
            stream.close(ignore_errors=True)

    def leave(self) -> None:
        """Close it at the end of the program, or leave it behind where the sound system does not answer."""
        if self.is_open:
            portaudio.leaving.close(self.close)

    def call(self, function: Callable[..., None], *arguments: object) -> None:
        """From PortAudio's thread: have *function* called on the loop's."""
        try:
            self._loop.call_soon_threadsafe(function, *arguments)
        except RuntimeError:
            # The loop is closed: the program is ending, and nobody is left to tell.
            return

    def _start(self, stream: Any, device: Device) -> None:
        sounddevice = portaudio.load()
        self._device = device
        self._latency_ms = round(1000 * stream.latency, 1)
        self._has_delivered = False
        self._last_call = self._clock()
        try:
            stream.start()
        except sounddevice.PortAudioError as error:
            stream.close(ignore_errors=True)
            raise portaudio.explain(error, self._direction, device.name) from error
        self._stream = stream
        self.call(self._begin_to_watch, self._opened)

    def _tell_opened(self, opened: int) -> None:
        if opened == self._opened and self._device is not None:
            told = DeviceOpened(
                self._clock(), self._direction, self._device.name, self._is_fallback, self._latency_ms
            )
            self._post(told)

    def _begin_to_watch(self, opened: int) -> None:
        self._looked_at = self._clock()
        self._loop.call_later(WATCH_EVERY_S, self._look, opened)

    def _finished(self, opened: int) -> Callable[[], None]:
        def finished() -> None:
            # PortAudio's thread. Also comes after close(), and is known there by its number.
            self.call(self._lost, opened, "the stream ended")

        return finished

    def _look(self, opened: int) -> None:
        if opened != self._opened:
            return
        now = self._clock()
        if now - self._looked_at > 2 * WATCH_EVERY_S:
            # We were held up ourselves (Ctrl-Z, sleep, a busy machine), and that is no fault of the device.
            self._last_call = max(self._last_call, now - WATCH_EVERY_S)
        self._looked_at = now
        patience_s = SILENT_FOR_S if self._has_delivered else FIRST_WITHIN_S
        if now - self._last_call > patience_s:
            self._lost(opened, f"it has not delivered for {patience_s:.0f} s")
        else:
            self._loop.call_later(WATCH_EVERY_S, self._look, opened)

    def _lost(self, opened: int, reason: str) -> None:
        if opened == self._opened:
            self._opened += 1
            self._post(DeviceLost(self._clock(), self._direction, reason))
