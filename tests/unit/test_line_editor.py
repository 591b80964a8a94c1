"""The line that is typed: what goes in, what keys do to it, what is sent."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voice_assistant.terminal.key_codes import Stroke
from voice_assistant.terminal.line_editor import MAX_CHARACTERS, Draft, LineEditor, cluster_end, cluster_start

KEYS = [
    "enter",
    "esc",
    "backspace",
    "delete",
    "left",
    "right",
    "home",
    "end",
    "up",
    "down",
    "tab",
    "ctrl-u",
    "ctrl-k",
    "ctrl-w",
]


def typed(*strokes: str) -> LineEditor:
    """A line after strokes: names of keys, or text."""
    editor = LineEditor()
    editor.open()
    for stroke in strokes:
        press(editor, stroke)
    return editor


def press(editor: LineEditor, stroke: str) -> str | None:
    text = "" if stroke in KEYS else stroke
    return editor.stroke(Stroke(stroke, stroke, "press", is_encoded=False, text=text))


@pytest.mark.parametrize(
    ("strokes", "draft"),
    [
        (["a", "b", "c"], Draft("abc", 3)),
        (["a", "c", "left", "b"], Draft("abc", 2)),
        (["a", "b", "left", "left", "left", "delete"], Draft("b", 0)),
        (["a", "b", "backspace", "backspace", "backspace"], Draft("", 0)),
        (["ab cd ", "ctrl-w", "e"], Draft("ab e", 4)),
        (["ab cd", "home", "ctrl-k", "x"], Draft("x", 1)),
        (["ab", "left", "ctrl-u"], Draft("b", 0)),
        (["e\u0301", "\U0001f469\u200d\U0001f680", "backspace"], Draft("e\u0301", 2)),
        (
            ["e\u0301", "\U0001f469\u200d\U0001f680", "left", "left", "delete"],
            Draft("\U0001f469\u200d\U0001f680", 0),
        ),
        (["你", "好", "left", "tab"], Draft("你好", 1)),
    ],
)
def test_keys_move_and_erase_what_a_reader_sees_as_one(strokes: list[str], draft: Draft) -> None:
    assert typed(*strokes).draft == draft


def test_enter_sends_and_an_empty_line_is_only_left() -> None:
    assert press(typed("a", " "), "enter") == "a"
    assert press(typed(" "), "enter") is None
    assert typed("a", "enter").draft is None


def test_what_was_sent_or_left_can_be_recalled() -> None:
    editor = typed("first", "enter")
    editor.open()
    press(editor, "second")
    press(editor, "esc")
    assert editor.draft is None

    editor.open()
    press(editor, "up")
    assert editor.draft == Draft("second", 6)
    press(editor, "up")
    press(editor, "up")
    assert editor.draft == Draft("first", 5)
    press(editor, "down")
    press(editor, "down")
    assert editor.draft == Draft("", 0)


def test_a_paste_is_one_text_with_its_lines_and_nothing_that_acts_on_a_terminal() -> None:
    editor = LineEditor()

    editor.insert("def f():\r\n\r\n\treturn 1\x1b[2J\x07\x9b\rend")

    assert editor.draft is not None
    assert editor.draft.text == "def f():\n\n\treturn 1[2J\nend"
    assert press(editor, "enter") == editor._history[-1]


def test_a_paste_without_end_is_cut() -> None:
    editor = typed("a")

    editor.insert("x" * (2 * MAX_CHARACTERS))

    assert editor.draft is not None
    assert len(editor.draft.text) == MAX_CHARACTERS


@given(
    strokes=st.lists(
        st.sampled_from([*KEYS, "a", " ", "é", "e\u0301", "你", "\u200d", "\u0301"]), max_size=40
    )
)
def test_whatever_is_pressed_the_cursor_stands_within_the_text(strokes: list[str]) -> None:
    editor = LineEditor()
    for stroke in strokes:
        if editor.draft is None:
            editor.open()
        press(editor, stroke)

        if (draft := editor.draft) is not None:
            assert 0 <= draft.cursor <= len(draft.text)


@given(text=st.text(min_size=1, max_size=10))
def test_every_text_has_a_first_and_a_last_character(text: str) -> None:
    assert 0 <= cluster_start(text) < len(text)
    assert 0 < cluster_end(text) <= len(text)
