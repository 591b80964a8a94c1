"""Kept sound: all of it goes out on every link, once, in order, until it is answered."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from voice_assistant.core.audio import AudioFrame
from voice_assistant.core.events import AppendInput, CommitInput, RequestReply, SendText, WireCommand
from voice_assistant.core.kept import KeptSound


def append(turn: int, ms: int, first_sample: int = 0) -> AppendInput:
    pcm = b"".join(((first_sample + sample) % 65_536).to_bytes(2, "little") for sample in range(ms * 16))
    return AppendInput(turn, AudioFrame(pcm, 16_000, first_sample))


def lengths(commands: list[WireCommand]) -> list[int]:
    return [round(command.frame.ms) for command in commands if isinstance(command, AppendInput)]


def test_what_was_kept_goes_out_once_in_appends_of_half_a_second() -> None:
    kept = KeptSound(limit_s=10)
    kept.take(append(1, 420))
    for index in range(30):
        kept.take(append(1, 20, 6720 + index * 320))
    kept.take(CommitInput(1))

    going = kept.going(500)

    assert lengths(going) == [500, 500, 20]
    assert going[-1] == CommitInput(1)
    assert kept.going(500) == []


def test_a_single_frame_goes_out_as_it_is() -> None:
    kept = KeptSound(limit_s=10)
    one = append(1, 20)
    kept.take(one)

    assert kept.going(500) == [one]


def test_a_short_append_is_held_back_only_while_its_turn_goes_on() -> None:
    kept = KeptSound(limit_s=10)
    for index in range(7):
        kept.take(append(1, 20, index * 320))

    assert lengths(kept.going(100, whole_only=True)) == [100]
    assert kept.going(100, whole_only=True) == []
    kept.take(CommitInput(1))
    assert lengths(kept.going(100, whole_only=True)) == [40]


def test_a_new_link_gets_all_that_was_not_answered() -> None:
    kept = KeptSound(limit_s=10)
    for command in (append(1, 100), CommitInput(1), RequestReply(), append(2, 60)):
        kept.take(command)
    first = kept.going(500)

    kept.start_over()

    assert kept.going(500) == first


def test_an_answer_frees_what_was_ended_and_sent_and_nothing_else() -> None:
    kept = KeptSound(limit_s=10)
    for command in (append(1, 100), CommitInput(1)):
        kept.take(command)
    kept.going(500)
    for command in (append(2, 60), CommitInput(2), append(3, 40)):
        kept.take(command)

    kept.answer_began("a", one_each=False)
    kept.answer_ended("a", interrupted=False)

    assert lengths(kept.going(500)) == [60, 40]
    assert kept.ms == 100


def test_a_turn_whose_answer_has_begun_is_not_sent_again() -> None:
    kept = KeptSound(limit_s=10)
    for command in (append(1, 100), CommitInput(1)):
        kept.take(command)
    kept.going(500)

    kept.answer_began("a", one_each=False)
    kept.start_over()

    assert kept.going(500) == []
    assert not kept.has_unanswered


def test_a_reply_that_the_user_broke_off_answers_the_first_turn_and_not_the_one_that_broke_it_off() -> None:
    kept = KeptSound(limit_s=10)
    for command in (append(1, 100), CommitInput(1), append(2, 60), CommitInput(2)):
        kept.take(command)
    kept.going(500)
    kept.answer_began("a", one_each=False)

    kept.answer_ended("a", interrupted=True)

    assert kept.has_unanswered
    assert kept.first_turn == 2


def test_where_each_turn_has_its_own_answer_the_first_does_not_free_the_second() -> None:
    kept = KeptSound(limit_s=10)
    for turn in (1, 2):
        for command in (append(turn, 100), CommitInput(turn), RequestReply()):
            kept.take(command)
        kept.going(500)

    kept.answer_began("a", one_each=True)
    kept.answer_ended("a", interrupted=False)

    assert kept.first_turn == 2


def test_turns_that_go_out_together_are_asked_about_once_and_answered_at_once() -> None:
    kept = KeptSound(limit_s=10)
    for turn in (1, 2):
        for command in (append(turn, 100), CommitInput(turn), RequestReply()):
            kept.take(command)

    going = kept.going(500)
    kept.answer_began("a", one_each=True)

    assert [type(command) for command in going if not isinstance(command, AppendInput)] == [
        CommitInput,
        CommitInput,
        RequestReply,
    ]
    assert not kept.has_unanswered


def test_an_answer_that_turns_out_to_ask_for_a_tool_first_frees_nothing() -> None:
    kept = KeptSound(limit_s=10)
    for command in (append(1, 100), CommitInput(1)):
        kept.take(command)
    kept.going(500)
    kept.answer_began("let me see", one_each=False)

    kept.answer_goes_on()

    assert kept.has_unanswered


def test_what_the_present_link_has_is_given_up_silently_and_told_when_that_link_is_lost() -> None:
    kept = KeptSound(limit_s=1)
    kept.take(append(1, 1000))
    kept.going(500)
    kept.take(append(1, 500, 16_000))
    before = kept.take_given_up_ms()

    kept.start_over()

    assert before == 0
    assert kept.take_given_up_ms() == 500
    assert sum(lengths(kept.going(500))) == 1000


def test_a_turn_that_was_given_up_whole_is_not_asked_about() -> None:
    kept = KeptSound(limit_s=1)
    for command in (append(1, 900), CommitInput(1), append(2, 900), SendText("typed")):
        kept.take(command)

    assert [command for command in kept.going(500) if not isinstance(command, AppendInput)] == [
        SendText("typed")
    ]
    assert kept.take_given_up_ms() == 900


def test_a_turn_that_needs_no_answer_is_forgotten() -> None:
    kept = KeptSound(limit_s=10)
    kept.take(append(1, 100))
    kept.take(append(2, 100))

    kept.forget_uncommitted(1)

    assert kept.ms == 100
    assert not kept.has_unanswered


def test_beyond_the_limit_the_oldest_is_given_up_and_told() -> None:
    kept = KeptSound(limit_s=1)
    kept.take(append(1, 600))
    kept.take(CommitInput(1))

    kept.take(append(2, 500))
    only = kept.take_given_up_ms()
    for index in range(10):
        kept.take(append(2, 100, 8000 + index * 1600))

    assert only == 600
    assert kept.ms <= 1000
    assert kept.take_given_up_ms() == 500
    assert kept.take_given_up_ms() == 0


steps = st.lists(
    st.one_of(
        st.tuples(st.just("append"), st.integers(1, 40)),
        st.sampled_from([("commit", 0), ("go", 0), ("go whole", 0), ("new link", 0)]),
    ),
    max_size=40,
)


@given(steps)
def test_on_every_link_each_turn_arrives_whole_in_order_and_ended_once(steps: list[tuple[str, int]]) -> None:
    kept = KeptSound(limit_s=1000)
    sample, turn = 0, 1
    taken: list[AppendInput | CommitInput] = []
    on_this_link: list[WireCommand] = []

    for step, units in [*steps, ("go", 0)]:
        match step:
            case "append":
                taken.append(append(turn, units * 20, sample))
                kept.take(taken[-1])
                sample += units * 320
            case "commit":
                taken.append(CommitInput(turn))
                kept.take(taken[-1])
                turn += 1
            case "new link":
                kept.start_over()
                on_this_link = []
            case "go whole":
                on_this_link += kept.going(100, whole_only=True)
            case _:
                on_this_link += kept.going(500)

    appends = [command for command in on_this_link if isinstance(command, AppendInput)]
    assert b"".join(c.frame.pcm for c in appends) == b"".join(
        c.frame.pcm for c in taken if isinstance(c, AppendInput)
    )
    assert all(a.frame.end_sample == b.frame.first_sample for a, b in pairwise(appends))
    assert all(one.frame.ms <= 500 for one in appends)
    ends = [command for command in on_this_link if isinstance(command, CommitInput)]
    assert ends == [command for command in taken if isinstance(command, CommitInput)]


def test_what_was_typed_is_sent_again_in_its_place_until_it_is_answered() -> None:
    kept = KeptSound(limit_s=10)
    taken: list[AppendInput | CommitInput | SendText] = [append(1, 20), CommitInput(1), SendText("and now?")]
    for command in taken:
        kept.take(command)
    kept.going(500)
    kept.start_over()

    again = kept.going(500)
    kept.answer_began("a", one_each=False)

    assert again == taken
    assert not kept.has_unanswered
