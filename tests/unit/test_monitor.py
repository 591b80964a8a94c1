"""A microphone that carries the loudspeaker's own sound is told from one that hears it in a room."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.support.speechlike import speechlike
from voice_assistant.core.audio import NEAR_RATE, REPLY_RATE, AudioFrame, Resampler
from voice_assistant.core.chimes import chime
from voice_assistant.core.monitor import MonitorWatch

SECONDS = 8
REPLY = speechlike(SECONDS, REPLY_RATE, seed=21)
Sound = NDArray[np.float64]


def reply_at_near_rate() -> Sound:
    return at_near_rate(REPLY)


def at_near_rate(far: bytes) -> Sound:
    resampler = Resampler(REPLY_RATE, NEAR_RATE)
    return np.frombuffer(resampler.feed(far) + resampler.flush(), "<i2").astype(np.float64)


def delayed(sound: Sound, delay_s: float) -> Sound:
    """Delay by any time, fractions of a sample too."""
    turned = np.exp(-2j * np.pi * np.fft.rfftfreq(sound.size, 1 / NEAR_RATE) * delay_s)
    later: Sound = np.fft.irfft(np.fft.rfft(sound) * turned, sound.size)
    return later


def drifting(sound: Sound, ppm: float) -> Sound:
    """Delay by 50 ms at first, and by more or less as time goes by."""
    spectrum = np.fft.rfft(delayed(sound, 0.05))
    fine = np.fft.irfft(spectrum, 16 * sound.size) * 16
    at = np.arange(sound.size) * 16 * (1 + ppm * 1e-6)
    drifted: Sound = np.interp(at, np.arange(fine.size), fine)
    return drifted


def in_a_room(sound: Sound, seed: int) -> Sound:
    """Direct sound, and reflections that die away by 60 dB in 0.3 s: Polack's model."""
    times = np.arange(round(0.3 * NEAR_RATE)) / NEAR_RATE
    tail = np.random.default_rng(seed).standard_normal(times.size) * 10 ** (-3 * times / 0.3)
    tail *= 10 ** (-6 / 20) / np.sqrt(tail @ tail)  # 6 dB below the direct sound
    tail[0] = 1.0
    heard: Sound = np.convolve(sound, tail)[: sound.size]
    return heard


def told_after(watch: MonitorWatch, near: Sound, far: bytes = REPLY) -> list[float]:
    """Play and listen; give the seconds at which it was told."""
    pcm = np.clip(np.rint(near), -32768, 32767).astype("<i2").tobytes()
    told = []
    for frame in range(len(pcm) // 640):
        heard = AudioFrame(pcm[frame * 640 : (frame + 1) * 640], NEAR_RATE, frame * 320)
        played = AudioFrame(far[frame * 960 : (frame + 1) * 960], REPLY_RATE, frame * 480)
        if watch.follow(heard, played):
            told.append(frame * 0.02)
    return told


@pytest.mark.parametrize(("delay_s", "gain"), [(0.03, 1.0), (0.04127, 0.3), (0.35, 0.5)])
def test_a_copy_of_the_loudspeaker_is_told_once(delay_s: float, gain: float) -> None:
    told = told_after(MonitorWatch(), delayed(reply_at_near_rate(), delay_s) * gain)

    assert len(told) == 1


@pytest.mark.parametrize("ppm", [-600.0, -420.0, 420.0, 600.0])
def test_a_copy_is_told_while_its_delay_drifts(ppm: float) -> None:
    told = told_after(MonitorWatch(), drifting(reply_at_near_rate(), ppm))

    assert len(told) == 1


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_echo_in_a_room_is_no_copy(seed: int) -> None:
    assert told_after(MonitorWatch(), delayed(in_a_room(reply_at_near_rate(), seed), 0.05)) == []


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_chimes_in_a_room_are_no_copy(seed: int) -> None:
    ringing = np.tile(chime("bell"), 7).astype("<i2").tobytes()[: len(REPLY)]

    assert told_after(MonitorWatch(), delayed(in_a_room(at_near_rate(ringing), seed), 0.05), ringing) == []


def test_a_copy_with_holes_in_it_is_told() -> None:
    copy = delayed(reply_at_near_rate(), 0.03)
    for second in range(1, SECONDS, 2):
        copy[round((second - 0.3) * NEAR_RATE) : round((second - 0.2) * NEAR_RATE)] = 0.0

    assert len(told_after(MonitorWatch(), copy)) == 1


def test_a_user_who_talks_while_nothing_plays_is_no_copy() -> None:
    silent = bytes(len(REPLY))

    assert told_after(MonitorWatch(), reply_at_near_rate(), silent) == []


def test_a_user_who_talks_into_a_reply_is_no_copy() -> None:
    other = speechlike(SECONDS, NEAR_RATE, seed=22)
    user = np.frombuffer(other, "<i2").astype(np.float64)
    both = delayed(reply_at_near_rate(), 0.05) * 0.3 + user[: reply_at_near_rate().size]

    assert told_after(MonitorWatch(), both) == []


def test_a_copy_that_comes_late_is_told_too() -> None:
    watch = MonitorWatch()
    told_after(watch, delayed(in_a_room(reply_at_near_rate(), 1), 0.05))
    copy = delayed(reply_at_near_rate(), 0.03)

    assert len(told_after(watch, copy) + told_after(watch, copy)) == 1


def test_another_microphone_is_judged_anew() -> None:
    watch = MonitorWatch()
    copy = delayed(reply_at_near_rate(), 0.03)
    told_after(watch, copy)

    watch.begin()

    assert len(told_after(watch, copy)) == 1
