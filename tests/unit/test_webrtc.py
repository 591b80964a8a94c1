"""Without WebRTC's wheel: the level over the room's noise stands in for its opinions."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from tests.support.speechlike import recorded_speech
from voice_assistant.core import webrtc
from voice_assistant.core.audio import NEAR_RATE, AudioFrame
from voice_assistant.core.levels import FRAME_SAMPLES
from voice_assistant.core.speech import SpeechDetector
from voice_assistant.core.webrtc import LevelOpinion


def noise(seconds: float, rms: float) -> np.ndarray[tuple[int], np.dtype[np.int16]]:
    return np.random.default_rng(1).normal(0, rms, round(seconds * NEAR_RATE)).astype(np.int16)


def test_what_stands_out_of_the_room_is_likely_and_the_room_is_not() -> None:
    opinion = LevelOpinion()
    room = [opinion(noise(0.02, 60)) for _ in range(100)]
    loud = [opinion(noise(0.02, 2000)) for _ in range(10)]

    assert max(room) < 0.2
    assert min(loud) > 0.9


def test_the_detector_still_tells_speech_from_a_quiet_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(webrtc, "CAN_CANCEL", False)
    detector = SpeechDetector()
    spoken = np.frombuffer(recorded_speech(), np.int16)
    sound = np.concatenate((noise(2, 30), spoken))[: 300 * FRAME_SAMPLES].reshape(-1, FRAME_SAMPLES)

    opinions = [detector.judge(AudioFrame(part.tobytes(), NEAR_RATE, 0)) for part in sound]

    assert not any(one.is_speech for one in opinions[:100])
    assert sum(one.is_clear for one in opinions[115:]) > 60


def test_the_program_loads_where_the_wheel_is_missing() -> None:
    program = (
        "import sys; sys.modules['pywebrtc_audio'] = None\n"
        "from voice_assistant.app import talk\n"
        "from voice_assistant.core.echo import EchoSettings\n"
        "from voice_assistant.core.listener import Listener\n"
        "Listener(); print(EchoSettings().possible_mode)\n"
    )

    ended = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=180, check=False
    )

    assert (ended.stdout, ended.returncode) == ("half-duplex\n", 0), ended.stderr
