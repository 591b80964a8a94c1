"""What a proxy and Gemini do that no protocol promises: lost ends, silent turns, ids used again, closes.

Through a real proxy, so the oddities are its own. Each time what came is played whole, the person is told in
one line what there is to be told, and the next turn works.
"""

from __future__ import annotations

import time

import pytest

from tests.end_to_end.conftest import DEVICE_S, Stage, ready
from tests.support.gemini_server import GeminiCall, GeminiServer, model_turn
from tests.support.litellm_proxy import LiteLLMProxy
from tests.support.realtime_server import RealtimeCall, RealtimeServer
from tests.support.spoken import lost_reply, lost_words, other_words, pause, reply, words
from voice_assistant.errors import EXIT_LINK

pytestmark = pytest.mark.sound


@pytest.mark.litellm
def test_turns_whose_ends_are_lost_and_a_turn_without_an_answer_follow_on_one_another(
    stage: Stage, proxy: LiteLLMProxy, gemini: GeminiServer
) -> None:
    answers = [reply(0.8, seed=seed) for seed in (1, 2, 3)]

    async def script(call: GeminiCall) -> None:
        await call.set_up()
        for number, answer in enumerate(answers[:2]):
            await call.stream_end()
            await call.hears("Say", " it", f" {number}.")
            await call.content(modelTurn=model_turn(answer))
            await call.content(generationComplete=True, turnComplete=True)
        await call.stream_end()
        await call.hears("Nothing to say?")
        await call.turn_complete()
        await call.stream_end()
        await call.hears("And now?")
        await call.reply(answers[2])
        await call.hung_up()

    gemini.play(script)
    with stage.plain(proxy) as program, stage.sound.record() as recording:
        call = ready(stage, program, gemini)
        for number, last in enumerate(("Say it 0.", "Say it 1.", "Nothing to say?", "And now?")):
            stage.say(words(0.8))
            program.until(f"you: {last}")
            program.until(lambda number=number: len(call.stream_ends) == number + 1)  # type: ignore[misc]
            # The person speaks again when the answer has been heard.
            stage.say(pause(1.0))
        speaker = stage.hear_out(program, recording, "you: And now?")
        out, err = program.out, program.err

    assert [lost_reply(answer, speaker) for answer in answers] == [[], [], []]
    spoken = "assistant: [spoken reply, 0.8 s; this provider sends no words]"
    said = [
        "you: Say it 0.",
        spoken,
        "you: Say it 1.",
        spoken,
        "you: Nothing to say?",
        "you: And now?",
        spoken,
    ]
    assert out.splitlines() == said
    assert err.count("Replies come without their words here.") == 1


@pytest.mark.litellm
@pytest.mark.parametrize(("code", "told"), [(1000, "ended the session (1000)"), (1011, "failed (1011)")])
def test_a_close_in_mid_reply_lets_what_came_be_heard_and_the_next_turn_works(
    stage: Stage, proxy: LiteLLMProxy, gemini: GeminiServer, code: int, told: str
) -> None:
    broken, answer = reply(2.0, seed=1), reply(0.8, seed=2)

    async def closing(call: GeminiCall) -> None:
        await call.set_up()
        await call.stream_end()
        await call.says(broken)
        await call.close(code, "" if code == 1000 else "Internal error")

    async def again(call: GeminiCall) -> None:
        await call.set_up()
        await call.stream_end()
        await call.hears("Once more.")
        await call.reply(answer)
        await call.hung_up()

    gemini.play(closing, again)
    with stage.plain(proxy) as program, stage.sound.record() as recording:
        ready(stage, program, gemini)
        stage.say(words(), pause(0.9))
        second = ready(stage, program, gemini, 1)
        program.until("[spoken reply, 2.0 s")
        stage.say(other_words(), pause(0.9))
        speaker = stage.hear_out(program, recording, "[spoken reply, 0.8 s")
        err = program.err

    assert lost_reply(broken, speaker) == []
    assert lost_reply(answer, speaker) == []
    assert lost_words(other_words(), second.sound) == []
    assert err.count("The line is gone") == 1
    assert told in err
    assert err.count("The line is back") == 1


@pytest.mark.litellm
def test_a_refusal_in_mid_reply_is_told_when_what_came_has_been_heard(
    stage: Stage, proxy: LiteLLMProxy, gemini: GeminiServer
) -> None:
    broken = reply(2.0)

    async def closing(call: GeminiCall) -> None:
        await call.set_up()
        await call.stream_end()
        await call.says(broken)
        await call.close(1007, "Request contains an invalid argument.")

    gemini.play(closing)
    with stage.plain(proxy) as program, stage.sound.record() as recording:
        ready(stage, program, gemini)
        stage.say(words(), pause(0.9))
        code = program.wait()
        time.sleep(DEVICE_S)
        speaker = recording.speaker

    assert code == EXIT_LINK
    assert lost_reply(broken, speaker) == []
    assert "error: Gemini refuses the set-up (1007): Request contains an invalid argument." in program.err
    assert program.err.splitlines()[-1] == "  see: docs/troubleshooting.md#handshake"


def test_a_connection_that_is_torn_loses_nothing_of_what_is_being_said(
    stage: Stage, scripted: RealtimeServer
) -> None:
    answer = reply(0.8)

    async def torn(call: RealtimeCall) -> None:
        await call.set_up()
        await call.until(lambda: call.samples > 0)
        call.drop()

    async def again(call: RealtimeCall) -> None:
        await call.set_up()
        await call.commit()
        await call.reply(answer)
        await call.hung_up()

    scripted.play(torn, again)
    with stage.plain(scripted) as program, stage.sound.record() as recording:
        program.until("Connected to")
        stage.say(pause(0.5), words(), other_words(), pause(0.9))
        speaker = stage.hear_out(program, recording, "[spoken reply, 0.8 s")

    assert lost_words(words(), scripted.calls[1].sound) == []
    assert lost_words(other_words(), scripted.calls[1].sound) == []
    assert lost_reply(answer, speaker) == []


HOSTILE = "\x1b[31mred\x1b[0m \x1b]0;title\x07[bold]loud[/bold] \u202egnihton\u202c \x9b2J a\rb"


@pytest.mark.parametrize("shown", ["plain", "screen"])
def test_what_a_server_sends_is_shown_as_text_and_does_nothing(
    stage: Stage, scripted: RealtimeServer, shown: str
) -> None:
    async def script(call: RealtimeCall) -> None:
        await call.set_up()
        await call.commit()
        await call.hears(HOSTILE)
        await call.words(HOSTILE)
        await call.reply(reply(0.3))
        await call.error(HOSTILE)
        await call.hears("done")
        await call.hung_up()

    scripted.play(script)
    program = stage.plain(scripted) if shown == "plain" else stage.terminal(scripted)
    with program:
        program.until("Connected to")
        stage.say(pause(0.3), words(), pause(0.9))
        program.until("The provider reports:")
        program.until("assistant: ")
        printed = program.printed
        raw = bytes(getattr(program, "raw", printed.encode()))

    lines = {line.partition(": ")[0]: line for line in printed.splitlines() if "gnihton" in line}
    assert {"you", "assistant", "error"} <= lines.keys()
    assert all("[bold]loud[/bold]" in line for line in lines.values())
    for control in ("\x1b[31m", "\x1b]0;", "\x07", "\u202e", "\u202c", "\x9b", "a\rb"):
        assert control.encode() not in raw


@pytest.mark.parametrize("delivery", ["steady", "burst"])
def test_by_default_no_sample_of_a_reply_is_lost_or_played_twice(
    stage: Stage, scripted: RealtimeServer, delivery: str
) -> None:
    answer = reply(4.0)

    async def script(call: RealtimeCall) -> None:
        await call.set_up()
        await call.commit()
        await call.reply(answer, speed=1.0 if delivery == "steady" else None)
        await call.hung_up()

    scripted.play(script)
    adaptive = {"VOICE_ASSISTANT_PLAYOUT_ADAPTIVE": "true", "VOICE_ASSISTANT_PLAYOUT_PREFILL_MS": "100"}
    with stage.plain(scripted, **adaptive) as program, stage.sound.record() as recording:
        program.until("Connected to")
        stage.say(pause(0.3), words(), pause(0.9))
        speaker = stage.hear_out(program, recording, "[spoken reply, 4.0 s")

    assert lost_reply(answer, speaker) == []
