"""The scripted providers themselves: what other tests rely on when they rely on them."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import aiohttp
import numpy as np
import pytest

from tests.support.dialect_client import DialectClient
from tests.support.gemini_server import PATH, GeminiCall, GeminiServer
from tests.support.realtime_server import RealtimeCall, RealtimeServer
from tests.support.scripted_server import Refuse
from voice_assistant.core.events import (
    ReplyAudio,
    ReplyComplete,
    ReplyDone,
    SessionConfigured,
    SessionOpened,
    Unrecognised,
    UserText,
)
from voice_assistant.dialects.base import ProviderSettings
from voice_assistant.dialects.litellm import LiteLLM

WIRE = Path(__file__).parents[1] / "data/wire"
SOUND = bytes(range(240)) * 4


@pytest.fixture
def proxy() -> Iterator[RealtimeServer]:
    with RealtimeServer() as server:
        yield server


@pytest.fixture
def gemini() -> Iterator[GeminiServer]:
    with GeminiServer() as server:
        yield server


def client(server: RealtimeServer) -> DialectClient:
    return DialectClient(LiteLLM(ProviderSettings(url=server.url, model="m"), "key"))


# --- The scripted proxy says what a real one said ---


async def turn(call: RealtimeCall) -> None:
    await call.commit()
    await call.hears(" Hello", " there")
    await call.says(SOUND[:480], chunk_ms=10)
    await call.says(SOUND[:480], chunk_ms=10)
    await call.hears(", you")
    await call.complete()
    await call.done()


async def interruption(call: RealtimeCall) -> None:
    await call.commit()
    await call.says(SOUND, chunk_ms=10)
    await call.sound_ms(200)
    await call.interrupted()
    await call.hears("Stop")
    await call.commit()
    await call.reply(SOUND, chunk_ms=10)


async def lossy(call: RealtimeCall) -> None:
    for _ in range(2):
        await call.commit()
        await call.lossy_reply(SOUND, chunk_ms=10)
    await call.commit()
    await call.reply(SOUND, chunk_ms=10)


async def thoughts(call: RealtimeCall) -> None:
    await call.commit()
    await call.thinks("hm")
    await call.words("Hi")
    await call.says(SOUND, chunk_ms=10)
    await call.words(" there")
    await call.complete()
    await call.done()


async def beta(call: RealtimeCall) -> None:
    await call.commit()
    await call.hears("Hello")
    await call.words("Hi")
    await call.reply(SOUND, chunk_ms=10)


def shapes(lines: list[dict[str, object]]) -> list[tuple[object, list[str]]]:
    """Give type and fields of each message that came."""
    came = [line["got"] for line in lines if "got" in line]
    return [(message["type"], sorted(message)) for message in came if isinstance(message, dict)]


@pytest.mark.parametrize("script", [turn, interruption, lossy, thoughts, beta])
async def test_the_scripted_proxy_says_what_a_real_one_said(
    proxy: RealtimeServer, script: Callable[[RealtimeCall], Awaitable[None]]
) -> None:
    recorded = [
        json.loads(line) for line in (WIRE / f"{script.__name__}_deferred.jsonl").read_text().splitlines()
    ]

    async def play(call: RealtimeCall) -> None:
        call.names = "beta" if script is beta else "ga"
        await call.set_up("deferred")
        await script(call)

    proxy.play(play)
    async with client(proxy) as talk:
        await talk.set_up()
        await talk.expect(SessionConfigured)
        for turns in (1, 2, 3):
            await talk.speak(turns, bytes(3200))
            await asyncio.sleep(0.05)
        await talk.until(lambda: len(shapes(talk.wire)) >= len(shapes(recorded)))

    assert shapes(talk.wire) == shapes(recorded)


# --- What a script can do ---


async def test_eager_confirms_nothing(proxy: RealtimeServer) -> None:
    async def script(call: RealtimeCall) -> None:
        await call.set_up("eager")
        await call.hears("done")

    proxy.play(script)
    async with client(proxy) as talk:
        await talk.set_up()
        await talk.expect(UserText)

    assert not talk.all(SessionConfigured)


async def test_appends_are_noted_with_the_times_they_came(proxy: RealtimeServer) -> None:
    async def script(call: RealtimeCall) -> None:
        await call.set_up()
        await call.commit()
        await call.done()

    proxy.play(script)
    async with client(proxy) as talk:
        await talk.set_up()
        await talk.speak(1, bytes(3200))
        await talk.expect(ReplyDone)

    call = proxy.calls[0]
    assert call.samples == 2400
    assert len(call.sound) == 4800
    times = [append.at for append in call.appends]
    assert times == sorted(times)
    assert call.commits[0][0] >= times[-1]
    assert call.commits[0][1] == 2400
    assert call.headers["Authorization"] == "Bearer key"
    assert call.query == {"model": "m"}


async def test_garbage_stalls_and_a_torn_wire(proxy: RealtimeServer) -> None:
    async def script(call: RealtimeCall) -> None:
        await call.set_up()
        await call.send_raw("not JSON")
        await call.send_raw(b"\xff")
        await call.send([1])
        await call.says_base64("!")
        await call.stall(0.05)
        call.drop()

    proxy.play(script)
    async with client(proxy) as talk:
        await talk.set_up()
        lost = await talk.ended()

    assert lost.code == 1006
    assert len(talk.all(Unrecognised)) == 4


async def test_each_call_has_its_script_and_a_handshake_may_be_refused(proxy: RealtimeServer) -> None:
    async def script(call: RealtimeCall) -> None:
        await call.set_up()
        await call.upstream_closed(1011, "no")

    proxy.play(Refuse(403), script)
    async with client(proxy) as refused:
        pass
    async with client(proxy) as talk:
        await talk.set_up()
        lost = await talk.ended()

    assert refused.lost is not None
    assert refused.lost.status == 403
    assert (lost.code, lost.reason) == (1011, "no")
    assert len(talk.all(SessionOpened)) == 1


async def test_a_script_that_fails_fails_the_test() -> None:
    async def script(call: RealtimeCall) -> None:
        await call.close()
        raise AssertionError("not as it should be")

    with RealtimeServer() as server:
        server.play(script)
        async with client(server) as talk:
            await talk.ended()
        with pytest.raises(AssertionError, match="not as it should be"):
            server.check()


# --- The scripted Gemini ---


async def native(
    gemini: GeminiServer, script: Callable[[GeminiCall], Awaitable[None]], *sent: object
) -> list[object]:
    """Call the scripted Gemini, send all this, and give what comes until it closes."""
    gemini.play(script)
    came: list[object] = []
    async with aiohttp.ClientSession() as http, http.ws_connect(f"{gemini.url}{PATH}?key=k") as socket:
        for body in sent:
            await socket.send_json(body)
        async for message in socket:
            assert message.type is aiohttp.WSMsgType.BINARY
            came.append(json.loads(message.data))
    return came


def given_sound(level: int, ms: int) -> dict[str, object]:
    """Make a message of sound: 16 kHz."""
    samples = np.where(np.arange(16 * ms) % 20 < 10, level, -level).astype("<i2")
    data = base64.b64encode(samples.tobytes()).decode()
    return {"realtimeInput": {"audio": {"mimeType": "audio/pcm;rate=16000", "data": data}}}


SETUP = {"setup": {"realtimeInputConfig": {"automaticActivityDetection": {"silenceDurationMs": 300}}}}


async def test_gemini_ends_a_turn_after_silence_or_at_the_end_of_the_stream(gemini: GeminiServer) -> None:
    ends: list[tuple[str, int]] = []

    async def script(call: GeminiCall) -> None:
        await call.set_up()
        for _ in range(2):
            how = await call.turn_end()
            ends.append((how, call.samples))
            await call.turn_complete(None)
        await call.close()

    came = await native(
        gemini,
        script,
        SETUP,
        given_sound(0, 500),
        given_sound(5000, 200),
        *[given_sound(0, 100)] * 4,
        {"realtimeInput": {"audioStreamEnd": True}},
        given_sound(5000, 200),
        {"realtimeInput": {"audioStreamEnd": True}},
    )

    assert [how for how, _ in ends] == ["silence", "stream end"]
    assert came == [{"setupComplete": {}}, *[{"serverContent": {"turnComplete": True}}] * 2]
    assert gemini.calls[0].stream_ends == [16 * 1100, 16 * 1300]
    assert gemini.calls[0].rate == 16_000


async def test_gemini_paces_a_reply_or_sends_it_at_once(gemini: GeminiServer) -> None:
    async def script(call: GeminiCall) -> None:
        await call.set_up()
        await call.says(bytes(48_00), chunk_ms=20, speed=1)
        await call.content(generationComplete=True, turnComplete=True)
        await call.close(1011, "enough")

    came = await native(gemini, script, SETUP)

    assert len(came) == 1 + 5 + 1
    assert came[-1] == {"serverContent": {"generationComplete": True, "turnComplete": True}}


async def test_the_whole_reply_arrives_from_a_paced_proxy(proxy: RealtimeServer) -> None:
    async def script(call: RealtimeCall) -> None:
        await call.set_up()
        await call.reply(SOUND, chunk_ms=5, speed=2)

    proxy.play(script)
    async with client(proxy) as talk:
        await talk.set_up()
        await talk.expect(ReplyComplete)

    assert b"".join(event.pcm for event in talk.all(ReplyAudio)) == SOUND
