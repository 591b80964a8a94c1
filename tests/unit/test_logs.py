"""The log for developers: where it goes, who can read it, and that it does not grow for ever."""

from __future__ import annotations

import logging
import stat
from collections.abc import Iterator
from pathlib import Path

import platformdirs
import pytest

from voice_assistant import logs
from voice_assistant.errors import ConfigError


@pytest.fixture(autouse=True)
def _closed_afterwards() -> Iterator[None]:
    levels = [
        (logger, logger.level) for logger in (logging.getLogger(), logging.getLogger("voice_assistant"))
    ]
    yield
    logs.stop()
    for logger, level in levels:
        logger.setLevel(level)


def test_what_is_logged_stands_in_the_file_that_was_named(tmp_path: Path) -> None:
    path = logs.start(tmp_path / "deep" / "va.log")

    logging.getLogger("voice_assistant.link").debug("closed with %d", 1007)
    logging.getLogger("elsewhere").info("not of interest")
    logs.stop()

    assert path == tmp_path / "deep" / "va.log"
    (line,) = path.read_text().splitlines()
    assert line.endswith("DEBUG    voice_assistant.link: closed with 1007")


def test_only_its_owner_can_read_it(tmp_path: Path) -> None:
    path = logs.start(tmp_path / "va.log")

    assert path is not None
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_new_run_writes_on_and_a_large_log_is_set_aside(tmp_path: Path) -> None:
    path = tmp_path / "va.log"
    path.write_text("earlier\n")
    logs.start(path)
    logging.getLogger("voice_assistant").warning("small")
    small = path.read_text()
    path.write_text("x" * 1_000_001)
    logs.start(path)

    assert small.startswith("earlier\n")
    assert path.stat().st_size == 0
    assert (tmp_path / "va.log.1").stat().st_size == 1_000_001


def test_a_log_that_was_named_and_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be written: Is a directory"):
        logs.start(tmp_path)


def test_without_a_place_for_logs_there_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setattr(platformdirs, "user_log_path", lambda *_, **__: tmp_path / "file" / "log")

    assert logs.start() is None
    assert logs.log_file() is None
