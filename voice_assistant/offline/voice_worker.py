"""The speaking process: one line of text in, its sound out.

It is a process of its own for two reasons: espeak-ng is under the GPL and stays at the far end of a pipe, and
a speech library that crashes takes nothing else with it. It ends when its standard input ends.

On the pipe, outward: one line of JSON, ``{"engine": name, "rate": hertz}`` or ``{"error": text}``; then for
each line of JSON that comes in, ``{"text": ...}``, blocks of a little-endian 32-bit length and as many bytes
of 16-bit mono PCM, the last of length 0.
"""

from __future__ import annotations

import argparse
import ctypes
import json
import shutil
import struct
import subprocess
import sys
import tempfile
import wave
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

# Constants of espeak-ng's speak_lib.h.
_OUTPUT_SYNCHRONOUS = 2
_DO_NOT_EXIT = 0x8000
_RATE_PARAMETER = 1
_CHARACTERS_UTF8 = 1
_BUFFER_MS = 60
_SYNTHESIS_LIMIT_S = 20.0


class Engine(Protocol):
    """Something that speaks."""

    name: str
    rate: int

    def speak(self, text: str) -> Iterator[bytes]:
        """Speak a sentence: 16-bit mono at ``rate``."""
        ...


class EngineMissingError(Exception):
    """This engine is not on this machine."""


class EspeakLibrary:
    """espeak-ng as a library, out of the wheel that brings it."""

    name = "espeak-ng (library)"

    def __init__(self, language: str, words_per_minute: int) -> None:
        try:
            import espeakng_loader
        except ImportError as why:
            raise EngineMissingError("the package espeakng-loader is not installed") from why
        try:
            self._library = ctypes.CDLL(espeakng_loader.get_library_path())
            data = espeakng_loader.get_data_path()
        except (OSError, RuntimeError) as why:
            raise EngineMissingError(f"espeak-ng cannot be loaded: {why}") from why
        self.rate = self._library.espeak_Initialize(
            _OUTPUT_SYNCHRONOUS, _BUFFER_MS, data.encode(), _DO_NOT_EXIT
        )
        if self.rate <= 0 or self._library.espeak_SetVoiceByName(language.encode()) != 0:
            raise EngineMissingError(f"espeak-ng has no voice {language!r}")
        self._library.espeak_SetParameter(_RATE_PARAMETER, words_per_minute, 0)
        self._blocks: list[bytes] = []
        callback = ctypes.CFUNCTYPE(
            ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.c_void_p
        )
        # The library keeps only the address: the object must live as long as it.
        self._callback = callback(self._take)
        self._library.espeak_SetSynthCallback(self._callback)

    def _take(self, samples: ctypes._Pointer[ctypes.c_short], count: int, _events: int) -> int:
        if samples and count > 0:
            self._blocks.append(ctypes.string_at(samples, count * 2))
        return 0  # go on

    def speak(self, text: str) -> Iterator[bytes]:
        data = text.encode()
        self._library.espeak_Synth(data, len(data) + 1, 0, 1, 0, _CHARACTERS_UTF8, None, None)
        self._library.espeak_Synchronize()
        spoken, self._blocks = self._blocks, []
        yield b"".join(spoken)


class EspeakProgram:
    """The system's ``espeak-ng``."""

    name = "espeak-ng (program)"
    rate = 22_050

    def __init__(self, language: str, words_per_minute: int) -> None:
        program = shutil.which("espeak-ng")
        if program is None:
            raise EngineMissingError("there is no program espeak-ng")
        self._command: list[str] = [
            program,
            "-v",
            language,
            "-s",
            str(words_per_minute),
            "--stdin",
            "--stdout",
        ]

    def speak(self, text: str) -> Iterator[bytes]:
        run = subprocess.run(
            self._command, input=text.encode(), capture_output=True, timeout=_SYNTHESIS_LIMIT_S, check=True
        )
        # A stream's header holds no true lengths, so ``wave`` would refuse it: 44 bytes, then samples.
        yield run.stdout[44:]


class MacSay:
    """macOS's ``say``."""

    name = "say"
    rate = 22_050

    def __init__(self, _language: str, words_per_minute: int) -> None:
        program = shutil.which("say")
        if program is None or sys.platform != "darwin":
            raise EngineMissingError("there is no program say")
        self._command: list[str] = [
            program,
            "-r",
            str(words_per_minute),
            "--file-format=WAVE",
            "--data-format=LEI16@22050",
        ]

    def speak(self, text: str) -> Iterator[bytes]:
        with tempfile.TemporaryDirectory() as folder:
            spoken = Path(folder) / "spoken.wav"
            subprocess.run(
                [*self._command, "-o", str(spoken), "-f", "-"],
                input=text.encode(),
                timeout=_SYNTHESIS_LIMIT_S,
                check=True,
            )
            with wave.open(str(spoken)) as sound:
                yield sound.readframes(sound.getnframes())


def find_engine(language: str, words_per_minute: int) -> Engine:
    """Take the first engine that is here.

    Raises:
        EngineMissingError: There is none; says what was looked for.
    """
    missed = []
    for kind in (EspeakLibrary, EspeakProgram, MacSay):
        try:
            return kind(language, words_per_minute)
        except EngineMissingError as why:
            missed.append(str(why))
    raise EngineMissingError("; ".join(missed))


def main() -> int:
    """Speak lines until there are no more."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--language", default="en-us")
    parser.add_argument("--words-per-minute", type=int, default=150)
    wanted = parser.parse_args()
    out = sys.stdout.buffer
    try:
        engine = find_engine(wanted.language, wanted.words_per_minute)
    except EngineMissingError as why:
        out.write(json.dumps({"error": str(why)}).encode() + b"\n")
        out.flush()
        return 1
    out.write(json.dumps({"engine": engine.name, "rate": engine.rate}).encode() + b"\n")
    out.flush()
    for line in sys.stdin.buffer:
        try:
            for block in engine.speak(json.loads(line)["text"]):
                if block:
                    out.write(struct.pack("<I", len(block)) + block)
        except (subprocess.SubprocessError, OSError, wave.Error) as why:
            # One sentence that cannot be spoken is no reason to fall silent for good.
            sys.stderr.write(f"voice: {why}\n")
        out.write(struct.pack("<I", 0))
        out.flush()
    return 0


if __name__ == "__main__":
    sys.exit(main())
