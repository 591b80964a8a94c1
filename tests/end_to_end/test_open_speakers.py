"""The whole program on open speakers: the microphone hears the loudspeaker, and then a person.

The echo comes through the sound server: late, quieter, and on a clock that is corrected all the time. The
reply is recorded human speech, so that nothing but the echo's removal keeps it from being taken for a user.
Rooms are ``benchmarks/echo.py``'s. ``OPEN_SPEAKERS_S`` in the environment makes it as long as one likes.
"""

from __future__ import annotations

import os
import time

import numpy as np
import pytest

from tests.end_to_end.conftest import SETTLED_S, Stage
from tests.support.realtime_server import RealtimeCall, RealtimeServer
from tests.support.spoken import Samples, lost_words, other_words, pause, pcm, sentence
from voice_assistant.core.audio import NEAR_RATE, REPLY_RATE, Resampler

pytestmark = pytest.mark.sound

ALONE_S = float(os.environ.get("OPEN_SPEAKERS_S", "15"))
"""How long the reply is left alone before somebody speaks into it."""


def spoken_reply(seconds: float) -> bytes:
    """Human speech with pauses of a tenth to half a second, 24 kHz."""
    rng = np.random.default_rng(1)
    parts: list[Samples] = []
    while sum(map(len, parts)) < seconds * NEAR_RATE:
        silence = np.zeros(round(rng.uniform(0.1, 0.5) * NEAR_RATE), np.int16)
        parts += [sentence() if rng.random() < 0.5 else other_words(rng.uniform(0.8, 2.5)), silence]
    resampler = Resampler(NEAR_RATE, REPLY_RATE)
    return resampler.feed(pcm(*parts)) + resampler.flush()


def test_a_reply_does_not_interrupt_itself_and_a_person_does(stage: Stage, scripted: RealtimeServer) -> None:
    answer = spoken_reply(ALONE_S + 15)

    async def script(call: RealtimeCall) -> None:
        await call.set_up()
        await call.reply(answer)
        await call.commit(within_s=ALONE_S + 60)
        await call.done()
        await call.hung_up()

    scripted.play(script)
    with (
        stage.sound.loop_speaker_into_mic(delay_ms=60, attenuation_db=12),
        stage.plain(scripted, model="gemini-live") as program,
    ):
        program.until(lambda: bool(scripted.calls) and scripted.calls[0].session is not None)
        time.sleep(SETTLED_S)
        call = scripted.calls[0]
        stage.begin_to_say(pause(ALONE_S)).wait(ALONE_S + 30)
        assert call.samples == 0, "the reply was taken for a person"
        assert "cut after" not in program.printed

        stage.say(sentence(), pause(0.9))
        program.until("cut after")
        program.until(lambda: bool(call.commits))

    # Under echo the first words are bent; what was said when the reply had stopped is whole.
    assert lost_words(sentence()[-NEAR_RATE:], call.sound, least_snr_db=15) == []
