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
    "make (demo|talk)": "its commands are looked at below; tests/end_to_end holds the demo and conversations",
    "pipx install .*|uvx .*": "from a wheel of this checkout, in test_wheel.py",
    "python3 scripts/setup.py.*": "it changes the environment that tests run in; see test_setup.py",
    ".venv/bin/voice-assistant (talk|setup)( .*)?": "nobody talks here; tests/end_to_end plays somebody",
}
"""Lines that are not run, as patterns, and why."""

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


def runs(line: str) -> bool:
    """Say whether a line is run here."""
    return not any(re.fullmatch(pattern, line) for pattern in NOT_RUN)


@pytest.mark.parametrize("line", [line for line in lines() if runs(line)])
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


def test_most_of_the_readme_runs() -> None:
    ran = [line for line in lines() if runs(line)]

    assert {line.split()[0].rpartition("/")[2] for line in ran} >= {"voice-assistant", "export", "source"}
    assert "make demo" in lines()


@pytest.mark.parametrize("verb", ["demo", "talk"])
def test_a_verb_of_make_sets_up_and_runs_the_command_of_its_name(verb: str) -> None:
    told = subprocess.run(
        ["make", "--dry-run", verb], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout

    assert "scripts/setup.py" in told
    assert f".venv/bin/voice-assistant {verb}" in told
