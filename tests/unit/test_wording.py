"""Fitting what tells a word from a hum: what it learns from folders, and what it writes."""

from __future__ import annotations

import wave
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from benchmarks import fusing, voices, wording
from tests.support.speechlike import RECORDED_SPEECH_S, recorded_speech
from voice_assistant.core.audio import NEAR_RATE
from voice_assistant.core.fusion import Weights
from voice_assistant.core.word_weights import WORD


def write(path: Path, sound: NDArray[np.float64]) -> None:
    path.parent.mkdir(exist_ok=True)
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(NEAR_RATE)
        file.writeframes((sound / np.abs(sound).max() * 9000).astype("<i2").tobytes())


@pytest.fixture
def folders(tmp_path: Path) -> Path:
    """Words out of one sentence, hums, and a hiss."""
    begin, end = (round(at * NEAR_RATE) for at in RECORDED_SPEECH_S)
    words = np.frombuffer(recorded_speech(), "<i2").astype(float)[begin:end]
    for number, start in enumerate(range(0, len(words) - 6400, 6400)):
        write(tmp_path / "words" / f"{number}.wav", words[start : start + 6400])
        write(tmp_path / "hums" / f"{number}.wav", voices.hum(np.random.default_rng(number)))
    write(tmp_path / "noise" / "hiss.wav", np.random.default_rng(1).normal(0, 1, 5 * NEAR_RATE))
    return tmp_path


def fit_to(folders: Path, *more: str) -> int:
    return wording.main(
        [
            *("--words", str(folders / "words"), "--others", str(folders / "hums")),
            *("--noise", str(folders / "noise" / "hiss.wav"), *more),
        ]
    )


def test_it_tells_the_words_in_one_folder_from_the_hums_in_another(
    folders: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(wording, "DRAWS", 120)
    monkeypatch.setattr(wording, "NOISE_DRAWS", 20)
    monkeypatch.setattr(fusing, "BATCH", 64)

    assert fit_to(folders) == 0

    assert float(capsys.readouterr().out.split()[2]) > 85


def test_a_folder_without_recordings_is_named(folders: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for path in (folders / "hums").iterdir():
        path.unlink()

    assert fit_to(folders) == 1

    assert "there is no WAV or FLAC in" in capsys.readouterr().err


def test_what_is_written_is_the_program_s_module_of_weights() -> None:
    read: dict[str, Weights] = {}

    exec(fusing.source("word", "wording", [("WORD", WORD)]), read)

    assert read["WORD"].write() == WORD.write()
    assert WORD.hidden.shape == (11, wording.UNITS)
