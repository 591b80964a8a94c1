"""A single word over a reply, from the microphone to the provider, with headphones on."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from benchmarks.voices import Make, cough, hum
from tests.support.speechlike import speechlike
from tests.support.spoken import stop
from voice_assistant.core.audio import NEAR_RATE, REPLY_RATE, AudioFrame
from voice_assistant.core.events import (
    AppendInput,
    Captured,
    Command,
    CommitInput,
    DropPlayout,
    PausePlayout,
    ReplyAudio,
    ResumePlayout,
    Tick,
)
from voice_assistant.core.floor import Floor, FloorSettings
from voice_assistant.core.listener import Listener
from voice_assistant.core.replies import Replies

BLOCK = NEAR_RATE // 50


def commands_for(said: NDArray[np.float64]) -> list[Command]:
    """Say it 1.5 s into a reply of 5 s, which the microphone does not hear; what the program does for it."""
    near = np.random.default_rng(1).normal(0, 20, 5 * NEAR_RATE)
    start = round(1.5 * NEAR_RATE)
    near[start : start + len(said)] += said / np.abs(said).max() * 6000
    heard = np.rint(near).astype("<i2")
    reply = np.frombuffer(speechlike(5, REPLY_RATE), "<i2")
    listener, replies = Listener(), Replies()
    floor = Floor(FloorSettings(), replies)
    replies.handle(ReplyAudio(0.0, "a", reply.tobytes()))
    done: list[Command] = []
    played = 0
    is_paused = False
    for at in range(0, len(heard), BLOCK):
        now = (at + BLOCK) / NEAR_RATE
        far = np.zeros(REPLY_RATE // 50, np.int16)
        if not is_paused:
            far = reply[played : played + len(far)]
            played += len(far)
        frame = AudioFrame(heard[at : at + BLOCK].tobytes(), NEAR_RATE, at)
        events = listener.judge(
            Captured(now, frame, AudioFrame(far.tobytes(), REPLY_RATE, at * REPLY_RATE // NEAR_RATE))
        )
        due = floor.deadline()
        for event in [*([Tick(now)] if due is not None and now >= due else []), *events]:
            made = floor.handle(event) + replies.handle(event)
            done += made
            for command in made:
                is_paused = (is_paused or isinstance(command, PausePlayout)) and not isinstance(
                    command, ResumePlayout | DropPlayout
                )
    return done


def test_stop_ends_the_reply_and_is_a_turn() -> None:
    done = commands_for(stop().astype(float))

    assert PausePlayout() in done
    assert DropPlayout("a") in done
    assert CommitInput(1) in done
    assert any(isinstance(command, AppendInput) for command in done)


@pytest.mark.parametrize("make", [cough, hum])
def test_a_cough_and_a_hum_leave_it_playing(make: Make) -> None:
    done = commands_for(make(np.random.default_rng(2)))

    assert not any(isinstance(command, DropPlayout | AppendInput | CommitInput) for command in done)
