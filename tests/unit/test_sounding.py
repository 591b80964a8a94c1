"""The echo path, sounded at simulated desks: what is measured is what the desk has."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from benchmarks.rooms import BLOCK, Desk, EchoPath, room_noise
from voice_assistant.checks.echo_path import judge
from voice_assistant.core import sounding, webrtc
from voice_assistant.core.audio import NEAR_RATE, REPLY_RATE, AudioFrame
from voice_assistant.core.echo import EchoSettings
from voice_assistant.core.events import Captured
from voice_assistant.core.sounding import Sounding, chirps, sound
from voice_assistant.devices.far_end import FarEnd

PULL = REPLY_RATE // 100
QUIET_S = 1.0

DESK = Desk(
    rt60_s=0.3,
    direct_db=5.0,
    resonance_hz=1000.0,
    drive=1.0,
    playout_s=0.09,
    capture_s=0.03,
    tells=False,
    drift_ppm=0.0,
    jumps=(),
    echo_dbfs=-30.0,
    noise_dbfs=-66.0,
)


def at(desk: Desk) -> Sounding:
    """Play the chirps at a desk after a quiet second."""
    rng = np.random.default_rng(1)
    blocks = round((QUIET_S + sounding.TRAIN_S + sounding.LONGEST_S) * 50)
    played = bytes(2 * round(QUIET_S * REPLY_RATE)) + chirps() + bytes(4 * REPLY_RATE)
    loud = np.frombuffer(chirps(), "<i2")[::2] / 32768
    echo, far_end = EchoPath(desk, rng, blocks / 50, loud), FarEnd()
    noise = room_noise(blocks * BLOCK, desk.noise_dbfs, rng)
    captured: list[Captured] = []
    pulls = 0
    for block in range(blocks):
        callback = (block + 1) * 0.02 + desk.capture_s + rng.uniform(0, 0.004)
        while pulls * 0.01 * (1 + desk.drift_ppm * 1e-6) <= callback:
            pcm = played[pulls * PULL * 2 : (pulls + 1) * PULL * 2].ljust(PULL * 2, b"\0")
            far_end.write(pcm)
            echo.play(pcm)
            pulls += 1
        heard = echo.hear(block) + noise[block * BLOCK : (block + 1) * BLOCK]
        near = AudioFrame(np.rint(heard * 32768).astype("<i2").tobytes(), NEAR_RATE, block * BLOCK)
        far = far_end.partner(near.end_sample * REPLY_RATE // NEAR_RATE, 480, far_end.written)
        captured.append(Captured(block * 0.02, near, far))
    quiet = round(QUIET_S * 50)
    return sound(captured[quiet:], b"".join(one.near.pcm for one in captured[:quiet]))


@pytest.mark.parametrize("drift_ppm", [0.0, 150.0, -200.0])
def test_an_ordinary_desk_is_measured_and_cancelling_recommended(drift_ppm: float) -> None:
    found = at(replace(DESK, drift_ppm=drift_ppm))

    assert found.advice == "cancelling"
    assert found.delay_ms == pytest.approx(120, abs=15)
    assert found.drift_ppm == pytest.approx(drift_ppm, abs=10)
    assert found.rise_db > 20
    assert found.removed_db > sounding.REMOVED_DB


def test_a_way_as_long_as_bluetooths_is_measured_and_bridged() -> None:
    found = at(replace(DESK, playout_s=0.55))

    assert found.delay_ms == pytest.approx(580, abs=15)
    assert found.advice == "cancelling"


@pytest.mark.parametrize("echo_dbfs", [None, -75.0])
def test_where_the_microphone_hears_no_loudspeaker_there_is_nothing_to_cancel(
    echo_dbfs: float | None,
) -> None:
    assert at(replace(DESK, echo_dbfs=echo_dbfs)).advice == "nothing to cancel"


def test_a_delay_that_jumps_is_told_and_no_drift_is_made_of_it() -> None:
    found = at(replace(DESK, jumps=((3.0, 0.02),)))

    assert found.unsteady_ms == pytest.approx(20, abs=8)
    assert found.drift_ppm is None


def test_a_desk_is_told_from_the_loudspeakers_own_sound() -> None:
    far = np.frombuffer(chirps() + bytes(2 * REPLY_RATE), "<i2")
    near = np.interp(np.arange(far.size * 2 // 3) * 1.5 - 1000, np.arange(far.size), far, 0, 0)
    copied = [
        Captured(
            block * 0.02,
            AudioFrame(
                np.rint(near[block * 320 : block * 320 + 320]).astype("<i2").tobytes(), NEAR_RATE, block * 320
            ),
            AudioFrame(far[block * 480 : block * 480 + 480].tobytes(), REPLY_RATE, block * 480),
        )
        for block in range(far.size // 480)
    ]

    assert sound(copied, bytes(640)).is_copy
    assert at(DESK).copied < 0.9
    assert at(replace(DESK, rt60_s=0.2, direct_db=15.0)).copied < 0.9


def test_a_loudspeaker_that_plays_nothing_was_not_heard() -> None:
    silent = [
        Captured(0.0, AudioFrame(bytes(640), NEAR_RATE, block * BLOCK), AudioFrame(bytes(960), REPLY_RATE, 0))
        for block in range(400)
    ]

    assert sound(silent, bytes(640)) == Sounding(heard=False)
    assert sound([], b"") == Sounding(heard=False)


# --- In words ---

GOOD = Sounding(True, 80.0, 30.0, removed_db=28.0, left_db=2.0, drift_ppm=3.0)


@pytest.mark.parametrize(
    ("found", "state", "words"),
    [
        (Sounding(heard=False), "ok", "nothing to cancel"),
        (replace(GOOD, rise_db=3.0), "ok", "nothing to cancel"),
        (GOOD, "ok", "cancelling works"),
        (replace(GOOD, removed_db=10.0, left_db=20.0), "warning", "half-duplex"),
        (replace(GOOD, removed_db=3.0, left_db=27.0), "warning", "Wear headphones"),
        (replace(GOOD, drift_ppm=None, unsteady_ms=12.0), "warning", "moved by 12 ms"),
        (replace(GOOD, removed_db=10.0, left_db=20.0, drift_ppm=None), "warning", "run doctor again"),
        (replace(GOOD, drift_ppm=900.0), "warning", "far apart"),
        (replace(GOOD, delay_ms=560.0), "ok", "measured anew"),
        (replace(GOOD, copied=0.99), "warning", "own sound"),
    ],
)
def test_what_was_found_is_put_into_words(found: Sounding, state: str, words: str) -> None:
    told = judge(found, EchoSettings())

    assert told.state == state
    assert words in told.text + told.remedy
    assert bool(told.remedy) == (state == "warning")


def test_an_echo_that_is_clipped_is_no_good_desk() -> None:
    told = judge(GOOD, EchoSettings(), clipped=0.02)

    assert told.state == "warning"
    assert "2.0% of it is clipped" in told.text
    assert "gain" in told.remedy


def test_over_a_room_of_zeros_no_level_is_told() -> None:
    assert "over the room" in judge(GOOD, EchoSettings()).text
    assert "over the room" not in judge(replace(GOOD, rise_db=83.0), EchoSettings()).text


def test_without_the_canceller_half_duplex_is_explained(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(webrtc, "CAN_CANCEL", False)

    told = judge(GOOD, EchoSettings())

    assert (told.state, told.exit_code) == ("warning", 0)
    assert "only a key interrupts" in told.text
    assert "headphones" in told.remedy


def test_whoever_chose_another_way_is_told_what_cancelling_would_do() -> None:
    told = judge(GOOD, EchoSettings(mode="half-duplex"))

    assert told.state == "ok"
    assert "cancelling works here" in told.text
