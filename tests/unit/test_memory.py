"""Memory: a new link is told what was really said and heard."""

from __future__ import annotations

from voice_assistant.core.audio import AudioFrame
from voice_assistant.core.events import (
    Event,
    PlayoutDropped,
    Recalled,
    ReplyAudio,
    ReplyRecognised,
    ReplyText,
    TextEntered,
    TurnOpened,
    UserText,
)
from voice_assistant.core.memory import ENTRIES, RECALLED_CHARACTERS, Memory

PRE_ROLL = AudioFrame(b"", 16_000)


def memory(*events: Event) -> Memory:
    kept = Memory()
    for event in events:
        kept.handle(event)
    return kept


def test_what_was_said_is_recalled_in_order_even_if_the_words_came_late() -> None:
    kept = memory(
        TurnOpened(0.0, 1, PRE_ROLL, "voice"),
        ReplyText(1.0, "a", "It is "),
        UserText(1.1, 1, "What time", final=False),
        ReplyText(1.2, "a", "noon."),
        UserText(1.3, 1, "What time is it?", final=True),
    )

    assert kept.recall(None) == (Recalled("user", "What time is it?"), Recalled("assistant", "It is noon."))


def test_of_a_cut_reply_only_what_was_heard_is_recalled() -> None:
    kept = memory(
        ReplyAudio(1.0, "a", bytes(48_000)),
        ReplyText(1.0, "a", "one two three four"),
        PlayoutDropped(2.0, "a", 500.0),
    )

    assert kept.recall(None) == (Recalled("assistant", "one two"),)


def test_words_of_a_cut_reply_that_come_after_the_cut_are_cut_as_well() -> None:
    kept = memory(
        ReplyAudio(1.0, "a", bytes(48_000)),
        ReplyText(1.0, "a", "one two"),
        PlayoutDropped(2.0, "a", 500.0),
        ReplyText(2.1, "a", " three four"),
    )

    assert kept.recall(None) == (Recalled("assistant", "one two"),)


def test_words_recognised_here_are_recalled_stretch_by_stretch_as_far_as_they_were_heard() -> None:
    kept = memory(
        ReplyAudio(1.0, "a", bytes(4 * 48_000)),
        ReplyRecognised(2.0, "a", "One two three.", 1500.0),
        PlayoutDropped(2.5, "a", 2000.0),
        ReplyRecognised(2.6, "a", "Four.", 2000.0, is_last=True),
        ReplyAudio(3.0, "b", bytes(4 * 48_000)),
        ReplyRecognised(3.1, "b", "one two three four", 2000.0),
        PlayoutDropped(4.0, "b", 1000.0),
    )

    assert kept.recall(None) == (
        Recalled("assistant", "One two three. Four."),
        Recalled("assistant", "one two"),
    )


def test_the_providers_own_words_take_the_place_of_ours() -> None:
    kept = memory(
        ReplyRecognised(2.0, "a", "Won too", 1000.0),
        ReplyText(2.1, "a", "One"),
        ReplyText(2.2, "a", " two"),
        ReplyRecognised(2.3, "a", "tree", 2000.0, is_last=True),
    )

    assert kept.recall(None) == (Recalled("assistant", "One two"),)


def test_a_turn_without_words_and_one_that_is_sent_again_are_left_out() -> None:
    kept = memory(
        TurnOpened(0.0, 1, PRE_ROLL, "voice"),
        UserText(1.0, 2, "said before", final=True),
        UserText(2.0, 3, "sent again", final=True),
    )

    assert kept.recall(before_turn=3) == (Recalled("user", "said before"),)


def test_what_was_typed_and_will_be_sent_again_is_left_out_once() -> None:
    kept = memory(TextEntered(1.0, "and now?"), ReplyText(2.0, "a", "Well."), TextEntered(3.0, "and now?"))

    assert kept.recall(None, ["and now?"]) == (Recalled("user", "and now?"), Recalled("assistant", "Well."))


def test_a_speech_that_is_longer_than_all_that_is_recalled_is_recalled_by_its_end() -> None:
    kept = memory(ReplyText(1.0, "a", "x" * RECALLED_CHARACTERS + " the end"))

    assert len(kept.recall(None)[0].text) == RECALLED_CHARACTERS
    assert kept.recall(None)[0].text.endswith(" the end")


def test_a_long_day_is_recalled_by_its_end_and_kept_small() -> None:
    kept = memory(*(UserText(0.0, turn, f"{turn} " + "x" * 400, final=True) for turn in range(1, 500)))

    recalled = kept.recall(None)

    assert recalled[-1].text.startswith("499 ")
    assert sum(len(one.text) for one in recalled) <= RECALLED_CHARACTERS
    assert len(recalled) < ENTRIES


def test_a_reply_that_was_forgotten_stays_so_though_its_words_are_recognised_late() -> None:
    remembered = memory(ReplyAudio(2.0, "a", bytes(4800)))

    remembered.forget("a")
    remembered.handle(ReplyRecognised(3.0, "a", "Ah", 100.0))

    assert remembered.recall(None) == ()
    assert not remembered.has_some(None)
