"""The fifth opinion: how loud its model hears the room, and what its word counts for."""

from __future__ import annotations

import wave
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from voice_assistant.core.audio import NEAR_RATE, AudioFrame
from voice_assistant.core.levels import FRAME_SAMPLES
from voice_assistant.core.neural import LiftedModel
from voice_assistant.core.speech import SpeechDetector, SpeechSettings
from voice_assistant.core.verdict import Opinion

CLIP = Path(__file__).parents[1] / "data/speech/librispeech-1970-10594-0000.wav"


class Model:
    """Says what it was told to say, and remembers how loud it heard."""

    def __init__(self, says: float) -> None:
        self.says = says
        self.heard: list[float] = []

    def judge(self, samples: NDArray[np.float32]) -> float:
        self.heard.append(float(np.abs(samples).max()))
        return self.says


QUIET = np.full(FRAME_SAMPLES, 100, np.int16)


def judged(says: float, strictness: float = 0.0) -> list[Opinion]:
    """A sentence in a quiet room, with a model that says the same all the time."""
    with wave.open(str(CLIP)) as file:
        sound = np.frombuffer(file.readframes(file.getnframes()), np.int16)
    sound = np.concatenate((np.random.default_rng(1).normal(0, 3, NEAR_RATE).astype(np.int16), sound))
    detector = SpeechDetector(SpeechSettings(strictness=strictness), Model(says))
    blocks = sound[: len(sound) // FRAME_SAMPLES * FRAME_SAMPLES].reshape(-1, FRAME_SAMPLES)
    return [detector.judge(AudioFrame(block.tobytes(), NEAR_RATE)) for block in blocks]


def test_a_model_that_is_certain_is_believed() -> None:
    opinions = judged(0.99)

    assert any(opinion.is_speech and opinion.is_sure and opinion.is_clear for opinion in opinions)


def test_a_model_that_hears_nobody_is_believed_over_the_others() -> None:
    assert not any(opinion.is_clear for opinion in judged(0.01))


def test_strictness_is_asked_for_on_top() -> None:
    lax, strict = judged(0.8), judged(0.8, strictness=2.0)

    assert sum(opinion.is_speech for opinion in strict) < sum(opinion.is_speech for opinion in lax)


@pytest.mark.parametrize(("floor_dbfs", "lift_db"), [(-30.0, 0.0), (-50.0, 0.0), (-56.0, 6.0), (-90.0, 12.0)])
def test_a_quiet_room_is_heard_louder_and_a_noisy_one_is_not(floor_dbfs: float, lift_db: float) -> None:
    model = Model(0.5)
    lifted = LiftedModel(model)

    said = [lifted.judge(QUIET, floor_dbfs) for _ in range(300)]

    assert said[-1] == pytest.approx(0.0)
    assert 20 * np.log10(model.heard[-1] / (100 / 32768)) == pytest.approx(lift_db, abs=0.1)


def test_what_is_lifted_stays_within_full_scale() -> None:
    model = Model(0.5)
    lifted = LiftedModel(model)

    for _ in range(300):
        lifted.judge(np.full(FRAME_SAMPLES, 20000, np.int16), -90.0)

    assert max(model.heard) <= 1.0


def test_while_a_reply_plays_the_model_is_not_asked() -> None:
    detector = SpeechDetector(SpeechSettings(), Model(0.999))
    silence = AudioFrame(bytes(2 * FRAME_SAMPLES), NEAR_RATE)

    over_a_reply = [detector.judge(silence, far_active=True) for _ in range(50)]

    assert not any(opinion.is_speech for opinion in over_a_reply)
