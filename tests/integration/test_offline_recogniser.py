"""The recogniser that we ship, on recordings of people, and what is said where it cannot be had."""

from __future__ import annotations

import re
import sys
import wave
from pathlib import Path

import moonshine_voice
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.offline_client import recogniser
from tests.support.speechlike import recorded_speech
from voice_assistant.core.audio import NEAR_RATE, Resampler, silence
from voice_assistant.offline.recogniser import Moonshine, RecogniserMissingError, pieces

MOST_ERRORS = 0.08
"""Word error rate that is promised on recordings of people."""

LIBRISPEECH = "of course this meant detention till the coroner should arrive"

TWO_CITIES = """
It was the best of times, it was the worst of times, it was the age of wisdom, it was the age of foolishness,
it was the epoch of belief, it was the epoch of incredulity, it was the season of Light, it was the season of
Darkness, it was the spring of hope, it was the winter of despair, we had everything before us, we had nothing
before us, we were all going direct to Heaven, we were all going direct the other way - in short, the period
was so far like the present period, that some of its noisiest authorities insisted on its being received, for
good or for evil, in the superlative degree of comparison only.
"""
"""Charles Dickens, 1859; the recording comes with the recogniser's wheel."""


def word_errors(meant: str, heard: str) -> tuple[int, int]:
    """Count the errors (Levenshtein's distance, over words), and the words that were meant."""
    wanted, found = (re.findall(r"[a-z0-9']+", text.lower()) for text in (meant, heard))
    row = list(range(len(found) + 1))
    for at, word in enumerate(wanted, 1):
        diagonal, row[0] = row[0], at
        for other_at, other in enumerate(found, 1):
            diagonal, row[other_at] = (
                row[other_at],
                min(row[other_at] + 1, row[other_at - 1] + 1, diagonal + (word != other)),
            )
    return row[-1], len(wanted)


async def test_recordings_of_people_are_understood_well_enough() -> None:
    with wave.open(str(Path(moonshine_voice.__file__).parent / "assets" / "two_cities.wav")) as file:
        resampler = Resampler(file.getframerate(), NEAR_RATE)
        novel = resampler.feed(file.readframes(file.getnframes())) + resampler.flush()

    errors = words = 0
    for pcm, meant in ((recorded_speech(), LIBRISPEECH), (novel, TWO_CITIES)):
        wrong, said = word_errors(meant, await recogniser().words(pcm))
        errors, words = errors + wrong, words + said

    assert words > 120
    assert errors / words <= MOST_ERRORS


@pytest.mark.parametrize("pcm", [b"", silence(50, NEAR_RATE), silence(1000, NEAR_RATE)])
async def test_where_nothing_is_said_nothing_is_heard(pcm: bytes) -> None:
    assert await recogniser().words(pcm) == ""


@given(st.lists(st.integers(0, 50), max_size=4), st.integers(0, 20))
def test_long_sound_is_cut_into_pieces_that_the_model_can_take(speech_s: list[int], silence_s: int) -> None:
    parts = [np.full(seconds * NEAR_RATE, 0.1, np.float32) for seconds in speech_s]
    sound = np.concatenate([*parts, np.zeros(silence_s * NEAR_RATE, np.float32)])

    cut = pieces(sound)

    assert np.array_equal(np.concatenate(cut), sound)
    assert all(piece.size <= 30 * NEAR_RATE for piece in cut)
    assert all(piece.size >= 12 * NEAR_RATE for piece in cut[:-1])


def test_a_cut_goes_through_the_pause_and_not_through_a_word() -> None:
    speech = np.full(20 * NEAR_RATE, 0.1, np.float32)
    pause = np.zeros(NEAR_RATE // 2, np.float32)

    first, second = pieces(np.concatenate([speech, pause, speech]))

    assert 20.1 < first.size / NEAR_RATE < 20.4
    assert second.size / NEAR_RATE == pytest.approx(40.5 - first.size / NEAR_RATE)


def test_a_platform_without_the_wheel_is_told_what_would_serve_instead(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "moonshine_voice.transcriber", None)

    with pytest.raises(RecogniserMissingError) as missing:
        Moonshine()

    assert "voice-assistant[offline]" in str(missing.value)
    assert "provider with a key" in str(missing.value)


def test_a_model_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(RecogniserMissingError, match=re.escape(str(tmp_path))):
        Moonshine(tmp_path)
