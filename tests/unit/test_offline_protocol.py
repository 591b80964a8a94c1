"""Session settings in either generation's shape, and events in either generation's names."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voice_assistant.offline.protocol import ProtocolError, Session, Wire, updated
from voice_assistant.offline.watch import WatchSettings

FRESH = Session(id="sess_1", model="offline")


@pytest.mark.parametrize(
    "update",
    [
        {"turn_detection": {"type": "server_vad", "threshold": 0.7, "silence_duration_ms": 700}},
        {
            "audio": {
                "input": {
                    "turn_detection": {"type": "server_vad", "threshold": 0.7, "silence_duration_ms": 700}
                }
            }
        },
    ],
    ids=["beta", "ga"],
)
def test_turn_detection_is_read_in_both_shapes(update: dict[str, Any]) -> None:
    watch = updated(FRESH, update).watch

    assert watch == WatchSettings(threshold=0.7, silence_duration_ms=700)


@pytest.mark.parametrize(
    "update",
    [
        {"turn_detection": None},
        {"turn_detection": {"type": "none"}},
        {"audio": {"input": {"turn_detection": None}}},
    ],
)
def test_turn_detection_can_be_switched_off_and_on_again(update: dict[str, Any]) -> None:
    off = updated(FRESH, update)

    assert off.watch is None
    assert updated(off, {"turn_detection": {"type": "server_vad"}}).watch == WatchSettings()


def test_a_setting_that_is_not_named_stays_as_it_was() -> None:
    first = updated(FRESH, {"instructions": "Be kind.", "turn_detection": None})

    second = updated(first, {"voice": "other"})

    assert (second.instructions, second.watch, second.voice) == ("Be kind.", None, "other")


def test_fields_that_nobody_knows_are_passed_over() -> None:
    strange = {"conversation_id": 7, "language": "en", "transcription_mode": {"a": [1]}, "type": "realtime"}

    assert updated(FRESH, strange) == FRESH


@pytest.mark.parametrize(
    ("update", "param"),
    [
        ({"input_audio_format": "g711_ulaw"}, "session.input_audio_format"),
        ({"audio": {"output": {"format": {"type": "audio/pcma"}}}}, "session.format"),
        ({"modalities": ["video"]}, "session.modalities"),
        ({"modalities": "text"}, "session.modalities"),
        ({"turn_detection": {"type": "telepathy"}}, "session.turn_detection.type"),
        ({"turn_detection": {"threshold": 2}}, "session.turn_detection.threshold"),
        ({"turn_detection": {"silence_duration_ms": "long"}}, "session.turn_detection.silence_duration_ms"),
        ({"turn_detection": 5}, "session.turn_detection"),
        ({"tools": {"name": "set_timer"}}, "session.tools"),
        ({"audio": ["input"]}, "session.audio"),
    ],
)
def test_a_value_that_cannot_be_honoured_is_refused_by_name(update: dict[str, Any], param: str) -> None:
    with pytest.raises(ProtocolError) as refused:
        updated(FRESH, update)

    assert refused.value.param == param


def test_text_alone_in_the_newer_names_means_text_and_in_the_older_ones_speech_for_speech() -> None:
    assert updated(FRESH, {"output_modalities": ["text"]}).text_even_for_speech
    assert not updated(FRESH, {"modalities": ["text"]}).text_even_for_speech
    assert updated(FRESH, {"modalities": ["text", "audio"]}).modalities == ("audio",)


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
known = st.sampled_from(
    ["audio", "modalities", "turn_detection", "tools", "voice", "input_audio_format", "temperature", "speed"]
)


@given(st.dictionaries(known, values, max_size=4))
def test_whatever_a_client_sends_is_taken_or_refused_and_nothing_else(update: dict[str, Any]) -> None:
    try:
        session = updated(FRESH, update)
    except ProtocolError:
        return
    for generation in ("beta", "ga"):
        Wire(generation).session(session)


def test_the_older_generation_has_its_own_names_and_fewer_events() -> None:
    beta, ga = Wire("beta"), Wire("ga")

    old = beta.event("response.output_audio.delta", {"delta": ""})
    new = ga.event("response.output_audio.delta", {"delta": ""})

    assert old is not None
    assert new is not None
    assert (old["type"], new["type"]) == ("response.audio.delta", "response.output_audio.delta")
    assert beta.event("conversation.item.done", {}) is None
    assert ga.event("conversation.created", {}) is None
    assert old["event_id"] != new["event_id"]
