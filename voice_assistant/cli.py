"""The commands: parse, call, print, return the exit code.

A command is a function whose docstring is its help; ``@command`` puts it into the list. What a command
needs is imported inside it, so that help and errors of usage come at once. ``main`` is the only place
where a failure becomes words on the terminal and a number for the shell.
"""

from __future__ import annotations

import argparse
import difflib
import inspect
import os
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from voice_assistant import __version__
from voice_assistant.errors import EXIT_DEVICE, DeviceError, UsageError, VoiceAssistantError

if TYPE_CHECKING:
    from voice_assistant.core.events import Direction
    from voice_assistant.devices.catalog import Choice, Device

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


# --- talk ---


def _talk_flags(parser: ArgumentParser) -> None:
    provider = parser.add_argument_group("who answers")
    provider.add_argument("--url", help="the LiteLLM proxy, http(s) or ws(s) [LITELLM_URL]")
    provider.add_argument(
        "--model", help="the realtime model; without it the proxy is asked for its only one"
    )
    provider.add_argument("--voice", help="the voice of the replies")
    provider.add_argument("--instructions", metavar="TEXT", help="who the assistant is and how it answers")
    sound = parser.add_argument_group("sound")
    sound.add_argument("--input-device", metavar="NAME", help="the microphone: a number or part of a name")
    sound.add_argument("--output-device", metavar="NAME", help="the loudspeaker: a number or part of a name")
    sound.add_argument(
        "--mode", choices=("hands-free", "push-to-talk"), help="who opens your turn: your voice, or a key"
    )
    shown = parser.add_argument_group("what is shown and kept")
    shown.add_argument("--plain", action="store_true", help="a line a turn, without a live screen")
    shown.add_argument(
        "--record",
        metavar="DIR",
        type=Path,
        help="keep the sound and the events of the session in this folder",
    )
    shown.add_argument(
        "--config", metavar="FILE", type=Path, help="read these settings instead of your own file"
    )
    shown.add_argument("--log", metavar="FILE", type=Path, help="write the log for developers here")


@command("talk", _talk_flags)
def talk(args: Namespace) -> int:
    """Talk to Gemini through a LiteLLM proxy, hands-free or with a push-to-talk key.

    The key to the proxy is read from LITELLM_API_KEY in the environment or in a .env file.
    """
    from voice_assistant import config, credentials, logs

    log = logs.start(args.log)
    said = {flag: getattr(args, flag[2:].replace("-", "_")) for flag in config.FLAGS}
    settings = config.load(
        {flag: text for flag, text in said.items() if text is not None}, os.environ, args.config
    )
    key = credentials.find_key(os.environ, credentials.files())

    from voice_assistant import app

    return app.talk(settings, key=key, plain=args.plain, record=args.record, log=log)


# --- devices ---


def _devices_flags(parser: ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="print them for a program to read")
    parser.add_argument(
        "--config", metavar="FILE", type=Path, help="read these settings instead of your own file"
    )


@command("devices", _devices_flags)
def devices(args: Namespace) -> int:
    """List microphones and loudspeakers, marking the ones that would be used."""
    import json

    from voice_assistant import config
    from voice_assistant.devices import catalog, portaudio

    settings = config.load({}, os.environ, args.config)
    wanted: dict[Direction, str] = {"capture": settings.capture.device, "playout": settings.speaker.device}
    # ALSA writes to the terminal from C while it looks for devices.
    with portaudio.quiet_stderr(Path(os.devnull)):
        found = catalog.list_devices()
        used = {way: _used(catalog.find, name, way) for way, name in wanted.items()}
    if args.json:
        rows = [asdict(one) | {"used_for": [way for way in used if used[way] == one.index]} for one in found]
        sys.stdout.write(f"{json.dumps(rows, indent=2)}\n")
    elif found:
        sys.stdout.writelines(_device_lines(found, used))
    else:
        catalog.find("", "capture")  # raises: there is none, and what to do about it
    return 0 if found else EXIT_DEVICE


def _used(find: Callable[[str, Direction], Choice], wanted: str, way: Direction) -> int | None:
    """Say which device would be used; none where talk would end with an error."""
    try:
        return find(wanted, way).device.index
    except DeviceError:
        return None


def _device_lines(found: Sequence[Device], used: Mapping[Direction, int | None]) -> Iterator[str]:
    from voice_assistant.core.plain_text import neutralise

    names = [neutralise(one.name) for one in found]
    width = max(map(len, names))
    yield f"     #  {'name':<{width}}  in  out    rate  sound system\n"
    for one, name in zip(found, names, strict=True):
        marks = (">" if used["capture"] == one.index else " ") + (
            "<" if used["playout"] == one.index else " "
        )
        channels = f"{one.input_channels or '-':>2}  {one.output_channels or '-':>3}"
        yield f" {marks} {one.index:>2}  {name:<{width}}  {channels}  {one.default_rate:>6}  {one.host_api}\n"
    yield "\n> would be the microphone, < would be the loudspeaker\n"
