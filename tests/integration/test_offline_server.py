"""The offline server over a real socket: who may come in, turns, cuts, tools, and clients that misbehave."""

from __future__ import annotations

import asyncio
import base64
import json
from typing import Any

import aiohttp
import numpy as np
import pytest

from tests.support.offline_client import Address, Client, at_24k, connected, offline_server, question
from voice_assistant.core.audio import NEAR_RATE, REPLY_RATE, silence
from voice_assistant.offline.recogniser import RecogniserMissingError, RecognitionError
from voice_assistant.offline.voice import Voice, VoiceMissingError

TIMER_TOOLS = [
    {
        "type": "function",
        "name": "set_timer",
        "description": "Ring after a while.",
        "parameters": {
            "type": "object",
            "properties": {"seconds": {"type": "number"}, "label": {"type": "string"}},
            "required": ["seconds"],
        },
    },
    {"type": "function", "name": "cancel_timer", "parameters": {"type": "object", "properties": {}}},
]


class Written:
    """A recogniser that hears what it was told it would: for tests of everything but recognition."""

    name = "written"

    def __init__(self, *turns: str) -> None:
        self._turns = list(turns)

    async def words(self, pcm: bytes) -> str:
        return self._turns[0] if len(self._turns) == 1 else self._turns.pop(0)

    def close(self) -> None:
        """Nothing to give up."""


class Willing(Written):
    """The same, with words that change when the test says so, however often sound is read."""

    def hear(self, text: str) -> None:
        """Hear this from now on."""
        self._turns = [text]


class Deaf:
    """What a machine without a wheel for it has."""

    name = "deaf"

    async def words(self, pcm: bytes) -> str:
        raise RecogniserMissingError("no speech recognition on this machine; use a provider with a key")

    def close(self) -> None:
        """Nothing to give up."""


async def type_text(client: Client, text: str) -> None:
    """Put a typed question into the conversation, and ask for its answer."""
    content = [{"type": "input_text", "text": text}]
    await client.send(
        "conversation.item.create", item={"type": "message", "role": "user", "content": content}
    )
    await client.send("response.create")


def quiet_room(ms: int) -> bytes:
    """Nobody there: white noise at -62 dBFS, 16 kHz."""
    samples = np.random.default_rng(3).normal(0, 26, NEAR_RATE * ms // 1000)
    return samples.astype(np.int16).tobytes()


def said(client: Client) -> str:
    """The words of the last answer that was spoken."""
    return str(client.all("response.output_audio_transcript.done")[-1]["transcript"])


# --- who may come in ---


@pytest.mark.parametrize(
    "headers", [{}, {"Authorization": "Bearer wrong"}, {"Authorization": "Bearer "}, {"api-key": "x"}]
)
async def test_a_client_without_the_token_is_refused(headers: dict[str, str]) -> None:
    async with offline_server() as address, aiohttp.ClientSession(headers=headers) as http:
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            await http.ws_connect(address.websocket)

        assert refused.value.status == 401
        async with http.get(f"{address.http}/v1/models") as response:
            assert response.status == 401
            assert "Bearer" in (await response.json())["error"]["message"]


async def test_the_token_is_taken_in_every_way_that_clients_send_it() -> None:
    async with offline_server() as address:
        bearer = {"Authorization": f"Bearer {address.token}"}
        ways: list[tuple[dict[str, str], list[str]]] = [
            (bearer, []),
            ({"api-key": address.token}, []),
            ({}, ["realtime", f"openai-insecure-api-key.{address.token}"]),
        ]
        for headers, protocols in ways:
            async with (
                aiohttp.ClientSession(headers=headers) as http,
                http.ws_connect(address.websocket, protocols=protocols) as socket,
            ):
                assert (await socket.receive_json(timeout=60))["type"] == "session.created"
        async with (
            aiohttp.ClientSession(headers=bearer) as http,
            http.get(f"{address.http}/v1/models") as response,
        ):
            assert [model["id"] for model in (await response.json())["data"]] == ["offline"]


# --- turns ---


async def test_a_manual_turn_is_answered_when_asked_and_only_then() -> None:
    async with offline_server() as address, connected(address) as client:
        off = {"type": "realtime", "audio": {"input": {"turn_detection": None}}}
        await client.send("session.update", session=off)
        updated = await client.until("session.updated")
        assert updated["session"]["audio"]["input"]["turn_detection"] is None

        await client.say(question("what_is_seventeen_times_twenty_three"))
        await client.send("input_audio_buffer.commit")
        await client.until("conversation.item.input_audio_transcription.completed")
        await client.nothing_more()
        assert "input_audio_buffer.speech_started" not in client.kinds()

        await client.send("response.create")
        await client.until("response.done")
        assert said(client) == "That is 391."


async def test_a_commit_in_the_middle_of_speech_ends_the_turn_and_one_answer_comes() -> None:
    async with offline_server() as address, connected(address) as client:
        await client.append(question("what_time_is_it")[: 2 * NEAR_RATE * 17 // 10])
        await client.send("input_audio_buffer.commit")
        await client.send("response.create")
        await client.until("response.done")

        assert said(client) == "It is 2:05 PM."
        await client.nothing_more()
        assert len(client.all("response.created")) == 1


async def test_a_commit_after_the_watch_was_faster_asks_for_nothing_new() -> None:
    async with offline_server() as address, connected(address) as client:
        await client.say(question("what_time_is_it"))
        await client.send("input_audio_buffer.commit")
        await client.send("response.create")
        await client.until("response.done")

        await client.nothing_more()
        assert len(client.all("response.created")) == 1
        assert len(client.all("input_audio_buffer.committed")) == 1


@pytest.mark.parametrize("sound", [b"", silence(50, NEAR_RATE)])
async def test_an_empty_buffer_cannot_be_committed(sound: bytes) -> None:
    async with offline_server() as address, connected(address) as client:
        await client.append(sound)
        await client.send("input_audio_buffer.commit", event_id="mine")

        error = (await client.receive())["error"]
        assert (error["code"], error["event_id"]) == ("input_audio_buffer_commit_empty", "mine")


async def test_a_cleared_buffer_is_forgotten() -> None:
    async with offline_server() as address, connected(address) as client:
        await client.append(question("what_time_is_it"))
        await client.until("input_audio_buffer.speech_started")
        await client.send("input_audio_buffer.clear")
        await client.until("input_audio_buffer.cleared")
        await client.append(silence(2000, NEAR_RATE))

        await client.nothing_more()


async def test_a_noise_gets_an_empty_answer_and_words_that_were_asked_for_get_the_truth() -> None:
    async with offline_server(hears=Written("")) as address, connected(address) as client:
        await client.say(question("stop"))
        done = await client.until("response.done")
        assert (done["response"]["status"], done["response"]["output"]) == ("completed", [])

        await client.send(
            "session.update", session={"type": "realtime", "audio": {"input": {"turn_detection": None}}}
        )
        await client.until("session.updated")
        await client.say(question("stop"))
        await client.send("input_audio_buffer.commit")
        await client.send("response.create")
        await client.until("response.done")
        assert said(client) == "I did not hear any words."


@pytest.mark.parametrize("sound", [silence(2000, NEAR_RATE), quiet_room(2000)], ids=["zeros", "room"])
async def test_a_turn_in_which_nobody_spoke_is_not_even_read(sound: bytes) -> None:
    async with offline_server(hears=Written("You")) as address, connected(address) as client:
        await client.send("session.update", session={"type": "realtime", "turn_detection": None})
        await client.append(sound)
        await client.send("input_audio_buffer.commit")
        completed = await client.until("conversation.item.input_audio_transcription.completed")
        content = [{"type": "input_audio", "audio": base64.b64encode(at_24k(sound)).decode()}]
        await client.send(
            "conversation.item.create", item={"type": "message", "role": "user", "content": content}
        )
        created = await client.until("conversation.item.input_audio_transcription.completed")
        await client.send("response.create")
        await client.until("response.done")

        assert completed["transcript"] == created["transcript"] == ""
        assert said(client) == "I did not hear any words."


async def test_the_clients_silence_decides_when_a_turn_is_over() -> None:
    async with offline_server(hears=Written("hello")) as address, connected(address) as client:
        for silence_ms in (200, 900):
            detection = {"type": "server_vad", "silence_duration_ms": silence_ms, "prefix_padding_ms": 100}
            await client.send(
                "session.update",
                session={"type": "realtime", "audio": {"input": {"turn_detection": detection}}},
            )
            await client.say(question("stop"), then_silence_ms=1500)
            await client.until("response.done")

    starts = [event["audio_start_ms"] for event in client.all("input_audio_buffer.speech_started")]
    ends = [event["audio_end_ms"] for event in client.all("input_audio_buffer.speech_stopped")]
    lengths = [end - start for start, end in zip(starts, ends, strict=True)]
    assert lengths[1] - lengths[0] == pytest.approx(700, abs=100)


async def let_the_meaning_decide(client: Client) -> None:
    """Have turns end by their words, or else by the client's word."""
    detection = {"type": "semantic_vad", "eagerness": "low", "interrupt_response": False}
    session = {"type": "realtime", "audio": {"input": {"turn_detection": detection}}}
    await client.send("session.update", session=session)
    await client.until("session.updated")


async def test_a_whole_request_is_answered_after_a_short_silence_and_once() -> None:
    async with offline_server(hears=Written("What time is it?")) as address, connected(address) as client:
        await let_the_meaning_decide(client)
        await client.say(question("stop"))
        await client.until("response.done")
        await client.send("input_audio_buffer.commit")
        await client.send("response.create")
        await client.nothing_more()

    assert said(client) == "It is 2:05 PM."
    for once in ("response.created", "input_audio_buffer.committed", "input_audio_buffer.speech_stopped"):
        assert len(client.all(once)) == 1


@pytest.mark.parametrize(
    ("words", "answer"),
    [
        ("Why is the sea", "I heard: Why is the sea."),
        ("Repeat after me: the sea", "the sea"),
        ("Set a timer for five minutes", "I would set a timer for 5 minutes"),
        ("Hello", "Hello."),
    ],
)
async def test_what_may_go_on_or_cannot_be_taken_back_waits_for_the_client(words: str, answer: str) -> None:
    async with offline_server(hears=Written(words)) as address, connected(address) as client:
        await let_the_meaning_decide(client)
        await client.say(question("stop"), then_silence_ms=3000)
        await client.send("input_audio_buffer.commit")
        await client.send("response.create")
        await client.until("response.done")
        await client.nothing_more()

    (started,) = client.all("input_audio_buffer.speech_started")
    (stopped,) = client.all("input_audio_buffer.speech_stopped")
    assert stopped["audio_end_ms"] - started["audio_start_ms"] > 3000
    assert len(client.all("response.created")) == 1
    assert said(client).startswith(answer)


async def test_words_that_follow_on_an_answer_that_had_hardly_begun_are_one_request_with_those_before() -> (
    None
):
    hears = Willing("What is seventeen times twenty-three?")
    async with offline_server(hears=hears) as address, connected(address) as client:
        await let_the_meaning_decide(client)
        await client.say(question("stop"))
        done = await client.until("response.done")
        item = done["response"]["output"][0]["id"]
        await client.send("conversation.item.truncate", item_id=item, content_index=0, audio_end_ms=150)
        hears.hear("plus five")
        await client.say(question("stop"), then_silence_ms=400)
        await client.send("input_audio_buffer.commit")
        await client.send("response.create")
        await client.until("response.done")

    assert said(client) == "That is 396."
    assert len(client.all("response.created")) == 2


async def test_quiet_words_after_an_answer_was_broken_off_are_not_taken_for_answered() -> None:
    async with offline_server(hears=Written("What time is it?")) as address, connected(address) as client:
        await let_the_meaning_decide(client)
        await client.say(question("stop"))
        done = await client.until("response.done")
        item = done["response"]["output"][0]["id"]
        await client.send("conversation.item.truncate", item_id=item, content_index=0, audio_end_ms=0)
        await client.append(quiet_room(500))
        await client.send("input_audio_buffer.commit")
        await client.until("input_audio_buffer.committed")

    assert len(client.all("input_audio_buffer.committed")) == 2


async def test_a_client_that_asks_after_a_noise_is_told_that_nothing_was_heard() -> None:
    async with offline_server(hears=Written("")) as address, connected(address) as client:
        await let_the_meaning_decide(client)
        await client.say(question("stop"))
        await client.send("input_audio_buffer.commit")
        await client.until("response.done")
        await client.send("response.create")
        await client.until("response.done")

    assert said(client) == "I did not hear any words."


async def test_words_are_not_written_down_for_a_client_that_wants_none() -> None:
    async with offline_server() as address, connected(address) as client:
        await client.send(
            "session.update", session={"type": "realtime", "audio": {"input": {"transcription": None}}}
        )
        await client.say(question("what_time_is_it"))
        await client.until("response.done")

        assert said(client) == "It is 2:05 PM."
        assert not [kind for kind in client.kinds() if "transcription" in kind]


async def test_any_length_of_append_gives_the_same_words() -> None:
    pcm = at_24k(question("what_time_is_it") + silence(800, NEAR_RATE))
    async with offline_server() as address, connected(address) as client:
        for start in range(0, len(pcm), 7777):  # odd: samples are cut in two
            audio = base64.b64encode(pcm[start : start + 7777]).decode()
            await client.send("input_audio_buffer.append", audio=audio)
        await client.until("response.done")

        assert said(client) == "It is 2:05 PM."


# --- cuts ---


async def test_a_cancelled_response_closes_all_that_it_opened() -> None:
    async with offline_server() as address, connected(address) as client:
        await type_text(client, "what can you do")
        await client.until("response.output_audio.delta")
        await client.send("response.cancel")
        done = (await client.until("response.done"))["response"]

        assert done["status"] == "cancelled"
        assert done["status_details"] == {"type": "cancelled", "reason": "client_cancelled"}
        assert done["output"][0]["status"] == "incomplete"
        kinds = client.kinds()
        for opened in ("response.output_item", "response.content_part"):
            assert kinds.count(f"{opened}.added") == kinds.count(f"{opened}.done") == 1
        assert kinds.count("response.output_audio.done") == 1
        received = len(client.audio())
        await client.nothing_more()
        assert len(client.audio()) == received

        await client.send("response.cancel", event_id="again")
        error = (await client.receive())["error"]
        assert (error["code"], error["event_id"]) == ("response_cancel_not_active", "again")


async def test_speech_breaks_an_answer_off_and_is_answered_itself() -> None:
    async with offline_server() as address, connected(address) as client:
        await type_text(client, "what can you do")
        await client.until("response.output_audio.delta")
        await client.say(question("what_time_is_it"))

        cut = (await client.until("response.done"))["response"]
        assert cut["status_details"] == {"type": "cancelled", "reason": "turn_detected"}
        assert client.kinds().index("input_audio_buffer.speech_started") < client.kinds().index(
            "response.done"
        )
        assert (await client.until("response.done"))["response"]["status"] == "completed"
        assert said(client) == "It is 2:05 PM."


async def test_speech_breaks_nothing_off_where_the_client_forbids_it() -> None:
    async with offline_server() as address, connected(address) as client:
        detection = {"type": "server_vad", "interrupt_response": False}
        await client.send(
            "session.update", session={"type": "realtime", "audio": {"input": {"turn_detection": detection}}}
        )
        await type_text(client, "count from one to ten")
        await client.until("response.output_audio.delta")
        await client.say(question("stop"))

        assert (await client.until("response.done"))["response"]["status"] == "completed"
        assert said(client) == "1, 2, 3, 4, 5, 6, 7, 8, 9, 10."


async def test_a_truncated_answer_is_remembered_as_it_was_heard() -> None:
    async with offline_server() as address, connected(address) as client:
        await type_text(client, "what can you do")
        done = await client.until("response.done")
        item = done["response"]["output"][0]
        whole_ms = len(client.audio()) * 1000 // (REPLY_RATE * 2)

        await client.send(
            "conversation.item.truncate", item_id=item["id"], content_index=0, audio_end_ms=whole_ms // 3
        )
        assert (await client.until("conversation.item.truncated"))["audio_end_ms"] == whole_ms // 3
        await client.send("conversation.item.retrieve", item_id=item["id"])
        kept = (await client.until("conversation.item.retrieved"))["item"]["content"][0]["transcript"]

        assert item["content"][0]["transcript"].startswith(kept)
        assert 0 < len(kept) < len(item["content"][0]["transcript"]) * 0.6

        await client.send(
            "conversation.item.truncate", item_id=item["id"], content_index=0, audio_end_ms=whole_ms + 5000
        )
        error = (await client.receive())["error"]
        assert "already shorter" in error["message"]


# --- the conversation ---


async def test_typed_questions_are_answered_in_the_form_that_was_asked_for() -> None:
    async with offline_server() as address, connected(address) as client:
        await type_text(client, "what is 2 plus 2")
        await client.until("response.done")
        assert said(client) == "That is 4."

        await client.send("session.update", session={"type": "realtime", "output_modalities": ["text"]})
        await type_text(client, "what is 3 plus 3")
        await client.until("response.done")
        assert client.all("response.output_text.done")[-1]["text"] == "That is 6."
        assert len(client.all("response.output_audio.done")) == 1


async def test_items_are_created_found_and_deleted() -> None:
    async with offline_server() as address, connected(address) as client:
        content = [{"type": "input_text", "text": "hello"}]
        item = {"id": "item_mine", "type": "message", "role": "user", "content": content}
        await client.send("conversation.item.create", item=item)
        assert (await client.until("conversation.item.done"))["item"]["content"] == content
        await client.send("conversation.item.delete", item_id="item_mine")
        assert (await client.until("conversation.item.deleted"))["item_id"] == "item_mine"
        await client.send("conversation.item.retrieve", item_id="item_mine", event_id="e7")
        error = (await client.receive())["error"]
        assert (error["code"], error["event_id"]) == ("item_not_found", "e7")


async def test_a_spoken_item_is_understood_like_a_turn() -> None:
    async with offline_server() as address, connected(address) as client:
        audio = base64.b64encode(at_24k(question("what_time_is_it"))).decode()
        item = {"type": "message", "role": "user", "content": [{"type": "input_audio", "audio": audio}]}
        await client.send("conversation.item.create", item=item)
        await client.send("response.create")
        await client.until("response.done")

        assert said(client) == "It is 2:05 PM."


async def test_a_response_beside_the_conversation_leaves_it_as_it_was() -> None:
    async with offline_server() as address, connected(address) as client:
        question_beside = {
            "type": "message",
            "role": "user",
            "content": [{"type": "input_text", "text": "what is 5 times 5"}],
        }
        wishes = {"conversation": "none", "input": [question_beside], "metadata": {"topic": "sum"}}
        await client.send("response.create", response=wishes)
        done = (await client.until("response.done"))["response"]

        assert said(client) == "That is 25."
        assert (done["conversation_id"], done["metadata"]) == (None, {"topic": "sum"})
        await client.send("conversation.item.retrieve", item_id=done["output"][0]["id"])
        assert (await client.receive())["error"]["code"] == "item_not_found"


# --- tools ---


async def call_a_timer(client: Client) -> dict[str, Any]:
    """Ask for a timer by voice; gives the call."""
    await client.send("session.update", session={"type": "realtime", "tools": TIMER_TOOLS})
    await client.say(question("set_a_timer_for_five_minutes"))
    done = (await client.until("response.done"))["response"]
    assert [item["type"] for item in done["output"]] == ["function_call"]
    return dict(done["output"][0])


@pytest.mark.parametrize("asks", [True, False], ids=["asking", "not asking"])
async def test_a_timer_is_a_call_and_its_output_is_told_once(asks: bool) -> None:
    async with offline_server() as address, connected(address) as client:
        call = await call_a_timer(client)
        assert (call["name"], json.loads(call["arguments"])) == ("set_timer", {"seconds": 300})
        arguments = client.all("response.function_call_arguments.done")[0]
        assert (arguments["call_id"], arguments["arguments"]) == (call["call_id"], call["arguments"])

        output = {"type": "function_call_output", "call_id": call["call_id"], "output": '{"ok": true}'}
        await client.send("conversation.item.create", item=output)
        if asks:
            await client.send("response.create")
        await client.until("response.done")
        assert said(client) == "Your timer is set for 5 minutes."
        await client.nothing_more()
        assert len(client.all("response.created")) == 2


async def test_a_tools_complaint_is_told() -> None:
    async with offline_server() as address, connected(address) as client:
        call = await call_a_timer(client)
        output = {
            "type": "function_call_output",
            "call_id": call["call_id"],
            "output": '{"error": "too many"}',
        }
        await client.send("conversation.item.create", item=output)
        await client.until("response.done")

        assert said(client) == "That did not work: too many."


# --- clients that misbehave, machines that lack something ---


@pytest.mark.parametrize(
    "garbage",
    [
        "no json",
        "[]",
        "null",
        '{"no": "type"}',
        '{"type": 5}',
        '{"type": "response.dance"}',
        '{"type": "input_audio_buffer.append"}',
        '{"type": "input_audio_buffer.append", "audio": "%%%"}',
        '{"type": "input_audio_buffer.append", "audio": 5}',
        '{"type": "session.update"}',
        '{"type": "session.update", "session": 5}',
        '{"type": "conversation.item.create"}',
        '{"type": "conversation.item.create", "item": {"type": "message", "role": "user", "content": "x"}}',
        '{"type": "conversation.item.create", "item": {"type": "message", "role": "cat", "content": []}}',
        '{"type": "conversation.item.create", "item": {"type": "poem"}}',
        '{"type": "conversation.item.truncate", "item_id": "x", "audio_end_ms": 5}',
        '{"type": "conversation.item.delete", "item_id": {"a": 1}}',
        '{"type": "response.cancel"}',
        '{"type": "response.create", "response": {"input": [5]}}',
        b"\x00\x01\x02",
        "[" * 100_000,
    ],
)
async def test_garbage_is_an_error_and_the_session_goes_on(garbage: str | bytes) -> None:
    async with offline_server(hears=Written("")) as address, connected(address) as client:
        await (
            client.socket.send_str(garbage) if isinstance(garbage, str) else client.socket.send_bytes(garbage)
        )
        error = await client.receive()
        assert error["type"] == "error"
        assert error["error"]["type"] == "invalid_request_error"

        await type_text(client, "what time is it")
        await client.until("response.done")
        assert said(client) == "It is 2:05 PM."


async def test_a_turn_that_ends_while_another_is_answered_is_answered_after_it() -> None:
    watch = {"type": "server_vad", "interrupt_response": False}
    hears = Written("what can you do", "what time is it")
    async with offline_server(hears=hears) as address, connected(address) as client:
        await client.send(
            "session.update",
            session={"type": "realtime", "audio": {"input": {"turn_detection": watch}}},
        )
        for _ in range(2):
            await client.say(question("what_time_is_it"), then_silence_ms=300)
            await client.send("input_audio_buffer.commit")
            await client.send("response.create")
        await client.until("response.done")
        await client.until("response.done")

        assert len(client.all("response.created")) == 2
        assert said(client) == "It is 2:05 PM."


async def test_a_second_response_is_refused_while_one_is_made() -> None:
    async with offline_server() as address, connected(address) as client:
        await type_text(client, "what can you do")
        await client.send("response.create", event_id="second")
        while (event := await client.receive())["type"] != "error":
            pass
        error = event["error"]

        assert (error["code"], error["event_id"]) == ("conversation_already_has_active_response", "second")


async def test_a_machine_that_cannot_recognise_says_so_aloud_and_goes_on() -> None:
    async with offline_server(hears=Deaf()) as address, connected(address) as client:
        await client.say(question("what_time_is_it"))
        while not client.all("response.done"):
            await client.receive()

        assert client.all("error")[0]["error"]["code"] == "recogniser_missing"
        failed = client.all("conversation.item.input_audio_transcription.failed")[0]
        assert "provider with a key" in failed["error"]["message"]
        assert "cannot understand speech" in said(client)

        await type_text(client, "what time is it")
        await client.until("response.done")
        assert said(client) == "It is 2:05 PM."


async def test_a_stretch_that_cannot_be_read_is_reported_and_the_next_one_is_read() -> None:
    class Stumbling(Written):
        async def words(self, pcm: bytes) -> str:
            if (heard := await super().words(pcm)) == "stumble":
                raise RecognitionError("recognition failed: out of memory")
            return heard

    stumbling = Stumbling("stumble", "what time is it")
    async with offline_server(hears=stumbling) as address, connected(address) as client:
        await client.say(question("stop"))
        while not client.all("response.done"):
            await client.receive()
        assert client.all("error")[0]["error"]["code"] == "recognition_failed"

        await client.say(question("stop"))
        await client.until("response.done")
        assert said(client) == "It is 2:05 PM."


async def test_a_machine_without_a_voice_writes_its_answers_and_says_why(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def no_voice(_voice: Voice, _sentence: str = "") -> bytes:
        raise VoiceMissingError("no voice: nothing that speaks was found")

    monkeypatch.setattr(Voice, "start", no_voice)
    monkeypatch.setattr(Voice, "speak", no_voice)
    async with offline_server() as address, connected(address) as client:
        await client.say(question("what_time_is_it"))
        while not client.all("response.done"):
            await client.receive()

        assert client.all("error")[0]["error"]["code"] == "voice_missing"
        assert client.all("response.output_text.done")[0]["text"] == "It is 2:05 PM."
        assert client.audio() == b""


async def test_clients_do_not_hear_each_other() -> None:
    async def ask(address: Address, sum_: str) -> str:
        async with connected(address) as client:
            await type_text(client, f"what is {sum_}")
            await client.until("response.done")
            return said(client)

    async with offline_server(hears=Written("")) as address:
        answers = await asyncio.gather(*(ask(address, f"{number} plus 1") for number in range(4)))

    assert answers == [f"That is {number + 1}." for number in range(4)]


async def test_a_client_that_vanishes_in_the_middle_of_an_answer_leaves_nothing_behind() -> None:
    async with offline_server() as address:
        async with connected(address) as client:
            await type_text(client, "what can you do")
            await client.until("response.output_audio.delta")
        for _ in range(100):
            tasks = [task for task in asyncio.all_tasks() if "Reply" in repr(task.get_coro())]
            if not tasks:
                break
            await asyncio.sleep(0.02)

        assert tasks == []
