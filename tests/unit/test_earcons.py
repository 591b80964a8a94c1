"""Small sounds: which, when, and only where they were asked for."""

from __future__ import annotations

import numpy as np
import pytest

from voice_assistant.core.audio import NEAR_RATE, AudioFrame
from voice_assistant.core.chimes import chime
from voice_assistant.core.earcons import Earcons, SoundSettings
from voice_assistant.core.events import (
    Capabilities,
    Chime,
    Command,
    CommitInput,
    Event,
    LinkLost,
    MuteChanged,
    PlayoutDrained,
    Ring,
    SessionOpened,
    TurnClosed,
    TurnOpened,
)
from voice_assistant.core.mixer import Mixer, PlayoutSettings

FRAME = AudioFrame(bytes(640), NEAR_RATE)
ALL = SoundSettings(listening=True, thinking=True, reconnected=True)
OPENED = SessionOpened(1.0, "model", Capabilities())
CONVERSATION: list[Event] = [
    OPENED,
    TurnOpened(2.0, 1, FRAME, "voice"),
    MuteChanged(2.1, False),
    PlayoutDrained(2.2, "a", 100.0),
    TurnClosed(3.0, 1, "silence"),
    PlayoutDrained(5.0, "b", 100.0),
    LinkLost(6.0, 1, opened=True),
    SessionOpened(7.0, "model", Capabilities()),
    SessionOpened(8.0, "model", Capabilities()),
]


def rung(settings: SoundSettings) -> list[str]:
    earcons = Earcons(settings)
    sounds: list[str] = []
    for event in CONVERSATION:
        done: list[Command] = [CommitInput(1)] if isinstance(event, TurnClosed) else []
        sounds += [command.sound for command in earcons.handle(event, done) if isinstance(command, Ring)]
    return sounds


def test_each_change_of_the_floor_has_its_sound_and_nothing_sounds_into_the_users_turn() -> None:
    assert rung(ALL) == ["listening", "thinking", "listening", "reconnected"]


def test_nothing_sounds_unless_it_was_asked_for() -> None:
    assert rung(SoundSettings()) == []
    assert rung(SoundSettings(reconnected=True)) == ["reconnected"]


@pytest.mark.parametrize("name", ["listening", "thinking", "reconnected", "bell"])
def test_a_sound_begins_and_ends_without_a_click_and_is_no_louder_than_speech(name: Chime) -> None:
    samples = chime(name)

    assert abs(samples[0]) < 200
    assert abs(samples[-1]) < 500
    assert np.max(np.abs(samples)) < 32_768 / 3
    assert len(samples) <= 24 * 1200


def test_a_small_sound_does_not_cut_a_timers_bell_short() -> None:
    mixer = Mixer(PlayoutSettings())
    mixer.ring()
    mixer.ring("thinking")

    heard = np.frombuffer(b"".join(mixer.pull(240) for _ in range(130)), "<i2")

    assert np.flatnonzero(heard)[-1] > 24 * 1000
