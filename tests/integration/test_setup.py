"""The set-up on machines of all kinds: which Python it takes, what it installs, and what it leaves to you.

The machines are made of small programs on a PATH of their own, which note how they were called.
"""

from __future__ import annotations

import ctypes.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

from scripts import setup


class Machine:
    """A PATH with nothing on it but what a test puts there."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._called = folder / "called"

    def has(self, name: str, *, says: str = "", code: int = 0) -> Path:
        """Put a program there that notes its call, says something and ends with *code*."""
        program = self.folder / name
        program.write_text(f'#!/bin/sh\necho "{name} $*" >>"{self._called}"\necho "{says}"\nexit {code}\n')
        program.chmod(0o755)
        return program

    @property
    def called(self) -> list[str]:
        """What was run, in order."""
        return self._called.read_text().splitlines() if self._called.exists() else []


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    """A bare machine, whose own Python is too old; we are nobody on it."""
    folder = tmp_path / "bin"
    folder.mkdir()
    bare = Machine(folder)
    monkeypatch.setenv("PATH", str(folder))
    monkeypatch.setattr(sys, "executable", str(bare.has("python3", says="3 8")))
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    return bare


def os_release(machine: Machine, monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    path = machine.folder / "os-release"
    path.write_text(text)
    monkeypatch.setattr(setup, "OS_RELEASE", path)


# --- Which Python ---


def test_this_python_is_taken_if_it_will_do(machine: Machine) -> None:
    this = machine.has("python3", says="3 11")
    machine.has("python3.13", says="3 13")

    assert setup._find_python() == str(this)


def test_an_old_python_looks_for_the_newest_that_will_do(machine: Machine) -> None:
    machine.has("python3.11", says="3 11")
    newest = machine.has("python3.12", says="3 12")
    machine.has("python3.13", code=127)  # a shim for a version that is not there

    assert setup._find_python() == str(newest)


def test_a_python_that_is_too_new_will_not_do_either(machine: Machine) -> None:
    machine.has("python3", says="3 15")

    with pytest.raises(setup.SetUpError):
        setup._find_python()


def test_without_any_uv_may_bring_one(machine: Machine) -> None:
    machine.has("uv")

    assert setup._find_python() == "3.13"


def test_without_any_it_says_what_to_install(machine: Machine) -> None:
    with pytest.raises(setup.SetUpError, match=r"no Python 3\.11 to 3\.13 here") as caught:
        setup._find_python()

    assert "Install one" in caught.value.remedy


# --- What the system brings ---


@pytest.mark.parametrize(
    ("text", "family"),
    [
        ('ID=ubuntu\nID_LIKE=debian\nNAME="Ubuntu"\n', "debian"),
        ("ID=debian\n", "debian"),
        ('ID="rocky"\nID_LIKE="rhel centos fedora"\n', "fedora"),
        ("ID=manjaro\nID_LIKE=arch\n", "arch"),
        ('ID="opensuse-leap"\nID_LIKE="suse opensuse"\n', "suse"),
        ("ID=nixos\n", ""),
        ("", ""),
    ],
)
def test_the_family_of_a_linux_is_known_by_its_own_word(
    machine: Machine, monkeypatch: pytest.MonkeyPatch, text: str, family: str
) -> None:
    os_release(machine, monkeypatch, text)

    assert setup._family() == family


def test_a_sudo_that_asks_for_a_password_is_not_used(
    machine: Machine, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    os_release(machine, monkeypatch, "ID=debian\n")
    machine.has("sudo", code=1)
    machine.has("apt-get")
    monkeypatch.setattr(ctypes.util, "find_library", lambda _: None)
    monkeypatch.setattr(sys, "platform", "linux")

    setup._bring_portaudio()

    assert machine.called == ["sudo -n true"]
    assert "run 'sudo apt-get install -y libportaudio2'" in capsys.readouterr().out


def test_a_sudo_that_asks_nothing_installs_portaudio(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    os_release(machine, monkeypatch, "ID=ubuntu\nID_LIKE=debian\n")
    machine.has("sudo")
    machine.has("apt-get")
    monkeypatch.setattr(ctypes.util, "find_library", lambda _: None)
    monkeypatch.setattr(sys, "platform", "linux")

    setup._bring_portaudio()

    apt = "sudo -n env DEBIAN_FRONTEND=noninteractive apt-get"
    assert machine.called == ["sudo -n true", f"{apt} update", f"{apt} install -y libportaudio2"]


def test_root_needs_no_sudo(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    machine.has("dnf")

    assert setup._install_as_root(("dnf", "install", "-y", "portaudio"))
    assert machine.called == ["dnf install -y portaudio"]


def test_where_portaudio_is_nothing_is_done(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ctypes.util, "find_library", lambda _: "libportaudio.so.2")

    setup._bring_portaudio()

    assert machine.called == []


def test_where_only_ensurepip_is_missing_the_systems_pip_is_borrowed(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(setup, "VENV", machine.folder / ".venv")
    python = machine.has("python3.11", says="3 11")
    lines = python.read_text().replace("exit 0", 'case "$*" in *import*) exit 1;; esac')
    python.write_text(lines)

    setup._make_environment(str(python), keep=False)

    inside = machine.folder / ".venv" / "bin" / "python"
    assert machine.called[-2:] == [
        f"python3.11 -m venv --without-pip {machine.folder / '.venv'}",
        f"python3.11 -m pip --python {inside} install --quiet pip",
    ]


def test_debians_missing_venv_is_named_where_it_may_not_be_installed(machine: Machine) -> None:
    machine.has("apt-get")

    with pytest.raises(setup.SetUpError) as caught:
        setup._bring_venv("python3.11-venv")

    assert "'sudo apt-get install -y python3.11-venv'" in caught.value.remedy


# --- Twice ---


@pytest.fixture
def venv(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> Machine:
    """The same machine, with an environment in which pip can be called."""
    folder = machine.folder / ".venv"
    (folder / "bin").mkdir(parents=True)
    (folder / "bin" / "python").symlink_to(machine.has("venv-python", says="3 12"))
    (folder / "bin" / "voice-assistant").touch()
    machine.has("python3", says="3 12")
    monkeypatch.setattr(setup, "VENV", folder)
    monkeypatch.setattr(setup, "STAMP", folder / "setup.json")
    monkeypatch.setattr(setup, "_bring_portaudio", lambda: None)
    return machine


def set_up(monkeypatch: pytest.MonkeyPatch, machine: Machine, *words: str) -> list[str]:
    """Run the set-up; say what it had installed."""
    monkeypatch.setattr(sys, "argv", ["setup.py", *words])
    before = len(machine.called)
    assert setup.main() == 0
    marker = " install --quiet --prefer-binary --no-compile --editable "
    return [call.partition(marker)[2] for call in machine.called[before:] if marker in call]


def test_what_is_ready_is_left_alone_and_a_new_wish_is_not(
    venv: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = set_up(monkeypatch, venv, "--group", "test")
    again = set_up(monkeypatch, venv, "--group", "test")
    less = set_up(monkeypatch, venv)
    more = set_up(monkeypatch, venv, "--group", "check", "--extra", "offline")

    assert first == [f"{setup.ROOT} --group test"]
    assert again == less == []
    assert more == [f"{setup.ROOT}[offline] --group check --group test"]


def test_an_extra_that_cannot_be_had_does_not_hold_up_the_rest(
    venv: Machine, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    program = venv.folder / "venv-python"
    lines = program.read_text().replace("exit 0", 'case "$*" in *offline*) exit 1;; esac')
    program.write_text(lines)

    installed = set_up(monkeypatch, venv, "--extra", "offline")

    assert installed == [f"{setup.ROOT}[offline]", f"{setup.ROOT}"]
    assert "note: without offline" in capsys.readouterr().out
    assert set_up(monkeypatch, venv, "--extra", "offline") == []


def test_of_several_extras_those_are_installed_that_can_be_had(
    venv: Machine, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    program = venv.folder / "venv-python"
    lines = program.read_text().replace("exit 0", 'case "$*" in *wake*) exit 1;; esac')
    program.write_text(lines)

    installed = set_up(monkeypatch, venv, "--extra", "offline", "--extra", "wake", "--group", "test")

    assert installed == [
        f"{setup.ROOT}[{extras}] --group test" for extras in ("offline,wake", "offline", "wake")
    ]
    assert "note: without wake:" in capsys.readouterr().out


def test_it_is_understood_by_the_oldest_python_that_is_here() -> None:
    # Feature level 3.6: what a machine with an old Python must be able to read.
    text = Path(setup.__file__).read_text(encoding="utf-8")

    subprocess.run(
        [sys.executable, "-c", "import ast, sys; ast.parse(sys.stdin.read(), feature_version=(3, 6))"],
        input=text,
        text=True,
        check=True,
    )
