"""The installed command 'setup' in a terminal: what it asks, what it tries, and what it writes."""

from __future__ import annotations

import json
import os
import subprocess
import tomllib
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from tests.support.model_list import ListingServer
from tests.support.sound_server import NO_DEVICES, SoundServer
from tests.support.spoken import pcm, sentence
from tests.support.terminal_program import COMMAND, PATIENCE_S, TerminalProgram, home_environment
from voice_assistant.core.audio import NEAR_RATE

ROOT = Path(__file__).resolve().parents[2]
SETTINGS = Path(".config/voice-assistant/config.toml")
KEY = "sk-typed-and-not-shown"


def without_sound(home: Path, **more: str) -> dict[str, str]:
    (home / "asound.conf").write_text(NO_DEVICES)
    return home_environment(os.environ, home, ALSA_CONFIG_PATH=str(home / "asound.conf"), **more)


def with_keyring(home: Path) -> Mapping[str, str]:
    return {
        "PYTHONPATH": str(ROOT),
        "PYTHON_KEYRING_BACKEND": "tests.support.file_keyring.FileKeyring",
        "TEST_KEYRING": str(home / "keys"),
    }


class Answers:
    """Answers the questions in their order, each once it is asked."""

    def __init__(self, program: TerminalProgram) -> None:
        self._program = program
        self._asked: dict[str, int] = {}

    def give(self, question: str, answer: str = "") -> None:
        """Wait for a question, and answer it; Enter alone keeps what there is."""
        count = self._asked[question] = self._asked.get(question, 0) + 1
        self._program.until(lambda: self._program.printed.count(question) >= count)
        self._program.type(f"{answer}\r")


def test_every_question_is_asked_and_what_was_said_is_written(
    sound_server: SoundServer, tmp_path: Path
) -> None:
    env = home_environment(sound_server.env, tmp_path, **with_keyring(tmp_path))
    with (
        ListingServer(one="realtime", two="realtime", chat="chat") as proxy,
        sound_server.record() as recording,
        TerminalProgram(["setup"], env, tmp_path) as program,
    ):
        answers = Answers(program)
        answers.give("Your choice [1]", "litellm")
        answers.give("[http://localhost:4000]:", proxy.url)
        answers.give("system's keyring (a file for tests)?", "y")
        answers.give("not shown", KEY)
        answers.give("Which model?")
        answers.give("Which microphone?", "2")
        answers.give("Which loudspeaker?")
        answers.give("Try them?")
        program.until("Speak now")
        sound_server.play_into_mic(pcm(sentence()), NEAR_RATE).wait(30)
        answers.give("Did you hear yourself?")
        answers.give("Write it?")
        assert program.wait() == 0
        assert KEY not in program.printed
        heard = recording.stop()[:, 0]

    told = tomllib.loads((tmp_path / SETTINGS).read_text())
    assert told["provider"] == {"name": "litellm", "url": proxy.url, "model": "one"}
    assert told["capture"]["device"]
    assert "playout" not in told
    assert json.loads((tmp_path / "keys").read_text()) == {"voice-assistant/LITELLM_API_KEY": KEY}
    assert KEY not in (tmp_path / SETTINGS).read_text()
    assert np.abs(heard).max() > 1000  # what was said came out of the loudspeaker again


def test_asked_again_it_offers_what_holds_and_touches_nothing_else(tmp_path: Path) -> None:
    mine = '# mine\n[turns]\ntail_ms = 300  # a slow pedal\n\n[provider]\nname = "offline"\n'
    (tmp_path / SETTINGS).parent.mkdir(parents=True)
    (tmp_path / SETTINGS).write_text(mine)
    env = without_sound(tmp_path)

    with TerminalProgram(["setup"], env, tmp_path) as program:
        Answers(program).give("Your choice [3]")
        assert program.wait() == 0
        assert "Everything stays as it is" in program.printed
    assert (tmp_path / SETTINGS).read_text() == mine

    with TerminalProgram(["setup"], env, tmp_path) as program:
        answers = Answers(program)
        answers.give("Your choice [3]", "auto")
        answers.give("Address of the proxy [none]")
        answers.give("Write it?")
        program.until("no sound devices were found")
        assert program.wait() == 0
    assert (tmp_path / SETTINGS).read_text() == mine.replace("offline", "auto")


def test_whoever_leaves_has_changed_nothing(tmp_path: Path) -> None:
    env = without_sound(tmp_path, **with_keyring(tmp_path))

    with TerminalProgram(["setup"], env, tmp_path) as program:
        answers = Answers(program)
        answers.give("Your choice [1]", "2")
        answers.give("[http://localhost:4000]", "http://127.0.0.1:1")
        answers.give("system's keyring (a file for tests)?")
        program.until("not shown")
        program.type("sk-half")
        program.interrupt()

        assert program.wait() == 130
        assert "nothing was changed" in program.printed
        assert program.is_restored
    assert not (tmp_path / SETTINGS).exists()
    assert not (tmp_path / "keys").exists()


def test_a_wrong_answer_is_asked_again(tmp_path: Path) -> None:
    with TerminalProgram(["setup"], without_sound(tmp_path), tmp_path) as program:
        answers = Answers(program)
        answers.give("Your choice [1]", "7")
        answers.give("a number from 1 to 3", "gemini")
        answers.give("a number or a name", "litellm")
        answers.give("[http://localhost:4000]", "nowhere")
        program.until("is not the address of a proxy")
        answers.give("[http://localhost:4000]", "http://127.0.0.1:1")
        program.until("export LITELLM_API_KEY")
        answers.give("Model, as the proxy calls it [none]", KEY)
        program.until("looks like a key")
        answers.give("Model, as the proxy calls it [none]", "gemini-live")
        answers.give("Write it?")
        assert program.wait() == 0

    told = tomllib.loads((tmp_path / SETTINGS).read_text())["provider"]
    assert told == {"name": "litellm", "url": "http://127.0.0.1:1", "model": "gemini-live"}


def without_terminal(home: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [COMMAND, "setup"],
        env=without_sound(home),
        cwd=home,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=3 * PATIENCE_S,
        check=False,
    )


def test_without_a_terminal_it_says_what_to_do(tmp_path: Path) -> None:
    ended = without_terminal(tmp_path)

    assert ended.returncode == 2
    assert ended.stderr.startswith("error: setup asks questions, and this is no terminal\n  fix: ")
    assert str(SETTINGS) in ended.stderr


def test_settings_that_are_wrong_are_told_before_anything_is_asked(tmp_path: Path) -> None:
    (tmp_path / SETTINGS).parent.mkdir(parents=True)
    (tmp_path / SETTINGS).write_text('[provider]\nname = "gemini"\n')

    with TerminalProgram(["setup"], without_sound(tmp_path), tmp_path) as program:
        assert program.wait() == 2
        assert "[provider] name is 'gemini'" in program.printed.replace("\n", "")
    assert (tmp_path / SETTINGS).read_text() == '[provider]\nname = "gemini"\n'
