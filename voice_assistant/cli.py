"""The commands: parse, call, print, return the exit code.

A command is a function whose docstring is its help; ``@command`` puts it into the list, and they stand in
``commands.py``. What a command needs is imported inside it, so that help and errors of usage come at once.
``main`` is the only place where a failure becomes words on the terminal and a number for the shell.
"""

from __future__ import annotations

import argparse
import difflib
import inspect
import os
import signal
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NoReturn

from voice_assistant import __version__
from voice_assistant.errors import UsageError, VoiceAssistantError

EXIT_UNEXPECTED = 1
EXIT_INTERRUPTED = 130
"""What a shell expects of a program that Ctrl-C ended."""

DEFAULT = "talk"
"""The command that is meant where none is named."""


@dataclass(frozen=True, slots=True)
class Command:
    """One command: its name, what it takes, what it does."""

    name: str
    add_flags: Callable[[ArgumentParser], None]
    run: Callable[[Namespace], int]

    @property
    def help(self) -> str:
        """The first line of the function's docstring."""
        return (self.run.__doc__ or "").partition("\n")[0]


COMMANDS: dict[str, Command] = {}


def command(
    name: str, add_flags: Callable[[ArgumentParser], None] = lambda _: None
) -> Callable[[Callable[[Namespace], int]], Callable[[Namespace], int]]:
    """Make a function a command."""

    def add(run: Callable[[Namespace], int]) -> Callable[[Namespace], int]:
        COMMANDS[name] = Command(name, add_flags, run)
        return run

    return add


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code; failures are put into words on stderr."""
    if arguments is None:
        signal.signal(signal.SIGINT, _leave_at_once)
        _open_what_is_closed()
    from voice_assistant import commands as commands

    words = list(sys.argv[1:] if arguments is None else arguments)
    try:
        name = _command_in(words)
        args = parser(name).parse_args(words)
        return COMMANDS[name or DEFAULT].run(args)
    except VoiceAssistantError as error:
        return _say(error)
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED
    except BrokenPipeError:
        # Whoever read our output has gone. Python would complain once more while it flushes at the end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return EXIT_UNEXPECTED
    except Exception as error:  # noqa: BLE001 - the last place: to the log in full, to the person in a line
        return _say_unexpected(error)


def _open_what_is_closed() -> None:
    """Give output that was closed ('>&-') somewhere to go, before another file takes its number."""
    if sys.stdout is None:
        sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115 - until the end
    if sys.stderr is None:
        sys.stderr = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115 - until the end


def _leave_at_once(*_: object) -> None:
    """Ctrl-C before anything was begun: a library that is being loaded may take the exception for its own.

    A command that has something to put in order, as a session has, handles the signal itself from then on.
    """
    os._exit(EXIT_INTERRUPTED)


def parser(name: str | None = None) -> ArgumentParser:
    """Build the parser of one command, or of the program itself: the default command and a list of all."""
    chosen = COMMANDS[name or DEFAULT]
    built = _Parser(
        prog="voice-assistant" if name is None else f"voice-assistant {name}",
        description=inspect.getdoc(chosen.run),
        epilog=None if name else _list_of_commands(),
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    if name is None:
        built.add_argument("--version", action="version", version=f"voice-assistant {__version__}")
    chosen.add_flags(built)
    return built


def _command_in(words: list[str]) -> str | None:
    """Take the command off the front of the command line, where one is named."""
    if not words or words[0].startswith("-"):
        return None
    if words[0] not in COMMANDS:
        near = difflib.get_close_matches(words[0], COMMANDS, n=1)
        remedy = f"Did you mean '{near[0]}'?" if near else "Run 'voice-assistant --help' for the list."
        raise UsageError(f"there is no command {words[0]!r}", remedy=remedy)
    return words.pop(0)


class _Parser(ArgumentParser):
    """An ArgumentParser whose errors are ours: the same form as every other."""

    def error(self, message: str) -> NoReturn:
        raise UsageError(message, remedy=f"Run '{self.prog} --help' to see what it takes.")


def _list_of_commands() -> str:
    lines = [f"  {one.name:<10} {one.help}" for one in COMMANDS.values()]
    return "\n".join(["commands:", *lines, "", f"Without a command it is '{DEFAULT}'."])


def _say(error: VoiceAssistantError) -> int:
    from voice_assistant.core.plain_text import neutralise

    # Words of a server may be in it.
    told = [f"error: {neutralise(str(error))}"]
    told += [f"  fix: {neutralise(error.remedy)}"] if error.remedy else []
    told += [f"  see: docs/troubleshooting.md#{error.slug}"]
    sys.stderr.write("".join(f"{line}\n" for line in told))
    return error.exit_code


def _say_unexpected(error: Exception) -> int:
    import logging

    from voice_assistant.logs import log_file

    logging.getLogger(__name__).critical("unexpected", exc_info=error)
    where = log_file()
    if where is None:
        import traceback

        sys.stderr.write("".join(traceback.format_exception(error)))
    told = f"The details are in {where}; please" if where else "Please"
    sys.stderr.write(
        f"error: something unexpected happened: {type(error).__name__}\n"
        f"  fix: {told} report them with what you did before.\n"
        "  see: docs/troubleshooting.md#unexpected\n"
    )
    return EXIT_UNEXPECTED
