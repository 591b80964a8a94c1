"""The commands that are needed once: setup, and completion for the shell."""

from __future__ import annotations

import signal
import sys
from argparse import ArgumentParser, Namespace
from pathlib import Path

from voice_assistant.cli import command


def _setup_flags(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--config", metavar="FILE", type=Path, help="write these settings instead of your own file"
    )


@command("setup", _setup_flags)
def setup(args: Namespace) -> int:
    """Ask who answers and which devices to use, try them, and write your settings.

    What holds now is offered for each question, and the other lines of your file stay as they are. Nothing is
    written before the end. A key to a provider never goes into the settings: it can go into the system's
    keyring, with the extra [keyring].
    """
    from voice_assistant import config, logs
    from voice_assistant.setting_up import interview

    # A person may leave in the middle of a question, also one whose answer is not shown.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    logs.start(None)
    return interview.run(args.config or config.user_file())


def _completion_flags(parser: ArgumentParser) -> None:
    parser.add_argument("shell", choices=("bash", "zsh", "fish"), help="the shell to complete in")


@command("completion", _completion_flags)
def completion(args: Namespace) -> int:
    """Print what makes a shell complete the commands and flags of this program.

    bash: source <(voice-assistant completion bash), in ~/.bashrc. zsh: the same line with zsh, in ~/.zshrc
    after compinit. fish: voice-assistant completion fish | source, in ~/.config/fish/config.fish.
    """
    from voice_assistant.completion import script

    sys.stdout.write(script(args.shell))
    return 0
