"""Every question by voice, through the real recogniser, server and voice; the questions are synthetic."""

from __future__ import annotations

import json

import pytest

from tests.support.offline_client import QUESTIONS, connected, offline_server, question
from voice_assistant.core.audio import REPLY_RATE, level_dbfs

ANSWERS = {
    "what_time_is_it": "It is 2:05 PM.",
    "what_is_the_date_please": "Today is Monday, November 23, 2026.",
    "what_is_the_date_today": "Today is Monday, November 23, 2026.",
    "set_a_timer_for_five_minutes": "I would set a timer for 5 minutes",
    "set_a_timer_for_three_seconds": "I would set a timer for 3 seconds",
    "cancel_the_timer": "I set no timers here",
    "tell_me_a_joke": "",
    "please_repeat_after_me_good_evening_my_f": "my friends",
    "repeat_after_me_the_quick_brown_fox_jump": "the quick brown fox jumps over the lazy dog",
    "what_is_seventeen_times_twenty_three": "That is 391.",
    "how_many_kilometers_is_ten_miles": "10 miles are about 16.093 kilometers.",
    "convert_thirty_two_degrees_fahrenheit_to": "32 degrees Fahrenheit is 0 degrees Celsius.",
    "flip_a_coin": "It is ",
    "i_want_you_to_flip_a_coin_please": "It is ",
    "please_roll_two_dice_for_me": "You rolled ",
    "throw_two_dice": "You rolled ",
    "stop": "Okay.",
    "what_can_you_do": "I can tell the time",
    "count_from_one_to_ten": "1, 2, 3, 4, 5, 6, 7, 8, 9, 10.",
}


def test_every_question_has_an_answer_to_hold_it_to() -> None:
    listed = json.loads((QUESTIONS / "questions.json").read_text(encoding="utf-8"))

    assert {entry["file"] for entry in listed} == {f"{name}.wav" for name in ANSWERS}


async def test_every_question_is_answered_aloud_in_one_conversation() -> None:
    async with offline_server() as address, connected(address) as client:
        for name, answer in ANSWERS.items():
            client.seen.clear()

            await client.say(question(name))
            done = await client.until("response.done")

            said = client.all("response.output_audio_transcript.done")[0]["transcript"]
            heard = client.all("conversation.item.input_audio_transcription.completed")[0]["transcript"]
            assert answer in said, f"{name}: heard {heard!r}, said {said!r}"
            assert "beyond my skills" not in said, f"{name}: heard {heard!r}"
            assert done["response"]["status"] == "completed"
            assert len(client.audio()) > 0.3 * REPLY_RATE * 2
            assert level_dbfs(client.audio()) > -40


@pytest.mark.parametrize("generation", ["ga", "beta"])
async def test_a_turn_has_its_events_in_the_protocols_order(generation: str) -> None:
    async with offline_server() as address, connected(address, generation) as client:  # type: ignore[arg-type]
        await client.say(question("what_time_is_it"))
        await client.until("response.done")

    added = "conversation.item.added" if generation == "ga" else "conversation.item.created"
    out = "response.output_audio" if generation == "ga" else "response.audio"
    expected = [
        "session.created",
        *(["conversation.created"] if generation == "beta" else []),
        "input_audio_buffer.speech_started",
        "input_audio_buffer.speech_stopped",
        "input_audio_buffer.committed",
        added,
        *(["conversation.item.done"] if generation == "ga" else []),
        "response.created",
        "conversation.item.input_audio_transcription.delta",
        "conversation.item.input_audio_transcription.completed",
        "response.output_item.added",
        added,
        "response.content_part.added",
        f"{out}_transcript.delta",
        f"{out}.delta",
        f"{out}.done",
        f"{out}_transcript.done",
        "response.content_part.done",
        *(["conversation.item.done"] if generation == "ga" else []),
        "response.output_item.done",
        "response.done",
    ]
    without_repeats = [
        kind for at, kind in enumerate(client.kinds()) if at == 0 or kind != client.kinds()[at - 1]
    ]
    assert without_repeats == expected


async def test_the_words_on_the_way_add_up_to_the_words_in_the_end() -> None:
    async with offline_server() as address, connected(address) as client:
        await client.say(question("what_is_seventeen_times_twenty_three"))
        await client.until("response.done")

    deltas = client.all("conversation.item.input_audio_transcription.delta")
    completed = client.all("conversation.item.input_audio_transcription.completed")
    assert "".join(delta["delta"] for delta in deltas) == completed[0]["transcript"]
