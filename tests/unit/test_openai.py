"""The whole OpenAI Realtime protocol, as a server that keeps it is spoken to."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voice_assistant.core.audio import AudioFrame
from voice_assistant.core.calls import ToolSpec
from voice_assistant.core.events import (
    AppendInput,
    CancelReply,
    CommitInput,
    Configure,
    Event,
    Recalled,
    ReplyAudio,
    ReplyComplete,
    ReplyDone,
    ReplyText,
    RequestReply,
    SendToolResult,
    ServerError,
    SessionConfigured,
    SessionOpened,
    ToolCall,
    TruncateReply,
    Unrecognised,
    UserText,
    WireCommand,
)
from voice_assistant.dialects.base import ProviderSettings
from voice_assistant.dialects.fields import sound_in
from voice_assistant.dialects.openai import TURN_DETECTION, OpenAI

TIMER = ToolSpec("set_timer", "Set a timer.", {"type": "object"})


@pytest.fixture
def dialect() -> OpenAI:
    settings = ProviderSettings(url="http://127.0.0.1:9", model="m", voice="v", instructions="Be kind.")
    return OpenAI(settings, "secret", [TIMER])


def said(dialect: OpenAI, command: WireCommand) -> list[dict[str, Any]]:
    return [json.loads(message) for message in dialect.encode(command)]


def heard(dialect: OpenAI, *messages: dict[str, Any]) -> list[Event]:
    return [event for message in messages for event in dialect.decode(json.dumps(message), 1.0)]


def frame(ms: int, first_sample: int = 0) -> AudioFrame:
    return AudioFrame(b"\x01\x02" * (16 * ms), 16_000, first_sample)


def audio(item: str, encoded: str, response: str = "r") -> dict[str, Any]:
    return {
        "type": "response.output_audio.delta",
        "response_id": response,
        "item_id": item,
        "delta": encoded,
    }


def test_the_key_rides_in_a_header_and_is_never_shown(dialect: OpenAI) -> None:
    request = dialect.request()

    assert request.url == "ws://127.0.0.1:9/v1/realtime?model=m"
    assert request.headers == {"Authorization": "Bearer secret"}
    assert "secret" not in repr(request)


def test_the_set_up_lets_the_server_answer_a_whole_request_at_once_and_offers_tools(dialect: OpenAI) -> None:
    [setup] = said(dialect, Configure())

    session = setup["session"]
    assert session["audio"]["input"]["turn_detection"] == {
        "type": "semantic_vad",
        "eagerness": "low",
        "create_response": True,
        "interrupt_response": False,
    }
    assert session["audio"]["input"]["format"] == {"type": "audio/pcm", "rate": 24_000}
    assert session["audio"]["output"]["voice"] == "v"
    assert session["instructions"] == "Be kind."
    assert session["tools"][0]["name"] == "set_timer"


def test_what_was_said_before_becomes_items_and_no_reply_is_asked_for(dialect: OpenAI) -> None:
    recall = (Recalled("user", "Who wrote Faust?"), Recalled("assistant", "Goethe."))

    messages = said(dialect, Configure(recall))

    assert [message["type"] for message in messages] == ["session.update"] + ["conversation.item.create"] * 2
    assert [message["item"]["role"] for message in messages[1:]] == ["user", "assistant"]
    assert messages[2]["item"]["content"] == [{"type": "output_text", "text": "Goethe."}]


def test_a_turn_goes_out_whole_at_24_khz_and_is_ended(dialect: OpenAI) -> None:
    messages = [
        message
        for command in (AppendInput(1, frame(20)), AppendInput(1, frame(30, 320)), CommitInput(1))
        for message in said(dialect, command)
    ]

    pcm = b"".join(sound_in(message, "audio") for message in messages[:-1])
    assert len(pcm) == 2 * 24 * 50
    assert messages[-1] == {"type": "input_audio_buffer.commit"}


def test_a_turn_that_a_key_ends_is_ended_by_nobody_else(dialect: OpenAI) -> None:
    def detection_before(turn: int, *, by_key: bool) -> list[Any]:
        *before, sound = said(dialect, AppendInput(turn, frame(20), by_key))
        assert sound["type"] == "input_audio_buffer.append"
        said(dialect, CommitInput(turn))
        return [message["session"]["audio"]["input"]["turn_detection"] for message in before]

    assert detection_before(1, by_key=False) == []
    assert detection_before(2, by_key=True) == [None]
    assert detection_before(3, by_key=True) == []
    assert detection_before(4, by_key=False) == [TURN_DETECTION]


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        (RequestReply(), {"type": "response.create"}),
        (CancelReply("a"), {"type": "response.cancel"}),
        (
            TruncateReply("a", 1234.9),
            {"type": "conversation.item.truncate", "item_id": "a", "content_index": 0, "audio_end_ms": 1234},
        ),
    ],
)
def test_every_command_has_its_word(dialect: OpenAI, command: WireCommand, expected: dict[str, Any]) -> None:
    assert said(dialect, command) == [expected]


def test_the_answer_to_a_tool_asks_for_a_reply(dialect: OpenAI) -> None:
    messages = said(dialect, SendToolResult("c", "{}"))

    assert messages[0]["item"] == {"type": "function_call_output", "call_id": "c", "output": "{}"}
    assert messages[1] == {"type": "response.create"}


def test_a_session_opens_and_is_configured(dialect: OpenAI) -> None:
    events = heard(
        dialect, {"type": "session.created", "session": {"model": "big"}}, {"type": "session.updated"}
    )

    assert isinstance(events[0], SessionOpened)
    assert events[0].model == "big"
    assert events[0].capabilities.truncate
    assert events[1] == SessionConfigured(1.0)


def test_a_reply_comes_with_sound_words_and_end(dialect: OpenAI) -> None:
    events = heard(
        dialect,
        {"type": "response.created", "response": {"id": "r"}},
        audio("a", "AQID"),
        audio("a", "BA=="),
        {
            "type": "response.output_audio_transcript.delta",
            "response_id": "r",
            "item_id": "a",
            "delta": "Hi",
        },
        {"type": "response.output_audio.done", "response_id": "r", "item_id": "a"},
        {"type": "response.done", "response": {"id": "r", "status": "completed"}},
    )

    assert events == [
        ReplyAudio(1.0, "a", b"\x01\x02"),
        ReplyAudio(1.0, "a", b"\x03\x04"),
        ReplyText(1.0, "a", "Hi"),
        ReplyComplete(1.0, "a"),
        ReplyDone(1.0, "a"),
    ]


def test_an_answer_that_is_only_written_is_read(dialect: OpenAI) -> None:
    events = heard(
        dialect,
        {"type": "response.created", "response": {"id": "r"}},
        {"type": "response.output_text.delta", "response_id": "r", "item_id": "a", "delta": "Hi"},
        {"type": "response.output_text.done", "response_id": "r", "item_id": "a", "text": "Hi"},
        {"type": "response.done", "response": {"id": "r", "status": "completed"}},
    )

    assert events == [ReplyText(1.0, "a", "Hi"), ReplyComplete(1.0, "a"), ReplyDone(1.0, "a")]


def test_a_cancelled_reply_was_interrupted(dialect: OpenAI) -> None:
    events = heard(
        dialect,
        audio("a", "AQI="),
        {"type": "response.done", "response": {"id": "r", "status": "cancelled"}},
    )

    assert events[-1] == ReplyDone(1.0, "a", interrupted=True)


def test_words_belong_to_the_turn_that_was_committed_however_late_they_come(dialect: OpenAI) -> None:
    for turn in (1, 2):
        dialect.encode(AppendInput(turn, frame(20)))
        dialect.encode(CommitInput(turn))
    kind = "conversation.item.input_audio_transcription"

    events = heard(
        dialect,
        {"type": "input_audio_buffer.committed", "item_id": "one"},
        {"type": "input_audio_buffer.committed", "item_id": "two"},
        {"type": f"{kind}.delta", "item_id": "two", "delta": "sec"},
        {"type": f"{kind}.completed", "item_id": "one", "transcript": "first"},
        {"type": f"{kind}.completed", "item_id": "two", "transcript": "second"},
    )

    texts = [(event.turn, event.text, event.final) for event in events if isinstance(event, UserText)]
    assert texts[0] == (2, "sec", False)
    assert (1, "first", True) in texts
    assert texts[-1] == (2, "second", True)


def test_a_commit_of_what_the_server_has_ended_claims_no_later_words(dialect: OpenAI) -> None:
    dialect.encode(AppendInput(1, frame(20)))
    heard(dialect, {"type": "input_audio_buffer.committed", "item_id": "one"})
    dialect.encode(CommitInput(1))
    dialect.encode(AppendInput(2, frame(20)))
    dialect.encode(CommitInput(2))
    kind = "conversation.item.input_audio_transcription.completed"

    events = heard(
        dialect,
        {"type": "input_audio_buffer.committed", "item_id": "two"},
        {"type": kind, "item_id": "one", "transcript": "first"},
        {"type": kind, "item_id": "two", "transcript": "second"},
    )

    texts = {event.turn: event.text for event in events if isinstance(event, UserText)}
    assert texts == {1: "first", 2: "second"}


def test_words_of_a_turn_that_the_server_ended_too_early_are_one_text(dialect: OpenAI) -> None:
    kind = "conversation.item.input_audio_transcription.completed"
    dialect.encode(AppendInput(1, frame(20)))
    heard(
        dialect,
        {"type": "input_audio_buffer.committed", "item_id": "one"},
        {"type": kind, "item_id": "one", "transcript": "What is ten?"},
    )
    dialect.encode(AppendInput(1, frame(20, 320)))
    dialect.encode(CommitInput(1))

    events = heard(
        dialect,
        {"type": "input_audio_buffer.committed", "item_id": "two"},
        {"type": kind, "item_id": "two", "transcript": "Plus five."},
    )

    assert events[0] == UserText(1.0, 1, "What is ten? Plus five.", final=False)
    assert events[-1] == UserText(1.0, 1, "What is ten? Plus five.", final=True)


def test_a_call_for_a_tool_is_no_silent_turn(dialect: OpenAI) -> None:
    item = {"id": "i", "type": "function_call", "call_id": "c", "name": "set_timer", "arguments": "{}"}

    events = heard(
        dialect,
        {"type": "response.output_item.done", "response_id": "r", "item": item},
        {"type": "response.done", "response": {"id": "r", "status": "completed", "output": [item]}},
    )

    assert events == [ToolCall(1.0, "c", "set_timer", "{}")]


def test_a_cancel_that_came_too_late_is_no_error(dialect: OpenAI) -> None:
    error = {"type": "error", "error": {"code": "response_cancel_not_active", "message": "no"}}
    worse = {"type": "error", "error": {"code": "quota", "message": "no more"}}

    assert heard(dialect, error) == [Unrecognised(1.0, "response_cancel_not_active")]
    assert heard(dialect, worse) == [ServerError(1.0, "no more", "quota")]


@given(st.one_of(st.text(), st.binary(), st.recursive(st.none() | st.text(), st.lists).map(json.dumps)))
def test_whatever_comes_is_read_or_counted_and_never_raises(message: str | bytes) -> None:
    settings = ProviderSettings(url="http://127.0.0.1:9", model="m")

    events = OpenAI(settings).decode(message, 1.0)

    assert all(isinstance(event, Unrecognised) for event in events)
