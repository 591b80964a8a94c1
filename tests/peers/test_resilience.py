"""No word lost through a real LiteLLM proxy: Gemini's cuts, and the proxy itself killed and started again.

The whole program between microphone and socket is at work, in front of a real proxy and a scripted Gemini.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import numpy as np
import pytest

from tests.support.desk_rig import DeskRig
from tests.support.gemini_server import GeminiCall, GeminiServer
from tests.support.litellm_proxy import KEY, LIVE_MODEL, LiteLLMProxy, gemini_at, litellm_executable
from tests.support.speechlike import recorded_speech
from voice_assistant import link
from voice_assistant.core.audio import NEAR_RATE, REPLY_RATE
from voice_assistant.core.events import LinkUnanswered, RunTool, SessionConfigured
from voice_assistant.core.lifeline import LifelineSettings
from voice_assistant.dialects.base import ProviderSettings

pytestmark = pytest.mark.litellm

Script = Callable[[GeminiCall], Awaitable[None]]


def rig(proxy: LiteLLMProxy, link: LifelineSettings | None = None) -> DeskRig:
    return DeskRig(ProviderSettings(name="litellm", url=proxy.url, model=LIVE_MODEL), KEY, link)


def words(seconds: float, at: float = 0.5) -> bytes:
    """Recorded human speech: 16 kHz."""
    return (recorded_speech() * 3)[round(at * NEAR_RATE) * 2 :][: round(seconds * NEAR_RATE) * 2]


def voice(seconds: float, seed: int) -> bytes:
    """A reply in which every sample tells where it belongs: 24 kHz."""
    noise = np.random.default_rng(seed).integers(-9000, 9000, round(seconds * REPLY_RATE))
    return noise.astype("<i2").tobytes()


FIRST, SECOND = voice(0.6, 1), voice(0.6, 2)


def answers(*replies: bytes) -> Script:
    """A Gemini that answers one turn after the other."""

    async def script(call: GeminiCall) -> None:
        await call.set_up()
        for reply in replies:
            await call.stream_end()
            await call.hears("What", " is", " it?")
            await call.reply(reply)

    return script


def cut(code: int | None, after_ms: float = 700) -> Script:
    """A Gemini that ends the connection while the user speaks: with a code, or without a word."""

    async def script(call: GeminiCall) -> None:
        await call.set_up()
        await call.sound_ms(after_ms)
        if code is None:
            call.drop()
        else:
            await call.close(code, "as the test wants")

    return script


@pytest.mark.parametrize("code", [None, 1000, 1001, 1011])
async def test_an_end_of_geminis_while_the_user_speaks_costs_no_sample(
    proxy: LiteLLMProxy, gemini: GeminiServer, code: int | None
) -> None:
    gemini.play(cut(code), answers(FIRST))
    async with rig(proxy, LifelineSettings(unconfirmed_ms=500)).talking() as desk:
        # A proxy that confirms nothing is believed once it has lived for a moment.
        await desk.until(lambda: bool(desk.all(SessionConfigured) or desk.notices))
        turn = await desk.say(words(4.0))
        await desk.drained()
        sound = desk.on_the_wire(turn)

    assert gemini.calls[1].sound == sound
    assert gemini.calls[1].stream_ends == [len(sound) // 2]
    assert list(desk.heard.values()) == [FIRST]
    assert sum("is gone" in text for text in desk.notices) == 1
    assert sum("is back" in text for text in desk.notices) == 1


async def test_a_turn_whose_answer_never_came_is_answered_once_on_the_next_link(
    proxy: LiteLLMProxy, gemini: GeminiServer
) -> None:
    async def dies(call: GeminiCall) -> None:
        await call.set_up()
        await call.stream_end()
        await call.hears("What is it?")
        await call.close(1011, "internal")

    gemini.play(dies, answers(FIRST))
    async with rig(proxy).talking() as desk:
        turn = await desk.say(words(1.0))
        await desk.drained()
        await asyncio.sleep(0.3)
        sound = desk.on_the_wire(turn)

    assert [call.sound for call in gemini.calls] == [sound, sound]
    assert [len(call.stream_ends) for call in gemini.calls] == [1, 1]
    assert list(desk.heard.values()) == [FIRST]


async def test_what_came_of_a_reply_is_heard_and_the_next_turn_answered(
    proxy: LiteLLMProxy, gemini: GeminiServer
) -> None:
    async def tears(call: GeminiCall) -> None:
        await call.set_up()
        await call.stream_end()
        await call.says(FIRST)
        await call.close(1011, "internal")

    gemini.play(tears, answers(SECOND))
    async with rig(proxy).talking() as desk:
        await desk.say(words(0.8))
        await desk.drained()
        turn = await desk.say(words(0.8))
        await desk.drained(2)
        sound = desk.on_the_wire(turn)

    assert gemini.calls[1].sound == sound
    assert list(desk.heard.values()) == [FIRST, SECOND]


async def test_a_tool_of_a_link_that_was_cut_is_not_run_twice(
    deferred_proxy: LiteLLMProxy, gemini: GeminiServer
) -> None:
    async def asks(call: GeminiCall) -> None:
        await call.set_up()
        await call.stream_end()
        await call.send({"toolCall": {"functionCalls": [{"id": "f", "name": "look", "args": {}}]}})
        if call.number == 0:
            await call.stall(0.2)
            await call.close(1011, "internal")
            return
        await call.until(lambda: any("toolResponse" in message.body for message in call.messages))
        await call.reply(FIRST)

    gemini.play(asks)
    async with rig(deferred_proxy).talking() as desk:
        turn = await desk.say(words(0.8))
        await desk.drained()
        sound = desk.on_the_wire(turn)

    assert [call.sound for call in gemini.calls] == [sound, sound]
    assert len(desk.all(RunTool)) == 1
    assert list(desk.heard.values()) == [FIRST]


async def test_a_silent_gemini_is_told_and_the_turn_sent_again(
    eager_proxy: LiteLLMProxy, gemini: GeminiServer
) -> None:
    async def deaf(call: GeminiCall) -> None:
        await call.set_up()
        await call.stream_end()
        await call.hung_up()

    gemini.play(deaf, answers(FIRST))
    async with rig(eager_proxy, LifelineSettings(answer_timeout_s=2)).talking() as desk:
        turn = await desk.say(words(0.8))
        await desk.drained()
        sound = desk.on_the_wire(turn)

    assert gemini.calls[1].sound == sound
    assert any("No answer for 2 s" in text for text in desk.notices)


async def test_a_proxy_that_is_killed_and_started_again_while_the_user_speaks_costs_no_sample(
    gemini: GeminiServer, tmp_path: Path
) -> None:
    executable = litellm_executable()
    if executable is None:
        pytest.skip("no LiteLLM proxy: VOICE_ASSISTANT_LITELLM does not name its executable")
    models = {LIVE_MODEL: gemini_at(gemini.url)}
    gemini.play(answers(FIRST, FIRST), answers(SECOND))
    with LiteLLMProxy(executable, tmp_path, models, deferred=True) as proxy:
        async with rig(proxy).talking() as desk:
            await desk.say(words(0.8))
            await desk.drained()
            desk.press()
            await desk.speak(words(2.0))
            await asyncio.to_thread(proxy.kill)
            await desk.speak(words(2.0, at=2.5))
            desk.release()
            await asyncio.to_thread(proxy.start)
            await desk.drained(2)
            sound = desk.on_the_wire(2)

    assert gemini.calls[-1].sound == sound
    assert len(gemini.calls[-1].stream_ends) == 1
    assert list(desk.heard.values()) == [FIRST, SECOND]
    assert sum("is gone" in text for text in desk.notices) == 1
    assert sum("is back" in text for text in desk.notices) == 1
    setup = gemini.calls[-1].setup
    assert setup is not None
    assert "User: What is it?" in str(setup["systemInstruction"])


async def test_a_proxy_that_hangs_while_the_user_speaks_is_told_and_answers_when_it_goes_on(
    gemini: GeminiServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(link, "UNANSWERED_S", 0.5)
    executable = litellm_executable()
    if executable is None:
        pytest.skip("no LiteLLM proxy: VOICE_ASSISTANT_LITELLM does not name its executable")
    models = {LIVE_MODEL: gemini_at(gemini.url)}
    gemini.play(answers(FIRST, SECOND))
    with LiteLLMProxy(executable, tmp_path, models, deferred=True) as proxy:
        async with rig(proxy, LifelineSettings(answer_timeout_s=2)).talking() as desk:
            await desk.until(lambda: bool(desk.all(SessionConfigured)))
            desk.press()
            await desk.speak(words(1.0))
            proxy.hang()
            await desk.speak(words(1.0, at=1.5))
            desk.release()
            await desk.until(lambda: len(desk.all(LinkUnanswered)) >= 2)
            proxy.go_on()
            await desk.drained()
            sound = desk.on_the_wire(1)

    answered = [call for call in gemini.calls if call.stream_ends]
    assert answered[-1].sound == sound
    assert list(desk.heard.values()) == [FIRST]
    assert sum("takes the connection but does not answer" in text for text in desk.notices) == 1
