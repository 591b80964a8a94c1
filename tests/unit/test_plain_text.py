"""What untrusted text may still do once it is neutralised: be read."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voice_assistant.core.plain_text import MAX_MARKS, neutralise

NASTY = st.text(
    alphabet=st.one_of(
        st.characters(),
        st.sampled_from("\x1b\x9b\x9d\x07\x9c[]()0;m\\\n\r\t \u200d\u200c\u202e\u2066\u0301\ufe0f\ud800👩अ"),
    ),
    max_size=60,
)


@pytest.mark.parametrize(
    ("hostile", "shown"),
    [
        ("\x1b[31mred\x1b[0m", "red"),
        ("\x1b]0;owned\x07title", "title"),
        ("\x1b]52;c;cm0gLXJm\x1b\\clipboard", "clipboard"),
        ("\x1bP+q544e\x1b\\dcs", "dcs"),
        ("\x9b2Jc1", "c1"),
        ("\x1bcreset", "reset"),
        ("\x1b(0charset", "charset"),
        ("\x1b]0;never ended", "0;never ended"),
        ("a\x00b\x08c\x7fd", "abcd"),
        ("one\r\ntwo\n\nthree", "one two three"),
        ("tab\tstop", "tab stop"),
        ("evil\u202etxt.exe\u202c", "eviltxt.exe"),
        ("i\u2066s\u2069o", "iso"),
        ("in\u200bvis\u2060ib\ufeffle\u00ad", "invisible"),
        ("lone \ud83d half", "lone \ufffd half"),
        ("joined\u200dascii", "joinedascii"),
        ("tags\U000e0041\U000e0042", "tags"),
    ],
)
def test_what_acts_on_a_terminal_is_gone_and_the_words_stay(hostile: str, shown: str) -> None:
    assert neutralise(hostile) == shown


@pytest.mark.parametrize(
    "text",
    [
        "plain words, [bold]not markup[/bold]",
        "你好，世界",  # noqa: RUF001
        "שלום עולם",
        "مرحبا بالعالم",
        "می\u200cخواهم",  # noqa: RUF001
        "क्\u200dष",
        "👩\u200d👩\u200d👧 ❤\ufe0f 🇩🇪 👍🏽",
        "e\u0301te\u0301 Zürich",
        "ทั้งนี้",
    ],
)
def test_every_script_and_emoji_survives(text: str) -> None:
    assert neutralise(text) == text


def test_lines_can_be_kept() -> None:
    assert neutralise("one\r\n\r\ntwo\u2028three", keep_lines=True) == "one\ntwo\nthree"


def test_marks_cannot_be_stacked_over_other_lines() -> None:
    assert neutralise("e" + "\u0301" * 500) == "e" + "\u0301" * MAX_MARKS


@given(text=NASTY, keep_lines=st.booleans())
def test_nothing_that_acts_is_left(text: str, keep_lines: bool) -> None:
    left = neutralise(text, keep_lines=keep_lines).replace("\n", "" if keep_lines else "\n")

    assert {unicodedata.category(char) for char in left}.isdisjoint({"Cc", "Cs", "Zl", "Zp"})
    assert {char for char in left if unicodedata.category(char) == "Cf"} <= {"\u200c", "\u200d"}


@given(text=NASTY, keep_lines=st.booleans())
def test_safe_text_stays_as_it_is(text: str, keep_lines: bool) -> None:
    once = neutralise(text, keep_lines=keep_lines)

    assert neutralise(once, keep_lines=keep_lines) == once
