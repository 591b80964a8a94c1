"""Leaving: at any moment, by key, by signal or with the terminal, and nothing is left behind.

Times are bounded loosely here; what is exact is what the terminal and the other end find afterwards.
"""

from __future__ import annotations

import signal
import time

import pytest

from tests.end_to_end.conftest import Stage
from tests.support.realtime_server import RealtimeCall, RealtimeServer
from tests.support.spoken import pause, reply, sentence, words
from tests.support.terminal_program import TerminalProgram

pytestmark = pytest.mark.sound

SOON_S = 12.0
"""A second is promised; a busy machine may take longer. What hangs takes for ever."""


async def answers_at_length(call: RealtimeCall) -> None:
    """Answer the first turn with half a minute of speech."""
    await call.set_up()
    await call.commit()
    await call.says(reply(30.0))
    await call.hung_up()


async def opens_no_session(call: RealtimeCall) -> None:
    """Accept the call and say nothing."""
    await call.hung_up()


def leaves_a_clean_house(program: TerminalProgram, scripted: RealtimeServer) -> None:
    """Hold the end of a program to its promises."""
    left_at = time.monotonic()
    # Before Python has taken the signal over, it ends the process by itself: to a shell the same as 130.
    assert program.wait() in (0, 130, -signal.SIGINT)
    assert time.monotonic() - left_at < SOON_S
    assert program.is_restored
    assert "Traceback" not in program.printed
    assert "error" not in program.printed
    scripted.wait(lambda: all(call.is_over for call in scripted.calls), within_s=SOON_S)


@pytest.mark.parametrize("kind", ["kitty", "plain"])
def test_ctrl_c_while_listening_closes_the_socket_in_good_order(
    stage: Stage, scripted: RealtimeServer, kind: str
) -> None:
    scripted.play(answers_at_length)
    with stage.terminal(scripted, kind="kitty" if kind == "kitty" else "plain") as program:
        program.until("Connected to")
        program.until("LIVE")
        program.interrupt()
        leaves_a_clean_house(program, scripted)
        assert program.wait() == 0

    assert scripted.calls[0].close_code in (1000, 1001)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_in_the_middle_of_a_reply_ends_it_and_the_program(
    stage: Stage, scripted: RealtimeServer, number: signal.Signals
) -> None:
    scripted.play(answers_at_length)
    with stage.terminal(scripted) as program:
        program.until("Connected to")
        stage.say(words(), pause(0.9))
        program.until("speaking, ")
        program.send_signal(number)
        leaves_a_clean_house(program, scripted)
        assert "cut after" in program.printed or "spoken reply" in program.printed


def test_a_signal_while_the_user_speaks(stage: Stage, scripted: RealtimeServer) -> None:
    scripted.play(answers_at_length)
    with stage.terminal(scripted) as program:
        program.until("Connected to")
        speaking = stage.begin_to_say(sentence())
        program.until("you speak")
        program.send_signal(signal.SIGTERM)
        leaves_a_clean_house(program, scripted)
        speaking.wait(60)


def test_ctrl_c_while_the_provider_opens_no_session(stage: Stage, scripted: RealtimeServer) -> None:
    scripted.play(opens_no_session)
    with stage.terminal(scripted) as program:
        program.until("connecting")
        program.interrupt()
        leaves_a_clean_house(program, scripted)


@pytest.mark.parametrize("after_ms", [60, 120, 180, 240, 300, 400, 500])
def test_ctrl_c_at_any_moment_of_the_start(stage: Stage, scripted: RealtimeServer, after_ms: int) -> None:
    scripted.play(answers_at_length)
    with stage.terminal(scripted) as program:
        time.sleep(after_ms / 1000)
        program.interrupt()
        leaves_a_clean_house(program, scripted)


def test_ctrl_c_while_the_sound_server_hangs(stage: Stage, scripted: RealtimeServer) -> None:
    scripted.play(answers_at_length)
    with stage.terminal(scripted) as program:
        program.until("LIVE")
        with stage.sound.hanging():
            program.interrupt()
            leaves_a_clean_house(program, scripted)


def test_ctrl_c_after_devices_were_lost_because_the_sound_server_hangs(
    stage: Stage, scripted: RealtimeServer
) -> None:
    scripted.play(answers_at_length)
    with stage.terminal(scripted) as program:
        program.until("LIVE")
        with stage.sound.hanging():
            program.until("are gone")
            program.interrupt()
            leaves_a_clean_house(program, scripted)


def test_a_terminal_that_is_closed_takes_the_program_with_it(stage: Stage, scripted: RealtimeServer) -> None:
    scripted.play(answers_at_length)
    with stage.terminal(scripted) as program:
        program.until("Connected to")
        program.hang_up()
        program.wait(within_s=SOON_S)

    scripted.wait(lambda: scripted.calls[0].is_over, within_s=SOON_S)


def test_a_reader_that_goes_away_does_not_end_a_conversation(stage: Stage, scripted: RealtimeServer) -> None:
    async def script(call: RealtimeCall) -> None:
        await call.set_up()
        for _ in range(2):
            await call.commit()
            await call.hears("Hello.")
            await call.reply(reply(0.3))
        await call.hung_up()

    scripted.play(script)
    with stage.plain(scripted) as program:
        program.until("Connected to")
        program.stop_reading()
        stage.say(words(), pause(1.5))
        stage.say(words(), pause(0.9))
        scripted.wait(lambda: len(scripted.calls[0].commits) == 2)
        assert program.is_running
        program.send_signal(signal.SIGTERM)
        assert program.wait() == 0
