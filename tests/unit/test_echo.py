"""The canceller: what is taken away, what is left alone, and where every sample belongs."""

from __future__ import annotations

import wave
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from pywebrtc_audio import EchoCanceller as Aec3

from voice_assistant.core import webrtc
from voice_assistant.core.audio import NEAR_RATE, REPLY_RATE, AudioFrame, Resampler, silence
from voice_assistant.core.echo import AEC3_DELAY, Cleaned, EchoCanceller, EchoSettings, Reference
from voice_assistant.core.settings import SettingError

FRAME = NEAR_RATE // 50
SILENT_FAR = AudioFrame(silence(20, REPLY_RATE), REPLY_RATE)
DATA = Path(__file__).parents[1] / "data"

Samples = NDArray[np.int16]


def recording(name: str) -> Samples:
    with wave.open(str(DATA / name)) as file:
        return np.frombuffer(file.readframes(file.getnframes()), np.int16)


def room(seconds: float, seed: int = 1) -> Samples:
    noise = np.random.default_rng(seed).normal(0, 5, int(seconds * NEAR_RATE) // FRAME * FRAME)
    return noise.astype(np.int16)


def reply(seconds: float) -> Samples:
    """A voice at 16 kHz that goes on for *seconds*, after one second of silence."""
    spoken = recording("speech/librispeech-1970-10594-0000.wav")[: 3 * NEAR_RATE]
    return np.concatenate((np.zeros(NEAR_RATE, np.int16), np.resize(spoken, int((seconds - 1) * NEAR_RATE))))


def run(near: Samples, far: Samples | None = None, canceller: EchoCanceller | None = None) -> list[Cleaned]:
    """Put both ends, at 16 kHz, through a canceller."""
    canceller = canceller or EchoCanceller()
    played = b""
    if far is not None:
        up = Resampler(NEAR_RATE, REPLY_RATE)
        played = up.feed(far.tobytes()) + up.flush()
    cleaned = []
    for index in range(len(near) // FRAME):
        pcm = near[index * FRAME : (index + 1) * FRAME].tobytes()
        block = played[index * 960 : (index + 1) * 960].ljust(960, b"\0")
        far_frame = AudioFrame(block, REPLY_RATE) if far is not None else SILENT_FAR
        cleaned.append(canceller.clean(AudioFrame(pcm, NEAR_RATE, index * FRAME), far_frame))
    return cleaned


def sent(cleaned: list[Cleaned]) -> Samples:
    """All voice in one, which must run on without a hole."""
    for before, after in pairwise(cleaned):
        assert after.voice.first_sample == before.voice.end_sample
    return np.frombuffer(b"".join(one.voice.pcm for one in cleaned), np.int16)


def echo_of(far: Samples, gain: float, delay_ms: int = 60) -> Samples:
    delay = delay_ms * NEAR_RATE // 1000
    return np.concatenate((np.zeros(delay), far * gain))[: len(far)].astype(np.int16)


def in_a_room(sound: Samples) -> Samples:
    """The same, with a room that rings for 0.2 s."""
    rng = np.random.default_rng(3)
    response = rng.standard_normal(3200) * 10 ** (-3 * np.arange(3200) / 3200)
    response /= np.sqrt(response @ response)
    return np.convolve(sound, response)[: len(sound)].astype(np.int16)


def likeness(one: Samples, other: NDArray[np.float64]) -> float:
    """Correlation, 1 for the same sound."""
    return float(one @ other) / float(np.sqrt((one.astype(float) @ one) * (other @ other)))


def level(samples: Samples) -> float:
    return float(10 * np.log10(np.mean(np.square(samples.astype(float))) + 1e-9))


def test_the_microphone_is_passed_on_bit_by_bit_while_nothing_plays() -> None:
    near = recording("speech/librispeech-1970-10594-0000.wav")

    voice = sent(run(near))

    assert np.array_equal(voice, near[: len(voice)])
    assert len(voice) == len(near) - AEC3_DELAY


def test_aec3_lags_by_the_delay_that_is_taken_off_the_index() -> None:
    click = np.zeros(NEAR_RATE, np.int16)
    click[8000] = 20_000
    aec, silent = Aec3(NEAR_RATE), np.zeros(FRAME, np.int16)

    out = np.concatenate([aec.process(part, silent) for part in click.reshape(-1, FRAME)])

    assert int(np.abs(out.astype(int)).argmax()) - 8000 == AEC3_DELAY


def test_echo_is_taken_out() -> None:
    far = reply(5)
    near = room(5) + echo_of(far, 0.3)

    cleaned = run(near, far)

    last = slice(4 * NEAR_RATE, None)
    assert level(near[last]) - level(sent(cleaned)[last]) > 15
    assert all(one.echo for one in cleaned[4 * 50 :])
    removed = cleaned[-1].removed_db
    assert removed is not None
    assert removed > 15


def test_more_of_a_user_fainter_than_the_reply_survives_than_aec3_leaves() -> None:
    far = reply(12)
    echo = in_a_room(echo_of(far, 0.3))
    words = recording("questions/what_time_is_it.wav")[: 2 * NEAR_RATE].astype(float)
    words *= 10 ** ((level(echo[7 * NEAR_RATE :]) - 10 - level(words)) / 20)
    near = room(12) + echo
    near[9 * NEAR_RATE :][: len(words)] += words.astype(np.int16)
    aec, pairs = Aec3(NEAR_RATE), zip(near.reshape(-1, FRAME), far.reshape(-1, FRAME), strict=True)

    voice = sent(run(near, far))

    alone = np.concatenate([aec.process(*pair) for pair in pairs])[AEC3_DELAY:]
    said = slice(9 * NEAR_RATE, 9 * NEAR_RATE + len(words))
    assert likeness(voice[said], words) > likeness(alone[said], words) + 0.1


def test_without_an_echo_path_the_words_said_into_a_reply_stay_whole() -> None:
    far = reply(7)
    words = recording("questions/what_time_is_it.wav")[: 2 * NEAR_RATE]
    near = room(7)
    near[4 * NEAR_RATE :][: len(words)] += words

    cleaned = run(near, far)

    voice = sent(cleaned)
    heard = slice(4 * NEAR_RATE, 6 * NEAR_RATE)
    assert np.array_equal(voice[heard], near[heard])
    assert not cleaned[-1].echo
    assert cleaned[-1].far_active
    assert cleaned[-1].removed_db == 0.0
    assert not any(one.settling for one in cleaned[4 * 50 :])


def test_words_after_a_reply_come_as_they_are_once_the_room_has_rung_out() -> None:
    far = reply(7)
    far[5 * NEAR_RATE :] = 0
    words = recording("questions/what_time_is_it.wav")[:NEAR_RATE]
    near = room(7) + echo_of(far, 0.3)
    near[int(5.6 * NEAR_RATE) :][: len(words)] += words

    cleaned = run(near, far)

    voice = sent(cleaned)
    assert cleaned[int(5.5 * 50)].echo, "AEC3 must not have been left out by the longest wait"
    assert np.array_equal(voice[int(5.6 * NEAR_RATE) :], near[int(5.6 * NEAR_RATE) : len(voice)])
    assert level(near[4 * NEAR_RATE : 5 * NEAR_RATE]) - level(voice[4 * NEAR_RATE : 5 * NEAR_RATE]) > 15


@pytest.mark.parametrize("hears_it", [True, False])
def test_aec3_is_fed_while_the_microphone_hears_the_reply_and_rests_while_it_does_not(
    hears_it: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    fed = []

    class Counted:
        def __init__(self, rate: int) -> None:
            self._aec3 = Aec3(rate)

        def process(self, near: Samples, far: Samples) -> Samples:
            fed.append(near)
            out: Samples = self._aec3.process(near, far)
            return out

    monkeypatch.setattr(webrtc, "new_canceller", Counted)
    far = reply(12)

    run(room(12) + echo_of(far, 0.3 if hears_it else 0.0), far)

    assert len(fed) == (600 if hears_it else 250)


def test_aec3_settles_once() -> None:
    far = reply(7)
    near = room(7) + echo_of(far, 0.1)

    cleaned = run(near, far)

    assert any(one.settling for one in cleaned[:150])
    assert not any(one.settling for one in cleaned[250:])


def test_raw_is_the_microphone_even_under_echo_and_is_still_judged_clean() -> None:
    far = reply(4)
    near = room(4) + echo_of(far, 0.3)

    cleaned = run(near, far, EchoCanceller(EchoSettings(send="raw")))

    voice = sent(cleaned)
    assert np.array_equal(voice, near[: len(voice)])
    judged = np.frombuffer(b"".join(one.frame.pcm for one in cleaned[150:]), np.int16)
    assert level(near[3 * NEAR_RATE :]) - level(judged) > 15


def test_the_far_end_counts_as_active_until_its_echo_has_died_away() -> None:
    far = np.zeros(4 * NEAR_RATE, np.int16)
    far[NEAR_RATE : 2 * NEAR_RATE] = reply(2)[NEAR_RATE:]

    active = [one.far_active for one in run(room(4), far)]

    assert not any(active[:49])
    assert all(active[51:170])
    assert not any(active[180:])
    assert [one.removed_db for one in run(room(1))] == [None] * 50


def test_no_sample_jumps_where_one_way_gives_way_to_the_other() -> None:
    far = np.zeros(6 * NEAR_RATE, np.int16)
    far[NEAR_RATE : 2 * NEAR_RATE] = reply(2)[NEAR_RATE:]
    near = (3000 * np.sin(2 * np.pi * 500 * np.arange(6 * NEAR_RATE) / NEAR_RATE)).astype(np.int16)

    cleaned = run(near, far)
    voice = sent(cleaned).astype(int)

    ways = {one.echo for one in cleaned}
    steepest = 3000 * 2 * np.pi * 500 / NEAR_RATE
    assert ways == {True, False}
    assert np.abs(np.diff(voice)).max() < 1.5 * steepest


def test_a_short_hole_is_filled_with_silence_and_a_long_one_begins_anew() -> None:
    canceller = EchoCanceller()
    ones = np.ones(FRAME, np.int16).tobytes()

    first = canceller.clean(AudioFrame(ones, NEAR_RATE, 0), SILENT_FAR)
    after_short = canceller.clean(AudioFrame(ones, NEAR_RATE, FRAME + 1000), SILENT_FAR)
    after_long = canceller.clean(AudioFrame(ones, NEAR_RATE, 100_000), SILENT_FAR)

    assert (first.begins, first.voice.first_sample, first.voice.end_sample) == (True, 0, FRAME - AEC3_DELAY)
    assert not after_short.begins
    assert after_short.voice.first_sample == first.voice.end_sample
    filled = np.frombuffer(after_short.voice.pcm, np.int16)
    assert filled.tolist() == [1] * AEC3_DELAY + [0] * 1000 + [1] * (FRAME - AEC3_DELAY)
    assert (after_long.begins, after_long.voice.first_sample) == (True, 100_000)


@settings(max_examples=60, deadline=None)
@given(holes=st.lists(st.integers(0, 9000), min_size=1, max_size=12))
def test_every_sample_keeps_its_index_through_holes(holes: list[int]) -> None:
    canceller = EchoCanceller()
    first = 0
    end: int | None = None
    for hole in holes:
        first += hole
        pcm = (np.arange(first, first + FRAME) % 30_000 + 1).astype(np.int16).tobytes()
        cleaned = canceller.clean(AudioFrame(pcm, NEAR_RATE, first), SILENT_FAR)
        voice = np.frombuffer(cleaned.voice.pcm, np.int16)
        indices = np.arange(cleaned.voice.first_sample, cleaned.voice.end_sample)

        assert np.all((voice == indices % 30_000 + 1) | (voice == 0))
        assert cleaned.begins or cleaned.voice.first_sample == end
        assert cleaned.frame.samples == FRAME
        end = cleaned.voice.end_sample
        first += FRAME


@pytest.mark.parametrize(
    ("near", "far"),
    [
        (AudioFrame(bytes(320), NEAR_RATE), SILENT_FAR),
        (AudioFrame(bytes(640), REPLY_RATE), SILENT_FAR),
        (AudioFrame(bytes(640), NEAR_RATE), AudioFrame(bytes(640), NEAR_RATE)),
    ],
)
def test_frames_of_another_make_are_refused(near: AudioFrame, far: AudioFrame) -> None:
    with pytest.raises(ValueError, match="samples at"):
        EchoCanceller().clean(near, far)


def test_sound_that_goes_back_in_time_is_refused() -> None:
    canceller = EchoCanceller()
    canceller.clean(AudioFrame(bytes(640), NEAR_RATE, 320), SILENT_FAR)

    with pytest.raises(ValueError, match="goes back"):
        canceller.clean(AudioFrame(bytes(640), NEAR_RATE, 0), SILENT_FAR)


def test_another_way_of_sending_is_refused() -> None:
    with pytest.raises(SettingError, match="send"):
        EchoSettings(send="both")  # type: ignore[arg-type]


def test_the_reference_is_never_wholly_silent_and_never_heard() -> None:
    """AEC3 takes fifteen times as long over digital silence."""
    reference = Reference()

    taken = [
        reference.take(AudioFrame(pcm, REPLY_RATE)) for pcm in [b"\x20\x03" * 480] * 3 + [bytes(960)] * 20
    ]

    assert all(frame.any() for frame in taken)
    assert all(abs(frame).max() <= 1 for frame in taken[10:])


@pytest.mark.parametrize("delay_ms", [500, 700])
def test_an_echo_beyond_the_cancellers_sight_is_taken_out_once_its_delay_is_known(delay_ms: int) -> None:
    far = reply(14)
    near = echo_of(far, 0.1, delay_ms) + room(14)
    cleaned = run(near, far)

    out = np.concatenate([np.frombuffer(one.frame.pcm, np.int16) for one in cleaned])
    last = slice(-4 * NEAR_RATE, None)

    assert level(near[last]) - level(out[last]) > 10


def test_switched_off_it_passes_the_microphone_on_whatever_plays() -> None:
    far = reply(3)
    near = echo_of(far, 0.1) + room(3)

    cleaned = run(near, far, EchoCanceller(EchoSettings(mode="off")))

    assert np.array_equal(sent(cleaned), near[: len(sent(cleaned))])
    assert not any(one.echo for one in cleaned)


def test_without_the_wheel_it_is_half_duplex_and_the_microphone_comes_as_it_is(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(webrtc, "CAN_CANCEL", False)
    far = reply(3)
    near = echo_of(far, 0.1) + room(3)

    cleaned = run(near, far, EchoCanceller())

    assert EchoSettings().possible_mode == "half-duplex"
    assert EchoSettings(mode="off").possible_mode == "off"
    assert np.array_equal(sent(cleaned), near[: len(sent(cleaned))])
    assert cleaned[-1].echo
