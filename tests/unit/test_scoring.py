"""What counts as a word misheard, and what does not."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.scoring import Score, scored

WORDS = st.lists(st.sampled_from(["the", "ship", "sails", "at", "night"]), max_size=12)


@pytest.mark.parametrize(
    ("said", "heard"),
    [
        ("I'm sorry, that's not valid.", "I am sorry that is not valid"),
        ("Press 1 to mute, 22 to lock", "press one to mute twenty-two to lock!"),
        ("press * or #", "Press star or pound."),
        ("You cannot send.", "you can't send"),
    ],
)
def test_what_is_only_written_differently_was_understood(said: str, heard: str) -> None:
    assert scored(said, heard).errors == 0


@pytest.mark.parametrize(
    ("said", "heard", "errors"),
    [
        ("the ship sails", "the sheep sails", 1),
        ("the ship sails", "the sails", 1),
        ("the ship sails", "the big ship sails", 1),
        ("login incorrect", "log in incorrect", 2),
        ("the ship sails", "", 3),
        ("", "you", 1),
    ],
)
def test_words_left_out_put_in_or_taken_for_others_are_errors(said: str, heard: str, errors: int) -> None:
    assert scored(said, heard).errors == errors


@given(WORDS, WORDS)
def test_errors_are_never_fewer_than_the_lengths_differ_nor_more_than_the_longer_has(
    said: list[str], heard: list[str]
) -> None:
    score = scored(" ".join(said), " ".join(heard))

    assert abs(len(said) - len(heard)) <= score.errors <= max(len(said), len(heard))
    assert (score.errors == 0) == (said == heard) == bool(score.exact)


def test_a_rate_is_of_all_the_words_of_all_the_texts() -> None:
    assert (Score(1, 10, 1, 0) + Score(0, 30, 1, 1)).rate == pytest.approx(1 / 40)
    assert Score().rate == 0.0
