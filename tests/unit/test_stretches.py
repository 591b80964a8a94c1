"""Stretches: speech is cut at its pauses, and every sample is in one stretch."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from voice_assistant.core.stretches import FRAME_MS, LONGEST_MS, SHORTEST_MS, Stretches

RATE = 24_000


def speech(ms: int, seed: int = 0) -> bytes:
    noise = np.random.default_rng(seed).normal(0, 4000, ms * RATE // 1000)
    return noise.clip(-32_000, 32_000).astype("<i2").tobytes()


def pause(ms: int) -> bytes:
    return bytes(ms * RATE // 1000 * 2)


def lengths_ms(sound: bytes) -> list[float]:
    """The stretches of a sound that has come whole."""
    stretches = Stretches()
    stretches.feed(sound)
    lengths = []
    while stretch := stretches.take(is_over=True)[0]:
        lengths.append(len(stretch) / 2 * 1000 / RATE)
    return lengths


def test_speech_is_cut_in_the_middle_of_its_pause() -> None:
    assert lengths_ms(speech(3000) + pause(400) + speech(1000)) == [3100.0, 1300.0]


def test_a_pause_near_the_beginning_or_one_inside_a_word_cuts_nothing() -> None:
    assert lengths_ms(speech(1000) + pause(400) + speech(1000)) == [2400.0]
    assert lengths_ms(speech(3000) + pause(120) + speech(1000)) == [4120.0]


def test_speech_without_a_pause_is_cut_in_its_quietest_moment_before_it_gets_too_long() -> None:
    hushed = (np.frombuffer(speech(FRAME_MS), "<i2") // 4).astype("<i2").tobytes()

    lengths = lengths_ms(speech(7000) + hushed + speech(8000))

    assert lengths == [7000.0 + FRAME_MS, 8000.0]


def test_a_stretch_is_there_as_soon_as_its_pause_is() -> None:
    stretches = Stretches()
    stretches.feed(speech(3000))

    before = stretches.take(is_over=False)
    stretches.feed(pause(240))
    after = stretches.take(is_over=False)

    assert before == (b"", False)
    assert len(after[0]) > 0


def test_a_stretch_without_speech_is_told_from_one_with_it() -> None:
    stretches = Stretches()
    stretches.feed(speech(3000) + pause(600))

    first, rest = stretches.take(is_over=True), stretches.take(is_over=True)

    assert first[1] is True
    assert len(rest[0]) > 0
    assert rest[1] is False


def test_what_was_not_heard_is_not_kept() -> None:
    stretches = Stretches()
    stretches.feed(speech(2000))

    stretches.keep(500.0)

    assert stretches.ms == 500.0
    assert len(stretches.take(is_over=True)[0]) == 500 * RATE // 1000 * 2


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.tuples(st.booleans(), st.integers(10, 4000)), max_size=8), st.integers(1, 9000), st.booleans()
)
def test_every_sample_is_in_one_stretch_and_none_is_too_long(
    parts: list[tuple[bool, int]], size: int, is_live: bool
) -> None:
    sound = b"".join(speech(ms) if is_speech else pause(ms) for is_speech, ms in parts)
    stretches, taken = Stretches(), list[bytes]()
    for at in range(0, len(sound), 2 * size):
        stretches.feed(sound[at : at + 2 * size])
        while is_live and (stretch := stretches.take(is_over=False)[0]):
            taken.append(stretch)
    while stretch := stretches.take(is_over=True)[0]:
        taken.append(stretch)

    assert b"".join(taken) == sound
    assert all(len(one) / 2 * 1000 / RATE <= LONGEST_MS + FRAME_MS for one in taken)
    assert all(len(one) / 2 * 1000 / RATE >= SHORTEST_MS - 200 for one in taken[:-1])
