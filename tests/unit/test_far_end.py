"""The reference keeps its distance to the microphone, except where samples are lost or clocks drift."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from voice_assistant.core.audio import REPLY_RATE
from voice_assistant.devices.far_end import (
    FRAME,
    HIGHEST,
    RING_SAMPLES,
    SETTLING_BLOCKS,
    STALLED_BLOCKS,
    FarEnd,
    between,
)

BLOCK = 480


class Streams:
    """A loudspeaker whose samples tell their index, and a microphone; callbacks come as a test wants."""

    def __init__(self, *, phase: float = 0.5, drift: float = 0.0) -> None:
        self.far_end = FarEnd()
        self.phase = phase
        self.drift = drift
        self.near_end = 0
        self.played = 0
        self.starts: list[int] = []
        self.blocks: list[bytes] = []

    def play(self, blocks: int) -> None:
        for _ in range(blocks):
            numbers = np.arange(self.played, self.played + FRAME)
            self.far_end.write((numbers % 30_000 + 1).astype("<i2").tobytes())
            self.played += FRAME

    def run(self, blocks: int, *, late: int = 0) -> None:
        """Capture *blocks* of 20 ms while the loudspeaker plays, *late* frames behind."""
        for _ in range(blocks):
            self.near_end += BLOCK
            due = int(self.near_end * (1 + self.drift) / FRAME + self.phase) - late
            self.play(due - self.played // FRAME)
            self.capture()

    def capture(self) -> None:
        frame = self.far_end.partner(self.near_end, BLOCK, self.far_end.written)
        self.starts.append(frame.first_sample)
        self.blocks.append(frame.pcm)

    def newest(self) -> int:
        """Index of the newest sample of the newest partner."""
        return self.starts[-1] + BLOCK - 1

    def steps(self) -> set[int]:
        """By how much the partner moved on, from block to block."""
        return {int(step) for step in np.diff(self.starts)}


def numbers(pcm: bytes) -> list[int]:
    return [int(value) for value in np.frombuffer(pcm, dtype="<i2")]


def test_before_anything_was_played_the_reference_is_silence() -> None:
    frame = FarEnd().partner(BLOCK, BLOCK, 0)

    assert frame.pcm == bytes(2 * BLOCK)
    assert frame.rate == 24_000


@settings(deadline=None)
@given(st.floats(0.0, 0.999))
def test_a_settled_reference_runs_on_without_a_step(phase: float) -> None:
    streams = Streams(phase=phase)
    streams.run(SETTLING_BLOCKS)
    streams.starts.clear()

    streams.run(300)

    assert streams.steps() == {BLOCK}
    assert streams.far_end.slips == 0


@settings(deadline=None)
@given(st.floats(0.0, 0.999))
def test_a_settled_reference_is_complete_and_nearly_the_newest(phase: float) -> None:
    streams = Streams(phase=phase)

    streams.run(100)

    assert numbers(streams.blocks[-1])[-1] == streams.newest() % 30_000 + 1
    assert 0 not in numbers(streams.blocks[-1])
    assert 0 < streams.played - streams.newest() <= FRAME


def test_callbacks_that_come_late_once_move_nothing() -> None:
    streams = Streams()
    streams.run(100)
    streams.starts.clear()

    streams.run(1, late=3)
    streams.run(100)

    assert streams.steps() == {BLOCK}


@pytest.mark.parametrize("drift", [200e-6, -200e-6])
def test_clocks_that_drift_apart_are_followed_without_a_step(drift: float) -> None:
    streams = Streams(drift=drift)
    streams.run(SETTLING_BLOCKS)
    streams.starts.clear()

    streams.run(10 * 60 * 50)  # ten minutes

    assert 18 <= streams.far_end.slips <= 28
    assert streams.far_end.alignments == 1
    assert 0 <= streams.played - streams.starts[-1] - BLOCK <= HIGHEST + FRAME
    assert streams.steps() <= {BLOCK - 1, BLOCK, BLOCK + 1}


@pytest.mark.parametrize("fraction", [0.1, 0.5, 0.9])
def test_sound_between_its_samples_is_the_sound(fraction: float) -> None:
    at = np.arange(2000)
    tone = np.rint(8000 * np.sin(2 * np.pi * 1000 * at / REPLY_RATE)).astype("<i2")

    made = np.frombuffer(between(tone.tobytes(), fraction), "<i2")

    wanted = 8000 * np.sin(2 * np.pi * 1000 * (at[1:-2] + fraction) / REPLY_RATE)
    assert np.abs(made - wanted).max() < 3


def test_samples_lost_by_the_loudspeaker_are_made_up_for_at_once() -> None:
    streams = Streams()
    streams.run(100)
    distance = streams.played - streams.starts[-1]

    streams.near_end += 5 * FRAME  # meanwhile it had nothing to play
    streams.phase -= 5
    streams.far_end.realign()
    streams.run(SETTLING_BLOCKS)

    assert streams.played - streams.starts[-1] == pytest.approx(distance, abs=FRAME)
    assert streams.far_end.alignments == 2


def test_what_was_played_last_does_not_come_back_when_the_loudspeaker_stops() -> None:
    streams = Streams()
    streams.run(50)

    for _ in range(STALLED_BLOCKS * 3):
        streams.near_end += BLOCK
        streams.capture()

    heard = [number for block in streams.blocks for number in numbers(block) if number]
    assert len(heard) == len(set(heard)) + overlap_while_settling(streams)
    assert streams.blocks[-1] == bytes(2 * BLOCK)


def overlap_while_settling(streams: Streams) -> int:
    """Samples that were given twice when the first alignment was made exact."""
    return max(0, streams.starts[SETTLING_BLOCKS - 2] + BLOCK - streams.starts[SETTLING_BLOCKS - 1])


def test_a_loudspeaker_that_starts_again_is_aligned_anew() -> None:
    streams = Streams()
    streams.run(50)
    for _ in range(2 * STALLED_BLOCKS):
        streams.near_end += BLOCK
        streams.capture()
    streams.phase -= 2 * STALLED_BLOCKS * 2

    streams.run(60)

    assert numbers(streams.blocks[-1])[-1] == streams.newest() % 30_000 + 1
    assert 0 < streams.played - streams.newest() <= FRAME
    assert streams.far_end.alignments >= 2


def test_a_loop_that_is_late_still_gets_what_belonged_to_the_block() -> None:
    streams = Streams()
    streams.run(100)
    near_end, written = streams.near_end + BLOCK, streams.far_end.written + BLOCK

    streams.play(50)
    frame = streams.far_end.partner(near_end, BLOCK, written)

    assert frame.first_sample == streams.starts[-1] + BLOCK
    assert numbers(frame.pcm)[0] == frame.first_sample % 30_000 + 1


def test_the_reference_of_a_slow_loudspeaker_is_held_back_to_where_a_canceller_can_use_it() -> None:
    streams = Streams()
    streams.far_end.playout_delay_s = 0.6
    streams.far_end.capture_delay_s = 0.05

    streams.run(100)

    behind = streams.played - streams.newest() - 1
    assert 0 <= behind - round(0.55 * REPLY_RATE) <= FRAME
    assert streams.far_end.slips == 0
    assert 0 not in numbers(streams.blocks[-1])


def test_what_has_been_overwritten_is_silence() -> None:
    streams = Streams()
    streams.run(100)

    streams.play(RING_SAMPLES // FRAME + 10)
    frame = streams.far_end.partner(streams.near_end + BLOCK, BLOCK, streams.near_end + BLOCK)

    assert frame.pcm == bytes(2 * BLOCK)


def test_a_loudspeaker_that_holds_more_than_before_has_its_reference_held_back_by_as_much() -> None:
    streams = Streams()
    leads = []
    for hold_back_s in (0.0, 0.08, 0.02, 0.0):
        streams.far_end.hold_back_s = hold_back_s
        streams.far_end.realign()
        streams.run(100)
        leads.append((streams.played - streams.newest() - 1) / REPLY_RATE)

    moved = [round(lead - leads[0], 4) for lead in leads]
    assert moved == pytest.approx([0.0, 0.08, 0.02, 0.0], abs=0.006)
    assert streams.far_end.slips == 0
