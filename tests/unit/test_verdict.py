"""The verdict: what opens a turn, what goes on, and what silence counts for."""

from __future__ import annotations

import pytest

from voice_assistant.core.verdict import Measure, Opinion, Verdict

MEASURE = Measure(
    speech=0.0,
    sure=0.5,
    enough=8.0,
    silent=-3.0,
    doubtful=0.5,
    sure_silence=1.1,
    doubtful_silence=0.4,
)


def verdicts(scores: list[float]) -> list[Opinion]:
    verdict = Verdict(MEASURE)
    return [verdict.on(score, -60.0) for score in scores]


def opens_after(scores: list[float]) -> int:
    return [opinion.is_clear for opinion in verdicts(scores)].index(True)


def test_a_score_is_speech_and_then_sure() -> None:
    opinions = verdicts([-0.1, 0.1, 0.6])

    assert [opinion.is_speech for opinion in opinions] == [False, True, True]
    assert [opinion.is_sure for opinion in opinions] == [False, False, True]


def test_a_doubtful_voice_opens_a_turn_later_than_a_certain_one() -> None:
    assert opens_after([3.5] * 100) == 2
    assert opens_after([0.6] * 100) == 16


def test_no_frame_is_believed_without_limit() -> None:
    assert opens_after([100.0] * 100) == opens_after([4.1] * 100) == 2


def test_a_short_chord_opens_nothing() -> None:
    assert not any(opinion.is_clear for opinion in verdicts([-4.0] * 20 + [2.5] * 3 + [-4.0] * 20))


def test_a_stop_consonant_does_not_undo_a_word() -> None:
    assert opens_after([2.5, 2.5, 2.5, -8.0, 2.5, 2.5, 2.5]) == 4


def test_after_a_silence_a_voice_must_be_clear_anew() -> None:
    opinions = verdicts([4.0] * 500 + [-4.0] * 5)

    assert opinions[499].is_clear
    assert not opinions[-1].is_clear


def test_what_was_heard_until_now_can_be_made_to_open_nothing() -> None:
    verdict = Verdict(MEASURE)
    for _ in range(50):
        verdict.on(4.0, -60.0)

    verdict.begin()

    assert not verdict.on(4.0, -60.0).is_clear


def test_doubtful_silence_counts_for_less_than_certain_silence() -> None:
    counted = [MEASURE.silence_in(score) for score in (-5.0, -3.0, -1.25, 0.5, 4.0)]

    assert counted == pytest.approx([1.1, 1.1, 0.75, 0.4, 0.4])
