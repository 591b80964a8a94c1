"""The wheel, built once and installed as people do: on every Python that is promised, with pipx, with uvx.

Which Pythons are here is found out: on the PATH, among pyenv's, and among uv's own. In CI the oldest one that
is promised must be among them.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import zipfile
from functools import cache
from pathlib import Path

import pytest

from tests.conftest import SKIPS_FAIL
from tests.support.sound_server import NO_DEVICES
from tests.support.terminal_program import home_environment
from voice_assistant import __version__

ROOT = Path(__file__).resolve().parents[2]
PROMISED = ("3.11", "3.12", "3.13")
TOOLS = Path(sys.executable).parent
UV = TOOLS / "uv"
PATIENCE_S = 300
"""For one step; what is downloaded comes from far away."""


@cache
def python(version: str) -> str | None:
    """Find a Python of a version; None where there is none here."""
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    managed = Path.home() / ".local/share/uv/python"
    candidates = [sys.executable, shutil.which(f"python{version}")]
    candidates += [str(path) for path in sorted(pyenv.glob(f"{version}.*/bin/python"))]
    candidates += [str(path) for path in sorted(managed.glob(f"cpython-{version}.*/bin/python{version}"))]
    for candidate in filter(None, candidates):
        # pyenv's shims are there for every version, and fail for most.
        asked = subprocess.run([candidate, "-V"], capture_output=True, text=True, check=False)
        if asked.returncode == 0 and asked.stdout.startswith(f"Python {version}."):
            return candidate
    return None


FOUND = [version for version in PROMISED if python(version)]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home for everything that is installed here, without a sound device."""
    folder = tmp_path_factory.mktemp("home")
    (folder / "asound.conf").write_text(NO_DEVICES)
    return folder


@pytest.fixture(scope="module")
def wheel(home: Path) -> Path:
    """The wheel, built once."""
    run(home, UV, "build", "--quiet", "--wheel", "--out-dir", home / "dist", ROOT)
    (built,) = (home / "dist").glob("*.whl")
    return built


def run(home: Path, *line: str | Path, **more: str) -> str:
    """Run something away from this checkout; give what it prints."""
    env = home_environment(os.environ, home, ALSA_CONFIG_PATH=str(home / "asound.conf"), **more)
    # What was downloaded once is not downloaded again.
    env |= {"UV_CACHE_DIR": str(Path.home() / ".cache/uv"), "UV_PYTHON_DOWNLOADS": "never"}
    done = subprocess.run(
        list(map(str, line)),
        cwd=home,
        env=env,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )
    assert done.returncode == 0, f"{line}:\n{done.stdout}{done.stderr}"
    return done.stdout


def test_the_wheel_holds_what_the_program_reads(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())

    data = {
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / "voice_assistant").rglob("*")
        if path.is_file() and path.suffix != ".pyc"
    }
    assert data - names == set()
    assert {"voice_assistant/config.toml", "voice_assistant/py.typed"} <= names
    assert zipfile.ZipFile(wheel).read("voice_assistant/config.toml") == (ROOT / "config.toml").read_bytes()
    assert not [name for name in names if not name.startswith("voice_assistant")]


def test_the_pythons_that_are_promised_are_those_of_the_project() -> None:
    told = (ROOT / "pyproject.toml").read_text(encoding="utf-8")

    assert f'requires-python = ">={PROMISED[0]}"' in told
    assert FOUND, "this Python itself is among them"
    if SKIPS_FAIL:
        assert PROMISED[0] in FOUND


@pytest.mark.parametrize("version", FOUND)
def test_the_wheel_works_on(version: str, wheel: Path, home: Path) -> None:
    venv = home / version
    run(home, UV, "venv", "--quiet", "--python", str(python(version)), venv)
    run(home, UV, "pip", "install", "--quiet", "--python", venv / "bin/python", wheel)
    command = venv / "bin/voice-assistant"

    assert run(home, command, "--version") == f"voice-assistant {__version__}\n"
    assert re.search(r"^  doctor +\w", run(home, command, "--help"), re.MULTILINE)
    question = ("--provider", "offline", "--text", "what is two plus two", "--output", "answer.wav")
    assert run(home, command, "ask", *question).strip() == "That is 4."


def test_uvx_runs_it_from_the_wheel(wheel: Path, home: Path) -> None:
    said = run(
        home, UV, "tool", "run", "--python", sys.executable, "--from", wheel, "voice-assistant", "--help"
    )

    assert said.startswith("usage: voice-assistant")


def test_pipx_installs_the_wheel(wheel: Path, home: Path) -> None:
    places = {"PIPX_HOME": str(home / "pipx"), "PIPX_BIN_DIR": str(home / "bin")}
    run(home, TOOLS / "pipx", "install", "--quiet", "--python", sys.executable, wheel, **places)

    assert run(home, home / "bin/voice-assistant", "--version") == f"voice-assistant {__version__}\n"
