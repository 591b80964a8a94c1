"""The installed command 'demo': a conversation comes about by itself, with sound and without, or it fails."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import wave
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from tests.support.sound_server import CARD_RATE, NO_DEVICES, SoundServer
from tests.support.terminal_program import COMMAND, TerminalProgram, home_environment


@dataclass(frozen=True, slots=True)
class SilentDemo:
    """A demo that runs on a machine without sound, and its working directory."""

    running: subprocess.Popen[str]
    folder: Path


@pytest.fixture(scope="module")
def silent(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SilentDemo]:
    """Begin one; it goes on while other tests run, since it mostly waits."""
    folder = tmp_path_factory.mktemp("silent")
    (folder / "asound.conf").write_text(NO_DEVICES)
    with subprocess.Popen(
        [COMMAND, "demo", "--record", "kept"],
        env=home_environment(os.environ, folder, ALSA_CONFIG_PATH=str(folder / "asound.conf")),
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as running:
        yield SilentDemo(running, folder)
        running.kill()


def test_with_a_loudspeaker_the_answers_are_heard_and_the_terminal_is_given_back(
    silent: SilentDemo, sound_server: SoundServer, tmp_path: Path
) -> None:
    env = home_environment(sound_server.env, tmp_path)

    with (
        sound_server.record() as recording,
        TerminalProgram(["demo", "--record", "kept"], env, tmp_path) as program,
    ):
        code = program.wait(within_s=180)
        told = program.printed
        restored = program.is_restored

    assert code == 0, told
    assert restored
    assert "That is 391." in told
    assert "[cut after" in told
    assert "Nothing is heard" not in told
    loud = np.abs(recording.speaker.astype(np.int32)) > 1000
    assert np.count_nonzero(loud) > CARD_RATE  # a second of loud samples, of about ten seconds of speech


def test_without_sound_a_conversation_of_three_turns_is_written_down(silent: SilentDemo) -> None:
    told, notices = silent.running.communicate(timeout=180)

    assert silent.running.returncode == 0, told + notices
    spoken = [line for line in told.splitlines() if re.match("you: |assistant: ", line)]
    assert [line.partition(":")[0] for line in spoken] == ["you", "assistant"] * 3
    assert spoken[1] == "assistant: That is 391."
    assert re.match("assistant: I heard: .*detention", spoken[3])
    assert "[cut after" in spoken[3]
    assert spoken[5].startswith("assistant: It is ")
    assert "a synthetic voice" in told
    assert "a person (LibriSpeech, CC BY 4.0)" in told
    assert told.splitlines()[-1] == "Now talk yourself: make talk"
    assert "Nothing is heard: no sound devices were found." in notices
    assert "kept/session.wav" in told
    assert "\x1b" not in told
    with wave.open(str(silent.folder / "kept" / "session.wav")) as file:
        both = np.frombuffer(file.readframes(file.getnframes()), "<i2").reshape(-1, 2).astype(np.float64)
    asked, answered = np.sqrt((both**2).mean(axis=0))
    assert min(asked, answered) > 300


def test_where_speech_cannot_be_recognised_it_says_what_to_do(tmp_path: Path) -> None:
    without = (
        "import sys\n"
        "from importlib import util\n"
        "find = util.find_spec\n"
        "util.find_spec = lambda name, *more: None if name == 'moonshine_voice' else find(name, *more)\n"
        "from voice_assistant.cli import main\n"
        "sys.exit(main(['demo']))\n"
    )

    ended = subprocess.run(
        [sys.executable, "-c", without],
        env=home_environment(os.environ, tmp_path),
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )

    assert (ended.returncode, ended.stdout) == (4, "")
    assert "the demo needs speech recognition" in ended.stderr
    assert "make setup" in ended.stderr


def test_where_the_recogniser_is_installed_and_cannot_be_loaded_it_says_so(tmp_path: Path) -> None:
    broken = tmp_path / "moonshine_voice"
    broken.mkdir()
    (broken / "__init__.py").write_text("raise OSError('libmoonshine.so: wrong ELF class')\n")

    ended = subprocess.run(
        [sys.executable, "-m", "voice_assistant", "demo"],
        env=home_environment(os.environ, tmp_path, PYTHONPATH=str(tmp_path)),
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )

    assert (ended.returncode, ended.stdout) == (4, "")
    assert "the demo needs speech recognition" in ended.stderr
    assert "wrong ELF class" in ended.stderr


def test_a_conversation_that_does_not_come_about_is_a_failure(tmp_path: Path) -> None:
    (tmp_path / "asound.conf").write_text(NO_DEVICES)
    deaf = (
        "import sys\n"
        "from voice_assistant import asking, app, cli\n"
        "class Impatient(asking.Prompter):\n"
        "    def __init__(self, post, say, prompts):\n"
        "        super().__init__(post, lambda sound: None, prompts, patience_s=2.0)\n"
        "app.Prompter = Impatient\n"
        "sys.exit(cli.main(['demo', '--record', 'kept']))\n"
    )

    ended = subprocess.run(
        [sys.executable, "-c", deaf],
        env=home_environment(os.environ, tmp_path, ALSA_CONFIG_PATH=str(tmp_path / "asound.conf")),
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )

    assert ended.returncode == 4
    assert "0 of 3 questions were answered" in ended.stderr
    assert "make talk" not in ended.stdout
