"""What is answered, and how a tool's parameters are filled."""

from __future__ import annotations

from datetime import datetime
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voice_assistant.offline.items import Item, Items, Spoken
from voice_assistant.offline.mind import NO_QUESTION, NOTHING_HEARD, Call, Mind, Part, fitted, newest_question
from voice_assistant.offline.protocol import ProtocolError
from voice_assistant.offline.skills.catalogue import Skills
from voice_assistant.offline.skills.outcome import CallTool
from voice_assistant.offline.voice import SentenceCutter, sentences

TIMER_TOOL = {
    "type": "function",
    "name": "set_timer",
    "parameters": {
        "type": "object",
        "properties": {"seconds": {"type": "number"}, "label": {"type": "string"}},
    },
}


def mind() -> Mind:
    """A mind on a Monday afternoon, without a chat endpoint."""
    return Mind(Skills(lambda: datetime(2026, 11, 23, 14, 5), Random(7)), None)


def conversation(*items: Item) -> Items:
    """A conversation of these items."""
    made = Items()
    for item in items:
        made.add(item)
    return made


def user(text: str) -> Item:
    """Words of the user."""
    return Item("message", "user", text)


async def answered(
    items: Items, *, by: Mind | None = None, tools: tuple[dict[str, Any], ...] = ()
) -> list[Part]:
    """All parts of an answer to the newest item."""
    return [part async for part in (by or mind()).answer(newest_question(items), items, "", tools)]


async def test_a_skill_answers() -> None:
    assert await answered(conversation(user("What time is it?"))) == ["It is 2:05 PM."]


@pytest.mark.parametrize(
    "heard", ["Ok, not do.", "Okay nabu!", "Okay, nah boo.", "Hey Jarvis", "Hey my croft"]
)
async def test_a_wake_word_without_a_request_is_no_riddle(heard: str) -> None:
    assert await answered(conversation(user(heard))) == ["Yes?"]


@pytest.mark.parametrize("heard", ["Okay.", "Okay, tell me about Paris.", "Not do."])
async def test_what_is_no_wake_word_alone_is_told_to_be_beyond_it(heard: str) -> None:
    assert "beyond my skills" in str((await answered(conversation(user(heard))))[0])


async def test_a_request_cut_in_two_by_a_pause_is_understood_as_one() -> None:
    items = conversation(user("What is seventeen."), user("Times twenty-three?"))

    assert await answered(items) == ["That is 391."]


async def test_words_before_our_last_answer_are_not_joined_to_a_new_question() -> None:
    items = conversation(
        user("What is seventeen"), Item("message", "assistant", "Yes?"), user("times twenty-three")
    )

    assert "I heard: times twenty-three" in str((await answered(items))[0])


@pytest.mark.parametrize(("heard_ms", "answer"), [(300, "That is 391."), (1800, "I heard: Times")])
async def test_words_of_ours_that_were_cut_off_at_once_do_not_divide_a_request(
    heard_ms: float, answer: str
) -> None:
    ours = Item("message", "assistant", "Pardon?", by_voice=True, spoken=[Spoken("Pardon?", 2000.0)])
    ours.truncate(heard_ms)
    items = conversation(user("What is seventeen"), ours, user("Times twenty-three?"))

    assert str((await answered(items))[0]).startswith(answer)


async def test_what_no_skill_answers_is_said_back_with_what_would_mend_it_once() -> None:
    asked = mind()
    first = await answered(conversation(user("Why is the sky blue?")), by=asked)
    second = await answered(conversation(user("Why is grass green?")), by=asked)

    assert "I heard: Why is the sky blue." in str(first[0])
    assert "chat_url" in str(first[0])
    assert second == ["I heard: Why is grass green. That is beyond my skills."]


async def test_a_noise_that_broke_an_answer_off_at_once_has_it_given_again() -> None:
    ours = Item(
        "message", "assistant", "That is 391.", by_voice=True, spoken=[Spoken("That is 391.", 1500.0)]
    )
    ours.truncate(100)

    assert await answered(conversation(user("What is 17 times 23?"), ours, user(""))) == ["That is 391."]


async def test_nothing_heard_and_nothing_asked_are_said_plainly() -> None:
    assert await answered(conversation(user(""))) == [NOTHING_HEARD]
    assert await answered(conversation()) == [NO_QUESTION]


async def test_a_timer_is_called_where_the_client_has_the_tool_and_explained_where_not() -> None:
    asked = mind()
    items = conversation(user("set a timer for five minutes"))

    parts = await answered(items, by=asked, tools=(TIMER_TOOL,))

    assert len(parts) == 1
    call = parts[0]
    assert isinstance(call, Call)
    assert (call.name, call.arguments) == ("set_timer", '{"seconds": 300}')
    items.add(Item("function_call", name=call.name, call_id=call.call_id, text=call.arguments))
    items.add(Item("function_call_output", call_id=call.call_id, text='{"ok": true}'))
    assert await answered(items, by=asked) == ["Your timer is set for 5 minutes."]
    assert "offers no tool" in str((await answered(conversation(user("set a timer for five minutes"))))[0])


@pytest.mark.parametrize(
    ("properties", "wanted"),
    [
        ({"seconds": {"type": "number"}, "label": {"type": "string"}}, {"seconds": 90, "label": "eggs"}),
        ({"minutes": {"type": "number"}}, {"minutes": 1.5}),
        ({"duration": {"type": "string"}}, {"duration": "90 seconds"}),
        ({"duration_s": {"type": "integer"}, "name": {"type": "string"}}, {"duration_s": 90, "name": "eggs"}),
        ({"colour": {"type": "string"}}, {}),
        ({}, {}),
        (None, {"seconds": 90, "label": "eggs"}),
    ],
)
def test_parameters_are_filled_as_the_client_named_them(properties: Any, wanted: dict[str, Any]) -> None:
    timer = CallTool("set_timer", done=str, without="", seconds=90.0, label="eggs")
    schema = None if properties is None else {"type": "object", "properties": properties}

    assert fitted(timer, schema) == wanted


@given(
    lengths=st.lists(
        st.tuples(st.lists(st.just("word"), min_size=1, max_size=9), st.floats(1, 5000)), max_size=6
    ),
    heard=st.floats(0, 20000),
)
def test_a_truncated_answer_keeps_what_was_heard_and_no_more(
    lengths: list[tuple[list[str], float]], heard: float
) -> None:
    spoken = [Spoken(" ".join(words), ms) for words, ms in lengths]
    item = Item("message", "assistant", by_voice=True, spoken=list(spoken))
    whole = item.audio_ms

    item.truncate(heard)

    assert item.audio_ms == pytest.approx(min(heard, whole))
    assert " ".join(sentence.text for sentence in spoken).startswith(item.text)


def test_items_keep_their_order_and_their_ids_are_their_own() -> None:
    items = conversation(first := user("a"), last := user("c"))

    assert items.add(user("b"), after=first.id) == first.id
    assert items.add(user("z"), after="root") is None
    assert [item.text for item in items] == ["z", "a", "b", "c"]
    with pytest.raises(ProtocolError):
        items.add(Item("message", "user", "again", id=last.id))
    with pytest.raises(ProtocolError):
        items.add(user("d"), after="item_nobody_knows")


@given(st.text(alphabet="ab .!?\n", max_size=60), st.integers(1, 7))
def test_a_text_in_pieces_is_cut_into_the_same_words(text: str, size: int) -> None:
    cutter = SentenceCutter()

    cut = [sentence for at in range(0, len(text), size) for sentence in cutter.feed(text[at : at + size])]
    cut += cutter.flush()

    assert " ".join(cut).split() == text.split()


def test_a_sentence_is_spoken_as_soon_as_it_is_whole() -> None:
    cutter = SentenceCutter()

    assert cutter.feed("It is two o'clock. And") == ["It is two o'clock."]
    assert cutter.feed(" what more") == []
    assert cutter.flush() == ["And what more"]


@given(st.text(alphabet="abc ", max_size=2000))
def test_no_sentence_is_endless(text: str) -> None:
    assert all(0 < len(sentence) <= 300 for sentence in sentences(text))
