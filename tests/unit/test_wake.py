"""The wake word: nothing is taken before it, nothing lost behind it, and it is not needed twice in a talk."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from voice_assistant.core.audio import NEAR_RATE, AudioFrame
from voice_assistant.core.events import Event, FellAsleep, WakeWordHeard, WokenByKey
from voice_assistant.core.levels import FRAME_SAMPLES
from voice_assistant.core.settings import SettingError
from voice_assistant.core.wake import ANSWER_S, WORD_END_S, Wake, WakeSettings

WORD = AudioFrame(b"\x01\x00" * FRAME_SAMPLES, NEAR_RATE)
QUIET = AudioFrame(bytes(2 * FRAME_SAMPLES), NEAR_RATE)


class Model:
    """Takes a frame of ones for the word."""

    def hear(self, samples: NDArray[np.int16]) -> bool:
        return bool(samples[0])


class Room:
    """What is heard, frame by frame, and what is told of it."""

    def __init__(self, follow_up_s: float = 8.0) -> None:
        self.wake = Wake(WakeSettings("hey you", follow_up_s), Model())
        self.frames = 0

    def hear(
        self, seconds: float, frame: AudioFrame = QUIET, *, far_active: bool = False, in_turn: bool = False
    ) -> list[Event]:
        told: list[Event] = []
        for _ in range(round(seconds / 0.02)):
            self.frames += 1
            told += self.wake.hear(self.frames * 0.02, frame, far_active=far_active, in_turn=in_turn)
        return told


def test_it_begins_asleep_and_says_so_once() -> None:
    room = Room()

    assert room.hear(5) == [FellAsleep(0.02, "hey you")]
    assert not room.wake.is_awake


def test_the_word_wakes_it() -> None:
    room = Room()
    room.hear(1)

    assert room.hear(0.02, WORD) == [WakeWordHeard(1.02, "hey you")]
    assert room.wake.is_awake


def test_where_nobody_goes_on_it_sleeps_again() -> None:
    room = Room(follow_up_s=3)
    room.hear(0.02, WORD)

    assert room.hear(2.96) == []
    assert [type(event) for event in room.hear(0.1)] == [FellAsleep]
    assert not room.wake.is_awake


def test_it_stays_awake_for_the_turn_for_its_answer_and_a_while_behind_it() -> None:
    room = Room(follow_up_s=3)
    room.hear(0.02, WORD)

    told = room.hear(30, in_turn=True)
    told += room.hear(ANSWER_S)
    told += room.hear(60, far_active=True)
    told += room.hear(2.9)

    assert told == []
    assert [type(event) for event in room.hear(0.2)] == [FellAsleep]


def test_a_reply_that_comes_while_it_sleeps_does_not_wake_it() -> None:
    room = Room()

    room.hear(10, far_active=True)

    assert not room.wake.is_awake


def test_the_word_again_keeps_it_awake_and_is_told_once() -> None:
    room = Room(follow_up_s=3)
    room.hear(0.02, WORD)
    room.hear(2)

    assert room.hear(0.02, WORD) == []
    assert room.hear(2.9) == []


def test_a_turn_that_a_key_opened_wakes_it_for_the_answer_and_a_while_behind_it() -> None:
    room = Room(follow_up_s=3)
    room.hear(1)

    told = room.hear(2, in_turn=True)
    told += room.hear(ANSWER_S - 1)
    told += room.hear(5, far_active=True)
    told += room.hear(2.9)

    assert told == [WokenByKey(1.02)]
    assert [type(event) for event in room.hear(0.2)] == [FellAsleep]


def test_the_end_of_the_word_is_told_from_what_follows_it() -> None:
    room = Room()
    room.hear(1)
    assert not room.wake.in_word

    room.hear(0.02, WORD)
    assert room.wake.in_word
    room.hear(WORD_END_S - 0.02)
    assert room.wake.in_word
    room.hear(0.04)
    assert not room.wake.in_word


def test_sent_to_sleep_it_says_so_anew() -> None:
    room = Room()
    room.hear(0.02, WORD)

    room.wake.sleep()

    assert not room.wake.is_awake
    assert [type(event) for event in room.hear(1)] == [FellAsleep]


def test_a_time_out_of_range_and_no_word_are_refused() -> None:
    with pytest.raises(SettingError, match="follow_up_s"):
        WakeSettings(follow_up_s=1)
    with pytest.raises(SettingError, match="word"):
        WakeSettings(word=" ")
