"""Every command that the README shows is run as it stands there, or it says here why it is not."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.sound_server import NO_DEVICES
from tests.support.terminal_program import home_environment

ROOT = Path(__file__).resolve().parents[2]
QUESTION = ROOT / "tests/data/questions/what_time_is_it.wav"

NOT_RUN = {
    "make demo": "its commands are looked at below; the demo itself is held in tests/end_to_end/test_demo.py",
    "make talk": "the same; conversations are held in tests/end_to_end",
    "pipx install .": "from a wheel of this checkout in test_wheel.py",
    "uvx --from . voice-assistant --help": "the same",
}

WITHOUT_SOUND = 3
"""What the doctor ends with on a machine without a sound device."""


def lines() -> list[str]:
    """List the command lines of the README's shell blocks."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    blocks = re.findall(r"^```sh\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    return [line for block in blocks for line in block.splitlines() if line.strip()]


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A folder in which the README's lines find what they name: the environment, and a question."""
    (tmp_path / ".venv").symlink_to(Path(sys.prefix), target_is_directory=True)
    (tmp_path / "asound.conf").write_text(NO_DEVICES)
    shutil.copy(QUESTION, tmp_path / "question.wav")
    return tmp_path


@pytest.mark.parametrize("line", [line for line in lines() if line not in NOT_RUN])
def test_a_line_of_the_readme_runs(line: str, clone: Path) -> None:
    path = f"{Path(sys.prefix) / 'bin'}:{os.environ['PATH']}"
    env = home_environment(os.environ, clone, ALSA_CONFIG_PATH=str(clone / "asound.conf"), PATH=path)

    done = subprocess.run(
        ["bash", "-e", "-c", line],
        cwd=clone,
        env=env,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )

    wanted = WITHOUT_SOUND if line.endswith(" doctor") else 0
    assert done.returncode == wanted, f"{done.stdout}{done.stderr}"
    if "--output answer.wav" in line:
        assert (clone / "answer.wav").stat().st_size > 10_000
        assert "It is" in done.stdout


def test_what_is_not_run_is_in_the_readme() -> None:
    assert set(NOT_RUN) - set(lines()) == set()
    assert len(lines()) > len(NOT_RUN) + 3


@pytest.mark.parametrize("verb", ["demo", "talk"])
def test_a_verb_of_make_sets_up_and_runs_the_command_of_its_name(verb: str) -> None:
    told = subprocess.run(
        ["make", "--dry-run", verb], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout

    assert "scripts/setup.py" in told
    assert f".venv/bin/voice-assistant {verb}" in told
