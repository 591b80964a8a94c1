"""The installed command 'serve': it says where it listens, lets in who knows the token, and ends well."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from tests.support.terminal_program import PipedProgram, home_environment

LISTENING = re.compile(r"listening on ws://(127\.0\.0\.1:\d+)/v1/realtime\?model=offline\n")


def served(home: Path, *flags: str) -> PipedProgram:
    return PipedProgram(["serve", *flags], home_environment(os.environ, home), home)


def address(program: PipedProgram) -> str:
    program.until(lambda: LISTENING.search(program.out) is not None)
    found = LISTENING.search(program.out)
    assert found
    return found[1]


def models_at(where: str, token: str) -> list[str]:
    asked = urllib.request.Request(f"http://{where}/v1/models", headers={"Authorization": f"Bearer {token}"})
    with urllib.request.urlopen(asked, timeout=60) as answer:
        return [model["id"] for model in json.load(answer)["data"]]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_who_knows_the_token_is_let_in_and_it_ends_in_good_order(
    tmp_path: Path, number: signal.Signals
) -> None:
    with served(tmp_path, "--port", "0", "--token", "sesame") as program:
        where = address(program)

        assert models_at(where, "sesame") == ["offline"]
        with pytest.raises(urllib.error.HTTPError, match="401"):
            models_at(where, "guess")
        assert "sesame" not in program.printed

        program.send_signal(number)
        assert program.wait() == 0
        assert program.err == ""


def test_a_token_is_made_and_told_where_none_was_named(tmp_path: Path) -> None:
    with served(tmp_path, "--port", "0") as program:
        where = address(program)
        program.until("key: ")
        token = program.out.rpartition("key: ")[2].strip()

        assert len(token) >= 32
        assert models_at(where, token) == ["offline"]


def test_a_port_that_is_taken_is_told_with_what_to_do(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with served(tmp_path, "--port", str(taken.getsockname()[1])) as program:
            assert program.wait() == 4

    assert "cannot be used" in program.err
    assert "--port" in program.err


@pytest.mark.parametrize("port", ["65536", "-1", "http"])
def test_what_is_no_port_is_an_error_of_usage(tmp_path: Path, port: str) -> None:
    with served(tmp_path, f"--port={port}") as program:
        assert program.wait() == 2

    assert "is no port: 0 to 65535" in program.err
