"""Limits from the command line: the session ends with a word, and without an error."""

from __future__ import annotations

import os
import subprocess
import sys
import wave
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.realtime_server import RealtimeCall, RealtimeServer
from tests.support.spoken import pcm, reply, words
from voice_assistant.core.audio import NEAR_RATE


@pytest.fixture
def server() -> Iterator[RealtimeServer]:
    with RealtimeServer() as server:
        yield server


async def answers(call: RealtimeCall) -> None:
    await call.set_up()
    await call.commit()
    await call.reply(reply(0.5))
    await call.hung_up()


async def listens(call: RealtimeCall) -> None:
    await call.set_up()
    await call.hung_up()


def run(server: RealtimeServer, tmp_path: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    bare = {name: value for name, value in os.environ.items() if "proxy" not in name.lower()}
    return subprocess.run(
        [sys.executable, "-m", "voice_assistant", *arguments, "--url", server.url, "--model", "live"],
        env=bare | {"LITELLM_API_KEY": "sk-secret", "XDG_CONFIG_HOME": str(tmp_path)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )


def talk(
    server: RealtimeServer, tmp_path: Path, said: bytes, *flags: str
) -> subprocess.CompletedProcess[str]:
    """Talk with a file for a microphone and another for a loudspeaker."""
    with wave.open(str(tmp_path / "said.wav"), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(NEAR_RATE)
        file.writeframes(said + bytes(NEAR_RATE * 2 * 30))
    sound = ["--input-file", str(tmp_path / "said.wav"), "--output-file", str(tmp_path / "heard.wav")]
    return run(server, tmp_path, "talk", "--plain", *sound, *flags)


def test_a_session_ends_when_its_minutes_are_over(server: RealtimeServer, tmp_path: Path) -> None:
    server.play(listens)

    done = talk(server, tmp_path, b"", "--max-minutes", "0.02")

    assert done.returncode == 0, done.stderr
    assert "minutes of this conversation are over" in done.stdout + done.stderr
    assert "sk-secret" not in done.stdout + done.stderr


def test_a_session_ends_when_its_money_is_spent_after_the_reply_was_heard(
    server: RealtimeServer, tmp_path: Path
) -> None:
    server.play(answers)
    (tmp_path / "prices.toml").write_text("[prices]\naudio_out = 12.0\n")

    done = talk(
        server, tmp_path, pcm(words()), "--max-cost", "0.0001", "--config", str(tmp_path / "prices.toml")
    )

    assert done.returncode == 0, done.stderr
    assert "has cost about" in done.stdout + done.stderr
    assert (tmp_path / "heard.wav").stat().st_size >= 0.5 * 48_000


def test_a_limit_on_the_cost_without_prices_is_refused_before_anything_begins(
    server: RealtimeServer, tmp_path: Path
) -> None:
    done = talk(server, tmp_path, b"", "--max-cost", "1")

    assert done.returncode != 0
    assert "nothing under [prices] says what tokens cost" in done.stderr
    assert not server.calls
