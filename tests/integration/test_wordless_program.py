"""The whole program in front of a provider that sends no words: they are recognised here, and marked."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import wave
from pathlib import Path

from tests.support.realtime_server import RealtimeCall, RealtimeServer
from voice_assistant.core.audio import NEAR_RATE, REPLY_RATE, Resampler

QUESTIONS = Path(__file__).parents[1] / "data" / "questions"
KEY = "sk-very-secret-key"


def spoken(name: str) -> bytes:
    """Recorded speech as a provider would send it: 24 kHz."""
    with wave.open(str(QUESTIONS / f"{name}.wav")) as sound:
        up = Resampler(NEAR_RATE, REPLY_RATE)
        return up.feed(bytes(sound.readframes(sound.getnframes()))) + up.flush()


def process_list() -> bytes:
    """What anybody on this machine may read of the processes that run."""
    listed = b""
    for line in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):  # it has just ended
            listed += line.read_bytes() + b"\n"
    return listed


async def answers(call: RealtimeCall) -> None:
    await call.set_up()
    await call.commit(within_s=60)
    await call.hears("What time is it?")
    await call.reply(spoken("count_from_one_to_ten"))
    await call.hung_up(within_s=120)


def test_an_answer_without_words_is_written_down_and_the_key_is_nowhere(tmp_path: Path) -> None:
    listed: list[bytes] = []

    async def answers_and_looks(call: RealtimeCall) -> None:
        listed.append(process_list())
        await answers(call)

    bare = {name: value for name, value in os.environ.items() if "proxy" not in name.lower()}
    with RealtimeServer() as server:
        server.play(answers_and_looks)
        told = ["--url", server.url, "--model", "live", "--log", str(tmp_path / "log.txt")]
        kept = ["--record", str(tmp_path / "kept"), "--output", str(tmp_path / "answer.wav"), "--json"]
        done = subprocess.run(
            [
                sys.executable,
                "-m",
                "voice_assistant",
                "ask",
                *told,
                *kept,
                str(QUESTIONS / "what_time_is_it.wav"),
            ],
            env=bare | {"LITELLM_API_KEY": KEY, "XDG_CONFIG_HOME": str(tmp_path)},
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=150,
            check=False,
        )

    assert done.returncode == 0, done.stderr
    assert len(listed) == 1
    answer = json.loads(done.stdout)
    assert answer["recognised"] is True
    assert "count" in answer["answer"].lower()
    assert "ten" in answer["answer"].lower() or "10" in answer["answer"]
    files = [file for file in tmp_path.rglob("*") if file.is_file()]
    assert any(b"ReplyRecognised" in file.read_bytes() for file in files)
    for text in (*listed, done.stdout.encode(), done.stderr.encode(), *(file.read_bytes() for file in files)):
        assert KEY.encode() not in text
