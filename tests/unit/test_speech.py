"""The detector: speech is speech, noise is not, and the floor is the room's."""

from __future__ import annotations

import wave
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from voice_assistant.core import speech
from voice_assistant.core.audio import NEAR_RATE, AudioFrame
from voice_assistant.core.fusion import AHEAD_FRAMES
from voice_assistant.core.levels import FRAME_SAMPLES
from voice_assistant.core.settings import SettingError
from voice_assistant.core.speech import SpeechDetector, SpeechSettings
from voice_assistant.core.verdict import Opinion, log_odds

CLIP = Path(__file__).parents[1] / "data/speech/librispeech-1970-10594-0000.wav"
SPEECH = slice(20 + AHEAD_FRAMES, 175 + AHEAD_FRAMES)
"""The frames that tell of the clip's speech."""

Samples = NDArray[np.int16]


def clip() -> Samples:
    with wave.open(str(CLIP)) as file:
        return np.frombuffer(file.readframes(file.getnframes()), np.int16)


def noise(seconds: float, rms: float) -> Samples:
    return np.random.default_rng(1).normal(0, rms, int(seconds * NEAR_RATE)).astype(np.int16)


def judge(sound: Samples, settings: SpeechSettings | None = None) -> list[Opinion]:
    detector = SpeechDetector(settings)
    blocks = sound[: len(sound) // FRAME_SAMPLES * FRAME_SAMPLES].reshape(-1, FRAME_SAMPLES)
    return [detector.judge(AudioFrame(block.tobytes(), NEAR_RATE)) for block in blocks]


def share(opinions: list[Opinion]) -> float:
    return sum(opinion.is_speech for opinion in opinions) / len(opinions)


@pytest.mark.parametrize("gain", [1.0, 0.1])
def test_a_sentence_is_speech_near_and_far_and_the_silence_around_it_is_not(gain: float) -> None:
    quiet = noise(3, 3)
    sentence = (clip() * gain + noise(4, 3)).astype(np.int16)

    opinions = judge(np.concatenate((quiet, sentence)))[150:]

    assert share(opinions[SPEECH]) > 0.8
    assert not any(opinion.is_clear for opinion in opinions[:14])
    assert share(opinions[190:]) == 0


def test_a_sentence_is_heard_over_a_steady_noise_that_is_not_speech() -> None:
    room = noise(7, 150)
    sound = room.copy()
    sound[3 * NEAR_RATE :] += clip()

    opinions = judge(sound)

    assert share(opinions[25:150]) < 0.02
    assert share(opinions[150:][SPEECH]) > 0.7


@pytest.mark.parametrize("rms", [0, 3, 100, 3000])
def test_steady_noise_of_any_level_is_no_speech(rms: float) -> None:
    opinions = judge(noise(5, rms))

    assert share(opinions[25:]) < 0.04
    assert not any(opinion.is_clear for opinion in opinions)


def test_clear_speech_is_speech_or_was_a_moment_ago() -> None:
    opinions = judge(clip())

    clear = [at for at, opinion in enumerate(opinions) if opinion.is_clear]
    assert len(clear) > 100
    assert all(any(opinion.is_speech for opinion in opinions[at - 5 : at + 1]) for at in clear)


@pytest.mark.parametrize("rms", [3, 100])
def test_one_short_word_is_clear(rms: float) -> None:
    word = clip()[int(1.0 * NEAR_RATE) : int(1.35 * NEAR_RATE)]
    sound = noise(4, rms)
    sound[2 * NEAR_RATE :][: len(word)] += word

    opinions = judge(sound)

    assert sum(opinion.is_clear for opinion in opinions[100:150]) >= 3
    assert not any(opinion.is_clear for opinion in opinions[:100])


def test_the_floor_follows_the_room_and_not_the_talker() -> None:
    quiet, loud = noise(4, 30), noise(4, 300)
    talking = loud.copy()
    talking += clip()

    opinions = judge(np.concatenate((quiet, loud, talking)))

    in_quiet, in_noise, while_talking = (opinions[index].floor_dbfs for index in (199, 399, 560))
    assert in_noise - in_quiet == pytest.approx(20, abs=2)
    assert while_talking - in_noise < 8


def test_a_stricter_detector_hears_less() -> None:
    lax, strict = judge(clip(), SpeechSettings(strictness=-2)), judge(clip(), SpeechSettings(strictness=2))

    assert share(strict) < share(lax)
    assert all(before.is_speech for before, after in zip(lax, strict, strict=True) if after.is_speech)


def test_certainty_has_its_limits() -> None:
    assert log_odds(0.5) == pytest.approx(0)
    assert log_odds(1.0) == pytest.approx(4.615, abs=0.01)
    assert log_odds(0.0) == pytest.approx(-log_odds(1.0))


def test_a_frame_of_another_make_is_refused() -> None:
    with pytest.raises(ValueError, match="320 samples at 16000"):
        SpeechDetector().judge(AudioFrame(bytes(320), NEAR_RATE))


def test_a_strictness_out_of_range_is_refused() -> None:
    with pytest.raises(SettingError, match="strictness"):
        SpeechSettings(strictness=3)


def test_somebody_who_is_speaking_already_when_it_begins_to_listen_is_heard_at_once() -> None:
    opinions = judge(clip()[int(0.5 * NEAR_RATE) :])

    assert sum(opinion.is_clear for opinion in opinions[:25]) >= 4


def test_under_a_reply_the_spectral_detector_is_asked_where_something_stands_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked = 0

    def opinion(_: Samples) -> float:
        nonlocal asked
        asked += 1
        return 0.5

    monkeypatch.setattr(speech, "spectral_opinion", lambda _: opinion)
    detector = SpeechDetector()
    quiet, voice = noise(2, 20), clip()[: 2 * NEAR_RATE]

    counts = []
    for sound in (quiet, (quiet + voice).astype(np.int16)):
        asked = 0
        for block in sound.reshape(-1, FRAME_SAMPLES):
            detector.judge(AudioFrame(block.tobytes(), NEAR_RATE), far_active=True)
        counts.append(asked)

    assert counts[0] < 25
    assert counts[1] > 70
