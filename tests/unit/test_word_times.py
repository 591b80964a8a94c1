"""Which words were heard: inferred from when they came among the sound, else spread evenly over it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voice_assistant.core.word_times import NO_TIMES, PACE_MS, WordTimes, nearest_end

WORDS = "One two three four five six seven eight nine ten eleven twelve."
STEP = bytes(2 * 2400)
"""100 ms."""


def said_as(*spoken: tuple[str, int], ahead_steps: int = 0) -> tuple[str, WordTimes]:
    """A reply as a provider sends it: words with the sound they take, in steps of 100 ms.

    Args:
        spoken: Words, and how many steps of sound they take; a pause is words that are empty.
        ahead_steps: So much sooner than its sound every word comes, or later where it is negative.
    """
    due: list[tuple[int, str]] = []
    steps = 0
    for words, takes in spoken:
        # Words that run behind come when their sound is over, others when it begins.
        due.append((steps + (takes if ahead_steps < 0 else 0) - ahead_steps, words))
        steps += takes
    text, times = "", NO_TIMES
    for step in range(steps + 1):
        for at, words in due:
            if words and (at == step or (step == 0 and at < 0) or (step == steps and at > steps)):
                before, text = len(text), text + words
                times = times.worded(before, len(text))
        if step < steps:
            times = times.sounded(STEP)
    return text, times


def heard(text: str, times: WordTimes, ms: float) -> str:
    return text[: times.heard(text, ms)].strip()


def test_without_any_times_words_are_spread_evenly() -> None:
    times = WordTimes(received_ms=6300.0, whole=True)

    assert heard(WORDS, times, 3150.0) == "One two three four five six seven"
    assert heard(WORDS, times, 0.0) == ""
    assert heard(WORDS, times, 6300.0) == WORDS


@pytest.mark.parametrize("ahead_steps", [0, 1, -1])
def test_words_that_come_with_their_sound_have_its_time(ahead_steps: int) -> None:
    text, times = said_as(
        ("Let me see.", 8), ("", 25), (" It is", 4), (" ten past", 6), (" four.", 5), ahead_steps=ahead_steps
    )

    # By proportion all of it would have been heard but for a few words: most of the sound is the pause.
    assert heard(text, times.ended(), 2500.0) == "Let me see."
    assert heard(text, times.ended(), 4800.0) == text


def test_words_that_all_come_before_the_sound_or_after_it_are_spread_evenly() -> None:
    parts = [(f"{word} ", 3) for word in WORDS.split()]
    before, after = said_as(*parts, ahead_steps=100), said_as(*parts, ahead_steps=-100)

    assert heard(before[0], before[1].ended(), 1800.0) == "One two three four five six seven"
    assert heard(after[0], after[1].ended(), 1800.0) == "One two three four five six seven"


def test_as_long_as_more_may_come_words_without_sound_are_not_heard() -> None:
    text, times = said_as(*[(f"{word} ", 3) for word in WORDS.split()], ahead_steps=100)
    early = WordTimes(500.0, times.parts)

    assert len(heard(text, early, 500.0)) <= 500.0 / PACE_MS + 3
    assert heard(text, early, 60.0 * len(text)) == text.strip()


def test_what_was_recognised_here_is_heard_when_it_was_spoken() -> None:
    times = WordTimes(received_ms=9000.0).measured(0, 7, 2000.0).measured(7, 18, 8000.0)

    assert heard("one two three four", times, 2000.0) == "one two"
    assert heard("one two three four", times, 8000.0) == "one two three four"


def test_words_of_the_provider_take_the_place_of_ours() -> None:
    times = WordTimes(received_ms=2000.0).measured(0, 7, 2000.0).worded(0, 18)

    assert not times.known
    assert len(times.parts) == 1


@pytest.mark.parametrize(
    ("at", "end"), [(0, 0), (1, 0), (2, 3), (3, 3), (4, 4), (5, 4), (7, 9), (9, 9), (14, 14)]
)
def test_a_word_counts_when_most_of_it_was_heard(at: int, end: int) -> None:
    assert nearest_end("one three four"[:14], at) == end


def test_scripts_without_spaces_are_cut_anywhere() -> None:
    assert [nearest_end("東京の天気は晴れ", at) for at in range(9)] == list(range(9))


PARTS = st.lists(
    st.tuples(st.sampled_from(["", " word", "a", " longer words,", "天気"]), st.integers(0, 40)), max_size=30
)


@given(parts=PARTS, ahead_steps=st.integers(-20, 20), whole=st.booleans())
def test_more_sound_never_means_fewer_words_and_all_of_it_means_all(
    parts: list[tuple[str, int]], ahead_steps: int, whole: bool
) -> None:
    text, times = said_as(*parts, ahead_steps=ahead_steps)
    if whole:
        times = times.ended()

    counts = [times.heard(text, ms) for ms in range(0, round(times.received_ms) + 100, 50)]

    assert counts == sorted(counts)
    assert counts[0] >= 0
    assert counts[-1] <= len(text)
    assert times.heard(text, 1e9) == len(text)
    if whole:
        assert times.heard(text, times.received_ms) == len(text)


@given(
    words=st.lists(
        st.tuples(st.sampled_from(["word", "a", "longer", "because,"]), st.integers(1, 8)),
        min_size=5,
        max_size=40,
    ),
    pauses=st.sets(st.integers(0, 40)),
)
def test_words_among_their_sound_are_placed_within_one_of_where_they_are_spoken(
    words: list[tuple[str, int]], pauses: set[int]
) -> None:
    """Whatever the pace, as long as a person could speak so."""
    spoken: list[tuple[str, int]] = []
    for number, (word, _) in enumerate(words):
        spoken.append((f"{word} ", max(1, len(word) // 2)))
        if number in pauses:
            spoken.append(("", 12))
    text, times = said_as(*spoken)
    times = times.ended()

    at_ms, characters = 0.0, 0
    for word, steps in spoken:
        at_ms += 100.0 * steps
        characters += len(word)
        if word and at_ms < times.received_ms:
            off = text[min(times.heard(text, at_ms), characters) : max(times.heard(text, at_ms), characters)]
            assert len(off.split()) <= 1
