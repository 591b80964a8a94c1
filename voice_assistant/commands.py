"""What the program can be told to do. Each command parses, calls, prints, and returns the exit code.

A function's docstring is its help. What it needs is imported inside it: help comes at once.
"""

from __future__ import annotations

import os
import sys
from argparse import ArgumentParser, ArgumentTypeError, Namespace
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from voice_assistant.cli import command
from voice_assistant.errors import EXIT_DEVICE, ConfigError, DeviceError, UsageError

if TYPE_CHECKING:
    from voice_assistant.config import Config
    from voice_assistant.core.events import Direction
    from voice_assistant.devices.catalog import Choice, Device
    from voice_assistant.ends import Options

# --- talk and ask ---


def _provider_flags(parser: ArgumentParser) -> None:
    provider = parser.add_argument_group("who answers")
    provider.add_argument(
        "--provider",
        choices=("auto", "litellm", "offline"),
        help="a LiteLLM proxy, or the assistant on this machine; auto takes a proxy if one is configured",
    )
    provider.add_argument("--url", help="the LiteLLM proxy, http(s) or ws(s) [LITELLM_URL]")
    provider.add_argument(
        "--model", help="the realtime model; without it the proxy is asked for its only one"
    )
    provider.add_argument("--voice", help="the voice of the replies")
    provider.add_argument("--instructions", metavar="TEXT", help="who the assistant is and how it answers")


def _kept_flags(parser: ArgumentParser) -> None:
    kept = parser.add_argument_group("what is kept")
    kept.add_argument(
        "--record",
        metavar="DIR",
        type=Path,
        help="keep the sound and the events of the session in this folder",
    )
    kept.add_argument(
        "--config", metavar="FILE", type=Path, help="read these settings instead of your own file"
    )
    kept.add_argument("--log", metavar="FILE", type=Path, help="write the log for developers here")


def _talk_flags(parser: ArgumentParser) -> None:
    _provider_flags(parser)
    sound = parser.add_argument_group("sound")
    sound.add_argument("--input-device", metavar="NAME", help="the microphone: a number or part of a name")
    sound.add_argument("--output-device", metavar="NAME", help="the loudspeaker: a number or part of a name")
    sound.add_argument(
        "--input-file", metavar="WAV", type=Path, help="a file in the microphone's place, in real time"
    )
    sound.add_argument(
        "--output-file", metavar="WAV", type=Path, help="write what would be heard to a file instead"
    )
    sound.add_argument(
        "--mode", choices=("hands-free", "push-to-talk"), help="who opens your turn: your voice, or a key"
    )
    limits = parser.add_argument_group("limits")
    limits.add_argument("--max-minutes", metavar="N", help="end the session after so many minutes")
    limits.add_argument(
        "--max-cost", metavar="N", help="end it when it has cost about so much, by the table [prices]"
    )
    _shown_flags(parser)
    _kept_flags(parser)


def _shown_flags(parser: ArgumentParser) -> None:
    shown = parser.add_argument_group("what is shown")
    shown.add_argument("--plain", action="store_true", help="a line a turn, without a live screen")
    shown.add_argument(
        "--stage",
        action="store_true",
        help="for an audience: a large word, large captions, a light when all is ready; the line stays open",
    )
    shown.add_argument("--json", action="store_true", help="a JSON object a line on stdout, for a program")
    shown.add_argument(
        "--transcript",
        metavar="FILE",
        type=Path,
        help="write what is said to this file as it happens: Markdown (.md) or text (.txt)",
    )
    shown.add_argument(
        "--captions",
        metavar="FILE",
        type=Path,
        help="write captions with times to this file or named pipe: SubRip (.srt) or WebVTT (.vtt)",
    )


@command("talk", _talk_flags)
def talk(args: Namespace) -> int:
    """Talk to Gemini through a LiteLLM proxy, hands-free or with a push-to-talk key.

    The key to the proxy is read from LITELLM_API_KEY in the environment or in a .env file. With neither a
    proxy nor a key, the offline assistant on this machine answers.
    """
    settings, options = _settings(
        args,
        plain=args.plain,
        json=args.json,
        stage=args.stage,
        transcript=args.transcript,
        captions=args.captions,
        input_file=args.input_file,
        output_file=args.output_file,
        plays=args.output_file is None,
    )
    from voice_assistant import app

    return app.talk(settings, options)


def _ask_flags(parser: ArgumentParser) -> None:
    parser.add_argument("question", metavar="QUESTION.wav", type=Path, nargs="?", help="PCM WAV, any rate")
    parser.add_argument("--text", help="ask this in writing instead")
    parser.add_argument("--output", metavar="ANSWER.wav", type=Path, help="write the answer to a file")
    parser.add_argument("--play", action="store_true", help="play it too, where it is written to a file")
    parser.add_argument("--json", action="store_true", help="print question, answer and times as JSON")
    _provider_flags(parser)
    parser.add_argument("--output-device", metavar="NAME", help="the loudspeaker: a number or part of a name")
    _kept_flags(parser)


@command("ask", _ask_flags)
def ask(args: Namespace) -> int:
    """Ask one question, spoken in a WAV file or written, and hear the answer.

    The file takes the microphone's place, in real time. The words of the answer are printed, as far as the
    provider sends them.
    """
    if (args.question is None) == (args.text is None):
        raise UsageError(
            "a question is either a file or a text",
            remedy="Write 'voice-assistant ask QUESTION.wav', or 'voice-assistant ask --text \"...\"'.",
        )
    settings, options = _settings(
        args,
        json=args.json,
        input_file=args.question,
        text=args.text or "",
        output_file=args.output,
        plays=args.play or args.output is None,
        # Its words are an answer too, unless a loudspeaker was asked for.
        must_be_heard=args.play or args.output_device is not None,
    )
    from voice_assistant import app

    return app.ask(settings, options)


# --- demo ---


def _demo_flags(parser: ArgumentParser) -> None:
    parser.add_argument("--output-device", metavar="NAME", help="the loudspeaker: a number or part of a name")
    parser.add_argument("--plain", action="store_true", help="a line a turn, without a live screen")
    _kept_flags(parser)


@command("demo", _demo_flags)
def demo(args: Namespace) -> int:
    """Hold a conversation of three turns with the offline assistant, spoken from files, to see how it goes.

    It needs no key, no network and no sound card. The second answer is interrupted by the third question.
    """
    args.provider, args.mode = "offline", "hands-free"
    settings, options = _settings(args, plain=args.plain)
    from voice_assistant.demo import conversation

    return conversation.hold(settings, options, sys.stdout)


def _settings(args: Namespace, **special: object) -> tuple[Config, Options]:
    """Gather what talk and ask have in common: the settings, the keys, the log."""
    from voice_assistant import config, credentials, logs

    log = logs.start(args.log)
    settings = config.load(_said(args), os.environ, args.config)
    files = credentials.files()
    from voice_assistant.ends import Options

    options = Options(
        key=credentials.find_key(os.environ, files) or "",
        chat_key=credentials.find_key(os.environ, files, credentials.CHAT_KEY_NAME) or "",
        record=args.record,
        log=log,
        **special,  # type: ignore[arg-type]
    )
    return settings, options


def _said(args: Namespace) -> dict[str, str]:
    """Gather the settings that were said on the command line."""
    from voice_assistant import config

    said = {flag: getattr(args, flag[2:].replace("-", "_"), None) for flag in config.FLAGS}
    return {flag: text for flag, text in said.items() if text is not None}


# --- serve ---


def _serve_flags(parser: ArgumentParser) -> None:
    parser.add_argument("--port", type=_port, default=8765, help="on 127.0.0.1; 0 takes a free one")
    parser.add_argument("--token", help="what clients must send as their key; without it one is made")
    parser.add_argument(
        "--config", metavar="FILE", type=Path, help="read these settings instead of your own file"
    )


def _port(text: str) -> int:
    """Read a port; argparse makes an error of usage of what is none."""
    if not text.isdecimal() or int(text) > 65_535:
        raise ArgumentTypeError(f"{text!r} is no port: 0 to 65535")
    return int(text)


@command("serve", _serve_flags)
def serve(args: Namespace) -> int:
    """Run the offline assistant alone, for any client of the OpenAI Realtime protocol.

    It listens on this machine only and ends with Ctrl-C.
    """
    from voice_assistant import config, credentials
    from voice_assistant.offline.alone import run

    settings = config.load({}, os.environ, args.config)
    chat_key = credentials.find_key(os.environ, credentials.files(), credentials.CHAT_KEY_NAME) or ""
    return run(settings.offline, port=args.port, token=args.token, chat_key=chat_key, out=sys.stdout)


# --- doctor ---


def _doctor_flags(parser: ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="print the findings for a program to read")
    _provider_flags(parser)
    parser.add_argument("--input-device", metavar="NAME", help="the microphone: a number or part of a name")
    parser.add_argument("--output-device", metavar="NAME", help="the loudspeaker: a number or part of a name")
    parser.add_argument(
        "--config", metavar="FILE", type=Path, help="read these settings instead of your own file"
    )
    parser.add_argument("--log", metavar="FILE", type=Path, help="write the log for developers here")


@command("doctor", _doctor_flags)
def doctor(args: Namespace) -> int:
    """Find out why it does not work: sound, provider, settings; each failure with what to do about it.

    It listens for a second, rings a bell, and begins a session with the provider without saying anything.
    Nothing secret is printed: the report can be shown to others.
    """
    from voice_assistant import config, credentials, logs
    from voice_assistant import doctor as examination
    from voice_assistant.checks.provider import Access

    log = logs.start(args.log)
    files = credentials.files()
    key, chat_key = (
        _key_if_readable(files, name) for name in (credentials.KEY_NAME, credentials.CHAT_KEY_NAME)
    )
    return examination.examine(
        lambda: config.load(_said(args), os.environ, args.config),
        Access(key, chat_key, log),
        named=args.config,
        as_json=args.json,
        out=sys.stdout,
    )


def _key_if_readable(files: Sequence[Path], name: str) -> str:
    """Find a key; one that cannot be used is a finding of the doctor's, and none here."""
    from voice_assistant import credentials

    try:
        return credentials.find_key(os.environ, files, name) or ""
    except ConfigError:
        return ""


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
        used = {way: choice for way, name in wanted.items() if (choice := _choice(catalog.find, name, way))}
    if args.json:
        rows = [
            asdict(one) | {"used_for": {way: it.why for way, it in used.items() if it.device == one}}
            for one in found
        ]
        sys.stdout.write(f"{json.dumps(rows, indent=2)}\n")
    elif found:
        sys.stdout.writelines(_device_lines(found, used))
    else:
        catalog.find("", "capture")  # raises: there is none, and what to do about it
    return 0 if found else EXIT_DEVICE


def _choice(find: Callable[[str, Direction], Choice], wanted: str, way: Direction) -> Choice | None:
    """Say which device would be used, and why; none where talk would end with an error."""
    try:
        return find(wanted, way)
    except DeviceError:
        return None


def _device_lines(found: Sequence[Device], used: Mapping[Direction, Choice]) -> Iterator[str]:
    from voice_assistant.core.plain_text import neutralise

    names = [neutralise(one.name) for one in found]
    width = max(map(len, names))
    signs: Mapping[Direction, str] = {"capture": ">", "playout": "<"}
    yield f"     #  {'name':<{width}}  in  out    rate  sound system\n"
    for one, name in zip(found, names, strict=True):
        marks = "".join(signs[way] if way in used and used[way].device == one else " " for way in signs)
        channels = f"{one.input_channels or '-':>2}  {one.output_channels or '-':>3}"
        yield f" {marks} {one.index:>2}  {name:<{width}}  {channels}  {one.default_rate:>6}  {one.host_api}\n"
    yield "\n"
    for way, choice in used.items():
        noun = "microphone" if way == "capture" else "loudspeaker"
        yield f" {signs[way]} would be the {noun}: {choice.why}\n"
