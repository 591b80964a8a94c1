"""What comes in of the user's voice, where the meaning decides that a turn is over."""

from __future__ import annotations

import asyncio

import pytest

from tests.support.speechlike import speechlike
from voice_assistant.core.audio import NEAR_RATE, silence
from voice_assistant.offline.intake import COMPLETE_SILENCE_MS, Intake, Turn
from voice_assistant.offline.watch import FRAME_BYTES, WatchSettings

BY_MEANING = WatchSettings(silence_duration_ms=8000, prefix_padding_ms=1000, by_meaning=True)


class Listening:
    """A recogniser that always hears the same, and keeps what it was given."""

    name = "listening"

    def __init__(self) -> None:
        self.given: list[bytes] = []

    async def words(self, pcm: bytes) -> str:
        self.given.append(pcm)
        return "what time is it"

    def close(self) -> None:
        """Nothing to give up."""


class Desk:
    """An intake, the turns that it found, and the loop that runs between two frames."""

    def __init__(self, *, complete: bool = True, settings: WatchSettings = BY_MEANING) -> None:
        self.recogniser = Listening()
        self.turns: list[tuple[Turn, int]] = []
        self.intake = Intake(
            self.recogniser,
            on_words=lambda _item, _words: None,
            on_start=lambda _item, _at: None,
            on_stop=lambda turn, at: self.turns.append((turn, at)),
            is_complete=lambda _words: complete,
        )
        self.intake.configure(settings, NEAR_RATE)

    async def hear(self, pcm: bytes) -> None:
        for start in range(0, len(pcm), FRAME_BYTES):
            self.intake.append(pcm[start : start + FRAME_BYTES])
            for _ in range(4):
                await asyncio.sleep(0)


def speech(ms: int) -> bytes:
    return speechlike(ms / 1000, NEAR_RATE, seed=3)


async def test_a_whole_request_is_over_after_a_short_silence() -> None:
    desk = Desk()

    await desk.hear(speech(800) + silence(COMPLETE_SILENCE_MS + 200, NEAR_RATE))

    ((_, at),) = desk.turns
    assert at == pytest.approx(800 + COMPLETE_SILENCE_MS, abs=100)


@pytest.mark.parametrize(
    "desk", [lambda: Desk(complete=False), lambda: Desk(settings=WatchSettings(silence_duration_ms=8000))]
)
async def test_what_is_no_whole_request_or_not_to_be_judged_goes_on(desk: type[Desk]) -> None:
    one = desk()

    await one.hear(speech(800) + silence(3000, NEAR_RATE))

    assert one.turns == []
    one.intake.clear()


async def test_a_pause_before_the_rest_of_a_request_begins_its_silence_anew() -> None:
    desk = Desk()

    await desk.hear(speech(800) + silence(COMPLETE_SILENCE_MS - 100, NEAR_RATE) + speech(400))

    assert desk.turns == []
    desk.intake.clear()


async def test_what_follows_at_once_has_the_breath_before_it() -> None:
    desk = Desk()
    await desk.hear(speech(800) + silence(COMPLETE_SILENCE_MS + 60, NEAR_RATE))
    assert len(desk.turns) == 1
    before = len(desk.recogniser.given)

    await desk.hear(speech(800) + silence(COMPLETE_SILENCE_MS + 60, NEAR_RATE))

    assert len(desk.turns) == 2
    read = desk.recogniser.given[before]
    assert read.startswith(bytes(120 * NEAR_RATE // 1000 * 2))
    assert len(read) * 1000 // (NEAR_RATE * 2) > 900
