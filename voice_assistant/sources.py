"""Where a setting can be said: a file, a variable of the environment, a flag.

Each place is read into ``Said``: a value that still has to be checked, together with the words to complain
about it. Names are checked here, since only the place knows how to say which one was meant; ``config.py``
knows what there is to be set, and puts the values together.
"""

from __future__ import annotations

import contextlib
import difflib
import json
import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from voice_assistant.errors import ConfigError

PREFIX = "VOICE_ASSISTANT_"
"""Any setting can be said in the environment: ``VOICE_ASSISTANT_TURNS_HANGOVER_MS=800``."""


@dataclass(frozen=True, slots=True)
class Known:
    """One setting as its part declares it.

    Args:
        part: The field of ``Config`` that it belongs to.
        type: ``str``, ``int``, ``float``, ``bool`` or a ``Literal`` of strings.
    """

    table: str
    key: str
    part: str
    type: Any
    default: object


Tables = Mapping[str, Mapping[str, Known]]
"""Every setting there is: table, then key."""


@dataclass(frozen=True, slots=True)
class Said:
    """One value, and where it was said. *where* is a file, a variable or a flag, as a person knows it."""

    known: Known
    value: object
    kind: Literal["file", "environment", "flag"]
    where: str

    def error(self, value: object, wanted: str) -> ConfigError:
        """Make the error for a value that does not fit; *wanted* follows "it must be"."""
        key, default = self.known.key, self.known.default
        written = json.dumps(default, ensure_ascii=False)
        match self.kind:
            case "file":
                what = f"{self.where}: [{self.known.table}] {key}"
                remedy = f"Write {key} = {written}, the default, or leave the line out."
            case "environment":
                what = self.where
                remedy = f"Set {self.where} to {written}, the default, or unset it."
            case "flag":
                what = self.where
                remedy = f"Write {self.where} {default}, the default, or leave the flag out."
        if default == "":
            remedy = "Correct it, or leave it out for the default."
        return ConfigError(f"{what} is {shown(value)}; it must be {wanted}", remedy=remedy)


def from_file(path: Path, tables: Tables, *, required: bool) -> Iterator[Said]:
    """Read a file of settings; one that is not there says nothing, unless it is required.

    Raises:
        ConfigError: It cannot be read, is no TOML, or names what is no setting.
    """
    where = _short(path)
    try:
        told = tomllib.loads(path.read_text(encoding="utf-8-sig"))
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
    for table, settings in told.items():
        if not isinstance(settings, dict):
            raise _misplaced(where, table, tables)
        if table not in tables:
            raise ConfigError(f"{where}: there is no table [{table}]", remedy=_nearest(table, tables, "[{}]"))
        for key, value in settings.items():
            if key not in tables[table]:
                raise _unknown(where, table, key, tables)
            yield Said(tables[table][key], value, "file", where)


def from_environment(environ: Mapping[str, str], tables: Tables) -> Iterator[Said]:
    """Read the variables that are named after settings.

    Raises:
        ConfigError: A variable all but names a setting.
    """
    names = {
        f"{PREFIX}{table}_{key}".upper(): known
        for table, keys in tables.items()
        for key, known in keys.items()
    }
    for name, text in environ.items():
        if name in names:
            yield Said(names[name], text, "environment", name)
        elif name.startswith(PREFIX) and _is_meant_for_us(name, names, tables):
            raise ConfigError(f"{name} names no setting", remedy=_nearest(name, names, "{}"))


def _is_meant_for_us(name: str, names: Mapping[str, object], tables: Tables) -> bool:
    """Tell a misspelt setting from a variable of another program that shares our prefix."""
    in_a_table = any(name.startswith(f"{PREFIX}{table}_".upper()) for table in tables)
    return in_a_table or bool(difflib.get_close_matches(name, names, cutoff=0.85))


# --- Words for what is wrong ---

_SECRET_NAME = re.compile(r"(^|_)(key|token|secret|password|passwd|authorization|bearer)s?$", re.IGNORECASE)
_SECRET_TEXT = re.compile(r"(?<=://)[^/@\s]*@|(?<=\?)\S+|\b(?:sk-|AIza)[\w-]{8,}")


def shown(value: object) -> str:
    """Put a value into words for a message: short, without secrets, its control characters escaped."""
    if isinstance(value, bool):
        return str(value).lower()
    text = _SECRET_TEXT.sub("...", value if isinstance(value, str) else repr(value))
    text = text if len(text) <= 80 else f"{text[:77]}..."
    return repr(text) if isinstance(value, str) else text


def _unknown(where: str, table: str, key: str, tables: Tables) -> ConfigError:
    if _SECRET_NAME.search(key):
        return _secret_in_file(where, f"[{table}] {key}")
    return ConfigError(f"{where}: [{table}] has no setting {key}", remedy=_nearest(key, tables[table], "{}"))


def _misplaced(where: str, key: str, tables: Tables) -> ConfigError:
    if _SECRET_NAME.search(key):
        return _secret_in_file(where, key)
    homes = [table for table, keys in tables.items() if key in keys]
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


def _short(path: Path) -> str:
    """Name a file as the person would."""
    with contextlib.suppress(OSError, RuntimeError):  # no home, or a working directory that is gone
        for base, mark in ((Path.cwd(), ""), (Path.home(), "~/")):
            if path.is_absolute() and path.is_relative_to(base):
                return mark + path.relative_to(base).as_posix()
    return str(path)
