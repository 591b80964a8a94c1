"""The prefilter: a share of the echo is taken out, the user stays whole, and lost track does no harm."""

from __future__ import annotations

import wave
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from voice_assistant.core.audio import NEAR_RATE
from voice_assistant.core.prefilter import SHARE, Prefilter

FRAME = NEAR_RATE // 50
SPOKEN = Path(__file__).parents[1] / "data" / "speech" / "librispeech-1970-10594-0000.wav"

Sound = NDArray[np.float64]
Samples = NDArray[np.int16]


def reply(seconds: float) -> Sound:
    with wave.open(str(SPOKEN)) as file:
        sound = np.frombuffer(file.readframes(file.getnframes()), np.int16)
    return np.resize(sound, round(seconds * 50) * FRAME).astype(float)


def somebody_else(seconds: float) -> Sound:
    """Speech that is no part of the reply: backwards it has the same sounds at other times."""
    return reply(seconds)[::-1].copy()


def in_a_room(far: Sound, delay_frames: int) -> Sound:
    """What the microphone hears of the loudspeaker, 12 dB quieter, in a room that rings for 0.2 s."""
    rng = np.random.default_rng(3)
    response = rng.standard_normal(3200) * 10 ** (-3 * np.arange(3200) / 3200)
    response *= 0.25 / np.sqrt(response @ response)
    size = 1 << (len(far) + 3200).bit_length()
    echo = np.fft.irfft(np.fft.rfft(far, size) * np.fft.rfft(response, size))[: len(far)]
    noise = rng.normal(0, 5, len(far))
    return noise + np.concatenate((np.zeros(delay_frames * FRAME), echo))[: len(far)]


def thinned(near: Sound, far: Sound, delay_frames: int | None, prefilter: Prefilter | None = None) -> Samples:
    prefilter = prefilter or Prefilter()
    ends = near.astype(np.int16), far.astype(np.int16)
    parts = [
        prefilter.thin(ends[0][at : at + FRAME], ends[1][at : at + FRAME], delay_frames, has_echo=True)
        for at in range(0, len(near), FRAME)
    ]
    return np.concatenate(parts)


def level(sound: Sound | Samples) -> float:
    return 10 * float(np.log10(np.mean(np.square(sound.astype(float))) + 1e-9))


def newest(seconds: float) -> slice:
    return slice(-round(seconds * NEAR_RATE), None)


@pytest.mark.parametrize("delay_frames", [0, 6, 45])
def test_most_of_its_share_is_gone_after_some_seconds(delay_frames: int) -> None:
    far = reply(8)
    near = in_a_room(far, delay_frames)

    # The delay is measured by levels, and comes out late.
    out = thinned(near, far, delay_frames + 2)

    lost_db = level(near[newest(3)]) - level(out[newest(3)])
    assert 4.5 < lost_db < -20 * np.log10(1 - SHARE) + 0.5


def test_a_faint_user_stays_whole() -> None:
    far = reply(10)
    echo = in_a_room(far, 6)
    user = somebody_else(10)
    user *= 10 ** ((level(echo) - 10 - level(user)) / 20)
    user[: 5 * NEAR_RATE] = 0

    out = thinned(echo + user, far, 7)[newest(5)]

    said = user[newest(5)]
    survived = float(out @ said - thinned(echo, far, 7)[newest(5)] @ said) / float(said @ said)
    assert survived == pytest.approx(1, abs=0.1)


def test_a_microphone_that_hears_something_else_is_hardly_touched() -> None:
    near = somebody_else(8)

    out = thinned(near, reply(8), 6)

    assert level(out) == pytest.approx(level(near), abs=0.7)


def test_until_a_delay_is_known_the_microphone_passes() -> None:
    far = reply(3)
    near = in_a_room(far, 6)

    assert np.array_equal(thinned(near, far, None), near.astype(np.int16))


def test_where_no_echo_can_be_the_microphone_passes() -> None:
    far, near = reply(1).astype(np.int16)[:FRAME], np.arange(FRAME, dtype=np.int16)

    assert Prefilter().thin(near, far, 6, has_echo=False) is near


def test_a_delay_that_has_changed_is_followed() -> None:
    far = reply(8)
    prefilter = Prefilter()
    thinned(in_a_room(far, 6), far, 7, prefilter)
    later = in_a_room(far, 24)

    out = thinned(later, far, 25, prefilter)

    assert level(later[newest(5)]) - level(out[newest(5)]) > 3


def test_clocks_that_drift_apart_are_followed() -> None:
    far = reply(16)
    steady = in_a_room(far, 6)
    # The microphone's clock is slower by 200 ppm: 3 ms later after 16 s.
    drifting = np.interp(np.arange(len(far)) * (1 - 200e-6), np.arange(len(far)), steady)

    lost = {
        name: level(near[newest(4)]) - level(thinned(near, far, 7)[newest(4)])
        for name, near in (("steady", steady), ("drifting", drifting))
    }

    assert lost["drifting"] > lost["steady"] - 1.5


def test_a_path_that_has_changed_does_not_make_it_louder_and_is_learnt_anew() -> None:
    far = reply(8)
    prefilter = Prefilter()
    thinned(in_a_room(far, 6), far, 7, prefilter)
    other = -in_a_room(far, 6)

    out = thinned(other, far, 7, prefilter)

    second = slice(NEAR_RATE, 2 * NEAR_RATE)
    assert level(out[second]) < level(other[second]) + 0.5
    assert level(out[newest(3)]) < level(other[newest(3)]) - 4


def test_it_tells_when_it_loses_track_and_not_while_it_keeps_it() -> None:
    far = reply(8)
    near = in_a_room(far, 6)
    prefilter = Prefilter()
    thinned(near, far, 7, prefilter)

    def losses(sound: Sound) -> int:
        told = 0
        for at in range(0, len(sound), FRAME):
            thinned(sound[at : at + FRAME], far[at : at + FRAME], 7, prefilter)
            told += prefilter.loses_track
        return told

    assert losses(near) == 0
    assert losses(-near) > 0


def test_a_user_louder_than_the_echo_is_no_lost_track() -> None:
    far = reply(10)
    echo = in_a_room(far, 6)
    user = somebody_else(10)
    user *= 10 ** ((level(echo) + 16 - level(user)) / 20)
    prefilter = Prefilter()
    thinned(echo, far, 7, prefilter)

    told = 0
    for at in range(0, len(far), FRAME):
        thinned((echo + user)[at : at + FRAME], far[at : at + FRAME], 7, prefilter)
        told += prefilter.loses_track

    assert told == 0


def test_after_a_restart_nothing_is_known() -> None:
    far = reply(4)
    near = in_a_room(far, 6)
    prefilter = Prefilter()
    thinned(near, far, 7, prefilter)

    prefilter.restart()

    assert np.array_equal(thinned(near, far, None, prefilter), near.astype(np.int16))


def test_a_stretch_without_echo_is_not_taken_for_one_of_the_far_end() -> None:
    far = reply(6)
    near = in_a_room(far, 6)
    prefilter = Prefilter()
    thinned(near, far, 7, prefilter)
    silent = np.zeros(FRAME, np.int16)

    prefilter.thin(silent, silent, 7, has_echo=False)

    # Not the end of what was played before, half a minute ago perhaps, which would be echo of nothing.
    noise = np.random.default_rng(4).normal(0, 5, FRAME).astype(np.int16)
    assert np.array_equal(prefilter.thin(noise, silent, 7, has_echo=True), noise)
