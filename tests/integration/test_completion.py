"""Completion in real shells: bash is asked for its reply, fish for its list, zsh in a terminal of its own."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

import voice_assistant.commands  # noqa: F401 - fills the list of commands
from voice_assistant import cli, completion

PATIENCE_S = 60

ASK_BASH = """
source completion.bash
COMP_WORDS=("$@"); COMP_CWORD=$(( $# - 1 ))
_voice_assistant
printf '%s\\n' "${COMPREPLY[@]}"
"""

ASK_ZSH = """
zmodload zsh/zpty
zpty shell zsh -f -i
zpty -w shell 'PROMPT=; stty -echo; autoload -Uz compinit; compinit -D -u; source completion.zsh'
zpty -w shell 'setopt noautomenu; zstyle ":completion:*" list-separator "--"; echo begin-''to-''ask'
zpty -r -m shell line '*begin-to-ask*'
zpty -n -w shell "$1"$'\\t\\t'
zpty -r -m shell offered "*$2*"
zpty -n -w shell $'\\x15echo end-''of-''it\\n'
zpty -r -m shell line '*end-of-it*'
print -r -- "$offered$line"
"""
"""It waits until the first word is offered, and then for the rest of the list."""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with the three scripts and some files."""
    for shell in ("bash", "zsh", "fish"):
        (tmp_path / f"completion.{shell}").write_text(completion.script(shell), encoding="utf-8")
    (tmp_path / "my question.wav").touch()
    (tmp_path / "kept").mkdir()
    return tmp_path


def asked(folder: Path, *line: str) -> list[str]:
    """Run a shell in the folder; give the lines that it prints."""
    home = {"HOME": str(folder), "XDG_CONFIG_HOME": str(folder), "TERM": "xterm"}
    done = subprocess.run(
        line,
        cwd=folder,
        env={"PATH": os.environ["PATH"], **home},
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE_S,
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return [text for text in done.stdout.splitlines() if text]


def bash(folder: Path, *words: str) -> list[str]:
    return asked(folder, "bash", "--norc", "-c", ASK_BASH, "bash", *words)


# Words to be completed, and what must be offered exactly.
EXACT = [
    (["do"], ["doctor"]),
    (["talk", "--pl"], ["--plain"]),
    (["--pl"], ["--plain"]),
    (["talk", "--mode", ""], ["hands-free", "push-to-talk", "wake-word"]),
    (["ask", "--provider", "off"], ["offline"]),
    (["completion", ""], ["bash", "fish", "zsh"]),
    (["talk", "--transcript", "my"], ["my question.wav"]),
    (["talk", "--record", "k"], ["kept"]),
    (["ask", "my"], ["my question.wav"]),
    (["doctor", "--stag"], ["--stage"]),
    (["talk", "--voice", "k"], []),
]


@pytest.mark.parametrize(("words", "offered"), EXACT)
def test_bash_offers_what_the_command_takes(folder: Path, words: list[str], offered: list[str]) -> None:
    assert sorted(bash(folder, "voice-assistant", *words)) == offered


def test_bash_offers_every_command_and_every_flag(folder: Path) -> None:
    assert bash(folder, "voice-assistant", "") == list(cli.COMMANDS)
    for name in cli.COMMANDS:
        flags = [flag for offer in completion.offers(cli.parser(name)) for flag in offer.flags]
        assert bash(folder, "voice-assistant", name, "--") == [flag for flag in flags if len(flag) > 2]


@pytest.mark.parametrize(("words", "offered"), EXACT)
def test_fish_offers_what_the_command_takes(folder: Path, words: list[str], offered: list[str]) -> None:
    if not shutil.which("fish"):
        pytest.skip("there is no fish here")
    line = " ".join(["voice-assistant", *(word or "''" for word in words)]).removesuffix("''")

    told = asked(folder, "fish", "--no-config", "-c", f"source completion.fish; complete -C '{line}'")

    names = sorted(text.partition("\t")[0].rstrip("/") for text in told)
    assert names == offered


@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("voice-assistant ", ["talk", "doctor", "completion"]),
        ("voice-assistant talk --m", ["--mode", "--model", "--max-minutes"]),
        ("voice-assistant talk --mode ", ["hands-free", "push-to-talk", "wake-word"]),
        ("voice-assistant --ver", ["--version"]),
    ],
)
def test_zsh_offers_what_the_command_takes(folder: Path, line: str, offered: list[str]) -> None:
    if not shutil.which("zsh"):
        pytest.skip("there is no zsh here")

    told = "\n".join(asked(folder, "zsh", "-f", "-c", ASK_ZSH, "zsh", line, offered[0]))

    assert [word for word in offered if word not in told] == []
