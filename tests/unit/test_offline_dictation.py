"""The words of a turn, worked out while it goes on: with a recogniser that counts what it is given."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from voice_assistant.core.audio import NEAR_RATE, silence
from voice_assistant.offline.dictation import HOPEFUL_SILENCE_MS, Dictation
from voice_assistant.offline.watch import FRAME_MS

SPEECH = b"\x10\x27" * (NEAR_RATE * FRAME_MS // 1000)
SILENCE = silence(FRAME_MS, NEAR_RATE)
WORD_MS = 200


class Counting:
    """Hears one word for each 200 ms of speech in what it is given: ``w1 w2 w3``."""

    name = "counting"

    def __init__(self) -> None:
        self.readings: list[int] = []
        self._said = 0

    async def words(self, pcm: bytes) -> str:
        self.readings.append(len(pcm))
        await asyncio.sleep(0)
        frames = sum(pcm[at : at + len(SPEECH)] == SPEECH for at in range(0, len(pcm), len(SPEECH)))
        return " ".join(f"w{number + 1}" for number in range(frames * FRAME_MS // WORD_MS))

    def close(self) -> None:
        """Nothing to give up."""


async def dictated(pattern: list[tuple[bool, int]]) -> tuple[str, list[str], Counting]:
    """Dictate stretches of speech and silence, each of some frames; the loop runs between frames."""
    recogniser = Counting()
    handed: list[str] = []
    dictation = Dictation(recogniser, handed.append)
    for is_speech, frames in pattern:
        for _ in range(frames):
            dictation.feed(SPEECH if is_speech else SILENCE, is_speech=is_speech)
            for _ in range(4):
                await asyncio.sleep(0)
    return await dictation.finish(), handed, recogniser


async def test_a_turn_is_read_in_its_first_silence_and_not_again_at_its_end() -> None:
    words, _, recogniser = await dictated([(True, 50), (False, 25)])

    assert words == "w1 w2 w3 w4 w5"
    assert len(recogniser.readings) == 1
    assert recogniser.readings[0] < (50 + HOPEFUL_SILENCE_MS // FRAME_MS + 1) * len(SPEECH)


async def test_speech_after_the_silence_is_not_lost() -> None:
    words, _, recogniser = await dictated([(True, 30), (False, 15), (True, 20), (False, 5)])

    assert words == "w1 w2 w3 w4 w5"
    assert len(recogniser.readings) == 2


async def test_a_turn_that_was_read_to_its_end_is_told_before_it_is_over_and_again_when_it_goes_on() -> None:
    told: list[str] = []
    dictation = Dictation(Counting(), lambda _: None, told.append)
    for is_speech, frames in ((True, 90), (False, 15), (True, 20), (False, 15)):
        for _ in range(frames):
            dictation.feed(SPEECH if is_speech else SILENCE, is_speech=is_speech)
            for _ in range(4):
                await asyncio.sleep(0)

    # The look on the way, while speech goes on, is none of them.
    assert told == ["w1 w2 w3 w4 w5 w6 w7 w8 w9", "w1 w2 w3 w4 w5 w6 w7 w8 w9 w10 w11"]


async def test_a_turn_without_noticed_speech_is_read_whole() -> None:
    recogniser = Counting()
    dictation = Dictation(recogniser, lambda _: None)
    for _ in range(40):
        dictation.feed(SPEECH, is_speech=False)  # too quiet for the watch

    assert await dictation.finish() == "w1 w2 w3 w4"


async def test_the_silence_before_the_first_word_is_not_read() -> None:
    words, _, recogniser = await dictated([(False, 500), (True, 50), (False, 20)])

    assert words == "w1 w2 w3 w4 w5"
    assert max(recogniser.readings) < 100 * len(SPEECH)


async def test_a_long_turn_is_settled_piece_by_piece() -> None:
    words, _, recogniser = await dictated([(True, 450), (False, 20), (True, 50), (False, 20)])

    assert words == " ".join(f"w{number}" for number in [*range(1, 46), *range(1, 6)])
    assert max(recogniser.readings[-1:]) < 100 * len(SPEECH)


@given(
    pattern=st.lists(st.tuples(st.booleans(), st.integers(1, 150)), max_size=8),
)
@settings(max_examples=40, deadline=None)
def test_words_handed_out_on_the_way_are_the_beginning_of_the_words_in_the_end(
    pattern: list[tuple[bool, int]],
) -> None:
    words, handed, _ = asyncio.run(dictated(pattern))

    assert "".join(handed) == words


async def test_a_recogniser_that_fails_is_heard_of_at_the_end() -> None:
    class Failing(Counting):
        async def words(self, pcm: bytes) -> str:
            raise OSError("no recogniser")

    dictation = Dictation(Failing(), lambda _: None)
    for is_speech, frames in ((True, 50), (False, 25)):
        for _ in range(frames):
            dictation.feed(SPEECH if is_speech else SILENCE, is_speech=is_speech)
            await asyncio.sleep(0)

    with pytest.raises(OSError, match="no recogniser"):
        await dictation.finish()
