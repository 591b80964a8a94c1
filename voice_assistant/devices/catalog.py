"""Which sound devices there are, and which one "usb" means.

A device is named by its number or by part of its name; nothing named means the system's default. That a
device exists does not mean that it opens: that is found out by opening it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from voice_assistant.devices import portaudio
from voice_assistant.errors import DeviceError

if TYPE_CHECKING:
    from voice_assistant.core.events import Direction

WORDS = {"capture": "input", "playout": "output"}


@dataclass(frozen=True, slots=True)
class Device:
    """One device, as PortAudio lists it.

    Args:
        index: Its number; changes when devices come and go.
        name: As the system calls it.
        host_api: The sound system behind it: ALSA, Core Audio.
        input_channels: At most; 0 where it is no microphone.
        output_channels: At most; 0 where it is no loudspeaker.
        default_rate: Hertz that it prefers.
    """

    index: int
    name: str
    host_api: str
    input_channels: int
    output_channels: int
    default_rate: int

    def channels(self, direction: Direction) -> int:
        """How many channels it has, that way."""
        return self.input_channels if direction == "capture" else self.output_channels


@dataclass(frozen=True, slots=True)
class Choice:
    """The device that would be used, and why: ``"the system's default"``."""

    device: Device
    why: str


def list_devices() -> list[Device]:
    """List what PortAudio found when it started (``portaudio.rescan`` looks again).

    Raises:
        DeviceError: There is no PortAudio.
    """
    sounddevice = portaudio.load()
    host_apis = [api["name"] for api in sounddevice.query_hostapis()]
    return [
        Device(
            index=index,
            name=entry["name"],
            host_api=host_apis[entry["hostapi"]],
            input_channels=entry["max_input_channels"],
            output_channels=entry["max_output_channels"],
            default_rate=round(entry["default_samplerate"]),
        )
        for index, entry in enumerate(sounddevice.query_devices())
    ]


def find(wanted: str, direction: Direction) -> Choice:
    """Find the device to use.

    Args:
        wanted: A number, part of a name in any case, or empty for the system's default.
        direction: What it is wanted for.

    Raises:
        DeviceError: No PortAudio, no such device, or several that could be meant.
    """
    devices = list_devices()
    if wanted.strip():
        return match(wanted.strip(), direction, devices)
    sounddevice = portaudio.load()
    default = sounddevice.default.device["input" if direction == "capture" else "output"]
    return default_of(int(default), direction, devices)


def default_of(default: int, direction: Direction, devices: list[Device]) -> Choice:
    """Take the system's default; *default* is its number, or negative where the system names none."""
    usable = _usable(direction, devices)
    for device in usable:
        if device.index == default:
            return Choice(device, "the system's default")
    return Choice(usable[0], "the system names no default; this is the first")


def match(wanted: str, direction: Direction, devices: list[Device]) -> Choice:
    """Find the one device that *wanted* means: a number, a whole name, or part of one."""
    usable = _usable(direction, devices)
    word = WORDS[direction]
    if wanted.isdecimal():
        for device in usable:
            if device.index == int(wanted):
                return Choice(device, f"number {wanted}, as asked for")
        raise DeviceError(
            f"there is no {word} device number {wanted}",
            remedy=f"The {word} devices are: {_names(usable)}.",
        )
    folded = wanted.casefold()
    whole = {device: f"{device.name}, {device.host_api}".casefold() for device in usable}
    exact = [device for device in usable if folded in (device.name.casefold(), whole[device])]
    found = exact or [device for device in usable if folded in whole[device]]
    match found:
        case [device]:
            return Choice(device, f"matches {wanted!r}")
        case []:
            raise DeviceError(
                f"no {word} device matches {wanted!r}",
                remedy=f"Take one of: {_names(usable)}. 'voice-assistant devices' lists them.",
            )
        case _:
            raise DeviceError(
                f"{wanted!r} could be {len(found)} {word} devices: {_names(found)}",
                remedy="Write more of the name, or its number.",
            )


def name_of(device: Device, among: list[Device]) -> str:
    """Give words that ``match`` takes for this device: its name, with its sound system where two share it."""
    shared = sum(other.name.casefold() == device.name.casefold() for other in among) > 1
    return f"{device.name}, {device.host_api}" if shared else device.name


def _usable(direction: Direction, devices: list[Device]) -> list[Device]:
    usable = [device for device in devices if device.channels(direction)]
    if not devices:
        raise DeviceError(
            "no sound devices were found",
            remedy="Connect a microphone and a loudspeaker. In a container or over ssh, name a sound server"
            " in PULSE_SERVER and install ALSA's plugin for it: sudo apt install libasound2-plugins",
        )
    if not usable:
        noun = portaudio.NOUNS[direction]
        raise DeviceError(
            f"no {noun} was found; there are only {_names(devices)}",
            remedy=f"Connect a {noun}, or close the program that holds it (a busy one may not be listed), or"
            " allow this program to use it in the system's privacy settings.",
        )
    return usable


def _names(devices: list[Device]) -> str:
    return ", ".join(f"{device.index} ({device.name})" for device in devices)
