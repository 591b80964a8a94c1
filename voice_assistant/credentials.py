"""The key to the provider: from the environment, a ``.env`` file, or the system's keyring.

It is kept apart from the settings, so that it cannot come out of a config file, a log or a recording. A
``.env`` file is shared by many programs and lies in folders that others may have filled: only keys are
taken from it, and every other line is passed over. Where to connect is never read from it, so that a
folder cannot send a person's key somewhere else.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

import platformdirs

from voice_assistant.errors import ConfigError

KEY_NAME = "LITELLM_API_KEY"

CHAT_KEY_NAME = "VOICE_ASSISTANT_CHAT_API_KEY"
"""For the chat endpoint behind the offline provider."""

_LARGEST_BYTES = 65_536
"""A ``.env`` file is a few lines; what is larger is something else."""

_LINE = re.compile(
    r"""^[ \t]*(?:export[ \t]+)?(?P<name>[A-Za-z_]\w*)[ \t]*=[ \t]*
        (?:"(?P<double>[^"\n]*)"|'(?P<single>[^'\n]*)'|(?P<bare>[^\s#'"][^\s]*)?)
        [ \t]*(?:\#.*)?$""",
    re.VERBOSE | re.MULTILINE,
)


def find_key(
    environ: Mapping[str, str],
    files: Iterable[Path],
    name: str = KEY_NAME,
    *,
    kept: Callable[[str], str | None] = lambda _: None,
) -> str | None:
    """Look for the key: the environment first, then each file, then the keyring; None where there is none.

    Args:
        environ: The environment. An empty value counts as none.
        files: ``.env`` files, in order; they need not exist.
        name: Which key.
        kept: Gives the key of a name that the system's keyring holds.

    Raises:
        ConfigError: A file is there but cannot be read, the keyring does not open, or the key cannot be sent
            in a header. The message never holds the key.
    """
    if key := environ.get(name, "").strip():
        return sendable(name, key, "the environment")
    for path in files:
        if path.is_file() and (key := _read(path).get(name, "")):
            return sendable(name, key, str(path))
    if key := (kept(name) or "").strip():
        return sendable(name, key, "the keyring")
    return None


def files() -> list[Path]:
    """Say where a ``.env`` file may lie: the working directory, then the folder of the user's settings."""
    return [Path(".env"), platformdirs.user_config_path("voice-assistant", appauthor=False) / ".env"]


def parse_env(text: str) -> dict[str, str]:
    """Read ``NAME=value`` lines: quotes and ``export`` are taken off, nothing is expanded or run.

    Lines of any other shape are passed over; of two with one name the later wins.
    """
    found = {}
    for line in _LINE.finditer(text.replace("\r\n", "\n")):
        found[line["name"]] = line["double"] or line["single"] or line["bare"] or ""
    return found


def _read(path: Path) -> dict[str, str]:
    try:
        with path.open("rb") as file:
            return parse_env(file.read(_LARGEST_BYTES).decode("utf-8-sig", errors="replace"))
    except OSError as error:
        raise ConfigError(
            f"{path} cannot be read: {error.strerror or type(error).__name__}",
            remedy="Check its permissions, or put the key in the environment.",
        ) from error


def looks_like_key(text: str) -> bool:
    """Say whether this begins as LiteLLM's keys do, or Google's: then it is for nobody's eyes."""
    return text.strip().startswith(("sk-", "AIza"))


def sendable(name: str, key: str, where: str) -> str:
    """Give a key back if it can be sent in a header.

    Raises:
        ConfigError: It cannot; *where* is where it was found.
    """
    if not (key.isascii() and key.isprintable() and " " not in key):
        raise ConfigError(
            f"{name} in {where} holds a character that no key can have",
            remedy="Copy the key again, without line breaks or spaces.",
        )
    return key
