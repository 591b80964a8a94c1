"""The commands that look: the doctor, and the list of devices."""

from __future__ import annotations

import os
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from voice_assistant.cli import command
from voice_assistant.commands.flags import config_flag, devices_flags, provider_flags, said
from voice_assistant.errors import EXIT_DEVICE, ConfigError, DeviceError

if TYPE_CHECKING:
    from voice_assistant.core.events import Direction
    from voice_assistant.devices.catalog import Choice, Device


def _doctor_flags(parser: ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="print the findings for a program to read")
    parser.add_argument(
        "--stage",
        action="store_true",
        help="before an audience: look at terminal, keyboard and power too, and say whether all is ready",
    )
    provider_flags(parser)
    devices_flags(parser)
    config_flag(parser)
    parser.add_argument("--log", metavar="FILE", type=Path, help="write the log for developers here")


@command("doctor", _doctor_flags)
def doctor(args: Namespace) -> int:
    """Find out why it does not work: sound, provider, settings; each failure with what to do about it.

    It listens for a second, chirps, and begins a session with the provider without saying anything.
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
        lambda: config.load(said(args), os.environ, args.config),
        Access(key, chat_key, log),
        named=args.config,
        as_json=args.json,
        out=sys.stdout,
        for_stage=args.stage,
    )


def _key_if_readable(files: Sequence[Path], name: str) -> str:
    """Find a key; one that cannot be used is a finding of the doctor's, and none here."""
    from voice_assistant import credentials, keyring_store

    try:
        return credentials.find_key(os.environ, files, name, kept=keyring_store.read) or ""
    except ConfigError:
        return ""


# --- devices ---


def _devices_flags(parser: ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="print them for a program to read")
    config_flag(parser)


@command("devices", _devices_flags)
def devices(args: Namespace) -> int:
    """List microphones and loudspeakers, marking the ones that would be used."""
    import asyncio
    import json

    from voice_assistant import config
    from voice_assistant.devices import catalog, loading, portaudio

    settings = config.load({}, os.environ, args.config)
    wanted: dict[Direction, str] = {"capture": settings.capture.device, "playout": settings.speaker.device}
    # ALSA writes to the terminal from C while it looks for devices.
    with portaudio.quiet_stderr(Path(os.devnull)):
        asyncio.run(loading.loaded())
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
