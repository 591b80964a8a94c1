"""Hindsight: who spoke into the reply is found once it is over, and the reply itself is not."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from benchmarks import voices
from tests.support.speechlike import RECORDED_SPEECH_S, recorded_speech
from voice_assistant.core.audio import NEAR_RATE, REPLY_RATE, AudioFrame, Resampler
from voice_assistant.core.events import Captured, Event, TurnAudio, TurnClosed, TurnOpened, TurnReviewed
from voice_assistant.core.hindsight import ENOUGH_MS, Hindsight
from voice_assistant.core.listener import Listener
from voice_assistant.core.turns import Heard

FRAME = NEAR_RATE // 50
DELAY_FRAMES = 6
PAUSED = 150
"""The frame in which the turn opens, and the reply is paused."""

Sound = NDArray[np.float64]


def words() -> Sound:
    begin, end = (round(at * NEAR_RATE) for at in RECORDED_SPEECH_S)
    return np.frombuffer(recorded_speech(), "<i2").astype(float)[begin:end]


def level(sound: Sound) -> float:
    return 10 * float(np.log10(np.mean(np.square(sound))))


def reply(frames: int = 200) -> Sound:
    sound = np.resize(words(), frames * FRAME)
    sound[(PAUSED + 1) * FRAME :] = 0
    return sound


def echo_of(far: Sound, *, jumps_at: int | None = None) -> Sound:
    """What the microphone hears of it, 0.12 s later, in a room that rings for 0.2 s."""
    rng = np.random.default_rng(3)
    response = rng.standard_normal(3200) * 10 ** (-3 * np.arange(3200) / 3200)
    response *= 0.25 / np.sqrt(response @ response)
    size = 1 << (len(far) + 3200).bit_length()
    echo = np.fft.irfft(np.fft.rfft(far, size) * np.fft.rfft(response, size))[: len(far)]
    late = np.concatenate((np.zeros(DELAY_FRAMES * FRAME), echo))[: len(far)]
    if jumps_at is not None:
        later = np.concatenate((np.zeros(FRAME), late))[: len(far)]
        late[jumps_at * FRAME :] = later[jumps_at * FRAME :]
    return late + rng.normal(0, 5, len(far))


def user(sound: Sound, first: int, db: float, frames: int = 200) -> Sound:
    """Somebody, from frame *first* on, at a level relative to the echo's."""
    made = np.zeros(frames * FRAME)
    loud = sound * 10 ** ((level(echo_of(reply())[: PAUSED * FRAME]) + db - level(sound)) / 20)
    made[first * FRAME : first * FRAME + len(loud)] = loud[: len(made) - first * FRAME]
    return made


def reviewed(
    near: Sound,
    far: Sound,
    *,
    speech_ms: float = 180,
    spoken_frames: int = 5,
    weight: float = 1.0,
    delay_frames: int | None = DELAY_FRAMES,
    closes_at: int = 10_000,
) -> list[TurnReviewed]:
    """What is said of a turn that opens in frame 150; the detector hears speech for some frames then."""
    resampler = Resampler(NEAR_RATE, REPLY_RATE)
    pcm = resampler.feed(np.rint(far).astype("<i2").tobytes()) + resampler.flush()
    hindsight = Hindsight()
    events: list[Event] = []
    for frame, part in enumerate(np.rint(near).astype("<i2").reshape(-1, FRAME)):
        at = frame * 0.02
        heard = AudioFrame(part.tobytes(), NEAR_RATE, frame * FRAME)
        played = AudioFrame(pcm[frame * 960 : frame * 960 + 960], REPLY_RATE)
        is_speech = PAUSED < frame <= PAUSED + spoken_frames
        made: list[Event] = []
        if frame == PAUSED:
            made = [TurnOpened(at, 1, heard, "voice", speech_ms, over_echo=True)]
        elif frame == closes_at:
            made = [TurnClosed(at, 1, "silence")]
        elif frame > PAUSED:
            made = [TurnAudio(at, 1, heard, is_speech, weight)]
        opinion = Heard(
            heard, is_speech, is_clear=False, far_active=True, echo=True, tail=frame < 165, weight=weight
        )
        events += hindsight.follow(Captured(at, heard, played), opinion, made, delay_frames)
    return [event for event in events if isinstance(event, TurnReviewed)]


def test_a_user_of_a_second_is_found_8_db_below_the_echo() -> None:
    said = words()[::-1][:NEAR_RATE]

    (review,) = reviewed(echo_of(reply()) + user(said, PAUSED - 40, -8), reply(), spoken_frames=7)

    assert review.turn == 1
    assert review.speech_ms >= ENOUGH_MS


@pytest.mark.parametrize("jumps_at", [None, PAUSED - 30, PAUSED - 12, PAUSED - 2])
def test_the_reply_itself_is_nobody_even_where_its_delay_jumps(jumps_at: int | None) -> None:
    (review,) = reviewed(echo_of(reply(), jumps_at=jumps_at), reply())

    assert review.speech_ms < 0.8 * ENOUGH_MS


@pytest.mark.parametrize("make", [voices.hum, voices.keys, voices.cough])
@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("db", [-10.0, 0.0])
def test_a_burst_is_not_worth_the_floor(make: voices.Make, seed: int, db: float) -> None:
    burst = make(np.random.default_rng(seed))

    (review,) = reviewed(echo_of(reply()) + user(burst, PAUSED - 8, db), reply())

    assert review.speech_ms < ENOUGH_MS


def test_it_is_said_within_200_ms_of_the_last_word_and_once() -> None:
    (review,) = reviewed(echo_of(reply()), reply(), speech_ms=0, spoken_frames=16)

    assert (PAUSED + 16) * 0.02 < review.at <= (PAUSED + 26) * 0.02


def test_what_was_enough_already_is_not_looked_at_again() -> None:
    assert reviewed(echo_of(reply()), reply(), speech_ms=180, spoken_frames=8) == []


def test_what_was_hardly_anything_is_not_looked_at() -> None:
    assert reviewed(echo_of(reply()), reply(), speech_ms=100, spoken_frames=4) == []
    assert reviewed(echo_of(reply()), reply(), speech_ms=100, spoken_frames=8, weight=0.5) == []


def test_without_a_delay_there_is_nothing_to_look_for() -> None:
    assert reviewed(echo_of(reply()), reply(), delay_frames=None) == []


def test_a_turn_that_is_over_is_not_looked_at() -> None:
    assert reviewed(echo_of(reply()), reply(), closes_at=PAUSED + 7) == []


def test_the_listener_has_it_looked_at_when_the_echo_is_over() -> None:
    far = np.concatenate((np.zeros(75 * FRAME), np.resize(words(), 335 * FRAME)))
    said = words()[::-1][: NEAR_RATE // 2]
    speaker = np.zeros(len(far))
    speaker[350 * FRAME :][: len(said)] = said * 10 ** ((level(echo_of(far)) + 6 - level(said)) / 20)
    near = echo_of(far) + speaker
    resampler = Resampler(NEAR_RATE, REPLY_RATE)
    pcm = bytearray(960)  # The resampler holds its first samples back.
    listener = Listener()
    reviews: list[TurnReviewed] = []

    for frame in range(410):
        samples = slice(frame * FRAME, (frame + 1) * FRAME)
        pcm += resampler.feed(np.rint(far[samples]).astype("<i2").tobytes())
        heard = AudioFrame(np.rint(near[samples]).astype("<i2").tobytes(), NEAR_RATE, samples.start)
        played = AudioFrame(bytes(pcm[frame * 960 : frame * 960 + 960]), REPLY_RATE)
        made = listener.judge(Captured(frame * 0.02, heard, played))
        if frame >= 350 and any(isinstance(event, TurnOpened) for event in made):
            # The reply is paused.
            far[samples.stop :] = 0
            near = echo_of(far) + speaker
        reviews += [event for event in made if isinstance(event, TurnReviewed) and frame >= 350]

    assert len(reviews) == 1
