"""Devices that go away in the middle of a conversation: the session stays; nothing around the gap is lost.

A sound server that is killed takes both ends with it, a suspended source only falls silent, and a new default
moves streams to another device. Each test has a sound server of its own, since it breaks it.
"""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator

import numpy as np
import pytest

from tests.end_to_end.conftest import SETTLED_S, Stage
from tests.support.alignment import align
from tests.support.realtime_server import RealtimeCall, RealtimeServer
from tests.support.sound_server import CARD_RATE, SoundServer, why_not
from tests.support.spoken import (
    Samples,
    converted,
    lost_reply,
    lost_words,
    other_words,
    pause,
    reply,
    reply_on,
    sentence,
    words,
)
from tests.support.terminal_program import Program
from voice_assistant.core.audio import NEAR_RATE, REPLY_RATE
from voice_assistant.core.default_watch import LOOK_EVERY_S

pytestmark = pytest.mark.sound

LEFT = "master_channel_map=front-left"
RIGHT = "master_channel_map=front-right"

IN_THE_DEVICE_MS = 200
"""What may be lost at the gap: sound that was inside the device, or on its way from it."""

FOLLOWING = {
    "VOICE_ASSISTANT_CAPTURE_FOLLOW_DEFAULT": "true",
    "VOICE_ASSISTANT_PLAYOUT_FOLLOW_DEFAULT": "true",
}

WINDOW_MS = 40
"""Alignment's: what is missing is counted in these."""


@pytest.fixture
def sound_server() -> Iterator[SoundServer]:
    """A sound server of this test's own, to be broken."""
    if missing := why_not():
        pytest.skip(f"no sound server: {missing}")
    with SoundServer() as server:
        yield server


def ready(stage: Stage, program: Program, server: RealtimeServer) -> RealtimeCall:
    """Wait until the program takes the microphone's sound."""
    program.until(lambda: bool(server.calls) and server.calls[0].session is not None)
    stage.wait_for_devices(program)
    time.sleep(SETTLED_S)
    return server.calls[0]


def test_a_reply_goes_on_from_its_sample_when_the_sound_server_restarts(
    stage: Stage, scripted: RealtimeServer
) -> None:
    answer = reply(4.0)

    async def script(call: RealtimeCall) -> None:
        await call.set_up()
        await call.commit()
        await call.reply(answer)
        await call.hung_up()

    scripted.play(script)
    with stage.plain(scripted) as program:
        call = ready(stage, program, scripted)
        with stage.sound.record() as before:
            stage.say(words(0.8), pause(0.6))
            program.until(lambda: bool(call.commits))
            time.sleep(1.5)
            stage.sound.kill()
        time.sleep(0.4)  # attempts that fail
        # Held, so that the recording of the second half begins before it.
        program.send_signal(signal.SIGSTOP)
        stage.sound.restart()
        with stage.sound.record() as after:
            program.send_signal(signal.SIGCONT)
            program.until("back on 'default'")
            program.until("spoken reply, 4.0 s")
            time.sleep(0.3)
        assert program.is_running
        err = program.err

    wanted, _, found = reply_on(np.concatenate((before.speaker, after.speaker)), answer)
    assert len(found.missing) * WINDOW_MS <= IN_THE_DEVICE_MS
    assert found.offsets[0][0] == 0
    assert found.offsets[-1][0] >= wanted.size - 2 * WINDOW_MS * CARD_RATE // 1000
    assert err.count("microphone and the loudspeaker were gone for a moment") == 1
    assert "ALSA" not in err


def test_words_on_both_sides_of_a_restart_of_the_sound_server_arrive(
    stage: Stage, scripted: RealtimeServer
) -> None:
    async def script(call: RealtimeCall) -> None:
        await call.set_up()
        for _ in range(2):
            await call.commit()
            await call.done()
        await call.hung_up()

    scripted.play(script)
    with stage.plain(scripted) as program:
        call = ready(stage, program, scripted)
        with stage.sound.record() as before:
            speaking = stage.begin_to_say(pause(0.3), sentence())
            program.until(lambda: call.samples > 2.3 * REPLY_RATE)
            stage.sound.kill()
            speaking.wait(60)
        time.sleep(0.3)
        stage.sound.restart()
        program.until("back on 'default'")
        stage.say(pause(0.3), other_words(), pause(0.8))
        program.until(lambda: len(call.commits) == 2)
        err = program.err

    carried = converted(sentence(), NEAR_RATE, CARD_RATE)[: carried_samples(sentence(), before.microphone)]
    arrived = converted(call.sound, REPLY_RATE, CARD_RATE)
    assert carried.size > CARD_RATE  # it was killed in mid-sentence
    assert carried.size < 3 * CARD_RATE
    assert complaints_before(carried.size - IN_THE_DEVICE_MS * CARD_RATE // 1000, carried, arrived) == []
    assert lost_words(other_words(), call.sound) == []
    assert err.count("warning:") == 1


def test_a_microphone_that_is_suspended_in_mid_sentence_is_opened_again_without_disturbing_the_reply(
    stage: Stage, scripted: RealtimeServer
) -> None:
    answer = reply(3.0)

    async def script(call: RealtimeCall) -> None:
        await call.set_up()
        await call.commit()
        await call.reply(answer)
        await call.commit()
        await call.done()
        await call.hung_up()

    scripted.play(script)
    with stage.plain(scripted) as program, stage.sound.record() as recording:
        call = ready(stage, program, scripted)
        speaking = stage.begin_to_say(pause(0.3), sentence())
        program.until(lambda: call.samples > 2.3 * REPLY_RATE)
        stage.sound.pactl("suspend-source", "mic", "1")
        # What was said until then is a turn of its own, and is answered while the microphone is away.
        program.until(lambda: len(call.commits) == 1)
        speaking.wait(60)
        stage.sound.pactl("suspend-source", "mic", "0")
        program.until("back on 'default'")
        program.until("spoken reply, 3.0 s")
        stage.say(pause(0.3), other_words(), pause(0.8))
        program.until(lambda: len(call.commits) == 2)
        speaker = recording.speaker

    assert lost_words(sentence()[:NEAR_RATE], call.sound) == []
    assert lost_reply(answer, speaker) == []
    assert lost_words(other_words(), call.sound) == []


def test_a_new_default_is_used_and_the_conversation_goes_on(stage: Stage, scripted: RealtimeServer) -> None:
    answer = reply(3.0)

    async def script(call: RealtimeCall) -> None:
        await call.set_up()
        await call.commit()
        await call.reply(answer)
        await call.commit()
        await call.done()
        await call.hung_up()

    scripted.play(script)
    sound = stage.sound
    mono = ("channel_map=mono", "remix=no", "channels=1")
    sound.pactl("load-module", "module-remap-sink", "sink_name=other", "master=card", *mono, LEFT)
    sound.pactl("load-module", "module-remap-source", "source_name=usb", "master=card.monitor", *mono, RIGHT)
    with stage.plain(scripted) as program, sound.record() as recording:
        call = ready(stage, program, scripted)
        stage.say(words(0.8), pause(0.6))
        program.until(lambda: bool(call.commits))
        time.sleep(1.0)
        sound.pactl("set-default-source", "usb")
        sound.pactl("set-default-sink", "other")
        sound.unload("module-remap-source", "mic")
        sound.unload("module-remap-sink", "speaker")
        program.until("spoken reply, 3.0 s")
        stage.say(pause(0.5), other_words(), pause(0.8))
        program.until(lambda: len(call.commits) == 2)
        speaker = recording.speaker

    wanted, _, found = reply_on(speaker, answer)
    assert len(found.missing) * WINDOW_MS <= IN_THE_DEVICE_MS
    assert found.offsets[-1][0] >= wanted.size - 2 * WINDOW_MS * CARD_RATE // 1000
    assert lost_words(other_words(), call.sound) == []


def test_a_default_that_the_sound_server_changes_is_followed_and_told_when_nobody_speaks(
    stage: Stage, scripted: RealtimeServer
) -> None:
    answer = reply(3.0)

    async def script(call: RealtimeCall) -> None:
        await call.set_up()
        await call.commit()
        await call.reply(answer)
        await call.commit()
        await call.done()
        await call.hung_up()

    scripted.play(script)
    sound = stage.sound
    mono = ("channel_map=mono", "remix=no", "channels=1")
    sound.pactl("load-module", "module-remap-sink", "sink_name=other", "master=card", *mono, LEFT)
    sound.pactl("load-module", "module-remap-source", "source_name=usb", "master=card.monitor", *mono, RIGHT)
    with stage.plain(scripted, **FOLLOWING) as program, sound.record() as recording:
        call = ready(stage, program, scripted)
        time.sleep(LOOK_EVERY_S)  # it has seen what the default is
        stage.say(words(0.8), pause(0.6))
        program.until(lambda: bool(call.commits))
        sound.pactl("set-default-source", "usb")
        sound.pactl("set-default-sink", "other")
        program.until("spoken reply, 3.0 s")
        program.until("The microphone is 'usb' now, the system's new default.")
        program.until("The loudspeaker is 'other' now, the system's new default.")
        stage.say(pause(0.5), other_words(), pause(0.8))
        program.until(lambda: len(call.commits) == 2)
        assert len(scripted.calls) == 1
        assert "gone" not in program.err
        speaker = recording.speaker

    _, _, found = reply_on(speaker, answer)
    assert len(found.missing) * WINDOW_MS <= IN_THE_DEVICE_MS
    assert lost_words(other_words(), call.sound) == []


def test_a_default_that_only_a_new_list_of_devices_shows_is_moved_to(
    stage: Stage, scripted: RealtimeServer
) -> None:
    async def script(call: RealtimeCall) -> None:
        await call.set_up()
        await call.commit()
        await call.done()
        await call.hung_up()

    scripted.play(script)
    sound = stage.sound
    sound.list_only("desk", "headset")
    with stage.plain(scripted, **FOLLOWING) as program:
        call = ready(stage, program, scripted)
        sound.list_only("headset", "desk")
        program.until("The microphone is 'headset' now, the system's new default.")
        program.until("The loudspeaker is 'headset' now, the system's new default.")
        stage.say(pause(0.5), other_words(), pause(0.8))
        program.until(lambda: bool(call.commits))
        assert len(scripted.calls) == 1
        assert "gone" not in program.err

    assert lost_words(other_words(), call.sound) == []


def test_a_microphone_that_became_the_loudspeakers_monitor_is_told(
    stage: Stage, scripted: RealtimeServer
) -> None:
    async def script(call: RealtimeCall) -> None:
        await call.set_up()
        await call.commit()
        await call.reply(reply(30.0))  # long enough for any machine; nobody hears it out
        await call.hung_up()

    scripted.play(script)
    with stage.plain(scripted) as program:
        call = ready(stage, program, scripted)
        stage.say(words(0.8), pause(0.6))
        program.until(lambda: bool(call.commits))
        assert "own sound" not in program.err
        stage.sound.pactl("set-default-source", "speaker.monitor")
        stage.sound.unload("module-remap-source", "mic")
        program.until("The microphone carries the loudspeaker's own sound")
        assert program.is_running


def test_a_headset_that_returns_is_taken_back(stage: Stage, scripted: RealtimeServer) -> None:
    async def script(call: RealtimeCall) -> None:
        await call.set_up()
        await call.commit()
        await call.done()
        await call.hung_up()

    scripted.play(script)
    sound = stage.sound
    sound.list_devices("headset")
    with stage.plain(scripted, "--input-device", "headset") as program:
        call = ready(stage, program, scripted)
        sound.kill()
        sound.list_devices()
        sound.restart()
        program.until("'headset' is gone; the microphone is 'default' now.")
        sound.list_devices("headset")
        program.until("The microphone is 'headset' again.")
        stage.say(pause(0.3), other_words(), pause(0.8))
        program.until(lambda: bool(call.commits))

    assert lost_words(other_words(), call.sound) == []


def test_a_key_goes_on_with_the_next_microphone_and_the_next_loudspeaker(
    stage: Stage, scripted: RealtimeServer
) -> None:
    async def script(call: RealtimeCall) -> None:
        await call.set_up()
        await call.commit()
        await call.reply(reply(1.0))
        await call.hung_up()

    scripted.play(script)
    stage.sound.list_devices("headset")
    chosen = ("--input-device", "headset", "--output-device", "headset")
    with stage.terminal(scripted, *chosen) as program:
        call = ready(stage, program, scripted)
        program.until("LIVE")
        program.type("n")
        program.until("The microphone is '")
        program.type("o")
        program.until("The loudspeaker is '")
        assert "The microphone is 'headset'" not in program.printed
        stage.say(pause(0.3), words(0.8), pause(0.8))
        program.until(lambda: bool(call.commits))
        program.until("assistant:")

    assert lost_words(words(0.8), call.sound) == []


def test_a_bluetooth_headset_in_the_telephone_profile_is_told_with_another_microphone(
    stage: Stage, scripted: RealtimeServer
) -> None:
    async def script(call: RealtimeCall) -> None:
        await call.set_up()
        await call.hung_up()

    scripted.play(script)
    headset = ("source_name=bluez_input.00_11.headset-head-unit", "master=card.monitor", "rate=16000")
    stage.sound.pactl("load-module", "module-remap-source", *headset, "channels=1", RIGHT)
    stage.sound.pactl("set-default-source", "bluez_input.00_11.headset-head-unit")
    with stage.plain(scripted) as program:
        program.until("is a Bluetooth headset's microphone")
        program.until("pactl set-default-source mic")


def carried_samples(said: Samples, microphone: Samples) -> int:
    """Say how much of *said* (16 kHz) a recording of the card's microphone holds, at ``CARD_RATE``."""
    found = align(converted(said, NEAR_RATE, CARD_RATE), microphone, CARD_RATE)
    assert found.offsets
    return found.offsets[-1][0]


def complaints_before(end: int, sent: Samples, heard: Samples) -> list[str]:
    """Say what is wrong with *heard* before sample *end* of *sent*."""
    found = align(sent, heard, CARD_RATE)
    if found.was_held_up(CARD_RATE):
        return []
    lost = [f"lost: {at}" for at in found.missing if at < end]
    return lost + [f"out of step: {jump}" for jump in found.jumps if jump.at < end]
