"""The voice: a real speaking process, one that dies, and machines without an engine."""

from __future__ import annotations

import asyncio
import os
import signal
import stat
import sys
from collections.abc import Iterable
from pathlib import Path

import pytest

from voice_assistant.core.audio import REPLY_RATE, level_dbfs
from voice_assistant.offline import voice_worker
from voice_assistant.offline.voice import Voice, VoiceMissingError

LOUD_DBFS = -40.0


def lengths(spoken: Iterable[bytes]) -> list[int]:
    """How long each sentence is; espeak-ng does not say the same twice to the last bit."""
    return [len(pcm) for pcm in spoken]


async def test_a_sentence_becomes_sound_that_begins_at_once() -> None:
    voice = Voice()
    try:
        pcm = await voice.speak("What time is it?")
    finally:
        await voice.close()

    assert 0.5 < len(pcm) / 2 / REPLY_RATE < 3
    assert level_dbfs(pcm) > LOUD_DBFS
    assert level_dbfs(pcm[: REPLY_RATE // 10 * 2]) > LOUD_DBFS - 10


async def test_sentences_that_are_asked_for_at_once_do_not_mix() -> None:
    voice = Voice()
    try:
        alone = [await voice.speak(text) for text in ("One.", "A much longer sentence than that.")]
        together = await asyncio.gather(voice.speak("One."), voice.speak("A much longer sentence than that."))
    finally:
        await voice.close()

    assert lengths(together) == pytest.approx(lengths(alone), rel=0.05)


async def test_a_caller_that_gives_up_leaves_the_voice_in_order() -> None:
    voice = Voice()
    try:
        wanted = await voice.speak("Two.")
        given_up = asyncio.create_task(voice.speak("A sentence that nobody waits for."))
        await asyncio.sleep(0)
        given_up.cancel()
        again = await voice.speak("Two.")
    finally:
        await voice.close()

    assert len(again) == pytest.approx(len(wanted), rel=0.05)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP])
async def test_a_speaking_process_that_dies_or_hangs_is_replaced(
    monkeypatch: pytest.MonkeyPatch, number: signal.Signals
) -> None:
    started: list[int] = []
    start = asyncio.create_subprocess_exec

    async def noted(*command: str, **options: int) -> asyncio.subprocess.Process:
        process = await start(*command, **options)  # type: ignore[arg-type]
        started.append(process.pid)
        return process

    monkeypatch.setattr(asyncio, "create_subprocess_exec", noted)
    voice = Voice()
    try:
        before = await voice.speak("Three.")
        os.kill(started[0], number)
        after = await voice.speak("Three.")
    finally:
        await voice.close()

    assert len(after) == pytest.approx(len(before), rel=0.05)
    assert len(started) == 2


async def test_a_machine_without_any_engine_is_told_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/bin/false")

    with pytest.raises(VoiceMissingError, match="espeak-ng"):
        await Voice().start()


def test_without_the_wheel_the_systems_program_speaks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "espeak-ng"
    program.write_text(
        "#!/bin/sh\ncat > /dev/null\nhead -c 44 /dev/zero\nprintf 'samples!'\n", encoding="utf-8"
    )
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.setitem(sys.modules, "espeakng_loader", None)

    engine = voice_worker.find_engine("en-us", 150)

    assert engine.name == "espeak-ng (program)"
    assert b"".join(engine.speak("hello")) == b"samples!"


def test_without_anything_that_speaks_all_that_was_looked_for_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setitem(sys.modules, "espeakng_loader", None)

    with pytest.raises(voice_worker.EngineMissingError, match=r"espeakng-loader.*espeak-ng.*say"):
        voice_worker.find_engine("en-us", 150)
