"""What is typed and shown: a line between spoken turns, its files, the stage, and objects for programs."""

from __future__ import annotations

import json
import signal

import pytest

from tests.end_to_end.conftest import Stage
from tests.support.realtime_server import RealtimeCall, RealtimeServer
from tests.support.spoken import pause, reply, words
from tests.support.terminal_program import Kind

pytestmark = pytest.mark.sound

ENTER = "\r"


def typed_to(call: RealtimeCall) -> list[str]:
    """What arrived in writing."""
    items = [one.body["item"] for one in call.messages if one.body.get("type") == "conversation.item.create"]
    return [part["text"] for item in items for part in item["content"] if part["type"] == "input_text"]


async def answers_in_writing(call: RealtimeCall) -> None:
    """Answer what was typed, with sound and words, and stay."""
    await call.set_up()
    await call.until(lambda: bool(typed_to(call)))
    await call.begin()
    await call.words("That is how it is.")
    await call.says(reply(1.0))
    await call.complete()
    await call.done()
    await call.hung_up()


async def answers_at_length(call: RealtimeCall) -> None:
    """Answer the first turn with half a minute of speech."""
    await call.set_up()
    await call.commit()
    await call.begin()
    await call.words("A long story. " * 20)
    await call.says(reply(30.0))
    await call.hung_up()


@pytest.mark.parametrize("kind", ["kitty", "plain"])
def test_a_typed_line_is_answered_shown_and_written_down(
    stage: Stage, scripted: RealtimeServer, kind: Kind
) -> None:
    scripted.play(answers_in_writing)
    files = ("--transcript", "talk.md", "--captions", "talk.srt")
    with stage.terminal(scripted, *files, kind=kind) as program:
        program.until("Connected to")
        program.type(ENTER)
        program.until("enter sends")
        program.type("mir or what?")
        program.until("> mir or what?")
        program.type(ENTER)
        program.until("you: mir or what?")
        program.until("assistant: That is how it is.")
        program.until("answer ")
        program.until(
            lambda: "listening" in program.printed.splitlines()[-1] or "listening" in program.printed
        )
        program.interrupt()
        assert program.wait() == 0

    assert typed_to(scripted.calls[0]) == ["mir or what?"]
    assert scripted.calls[0].samples == 0
    transcript = (stage.home / "talk.md").read_text()
    assert "**You**" in transcript
    assert "mir or what?" in transcript
    assert "**Assistant**" in transcript
    captions = (stage.home / "talk.srt").read_text()
    assert captions.startswith("1\n00:")
    assert "You: mir or what?" in captions


def test_the_stage_is_ready_shows_what_is_said_and_gives_the_terminal_back(
    stage: Stage, scripted: RealtimeServer
) -> None:
    scripted.play(answers_at_length)
    with stage.terminal(scripted, "--stage") as program:
        program.until("waiting for")
        stage.say(words(), pause(0.9))
        program.until("READY")
        program.until("\u2580")
        assert not any("assistant:" in row or "hands-free" in row for row in program.display)
        program.send_signal(signal.SIGTERM)
        assert program.wait() == 0
        assert program.is_restored

    assert b"\x1b[?1049l" in program.raw


def test_a_key_is_held_on_the_stage_as_elsewhere(stage: Stage, scripted: RealtimeServer) -> None:
    scripted.play(answers_at_length)
    with stage.terminal(scripted, "--stage", "--mode", "push-to-talk") as program:
        program.until(lambda: program.keyboard_modes > 0)
        program.until(lambda: bool(scripted.calls) and scripted.calls[0].session is not None)
        with program.holding():
            stage.say(words())
            assert not scripted.calls[0].commits
        program.until(lambda: bool(scripted.calls[0].commits))
        program.interrupt()
        assert program.wait() == 0
        assert program.is_restored


def test_a_key_ends_the_reply(stage: Stage, scripted: RealtimeServer) -> None:
    scripted.play(answers_at_length)
    with stage.terminal(scripted) as program:
        program.until("Connected to")
        stage.say(words(), pause(0.9))
        program.until("LIVE  speaking")
        program.type("i")
        program.until("[cut after")
        program.type("r")
        program.until("LIVE  speaking")
        program.until("assistant: (again)")
        program.interrupt()
        assert program.wait() == 0


def test_a_program_reads_a_conversation_line_by_line(stage: Stage, scripted: RealtimeServer) -> None:
    scripted.play(answers_at_length)
    with stage.plain(scripted, "--json") as program:
        program.until('"type": "session"')
        stage.say(words(), pause(0.9))
        program.until('"type": "latency"')
        program.send_signal(signal.SIGINT)
        assert program.wait() in (0, 130)

    told = [json.loads(line) for line in program.out.splitlines()]
    kinds = [one["type"] for one in told]
    assert kinds[0] == "state"
    assert kinds[-1] == "end"
    assert {"session", "user", "assistant", "latency", "notice"} <= set(kinds)
    assert "speaking" in {one["floor"] for one in told if one["type"] == "state"}
