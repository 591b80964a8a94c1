"""The listener: captured sound in, turns out; the mode and the mute switch."""

from __future__ import annotations

import wave
from pathlib import Path
from typing import Literal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from voice_assistant.core.audio import NEAR_RATE, REPLY_RATE, SILENCE_DBFS, AudioFrame, silence
from voice_assistant.core.echo import EchoSettings
from voice_assistant.core.events import (
    Captured,
    DeviceLost,
    Event,
    Level,
    ModeChanged,
    MuteChanged,
    Pressed,
    Released,
    SpokeWhileMuted,
    Tick,
    TurnAudio,
    TurnClosed,
    TurnOpened,
)
from voice_assistant.core.listener import Listener
from voice_assistant.core.turns import TurnSettings

FRAME = NEAR_RATE // 50
FAR = AudioFrame(silence(20, REPLY_RATE), REPLY_RATE)
CLIP = Path(__file__).parents[1] / "data/speech/librispeech-1970-10594-0000.wav"

Samples = NDArray[np.int16]


def clip() -> Samples:
    with wave.open(str(CLIP)) as file:
        return np.frombuffer(file.readframes(file.getnframes()), np.int16)


def quiet(seconds: float) -> Samples:
    return np.random.default_rng(2).normal(0, 4, int(seconds * NEAR_RATE)).astype(np.int16)


class Session:
    """A listener and all that it made of a microphone so far."""

    def __init__(self, listener: Listener | None = None, far: AudioFrame = FAR) -> None:
        self.listener = listener or Listener()
        self.far = far
        self.events: list[Event] = []
        self.sample = 0

    def hear(self, sound: Samples) -> list[Event]:
        events: list[Event] = []
        for block in sound[: len(sound) // FRAME * FRAME].reshape(-1, FRAME):
            near = AudioFrame(block.tobytes(), NEAR_RATE, self.sample)
            self.sample += FRAME
            events += self.listener.judge(Captured(self.sample / NEAR_RATE, near, self.far))
        self.events += events
        return events

    def do(self, event: Event) -> list[Event]:
        events = self.listener.judge(event)
        self.events += events
        return events


def of(kind: type, events: list[Event]) -> list[Event]:
    return [event for event in events if isinstance(event, kind)]


def turns(events: list[Event]) -> list[tuple[int, Samples]]:
    """First sample and sound of every turn; each must run on without a hole."""
    found: list[tuple[int, bytes]] = []
    for event in events:
        if isinstance(event, TurnOpened):
            found.append((event.pre_roll.first_sample, event.pre_roll.pcm))
        elif isinstance(event, TurnAudio):
            first, pcm = found[-1]
            assert event.frame.first_sample == first + len(pcm) // 2
            found[-1] = (first, pcm + event.frame.pcm)
    return [(first, np.frombuffer(pcm, np.int16)) for first, pcm in found]


def test_what_was_said_until_the_microphone_went_away_is_a_turn() -> None:
    session = Session()
    session.hear(np.concatenate((quiet(3), clip()[: 2 * NEAR_RATE])))

    lost = session.do(DeviceLost(5.0, "capture", "the stream ended"))
    session.sample += 2 * NEAR_RATE
    session.hear(np.concatenate((quiet(1), clip(), quiet(2))))

    assert [type(event) for event in lost] == [DeviceLost, TurnClosed]
    first, second = turns(session.events)
    assert first[0] + len(first[1]) <= 5 * NEAR_RATE < second[0]
    assert len(first[1]) > NEAR_RATE


def test_a_loudspeaker_that_goes_away_ends_no_turn() -> None:
    session = Session()
    session.hear(np.concatenate((quiet(3), clip()[: 2 * NEAR_RATE])))

    assert len(session.do(DeviceLost(5.0, "playout", "the stream ended"))) == 1


def test_a_spoken_sentence_is_one_turn_with_every_sample_of_its_words() -> None:
    session = Session()
    sound = np.concatenate((quiet(3), clip(), quiet(2)))

    session.hear(sound)

    [(first, voice)] = turns(session.events)
    assert np.array_equal(voice, sound[first : first + len(voice)])
    assert first <= 3.3 * NEAR_RATE
    assert first + len(voice) >= 6.62 * NEAR_RATE
    assert [event.reason for event in session.events if isinstance(event, TurnClosed)] == ["silence"]


def test_there_is_one_level_for_every_frame() -> None:
    session = Session()

    session.hear(np.concatenate((quiet(1), clip())))

    levels = [event for event in session.events if isinstance(event, Level)]
    assert len(levels) == 250
    assert max(level.near_dbfs for level in levels) > -30
    assert levels[40].near_dbfs < -70
    assert all(level.echo_removed_db is None for level in levels)
    audio = [event for event in session.events if isinstance(event, TurnAudio)]
    assert any(frame.is_speech for frame in audio)


def test_what_does_not_concern_the_listener_passes() -> None:
    listener = Listener()

    assert listener.judge(Tick(1.0)) == [Tick(1.0)]
    assert listener.judge(Pressed(1.0, "quit")) == [Pressed(1.0, "quit")]


def test_the_talk_key_opens_and_closes_a_turn_and_gives_itself_first() -> None:
    session = Session(Listener(TurnSettings(mode="push-to-talk", tail_ms=200)))
    session.hear(quiet(1))

    pressed = session.do(Pressed(1.0, "talk"))
    session.hear(quiet(1))
    released = session.do(Released(2.0, "talk", tap=False))
    session.hear(quiet(0.5))

    assert [type(event) for event in pressed] == [Pressed, TurnOpened]
    assert released == [Released(2.0, "talk", tap=False)]
    assert [event.at for event in session.events if isinstance(event, TurnClosed)] == [2.2]


def test_the_mode_key_changes_who_opens_a_turn() -> None:
    session = Session()

    assert session.do(Pressed(1.0, "mode")) == [Pressed(1.0, "mode"), ModeChanged(1.0, "push-to-talk")]
    session.hear(np.concatenate((quiet(1), clip())))
    assert not turns(session.events)

    session.do(Pressed(6.0, "talk"))
    closed = session.do(Pressed(6.0, "mode"))
    assert [type(event) for event in closed] == [Pressed, TurnClosed, ModeChanged]
    assert session.listener.mode == "hands-free"


def test_while_muted_nothing_is_kept_or_sent() -> None:
    session = Session()
    session.hear(np.concatenate((quiet(2), clip()[: 2 * NEAR_RATE])))

    muted = session.do(Pressed(4.0, "mute"))
    during = session.hear(clip())
    pressed = session.do(Pressed(8.0, "talk"))
    session.do(Released(8.1, "talk", tap=False))

    assert [type(event) for event in muted] == [Pressed, TurnClosed, MuteChanged]
    assert {type(event) for event in during} == {Level, SpokeWhileMuted}
    assert {event.near_dbfs for event in during if isinstance(event, Level)} == {SILENCE_DBFS}
    assert pressed == [Pressed(8.0, "talk")]


def test_the_first_turn_after_unmuting_holds_nothing_from_before() -> None:
    session = Session()
    session.do(Pressed(0.0, "mute"))
    session.hear(clip())
    live_from = session.sample

    assert session.do(Pressed(4.0, "mute")) == [Pressed(4.0, "mute"), MuteChanged(4.0, False)]
    session.hear(quiet(0.3))
    session.do(Pressed(4.3, "talk"))

    [(first, _)] = turns(session.events)
    assert first >= live_from


def test_a_turn_can_be_closed_from_outside() -> None:
    session = Session()
    session.hear(quiet(0.1))
    session.do(Pressed(0.1, "talk"))

    assert session.listener.close("provider", 1.0) == [TurnClosed(1.0, 1, "provider")]
    assert session.listener.close("provider", 1.0) == []


steps = st.lists(
    st.sampled_from(
        ["talk", "release", "tap", "mode", "mute", "hole", "long hole", "words", "words", "quiet"]
    ),
    max_size=25,
)


@settings(max_examples=40, deadline=None)
@given(steps=steps)
def test_whatever_happens_turns_are_unbroken_and_hold_no_muted_sample(steps: list[str]) -> None:
    session = Session()
    words = clip()[6400:]
    muted: list[tuple[int, int]] = []
    for step in steps:
        match step:
            case "talk" | "mode" | "mute":
                session.do(Pressed(session.sample / NEAR_RATE, step))
            case "release" | "tap":
                session.do(Released(session.sample / NEAR_RATE, "talk", tap=step == "tap"))
            case "hole":
                session.sample += 777
            case "long hole":
                session.sample += 20_000
            case _:
                before = session.sample
                session.hear(words[: 12 * FRAME] if step == "words" else quiet(0.24))
                if session.listener.muted:
                    muted.append((before, session.sample))

    stretches = [(first, first + len(voice)) for first, voice in turns(session.events)]
    ends = [0, *(end for _, end in stretches)]
    assert all(first >= end for (first, _), end in zip(stretches, ends, strict=False))
    assert not any(
        first < there and here < end for first, end in stretches for here, there in muted if first < end
    )


def test_who_speaks_while_muted_gets_a_hint_and_nothing_else_comes_of_it() -> None:
    session = Session()
    session.hear(quiet(1))
    session.do(Pressed(1.0, "mute"))

    spoken = session.hear(clip())

    assert 1 <= len(of(SpokeWhileMuted, spoken)) <= len(clip()) / NEAR_RATE / 2 + 1


def test_a_muted_room_that_is_quiet_gets_no_hint() -> None:
    session = Session()
    session.do(Pressed(0.0, "mute"))

    assert of(SpokeWhileMuted, session.hear(quiet(3))) == []


def playing() -> AudioFrame:
    noise = np.random.default_rng(3).normal(0, 3000, REPLY_RATE // 50).astype(np.int16)
    return AudioFrame(noise.tobytes(), REPLY_RATE)


@pytest.mark.parametrize(("mode", "heard"), [("cancelling", True), ("half-duplex", False)])
def test_half_duplex_hears_nobody_while_the_microphone_may_hear_a_reply(
    mode: Literal["cancelling", "half-duplex"], heard: bool
) -> None:
    session = Session(Listener(echo=EchoSettings(mode=mode)), playing())
    # A fifth of a second of loudspeaker, a fifth of none: the microphone follows it.
    noise, stretch = np.random.default_rng(4).normal(0, 1, 6 * NEAR_RATE), NEAR_RATE // 5
    said = np.concatenate((quiet(2), clip()))[: len(noise)]
    for start in range(0, len(said), stretch):
        is_loud = start // stretch % 2 == 0
        session.far = playing() if is_loud else FAR
        echo = noise[start : start + stretch] * (200 if is_loud else 4)
        session.hear(said[start : start + stretch] + echo[: len(said) - start].astype(np.int16))

    assert bool(of(TurnOpened, session.events)) is heard


def test_half_duplex_hears_the_key_and_everybody_else_once_the_reply_is_over() -> None:
    session = Session(Listener(echo=EchoSettings(mode="half-duplex")), playing())
    session.hear(quiet(0.2))
    by_key = session.do(Pressed(1.0, "talk"))
    session.do(Released(1.1, "talk", tap=False))
    session.far = FAR
    session.hear(quiet(3.0))

    by_voice = session.hear(clip())

    assert of(TurnOpened, by_key)
    assert of(TurnOpened, by_voice)
