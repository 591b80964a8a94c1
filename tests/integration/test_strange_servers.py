"""Servers of other make: what they leave out, say twice, too early or too late costs no word and no answer.

The whole program between microphone and socket is at work. After everything strange the user's turn is at
the provider whole, the reply is heard whole and once, and the next turn is answered as well.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator

import pytest

from tests.integration.test_resilience import FIRST, SECOND, answers, rig, words
from tests.support.realtime_server import RealtimeCall, RealtimeServer
from tests.support.scripted_server import Refuse
from tests.support.torn_wire import TornWire
from voice_assistant.core import losses
from voice_assistant.core.events import LinkLost, PlayoutDrained, Stop
from voice_assistant.core.lifeline import LifelineSettings
from voice_assistant.errors import LinkError
from voice_assistant.link import CONNECT_TIMEOUT_S

Script = Callable[[RealtimeCall], Awaitable[None]]


@pytest.fixture
def server() -> Iterator[RealtimeServer]:
    with RealtimeServer() as server:
        yield server


# --- What goes on ---


async def beta_unasked(call: RealtimeCall) -> None:
    """It speaks the beta's names though nobody asked for them."""
    call.names = "beta"
    await answers(FIRST, SECOND)(call)


async def no_event_ids(call: RealtimeCall) -> None:
    sent = call.send

    async def bare(body: dict[str, object]) -> None:
        await sent({name: value for name, value in body.items() if name != "event_id"})

    call.send = bare  # type: ignore[method-assign, assignment]
    await answers(FIRST, SECOND)(call)


async def acknowledges_everything(call: RealtimeCall) -> None:
    await call.set_up()
    for _ in range(3):
        await call.say("session.updated", session=call.session)
    for reply in (FIRST, SECOND):
        await call.say("input_audio_buffer.speech_started", audio_start_ms=0, item_id="i")
        await call.commit()
        await call.say("input_audio_buffer.speech_stopped", audio_end_ms=900, item_id="i")
        await call.say("input_audio_buffer.committed", item_id="i", previous_item_id=None)
        await call.say("rate_limits.updated", rate_limits=[])
        await call.hears("What is it?")
        await call.reply(reply)


async def acknowledges_before_it_has_a_session(call: RealtimeCall) -> None:
    await call.until(lambda: call.session is not None)
    await call.say("session.updated", session=call.session)
    await call.say("session.created", session={"id": "s", "model": "live"})
    await turns(call)


async def never_announces_its_session(call: RealtimeCall) -> None:
    await call.until(lambda: call.session is not None)
    await call.say("session.updated", session=call.session)
    await turns(call)


async def ends_the_reply_before_its_sound_has_ended(call: RealtimeCall) -> None:
    """``response.done`` comes first, then the end of the sound."""
    await call.set_up()
    for reply in (FIRST, SECOND):
        await call.commit()
        await call.hears("What is it?")
        await call.says(reply)
        response, item = call.response_id, call.item_id
        await call.complete()
        await call.done()
        call.response_id, call.item_id = response, item
        await call.complete()
        call.response_id = call.item_id = ""


async def tells_the_users_words_after_the_answer(call: RealtimeCall) -> None:
    await call.set_up()
    for reply in (FIRST, SECOND):
        await call.commit()
        await call.reply(reply)
        await call.hears("What is it?")


async def announces_nothing(call: RealtimeCall) -> None:
    """Only the sound and its end; nothing is created, added or done before it."""
    await call.set_up()
    for number, reply in enumerate((FIRST, SECOND)):
        await call.commit()
        call.response_id, call.item_id = f"r{number}", f"i{number}"
        await call.says(reply)
        await call.done()


async def reports_errors_that_are_none(call: RealtimeCall) -> None:
    await call.set_up()
    for reply in (FIRST, SECOND):
        await call.commit()
        await call.error("Conversation already has an active response", kind="invalid_request_error")
        await call.send({"type": "error", "error": "just a text"})
        await call.send({"type": "error"})
        await call.reply(reply)


async def babbles(call: RealtimeCall) -> None:
    """Garbage of every kind between what it means."""
    await call.set_up()
    for reply in (FIRST, SECOND):
        for junk in ('"a text"', "[]", "null", "{}", '{"type": 7}', '{"type": "response.done"}', "\x00", ""):
            await call.send_raw(junk)
        await call.send_raw(bytes(range(256)))
        await call.commit()
        await call.send({"type": "response.output_audio.delta", "delta": 7})
        await call.send({"type": "response.audio.delta", "response_id": "x", "item_id": "y", "delta": "%%%"})
        await call.send({"type": "response.done", "response": {"id": None, "usage": "many"}})
        await call.hears("What is it?")
        await call.reply(reply)


async def turns(call: RealtimeCall) -> None:
    for reply in (FIRST, SECOND):
        await call.commit()
        await call.hears("What is it?")
        await call.reply(reply)


STRANGE: dict[str, Script] = {
    script.__name__.replace("_", " "): script
    for script in (
        beta_unasked,
        no_event_ids,
        acknowledges_everything,
        acknowledges_before_it_has_a_session,
        never_announces_its_session,
        ends_the_reply_before_its_sound_has_ended,
        tells_the_users_words_after_the_answer,
        announces_nothing,
        reports_errors_that_are_none,
        babbles,
    )
}


@pytest.mark.parametrize("how", STRANGE)
async def test_a_strange_server_is_talked_with_and_two_turns_are_answered(
    server: RealtimeServer, how: str
) -> None:
    server.play(STRANGE[how])
    async with rig(server.url).talking() as desk:
        first = await desk.say(words(0.6))
        await desk.drained()
        second = await desk.say(words(0.6, at=2.0))
        await desk.drained(2)
        sound = desk.on_the_wire(first) + desk.on_the_wire(second)

    assert len(server.calls) == 1
    assert server.calls[0].sound == sound
    assert list(desk.heard.values()) == [FIRST, SECOND]
    assert len(desk.all(PlayoutDrained)) == 2
    assert desk.lost == []


# --- What breaks ---


async def commit_acknowledged(call: RealtimeCall) -> None:
    await call.say("input_audio_buffer.committed", item_id="i", previous_item_id=None)


async def words_understood(call: RealtimeCall) -> None:
    await commit_acknowledged(call)
    await call.hears("What", " is it?")


async def reply_announced(call: RealtimeCall) -> None:
    await words_understood(call)
    await call.begin()


async def reply_failed(call: RealtimeCall) -> None:
    await reply_announced(call)
    error = {"type": "server_error", "message": "the model failed"}
    response = {"id": call.response_id, "status": "failed", "status_details": {"error": error}, "output": []}
    await call.say("response.done", response=response)


PROMISES: dict[str, Script] = {
    one.__name__.replace("_", " "): one
    for one in (commit_acknowledged, words_understood, reply_announced, reply_failed)
}


@pytest.mark.parametrize("how", ["torn", "in good order"])
@pytest.mark.parametrize("promise", PROMISES)
async def test_what_was_only_promised_is_asked_for_again_on_the_next_link_and_answered_once(
    server: RealtimeServer, promise: str, how: str
) -> None:
    async def breaks_it(call: RealtimeCall) -> None:
        await call.set_up()
        await call.commit()
        await PROMISES[promise](call)
        if how == "torn":
            call.drop()
        else:
            await call.close(1000)

    server.play(breaks_it, answers(FIRST, SECOND))
    async with rig(server.url).talking() as desk:
        first = await desk.say(words(0.6))
        await desk.drained()
        await desk.say(words(0.6, at=2.0))
        await desk.drained(2)
        sound = desk.on_the_wire(first)

    assert server.calls[0].sound == sound
    assert server.calls[1].sound.startswith(sound)
    assert list(desk.heard.values()) == [FIRST, SECOND]
    assert len(desk.lost) == 1


async def test_words_without_an_answer_are_said_and_asked_again(server: RealtimeServer) -> None:
    async def hears_only(call: RealtimeCall) -> None:
        await call.set_up()
        await call.commit()
        await words_understood(call)
        await call.hung_up()

    server.play(hears_only, answers(FIRST))
    async with rig(server.url, LifelineSettings(answer_timeout_s=2)).talking() as desk:
        turn = await desk.say(words(0.6))
        await desk.drained()
        sound = desk.on_the_wire(turn)

    assert [call.sound for call in server.calls] == [sound, sound]
    assert sum("No answer for 2 s" in text for text in desk.notices) == 1
    assert list(desk.heard.values()) == [FIRST]


async def test_a_server_that_hangs_up_after_every_answer_is_talked_with(server: RealtimeServer) -> None:
    def once(reply: bytes) -> Script:
        async def answers_and_leaves(call: RealtimeCall) -> None:
            await answers(reply)(call)
            await call.close(1000)

        return answers_and_leaves

    server.play(once(FIRST), once(SECOND))
    async with rig(server.url).talking() as desk:
        for count, at in ((1, 0.5), (2, 2.0)):
            await desk.say(words(0.6, at=at))
            await desk.drained(count)

    assert list(desk.heard.values()) == [FIRST, SECOND]


async def test_a_slow_handshake_is_waited_for(server: RealtimeServer) -> None:
    server.play(answers(FIRST))
    with TornWire(server.port) as wire:
        wire.block()
        async with rig(wire.url).talking() as desk:
            await asyncio.sleep(2.5)
            wire.mend()
            turn = await desk.say(words(0.6))
            await desk.drained()
            sound = desk.on_the_wire(turn)

    assert server.calls[0].sound == sound
    assert list(desk.heard.values()) == [FIRST]
    assert desk.lost == []
    assert CONNECT_TIMEOUT_S >= 15


async def test_a_server_that_says_when_to_come_back_is_left_alone_until_then(server: RealtimeServer) -> None:
    async def drops(call: RealtimeCall) -> None:
        await call.set_up()
        await call.sound_ms(300)
        call.drop()

    server.play(drops, Refuse(503, retry_after="2"), answers(FIRST))
    async with rig(server.url).talking() as desk:
        turn = await desk.say(words(0.6))
        await desk.drained()
        sound = desk.on_the_wire(turn)
        refused = desk.all(LinkLost)[1]
        refused_at = refused.at

    assert refused.retry_after_s == 2.0
    assert server.calls[1].appends[0].at - refused_at >= 1.9
    assert server.calls[1].sound == sound
    assert list(desk.heard.values()) == [FIRST]


async def test_an_eager_server_that_cuts_its_first_session_at_once_is_tried_again(
    server: RealtimeServer,
) -> None:
    async def cuts(call: RealtimeCall) -> None:
        await call.set_up("eager")
        await call.upstream_closed(1011, "internal")

    server.play(cuts, cuts, answers(FIRST))
    async with rig(server.url).talking() as desk:
        turn = await desk.say(words(0.6))
        await desk.drained()
        sound = desk.on_the_wire(turn)

    assert server.calls[2].sound == sound
    assert list(desk.heard.values()) == [FIRST]
    assert sum("is gone" in text for text in desk.notices) == 1
    assert sum("is back" in text for text in desk.notices) == 1


async def test_a_server_that_goes_on_cutting_its_first_session_is_given_up_with_its_reason(
    server: RealtimeServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(losses, "EXPLAINED_S", 2.0)

    async def cuts(call: RealtimeCall) -> None:
        await call.set_up("eager")
        await call.upstream_closed(1011, "internal \x1b[31mtrouble")

    server.play(cuts)
    async with rig(server.url).talking() as desk:
        assert desk.running is not None
        stop: Stop = await asyncio.wait_for(asyncio.shield(desk.running), 60)

    assert isinstance(stop.error, LinkError)
    assert "internal trouble" in str(stop.error)
    assert 2 <= len(server.calls) <= 12
