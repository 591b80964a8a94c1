"""Fitting the fusion: what it learns, what it is told, and what it writes."""

from __future__ import annotations

import json
import wave
from pathlib import Path

import numpy as np
import pytest

from benchmarks import fusing
from benchmarks.fusing import draw_start, excerpt, fit, score, source, speech, without_model
from voice_assistant.core.audio import NEAR_RATE
from voice_assistant.core.fusion import AHEAD_FRAMES, Fusion, Weights
from voice_assistant.core.fusion_weights import FIVE, FOUR
from voice_assistant.core.levels import SPECTRUM_HZ

CLIP = Path(__file__).parents[1] / "data/speech/librispeech-1970-10594-0000.wav"


def test_it_learns_what_one_number_alone_does_not_tell() -> None:
    inputs = np.random.default_rng(1).normal(0, 5, (100_000, 3)).astype(np.float32)
    spoken = (np.abs(inputs[:, 0]) > 5).astype(np.float32)

    weights = fit(inputs, spoken)

    assert ((score(weights, inputs) > 0) == (spoken > 0)).mean() > 0.95


def test_a_frame_tells_of_the_speech_a_while_ago() -> None:
    spoken = speech([[0.1, 0.2]], 0.0, 20)

    assert np.flatnonzero(spoken).tolist() == [frame + AHEAD_FRAMES for frame in range(5, 10)]
    assert np.flatnonzero(speech([[0.1, 0.2]], 0.1, 20)).tolist() == [
        frame + AHEAD_FRAMES for frame in range(5)
    ]


def test_the_four_are_given_the_same_as_the_five_but_for_the_model_s_word() -> None:
    rng = np.random.default_rng(2)
    four, five = Fusion(3, FOUR), Fusion(4, FIVE)
    for _ in range(50):
        said = rng.uniform(-1, 1, 4).tolist()
        spectrum = rng.uniform(0, 1e-6, 2 * len(SPECTRUM_HZ)).astype(np.float32)
        four.follow(said[:3], spectrum)
        five.follow(said, spectrum)

    assert np.array_equal(without_model(five.state[None])[0], four.state)


def test_an_excerpt_begins_at_a_frame_and_a_short_recording_has_none() -> None:
    pcm = np.arange(20 * NEAR_RATE, dtype=np.uint32).astype("<i2").tobytes()

    ((start_s, part),) = excerpt(pcm, 1.234)

    assert start_s == pytest.approx(1.24)
    assert np.frombuffer(part, "<i2")[0] == np.frombuffer(pcm, "<i2")[round(1.24 * NEAR_RATE)]
    assert len(part) == 8 * NEAR_RATE * 2
    assert draw_start([], 5.0, np.random.default_rng(1)) is None
    assert excerpt(pcm, None) == []


def test_what_is_written_is_the_program_s_module_of_weights() -> None:
    weights = Weights(
        np.full((46, 16), 0.5, np.float32), np.ones(16, np.float32), np.ones(16, np.float32), -2.0
    )
    read: dict[str, Weights] = {}

    exec(source("fusion", "fusing", [("FOUR", weights)]), read)

    assert read["FOUR"].out_bias == -2.0
    assert np.array_equal(read["FOUR"].hidden, weights.hidden)


def test_it_fits_both_networks_on_a_folder_of_recordings(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with wave.open(str(CLIP)) as file:
        sound = np.frombuffer(file.readframes(file.getnframes()), np.int16)
    silence = np.random.default_rng(1).normal(0, 10, 3 * NEAR_RATE).astype(np.int16)
    with wave.open(str(tmp_path / "one.wav"), "wb") as made:
        made.setnchannels(1)
        made.setsampwidth(2)
        made.setframerate(NEAR_RATE)
        made.writeframes(np.concatenate((silence, sound, silence)).tobytes())
    labels = tmp_path / "labels.json"
    labels.write_text(json.dumps({"files": [{"file": "one.wav", "segments": [[3.4, 6.5]]}]}))

    assert fusing.main([str(labels)] * 3) == 0

    lines = capsys.readouterr().out.splitlines()
    assert [line.split(":")[0] for line in lines] == ["FOUR", "FIVE"]
