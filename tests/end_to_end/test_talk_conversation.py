"""A spoken turn through the whole program: microphone, real proxy, scripted Gemini, loudspeaker.

What was said into the virtual microphone is compared with what arrived at Gemini, what Gemini answered with
what the loudspeaker carried, sample by sample. Each promise holds in both set-up modes of the proxy.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable

import pytest

from tests.end_to_end.conftest import Stage, nothing_arrives, ready
from tests.support.gemini_server import GeminiCall, GeminiServer
from tests.support.litellm_proxy import LiteLLMProxy
from tests.support.sound_server import CARD_RATE
from tests.support.spoken import (
    between_ms,
    cough,
    lost_reply,
    lost_words,
    other_words,
    pause,
    reply,
    reply_on,
    sentence,
    share_heard,
    stop,
    words,
)
from voice_assistant.core.audio import REPLY_RATE

pytestmark = [pytest.mark.sound, pytest.mark.litellm]

WORDLESS = "this provider sends no words"


def test_a_hands_free_turn_is_heard_whole_at_both_ends(
    stage: Stage, proxy: LiteLLMProxy, gemini: GeminiServer
) -> None:
    answer = reply(3.0)

    async def script(call: GeminiCall) -> None:
        await call.set_up()
        await call.stream_end()
        await call.hears("What", " time", " is it?")
        await call.reply(answer)
        await call.hung_up()

    gemini.play(script)
    with stage.terminal(proxy) as program, stage.sound.record() as recording:
        call = ready(stage, program, gemini)
        stage.say(pause(0.3), sentence(), pause(0.5))
        speaker = stage.hear_out(program, recording, "spoken reply, 3.0 s")
        program.interrupt()
        assert program.wait() == 0
        assert program.is_restored

    assert lost_words(sentence(), call.sound) == []
    assert call.stream_ends == [call.samples]
    assert lost_reply(answer, speaker) == []
    assert "you: What time is it?" in program.printed


@pytest.mark.parametrize("kind", ["kitty", "plain"])
def test_words_on_both_sides_of_a_long_pause_are_one_turn_while_the_key_is_held(
    stage: Stage, proxy: LiteLLMProxy, gemini: GeminiServer, kind: str
) -> None:
    answer = reply(1.0)

    async def script(call: GeminiCall) -> None:
        await call.set_up()
        await call.stream_end()
        await call.reply(answer)
        await call.hung_up()

    gemini.play(script)
    terminal = stage.terminal(proxy, "--mode", "push-to-talk", kind="kitty" if kind == "kitty" else "plain")
    with terminal as program, stage.sound.record() as recording:
        call = ready(stage, program, gemini)
        program.until("LIVE on key")
        with nothing_arrives(call):
            stage.say(cough(), pause(0.6))
        with program.holding():
            stage.say(words(), pause(2.5), other_words())
        speaker = stage.hear_out(program, recording, "spoken reply, 1.0 s")

    assert lost_words(words(), call.sound) == []
    assert lost_words(other_words(), call.sound) == []
    assert between_ms(words(), other_words(), call.sound) == pytest.approx(2500, abs=0.1)
    assert call.stream_ends == [call.samples]
    assert lost_reply(answer, speaker) == []


def test_an_answer_inside_the_pause_waits_and_gives_way_when_the_user_goes_on(
    stage: Stage, eager_proxy: LiteLLMProxy, gemini: GeminiServer
) -> None:
    too_early, answer = reply(2.0, seed=1), reply(1.0, seed=2)

    async def script(call: GeminiCall) -> None:
        await call.set_up()
        assert await call.turn_end(silence_ms=800) == "silence"
        await call.reply(too_early)
        await call.stream_end()
        await call.reply(answer)
        await call.hung_up()

    gemini.play(script)
    with (
        stage.terminal(eager_proxy, "--mode", "push-to-talk") as program,
        stage.sound.record() as recording,
    ):
        call = ready(stage, program, gemini)
        with program.holding():
            stage.say(words(), pause(1.5), other_words())
        speaker = stage.hear_out(program, recording, "spoken reply, 1.0 s")

    assert share_heard(too_early, speaker) == 0
    assert lost_reply(answer, speaker) == []
    assert lost_words(words(), call.sound) == []
    assert lost_words(other_words(), call.sound) == []
    assert between_ms(words(), other_words(), call.sound) == pytest.approx(1500, abs=0.1)
    assert call.stream_ends == [call.samples]


def spoken_over(
    cut: bytes, answer: bytes, asked: str, interruption: str
) -> Callable[[GeminiCall], Awaitable[None]]:
    """A call in which the reply to *asked* is cut by words that are answered."""

    async def script(call: GeminiCall) -> None:
        await call.set_up()
        await call.stream_end()
        await call.hears(asked)
        await call.says(cut)
        before = call.samples
        await call.until(lambda: call.samples > before)
        await call.interrupted()
        await call.turn_complete()
        await call.stream_end()
        await call.hears(interruption)
        await call.reply(answer)
        await call.hung_up()

    return script


def you_said(printed: str) -> list[str]:
    return [line.strip() for line in printed.splitlines() if line.startswith("you: ")]


def test_speaking_over_a_reply_ends_it_for_good_and_loses_no_word(
    stage: Stage, proxy: LiteLLMProxy, gemini: GeminiServer
) -> None:
    cut, answer = reply(8.0, seed=1), reply(1.0, seed=2)

    gemini.play(spoken_over(cut, answer, "Tell me a story.", "Stop that."))
    with stage.terminal(proxy) as program, stage.sound.record() as recording:
        call = ready(stage, program, gemini)
        stage.say(words(), pause(0.9))
        program.until("speaking, 2.")
        first_turn = len(call.sound)
        stage.say(sentence(), pause(0.9))
        speaker = stage.hear_out(program, recording, "spoken reply, 1.0 s")
        printed = program.printed

    told = re.search(r"cut after ([\d.]+) s of 8.0 s", printed)
    assert told, printed
    cut_at = int(float(told[1]) * REPLY_RATE)
    # Up to where it was ducked and paused, and from where it was given up.
    assert lost_reply(cut[: 2 * (cut_at - REPLY_RATE)], speaker) == []
    assert share_heard(cut[2 * cut_at :], speaker) < 0.1
    assert lost_words(sentence(), call.sound[first_turn:]) == []
    assert lost_reply(answer, speaker) == []
    assert you_said(printed) == ["you: Tell me a story.", "you: Stop that."]


def test_a_single_word_over_a_reply_ends_it_and_is_answered(
    stage: Stage, proxy: LiteLLMProxy, gemini: GeminiServer
) -> None:
    cut, answer = reply(8.0, seed=1), reply(1.0, seed=2)

    gemini.play(spoken_over(cut, answer, "Tell me a story.", "Stop."))
    with stage.terminal(proxy) as program, stage.sound.record() as recording:
        call = ready(stage, program, gemini)
        stage.say(words(), pause(0.9))
        program.until("speaking, 2.")
        first_turn = len(call.sound)
        stage.say(stop(), pause(1.5))
        speaker = stage.hear_out(program, recording, "spoken reply, 1.0 s")
        printed = program.printed

    assert re.search(r"cut after [\d.]+ s of 8.0 s", printed), printed
    assert you_said(printed) == ["you: Tell me a story.", "you: Stop."]
    # The faint hiss of its beginning is not found again.
    assert len(lost_words(stop(), call.sound[first_turn:])) <= 2
    assert share_heard(answer, speaker) > 0.9


def test_a_cough_holds_a_reply_up_and_takes_nothing_from_it(
    stage: Stage, proxy: LiteLLMProxy, gemini: GeminiServer
) -> None:
    answer = reply(5.0)

    async def script(call: GeminiCall) -> None:
        await call.set_up()
        await call.stream_end()
        await call.reply(answer)
        await call.hung_up()

    gemini.play(script)
    with stage.terminal(proxy) as program, stage.sound.record() as recording:
        call = ready(stage, program, gemini)
        stage.say(words(), pause(0.9))
        program.until("speaking, 2.")
        with nothing_arrives(call):
            stage.say(cough())
            speaker = stage.hear_out(program, recording, "spoken reply, 5.0 s")

    _, _, found = reply_on(speaker, answer)
    # Where it was ducked, paused and taken up again 40 ms windows are bent by the fades; and by as much as it
    # was held up, it ends later.
    (first, starts_at), (last, ends_at) = found.offsets[0], found.offsets[-1]
    assert len(found.missing) <= 10
    assert last >= (5.0 - 0.1) * CARD_RATE
    assert 0 <= (ends_at - last) - (starts_at - first) < 2.0 * CARD_RATE
    assert "cut after" not in program.printed
