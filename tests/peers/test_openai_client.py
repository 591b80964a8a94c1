"""The official ``openai`` package's realtime client against the offline server, in both API generations."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

from openai import AsyncOpenAI

from tests.support.offline_client import Address, at_24k, offline_server, question
from voice_assistant.core.audio import NEAR_RATE, REPLY_RATE, level_dbfs, silence

LIMIT_S = 60.0
TIMER = {
    "type": "function",
    "name": "set_timer",
    "description": "Ring after a while.",
    "parameters": {"type": "object", "properties": {"seconds": {"type": "number"}}},
}


@asynccontextmanager
async def connection_to(address: Address) -> AsyncGenerator[Any]:
    """Connect with the official client, as it speaks today."""
    async with (
        AsyncOpenAI(api_key=address.token, base_url=f"{address.http}/v1") as client,
        client.realtime.connect(model="gpt-realtime") as connection,
    ):
        yield connection


@asynccontextmanager
async def beta_connection_to(address: Address) -> AsyncGenerator[Any]:
    """Connect with the official client, as it spoke before: it takes any ``base_url`` for https."""
    where = f"{address.http.replace('http', 'ws', 1)}/v1"
    async with (
        AsyncOpenAI(api_key=address.token, websocket_base_url=where) as client,
        client.beta.realtime.connect(model="gpt-4o-realtime-preview") as connection,
    ):
        yield connection


async def speak(connection: Any, name: str) -> None:
    """Append a question and the silence after it, 100 ms at a time."""
    pcm = at_24k(question(name) + silence(800, NEAR_RATE))
    size = REPLY_RATE // 10 * 2
    for start in range(0, len(pcm), size):
        await connection.input_audio_buffer.append(audio=base64.b64encode(pcm[start : start + size]).decode())


async def collect(connection: Any, *, until: str = "response.done") -> list[Any]:
    """Take the client's events up to one of a kind."""
    events = []
    async with asyncio.timeout(LIMIT_S):
        async for event in connection:
            events.append(event)
            assert event.type != "error", event
            if event.type == until:
                break
    return events


def sound(events: list[Any], kind: str) -> bytes:
    """All sound in them."""
    return b"".join(base64.b64decode(event.delta) for event in events if event.type == kind)


def words(events: list[Any], kind: str) -> str:
    """All words of a kind in them."""
    return "".join(event.transcript for event in events if event.type == kind)


async def test_the_ga_client_has_a_hands_free_turn() -> None:
    async with offline_server() as address, connection_to(address) as connection:
        assert (await connection.recv()).type == "session.created"
        await connection.session.update(
            session={
                "type": "realtime",
                "instructions": "Be brief.",
                "audio": {
                    "input": {
                        "format": {"type": "audio/pcm", "rate": 24000},
                        "turn_detection": {"type": "server_vad", "silence_duration_ms": 400},
                        "transcription": {"model": "gpt-4o-mini-transcribe"},
                    },
                    "output": {"voice": "marin"},
                },
            }
        )
        updated = (await collect(connection, until="session.updated"))[-1]
        assert updated.session.instructions == "Be brief."
        assert updated.session.audio.input.turn_detection.silence_duration_ms == 400

        await speak(connection, "what_is_seventeen_times_twenty_three")
        events = await collect(connection)

    assert words(events, "response.output_audio_transcript.done") == "That is 391."
    completed = "conversation.item.input_audio_transcription.completed"
    assert "seventeen" in words(events, completed)
    assert level_dbfs(sound(events, "response.output_audio.delta")) > -40
    assert events[-1].response.status == "completed"
    assert events[-1].response.usage.total_tokens > 0


async def test_the_beta_client_has_a_manual_turn() -> None:
    async with offline_server() as address, beta_connection_to(address) as connection:
        assert (await connection.recv()).type == "session.created"
        await connection.session.update(
            session={
                "modalities": ["text", "audio"],
                "input_audio_format": "pcm16",
                "input_audio_transcription": {"model": "whisper-1"},
                "turn_detection": None,
            }
        )
        await speak(connection, "what_time_is_it")
        await connection.input_audio_buffer.commit()
        await connection.response.create()
        events = await collect(connection)

    assert words(events, "response.audio_transcript.done") == "It is 2:05 PM."
    assert level_dbfs(sound(events, "response.audio.delta")) > -40
    assert "input_audio_buffer.speech_started" not in {event.type for event in events}


async def test_the_ga_client_types_calls_a_function_and_is_told_of_it() -> None:
    async with offline_server() as address, connection_to(address) as connection:
        tools: Any = [TIMER]
        await connection.session.update(session={"type": "realtime", "tools": tools})
        await connection.conversation.item.create(
            item={
                "type": "message",
                "role": "user",
                "content": [{"type": "input_text", "text": "Set a timer for ten minutes."}],
            }
        )
        await connection.response.create()
        call = (await collect(connection))[-1].response.output[0]
        assert (call.type, call.name, json.loads(call.arguments)) == (
            "function_call",
            "set_timer",
            {"seconds": 600},
        )

        await connection.conversation.item.create(
            item={"type": "function_call_output", "call_id": call.call_id, "output": "ok"}
        )
        await connection.response.create()
        events = await collect(connection)

    assert words(events, "response.output_audio_transcript.done") == "Your timer is set for 10 minutes."


async def test_the_ga_client_cancels_truncates_and_goes_on() -> None:
    async with offline_server() as address, connection_to(address) as connection:
        await connection.conversation.item.create(
            item={
                "type": "message",
                "role": "user",
                "content": [{"type": "input_text", "text": "What can you do?"}],
            }
        )
        await connection.response.create()
        first = (await collect(connection, until="response.output_audio.delta"))[-1]
        await connection.response.cancel()
        cut = (await collect(connection))[-1].response
        assert (cut.status, cut.status_details.reason) == ("cancelled", "client_cancelled")

        await connection.conversation.item.truncate(item_id=first.item_id, content_index=0, audio_end_ms=150)
        truncated = (await collect(connection, until="conversation.item.truncated"))[-1]
        assert (truncated.item_id, truncated.audio_end_ms) == (first.item_id, 150)

        await speak(connection, "what_time_is_it")
        events = await collect(connection)

    assert words(events, "response.output_audio_transcript.done") == "It is 2:05 PM."


async def test_the_ga_client_is_told_of_its_mistakes_by_their_id() -> None:
    async with offline_server() as address, connection_to(address) as connection:
        await connection.send({"type": "input_audio_buffer.commit", "event_id": "mine"})
        async with asyncio.timeout(LIMIT_S):
            while (event := await connection.recv()).type != "error":
                pass

    assert (event.error.code, event.error.event_id) == ("input_audio_buffer_commit_empty", "mine")
