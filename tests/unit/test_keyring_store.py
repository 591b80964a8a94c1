"""The system's keyring: what is kept is found again, and what does not work says what to do."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import keyring
import keyring.backends.fail
import pytest

from tests.support.file_keyring import FileKeyring
from voice_assistant import credentials, keyring_store
from voice_assistant.credentials import KEY_NAME
from voice_assistant.errors import ConfigError


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The file of a keyring that works."""
    monkeypatch.setenv("TEST_KEYRING", str(tmp_path / "keys"))
    before = keyring.get_keyring()
    keyring.set_keyring(FileKeyring())  # type: ignore[no-untyped-call]
    yield tmp_path / "keys"
    keyring.set_keyring(before)


@pytest.fixture
def no_backend() -> Iterator[None]:
    """A system without a keyring."""
    before = keyring.get_keyring()
    keyring.set_keyring(keyring.backends.fail.Keyring())  # type: ignore[no-untyped-call]
    yield
    keyring.set_keyring(before)


def test_a_key_that_was_stored_is_found_after_the_environment_and_the_files(
    file: Path, tmp_path: Path
) -> None:
    keyring_store.store(KEY_NAME, "sk-kept")
    env_file = tmp_path / ".env"
    env_file.write_text(f"{KEY_NAME}=sk-file")

    def found(environ: dict[str, str], files: list[Path]) -> str | None:
        return credentials.find_key(environ, files, kept=keyring_store.read)

    assert found({}, []) == "sk-kept"
    assert found({}, [env_file]) == "sk-file"
    assert found({KEY_NAME: "sk-environment"}, [env_file]) == "sk-environment"


def test_a_keyring_without_the_key_gives_none(file: Path) -> None:
    assert keyring_store.backend() == "a file for tests"
    assert keyring_store.read(KEY_NAME) is None


def test_a_keyring_that_does_not_open_says_what_to_do(file: Path) -> None:
    file.write_text("no JSON")

    with pytest.raises(ConfigError, match="does not open: the file is locked") as reading:
        keyring_store.read(KEY_NAME)
    with pytest.raises(ConfigError, match="does not take the key") as storing:
        keyring_store.store(KEY_NAME, "sk-secret")

    assert KEY_NAME in reading.value.remedy
    assert "sk-secret" not in str(storing.value)


def test_where_there_is_no_keyring_no_key_is_kept_and_none_can_be(no_backend: None) -> None:
    assert keyring_store.backend() is None
    assert keyring_store.read(KEY_NAME) is None
    with pytest.raises(ConfigError, match="has no keyring"):
        keyring_store.store(KEY_NAME, "sk-1")


def test_without_the_library_there_is_no_keyring(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keyring_store, "is_installed", lambda: False)

    assert keyring_store.backend() is None
    assert keyring_store.read(KEY_NAME) is None


def test_a_key_of_the_keyring_that_cannot_be_sent_is_an_error(file: Path) -> None:
    keyring_store.store(KEY_NAME, "sk-\x07")

    with pytest.raises(ConfigError, match="in the keyring holds a character"):
        credentials.find_key({}, [], kept=keyring_store.read)
