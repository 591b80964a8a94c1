"""The books of the replies: what is played, what was heard, what is told to the provider."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from voice_assistant.core.events import (
    CancelReply,
    Capabilities,
    DropPlayout,
    EndPlayout,
    Notify,
    Play,
    PlayoutDrained,
    PlayoutDropped,
    PlayoutProgress,
    Pressed,
    ReplyAudio,
    ReplyComplete,
    ReplyDone,
    SessionOpened,
    TruncateReply,
)
from voice_assistant.core.replies import REMEMBERED, Replies

ABLE = Capabilities(cancel=True, truncate=True)
TENTH_S = bytes(4800)


def replies(capabilities: Capabilities = ABLE) -> Replies:
    books = Replies()
    books.handle(SessionOpened(0.0, "model", capabilities))
    return books


def test_a_reply_is_played_as_it_comes_and_ended_once() -> None:
    books = replies()

    assert books.handle(ReplyAudio(1.0, "a", TENTH_S)) == [Play("a", TENTH_S)]
    assert books.handle(ReplyComplete(1.1, "a")) == [EndPlayout("a")]
    assert books.handle(ReplyDone(1.2, "a")) == []
    assert books["a"].received_ms == 100


def test_a_reply_whose_end_never_came_is_ended_with_the_answer() -> None:
    books = replies()
    books.handle(ReplyAudio(1.0, "a", TENTH_S))

    assert books.handle(ReplyDone(1.2, "a")) == [EndPlayout("a")]


def test_a_cut_reply_is_dropped_cancelled_and_truncated_at_what_was_heard() -> None:
    books = replies()
    books.handle(ReplyAudio(1.0, "a", TENTH_S))

    cut = books.cut("a")
    told = books.handle(PlayoutDropped(1.1, "a", 40.0))

    assert cut == [DropPlayout("a"), CancelReply("a")]
    assert told == [TruncateReply("a", 40.0)]
    assert books.sounding == []


def test_a_reply_that_was_heard_to_its_end_is_not_truncated() -> None:
    books = replies()
    books.handle(ReplyAudio(1.0, "a", TENTH_S))
    books.cut("a")

    assert books.handle(PlayoutDropped(1.1, "a", 100.0)) == []


def test_a_provider_that_cannot_be_told_is_not_told() -> None:
    books = replies(Capabilities(cancel=False, truncate=False))
    books.handle(ReplyAudio(1.0, "a", TENTH_S))

    assert books.cut("a") == [DropPlayout("a")]
    assert books.handle(PlayoutDropped(1.1, "a", 40.0)) == []


def test_a_complete_reply_is_cut_without_a_cancel() -> None:
    books = replies()
    books.handle(ReplyAudio(1.0, "a", TENTH_S))
    books.handle(ReplyComplete(1.1, "a"))

    assert books.cut("a") == [DropPlayout("a")]


def test_a_reply_that_the_provider_broke_off_is_dropped() -> None:
    books = replies()
    books.handle(ReplyAudio(1.0, "a", TENTH_S))

    assert books.handle(ReplyDone(1.1, "a", interrupted=True))[0] == DropPlayout("a")


def test_the_end_of_an_unknown_reply_is_nothing() -> None:
    books = replies()

    assert books.handle(ReplyDone(1.0, "never heard of")) == []
    assert books.handle(ReplyDone(1.0, None)) == []
    assert books.handle(PlayoutProgress(1.0, "never heard of", 10.0)) == []


def test_a_long_day_keeps_only_the_last_replies_in_mind() -> None:
    books = replies()

    for index in range(REMEMBERED + 10):
        books.handle(ReplyAudio(1.0, str(index), TENTH_S))
        books.handle(PlayoutDrained(1.0, str(index), 100.0))

    assert not books.knows("0")
    assert books.knows(str(REMEMBERED + 9))


@given(st.lists(st.tuples(st.sampled_from(["audio", "cut", "complete", "drained"]), st.sampled_from("ab"))))
def test_a_cut_reply_is_never_played_again(steps: list[tuple[str, str]]) -> None:
    books = replies()
    cut: set[str] = set()

    for step, item in steps:
        match step:
            case "audio":
                commands = books.handle(ReplyAudio(1.0, item, TENTH_S))
                assert (commands == []) == (item in cut)
            case "cut":
                cut |= {command.item for command in books.cut(item) if isinstance(command, DropPlayout)}
            case "complete":
                assert item not in cut or books.handle(ReplyComplete(1.0, item)) == []
            case _:
                books.handle(PlayoutDrained(1.0, item, 1.0))

    assert not cut & set(books.sounding)


def heard(books: Replies, item: str = "a", pcm: bytes = TENTH_S) -> None:
    books.handle(ReplyAudio(1.0, item, pcm))
    books.handle(ReplyDone(1.1, item))
    books.handle(PlayoutDrained(1.5, item, 100.0))


def test_the_last_answer_is_played_again_and_the_provider_is_told_nothing() -> None:
    books = replies()
    heard(books, "a", b"\x01\x00" * 2400)
    heard(books, "b", b"\x02\x00" * 2400)

    again = books.handle(Pressed(2.0, "repeat"))
    (item,) = books.sounding
    cut = books.cut(item)
    dropped = books.handle(PlayoutDropped(2.1, item, 10.0))

    assert again == [Play(item, b"\x02\x00" * 2400), EndPlayout(item)]
    assert cut == [DropPlayout(item)]
    assert dropped == []


def test_it_can_be_heard_again_and_again_from_its_beginning() -> None:
    books = replies()
    heard(books)

    first = books.handle(Pressed(2.0, "repeat"))
    second = books.handle(Pressed(2.1, "repeat"))

    (item,) = books.sounding
    assert isinstance(first[0], Play)
    assert second == [DropPlayout(first[0].item), Play(item, TENTH_S), EndPlayout(item)]


def test_a_new_answer_goes_before_one_that_is_played_again() -> None:
    books = replies()
    heard(books)
    books.handle(Pressed(2.0, "repeat"))
    (again,) = books.sounding

    assert books.handle(ReplyAudio(2.1, "b", TENTH_S)) == [DropPlayout(again), Play("b", TENTH_S)]


def test_what_is_still_playing_or_never_came_is_not_played_again() -> None:
    books = replies()

    nothing_yet = books.handle(Pressed(0.5, "repeat"))
    books.handle(ReplyAudio(1.0, "a", TENTH_S))
    playing = books.handle(Pressed(1.1, "repeat"))

    assert [type(command) for command in nothing_yet + playing] == [Notify, Notify]
    assert books.sounding == ["a"]
