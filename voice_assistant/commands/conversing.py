"""The commands that hold a conversation, or part of one: talk, ask, demo, serve."""

from __future__ import annotations

import os
import sys
from argparse import ArgumentParser, ArgumentTypeError, Namespace
from pathlib import Path

from voice_assistant.cli import command
from voice_assistant.commands.flags import (
    config_flag,
    devices_flags,
    found_keys,
    gathered,
    kept_flags,
    provider_flags,
)
from voice_assistant.errors import UsageError

# --- talk and ask ---


def _talk_flags(parser: ArgumentParser) -> None:
    provider_flags(parser)
    sound = parser.add_argument_group("sound")
    devices_flags(sound)
    sound.add_argument(
        "--input-file", metavar="WAV", type=Path, help="a file in the microphone's place, in real time"
    )
    sound.add_argument(
        "--output-file", metavar="WAV", type=Path, help="write what would be heard to a file instead"
    )
    sound.add_argument(
        "--mode",
        choices=("hands-free", "push-to-talk", "wake-word"),
        help="who opens your turn: your voice, a key, or your voice after a wake word",
    )
    limits = parser.add_argument_group("limits")
    limits.add_argument("--max-minutes", metavar="N", help="end the session after so many minutes")
    limits.add_argument(
        "--max-cost", metavar="N", help="end it when it has cost about so much, by the table [prices]"
    )
    _shown_flags(parser)
    kept_flags(parser)


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
    settings, options = gathered(
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
    provider_flags(parser)
    parser.add_argument("--output-device", metavar="NAME", help="the loudspeaker: a number or part of a name")
    kept_flags(parser)


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
    settings, options = gathered(
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
    kept_flags(parser)


@command("demo", _demo_flags)
def demo(args: Namespace) -> int:
    """Hold a conversation of three turns with the offline assistant, spoken from files, to see how it goes.

    It needs no key, no network and no sound card. The second answer is interrupted by the third question.
    """
    args.provider, args.mode = "offline", "hands-free"
    settings, options = gathered(args, plain=args.plain)
    from voice_assistant.demo import conversation

    return conversation.hold(settings, options, sys.stdout)


# --- serve ---


def _serve_flags(parser: ArgumentParser) -> None:
    parser.add_argument("--port", type=_port, default=8765, help="on 127.0.0.1; 0 takes a free one")
    parser.add_argument("--token", help="what clients must send as their key; without it one is made")
    config_flag(parser)


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
    from voice_assistant import config
    from voice_assistant.offline.alone import run

    settings = config.load({}, os.environ, args.config)
    _, chat_key = found_keys(settings)
    return run(settings.offline, port=args.port, token=args.token, chat_key=chat_key, out=sys.stdout)
