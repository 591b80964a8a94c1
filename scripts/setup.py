#!/usr/bin/env python3
"""Make ``.venv`` ready, on a machine that has python3 and nothing else.

It finds a Python that will do, makes the environment with ``uv`` where that is present and with venv and
pip elsewhere, and installs the program into it, editable. What the system itself must bring (PortAudio,
Debian's venv) is installed where that is allowed without asking: as root, or with a sudo that wants no
password. Elsewhere the one line to run is printed. When nothing has changed it is done at once.

This file must also run, and say what is missing, on an older Python: no syntax newer than 3.6.
"""

import argparse
import ctypes.util
import hashlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Dict, List, Optional, Sequence, Tuple

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
STAMP = VENV / "setup.json"

OLDEST, NEWEST = (3, 11), (3, 13)
"""The Pythons for which every dependency has a wheel."""

OS_RELEASE = Path("/etc/os-release")

PIP_WITH_GROUPS = (25, 1)
"""The first pip that knows dependency groups."""

PORTAUDIO = {
    "debian": ("apt-get", "install", "-y", "libportaudio2"),
    "fedora": ("dnf", "install", "-y", "portaudio"),
    "arch": ("pacman", "-S", "--noconfirm", "portaudio"),
    "suse": ("zypper", "install", "-y", "libportaudio2"),
}
"""What brings PortAudio, by family of Linux; on macOS the sounddevice wheel carries it."""


def main() -> int:
    """Do what is missing; return the exit code."""
    parser = argparse.ArgumentParser(description="Make .venv ready.")
    parser.add_argument("--group", action="append", default=[], help="a dependency group to install as well")
    parser.add_argument(
        "--extra", action="append", default=[], help="an extra to install if it can be had here"
    )
    wanted = parser.parse_args()
    done = _what_is_done()
    # What was installed for another verb stays.
    groups = sorted({*wanted.group, *(done or {}).get("groups", [])})
    extras = sorted({*wanted.extra, *(done or {}).get("extras", [])})
    if done is not None and done == _stamp(groups, extras):
        return 0
    try:
        python = _find_python()
        _make_environment(python, keep=done is not None)
        _install(groups, extras)
    except SetUpError as error:
        sys.stderr.write("error: {}\n  fix: {}\n".format(error, error.remedy))
        return 1
    STAMP.write_text(json.dumps(_stamp(groups, extras)), encoding="utf-8")
    _bring_portaudio()
    _say("ready: .venv/bin/voice-assistant")
    return 0


class SetUpError(Exception):
    """Something that a person has to do first."""

    def __init__(self, message: str, remedy: str) -> None:
        super().__init__(message)
        self.remedy = remedy


# --- What has been done already ---


def _stamp(groups: List[str], extras: List[str]) -> Dict[str, object]:
    """Describe the environment that this checkout asks for."""
    project = hashlib.sha256((ROOT / "pyproject.toml").read_bytes()).hexdigest()
    return {"project": project, "root": str(ROOT), "groups": groups, "extras": extras}


def _what_is_done() -> Optional[Dict[str, List[str]]]:
    """Read the stamp of an environment that works; None where there is none."""
    try:
        done = json.loads(STAMP.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    works = (VENV / "bin" / "voice-assistant").exists() and _version_of(str(VENV / "bin" / "python"))
    return done if works else None


# --- Python ---


def _find_python() -> str:
    """Say which Python to build on: this one, else the newest that will do."""
    names = [sys.executable] + ["python3.{}".format(minor) for minor in range(NEWEST[1], OLDEST[1] - 1, -1)]
    for name in names:
        found = shutil.which(name)
        if found and OLDEST <= (_version_of(found) or (0, 0)) <= NEWEST:
            return found
    if shutil.which("uv"):
        return "{}.{}".format(*NEWEST)
    raise SetUpError(
        "no Python {}.{} to {}.{} here; python3 is {}.{}".format(*(OLDEST + NEWEST + sys.version_info[:2])),
        "Install one, or 'uv', which brings its own (python3 -m pip install --user uv); then run this again.",
    )


def _version_of(python: str) -> Optional[Tuple[int, int]]:
    """Ask a Python for its version; None where it does not run (a shim for one that is not there)."""
    ask = [python, "-c", "import sys; print(*sys.version_info[:2])"]
    try:
        told = subprocess.run(ask, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, timeout=30, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    major, minor = told.stdout.split()
    return int(major), int(minor)


# --- The environment ---


def _make_environment(python: str, keep: bool) -> None:
    if keep or OLDEST <= (_version_of(str(VENV / "bin" / "python")) or (0, 0)) <= NEWEST:
        return
    if VENV.exists():
        shutil.rmtree(str(VENV))
    if shutil.which("uv"):
        _run("uv", "venv", "--quiet", "--python", python, str(VENV))
        return
    if not _works(python, "-c", "import ensurepip, venv"):
        # Debian and Ubuntu keep these in a package of their own.
        if _borrow_pip(python):
            return
        _bring_venv("python{}.{}-venv".format(*(_version_of(python) or OLDEST)))
    _run(python, "-m", "venv", str(VENV))


def _borrow_pip(python: str) -> bool:
    """Make the environment with the pip that the system has, where there is one; say whether that worked."""
    if not _works(python, "-m", "pip", "--version"):
        return False
    borrow = (python, "-m", "pip", "--python", str(VENV / "bin" / "python"), "install", "--quiet", "pip")
    done = _works(python, "-m", "venv", "--without-pip", str(VENV)) and _works(*borrow)
    if not done and VENV.exists():
        shutil.rmtree(str(VENV))
    return done


def _bring_venv(package: str) -> None:
    line = ("apt-get", "install", "-y", package)
    if not (shutil.which("apt-get") and _install_as_root(line)):
        raise SetUpError(
            "this Python cannot make an environment: its venv module is missing",
            "Run 'sudo {}', or install uv; then run this again.".format(" ".join(line)),
        )


def _install(groups: Sequence[str], extras: Sequence[str]) -> None:
    _say("installing into .venv ...")
    line = _installer()
    options = [option for group in groups for option in ("--group", group)]
    if extras:
        if _works(*line, "--editable", "{}[{}]".format(ROOT, ",".join(extras)), *options):
            return
        each = extras if len(extras) > 1 else ()
        had = [one for one in each if _works(*line, "--editable", "{}[{}]".format(ROOT, one), *options)]
        missing = ", ".join(one for one in extras if one not in had)
        _say("note: without {}: not everything it needs can be had here.".format(missing))
        if had:
            return
    _run(*line, "--editable", str(ROOT), *options)


def _installer() -> Tuple[str, ...]:
    """Say how to install into the environment: uv where it is present, else its own pip."""
    python = str(VENV / "bin" / "python")
    if shutil.which("uv"):
        return ("uv", "pip", "install", "--quiet", "--python", python)
    pip = (python, "-m", "pip", "--disable-pip-version-check")
    if not _works(*pip, "--version"):
        _run(python, "-m", "ensurepip")  # uv made this environment, and makes them without pip
    asks = "import pip; assert tuple(map(int, pip.__version__.split('.')[:2])) >= {}".format(PIP_WITH_GROUPS)
    if not _works(python, "-c", asks):
        _run(*pip, "install", "--quiet", "--upgrade", "pip")
    # What is imported is compiled then; all of it would take seconds and 30 MB.
    return (*pip, "install", "--quiet", "--prefer-binary", "--no-compile")


# --- What the system brings ---


def _bring_portaudio() -> None:
    """Install PortAudio where it is missing and we may; else say how. The program starts without it."""
    if not sys.platform.startswith("linux") or ctypes.util.find_library("portaudio"):
        return
    line = PORTAUDIO.get(_family())
    if line is None:
        _say("note: PortAudio is missing; install it with your system's packages (often called 'portaudio').")
    elif not _install_as_root(line):
        _say("note: PortAudio is missing; run 'sudo {}'.".format(" ".join(line)))


def _family() -> str:
    """Say which family of Linux this is, by /etc/os-release; empty where that is not known."""
    try:
        lines = OS_RELEASE.read_text(encoding="utf-8").splitlines()
    except OSError:
        return ""
    told = dict(line.split("=", 1) for line in lines if "=" in line)
    names = (told.get("ID", "") + " " + told.get("ID_LIKE", "")).replace('"', " ").split()
    relatives = {"ubuntu": "debian", "rhel": "fedora", "centos": "fedora", "opensuse": "suse"}
    return next((relatives.get(name, name) for name in names if relatives.get(name, name) in PORTAUDIO), "")


def _install_as_root(line: Sequence[str]) -> bool:
    """Install a system package, if that is allowed without asking; say whether it worked."""
    may = [] if os.geteuid() == 0 else ["sudo", "-n"]
    if may and not (shutil.which("sudo") and _works("sudo", "-n", "true")):
        return False
    if not shutil.which(line[0]):
        return False
    _say("installing {} ...".format(line[-1]))
    if line[0] == "apt-get":
        may += ["env", "DEBIAN_FRONTEND=noninteractive"]
        # A fresh machine has no lists yet; where they cannot be refreshed the old ones may still do.
        _works(*may, "apt-get", "update")
    return _works(*may, *line)


# --- Running others ---


def _works(*line: str) -> bool:
    """Run something quietly; say whether it succeeded."""
    try:
        ended = subprocess.run(
            line,
            cwd=str(ROOT),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            check=False,
        )
    except OSError:
        return False
    return ended.returncode == 0


def _run(*line: str) -> None:
    """Run something whose output the person shall see; a failure ends the set-up."""
    sys.stdout.flush()
    if subprocess.run(line, cwd=str(ROOT), stdin=subprocess.DEVNULL, check=False).returncode != 0:
        raise SetUpError(
            "'{}' failed".format(" ".join(line)), "Read what it says above; then run this again."
        )


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
