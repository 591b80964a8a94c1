"""The settings of one run: many places to say a thing, one frozen ``Config``.

A part declares its settings beside the code they steer, with defaults and limits; here they are only
gathered. Later wins: the defaults in the code, the ``config.toml`` that comes with the program, the user's
own file (or ``--config FILE``), the environment, the flags. What does not fit is a ``ConfigError`` that names
the place, the table, the key and the value. Keys to a provider are no settings: see ``credentials.py``.
"""

from __future__ import annotations

import dataclasses
import typing
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, Literal

import platformdirs

from voice_assistant.core.budget import LimitSettings, PriceSettings
from voice_assistant.core.earcons import SoundSettings
from voice_assistant.core.echo import EchoSettings
from voice_assistant.core.floor import FloorSettings
from voice_assistant.core.jitter import PlayoutSettings
from voice_assistant.core.lifeline import LifelineSettings
from voice_assistant.core.settings import SettingError
from voice_assistant.core.speech import SpeechSettings
from voice_assistant.core.turns import TurnSettings
from voice_assistant.core.volume import VolumeSettings
from voice_assistant.core.wake import WakeSettings
from voice_assistant.core.wordless import WordsSettings
from voice_assistant.devices.capture import CaptureSettings
from voice_assistant.devices.playout import SpeakerSettings
from voice_assistant.dialects.base import ProviderSettings
from voice_assistant.errors import ConfigError
from voice_assistant.offline.settings import OfflineSettings
from voice_assistant.route import RouteSettings
from voice_assistant.sources import Known, Said, Tables, from_environment, from_file, shown
from voice_assistant.terminal.key_settings import KeySettings

ALIASES: Final = MappingProxyType({"LITELLM_URL": "provider.url"})
"""Variables that other programs know too. The longer name, with our prefix, wins over them."""

FLAGS: Final = MappingProxyType(
    {
        "--provider": "provider.name",
        "--url": "provider.url",
        "--model": "provider.model",
        "--voice": "provider.voice",
        "--instructions": "provider.instructions",
        "--input-device": "capture.device",
        "--output-device": "playout.device",
        "--mode": "turns.mode",
        "--max-minutes": "limits.max_minutes",
        "--max-cost": "limits.max_cost",
    }
)
"""The settings that are said often enough to have a flag."""


@dataclass(frozen=True, slots=True)
class Config:
    """Everything that can be set, part by part.

    A field is a part, and its name the table in ``config.toml``, unless its metadata names another: two
    parts may share a table as long as no key is in both.
    """

    provider: ProviderSettings = field(default_factory=ProviderSettings)
    turns: TurnSettings = field(default_factory=TurnSettings)
    speech: SpeechSettings = field(default_factory=SpeechSettings)
    wake: WakeSettings = field(default_factory=WakeSettings)
    echo: EchoSettings = field(default_factory=EchoSettings)
    barge_in: FloorSettings = field(default_factory=FloorSettings)
    link: LifelineSettings = field(default_factory=LifelineSettings)
    route: RouteSettings = field(default_factory=RouteSettings, metadata={"table": "link"})
    limits: LimitSettings = field(default_factory=LimitSettings)
    prices: PriceSettings = field(default_factory=PriceSettings)
    words: WordsSettings = field(default_factory=WordsSettings)
    capture: CaptureSettings = field(default_factory=CaptureSettings)
    playout: PlayoutSettings = field(default_factory=PlayoutSettings)
    speaker: SpeakerSettings = field(default_factory=SpeakerSettings, metadata={"table": "playout"})
    volume: VolumeSettings = field(default_factory=VolumeSettings, metadata={"table": "playout"})
    keys: KeySettings = field(default_factory=KeySettings)
    sounds: SoundSettings = field(default_factory=SoundSettings)
    offline: OfflineSettings = field(default_factory=OfflineSettings)


def load(flags: Mapping[str, str], environ: Mapping[str, str], file: Path | None = None) -> Config:
    """Gather the settings of one run.

    Args:
        flags: What was said on the command line: ``{"--mode": "push-to-talk"}``; only names in ``FLAGS``.
        environ: The environment.
        file: Read instead of the user's own file; then it must exist.

    Raises:
        ConfigError: A file cannot be read, or something in it, in the environment or in a flag is wrong.
    """
    said: list[Said] = []
    for path in (shipped_file(), file or user_file()):
        if path is not None:
            said += from_file(path, KNOWN, required=path is file)
    for alias, setting in ALIASES.items():
        if environ.get(alias):
            said.append(Said(_known(setting), environ[alias], "environment", alias))
    said += from_environment(environ, KNOWN)
    said += [Said(_known(FLAGS[flag]), text, "flag", flag) for flag, text in flags.items()]
    return _compose({one.known: one for one in said})


def user_file() -> Path:
    """Say where the user's own settings live on this platform; the file need not exist."""
    return platformdirs.user_config_path("voice-assistant", appauthor=False) / "config.toml"


def shipped_file() -> Path | None:
    """Say where the commented defaults are: in the installed package, or at the root of a checkout."""
    package = Path(__file__).resolve().parent
    root = package.parent if (package.parent / "pyproject.toml").is_file() else package
    return root / "config.toml" if (root / "config.toml").is_file() else None


def _declared() -> Tables:
    """Read from the parts themselves what there is to be set."""
    tables: dict[str, dict[str, Known]] = {}
    parts = typing.get_type_hints(Config)
    for declared in dataclasses.fields(Config):
        name, part = declared.name, parts[declared.name]
        table = str(declared.metadata.get("table", name))
        types, defaults = typing.get_type_hints(part), part()
        for one in dataclasses.fields(part):
            known = Known(table, one.name, name, types[one.name], getattr(defaults, one.name))
            if tables.setdefault(table, {}).setdefault(one.name, known) is not known:
                raise TypeError(f"two parts declare [{table}] {one.name}")
    return tables


KNOWN: Final = _declared()
"""Every setting there is: table, then key."""


def _known(setting: str) -> Known:
    table, key = setting.split(".")
    return KNOWN[table][key]


def _compose(said: Mapping[Known, Said]) -> Config:
    """Build each part from what was said for it; the part itself checks the limits."""
    parts: dict[str, Any] = {}
    for name, part in typing.get_type_hints(Config).items():
        mine = {known.key: one for known, one in said.items() if known.part == name}
        values = {key: _typed(one) for key, one in mine.items()}
        try:
            parts[name] = part(**values)
        except SettingError as error:
            if error.name in mine:
                raise mine[error.name].error(error.value, error.wanted) from error
            # A default that does not go with what was said beside it.
            raise ConfigError(
                f"{error.name} is {shown(error.value)}; it must be {error.wanted}",
                remedy=f"Change it, or what was said beside it: {', '.join(mine)}.",
            ) from error
    return Config(**parts)


# --- One value ---

_TYPE_NAMES = {str: "text, in quotes", int: "a whole number", float: "a number", bool: "true or false"}
_TRUTHS = {
    "true": True,
    "yes": True,
    "on": True,
    "1": True,
    "false": False,
    "no": False,
    "off": False,
    "0": False,
}


def _typed(said: Said) -> object:
    """Check a value against the declared type; text from the environment or a flag is read as that type."""
    wanted, value = said.known.type, said.value
    if typing.get_origin(wanted) is Literal:
        choices = typing.get_args(wanted)
        if value not in choices:
            raise said.error(value, " or ".join(repr(choice) for choice in choices))
        return value
    if said.kind != "file" and wanted is not str:
        try:
            value = _TRUTHS[str(value).strip().lower()] if wanted is bool else wanted(value)
        except (KeyError, ValueError):
            raise said.error(value, _TYPE_NAMES[wanted]) from None
    if wanted is float and type(value) is int:
        value = float(value)
    if type(value) is not wanted:
        raise said.error(value, _TYPE_NAMES[wanted])
    return value
