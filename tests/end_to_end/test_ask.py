"""The installed command 'ask', and files in the place of the devices of 'talk': questions by voice, answered.

The offline assistant answers. The questions are synthetic, and spoken in real time, so several are asked at
the same time.
"""

from __future__ import annotations

import json
import os
import subprocess
import wave
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.support.offline_client import QUESTIONS
from tests.support.sound_server import NO_DEVICES, SoundServer
from tests.support.terminal_program import COMMAND, home_environment
from voice_assistant.core.audio import NEAR_RATE, REPLY_RATE, Resampler, level_dbfs
from voice_assistant.devices.wav import read_at, read_wav

Ended = subprocess.CompletedProcess[str]

BELL_HZ = 880


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A person's home, on a machine without sound."""
    folder = tmp_path_factory.mktemp("home")
    (folder / "asound.conf").write_text(NO_DEVICES)
    return folder


def run(home: Path, *words: str, env: dict[str, str] | None = None) -> Ended:
    silent = home_environment(os.environ, home, ALSA_CONFIG_PATH=str(home / "asound.conf"))
    return subprocess.run(
        [COMMAND, *words],
        env=env or silent,
        cwd=home,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )


# --- Questions by voice ---

ASKED = {
    "what_is_seventeen_times_twenty_three": "391",
    "what_time_is_it": "It is ",
    "how_many_kilometers_is_ten_miles": "16.093",
    "what_is_the_date_please": "Today is ",
}


@pytest.fixture(scope="module")
def asked(home: Path) -> dict[str, Ended]:
    """Ask them all at the same time."""

    def ask(name: str) -> Ended:
        return run(home, "ask", str(QUESTIONS / f"{name}.wav"), "--json", "--output", f"{name}.answer.wav")

    with ThreadPoolExecutor(len(ASKED)) as asking:
        return dict(zip(ASKED, asking.map(ask, ASKED), strict=True))


@pytest.mark.parametrize("name", ASKED)
def test_a_spoken_question_is_answered_in_words_and_in_a_file(
    asked: dict[str, Ended], home: Path, name: str
) -> None:
    ended = asked[name]

    told = json.loads(ended.stdout)
    assert ended.returncode == 0, ended.stderr
    assert ASKED[name] in told["answer"], told
    assert told["question"]
    pcm, rate = read_wav(home / f"{name}.answer.wav")
    assert rate == REPLY_RATE
    assert level_dbfs(pcm) > -40
    assert abs(len(pcm) / 2 / REPLY_RATE - told["heard_ms"] / 1000) < 0.5


def in_format(path: Path, rate: int, width: int, channels: int) -> Path:
    """Write a question in another format of PCM."""
    source, given = read_wav(QUESTIONS / "what_is_seventeen_times_twenty_three.wav")
    resampler = Resampler(given, rate)
    samples = np.repeat(np.frombuffer(resampler.feed(source) + resampler.flush(), "<i2"), channels)
    match width:
        case 1:
            data = (samples // 256 + 128).astype(np.uint8).tobytes()
        case 3:
            data = (samples.astype("<i4") * 256).view(np.uint8).reshape(-1, 4)[:, :3].tobytes()
        case _:
            data = samples.astype("<i2").tobytes()
    with wave.open(str(path), "wb") as file:
        file.setparams((channels, width, rate, 0, "NONE", ""))
        file.writeframes(data)
    return path


def test_a_question_may_have_any_rate_width_and_one_channel_or_two(home: Path) -> None:
    formats = [(8_000, 1, 1), (44_100, 3, 2), (22_050, 2, 2)]
    files = [in_format(home / f"q{rate}.wav", rate, width, n) for rate, width, n in formats]

    with ThreadPoolExecutor(3) as asking:
        ended = list(asking.map(lambda file: run(home, "ask", str(file)), files))

    assert [one.stdout for one in ended] == ["That is 391.\n"] * 3
    assert [one.returncode for one in ended] == [0] * 3


# --- Questions in writing, and what is no question ---


def test_a_written_question_needs_no_sound_at_all(home: Path) -> None:
    ended = run(home, "ask", "--text", "what is two plus two")

    assert (ended.returncode, ended.stdout) == (0, "That is 4.\n")
    assert "Nothing is heard: no sound devices were found." in ended.stderr


def test_an_answer_is_heard_where_there_is_a_loudspeaker(home: Path, sound_server: SoundServer) -> None:
    env = home_environment(sound_server.env, home)

    with sound_server.record() as recording:
        ended = run(home, "ask", "--text", "what is two plus two", env=env)

    assert (ended.returncode, ended.stdout) == (0, "That is 4.\n")
    assert "Nothing is heard" not in ended.stderr
    assert recording.speaker.max() > 3000


def test_a_loudspeaker_that_was_asked_for_must_be_there(home: Path) -> None:
    ended = run(home, "ask", "--text", "what is two plus two", "--play")

    assert ended.returncode == 3
    assert "no sound devices were found" in ended.stderr


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["nowhere.wav"], 3, "cannot read nowhere.wav: No such file"),
        (["asound.conf"], 3, "asound.conf is not a WAV file"),
        (["silence.wav"], 3, "silence.wav holds nothing but silence"),
        (["silence.wav", "--text", "and more"], 2, "either a file or a text"),
        (["talking.wav", "--output", "talking.wav"], 2, "cannot be the question and the answer"),
        (["--text", "hello", "--output", "no/where/answer.wav"], 3, "cannot write no/where/answer.wav"),
    ],
)
def test_what_cannot_be_asked_is_told_before_anything_is_started(
    home: Path, words: list[str], code: int, said: str
) -> None:
    in_format(home / "talking.wav", NEAR_RATE, 2, 1)
    silence = bytearray((home / "talking.wav").read_bytes())
    silence[44:] = bytes(len(silence) - 44)
    (home / "silence.wav").write_bytes(silence)

    ended = run(home, "ask", *words)

    assert (ended.returncode, ended.stdout) == (code, "")
    assert ended.stderr.startswith("error: ")
    assert said in ended.stderr.splitlines()[0]
    assert (home / "talking.wav").stat().st_size > 50_000


# --- Files in the place of the devices of talk ---


@pytest.fixture(scope="module")
def timer_question(home: Path) -> Path:
    """Have a timer of three seconds asked for, and then eight seconds of silence."""
    asked, rate = read_wav(QUESTIONS / "set_a_timer_for_three_seconds.wav")
    with wave.open(str(home / "timer.wav"), "wb") as file:
        file.setparams((1, 2, rate, 0, "NONE", ""))
        file.writeframes(asked + bytes(8 * 2 * rate))
    return home / "timer.wav"


def strength_at(samples: NDArray[np.float64], hertz: float) -> float:
    """Say how much of the sound is this one tone: 0 to 1, by its share of the energy in a band of 20 Hz."""
    spectrum = np.abs(np.fft.rfft(samples)) ** 2
    frequencies = np.fft.rfftfreq(samples.size, 1 / REPLY_RATE)
    band = (frequencies > hertz - 20) & (frequencies < hertz + 20)
    return float(spectrum[band].sum() / max(spectrum.sum(), 1e-9))


def test_a_timer_that_was_asked_for_by_voice_rings(home: Path, timer_question: Path) -> None:
    ended = run(home, "talk", "--input-file", timer_question.name, "--output-file", "rung.wav")

    assert ended.returncode == 0, ended.stderr
    assert "you: Set a timer for three seconds." in ended.stdout
    assert "3 seconds" in ended.stdout
    heard = np.frombuffer(read_at(home / "rung.wav", REPLY_RATE), "<i2").astype(np.float64)
    bells = [
        at / REPLY_RATE
        for at in range(0, heard.size - REPLY_RATE // 4, REPLY_RATE // 4)
        if strength_at(heard[at : at + REPLY_RATE // 4], BELL_HZ) > 0.5
    ]
    assert bells, "no bell in what was heard"
    # From the end of the assistant's sentence, which is where the file begins, to the bell.
    assert bells[0] > 1.5
