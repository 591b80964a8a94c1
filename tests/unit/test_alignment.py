"""The measuring rod itself: holes, losses and repetitions are found, nothing in another sound."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.support.alignment import Jump, align, snr_db
from tests.support.speechlike import recorded_speech, speechlike

RATE = 16_000
SENT: NDArray[np.int16] = np.frombuffer(speechlike(3, RATE), dtype="<i2")
BEFORE = np.zeros(1234, dtype=np.int16)


def test_an_untouched_copy_is_whole() -> None:
    heard = np.concatenate((BEFORE, SENT, BEFORE))

    found = align(SENT, heard, RATE)

    assert found.is_whole
    assert found.start == 1234
    assert snr_db(SENT, heard, found) > 60


@pytest.mark.parametrize("change", [160, 800, -160, -800])
def test_a_hole_or_a_loss_is_measured_to_the_sample(change: int) -> None:
    hole = np.zeros(max(0, change), dtype=np.int16)
    heard = np.concatenate((BEFORE, SENT[:20_000], hole, SENT[20_000 + max(0, -change) :]))

    found = align(SENT, heard, RATE)

    assert [jump.samples for jump in found.jumps] == [change]
    assert abs(found.jumps[0].at - 20_000) <= 2 * 640 + 800


def test_a_repetition_is_a_jump() -> None:
    heard = np.concatenate((BEFORE, SENT[:20_480], SENT[20_000:]))

    assert [jump.samples for jump in align(SENT, heard, RATE).jumps] == [480]


def test_a_quiet_pause_of_another_sound_is_not_taken_for_it() -> None:
    other = np.frombuffer(speechlike(3, RATE, seed=7), dtype="<i2")

    assert align(SENT, other, RATE).found < 0.2


def test_half_the_level_is_still_whole() -> None:
    found = align(SENT, np.concatenate((BEFORE, SENT // 2)), RATE)

    assert found.is_whole
    assert Jump(0, 0) not in found.jumps


def test_a_click_lowers_the_signal_to_noise_ratio() -> None:
    heard = np.concatenate((BEFORE, SENT)).copy()
    heard[20_000:20_100] += 3000

    assert snr_db(SENT, heard, align(SENT, heard, RATE)) < 40


def test_the_recorded_sentence_is_there() -> None:
    speech = np.frombuffer(recorded_speech(), dtype="<i2")

    assert speech.size == 4 * RATE
    assert np.abs(speech).max() > 3000


@pytest.mark.parametrize("stall", [160, 3200, -160, -3200])
def test_a_stall_in_the_middle_is_known_from_a_loss_that_is_longer(stall: int) -> None:
    def with_gap(samples: int) -> NDArray[np.int16]:
        hole = np.zeros(max(0, samples), dtype=np.int16)
        return np.concatenate((BEFORE, SENT[:20_000], hole, SENT[20_000 + max(0, -samples) :]))

    assert align(SENT, with_gap(stall), RATE).was_held_up(RATE)
    assert not align(SENT, with_gap(8000 if stall > 0 else -8000), RATE).was_held_up(RATE)


@pytest.mark.parametrize("kept", [slice(2000, None), slice(None, -2000)], ids=["start", "end"])
def test_a_beginning_or_an_end_that_is_missing_is_no_stall(kept: slice) -> None:
    heard = np.concatenate((BEFORE, SENT[kept], BEFORE))

    assert not align(SENT, heard, RATE).was_held_up(RATE)
