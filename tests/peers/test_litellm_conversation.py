"""Whole conversations through a real LiteLLM proxy, in front of a scripted Gemini Live.

With ``VOICE_ASSISTANT_RECORD_WIRE=1`` what the proxy says is written to ``tests/data/wire``, where the unit
tests of the dialect replay it.
"""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import numpy as np
import pytest

from tests.support.dialect_client import DialectClient, write_wire
from tests.support.gemini_server import USAGE, GeminiCall, GeminiServer, model_turn
from tests.support.litellm_proxy import KEY, LIVE_MODEL, LiteLLMProxy
from voice_assistant.core.audio import NEAR_RATE, REPLY_RATE, Resampler
from voice_assistant.core.events import (
    ReplyAudio,
    ReplyComplete,
    ReplyDone,
    ReplyText,
    SessionConfigured,
    Unrecognised,
    Usage,
    UserText,
)
from voice_assistant.dialects.base import ProviderSettings
from voice_assistant.dialects.litellm import LiteLLM

pytestmark = pytest.mark.litellm

WIRE = Path(__file__).parents[1] / "data/wire"

COUNTED = Usage(input_tokens=50, output_tokens=30, input_audio_tokens=50, output_audio_tokens=30)


def noise(ms: int, rate: int, seed: int) -> bytes:
    """Make sound in which every sample tells where it belongs."""
    samples = np.random.default_rng(seed).integers(-12_000, 12_000, ms * rate // 1000)
    return samples.astype("<i2").tobytes()


def client(proxy: LiteLLMProxy, **wishes: str) -> DialectClient:
    """Make a client of the proxy's realtime model."""
    settings = ProviderSettings(url=proxy.url, model=LIVE_MODEL, **wishes)  # type: ignore[arg-type]
    return DialectClient(LiteLLM(settings, KEY))


def keep(name: str, proxy: LiteLLMProxy, deferred_proxy: LiteLLMProxy, talk: DialectClient) -> None:
    """Keep what the proxy said, if that is asked for."""
    if os.environ.get("VOICE_ASSISTANT_RECORD_WIRE"):
        write_wire(WIRE / f"{name}_{'deferred' if proxy is deferred_proxy else 'eager'}.jsonl", talk.wire)


async def test_a_proxy_that_defers_the_set_up_hands_on_the_whole_of_it(
    deferred_proxy: LiteLLMProxy, gemini: GeminiServer
) -> None:
    async def script(call: GeminiCall) -> None:
        await call.set_up()

    gemini.play(script)
    async with client(deferred_proxy, voice="Kore", instructions="Be brief.") as talk:
        opened = await talk.set_up()
        await talk.expect(SessionConfigured)

    setup = gemini.calls[0].setup
    assert setup is not None
    assert setup["systemInstruction"]["parts"] == [{"text": "Be brief."}]
    assert setup["generationConfig"]["responseModalities"] == ["AUDIO"]
    voice = setup["generationConfig"]["speechConfig"]["voiceConfig"]["prebuiltVoiceConfig"]
    assert voice == {"voiceName": "Kore"}
    assert setup["realtimeInputConfig"]["automaticActivityDetection"] == {
        "disabled": False,
        "prefixPaddingMs": 300,
        "silenceDurationMs": 2000,
    }
    assert opened.model == "gemini-live" or opened.model.startswith("gemini-2.5")
    assert opened.capabilities.confirms_setup == "perhaps"


async def test_a_proxy_as_it_is_by_default_confirms_nothing_and_ignores_the_set_up(
    eager_proxy: LiteLLMProxy, gemini: GeminiServer
) -> None:
    async def script(call: GeminiCall) -> None:
        await call.set_up()
        await call.sound_ms(200)
        await call.hears("Yes")

    gemini.play(script)
    async with client(eager_proxy, instructions="Be brief.") as talk:
        await talk.set_up()
        await talk.speak(1, noise(300, NEAR_RATE, 1))
        await talk.expect(UserText)

    setup = gemini.calls[0].setup
    assert setup is not None
    assert "systemInstruction" not in setup
    assert not talk.all(SessionConfigured)
    assert sum("setup" in message.body for message in gemini.calls[0].messages) == 1


@pytest.mark.parametrize("end_of_turn", ["commit", "end"])
async def test_the_users_sound_reaches_gemini_sample_by_sample_and_the_reply_comes_back_byte_by_byte(
    proxy: LiteLLMProxy, gemini: GeminiServer, deferred_proxy: LiteLLMProxy, end_of_turn: str
) -> None:
    near, reply = noise(1370, NEAR_RATE, 2), noise(2345, REPLY_RATE, 3)

    async def script(call: GeminiCall) -> None:
        await call.set_up()
        await call.stream_end()
        await call.hears("What", " time", " is it?")
        await call.reply(reply, chunk_ms=233)

    gemini.play(script)
    async with client(proxy, end_of_turn=end_of_turn) as talk:
        await talk.set_up()
        await talk.speak(1, near)
        done = await talk.expect(ReplyDone)

    on_the_wire = Resampler(NEAR_RATE, REPLY_RATE)
    assert gemini.calls[0].sound == on_the_wire.feed(near) + on_the_wire.flush()
    assert gemini.calls[0].rate == 24_000
    assert gemini.calls[0].stream_ends == [1370 * 24]
    assert talk.items == [done.item]
    assert talk.heard(talk.items[0]) == reply
    assert [event.item for event in talk.all(ReplyComplete)] == talk.items
    assert not done.interrupted
    assert done.usage == COUNTED
    words = talk.all(UserText)
    assert [event.text for event in words] == ["What", "What time", "What time is it?", "What time is it?"]
    assert [event.final for event in words] == [False, False, False, True]
    assert {event.turn for event in words} == {1}
    assert not talk.all(Unrecognised)


async def test_a_turn_with_fragments_in_few_samples(
    proxy: LiteLLMProxy, gemini: GeminiServer, deferred_proxy: LiteLLMProxy
) -> None:
    reply = noise(20, REPLY_RATE, 4)

    async def script(call: GeminiCall) -> None:
        await call.set_up()
        await call.stream_end()
        await call.hears(" Hello", " there")
        await call.says(reply, chunk_ms=10)
        await call.hears(", you")
        await call.generation_complete()
        await call.turn_complete()

    gemini.play(script)
    async with client(proxy) as talk:
        await talk.set_up()
        await talk.speak(1, noise(100, NEAR_RATE, 5))
        await talk.expect(ReplyDone)

    keep("turn", proxy, deferred_proxy, talk)
    assert talk.all(UserText)[-1] == UserText(talk.all(UserText)[-1].at, 1, "Hello there, you", final=True)
    assert talk.heard(talk.items[0]) == reply


async def test_two_replies_that_each_end_in_one_frame_are_two_replies(
    proxy: LiteLLMProxy, gemini: GeminiServer, deferred_proxy: LiteLLMProxy
) -> None:
    replies = [noise(20, REPLY_RATE, seed) for seed in (6, 7, 8)]

    async def script(call: GeminiCall) -> None:
        await call.set_up()
        for reply in replies[:2]:
            await call.stream_end()
            await call.says(reply, chunk_ms=10)
            await call.content(generationComplete=True, turnComplete=True, usage=USAGE)
        await call.stream_end()
        await call.reply(replies[2], chunk_ms=10)

    gemini.play(script)
    async with client(proxy) as talk:
        await talk.set_up()
        for turn in (1, 2, 3):
            await talk.speak(turn, noise(100, NEAR_RATE, turn))
            await talk.expect(ReplyComplete, turn)
        await talk.expect(ReplyDone, 3)

    keep("lossy", proxy, deferred_proxy, talk)
    assert len(talk.items) == 3
    assert [talk.heard(item) for item in talk.items] == replies
    assert [event.item for event in talk.all(ReplyComplete)] == talk.items
    assert [event.item for event in talk.all(ReplyDone)] == talk.items
    assert not any(event.interrupted for event in talk.all(ReplyDone))


async def test_an_interrupted_reply_is_told_once_and_its_second_end_is_no_silent_turn(
    proxy: LiteLLMProxy, gemini: GeminiServer, deferred_proxy: LiteLLMProxy
) -> None:
    first, second = noise(20, REPLY_RATE, 9), noise(20, REPLY_RATE, 10)

    async def script(call: GeminiCall) -> None:
        await call.set_up()
        await call.stream_end()
        await call.says(first, chunk_ms=10)
        await call.sound_ms(200)
        await call.interrupted()
        await call.turn_complete()
        await call.hears("Stop")
        await call.stream_end()
        await call.reply(second, chunk_ms=10)

    gemini.play(script)
    async with client(proxy) as talk:
        await talk.set_up()
        await talk.speak(1, noise(100, NEAR_RATE, 11))
        await talk.expect(ReplyAudio, 2)
        await talk.speak(2, noise(200, NEAR_RATE, 12), commit=False)
        await talk.expect(ReplyDone, 2)
        await talk.speak(2, noise(100, NEAR_RATE, 13))
        await talk.expect(ReplyDone, 3)

    keep("interruption", proxy, deferred_proxy, talk)
    broken_off, counted, answered = talk.all(ReplyDone)
    assert (broken_off.item, broken_off.interrupted, broken_off.usage) == (talk.items[0], True, None)
    assert (counted.item, counted.interrupted, counted.usage) == (talk.items[0], True, COUNTED)
    assert (answered.item, answered.interrupted) == (talk.items[1], False)
    assert [event.item for event in talk.all(ReplyComplete)] == [talk.items[1]]
    assert talk.heard(talk.items[1]) == second


async def test_an_interruption_in_one_frame_has_one_end(
    deferred_proxy: LiteLLMProxy, gemini: GeminiServer
) -> None:
    async def script(call: GeminiCall) -> None:
        await call.set_up()
        await call.stream_end()
        await call.says(noise(20, REPLY_RATE, 14))
        await call.sound_ms(200)
        await call.content(interrupted=True, turnComplete=True, usage=USAGE)
        await call.stream_end()
        await call.turn_complete()

    gemini.play(script)
    async with client(deferred_proxy) as talk:
        await talk.set_up()
        await talk.speak(1, noise(100, NEAR_RATE, 15))
        await talk.expect(ReplyAudio)
        await talk.speak(2, noise(100, NEAR_RATE, 16))
        await talk.expect(ReplyDone, 2)

    keep("interruption_in_one_frame", deferred_proxy, deferred_proxy, talk)
    broken_off, silent = talk.all(ReplyDone)
    assert (broken_off.item, broken_off.interrupted) == (talk.items[0], True)
    assert (silent.item, silent.interrupted) == (None, False)


async def test_a_turn_to_which_gemini_says_nothing_is_a_turn_without_a_reply(
    proxy: LiteLLMProxy, gemini: GeminiServer, deferred_proxy: LiteLLMProxy
) -> None:
    async def script(call: GeminiCall) -> None:
        await call.set_up()
        await call.stream_end()
        await call.hears("Hm")
        await call.turn_complete()
        await call.stream_end()
        await call.reply(noise(20, REPLY_RATE, 17))
        await call.stream_end()
        await call.hears("Hm hm")
        await call.generation_complete()
        await call.turn_complete()

    gemini.play(script)
    async with client(proxy) as talk:
        await talk.set_up()
        for turn in (1, 2, 3):
            await talk.speak(turn, noise(100, NEAR_RATE, turn))
            await talk.expect(ReplyDone, turn)

    keep("silent", proxy, deferred_proxy, talk)
    assert [event.item for event in talk.all(ReplyDone)] == [None, talk.items[0], None]
    assert not any(event.interrupted for event in talk.all(ReplyDone))
    assert [event.item for event in talk.all(ReplyComplete)] == talk.items
    finals = [(event.turn, event.text) for event in talk.all(UserText) if event.final]
    assert finals == [(1, "Hm"), (3, "Hm hm")]


async def test_sound_in_several_parts_of_one_frame_is_whole(
    deferred_proxy: LiteLLMProxy, gemini: GeminiServer
) -> None:
    parts = [noise(1, REPLY_RATE, 18)[: 2 * samples] for samples in (5, 7, 11, 12)]

    async def script(call: GeminiCall) -> None:
        await call.set_up()
        await call.stream_end()
        await call.content(modelTurn=model_turn(*parts))
        await call.generation_complete()
        await call.turn_complete()

    gemini.play(script)
    async with client(deferred_proxy) as talk:
        await talk.set_up()
        await talk.speak(1, noise(100, NEAR_RATE, 19))
        await talk.expect(ReplyDone)

    keep("parts", deferred_proxy, deferred_proxy, talk)
    assert talk.heard(talk.items[0]) == b"".join(parts)


async def test_what_the_model_thinks_is_not_what_it_says(
    deferred_proxy: LiteLLMProxy, gemini: GeminiServer
) -> None:
    reply = noise(20, REPLY_RATE, 20)

    async def script(call: GeminiCall) -> None:
        await call.set_up()
        await call.stream_end()
        await call.thinks("**The user greets me**")
        await call.words("Hi")
        await call.says(reply, chunk_ms=10)
        await call.words(" there")
        await call.generation_complete()
        await call.turn_complete()

    gemini.play(script)
    async with client(deferred_proxy) as talk:
        await talk.set_up()
        await talk.speak(1, noise(100, NEAR_RATE, 21))
        await talk.expect(ReplyDone)

    keep("thoughts", deferred_proxy, deferred_proxy, talk)
    assert talk.heard(talk.items[0]) == reply
    assert "greets" not in repr(talk.events)


async def test_a_reply_that_is_cut_into_many_small_frames_comes_in_order(
    eager_proxy: LiteLLMProxy, gemini: GeminiServer
) -> None:
    reply = noise(4000, REPLY_RATE, 22)

    async def script(call: GeminiCall) -> None:
        await call.set_up()
        await call.stream_end()
        await call.says(reply, chunk_ms=40, speed=8)
        await call.generation_complete()
        await asyncio.sleep(0.3)
        await call.turn_complete()

    gemini.play(script)
    async with client(eager_proxy) as talk:
        await talk.set_up()
        await talk.speak(1, noise(500, NEAR_RATE, 23), frame_ms=100)
        await talk.expect(ReplyComplete)
        assert not talk.all(ReplyDone)
        await talk.expect(ReplyDone)

    assert talk.heard(talk.items[0]) == reply
    assert len(talk.items) == 1


async def test_a_proxy_asked_for_the_betas_names_is_understood_as_well(
    deferred_proxy: LiteLLMProxy, gemini: GeminiServer
) -> None:
    reply = noise(20, REPLY_RATE, 24)

    async def script(call: GeminiCall) -> None:
        await call.set_up()
        await call.stream_end()
        await call.hears("Hello")
        await call.words("Hi")
        await call.reply(reply, chunk_ms=10)

    gemini.play(script)
    settings = ProviderSettings(url=deferred_proxy.url, model=LIVE_MODEL, beta_header=True)
    async with DialectClient(LiteLLM(settings, KEY)) as talk:
        await talk.set_up()
        await talk.speak(1, noise(100, NEAR_RATE, 25))
        done = await talk.expect(ReplyDone)

    keep("beta", deferred_proxy, deferred_proxy, talk)
    assert any("response.audio.delta" in str(line) for line in talk.wire)
    assert talk.heard(talk.items[0]) == reply
    assert [event.text for event in talk.all(ReplyText)] == ["Hi"]
    assert done.item == talk.items[0]
    assert not talk.all(Unrecognised)


async def test_sound_sent_before_gemini_has_confirmed_the_set_up_is_not_lost(
    deferred_proxy: LiteLLMProxy, gemini: GeminiServer
) -> None:
    near = noise(2000, NEAR_RATE, 26)

    async def script(call: GeminiCall) -> None:
        await call.until(lambda: call.setup is not None)
        await call.stall(0.5)
        await call.set_up()
        await call.stream_end()
        await call.turn_complete()

    gemini.play(script)
    async with client(deferred_proxy) as talk:
        await talk.set_up()
        await talk.speak(1, near)
        await talk.expect(ReplyDone)

    assert gemini.calls[0].samples == 2000 * 24
