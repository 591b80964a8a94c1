"""The wake word as it comes, through the whole listener: a synthetic voice says it, a person goes on."""

from __future__ import annotations

import subprocess
import sys
import wave
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from voice_assistant.core.audio import NEAR_RATE, REPLY_RATE, AudioFrame, silence
from voice_assistant.core.events import (
    Captured,
    Event,
    FellAsleep,
    ModeChanged,
    Pressed,
    Released,
    TurnClosed,
    TurnOpened,
    WakeWordHeard,
)
from voice_assistant.core.listener import Listener
from voice_assistant.core.turns import TurnSettings
from voice_assistant.core.wake import Wake, WakeModel, WakeSettings
from voice_assistant.errors import ConfigError
from voice_assistant.opinions.micro_wake_word import MicroWakeWord

ROOT = Path(__file__).resolve().parents[2]
FRAME = NEAR_RATE // 50
FAR = AudioFrame(silence(20, REPLY_RATE), REPLY_RATE)

Samples = NDArray[np.int16]


def recorded(name: str) -> Samples:
    with wave.open(str(ROOT / "tests/data" / name)) as file:
        return np.frombuffer(file.readframes(file.getnframes()), np.int16)


def quiet(seconds: float) -> Samples:
    return np.random.default_rng(5).normal(0, 8, int(seconds * NEAR_RATE)).astype(np.int16)


def word() -> Samples:
    return recorded("wake/okay_nabu.wav")


def question() -> Samples:
    """The recorded sentence, from its first sound on."""
    return recorded("speech/librispeech-1970-10594-0000.wav")[int(0.28 * NEAR_RATE) :]


class Hasty:
    """Takes the word for said after so many seconds."""

    def __init__(self, after_s: float) -> None:
        self.left = round(after_s * NEAR_RATE)

    def hear(self, samples: Samples) -> bool:
        self.left -= len(samples)
        return -len(samples) < self.left <= 0


class Desk:
    """A listener that sleeps until it hears "okay nabu"."""

    def __init__(self, follow_up_s: float = 8.0, model: WakeModel | None = None) -> None:
        if model is None:
            pytest.importorskip("pymicro_wakeword", reason="the extra [wake] is not installed")
            model = MicroWakeWord("okay nabu")
        wake = Wake(WakeSettings(follow_up_s=follow_up_s), model)
        self.listener = Listener(TurnSettings(mode="wake-word"), wake=wake)
        self.sample = 0

    def hear(self, *sounds: Samples) -> list[Event]:
        sound = np.concatenate(sounds)
        told: list[Event] = []
        for block in sound[: len(sound) // FRAME * FRAME].reshape(-1, FRAME):
            near = AudioFrame(block.tobytes(), NEAR_RATE, self.sample)
            self.sample += FRAME
            told += self.listener.judge(Captured(self.sample / NEAR_RATE, near, FAR))
        return [
            event for event in told if isinstance(event, WakeWordHeard | FellAsleep | TurnOpened | TurnClosed)
        ]


def kinds(events: list[Event]) -> list[str]:
    return [type(event).__name__ for event in events]


def test_what_is_said_before_the_word_opens_no_turn() -> None:
    assert kinds(Desk().hear(quiet(1), question(), quiet(2))) == ["FellAsleep"]


def test_a_question_in_the_same_breath_is_whole_and_begins_without_the_word() -> None:
    told = Desk().hear(quiet(2), word(), question(), quiet(2))

    assert kinds(told) == ["FellAsleep", "WakeWordHeard", "TurnOpened", "TurnClosed"]
    opened = told[2]
    assert isinstance(opened, TurnOpened)
    question_begins = 2 * NEAR_RATE + len(word())
    assert question_begins - NEAR_RATE // 2 < opened.pre_roll.first_sample < question_begins


def test_the_word_alone_opens_no_turn_and_after_a_while_it_sleeps_again() -> None:
    told = Desk(follow_up_s=3).hear(quiet(2), word(), quiet(4))

    assert kinds(told) == ["FellAsleep", "WakeWordHeard", "FellAsleep"]


@pytest.mark.parametrize("early_ms", [60, 100, 140])
def test_the_end_of_the_word_opens_no_turn_where_it_was_recognised_early(early_ms: int) -> None:
    speech = question()[:NEAR_RATE]
    speech_ends = 3.0

    told = Desk(model=Hasty(speech_ends - early_ms / 1000)).hear(quiet(2), speech, quiet(3))

    assert kinds(told) == ["FellAsleep", "WakeWordHeard"]


def test_a_question_behind_a_word_that_was_recognised_early_is_whole() -> None:
    told = Desk(model=Hasty(2.0)).hear(quiet(2), question(), quiet(2))

    assert kinds(told) == ["FellAsleep", "WakeWordHeard", "TurnOpened", "TurnClosed"]
    opened = told[2]
    assert isinstance(opened, TurnOpened)
    assert opened.pre_roll.first_sample <= 2 * NEAR_RATE


def test_who_is_muted_falls_asleep_meanwhile() -> None:
    desk = Desk(follow_up_s=3)
    desk.hear(quiet(2), word(), quiet(1))
    desk.listener.judge(Pressed(5.0, "mute"))

    told = desk.hear(quiet(4), word(), quiet(1))
    desk.listener.judge(Pressed(11.0, "mute"))
    told += desk.hear(question(), quiet(2))

    assert kinds(told) == ["FellAsleep"]


def test_after_a_turn_by_key_nobody_needs_the_word() -> None:
    desk = Desk()
    desk.hear(quiet(1))
    desk.listener.judge(Pressed(1.0, "talk"))
    desk.hear(question())
    desk.listener.judge(Released(5.0, "talk", tap=False))
    desk.hear(quiet(2))

    assert kinds(desk.hear(question(), quiet(2))) == ["TurnOpened", "TurnClosed"]


def test_whoever_goes_on_needs_no_second_word() -> None:
    desk = Desk()
    desk.hear(quiet(2), word(), question(), quiet(2))

    assert kinds(desk.hear(quiet(4), question(), quiet(2))) == ["TurnOpened", "TurnClosed"]


def test_the_key_opens_a_turn_while_it_sleeps() -> None:
    desk = Desk()
    desk.hear(quiet(1))

    assert kinds(desk.listener.judge(Pressed(1.0, "talk")))[1:] == ["TurnOpened"]


def test_the_mode_key_goes_round_and_comes_back_asleep() -> None:
    desk = Desk()
    desk.hear(quiet(1), word(), quiet(1))

    modes = []
    for _ in range(3):
        modes += [
            event.mode
            for event in desk.listener.judge(Pressed(3.0, "mode"))
            if isinstance(event, ModeChanged)
        ]

    assert modes == ["hands-free", "push-to-talk", "wake-word"]
    assert kinds(desk.hear(quiet(1), question(), quiet(2))) == ["FellAsleep"]


def test_hands_free_after_the_mode_key_needs_no_word() -> None:
    desk = Desk()
    desk.hear(quiet(1))
    desk.listener.judge(Pressed(1.0, "mode"))

    assert kinds(desk.hear(quiet(2), question(), quiet(2))) == ["TurnOpened", "TurnClosed"]


@pytest.mark.parametrize("written", ["okay nabu", "Okay_Nabu", " okay  nabu "])
def test_a_word_may_be_written_as_it_is_spoken(written: str) -> None:
    pytest.importorskip("pymicro_wakeword", reason="the extra [wake] is not installed")

    assert not MicroWakeWord(written).hear(np.zeros(FRAME, np.int16))


def test_how_sure_it_must_be_can_be_set() -> None:
    pytest.importorskip("pymicro_wakeword", reason="the extra [wake] is not installed")
    begun = np.concatenate((quiet(2), word()[: int(0.33 * len(word()))], quiet(1)))

    def is_heard(threshold: float) -> bool:
        model = MicroWakeWord("okay nabu", threshold)
        return any(model.hear(block) for block in begun[: len(begun) // FRAME * FRAME].reshape(-1, FRAME))

    assert [is_heard(threshold) for threshold in (0.0, 0.99, 0.2)] == [False, False, True]


def test_of_a_word_that_is_not_carried_the_others_are_told() -> None:
    pytest.importorskip("pymicro_wakeword", reason="the extra [wake] is not installed")

    with pytest.raises(ConfigError) as caught:
        MicroWakeWord("hey you")

    assert "[wake] word is 'hey you'" in str(caught.value)
    assert '"alexa", "hey jarvis", "hey mycroft", "okay nabu"' in str(caught.value)


def test_where_the_package_is_missing_the_remedy_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pymicro_wakeword", None)

    with pytest.raises(ConfigError, match='mode is "wake-word"') as caught:
        MicroWakeWord("okay nabu")

    assert "pip install 'voice-assistant[wake]'" in caught.value.remedy


def test_a_listener_without_a_model_refuses_the_mode() -> None:
    with pytest.raises(ValueError, match="wake word"):
        Listener(TurnSettings(mode="wake-word"))


def test_a_program_that_does_not_ask_for_it_does_not_load_it() -> None:
    code = "import sys, voice_assistant.app; print([n for n in sys.modules if n.startswith('pymicro')])"

    ended = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)

    assert ended.stdout == "[]\n"
