"""The OpenAI Realtime protocol: what a message holds, under both names, whole or broken."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voice_assistant.core.events import Usage
from voice_assistant.dialects.fields import NAME_CHARACTERS
from voice_assistant.dialects.openai_realtime import (
    Nothing,
    PartEnded,
    ReplyBegun,
    ReplyEnded,
    Report,
    SessionCreated,
    SessionUpdated,
    Sound,
    SpeechStarted,
    Unknown,
    UserWords,
    Words,
    Written,
    append_audio,
    commit_audio,
    end_audio,
    read,
    session_update,
)

IDS = {"response_id": "r", "item_id": "i"}
TRANSCRIPTION = "conversation.item.input_audio_transcription"

READABLE: list[tuple[dict[str, Any], object]] = [
    ({"type": "session.created", "session": {"model": "m"}}, SessionCreated("m")),
    ({"type": "session.created", "session": {"model": "m" * 1000}}, SessionCreated("m" * 80)),
    ({"type": "session.created", "session": {}}, SessionCreated("")),
    ({"type": "session.updated"}, SessionUpdated()),
    ({"type": "input_audio_buffer.speech_started"}, SpeechStarted()),
    (
        {"type": f"{TRANSCRIPTION}.completed", "item_id": "i", "transcript": " hi"},
        UserWords("i", " hi", is_whole=True),
    ),
    (
        {"type": f"{TRANSCRIPTION}.delta", "item_id": "i", "delta": " hi"},
        UserWords("i", " hi", is_whole=False),
    ),
    ({"type": "response.created", "response": {"id": "r"}}, ReplyBegun("r")),
    ({"type": "response.audio.delta", **IDS, "delta": "AQI="}, Sound("r", "i", b"\1\2")),
    ({"type": "response.output_audio.delta", **IDS, "delta": "AQI="}, Sound("r", "i", b"\1\2")),
    ({"type": "response.audio_transcript.delta", **IDS, "delta": "so"}, Words("r", "i", "so")),
    ({"type": "response.output_audio_transcript.delta", **IDS, "delta": "so"}, Words("r", "i", "so")),
    ({"type": "response.text.delta", **IDS, "delta": "so"}, Written("r", "i", "so")),
    ({"type": "response.output_text.delta", **IDS, "delta": "so"}, Written("r", "i", "so")),
    ({"type": "response.audio.done", **IDS}, PartEnded("r", "i")),
    ({"type": "response.output_audio.done", **IDS}, PartEnded("r", "i")),
    ({"type": "response.text.done", **IDS}, PartEnded("r", "i")),
    ({"type": "response.output_text.done", **IDS}, PartEnded("r", "i")),
    ({"type": "response.output_item.done", "response_id": "r", "item": {"id": "i"}}, PartEnded("r", "i")),
    ({"type": "response.done", "response": {"id": "r"}}, ReplyEnded("r")),
    (
        {
            "type": "response.done",
            "response": {"id": "r", "status": "completed", "usage": {"input_tokens": 0}},
        },
        ReplyEnded("r", "completed"),
    ),
    (
        {
            "type": "response.done",
            "response": {"id": "r", "usage": {"input_tokens": 3, "output_tokens": True}},
        },
        ReplyEnded("r", usage=Usage(input_tokens=3)),
    ),
    (
        {
            "type": "response.done",
            "response": {"id": "r", "usage": {"input_tokens": 3, "output_tokens": 10**400}},
        },
        ReplyEnded("r", usage=Usage(input_tokens=3)),
    ),
    (
        {"type": "response.done", "response": {"id": "r", "status": "failed", "status_details": None}},
        ReplyEnded("r", "failed", failure="the reply failed"),
    ),
    (
        {"type": "response.done", "response": {"id": "r", "output": [{"type": "function_call"}]}},
        ReplyEnded("r", has_calls=True),
    ),
    ({"type": "error", "error": {"type": "t", "code": None, "message": "m"}}, Report("m", "t")),
    ({"type": "error", "error": {"type": "t", "code": "c", "message": "m"}}, Report("m", "c")),
    ({"type": "error", "error": "m"}, Report("m", "")),
    ({"type": "error"}, Report("the server reports an error and does not say which", "")),
    ({"type": "rate_limits.updated"}, Nothing()),
    ({"type": "conversation.item.created"}, Nothing()),
    ({"type": "conversation.item.added"}, Nothing()),
]


@pytest.mark.parametrize(("message", "meaning"), READABLE, ids=lambda value: str(value)[:50])
def test_a_message_is_read(message: dict[str, Any], meaning: object) -> None:
    assert read(json.dumps(message)) == meaning
    assert read(json.dumps(message).encode()) == meaning


UNREADABLE: list[tuple[str | bytes, str]] = [
    ("", "not JSON"),
    ("{", "not JSON"),
    ("[" * 100_000, "not JSON"),
    (b"\xff\xfe\x00", "not JSON"),
    ("[1]", "not an object"),
    ("null", "not an object"),
    ("{}", "no type"),
    ('{"type": 3}', "no type"),
    ('{"type": "response.text.delta"}', "response.text.delta: no response_id"),
    ('{"type": "response.audio.delta"}', "response.audio.delta: no response_id"),
    (
        '{"type": "response.audio.delta", "response_id": "r", "item_id": ""}',
        "response.audio.delta: no item_id",
    ),
    (
        '{"type": "response.audio.delta", "response_id": "r", "item_id": "i", "delta": 3}',
        "response.audio.delta: no delta",
    ),
    (
        '{"type": "response.audio.delta", "response_id": "r", "item_id": "i", "delta": "A!"}',
        "response.audio.delta: delta is not base64",
    ),
    (
        '{"type": "response.audio.delta", "response_id": "r", "item_id": "i", "delta": "\u00e9"}',
        "response.audio.delta: delta is not base64",
    ),
    ('{"type": "response.done", "response": []}', "response.done: no response"),
]


@pytest.mark.parametrize(("message", "kind"), UNREADABLE, ids=lambda value: str(value)[:50])
def test_what_cannot_be_read_is_unknown_and_says_what_is_wrong(message: str | bytes, kind: str) -> None:
    assert read(message) == Unknown(kind)


def test_the_name_of_an_unknown_message_is_cut() -> None:
    assert read(json.dumps({"type": "x" * 10_000})) == Unknown("x" * NAME_CHARACTERS)


def test_half_a_character_is_replaced() -> None:
    message = (
        r'{"type": "conversation.item.input_audio_transcription.delta", "item_id": "i", "delta": "a\ud800é"}'
    )

    assert read(message) == UserWords("i", "a?é", is_whole=False)


@given(parts=st.lists(st.binary(min_size=1, max_size=50), max_size=6))
def test_sound_written_as_several_texts_in_one_is_whole(parts: list[bytes]) -> None:
    delta = "".join(base64.b64encode(part).decode() for part in parts)

    sound = read(json.dumps({"type": "response.audio.delta", **IDS, "delta": delta}))

    assert sound == Sound("r", "i", b"".join(parts))


@given(pcm=st.binary(max_size=200))
def test_sound_that_is_sent_can_be_decoded_by_anyone(pcm: bytes) -> None:
    message = json.loads(append_audio(pcm))

    assert message["type"] == "input_audio_buffer.append"
    assert base64.b64decode(message["audio"], validate=True) == pcm


def test_the_other_messages_of_a_client() -> None:
    assert json.loads(session_update({"voice": "x"})) == {"type": "session.update", "session": {"voice": "x"}}
    assert json.loads(commit_audio()) == {"type": "input_audio_buffer.commit"}
    assert json.loads(end_audio()) == {"type": "input_audio_buffer.end"}
