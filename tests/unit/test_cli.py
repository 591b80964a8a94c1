"""The commands: what is understood, what is said when it is not, and how quickly."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
import typing
from argparse import Namespace
from pathlib import Path

import pytest

import voice_assistant
import voice_assistant.commands  # fills the list of commands
from voice_assistant import cli, config
from voice_assistant.core.events import Mode
from voice_assistant.core.turns import TurnSettings
from voice_assistant.errors import LinkError

HEAVY = ("numpy", "aiohttp", "sounddevice", "rich", "webrtcvad", "pywebrtc_audio", "asyncio")


def run(*words: str, cwd: Path, **environ: str) -> subprocess.CompletedProcess[str]:
    """Run the program as a shell would, away from the settings of this machine."""
    env = {
        "PATH": os.environ["PATH"],
        "HOME": str(cwd),
        "PYTHONPATH": str(Path(voice_assistant.__file__).parents[1]),
    }
    return subprocess.run(
        [sys.executable, "-m", "voice_assistant", *words],
        cwd=cwd,
        env=env | environ,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )


@pytest.fixture
def answering(monkeypatch: pytest.MonkeyPatch) -> list[Namespace]:
    """Put a command in the place of talk that only notes what it was given."""
    given: list[Namespace] = []

    def note(args: Namespace) -> int:
        """Note it."""
        given.append(args)
        return 7

    talk = cli.COMMANDS["talk"]
    monkeypatch.setitem(cli.COMMANDS, "talk", cli.Command("talk", talk.add_flags, note))
    return given


# --- What is understood ---


@pytest.mark.parametrize("words", [[], ["talk"], ["--plain"], ["talk", "--plain"]])
def test_without_a_command_it_is_talk(answering: list[Namespace], words: list[str]) -> None:
    assert cli.main(words) == 7
    assert answering[0].plain == ("--plain" in words)


def test_flags_reach_the_command(answering: list[Namespace]) -> None:
    cli.main(["--record", "here", "--url", "http://one:1", "--input-device", "usb"])

    (args,) = answering
    assert (args.record, args.url, args.input_device) == (Path("here"), "http://one:1", "usb")
    assert (args.output_device, args.log, args.config) == (None, None, None)


def test_every_flag_for_a_setting_is_a_flag_of_talk() -> None:
    told = cli.parser("talk").format_help()

    assert [flag for flag in config.FLAGS if not re.search(rf"{flag}\b", told)] == []


def test_the_modes_on_the_command_line_are_those_of_the_vocabulary() -> None:
    assert "--mode {" + ",".join(typing.get_args(Mode)) + "}" in cli.parser("talk").format_help()


# --- What is said when it is not ---


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--mod", "x"], "unrecognized arguments: --mod x"),
        (["--record"], "argument --record: expected one argument"),
        (["talk", "--mode", "loud"], "argument --mode: invalid choice: 'loud'"),
        (["tlak"], "there is no command 'tlak'\n  fix: Did you mean 'talk'?"),
        (["zzz"], "there is no command 'zzz'\n  fix: Run 'voice-assistant --help' for the list."),
    ],
)
def test_a_wrong_command_line_is_told_in_the_form_of_every_error(
    capsys: pytest.CaptureFixture[str], words: list[str], message: str
) -> None:
    code = cli.main(words)

    told = capsys.readouterr()
    assert (code, told.out) == (2, "")
    assert told.err.startswith(f"error: {message}")
    assert re.search(r"\n  fix: .+\n  see: docs/troubleshooting.md#usage\n$", told.err)


def test_an_error_is_three_lines_and_its_own_exit_code(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(args: Namespace) -> int:
        """Fail."""
        raise LinkError("the proxy said \x1b[31mno\x1b[0m\nand more", remedy="Ask it again.")

    monkeypatch.setitem(cli.COMMANDS, "talk", cli.Command("talk", lambda _: None, fail))

    assert cli.main([]) == 4
    assert capsys.readouterr().err == (
        "error: the proxy said no and more\n  fix: Ask it again.\n  see: docs/troubleshooting.md#link\n"
    )


def test_ctrl_c_is_no_error(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def interrupt(args: Namespace) -> int:
        """Be interrupted."""
        raise KeyboardInterrupt

    monkeypatch.setitem(cli.COMMANDS, "talk", cli.Command("talk", lambda _: None, interrupt))

    assert cli.main([]) == 130
    assert capsys.readouterr().err == ""


def test_what_nobody_expected_is_one_line_here_and_a_traceback_in_the_log(tmp_path: Path) -> None:
    program = (
        "import sys\n"
        "from voice_assistant import cli, config\n"
        "def broken(*_):\n"
        "    raise ZeroDivisionError('a secret detail')\n"
        "config.load = broken\n"
        "sys.exit(cli.main(['--log', 'va.log']))\n"
    )

    ended = subprocess.run(
        [sys.executable, "-c", program],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )

    assert ended.returncode == 1
    assert ended.stderr.splitlines()[0] == "error: something unexpected happened: ZeroDivisionError"
    assert "Traceback" not in ended.stderr
    assert str(tmp_path / "va.log") in ended.stderr
    assert "ZeroDivisionError: a secret detail" in (tmp_path / "va.log").read_text()


@pytest.mark.parametrize(
    ("words", "environ", "message"),
    [
        (
            ["--config", "mine.toml"],
            {},
            "mine.toml: [turns] hangover_ms is 60; it must be 200 to 3000\n"
            f"  fix: Write hangover_ms = {TurnSettings().hangover_ms}, the default, or leave the line out.",
        ),
        (
            [],
            {"VOICE_ASSISTANT_TURNS_MODE": "loud"},
            "VOICE_ASSISTANT_TURNS_MODE is 'loud'; it must be 'hands-free' or 'push-to-talk' or 'wake-word'\n"
            '  fix: Set VOICE_ASSISTANT_TURNS_MODE to "hands-free", the default, or unset it.',
        ),
        (
            [],
            {"LITELLM_API_KEY": "sk not a key"},
            "LITELLM_API_KEY in the environment holds a character that no key can have\n"
            "  fix: Copy the key again, without line breaks or spaces.",
        ),
    ],
)
def test_a_wrong_setting_ends_the_program_before_it_begins(
    tmp_path: Path, words: list[str], environ: dict[str, str], message: str
) -> None:
    (tmp_path / "mine.toml").write_text("[turns]\nhangover_ms = 60\n")

    ended = run(*words, cwd=tmp_path, **environ)

    assert (ended.returncode, ended.stdout) == (2, "")
    assert ended.stderr == f"error: {message}\n  see: docs/troubleshooting.md#config\n"


# --- How quickly ---


@pytest.mark.parametrize(
    "words", [["--help"], ["talk", "--help"], ["--version"], ["--nonsense"], ["nonsense"]]
)
def test_help_and_errors_of_usage_load_nothing_heavy(words: list[str]) -> None:
    program = (
        "import sys\n"
        "from voice_assistant.cli import main\n"
        f"try: main({words!r})\n"
        "except SystemExit: pass\n"
        f"print([name for name in {HEAVY!r} if name in sys.modules])\n"
    )

    ended = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=180, check=True
    )

    assert ended.stdout.splitlines()[-1] == "[]"


def test_help_comes_at_once(tmp_path: Path) -> None:
    def seconds() -> float:
        started = time.perf_counter()
        assert run("--help", cwd=tmp_path).returncode == 0
        return time.perf_counter() - started

    # About 0.06 s. The bound is loose for a busy machine; what makes it slow is tested above.
    assert min(seconds() for _ in range(3)) < 1.0


def test_the_version_is_that_of_the_project(tmp_path: Path) -> None:
    project = (Path(voice_assistant.__file__).parents[1] / "pyproject.toml").read_text()

    told = run("--version", cwd=tmp_path).stdout.strip()

    assert told == f"voice-assistant {voice_assistant.__version__}"
    assert f'version = "{voice_assistant.__version__}"' in project


def test_output_that_was_closed_is_no_failure(tmp_path: Path) -> None:
    log = tmp_path / "log"
    command = f"{sys.executable} -m voice_assistant completion bash >&- 2>{log}"

    ended = subprocess.run(["sh", "-c", command], check=False)

    assert (ended.returncode, log.read_text()) == (0, "")
