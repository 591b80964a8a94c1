"""``--record``: the session on disk is whole, private, and holds no key."""

from __future__ import annotations

import json
import signal
import stat
import wave

import numpy as np
import pytest

from tests.end_to_end.conftest import Stage, ready
from tests.support.gemini_server import GeminiCall, GeminiServer
from tests.support.litellm_proxy import KEY, LiteLLMProxy
from tests.support.sound_server import CARD_RATE
from tests.support.spoken import converted, lost_words, pause, reply, sentence, share_heard
from voice_assistant.core.audio import REPLY_RATE

pytestmark = [pytest.mark.sound, pytest.mark.litellm]


def test_a_recording_holds_both_ends_and_what_happened_and_no_key(
    stage: Stage, deferred_proxy: LiteLLMProxy, gemini: GeminiServer
) -> None:
    answer = reply(1.5)

    async def script(call: GeminiCall) -> None:
        await call.set_up()
        await call.stream_end()
        await call.hears("What time is it?")
        await call.reply(answer)
        await call.hung_up()

    gemini.play(script)
    kept, log = stage.home / "kept", stage.home / "talk.log"
    with stage.terminal(deferred_proxy, "--record", str(kept), "--log", str(log)) as program:
        ready(stage, program, gemini)
        program.until("REC")
        stage.say(pause(0.3), sentence(), pause(0.9))
        program.until("spoken reply, 1.5 s")
        program.send_signal(signal.SIGTERM)
        assert program.wait() == 0
        raw = bytes(program.raw)

    assert sorted(path.name for path in kept.iterdir()) == ["events.jsonl", "session.wav"]
    assert stat.S_IMODE(kept.stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in kept.iterdir()} == {0o600}

    with wave.open(str(kept / "session.wav")) as sound:
        rate, stereo = sound.getframerate(), np.frombuffer(sound.readframes(sound.getnframes()), "<i2")
    near, far = stereo[::2], stereo[1::2]
    assert lost_words(sentence(), converted(near, rate, REPLY_RATE).tobytes()) == []
    # On a busy machine the far end is aligned anew now and then: no longer stretch is in step for certain.
    assert share_heard(answer, converted(far, rate, CARD_RATE), window_ms=10) > 0.8

    events = [json.loads(line) for line in (kept / "events.jsonl").read_text().splitlines()]
    kinds = [event.get("kind") for event in events]
    happened = [
        "SessionOpened",
        "TurnOpened",
        "TurnClosed",
        "CommitInput",
        "PlayoutStarted",
        "PlayoutDrained",
    ]
    assert [kind for kind in kinds if kind in happened] == happened
    assert kinds[-2:] == ["Stop", "Summary"]

    files = [path.read_bytes() for path in (*kept.iterdir(), log)]
    assert not any(KEY.encode() in data for data in (*files, raw))


def test_without_the_flag_nothing_is_kept(
    stage: Stage, deferred_proxy: LiteLLMProxy, gemini: GeminiServer
) -> None:
    async def script(call: GeminiCall) -> None:
        await call.set_up()
        await call.hung_up()

    gemini.play(script)
    with stage.terminal(deferred_proxy) as program:
        ready(stage, program, gemini)
        assert "REC" not in program.printed
        program.interrupt()
        program.wait()

    assert not [path for path in stage.home.rglob("*") if path.suffix in (".wav", ".jsonl")]
