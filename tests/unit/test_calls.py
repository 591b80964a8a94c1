"""Tools: each call runs once, and its result goes where it was asked for."""

from __future__ import annotations

import pytest

from voice_assistant.core.calls import Calls, spoken_length
from voice_assistant.core.events import (
    Notify,
    ReplyDone,
    Ring,
    RunTool,
    SendToolResult,
    TimerRang,
    ToolCall,
    ToolFinished,
)


def test_a_call_runs_and_its_result_is_sent() -> None:
    calls = Calls()

    assert calls.handle(ToolCall(1.0, "c", "set_timer", "{}")) == [RunTool("c", "set_timer", "{}")]
    assert calls.handle(ToolFinished(2.0, "c", "done")) == [SendToolResult("c", "done")]


def test_a_call_that_is_repeated_while_it_runs_does_not_run_twice() -> None:
    calls = Calls()
    calls.handle(ToolCall(1.0, "c", "set_timer", "{}"))

    assert calls.handle(ToolCall(1.1, "c", "set_timer", "{}")) == []


def test_a_new_link_does_not_get_the_result_of_an_old_call() -> None:
    calls = Calls()
    calls.handle(ToolCall(1.0, "c", "set_timer", "{}"))
    calls.link_gone()

    assert calls.handle(ToolFinished(3.0, "c", "done")) == []


def test_what_a_new_link_asks_for_again_is_not_done_twice() -> None:
    calls = Calls()
    calls.handle(ToolCall(1.0, "c", "set_timer", "{}"))
    calls.link_gone()
    calls.handle(ToolFinished(3.0, "c", "done"))

    assert calls.handle(ToolCall(4.0, "d", "set_timer", "{}")) == [SendToolResult("d", "done")]
    assert calls.handle(ToolCall(5.0, "e", "set_timer", "{}")) == [RunTool("e", "set_timer", "{}")]


def test_what_still_runs_when_it_is_asked_for_again_answers_the_newer_call() -> None:
    calls = Calls()
    calls.handle(ToolCall(1.0, "c", "set_timer", "{}"))
    calls.link_gone()

    again = calls.handle(ToolCall(2.0, "d", "set_timer", "{}"))
    calls.link_gone()
    once_more = calls.handle(ToolCall(3.0, "e", "set_timer", "{}"))

    assert again == once_more == []
    assert calls.handle(ToolFinished(4.0, "c", "done")) == [SendToolResult("e", "done")]


def test_a_result_that_was_sent_and_not_answered_is_given_again() -> None:
    calls = Calls()
    calls.handle(ToolCall(1.0, "c", "set_timer", "{}"))
    calls.handle(ToolFinished(2.0, "c", "done"))
    calls.handle(ReplyDone(2.1, None, goes_on=True))
    calls.link_gone()

    assert calls.handle(ToolCall(3.0, "d", "set_timer", "{}")) == [SendToolResult("d", "done")]


def test_after_the_answer_the_same_wish_is_a_new_one() -> None:
    calls = Calls()
    calls.handle(ToolCall(1.0, "c", "set_timer", "{}"))
    calls.handle(ToolFinished(2.0, "c", "done"))
    calls.handle(ReplyDone(3.0, "a"))
    calls.link_gone()

    assert calls.handle(ToolCall(4.0, "d", "set_timer", "{}")) == [RunTool("d", "set_timer", "{}")]


def test_a_timer_rings_and_says_what_it_was_for() -> None:
    ring, said = Calls().handle(TimerRang(1.0, "tea", 300))

    assert ring == Ring()
    assert isinstance(said, Notify)
    assert said.text == "Timer: tea: 5 min are over."


@pytest.mark.parametrize(
    ("seconds", "expected"), [(0, "0 s"), (5, "5 s"), (90, "1 min 30 s"), (3660, "1 h 1 min")]
)
def test_lengths_are_short_to_read(seconds: float, expected: str) -> None:
    assert spoken_length(seconds) == expected
