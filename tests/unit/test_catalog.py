"""Which device is meant, and what is said where none is."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from voice_assistant.core.events import Direction
from voice_assistant.devices import portaudio
from voice_assistant.devices.catalog import Device, default_of, match
from voice_assistant.devices.stream import Format, formats
from voice_assistant.errors import DeviceError

ROOT = Path(__file__).parents[2]

LAPTOP = Device(0, "HDA Intel PCH: ALC257 Analog (hw:0,0)", "ALSA", 2, 2, 44_100)
SCREEN = Device(1, "HDA Intel PCH: HDMI 0 (hw:0,3)", "ALSA", 0, 8, 44_100)
YETI = Device(2, "Blue Yeti: USB Audio (hw:1,0)", "ALSA", 2, 2, 48_000)
PULSE = Device(3, "pulse", "ALSA", 32, 32, 44_100)
USUAL = [LAPTOP, SCREEN, YETI, PULSE]


@pytest.mark.parametrize(
    ("wanted", "device"), [("usb", YETI), ("YETI", YETI), ("pulse", PULSE), ("0", LAPTOP)]
)
def test_a_number_or_part_of_a_name_means_a_device(wanted: str, device: Device) -> None:
    choice = match(wanted, "capture", USUAL)

    assert choice.device == device
    assert wanted in choice.why


def test_a_whole_name_wins_over_names_that_hold_it() -> None:
    monitor = Device(4, "pulse monitor", "ALSA", 2, 0, 44_100)

    assert match("pulse", "capture", [monitor, PULSE]).device == PULSE


def test_a_loudspeaker_is_no_microphone() -> None:
    assert match("hdmi", "playout", USUAL).device == SCREEN
    with pytest.raises(DeviceError, match="no input device matches 'hdmi'"):
        match("hdmi", "capture", USUAL)


def test_an_unknown_name_is_answered_with_the_names_there_are() -> None:
    with pytest.raises(DeviceError, match="no input device matches 'blue snowball'") as raised:
        match("blue snowball", "capture", USUAL)

    assert "2 (Blue Yeti" in raised.value.remedy
    assert "HDMI" not in raised.value.remedy


def test_a_name_that_fits_several_lists_them() -> None:
    with pytest.raises(DeviceError, match=r"'hda' could be 2 output devices: 0 \(HDA .* 1 \(HDA"):
        match("hda", "playout", USUAL)


def test_an_unknown_number_is_answered_with_the_numbers_there_are() -> None:
    with pytest.raises(DeviceError, match="no input device number 1") as raised:
        match("1", "capture", USUAL)

    assert "3 (pulse)" in raised.value.remedy


def test_the_systems_default_is_taken_and_said() -> None:
    assert default_of(3, "capture", USUAL).why == "the system's default"
    assert default_of(3, "capture", USUAL).device == PULSE


@pytest.mark.parametrize("default", [-1, 1])
def test_without_a_default_that_fits_the_first_that_does_is_taken(default: int) -> None:
    assert default_of(default, "capture", USUAL).device == LAPTOP


@pytest.mark.parametrize(
    ("devices", "direction", "message"),
    [([], "capture", "no sound devices were found"), ([SCREEN], "capture", "no microphone was found")],
)
def test_a_machine_without_the_device_is_told_what_it_lacks(
    devices: list[Device], direction: Direction, message: str
) -> None:
    with pytest.raises(DeviceError, match=message) as raised:
        default_of(-1, direction, devices)

    assert raised.value.exit_code == 3


def test_our_own_rate_is_tried_with_any_channels_before_another_rate() -> None:
    assert list(formats(YETI, "capture", 16_000)) == [
        Format(rate, channels) for rate in (16_000, 48_000, 44_100) for channels in (1, 2)
    ]


@pytest.mark.parametrize(
    ("code", "message"),
    [
        (portaudio.DEVICE_UNAVAILABLE, "the microphone 'Yeti' is busy"),
        (portaudio.INVALID_SAMPLE_RATE, "'Yeti' refuses every sample rate"),
        (portaudio.INVALID_CHANNEL_COUNT, "'Yeti' refuses one channel"),
        (portaudio.INVALID_DEVICE, "'Yeti' is not there any more"),
        (-9992, "'Yeti' does not open: Error opening RawInputStream"),
    ],
)
def test_a_failure_of_portaudio_names_the_device_and_a_remedy(code: int, message: str) -> None:
    explained = portaudio.explain(Exception("Error opening RawInputStream", code), "capture", "Yeti")

    assert message in str(explained)
    assert "--input-device" in explained.remedy


def test_the_sound_systems_own_words_are_passed_on() -> None:
    error = Exception("Unanticipated host error", -9999, (0, -111, "Connection refused"))

    assert "Connection refused" in str(portaudio.explain(error, "playout", "pulse"))


def test_without_portaudio_the_remedy_is_a_command(tmp_path: Path) -> None:
    # A sounddevice that fails as the real one does where the library is missing.
    (tmp_path / "sounddevice.py").write_text("raise OSError('PortAudio library not found')\n")
    (tmp_path / "apt-get").write_text("")
    (tmp_path / "apt-get").chmod(0o755)
    code = (
        "from voice_assistant.devices import portaudio\n"
        "from voice_assistant.errors import DeviceError\n"
        "try: portaudio.load()\n"
        "except DeviceError as error: print(error, '|', error.remedy)\n"
    )
    env = os.environ | {"PYTHONPATH": f"{tmp_path}:{ROOT}", "PATH": str(tmp_path)}

    said = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, check=True)

    assert said.stdout == "the PortAudio library is not installed | Run: sudo apt install libportaudio2\n"


def test_what_c_code_writes_to_stderr_goes_to_the_file(tmp_path: Path) -> None:
    log = tmp_path / "log"

    with portaudio.quiet_stderr(log):
        os.write(2, b"ALSA lib pcm.c: Unknown PCM\n")

    assert log.read_bytes() == b"ALSA lib pcm.c: Unknown PCM\n"


def test_loading_the_devices_does_not_load_portaudio() -> None:
    code = "import sys, voice_assistant.devices.capture; print('sounddevice' in sys.modules)"

    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)

    assert said.stdout == "False\n"
