"""Names of replies are never used twice; a message that came twice is known by its id."""

from __future__ import annotations

import json

import pytest

from voice_assistant.core.events import ReplyAudio, SessionOpened, Unrecognised
from voice_assistant.dialects import new_dialect
from voice_assistant.dialects.base import ProviderSettings
from voice_assistant.dialects.names import REMEMBERED, ItemNames, Repeats


def message(event_id: str, text: str = "") -> str:
    return json.dumps({"type": "any", "event_id": event_id, "text": text})


def test_a_name_that_was_used_gets_a_count() -> None:
    names = ItemNames()

    assert [names.new("a"), names.new("b"), names.new("a"), names.new("a")] == ["a", "b", "a#2", "a#3"]


def test_the_same_message_twice_is_a_repeat() -> None:
    repeats = Repeats()

    assert [repeats.has_come(one) for one in (message("1"), message("2"), message("1"))] == [
        False,
        False,
        True,
    ]


def test_equal_messages_without_an_id_are_two_messages() -> None:
    repeats = Repeats()

    assert [repeats.has_come('{"type": "any"}') for _ in range(2)] == [False, False]


def test_where_different_messages_have_one_id_nothing_is_a_repeat() -> None:
    repeats = Repeats()
    said = [message("1", "a"), message("1", "b"), message("1", "b"), message("2"), message("2")]

    assert not any(repeats.has_come(one) for one in said)


def test_only_the_last_messages_are_remembered() -> None:
    repeats = Repeats()
    for index in range(REMEMBERED + 1):
        repeats.has_come(message(str(index)))

    assert not repeats.has_come(message("0"))
    assert repeats.has_come(message(str(REMEMBERED)).encode())


@pytest.mark.parametrize("provider", ["litellm", "offline"])
def test_a_server_that_counts_its_items_anew_on_each_link_makes_new_replies(provider: str) -> None:
    settings = ProviderSettings(name=provider, url="http://localhost:1", model="m")  # type: ignore[arg-type]
    names = ItemNames()
    sound = '{"type": "response.audio.delta", "response_id": "r", "item_id": "i", "delta": "AAAA"}'

    items = [
        event.item
        for _ in range(2)
        for event in new_dialect(settings, "", (), names).decode(sound, 1.0)
        if isinstance(event, ReplyAudio)
    ]

    assert items == ["i", "i#2"]


@pytest.mark.parametrize("provider", ["litellm", "offline"])
def test_a_frame_that_comes_twice_counts_once(provider: str) -> None:
    settings = ProviderSettings(name=provider, url="http://localhost:1", model="m")  # type: ignore[arg-type]
    dialect = new_dialect(settings, "", ())
    opened = '{"type": "session.created", "event_id": "e", "session": {"model": "m"}}'

    assert isinstance(dialect.decode(opened, 1.0)[0], SessionOpened)
    assert isinstance(dialect.decode(opened, 1.0)[0], Unrecognised)
