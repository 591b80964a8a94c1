"""What several commands take, and what they make of it: the settings, the keys, the log."""

from __future__ import annotations

import os
from argparse import ArgumentParser, Namespace, _ActionsContainer
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from voice_assistant.config import Config
    from voice_assistant.ends import Options


Flags = _ActionsContainer
"""A parser, or a group of its flags."""


def provider_flags(parser: ArgumentParser) -> None:
    """Take what says who answers."""
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


def kept_flags(parser: ArgumentParser) -> None:
    """Take what says what is kept, and where settings are read."""
    kept = parser.add_argument_group("what is kept")
    kept.add_argument(
        "--record",
        metavar="DIR",
        type=Path,
        help="keep the sound and the events of the session in this folder",
    )
    config_flag(kept)
    kept.add_argument("--log", metavar="FILE", type=Path, help="write the log for developers here")


def devices_flags(parser: Flags) -> None:
    """Take the two devices."""
    parser.add_argument("--input-device", metavar="NAME", help="the microphone: a number or part of a name")
    parser.add_argument("--output-device", metavar="NAME", help="the loudspeaker: a number or part of a name")


def config_flag(parser: Flags) -> None:
    """Take another file of settings."""
    parser.add_argument(
        "--config", metavar="FILE", type=Path, help="read these settings instead of your own file"
    )


def gathered(args: Namespace, **special: object) -> tuple[Config, Options]:
    """Gather what talk and ask have in common: the settings, the keys, the log."""
    from voice_assistant import config, logs

    log = logs.start(args.log)
    settings = config.load(said(args), os.environ, args.config)
    key, chat_key = found_keys(settings)
    from voice_assistant.ends import Options

    options = Options(
        key=key,
        chat_key=chat_key,
        record=args.record,
        log=log,
        **special,  # type: ignore[arg-type]
    )
    return settings, options


def found_keys(settings: Config) -> tuple[str, str]:
    """Look for the key of the proxy and for that of the chat endpoint; empty where there is none.

    A keyring may ask the person for a password, so it is opened only for a key that could be used.

    Raises:
        ConfigError: A key cannot be used, or not be read.
    """
    from voice_assistant import credentials, keyring_store

    usable = {
        credentials.KEY_NAME: settings.provider.name != "offline",
        credentials.CHAT_KEY_NAME: bool(settings.offline.chat_url),
    }

    def kept(name: str) -> str | None:
        return keyring_store.read(name) if usable[name] else None

    key, chat_key = (
        credentials.find_key(os.environ, credentials.files(), name, kept=kept) or "" for name in usable
    )
    return key, chat_key


def said(args: Namespace) -> dict[str, str]:
    """Gather the settings that were said on the command line."""
    from voice_assistant import config

    said = {flag: getattr(args, flag[2:].replace("-", "_"), None) for flag in config.FLAGS}
    return {flag: text for flag, text in said.items() if text is not None}
