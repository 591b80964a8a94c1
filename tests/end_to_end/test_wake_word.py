"""The whole program asleep: nothing is sent until the wake word, nothing of the word itself, then all."""

from __future__ import annotations

import time
import wave
from pathlib import Path

import numpy as np
import pytest

from tests.end_to_end.conftest import SETTLED_S, Stage
from tests.support.realtime_server import RealtimeCall, RealtimeServer
from tests.support.spoken import Samples, lost_words, pause, reply, sentence

pytestmark = pytest.mark.sound

WORD = Path(__file__).resolve().parents[1] / "data" / "wake" / "okay_nabu.wav"


def word() -> Samples:
    with wave.open(str(WORD)) as file:
        return np.frombuffer(file.readframes(file.getnframes()), np.int16)


def test_it_sleeps_until_the_word_and_takes_no_turn_of_the_word_itself(
    stage: Stage, scripted: RealtimeServer
) -> None:
    pytest.importorskip("pymicro_wakeword", reason="the extra [wake] is not installed")

    async def script(call: RealtimeCall) -> None:
        await call.set_up()
        await call.commit()
        await call.reply(reply(1.0))
        await call.done()
        await call.hung_up()

    scripted.play(script)
    with stage.plain(scripted, "--mode", "wake-word", model="gemini-live") as program:
        program.until(lambda: bool(scripted.calls) and scripted.calls[0].session is not None)
        program.until('asleep: say "okay nabu"')
        time.sleep(SETTLED_S)
        call = scripted.calls[0]
        stage.say(sentence(), pause(1))
        assert call.samples == 0, "what was said while it slept was sent"

        stage.say(word(), pause(1.5))
        program.until("awake: speak")
        assert call.samples == 0, "the word was taken for a turn"

        stage.say(sentence(), pause(0.9))
        program.until(lambda: bool(call.commits))

    assert lost_words(sentence(), call.sound) == []
