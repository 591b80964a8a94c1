"""The user's own file of settings, changed in place: what a person wrote in it stays as it is.

Only the lines of the settings that change are touched. What comes out is read again and compared with what
was meant, so a file that says things in a way that is not foreseen here is left alone, with an error that
gives the lines to write by hand. The file appears whole or not at all.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import tempfile
import tomllib
from collections.abc import Mapping
from pathlib import Path

from voice_assistant.errors import ConfigError

Changes = Mapping[tuple[str, str], str]
"""New values, all of them text, by table and key."""

HEAD = "# What I changed of voice-assistant's settings. Every line is optional.\n"

_HEADER = re.compile(r"[ \t]*\[[ \t]*(?P<table>[\w-]+)[ \t]*\][ \t]*(#.*)?")
_VALUE = r"""(?:"(?:[^"\\]|\\.)*"|'[^']*'|[^\s#"']+)"""


def changed(text: str, changes: Changes) -> str:
    """Give the text of a settings file with some values changed, and every other line as it was.

    Raises:
        ConfigError: The file is no TOML, or it says these settings in a way that cannot be changed here.
    """
    mark = "\ufeff" if text.startswith("\ufeff") else ""
    text = text.removeprefix(mark)
    newline = "\r\n" if "\r\n" in text else "\n"
    # At ends of lines only: a text may hold what else Python takes for one.
    lines = (text.replace("\r\n", "\n") or HEAD).removesuffix("\n").split("\n")
    meant = _parsed(text)
    for (table, key), value in changes.items():
        _put(lines, table, key, value)
        meant = meant | {table: _table(meant, table) | {key: value}}
    written = "".join(f"{line}\n" for line in lines)
    try:
        is_meant = tomllib.loads(written) == meant
    except tomllib.TOMLDecodeError:
        is_meant = False
    if not is_meant:
        by_hand = "; ".join(f"[{table}] {key} = {_shown(value)}" for (table, key), value in changes.items())
        raise ConfigError(
            "the settings file is written in a way that cannot be changed here without losing something",
            remedy=f"Write into it by hand: {by_hand}",
        )
    return mark + written.replace("\n", newline)


def write(path: Path, text: str) -> None:
    """Put a file in its place at once: whoever looks sees the old one or the new one.

    A link is followed, permissions are kept, and folders are made.

    Raises:
        ConfigError: It cannot be written there.
    """
    path = path.resolve()
    half = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, half = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
        with open(handle, "w", encoding="utf-8", newline="") as file:
            file.write(text)
            file.flush()
            os.fsync(handle)
        os.chmod(half, path.stat().st_mode & 0o777 if path.exists() else 0o644)
        os.replace(half, path)
        half = None
    except OSError as error:
        raise ConfigError(
            f"{path} cannot be written: {error.strerror or type(error).__name__}",
            remedy="Check the permissions of its folder, or name another file with --config.",
        ) from error
    finally:
        if half:
            with contextlib.suppress(OSError):  # it was not even made
                os.unlink(half)


def read(path: Path) -> str:
    """Give the text of a settings file; empty where there is none yet.

    Raises:
        ConfigError: It is there and cannot be read.
    """
    try:
        with path.open(encoding="utf-8", newline="") as file:
            return file.read()
    except FileNotFoundError:
        return ""
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is no UTF-8"
        raise ConfigError(
            f"{path} cannot be read: {reason}", remedy="Check the path and its permissions."
        ) from error


def _parsed(text: str) -> dict[str, object]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(
            f"the settings file is not valid TOML: {error}",
            remedy="Correct that line; text values stand in quotes.",
        ) from error


def _table(told: Mapping[str, object], name: str) -> dict[str, object]:
    found = told.get(name)
    return found if isinstance(found, dict) else {}


def _put(lines: list[str], table: str, key: str, value: str) -> None:
    """Change the line of a setting, or add one: to its table, which is added where it is missing."""
    begins = next(
        (at for at, line in enumerate(lines) if (head := _HEADER.fullmatch(line)) and head["table"] == table),
        None,
    )
    if begins is None:
        lines += [*([""] if lines and lines[-1].strip() else []), f"[{table}]", f"{key} = {_shown(value)}"]
        return
    ends = next(
        (at for at in range(begins + 1, len(lines)) if lines[at].lstrip().startswith("[")), len(lines)
    )
    setting = re.compile(rf"(?P<head>[ \t]*{re.escape(key)}[ \t]*=[ \t]*){_VALUE}(?P<tail>[ \t]*(?:#.*)?)")
    for at in range(begins + 1, ends):
        if found := setting.fullmatch(lines[at]):
            lines[at] = f"{found['head']}{_shown(value)}{found['tail']}"
            return
    while ends > begins + 1 and not lines[ends - 1].strip():
        ends -= 1
    lines.insert(ends, f"{key} = {_shown(value)}")


def _shown(value: str) -> str:
    """Write a text as TOML does; its escapes are JSON's, but for one character."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
