"""The fifth opinion: what a model's word counts for beside the four, and how loud it hears the room."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from voice_assistant.core.audio import NEAR_RATE, AudioFrame
from voice_assistant.core.levels import FRAME_SAMPLES
from voice_assistant.core.neural import NeuralJudge, Opinion, silence_in
from voice_assistant.core.speech import SpeechDetector, SpeechSettings


class Model:
    """Says what it was told to say, and remembers how loud it heard."""

    def __init__(self, says: float) -> None:
        self.says = says
        self.heard: list[float] = []

    def judge(self, samples: NDArray[np.float32]) -> float:
        self.heard.append(float(np.abs(samples).max()))
        return self.says


QUIET = np.full(FRAME_SAMPLES, 100, np.int16)


def judged(model: Model, frames: int, *, floor_dbfs: float = -50.0, strictness: float = 0.0) -> list[Opinion]:
    judge = NeuralJudge(model, strictness)
    return [judge.judge(QUIET, floor_dbfs, 20.0, False, -0.5, -0.5) for _ in range(frames)]


def test_a_model_that_is_certain_is_believed_over_the_others() -> None:
    opinions = judged(Model(0.99), 30)

    assert opinions[-1].is_speech
    assert opinions[-1].is_sure
    assert opinions[-1].is_clear


def test_a_model_that_hears_nobody_is_believed_too() -> None:
    judge = NeuralJudge(Model(0.01), 0.0)

    opinions = [judge.judge(QUIET, -50.0, 20.0, True, 3.0, 3.0) for _ in range(50)]

    assert not any(opinion.is_speech or opinion.is_clear for opinion in opinions)


def test_a_doubtful_voice_opens_a_turn_later_than_a_certain_one() -> None:
    certain, doubtful = (
        [opinion.is_clear for opinion in judged(Model(says), 100)].index(True) for says in (0.999, 0.95)
    )

    assert certain < doubtful


def test_one_chord_is_not_clear_speech() -> None:
    model = Model(0.01)
    judge = NeuralJudge(model, 0.0)
    opinions = []

    for frame in range(60):
        model.says = 0.9 if 20 <= frame < 32 else 0.01
        opinions.append(judge.judge(QUIET, -50.0, 20.0, True, 1.0, 2.0))

    assert any(opinion.is_speech for opinion in opinions)
    assert not any(opinion.is_clear for opinion in opinions)


def test_after_a_silence_a_voice_must_be_clear_anew() -> None:
    model = Model(0.99)
    judge = NeuralJudge(model, 0.0)
    for _ in range(500):
        judge.judge(QUIET, -50.0, 20.0, True, 3.0, 3.0)

    model.says = 0.01
    opinions = [judge.judge(QUIET, -50.0, 20.0, False, -4.0, -4.0) for _ in range(37)]

    assert not opinions[-1].is_clear


@pytest.mark.parametrize(("floor_dbfs", "lift_db"), [(-30.0, 0.0), (-50.0, 0.0), (-56.0, 6.0), (-90.0, 12.0)])
def test_a_quiet_room_is_heard_louder_and_a_noisy_one_is_not(floor_dbfs: float, lift_db: float) -> None:
    model = Model(0.5)

    judged(model, 300, floor_dbfs=floor_dbfs)

    assert 20 * np.log10(model.heard[-1] / (100 / 32768)) == pytest.approx(lift_db, abs=0.1)


def test_what_is_lifted_stays_within_full_scale() -> None:
    model = Model(0.5)
    judge = NeuralJudge(model, 0.0)

    for _ in range(300):
        judge.judge(np.full(FRAME_SAMPLES, 20000, np.int16), -90.0, 20.0, False, 0.0, 0.0)

    assert max(model.heard) <= 1.0


def test_strictness_is_asked_for_on_top() -> None:
    assert judged(Model(0.98), 50)[-1].is_speech
    assert not judged(Model(0.98), 50, strictness=2.0)[-1].is_speech


def test_while_a_reply_plays_the_four_decide() -> None:
    detector = SpeechDetector(SpeechSettings(), Model(0.999))
    silence = AudioFrame(bytes(2 * FRAME_SAMPLES), NEAR_RATE)

    hiss = AudioFrame(
        np.random.default_rng(1).normal(0, 300, FRAME_SAMPLES).astype(np.int16).tobytes(), NEAR_RATE
    )

    alone = [detector.judge(frame) for frame in [silence] * 30 + [hiss] * 50]
    over_a_reply = [detector.judge(silence, far_active=True) for _ in range(50)]

    assert alone[-1].is_clear
    assert not any(opinion.is_speech for opinion in over_a_reply)


def test_a_voice_that_does_not_stand_out_from_the_room_must_be_heard_for_longer() -> None:
    opened = []
    for over_floor_db in (20.0, 4.0):
        judge = NeuralJudge(Model(0.95), 0.0)
        opinions = [judge.judge(QUIET, -35.0, over_floor_db, True, 0.5, 0.5) for _ in range(200)]
        opened.append([opinion.is_clear for opinion in opinions].index(True))

    assert opened[0] < opened[1]


def test_doubtful_silence_counts_for_less_than_certain_silence() -> None:
    counted = [silence_in(score) for score in (-5.0, -3.0, -1.25, 0.5, 4.0)]

    assert counted == pytest.approx([1.08, 1.08, 0.73, 0.38, 0.38])
