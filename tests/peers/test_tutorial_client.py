"""A plain websocket client that does what LiteLLM's tutorial on Gemini realtime audio does, with our server.

Its habits are not the protocol's: the beta header, session fields that nobody knows, text as the only
modality although it waits for sound, small appends slower than real time, and an end of its own for it.
"""

from __future__ import annotations

import asyncio
import base64
import json
from typing import Any

import websockets

from tests.support.offline_client import Address, at_24k, offline_server, question
from voice_assistant.core.audio import level_dbfs

FRAMES = 1024
EVERY_S = 0.1
LIMIT_S = 60.0


async def converse(address: Address, pcm: bytes) -> tuple[bytes, list[dict[str, Any]]]:
    """Ask one question as the tutorial does; gives the answer's sound and all events."""
    headers = {"Authorization": f"Bearer {address.token}", "OpenAI-Beta": "realtime=v1"}
    events: list[dict[str, Any]] = []
    audio = bytearray()
    async with websockets.connect(address.websocket, additional_headers=headers) as socket:
        events.append(json.loads(await socket.recv()))
        session = {
            "conversation_id": "7d4f",
            "language": "en",
            "transcription_mode": "manual",
            "modalities": ["text"],
        }
        await socket.send(json.dumps({"type": "session.update", "session": session}))
        for start in range(0, len(pcm), FRAMES * 2):
            piece = base64.b64encode(pcm[start : start + FRAMES * 2]).decode()
            await socket.send(json.dumps({"type": "input_audio_buffer.append", "audio": piece}))
            await asyncio.sleep(EVERY_S)
        await socket.send(json.dumps({"type": "input_audio_buffer.end"}))
        async with asyncio.timeout(LIMIT_S):
            while events[-1]["type"] != "response.done":
                event = json.loads(await socket.recv())
                events.append(event)
                if event["type"] == "response.audio.delta":
                    audio += base64.b64decode(event["delta"])
    return bytes(audio), events


async def test_the_tutorials_client_gets_its_spoken_answer() -> None:
    async with offline_server() as address:
        audio, events = await converse(address, at_24k(question("what_time_is_it")))

    kinds = [event["type"] for event in events]
    assert "error" not in kinds
    assert "session.updated" in kinds
    assert kinds.count("response.done") == 1
    assert level_dbfs(audio) > -40
    said = [event["transcript"] for event in events if event["type"] == "response.audio_transcript.done"]
    assert said == ["It is 2:05 PM."]


async def test_sound_that_ends_with_the_last_word_is_answered_too() -> None:
    spoken = question("what_is_seventeen_times_twenty_three")[: 2 * 16_000 * 29 // 10]
    async with offline_server() as address:
        audio, events = await converse(address, at_24k(spoken))

    said = [event["transcript"] for event in events if event["type"] == "response.audio_transcript.done"]
    assert said == ["That is 391."]
    assert level_dbfs(audio) > -40
