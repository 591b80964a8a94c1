"""PortAudio, loaded when it is needed, and its failures in a person's words.

``import sounddevice`` fails where the library is missing and takes a while where it is not, so nobody else
imports it. What a failure means for one device is said here; which device is meant is the catalog's part.
"""

from __future__ import annotations

import atexit
import os
import platform
import shutil
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from voice_assistant.errors import DeviceError

if TYPE_CHECKING:
    from voice_assistant.core.events import Direction

# PaErrorCode, portaudio.h
UNANTICIPATED_HOST_ERROR = -9999
INVALID_CHANNEL_COUNT = -9998
INVALID_SAMPLE_RATE = -9997
INVALID_DEVICE = -9996
DEVICE_UNAVAILABLE = -9985

LEAVING_S = 0.3
"""How long the end of the program waits for a sound system that does not answer."""

FLAGS = {"capture": "--input-device", "playout": "--output-device"}
NOUNS = {"capture": "microphone", "playout": "loudspeaker"}

INSTALL = (
    ("apt-get", "sudo apt install libportaudio2"),
    ("dnf", "sudo dnf install portaudio"),
    ("pacman", "sudo pacman -S portaudio"),
    ("zypper", "sudo zypper install libportaudio2"),
    ("apk", "sudo apk add portaudio"),
    ("brew", "brew install portaudio"),
)
"""Which command installs PortAudio, by the package manager that is there."""


def load() -> Any:
    """Load sounddevice, and PortAudio with it.

    Raises:
        DeviceError: PortAudio is not installed, or does not start.
    """
    try:
        import sounddevice
    except OSError as error:
        raise DeviceError("the PortAudio library is not installed", remedy=_how_to_install()) from error
    except Exception as error:
        if type(error).__name__ != "PortAudioError":
            raise
        raise DeviceError(
            f"PortAudio does not start: {error}",
            remedy="Check that a sound server is running, then try again.",
        ) from error
    return sounddevice


def rescan() -> None:
    """Look for devices anew: PortAudio lists them once, when it starts. No stream may be open.

    Raises:
        DeviceError: PortAudio does not start again.
    """
    sounddevice = load()
    try:
        sounddevice._terminate()
        sounddevice._initialize()
    except sounddevice.PortAudioError as error:
        raise DeviceError(
            f"PortAudio does not start: {error}",
            remedy="Check that a sound server is running, then try again.",
        ) from error


class Leaving:
    """PortAudio at the end of the program, which a sound server that hangs must not hold up.

    There is one PortAudio in a process, and so there is one of these: ``leaving``.
    """

    def __init__(self) -> None:
        self._is_stuck = False

    def close(self, stream: Callable[[], None]) -> None:
        """Close a stream, or leave it behind: nothing more is asked of what has not answered once."""
        if self._is_stuck:
            return
        thread = threading.Thread(target=stream, name="PortAudio closes", daemon=True)
        thread.start()
        thread.join(LEAVING_S)
        if thread.is_alive():
            self.give_up()

    def give_up(self) -> None:
        """PortAudio is stuck: leave it out of the end of the process too, where sounddevice would end it."""
        self._is_stuck = True
        atexit.unregister(load()._exit_handler)


leaving = Leaving()


@contextmanager
def quiet_stderr(file: Path | int) -> Iterator[None]:
    """Send file descriptor 2 to *file* meanwhile: PortAudio and ALSA write to it from C.

    Python's own ``sys.stderr`` goes the same way. Not for two threads at once.

    Args:
        file: Appended to; or a descriptor that is open for writing.
    """
    sys.stderr.flush()
    kept = os.dup(2)
    there = file if isinstance(file, int) else os.open(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        os.dup2(there, 2)
        yield
    finally:
        sys.stderr.flush()
        os.dup2(kept, 2)
        os.close(kept)
        if there is not file:
            os.close(there)


def explain(error: Exception, direction: Direction, name: str) -> DeviceError:
    """Say what a ``PortAudioError`` means.

    Args:
        error: Its ``args`` are a text, a PaErrorCode and perhaps the host's own words.
        direction: Capture or playout.
        name: The device, as the catalog calls it.
    """
    noun = NOUNS[direction]
    another = f"choose another with {FLAGS[direction]}; 'voice-assistant devices' lists them."
    match error.args[1] if len(error.args) > 1 else None:
        case code if code == DEVICE_UNAVAILABLE:
            return DeviceError(
                f"the {noun} {name!r} is busy: another program holds it",
                remedy=f"Close the program that uses it, or {another}",
            )
        case code if code == INVALID_SAMPLE_RATE:
            return DeviceError(
                f"the {noun} {name!r} refuses every sample rate that was tried",
                remedy=f"Let the system convert: take 'default' or 'pulse', or {another}",
            )
        case code if code == INVALID_CHANNEL_COUNT:
            return DeviceError(
                f"the {noun} {name!r} refuses one channel, two, and all that it claims to have",
                remedy=f"Let the system convert: take 'default' or 'pulse', or {another}",
            )
        case code if code == INVALID_DEVICE:
            return DeviceError(
                f"the {noun} {name!r} is not there any more",
                remedy=f"Plug it in again, or {another}",
            )
        case code if code == UNANTICIPATED_HOST_ERROR:
            host_text = error.args[2][2] if len(error.args) > 2 else ""
            why = f": {host_text}" if host_text else ""
            return DeviceError(
                f"the sound system does not open the {noun} {name!r}{why}",
                remedy=f"Check that it is plugged in and that the sound server is running, or {another}",
            )
    return DeviceError(f"the {noun} {name!r} does not open: {error.args[0]}", remedy=another.capitalize())


def _how_to_install() -> str:
    for manager, command in INSTALL:
        if shutil.which(manager):
            return f"Run: {command}"
    if platform.system() == "Darwin":
        return "Run: brew install portaudio"
    return "Install PortAudio 2 with your system's package manager; Debian calls it libportaudio2."
