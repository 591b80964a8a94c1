"""The system's keyring: macOS Keychain, Secret Service, KWallet, or whatever the library ``keyring`` finds.

It is the extra ``[keyring]``: without the library there is no keyring, and that is no error. Nor is a system
that has none, as a server without a desktop: then no key can be kept there either. A keyring that is there
and does not open is one, since a key may wait in it.
"""

from __future__ import annotations

import importlib.util
from typing import TYPE_CHECKING

from voice_assistant.errors import ConfigError

if TYPE_CHECKING:
    from keyring.backend import KeyringBackend

SERVICE = "voice-assistant"
"""What the keys are filed under; the name of the key stands where others have a user's."""

INSTALL = "pip install 'voice-assistant[keyring]'"


def is_installed() -> bool:
    """Say whether the library is there."""
    return importlib.util.find_spec("keyring") is not None


def backend() -> str | None:
    """Name what keeps the keys on this system; None where nothing does."""
    found = _usable()
    return found.name if found else None


def read(name: str) -> str | None:
    """Give a key; None where none is kept, or where there is no keyring.

    Raises:
        ConfigError: The keyring does not open.
    """
    keeper = _usable()
    if keeper is None:
        return None
    try:
        return keeper.get_password(SERVICE, name)
    except Exception as error:  # each backend has failures of its own
        raise ConfigError(
            f"the system's keyring does not open: {_reason(error)}",
            remedy=f"Unlock it, put {name} in the environment, or choose --provider offline.",
        ) from error


def store(name: str, key: str) -> None:
    """Keep a key; one that was kept under that name is replaced.

    Raises:
        ConfigError: There is no keyring, or it does not take the key. The message never holds the key.
    """
    remedy = f"Put {name} in the environment instead."
    keeper = _usable()
    if keeper is None:
        raise ConfigError("this system has no keyring that can be used", remedy=remedy)
    try:
        keeper.set_password(SERVICE, name, key)
    except Exception as error:  # as above
        reason = _reason(error).replace(key, "...")
        raise ConfigError(f"the system's keyring does not take the key: {reason}", remedy=remedy) from error


def _usable() -> KeyringBackend | None:
    if not is_installed():
        return None
    import keyring

    found = keyring.get_keyring()
    # Backends of priority 0 and less keep nothing, or say so with an error.
    return found if found.priority > 0 else None


def _reason(error: Exception) -> str:
    return str(error).partition("\n")[0] or type(error).__name__
