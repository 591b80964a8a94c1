"""The log for developers: one file, of this run and those before it.

The screen is for the person and the recording for both; this is where a traceback goes, and what a part
wants to have said about itself. Never sound, never a key: sizes and durations instead.
"""

from __future__ import annotations

import logging
import os
from pathlib import Path

import platformdirs

from voice_assistant.errors import ConfigError

_LARGEST_BYTES = 1_000_000
"""A log of this size is set aside as ``.1`` before a new one is begun: two files at most."""

_FORM = "%(asctime)s %(levelname)-8s %(name)s: %(message)s"

_open: logging.FileHandler | None = None


def start(file: Path | None = None) -> Path | None:
    """Send the log to a file that only the user can read; say which.

    Args:
        file: Where the person wants it; None for the platform's place for logs. That one is a convenience:
            where it cannot be written there is no log, and the answer is None.

    Raises:
        ConfigError: *file* cannot be written.
    """
    path = file or platformdirs.user_log_path("voice-assistant", appauthor=False) / "voice-assistant.log"
    try:
        handler = _private_handler(path)
    except OSError as error:
        if file is None:
            return None
        raise ConfigError(
            f"the log {file} cannot be written: {error.strerror or type(error).__name__}",
            remedy="Name another file after --log, or leave the flag out.",
        ) from error
    _use(handler)
    return path


def stop() -> None:
    """Close the file."""
    _use(None)


def log_file() -> Path | None:
    """Say where the log goes, if it goes anywhere."""
    return Path(_open.baseFilename) if _open else None


def _private_handler(path: Path) -> logging.FileHandler:
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.is_file() and path.stat().st_size > _LARGEST_BYTES:
        path.replace(path.with_name(f"{path.name}.1"))
    os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600))
    handler = logging.FileHandler(path, encoding="utf-8")
    handler.setFormatter(logging.Formatter(_FORM))
    return handler


def _use(handler: logging.FileHandler | None) -> None:
    """Put *handler* in the place of the one before: ours from DEBUG up, other libraries' from WARNING up."""
    global _open
    root = logging.getLogger()
    if _open is not None:
        root.removeHandler(_open)
        _open.close()
    if handler is not None:
        root.addHandler(handler)
        root.setLevel(logging.WARNING)
        logging.getLogger("voice_assistant").setLevel(logging.DEBUG)
    _open = handler
