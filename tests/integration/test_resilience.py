"""No word lost, over real sockets: the line is torn, blocked, closed and refused in the middle of everything.

The whole program between microphone and socket is at work, in front of a scripted proxy. What must hold: the
open turn is at the provider whole, sample by sample; there is one answer; the person reads two lines.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator

import numpy as np
import pytest

from tests.support.desk_rig import DeskRig
from tests.support.realtime_server import RealtimeCall, RealtimeServer
from tests.support.scripted_server import Refuse
from tests.support.speechlike import recorded_speech
from tests.support.torn_wire import TornWire
from voice_assistant.core.audio import NEAR_RATE, REPLY_RATE
from voice_assistant.core.events import (
    Captured,
    ClockJumped,
    CloseTurn,
    CommitInput,
    Connect,
    PlayoutDrained,
    ReplyAudio,
    ReplyDone,
    ReplyText,
    RunTool,
    SendToolResult,
    Stop,
    TextEntered,
)
from voice_assistant.core.lifeline import LifelineSettings
from voice_assistant.dialects.base import ProviderSettings
from voice_assistant.errors import AuthError, HandshakeError

Script = Callable[[RealtimeCall], Awaitable[None]]


@pytest.fixture
def server() -> Iterator[RealtimeServer]:
    with RealtimeServer() as server:
        yield server


def rig(url: str, link: LifelineSettings | None = None, speed: float = 4.0) -> DeskRig:
    return DeskRig(ProviderSettings(name="litellm", url=url, model="live"), "key", link, speed)


def words(seconds: float, at: float = 0.5) -> bytes:
    """Recorded human speech: 16 kHz."""
    speech = recorded_speech() * 3
    return speech[round(at * NEAR_RATE) * 2 :][: round(seconds * NEAR_RATE) * 2]


def voice(seconds: float, seed: int) -> bytes:
    """A reply in which every sample tells where it belongs: 24 kHz."""
    noise = np.random.default_rng(seed).integers(-9000, 9000, round(seconds * REPLY_RATE))
    return noise.astype("<i2").tobytes()


FIRST, SECOND = voice(0.6, 1), voice(0.6, 2)


def answers(*replies: bytes, mode: str = "deferred") -> Script:
    """A provider that answers one turn after the other."""

    async def script(call: RealtimeCall) -> None:
        await call.set_up(mode)  # type: ignore[arg-type]
        for reply in replies:
            await call.commit()
            await call.hears("What", " is", " it?")
            await call.reply(reply)

    return script


def fails(how: Callable[[RealtimeCall], Awaitable[None]], after_ms: float) -> Script:
    """A provider that fails after so much sound of the user."""

    async def script(call: RealtimeCall) -> None:
        await call.set_up()
        await call.sound_ms(after_ms)
        await how(call)

    return script


async def tear(call: RealtimeCall) -> None:
    call.drop()


def closing(code: int) -> Callable[[RealtimeCall], Awaitable[None]]:
    async def close(call: RealtimeCall) -> None:
        await call.upstream_closed(code, "as the test wants")

    return close


def arrived(call: RealtimeCall) -> bytes:
    return call.sound


def one_outage(desk: DeskRig) -> bool:
    gone = [text for text in desk.notices if "is gone" in text]
    back = [text for text in desk.notices if "is back" in text]
    return (len(gone), len(back)) == (1, 1)


HOWS = {"torn": tear, **{f"close {code}": closing(code) for code in (1000, 1001, 1011, 1013)}}


@pytest.mark.parametrize("how", HOWS)
async def test_a_line_that_ends_while_the_user_speaks_costs_no_sample_and_brings_one_answer(
    server: RealtimeServer, how: str
) -> None:
    server.play(fails(HOWS[how], after_ms=700), answers(FIRST))
    async with rig(server.url).talking() as desk:
        turn = await desk.say(words(3.0))
        await desk.drained()
        sound = desk.on_the_wire(turn)

    assert arrived(server.calls[1]) == sound
    assert [samples for _, samples in server.calls[1].commits] == [len(sound) // 2]
    assert list(desk.heard.values()) == [FIRST]
    assert one_outage(desk)
    assert max(len(append.pcm) for append in server.calls[1].appends) <= REPLY_RATE  # 500 ms


@pytest.mark.parametrize("mode", ["eager", "deferred"])
async def test_three_seconds_without_a_line_while_the_user_speaks(server: RealtimeServer, mode: str) -> None:
    server.play(answers(FIRST, mode=mode))
    with TornWire(server.port) as wire:
        async with rig(wire.url, speed=1.0).talking() as desk:
            await desk.until(lambda: bool(server.calls) and server.calls[0].session is not None)
            desk.press()
            speaking = asyncio.create_task(desk.speak(words(4.0)))
            await asyncio.sleep(0.8)
            wire.tear()
            torn_at = asyncio.get_running_loop().time()
            await asyncio.sleep(1.8)
            desk.release()
            await asyncio.sleep(1.2)
            wire.mend()
            mended_at = time.monotonic()
            await desk.drained()
            await speaking
            sound = desk.on_the_wire(1)
            tries = [entry.at for entry in desk.lost]

    last = server.calls[-1]
    assert last.sound == sound
    assert len(last.commits) == 1
    assert list(desk.heard.values()) == [FIRST]
    first_try, late = tries[1] - torn_at, last.commits[0][0] - mended_at
    # 0.2 s and half a second at most, on a machine that is not busy.
    assert first_try < 3.0
    assert late < 6.0
    samples = [entry.near.first_sample for entry in desk.all(Captured)]
    assert samples == list(range(0, 320 * len(samples), 320))


async def test_a_turn_that_was_ended_and_not_answered_is_sent_again_and_answered_once(
    server: RealtimeServer,
) -> None:
    async def hears_and_dies(call: RealtimeCall) -> None:
        await call.set_up()
        await call.commit()
        await call.hears("What is it?")
        await call.upstream_closed(1011)

    server.play(hears_and_dies, answers(FIRST))
    async with rig(server.url).talking() as desk:
        turn = await desk.say(words(1.0))
        await desk.drained()
        await asyncio.sleep(0.3)
        sound = desk.on_the_wire(turn)

    assert [call.sound for call in server.calls] == [sound, sound]
    assert [len(call.commits) for call in server.calls] == [1, 1]
    assert list(desk.heard.values()) == [FIRST]


async def test_what_came_of_a_reply_is_heard_and_its_turn_is_not_asked_again(server: RealtimeServer) -> None:
    async def tears_its_reply(call: RealtimeCall) -> None:
        await call.set_up()
        await call.commit()
        await call.says(FIRST)
        call.drop()

    server.play(tears_its_reply, answers(SECOND))
    async with rig(server.url).talking() as desk:
        await desk.say(words(0.8))
        await desk.drained()
        turn = await desk.say(words(0.8))
        await desk.drained(2)
        sound = desk.on_the_wire(turn)

    assert server.calls[1].sound == sound
    assert list(desk.heard.values()) == [FIRST, SECOND]
    assert "in the middle of an answer" in desk.notices[0]


async def test_a_stalled_provider_is_told_and_the_turn_sent_again(server: RealtimeServer) -> None:
    async def deaf(call: RealtimeCall) -> None:
        await call.set_up()
        await call.commit()
        await call.hung_up()

    server.play(deaf, answers(FIRST))
    async with rig(server.url, LifelineSettings(answer_timeout_s=2)).talking() as desk:
        turn = await desk.say(words(1.0))
        await desk.drained()
        sound = desk.on_the_wire(turn)

    assert [call.sound for call in server.calls] == [sound, sound]
    assert any("No answer for 2 s" in text for text in desk.notices)
    assert list(desk.heard.values()) == [FIRST]


async def test_a_half_open_line_is_found_by_its_silence(server: RealtimeServer) -> None:
    server.play(answers(FIRST))
    with TornWire(server.port) as wire:
        async with rig(wire.url, LifelineSettings(answer_timeout_s=2)).talking() as desk:
            await desk.until(lambda: bool(server.calls) and server.calls[0].session is not None)
            desk.press()
            await desk.speak(words(0.6))
            wire.block()
            await desk.speak(words(0.6, at=1.1))
            desk.release()
            await desk.until(lambda: any("No answer" in text for text in desk.notices))
            wire.mend()
            await desk.drained()
            sound = desk.on_the_wire(1)

    assert server.calls[-1].sound == sound
    assert list(desk.heard.values()) == [FIRST]


@pytest.mark.parametrize("status", [404, 429, 500, 502])
async def test_a_proxy_that_refuses_for_a_while_is_tried_again(server: RealtimeServer, status: int) -> None:
    server.play(fails(tear, after_ms=400), Refuse(status), answers(FIRST))
    async with rig(server.url).talking() as desk:
        turn = await desk.say(words(1.2))
        await desk.drained()
        sound = desk.on_the_wire(turn)

    assert server.calls[-1].sound == sound
    assert [lost.status for lost in desk.lost] == [None, status]
    assert list(desk.heard.values()) == [FIRST]
    assert one_outage(desk)


@pytest.mark.parametrize("status", [401, 403])
async def test_a_key_that_is_refused_later_ends_the_session_with_the_reason(
    server: RealtimeServer, status: int
) -> None:
    server.play(fails(tear, after_ms=400), Refuse(status), answers(FIRST))
    async with rig(server.url).talking() as desk:
        desk.press()
        speaking = asyncio.create_task(desk.speak(words(1.2)))
        assert desk.running is not None
        stop = await asyncio.wait_for(asyncio.shield(desk.running), 60)
        await speaking

    assert isinstance(stop.error, AuthError)
    assert len(server.calls) == 1


@pytest.mark.parametrize("code", [1007, 1008])
async def test_a_close_that_nothing_mends_ends_the_session_after_what_came_was_heard(
    server: RealtimeServer, code: int
) -> None:
    async def closes(call: RealtimeCall) -> None:
        await call.set_up()
        await call.commit()
        await call.says(FIRST)
        await call.upstream_closed(code, "no")

    server.play(closes, answers(SECOND))
    async with rig(server.url).talking() as desk:
        await desk.say(words(0.8))
        assert desk.running is not None
        stop: Stop = await asyncio.wait_for(asyncio.shield(desk.running), 60)

    assert isinstance(stop.error, HandshakeError)
    assert str(code) in str(stop.error)
    assert list(desk.heard.values()) == [FIRST]
    assert len(server.calls) == 1


async def test_a_slow_session_on_the_new_link_gets_the_turn_when_it_is_there(server: RealtimeServer) -> None:
    async def slow(call: RealtimeCall) -> None:
        await call.stall(1.5)
        await answers(FIRST)(call)

    server.play(fails(tear, after_ms=400), slow)
    async with rig(server.url).talking() as desk:
        turn = await desk.say(words(1.2))
        await desk.drained()
        sound = desk.on_the_wire(turn)

    assert server.calls[1].sound == sound
    assert list(desk.heard.values()) == [FIRST]


async def test_garbage_and_frames_that_come_twice_do_no_harm(server: RealtimeServer) -> None:
    async def stammers(call: RealtimeCall) -> None:
        await call.set_up()
        await call.send_raw("{not JSON")
        await call.commit()
        await call.send_raw(b"\xff\xfe")
        sent = call.send

        async def twice(body: object) -> None:
            await sent(body)
            await sent(body)

        call.send = twice  # type: ignore[method-assign]
        await call.hears("What is it?")
        await call.reply(FIRST)

    server.play(stammers)
    async with rig(server.url).talking() as desk:
        await desk.say(words(0.8))
        await desk.drained()
        await asyncio.sleep(0.3)

    assert list(desk.heard.values()) == [FIRST]
    assert len(desk.all(PlayoutDrained)) == 1
    assert len(server.calls) == 1


async def test_after_a_sleep_nothing_old_is_sent_and_a_new_turn_is_answered(server: RealtimeServer) -> None:
    server.play(answers(SECOND), answers(FIRST))
    async with rig(server.url).talking() as desk:
        await desk.until(lambda: bool(server.calls) and server.calls[0].session is not None)
        desk.press()
        await desk.speak(words(0.8))
        desk.post(ClockJumped(asyncio.get_running_loop().time(), 600.0))
        await desk.until(lambda: bool(desk.all(CloseTurn)))
        desk.release()
        await desk.until(lambda: len(server.calls) == 2 and server.calls[1].session is not None)
        turn = await desk.say(words(0.8))
        await desk.drained()
        sound = desk.on_the_wire(turn)

    assert server.calls[1].sound == sound
    assert list(desk.heard.values()) == [FIRST]


async def test_a_resting_line_is_taken_up_with_the_first_words(server: RealtimeServer) -> None:
    server.play(answers(FIRST))
    settings = LifelineSettings(park_after_min=0.05)
    async with rig(server.url, settings).talking() as desk:
        await desk.until(lambda: any("rests" in text for text in desk.notices))
        await asyncio.to_thread(server.wait, lambda: server.calls[0].is_over)
        turn = await desk.say(words(1.0))
        await desk.drained()
        sound = desk.on_the_wire(turn)

    assert server.calls[1].sound == sound
    assert not desk.lost


async def test_a_text_typed_while_the_line_is_gone_is_sent_once_it_is_back(server: RealtimeServer) -> None:
    async def takes_text(call: RealtimeCall) -> None:
        await call.set_up()
        await call.until(lambda: any(m.body["type"] == "conversation.item.create" for m in call.messages))
        await call.reply(FIRST)

    server.play(fails(tear, after_ms=0), takes_text)
    async with rig(server.url).talking() as desk:
        await desk.until(lambda: bool(desk.all(Connect)) and bool(server.calls))
        desk.post(TextEntered(asyncio.get_running_loop().time(), "and now?"))
        await desk.say(words(0.1))
        await desk.drained()

    texts = [m.body for m in server.calls[-1].messages if m.body["type"] == "conversation.item.create"]
    assert len(texts) == 1
    assert FIRST in desk.heard.values()


async def test_a_tool_that_was_asked_for_on_a_torn_line_runs_once_and_the_question_is_answered(
    server: RealtimeServer,
) -> None:
    async def asks(call: RealtimeCall) -> None:
        await call.set_up()
        await call.commit()
        await ask_for_tool(call)

    async def asks_and_dies(call: RealtimeCall) -> None:
        await asks(call)
        await call.stall(0.1)
        call.drop()

    async def asks_again(call: RealtimeCall) -> None:
        await asks(call)
        await call.until(lambda: any("function_call_output" in str(m.body) for m in call.messages))
        await call.reply(FIRST)

    server.play(asks_and_dies, asks_again)
    async with rig(server.url).talking() as desk:
        turn = await desk.say(words(0.8))
        await desk.drained()
        sound = desk.on_the_wire(turn)

    assert [call.sound for call in server.calls] == [sound, sound]
    assert len(desk.all(RunTool)) == 1
    assert [result.output for result in desk.all(SendToolResult)] == ['{"seen": 42}']
    assert list(desk.heard.values()) == [FIRST]


async def ask_for_tool(call: RealtimeCall) -> None:
    """Ask for the tool as the proxy does: a reply that holds nothing else."""
    number = call.number
    item = {
        "id": f"item_tool_{number}",
        "type": "function_call",
        "status": "completed",
        "name": "look",
        "call_id": f"call_{number}",
        "arguments": "{}",
    }
    response = {"id": f"resp_tool_{number}", "status": "completed", "output": [item], "usage": None}
    await call.say("response.created", response=response)
    await call.say("response.output_item.done", response_id=response["id"], output_index=0, item=item)
    await call.say("response.done", response=response)


async def test_the_conversation_so_far_is_told_to_the_new_link_and_not_what_is_sent_again(
    server: RealtimeServer,
) -> None:
    async def answers_then_dies(call: RealtimeCall) -> None:
        await call.set_up()
        await call.commit()
        await call.hears("Who wrote Faust?")
        await call.words("Goethe did.")
        await call.reply(FIRST)
        await call.commit()
        await call.hears("And when?")
        await call.close(1011)

    server.play(answers_then_dies, answers(SECOND))
    async with rig(server.url).talking() as desk:
        await desk.say(words(0.8))
        await desk.drained()
        await desk.say(words(0.8))
        await desk.drained(2)

    session = server.calls[1].session
    assert session is not None
    assert "User: Who wrote Faust?\nYou: Goethe did." in session["instructions"]
    assert "And when?" not in session["instructions"]
    assert len(desk.all(CommitInput)) == 3
    assert list(desk.heard.values()) == [FIRST, SECOND]


async def test_half_a_minute_in_one_message_keeps_its_place_among_the_others(server: RealtimeServer) -> None:
    long, short = voice(30.0, 3), voice(0.1, 4)

    async def script(call: RealtimeCall) -> None:
        await call.set_up()
        await call.commit()
        await call.says(short)
        await call.words("First")
        await call.says(long, chunk_ms=30_000)
        await call.words(", last.")
        await call.says(short)
        await call.complete()
        await call.done()

    server.play(script)
    async with rig(server.url).talking() as desk:
        await desk.say(words(0.8))
        await desk.until(lambda: bool(desk.all(ReplyDone)))

    told = [
        one.text if isinstance(one, ReplyText) else one.pcm
        for one in desk.entries
        if isinstance(one, ReplyAudio | ReplyText)
    ]
    assert told == [short, "First", long, ", last.", short]
