"""The canceller rests where nobody asks for it, and comes back as if it had not."""

from __future__ import annotations

import wave
from pathlib import Path

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from pywebrtc_audio import EchoCanceller as Aec3

from voice_assistant.core.audio import NEAR_RATE
from voice_assistant.core.resting import _FIRST_FRAMES, _MISSED_FRAMES, Resting

FRAME = NEAR_RATE // 50
SPOKEN = Path(__file__).parents[1] / "data" / "speech" / "librispeech-1970-10594-0000.wav"

Samples = NDArray[np.int16]


class Counting:
    """A canceller that notes the number in each frame it is fed, and hands on the near end."""

    def __init__(self) -> None:
        self.fed: list[int] = []

    def process(self, near: Samples, far: Samples, /) -> Samples:
        assert near[0] == far[0]
        self.fed.append(int(near[0]))
        return near


def numbered(number: int) -> Samples:
    return np.full(FRAME, number, np.int16)


@given(st.lists(st.tuples(st.booleans(), st.integers(1, 400)), max_size=6))
def test_it_is_fed_in_order_and_knows_the_last_half_second_when_it_is_asked(
    stretches: list[tuple[bool, int]],
) -> None:
    canceller = Counting()
    resting = Resting(canceller)
    number = 0

    for is_asked, frames in stretches:
        for _ in range(frames):
            out = resting.process(numbered(number), numbered(number), is_asked=is_asked)
            if is_asked:
                assert out is not None
                assert out[0] == number
                newest = canceller.fed[-1 - _MISSED_FRAMES :]
                assert newest == list(range(max(0, number - _MISSED_FRAMES), number + 1))
            number += 1

    assert canceller.fed == sorted(set(canceller.fed))


def test_it_is_left_out_after_the_first_seconds_while_nobody_asks() -> None:
    canceller = Counting()
    resting = Resting(canceller)

    for number in range(_FIRST_FRAMES + 1000):
        resting.process(numbered(number), numbered(number), is_asked=False)

    assert len(canceller.fed) == _FIRST_FRAMES


def test_after_a_rest_echo_is_taken_out_as_if_there_had_been_none() -> None:
    with wave.open(str(SPOKEN)) as file:
        spoken = np.frombuffer(file.readframes(4 * NEAR_RATE), np.int16)
    # A reply, twelve seconds of silence, and the reply again; the microphone hears it 60 ms later.
    far = np.concatenate((spoken, np.zeros(12 * NEAR_RATE, np.int16), spoken))
    far = far[: len(far) // FRAME * FRAME]
    delay = 60 * NEAR_RATE // 1000
    noise = np.random.default_rng(1).normal(0, 5, len(far))
    near = (noise + np.concatenate((np.zeros(delay), far * 0.3))[: len(far)]).astype(np.int16)
    far = far + (np.arange(len(far)) % FRAME == 0).astype(np.int16)
    again = len(spoken) + 12 * NEAR_RATE
    resting, never_resting = Resting(Aec3(NEAR_RATE)), Aec3(NEAR_RATE)
    rested, fed = [], []

    for at in range(0, len(near), FRAME):
        both = near[at : at + FRAME], far[at : at + FRAME]
        silent = len(spoken) + NEAR_RATE <= at < again // FRAME * FRAME
        out = resting.process(*both, is_asked=not silent)
        rested.append(both[0] if out is None else out)
        fed.append(never_resting.process(*both))

    for second in range(3):
        part = slice(again + second * NEAR_RATE, again + (second + 1) * NEAR_RATE)
        left, wanted = (level(np.concatenate(out)[part]) for out in (rested, fed))
        assert left < wanted + 1.5
        assert left < level(near[part]) - 15


def level(samples: Samples) -> float:
    return float(10 * np.log10(np.mean(np.square(samples.astype(float))) + 1e-9))
