"""The stage for whole conversations: a sound card made of software, a person's home, the installed command.

The sound server lives as long as the test run; each test gets a home of its own. A test plays the person: it
speaks into the microphone, types, and listens to the recording of the loudspeaker.
"""

from __future__ import annotations

import contextlib
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

import pytest

from tests.support.gemini_server import GeminiCall, GeminiServer
from tests.support.litellm_proxy import KEY, LIVE_MODEL
from tests.support.realtime_server import RealtimeServer
from tests.support.sound_server import Recording, SoundServer, why_not
from tests.support.spoken import Samples, pause, pcm
from tests.support.terminal_program import Kind, PipedProgram, Program, TerminalProgram, home_environment
from voice_assistant.core.audio import NEAR_RATE

SETTLED_S = 0.8
"""From the last word of the set-up to a microphone that is surely heard."""


DEVICE_S = 0.5
"""What may still be inside the loudspeaker when the program has handed the last sample out."""

EXACT = {
    "VOICE_ASSISTANT_PLAYOUT_ADAPTIVE": "false",
    "VOICE_ASSISTANT_PLAYOUT_PREFILL_MS": "500",
    "VOICE_ASSISTANT_WORDS_RECOGNISE": "false",
}
"""Nothing is drawn out, and a busy machine is no reason for a gap: so samples can be compared. Replies here
are made of vowels and noise, and nobody shall find words in them."""


class Reachable(Protocol):
    """A proxy, or something that speaks like one."""

    @property
    def url(self) -> str:
        """Its address without a path."""
        ...


class Stage:
    """What a test needs to be a person in front of the program.

    Args:
        sound: The sound server.
        home: The person's home, also the working directory.
    """

    def __init__(self, sound: SoundServer, home: Path) -> None:
        self.sound = sound
        self.home = home

    def env(self, **more: str) -> dict[str, str]:
        """Give the environment of a program on this stage, which plays what comes and nothing in between."""
        return home_environment(self.sound.env, self.home, **{"LITELLM_API_KEY": KEY, **EXACT, **more})

    def plain(self, at: Reachable, *flags: str, model: str = LIVE_MODEL, **env: str) -> PipedProgram:
        """Make the program with its output in pipes."""
        return PipedProgram(self._arguments(at, flags, model), self.env(**env), self.home)

    def terminal(
        self, at: Reachable, *flags: str, model: str = LIVE_MODEL, kind: Kind = "kitty", **env: str
    ) -> TerminalProgram:
        """Make the program in a terminal."""
        return TerminalProgram(self._arguments(at, flags, model), self.env(**env), self.home, kind=kind)

    def wait_for_devices(self, program: Program) -> None:
        """Wait until a program has opened both of its devices: they come after the connection."""
        program.until(lambda: self.sound.is_used_by(program.pid))

    def say(self, *parts: Samples) -> None:
        """Say something (16 kHz) and be silent for a moment; comes back when it has been said."""
        self.begin_to_say(*parts, pause(0.2)).wait(60)

    def begin_to_say(self, *parts: Samples) -> subprocess.Popen[bytes]:
        """Begin to say something; ``wait()`` for its end."""
        return self.sound.play_into_mic(pcm(*parts), NEAR_RATE)

    def hear_out(self, program: Program, recording: Recording, last: str) -> Samples:
        """Wait until the program prints *last*; give what the loudspeaker carried until a moment later."""
        program.until(last)
        time.sleep(DEVICE_S)
        return recording.speaker

    @staticmethod
    def _arguments(at: Reachable, flags: tuple[str, ...], model: str) -> list[str]:
        return ["talk", "--url", at.url, *(["--model", model] if model else []), *flags]


@pytest.fixture(scope="session")
def sound_server() -> Iterator[SoundServer]:
    """The sound card of all tests here."""
    if missing := why_not():
        pytest.skip(f"no sound server: {missing}")
    with SoundServer() as server:
        yield server


@pytest.fixture
def stage(sound_server: SoundServer, tmp_path: Path) -> Stage:
    """A stage for one test."""
    return Stage(sound_server, tmp_path)


@pytest.fixture
def scripted() -> Iterator[RealtimeServer]:
    """A scripted server that speaks as the proxy does: starts at once, and can misbehave."""
    with RealtimeServer() as server:
        yield server


def ready(stage: Stage, program: Program, gemini: GeminiServer, number: int = 0) -> GeminiCall:
    """Wait until call *number* is set up and the program takes the microphone's sound."""
    program.until(lambda: len(gemini.calls) > number and gemini.calls[number].setup is not None)
    stage.wait_for_devices(program)
    time.sleep(SETTLED_S)
    return gemini.calls[number]


@contextlib.contextmanager
def nothing_arrives(call: GeminiCall) -> Iterator[None]:
    """Hold the program to sending no sound meanwhile."""
    before = call.samples
    yield
    assert call.samples == before, f"{call.samples - before} samples arrived"
