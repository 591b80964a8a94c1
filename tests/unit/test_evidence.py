"""The evidence for a user under echo: adds up, is lost again, and asks for more where it was wrong."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from voice_assistant.core.evidence import FAINTEST_SCORE, Evidence

ECHO_ALONE, FAINT, CLEAR = -4.0, -1.0, 3.0


def after(scores: list[float], *, settling: bool = False, wrong: int = 0) -> float:
    evidence = Evidence()
    for _ in range(wrong):
        evidence.was_wrong()
    for score in scores:
        evidence.take(score, settling=settling)
    return evidence.ms


def test_a_clear_frame_is_worth_its_length_and_a_faint_one_less() -> None:
    assert after([CLEAR] * 3) == 60
    assert 0 < after([FAINT] * 3) < 40


@given(st.lists(st.sampled_from([ECHO_ALONE, FAINT, CLEAR]), max_size=50))
def test_echo_alone_takes_away_whatever_there_was(before: list[float]) -> None:
    assert after(before + [ECHO_ALONE] * 50) == 0


@given(st.lists(st.floats(-10, 10), max_size=100))
def test_there_is_never_less_than_none_nor_more_than_was_heard(scores: list[float]) -> None:
    assert 0 <= after(scores) <= 20 * len(scores)


def test_it_takes_twice_as_much_while_the_room_is_not_known() -> None:
    assert after([CLEAR] * 4, settling=True) == 40


def test_after_a_false_turn_it_takes_twice_as_much_and_later_less_again() -> None:
    soon = after([CLEAR] * 6, wrong=1)
    later = after([ECHO_ALONE] * 50 * 10 + [CLEAR] * 6, wrong=1)

    assert 55 < soon < 65
    assert soon < later < 120


def test_what_is_too_faint_to_be_suspected_has_been_heard_once_there_is_a_suspicion() -> None:
    evidence = Evidence()
    for score in [ECHO_ALONE] * 5 + [FAINTEST_SCORE + 0.2] * 4:
        evidence.take(score, settling=False)
    suspected_ms = evidence.ms
    for _ in range(3):
        evidence.take(CLEAR, settling=False)

    assert suspected_ms == 0
    assert (evidence.ms, evidence.speech_ms) == (60, 140)


def test_the_user_is_never_locked_out() -> None:
    assert after([CLEAR] * 12, wrong=20) > 55


def test_a_faint_voice_has_been_heard_for_as_long_as_a_clear_one_but_never_for_long() -> None:
    evidence = Evidence()
    for score in [ECHO_ALONE] * 5 + [FAINT] * 4:
        evidence.take(score, settling=False)
    short = evidence.speech_ms
    for _ in range(50):
        evidence.take(CLEAR, settling=False)

    assert short == 80
    assert evidence.speech_ms == 180
