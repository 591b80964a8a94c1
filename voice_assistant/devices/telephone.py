"""Bluetooth's telephone profile: a headset whose microphone is open sounds like a telephone, 8 or 16 kHz.

Nothing fails then, it only sounds bad; so it is looked for, and another microphone is named. What the device
list says tells it on macOS and Windows. On Linux a sound server stands between, so it is asked (``pactl``)
what its default microphone is.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from voice_assistant.devices import sound_server
from voice_assistant.devices.catalog import Device, list_devices, name_of

TELEPHONE_RATE = 24_000
"""Hertz, at most, of a headset in that profile: 8 or 16 kHz, and 24 with newer Apple ones."""

_TELEPHONE = re.compile(
    r"hands-?free|\b(hfp|hsp)\b|headset[-_ ]head[-_ ]unit|bluez_(source|input)", re.IGNORECASE
)
_BUILT_IN = re.compile(r"built-?in|internal|macbook|\bhda\b|realtek|analog|microphone array", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Telephone:
    """A microphone in the telephone profile.

    Args:
        name: As the system calls it.
        instead: Another microphone; empty where there is none.
        how: A command for a shell that makes it the default; empty where the program can take it itself.
    """

    name: str
    instead: str = ""
    how: str = ""


async def look(device: Device) -> Telephone | None:
    """Say whether a microphone that is open is in the telephone profile, and what could be used instead."""
    if device.name in sound_server.ALSA_NAMES:
        info = await sound_server.pactl("info")
        return of_server(info, await sound_server.pactl("list", "short", "sources"))
    return of_list(device, list_devices())


def of_list(device: Device, devices: Sequence[Device]) -> Telephone | None:
    """Judge by PortAudio's list.

    A headset is both microphone and loudspeaker under one name, and in this profile neither is fast. A webcam
    may be as slow, but nothing is heard from it.
    """
    if not (_TELEPHONE.search(device.name) or _is_slow_headset(device, devices)):
        return None
    usable = [one for one in devices if one.input_channels]
    others = [one for one in usable if one.name != device.name and not _TELEPHONE.search(one.name)]
    chosen = next((one for one in others if _BUILT_IN.search(one.name)), None)
    return Telephone(device.name, name_of(chosen, usable) if chosen else "")


def of_server(info: str, sources: str) -> Telephone | None:
    """Judge by what ``pactl info`` and ``pactl list short sources`` say."""
    found = sound_server.defaults_in(info)["capture"]
    if not _TELEPHONE.search(found):
        return None
    names = [fields[1] for line in sources.splitlines() if len(fields := line.split("\t")) > 1]
    others = [name for name in names if not name.endswith(".monitor") and not _TELEPHONE.search(name)]
    instead = next((name for name in others if _BUILT_IN.search(name)), others[0] if others else "")
    return Telephone(found, instead, f"pactl set-default-source {instead}" if instead else "")


def _is_slow_headset(device: Device, devices: Sequence[Device]) -> bool:
    ends = [one for one in devices if one.name == device.name]
    return (
        any(one.input_channels for one in ends)
        and any(one.output_channels for one in ends)
        and all(one.default_rate <= TELEPHONE_RATE for one in ends)
    )
