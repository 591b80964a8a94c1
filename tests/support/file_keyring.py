"""A keyring in a file, for tests: ``PYTHON_KEYRING_BACKEND=tests.support.file_keyring.FileKeyring``.

The file is named by ``TEST_KEYRING``. One that holds no JSON does not open, as a locked keyring.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

from keyring.backend import KeyringBackend
from keyring.errors import KeyringLocked


class FileKeyring(KeyringBackend):
    """Keeps every key as plain text: for tests only."""

    name = "a file for tests"
    priority = 1.0

    def get_password(self, service: str, username: str) -> str | None:
        """Give a key."""
        kept: dict[str, str] = self._kept()
        return kept.get(f"{service}/{username}")

    def set_password(self, service: str, username: str, password: str) -> None:
        """Keep a key."""
        kept = {**self._kept(), f"{service}/{username}": password}
        self._file.write_text(json.dumps(kept), encoding="utf-8")

    @property
    def _file(self) -> Path:
        return Path(os.environ["TEST_KEYRING"])

    def _kept(self) -> dict[str, str]:
        if not self._file.exists():
            return {}
        try:
            found: dict[str, str] = json.loads(self._file.read_text(encoding="utf-8"))
        except ValueError as error:
            raise KeyringLocked("the file is locked") from error
        return found
