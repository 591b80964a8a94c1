"""Words as recognisers write them, brought to one form."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voice_assistant.offline.skills.wording import corrected, digits, has_word, plain, spoken_number

SMALL = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen "
    "seventeen eighteen nineteen"
)
TENS = "twenty thirty forty fifty sixty seventy eighty ninety"


def in_words(number: int) -> str:
    """Write a number below a thousand million in words, as a second opinion."""
    if number < 20:
        return SMALL.split()[number]
    if number < 100:
        rest = f" {in_words(number % 10)}" if number % 10 else ""
        return TENS.split()[number // 10 - 2] + rest
    for size, name in ((1_000_000, "million"), (1_000, "thousand"), (100, "hundred")):
        if number >= size:
            rest = f" {in_words(number % size)}" if number % size else ""
            return f"{in_words(number // size)} {name}{rest}"
    raise AssertionError(number)


@given(st.integers(0, 999_999_999))
def test_every_number_word_becomes_its_digits(number: int) -> None:
    assert digits(in_words(number).split()) == [str(number)]


@given(st.integers(0, 99), st.integers(0, 99))
def test_two_numbers_with_a_word_between_stay_two(left: int, right: int) -> None:
    words = f"{in_words(left)} times {in_words(right)}".split()

    assert digits(words) == [str(left), "times", str(right)]


@given(st.integers(0, 999), st.lists(st.integers(0, 9), min_size=1, max_size=6))
def test_decimals_are_read_digit_by_digit(whole: int, decimals: list[int]) -> None:
    words = f"{in_words(whole)} point {' '.join(in_words(digit) for digit in decimals)}".split()

    assert digits(words) == [f"{whole}.{''.join(map(str, decimals))}"]


@pytest.mark.parametrize(
    ("said", "wanted"),
    [
        ("What's seventeen times twenty-three?", "what is 17 times 23"),
        ("What is 17 x 23", "what is 17 times 23"),
        ("What is 1,250 + 3?", "what is 1250 plus 3"),
        ("What is 7 - 9?", "what is 7 minus 9"),
        ("15% of 80", "15 percent of 80"),
        ("Convert 32\u00b0F to Celsius", "convert 32 degrees fahrenheit to celsius"),
        ("Could you please tell me the time?", "the time"),
        ("Um, what time is it now, please?", "what time is it"),
        ("a hundred and five", "a 105"),
        ("one two three", "1 2 3"),
        ("What can you do?", "what can you do"),
        ("What is the date to-day?", "what is the date today"),
        ("Please.", "please"),
        ("", ""),
        ("?!", ""),
    ],
)
def test_an_utterance_is_brought_to_its_plain_form(said: str, wanted: str) -> None:
    assert plain(said) == wanted


@given(st.text(max_size=80))
def test_any_text_has_a_plain_form_without_capitals_or_punctuation(text: str) -> None:
    assert all(letter.isdigit() or letter.islower() or letter in " ." for letter in plain(text))


def test_a_misspelt_long_word_is_put_right_and_a_short_one_is_left() -> None:
    vocabulary = frozenset(("celsius", "timer", "cat"))

    assert corrected("celcius car timber", vocabulary) == "celsius car timer"


def test_a_key_word_may_be_slightly_misheard() -> None:
    assert has_word("what is the dates", "date")
    assert not has_word("what is the gate", "date")


@pytest.mark.parametrize(
    ("value", "said"),
    [(391.0, "391"), (-5.0, "minus 5"), (16.09344, "16.093"), (0.5, "0.5"), (0.00123, "0.0012"), (0.0, "0")],
)
def test_a_number_is_written_to_be_read_aloud(value: float, said: str) -> None:
    assert spoken_number(value) == said
