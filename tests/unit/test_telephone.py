"""Bluetooth's telephone profile: known by a name, by both ends being slow, or by the sound server's word."""

from __future__ import annotations

import pytest

from voice_assistant.devices.catalog import Device
from voice_assistant.devices.telephone import Telephone, of_list, of_server

BUILT_IN = Device(0, "MacBook Pro Microphone", "Core Audio", 1, 0, 48_000)
SPEAKERS = Device(1, "MacBook Pro Speakers", "Core Audio", 0, 2, 48_000)
WEBCAM = Device(2, "HD Webcam C270", "Core Audio", 1, 0, 16_000)


def headset(name: str, rate: int, *, output_rate: int | None = None) -> list[Device]:
    """A headset as macOS lists it: an input and an output of one name."""
    return [
        Device(3, name, "Core Audio", 1, 0, rate),
        Device(4, name, "Core Audio", 0, 2, output_rate or rate),
    ]


@pytest.mark.parametrize(
    "device",
    [
        Device(5, "Headset (WH-1000XM4 Hands-Free AG Audio)", "MME", 1, 0, 44_100),
        Device(5, "WH-1000XM4 HFP", "ALSA", 1, 1, 16_000),
        Device(5, "bluez_source.00_11.handsfree_head_unit", "PulseAudio", 1, 0, 8_000),
    ],
)
def test_a_name_tells_it(device: Device) -> None:
    found = of_list(device, [BUILT_IN, SPEAKERS, device])

    assert found == Telephone(device.name, "MacBook Pro Microphone")


@pytest.mark.parametrize("rate", [8_000, 16_000, 24_000])
def test_a_headset_both_of_whose_ends_are_slow_is_one(rate: int) -> None:
    ends = headset("AirPods", rate)

    assert of_list(ends[0], [BUILT_IN, SPEAKERS, *ends]) == Telephone("AirPods", "MacBook Pro Microphone")


def test_what_is_slow_and_no_headset_is_none() -> None:
    good = headset("USB Headset", 16_000, output_rate=48_000)

    assert of_list(WEBCAM, [BUILT_IN, WEBCAM]) is None
    assert of_list(good[0], [BUILT_IN, *good]) is None
    assert of_list(BUILT_IN, [BUILT_IN, *headset("AirPods", 16_000)]) is None


def test_without_another_microphone_none_is_named() -> None:
    ends = headset("AirPods", 16_000)

    assert of_list(ends[0], ends) == Telephone("AirPods", "")


INFO = "Server Name: pulseaudio\nDefault Sink: bluez_output.00\nDefault Source: {}\nCookie: 1\n"
SOURCES = """\
1\talsa_output.pci.analog-stereo.monitor\tmodule-alsa-card.c\ts16le 2ch 44100Hz\tIDLE
2\tbluez_input.00_11.0\tmodule-bluez5-device.c\ts16le 1ch 16000Hz\tRUNNING
3\talsa_input.usb-webcam\tmodule-alsa-card.c\ts16le 1ch 16000Hz\tIDLE
4\talsa_input.pci.analog-stereo\tmodule-alsa-card.c\ts16le 2ch 44100Hz\tIDLE
"""


def test_the_sound_server_tells_which_microphone_its_default_is() -> None:
    found = of_server(INFO.format("bluez_input.00_11.0"), SOURCES)

    better = "alsa_input.pci.analog-stereo"
    assert found == Telephone("bluez_input.00_11.0", better, f"pactl set-default-source {better}")


@pytest.mark.parametrize("info", [INFO.format("alsa_input.pci.analog-stereo"), "", "Connection refused"])
def test_another_default_or_no_answer_is_no_telephone(info: str) -> None:
    assert of_server(info, SOURCES) is None
