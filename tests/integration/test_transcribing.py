"""The transcriber's process: it answers, it dies, it hangs, it is missing; the program goes on."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
import wave
from pathlib import Path

import pytest

from voice_assistant import transcribing
from voice_assistant.core.audio import NEAR_RATE, REPLY_RATE, Resampler
from voice_assistant.core.events import Event, Recognise, RecogniserLost, ReplyRecognised
from voice_assistant.core.wordless import WordsSettings
from voice_assistant.transcribing import MISSING_REMEDY, Transcribing, wordless

ANSWERS = """
import struct, sys, time
out = lambda line: print(line, flush=True)
out('{"recogniser": "of the test"}')
while head := sys.stdin.buffer.read(4):
    size, = struct.unpack("<I", head)
    pcm = sys.stdin.buffer.read(size)
    if pcm == b"die.":
        break
    if pcm == b"hang":
        time.sleep(60)
    out('{"text": "%d bytes"}' % len(pcm))
"""
"""A process that keeps the protocol and recognises how much it got."""

QUESTION = Path(__file__).parents[1] / "data" / "questions" / "what_is_seventeen_times_twenty_three.wav"


def running(inbox: asyncio.Queue[Event], program: str = ANSWERS) -> Transcribing:
    loop = asyncio.get_running_loop()
    return Transcribing(inbox.put_nowait, loop, command=(sys.executable, "-c", program))


async def come(inbox: asyncio.Queue[Event]) -> Event:
    return await asyncio.wait_for(inbox.get(), 60)


async def test_stretches_are_recognised_in_their_order_and_an_empty_one_has_no_words() -> None:
    inbox: asyncio.Queue[Event] = asyncio.Queue()
    one = running(inbox)
    try:
        one.recognise(Recognise("a", bytes(4800), 100.0))
        one.recognise(Recognise("a", b"", 100.0, is_last=True))
        one.recognise(Recognise("b", bytes(480), 10.0, is_last=True))
        said = [await come(inbox) for _ in range(3)]
    finally:
        one.close()

    assert [(e.item, e.text, e.until_ms, e.is_last) for e in said if isinstance(e, ReplyRecognised)] == [
        ("a", "4800 bytes", 100.0, False),
        ("a", "", 100.0, True),
        ("b", "480 bytes", 10.0, True),
    ]


async def test_a_process_that_dies_is_told_once_and_nothing_waits_for_it() -> None:
    inbox: asyncio.Queue[Event] = asyncio.Queue()
    one = running(inbox)
    try:
        one.recognise(Recognise("a", b"die.", 100.0))
        lost = await come(inbox)
        one.recognise(Recognise("a", bytes(480), 200.0))
        await asyncio.sleep(0.2)
    finally:
        one.close()

    assert isinstance(lost, RecogniserLost)
    assert "ended" in lost.reason
    assert inbox.empty()


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP])
async def test_a_process_that_is_killed_or_hangs_is_replaced_and_no_stretch_is_lost(
    monkeypatch: pytest.MonkeyPatch, number: signal.Signals
) -> None:
    monkeypatch.setattr(transcribing, "ANSWER_LIMIT_S", 2.0)
    inbox: asyncio.Queue[Event] = asyncio.Queue()
    one = running(inbox)
    try:
        one.recognise(Recognise("a", bytes(480), 10.0))
        await come(inbox)
        assert one.pid is not None
        os.kill(one.pid, number)
        one.recognise(Recognise("a", bytes(240), 20.0))
        one.recognise(Recognise("a", bytes(120), 30.0))
        said = [await come(inbox) for _ in range(2)]
    finally:
        one.close()

    assert [e.text for e in said if isinstance(e, ReplyRecognised)] == ["240 bytes", "120 bytes"]


async def test_one_in_the_place_of_another_that_fails_too_is_told_once() -> None:
    inbox: asyncio.Queue[Event] = asyncio.Queue()
    one = running(inbox)
    try:
        one.recognise(Recognise("a", bytes(480), 10.0))
        one.recognise(Recognise("a", b"die.", 20.0))
        said = [await come(inbox) for _ in range(2)]
    finally:
        one.close()

    assert [type(event) for event in said] == [ReplyRecognised, RecogniserLost]
    assert inbox.empty()


async def test_a_process_that_hangs_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transcribing, "ANSWER_LIMIT_S", 1.0)
    inbox: asyncio.Queue[Event] = asyncio.Queue()
    one = running(inbox)
    try:
        one.recognise(Recognise("a", b"hang", 100.0))
        lost = await come(inbox)
    finally:
        one.close()

    assert isinstance(lost, RecogniserLost)


async def test_leaving_waits_for_nothing_and_leaves_no_process() -> None:
    inbox: asyncio.Queue[Event] = asyncio.Queue()
    one = running(inbox)
    one.recognise(Recognise("a", bytes(480), 10.0))
    await come(inbox)
    pid = one.pid
    assert pid is not None
    one.recognise(Recognise("a", b"hang", 100.0))
    began = time.monotonic()

    one.close()

    assert time.monotonic() - began < 10
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
    await asyncio.sleep(0.05)
    assert inbox.empty()


async def test_a_recogniser_that_cannot_begin_says_why() -> None:
    inbox: asyncio.Queue[Event] = asyncio.Queue()
    one = running(inbox, """print('{"error": "no model on this machine"}')""")
    try:
        one.recognise(Recognise("a", bytes(480), 10.0))
        lost = await come(inbox)
    finally:
        one.close()

    assert isinstance(lost, RecogniserLost)
    assert lost.reason == "no model on this machine"


async def test_the_recogniser_that_is_included_writes_down_what_is_said() -> None:
    with wave.open(str(QUESTION)) as sound:
        assert sound.getframerate() == NEAR_RATE
        up = Resampler(NEAR_RATE, REPLY_RATE)
        pcm = up.feed(sound.readframes(sound.getnframes())) + up.flush()
    inbox: asyncio.Queue[Event] = asyncio.Queue()
    one = Transcribing(inbox.put_nowait, asyncio.get_running_loop())
    try:
        one.recognise(Recognise("a", pcm, 3000.0, is_last=True))
        said = await come(inbox)
        assert one.pid is not None
        niceness = os.getpriority(os.PRIO_PROCESS, one.pid)
    finally:
        one.close()

    assert isinstance(said, ReplyRecognised)
    assert "17" in said.text or "seventeen" in said.text.lower()
    assert niceness == 19


async def test_nothing_is_started_before_it_is_needed() -> None:
    one = running(asyncio.Queue())
    one.close()

    assert one.pid is None


def test_what_is_not_wanted_or_not_installed_is_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)

    missing, unwanted = wordless(WordsSettings()), wordless(WordsSettings(recognise=False))

    assert missing.remedy_of("Use another.") == f"Use another. {MISSING_REMEDY}"
    assert unwanted.remedy_of("Use another.") == "Use another."
