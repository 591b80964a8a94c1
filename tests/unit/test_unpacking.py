"""Large messages: taken apart in small steps, they mean what they meant in one piece."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voice_assistant.dialects import openai_realtime as wire
from voice_assistant.dialects.base import ProviderSettings
from voice_assistant.dialects.litellm import LiteLLM
from voice_assistant.dialects.names import Repeats
from voice_assistant.dialects.unpacking import SLICE, Message, Unpacked, unpack

HALF_A_MINUTE = bytes(range(256)) * (30 * 48_000 // 256)


def delta(encoded: str, **more: Any) -> dict[str, Any]:
    return {
        "type": "response.output_audio.delta",
        "event_id": "event_1",
        "response_id": "r",
        "item_id": "i",
        "delta": encoded,
    } | more


def in_base64(pcm: bytes) -> str:
    return base64.b64encode(pcm).decode()


def taken_apart(message: str | bytes) -> tuple[Message, int]:
    steps = 0
    unpacking = unpack(message)
    while True:
        try:
            next(unpacking)
        except StopIteration as done:
            return done.value, steps
        steps += 1


def test_half_a_minute_in_one_message_is_decoded_in_steps_of_a_slice() -> None:
    message = json.dumps(delta(in_base64(HALF_A_MINUTE)))

    unpacked, steps = taken_apart(message)

    assert isinstance(unpacked, Unpacked)
    assert unpacked.sound == HALF_A_MINUTE
    assert len(unpacked.text) < 500
    assert steps >= len(message) // SLICE
    assert wire.read(unpacked) == wire.read(message) == wire.Sound("r", "i", HALF_A_MINUTE)


@pytest.mark.parametrize("as_bytes", [False, True])
@pytest.mark.parametrize("indent", [None, 2])
@pytest.mark.parametrize("after", ["", 'words "in quotes" and a \\ and \u00fc'])
def test_it_does_not_matter_how_the_json_was_written(as_bytes: bool, indent: int | None, after: str) -> None:
    text = json.dumps(delta(in_base64(bytes(SLICE)), transcript=after), indent=indent, ensure_ascii=False)
    message = text.encode() if as_bytes else text

    unpacked, _ = taken_apart(message)

    assert isinstance(unpacked, Unpacked)
    assert wire.read(unpacked) == wire.read(message)


def test_sound_joined_as_texts_is_decoded_whole() -> None:
    parts = [bytes([number]) * (1000 + number) for number in range(200)]
    message = json.dumps(delta("".join(map(in_base64, parts))))

    unpacked, _ = taken_apart(message)

    assert isinstance(unpacked, Unpacked)
    assert unpacked.sound == b"".join(parts)


@pytest.mark.parametrize(
    "message",
    [
        "",
        "x" * (3 * SLICE),
        '"' * (3 * SLICE),
        '{"type": "' + "x" * (3 * SLICE),
        json.dumps(["A" * 2 * SLICE]),
        json.dumps("A" * 2 * SLICE),
        json.dumps(delta("not base64! " * SLICE)),
        json.dumps(delta("A" * (2 * SLICE + 1))),
        json.dumps({"type": "response.done", "response": {"id": "A" * 2 * SLICE}}),
        json.dumps({"type": "session.created", "session": {"text": 'he said: "' + "A" * 2 * SLICE}}),
        json.dumps({"type": "response.output_audio_transcript.delta", "delta": "A" * 2 * SLICE}),
    ],
)
def test_what_is_no_sound_is_read_as_it_would_be_in_one_piece(message: str) -> None:
    unpacked, _ = taken_apart(message)

    if not isinstance(unpacked, Unpacked):
        assert unpacked is message
    assert type(wire.read(unpacked)) is type(wire.read(message))


@given(
    pcm=st.integers(3 * SLICE // 4, 3 * SLICE).flatmap(
        lambda size: st.just(bytes(range(251)) * (size // 251))
    ),
    key=st.sampled_from(("delta", "audio", "a key")),
    before=st.dictionaries(st.text(max_size=5), st.text(max_size=20) | st.integers(), max_size=4),
    after=st.dictionaries(st.text(max_size=5), st.text(max_size=20) | st.none(), max_size=4),
)
def test_every_field_is_what_it_was(
    pcm: bytes, key: str, before: dict[str, Any], after: dict[str, Any]
) -> None:
    fields = before | {key: in_base64(pcm)} | after
    whole = json.loads(json.dumps(fields))

    unpacked, _ = taken_apart(json.dumps(fields))

    read = unpacked.read() if isinstance(unpacked, Unpacked) else json.loads(unpacked)
    assert isinstance(read, dict)
    assert read.keys() == whole.keys()
    for name, value in whole.items():
        expected = pcm if name == key and read[name] != value else value
        assert read[name] == expected


def test_a_large_message_that_came_twice_is_known_and_one_like_it_is_not() -> None:
    first, _ = taken_apart(json.dumps(delta(in_base64(HALF_A_MINUTE))))
    other, _ = taken_apart(json.dumps(delta(in_base64(HALF_A_MINUTE[::-1]))))
    repeats = Repeats()

    assert [repeats.has_come(message) for message in (first, first, other)] == [False, True, False]


def test_a_dialect_takes_it_as_any_other_message() -> None:
    message = json.dumps(delta(in_base64(HALF_A_MINUTE)))
    settings = ProviderSettings(url="http://localhost:4000", model="gemini-live")

    unpacked, _ = taken_apart(message)

    assert LiteLLM(settings, "key", []).decode(unpacked, 1.0) == LiteLLM(settings, "key", []).decode(
        message, 1.0
    )
