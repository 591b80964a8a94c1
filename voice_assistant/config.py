"""The settings of one run: many places to say a thing, one frozen ``Config``.

A part declares its settings beside the code they steer, with defaults and limits; here they are only
gathered. Later wins: the defaults in the code, ``config.toml`` at the root of a checkout, the user's own
file (or ``--config FILE``), the environment, the flags. What does not fit is a ``ConfigError`` that names
the place, the table, the key and the value. Keys to a provider are no settings: see ``credentials.py``.
"""

from __future__ import annotations

import contextlib
import dataclasses
import difflib
import json
import re
import tomllib
import typing
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, Literal, NamedTuple

import platformdirs

from voice_assistant.core.echo import EchoSettings
from voice_assistant.core.floor import FloorSettings
from voice_assistant.core.jitter import PlayoutSettings
from voice_assistant.core.lifeline import LifelineSettings
from voice_assistant.core.settings import SettingError
from voice_assistant.core.speech import SpeechSettings
from voice_assistant.core.turns import TurnSettings
from voice_assistant.dialects.base import ProviderSettings
from voice_assistant.errors import ConfigError

PREFIX = "VOICE_ASSISTANT_"
"""Any setting can be said in the environment: ``VOICE_ASSISTANT_TURNS_HANGOVER_MS=800``."""

ALIASES: Final = MappingProxyType({"LITELLM_URL": "provider.url"})
"""Variables that other programs know too. The longer name, with our prefix, wins over them."""

FLAGS: Final = MappingProxyType(
    {
        "--url": "provider.url",
        "--model": "provider.model",
        "--voice": "provider.voice",
        "--instructions": "provider.instructions",
        "--input-device": "capture.device",
        "--output-device": "playout.device",
        "--mode": "turns.mode",
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
    echo: EchoSettings = field(default_factory=EchoSettings)
    barge_in: FloorSettings = field(default_factory=FloorSettings)
    link: LifelineSettings = field(default_factory=LifelineSettings)
    playout: PlayoutSettings = field(default_factory=PlayoutSettings)


def load(flags: Mapping[str, str], environ: Mapping[str, str], file: Path | None = None) -> Config:
    """Gather the settings of one run.

    Args:
        flags: What was said on the command line: ``{"--mode": "push-to-talk"}``; only names in ``FLAGS``.
        environ: The environment.
        file: Read instead of the user's own file; then it must exist.

    Raises:
        ConfigError: A file cannot be read, or something in it, in the environment or in a flag is wrong.
    """
    said: dict[tuple[str, str], _Said] = {}
    for path in (shipped_file(), file or user_file()):
        if path is not None:
            said |= {(one.table, one.key): one for one in _from_file(path, required=path is file)}
    said |= {(one.table, one.key): one for one in _from_environment(environ)}
    for flag, text in flags.items():
        table, key = FLAGS[flag].split(".")
        said[table, key] = _Said(table, key, text, "flag", flag)
    return _compose(said)


def user_file() -> Path:
    """Say where the user's own settings live on this platform; the file need not exist."""
    return platformdirs.user_config_path("voice-assistant", appauthor=False) / "config.toml"


def shipped_file() -> Path | None:
    """Say where the commented defaults are: at the root of a checkout; an installed wheel has none."""
    root = Path(__file__).resolve().parent.parent
    return root / "config.toml" if (root / "pyproject.toml").is_file() else None


class _Known(NamedTuple):
    """One setting as its part declares it."""

    part: str
    type: Any
    default: object


class _Said(NamedTuple):
    """One value, and where it was said. *where* is a file, a variable or a flag, as a person knows it."""

    table: str
    key: str
    value: object
    kind: Literal["file", "environment", "flag"]
    where: str

    def error(self, value: object, wanted: str) -> ConfigError:
        """Make the error for a value that does not fit."""
        default = KNOWN[self.table][self.key].default
        written = json.dumps(default, ensure_ascii=False)
        match self.kind:
            case "file":
                what = f"{self.where}: [{self.table}] {self.key}"
                remedy = f"Write {self.key} = {written}, the default, or leave the line out."
            case "environment":
                what = self.where
                remedy = f"Set {self.where} to {written}, the default, or unset it."
            case "flag":
                what = self.where
                remedy = f"Write {self.where} {default}, the default, or leave the flag out."
        if default == "":
            remedy = "Correct it, or leave it out for the default."
        return ConfigError(f"{what} is {_shown(value)}; it must be {wanted}", remedy=remedy)


@cache
def _known() -> Mapping[str, Mapping[str, _Known]]:
    tables: dict[str, dict[str, _Known]] = {}
    for name, part in typing.get_type_hints(Config).items():
        table = _table_of(name)
        types = typing.get_type_hints(part)
        defaults = part()
        for one in dataclasses.fields(part):
            known = _Known(name, types[one.name], getattr(defaults, one.name))
            if tables.setdefault(table, {}).setdefault(one.name, known) is not known:
                raise TypeError(f"two parts declare [{table}] {one.name}")
    return tables


def _table_of(part: str) -> str:
    declared = next(one for one in dataclasses.fields(Config) if one.name == part)
    return str(declared.metadata.get("table", part))


KNOWN: Final = _known()
"""Every setting there is: table, then key."""


def _compose(said: Mapping[tuple[str, str], _Said]) -> Config:
    """Build each part from what was said for it; the part itself checks the limits."""
    parts: dict[str, Any] = {}
    for name, part in typing.get_type_hints(Config).items():
        table = _table_of(name)
        mine = {
            key: _typed(said[table, key], known.type)
            for key, known in KNOWN[table].items()
            if known.part == name and (table, key) in said
        }
        try:
            parts[name] = part(**mine)
        except SettingError as error:
            source = said.get((table, error.name))
            if source is None:
                message = f"[{table}] {error.name} is {_shown(error.value)}; it must be {error.wanted}"
                remedy = "It does not go with the other settings of this table: change one of them."
                raise ConfigError(message, remedy=remedy) from error
            raise source.error(error.value, error.wanted) from error
    return Config(**parts)


# --- Where things are said ---


def _from_file(path: Path, *, required: bool) -> Iterator[_Said]:
    where = _short(path)
    try:
        tables = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        if isinstance(error, FileNotFoundError) and not required:
            return
        reason = error.strerror or type(error).__name__
        raise ConfigError(
            f"{where} cannot be read: {reason}", remedy="Check the path and its permissions."
        ) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(
            f"{where} is not valid TOML: {error}", remedy="Correct that line; text values stand in quotes."
        ) from error
    for table, settings in tables.items():
        if not isinstance(settings, dict):
            raise _misplaced(where, table)
        if table not in KNOWN:
            raise ConfigError(f"{where}: there is no table [{table}]", remedy=_nearest(table, KNOWN, "[{}]"))
        for key, value in settings.items():
            if key not in KNOWN[table]:
                raise _unknown_key(where, table, key)
            yield _Said(table, key, value, "file", where)


def _from_environment(environ: Mapping[str, str]) -> Iterator[_Said]:
    names = {f"{PREFIX}{table}_{key}".upper(): (table, key) for table, keys in KNOWN.items() for key in keys}
    for alias, setting in ALIASES.items():
        if environ.get(alias):
            table, key = setting.split(".")
            yield _Said(table, key, environ[alias], "environment", alias)
    for name, text in environ.items():
        if name in names:
            yield _Said(*names[name], text, "environment", name)
        elif name.startswith(PREFIX) and _is_meant_for_us(name, names):
            raise ConfigError(f"{name} names no setting", remedy=_nearest(name, names, "{}"))


def _is_meant_for_us(name: str, names: Mapping[str, object]) -> bool:
    """Tell a misspelt setting from a variable of another program that shares our prefix."""
    in_a_table = any(name.startswith(f"{PREFIX}{table}_".upper()) for table in KNOWN)
    return in_a_table or bool(difflib.get_close_matches(name, names, cutoff=0.85))


# --- One value ---

_WORDS = {
    "true": True,
    "yes": True,
    "on": True,
    "1": True,
    "false": False,
    "no": False,
    "off": False,
    "0": False,
}


def _typed(said: _Said, wanted: Any) -> object:
    """Check a value against the declared type; text from the environment or a flag is read as that type."""
    choices = typing.get_args(wanted) if typing.get_origin(wanted) is Literal else None
    if choices is not None:
        if said.value not in choices:
            raise said.error(said.value, " or ".join(repr(choice) for choice in choices))
        return said.value
    value = said.value
    if isinstance(value, str) and said.kind != "file" and wanted is not str:
        try:
            value = _WORDS[value.strip().lower()] if wanted is bool else wanted(value)
        except (KeyError, ValueError):
            raise said.error(said.value, _TYPE_NAMES[wanted]) from None
    if wanted is float and type(value) is int:
        value = float(value)
    if type(value) is not wanted:
        raise said.error(value, _TYPE_NAMES[wanted])
    return value


_TYPE_NAMES = {
    str: "text, in quotes",
    int: "a whole number",
    float: "a number",
    bool: "true or false",
}


# --- Words for what is wrong ---

_SECRET_NAME = re.compile(r"(^|_)(key|token|secret|password|passwd|authorization|bearer)s?$", re.IGNORECASE)
_SECRET_TEXT = re.compile(r"(?<=://)[^/@\s]*@|(?<=\?)\S+|\b(?:sk-|AIza)[\w-]{8,}")


def _unknown_key(where: str, table: str, key: str) -> ConfigError:
    if _SECRET_NAME.search(key):
        return _secret_in_file(where, f"[{table}] {key}")
    return ConfigError(f"{where}: [{table}] has no setting {key}", remedy=_nearest(key, KNOWN[table], "{}"))


def _misplaced(where: str, key: str) -> ConfigError:
    if _SECRET_NAME.search(key):
        return _secret_in_file(where, key)
    homes = [table for table, keys in KNOWN.items() if key in keys]
    remedy = f"Put it under [{homes[0]}]." if homes else "Put it under the table it belongs to, or remove it."
    return ConfigError(f"{where}: {key} stands outside any table", remedy=remedy)


def _secret_in_file(where: str, name: str) -> ConfigError:
    return ConfigError(
        f"{where}: {name} looks like a key, and keys are not kept in settings",
        remedy="Remove the line, and put LITELLM_API_KEY in the environment or in a .env file.",
    )


def _nearest(name: str, known: Mapping[str, object], form: str) -> str:
    if near := difflib.get_close_matches(name, known, n=1, cutoff=0.5):
        return f"Did you mean {form.format(near[0])}?"
    return f"Use one of: {', '.join(form.format(one) for one in sorted(known))}."


def _shown(value: object) -> str:
    """Put a value into words for a message: short, without secrets, its control characters escaped."""
    if isinstance(value, bool):
        return str(value).lower()
    if not isinstance(value, str):
        return repr(value)[:80]
    text = _SECRET_TEXT.sub("...", value)
    return repr(text if len(text) <= 80 else f"{text[:77]}...")


def _short(path: Path) -> str:
    """Name a file as the person would."""
    with contextlib.suppress(OSError, RuntimeError):  # no home, or a working directory that is gone
        for base, mark in ((Path.cwd(), ""), (Path.home(), "~/")):
            if path.is_absolute() and path.is_relative_to(base):
                return mark + path.relative_to(base).as_posix()
    return str(path)
