"""When speech begins and ends, judged frame by frame."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.speechlike import RECORDED_SPEECH_S, recorded_speech
from voice_assistant.core.audio import NEAR_RATE, silence
from voice_assistant.offline.watch import FRAME_BYTES, FRAME_MS, SpeechWatch, WatchSettings, has_speech


def verdicts(pcm: bytes, wanted: WatchSettings) -> list[tuple[str, int]]:
    """Show sound to a watch; gives each verdict with the milliseconds at which it fell."""
    watch = SpeechWatch(wanted)
    found: list[tuple[str, int]] = []
    for start in range(0, len(pcm) - FRAME_BYTES + 1, FRAME_BYTES):
        verdict = watch.feed(pcm[start : start + FRAME_BYTES])
        if verdict is not None:
            found.append((verdict, start // FRAME_BYTES * FRAME_MS + FRAME_MS))
    return found


def noise(ms: int, dbfs: float) -> bytes:
    """A room: white noise of one level."""
    scale = 10 ** (dbfs / 20) * 32768
    samples = np.random.default_rng(3).normal(0, scale, NEAR_RATE * ms // 1000)
    return samples.clip(-32768, 32767).astype(np.int16).tobytes()


def test_a_sentence_is_one_turn_from_its_first_word_to_the_silence_after_its_last() -> None:
    begins, ends = RECORDED_SPEECH_S

    found = verdicts(recorded_speech() + silence(1500, NEAR_RATE), WatchSettings(silence_duration_ms=500))

    assert [verdict for verdict, _ in found] == ["started", "stopped"]
    assert begins * 1000 < found[0][1] < begins * 1000 + 400
    assert found[1][1] == pytest.approx(ends * 1000 + 500, abs=250)


@given(silence_ms=st.integers(300, 3000))
@settings(max_examples=15, deadline=None)
def test_a_turn_ends_after_the_silence_that_was_asked_for(silence_ms: int) -> None:
    quick = WatchSettings(silence_duration_ms=200)
    wanted = WatchSettings(silence_duration_ms=silence_ms)
    pcm = recorded_speech() + silence(3500, NEAR_RATE)

    last_of_quick = verdicts(pcm, quick)[-1][1]
    ended = verdicts(pcm, wanted)[-1][1]

    assert 0 <= ended - last_of_quick - (silence_ms - 200) < 2 * FRAME_MS


@pytest.mark.parametrize("threshold", [0.3, 0.5, 1.0])
def test_silence_and_a_steady_room_are_no_speech(threshold: float) -> None:
    room = silence(1000, NEAR_RATE) + noise(8000, -50)

    assert verdicts(room, WatchSettings(threshold=threshold)) == []


def test_a_click_is_no_speech() -> None:
    click = noise(40, -10)

    assert verdicts(silence(500, NEAR_RATE) + click + silence(500, NEAR_RATE), WatchSettings()) == []


def test_a_higher_threshold_wants_to_be_surer() -> None:
    speech = np.frombuffer(recorded_speech(), np.int16)
    room = np.frombuffer(noise(len(speech) * 1000 // NEAR_RATE, -42), np.int16)[: len(speech)]
    level = 10 ** (-18 / 20)
    mixed = (speech * level + room).clip(-32768, 32767).astype(np.int16).tobytes()
    pcm = noise(4000, -42) + mixed

    def frames_of_speech(threshold: float) -> int:
        watch = SpeechWatch(WatchSettings(threshold=threshold))
        count = 0
        for start in range(0, len(pcm) - FRAME_BYTES + 1, FRAME_BYTES):
            watch.feed(pcm[start : start + FRAME_BYTES])
            count += watch.is_speech
        return count

    assert frames_of_speech(0.1) > frames_of_speech(0.9)


def test_whether_anybody_speaks_is_told_of_a_whole_stretch() -> None:
    assert has_speech(recorded_speech())
    assert not has_speech(b"")
    assert not has_speech(silence(2000, NEAR_RATE))
    assert not has_speech(noise(2000, -60.0))
