"""Real PortAudio streams on a virtual sound card: what goes in comes out, sample by sample.

Times depend on how busy the machine is, so they are only bounded loosely here; ``benchmarks`` measures them.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.support.alignment import Alignment, align, snr_db
from tests.support.device_rig import Orders, Outcome, run_rig
from tests.support.sound_server import CARD_RATE, SoundServer, why_not
from tests.support.speechlike import speechlike
from voice_assistant.core.audio import NEAR_RATE, REPLY_RATE, Resampler

pytestmark = [pytest.mark.sound, pytest.mark.skipif(why_not() is not None, reason=why_not() or "")]

REPLY = speechlike(3, REPLY_RATE, seed=3)
SPEECH = speechlike(3, NEAR_RATE, seed=5)
DRAINED = ("PlayoutDrained", 1)


@pytest.fixture
def server() -> Iterator[SoundServer]:
    """A sound card of this test's own."""
    with SoundServer() as running:
        yield running


def at_card_rate(pcm: bytes, rate: int) -> NDArray[np.int16]:
    """Convert to the rate of the card's recording."""
    resampler = Resampler(rate, CARD_RATE)
    return np.frombuffer(resampler.feed(pcm) + resampler.flush(), dtype="<i2")


def play(server: SoundServer, tmp_path: Path, orders: Orders) -> tuple[Outcome, NDArray[np.int16]]:
    """Run the rig while the card is recorded."""
    Path(orders.play).write_bytes(REPLY)
    with server.record() as recording:
        with run_rig(orders, server.env) as rig:
            outcome = rig.outcome()
        time.sleep(0.2)  # what is still inside the card
        return outcome, recording.speaker


def assert_whole(sent: NDArray[np.int16], heard: NDArray[np.int16]) -> Alignment:
    """Nothing of *sent* is missing, repeated or harmed in *heard*."""
    found = align(sent, heard, CARD_RATE)
    if found.is_whole or not found.was_held_up(CARD_RATE):
        assert found.missing == ()
        assert found.jumps == ()
        assert snr_db(sent, heard, found) > 25
    return found


@pytest.mark.parametrize("delta_ms", [0, 100], ids=["burst", "steady"])
def test_a_reply_is_heard_sample_by_sample(server: SoundServer, tmp_path: Path, delta_ms: int) -> None:
    orders = Orders(until=DRAINED, play=str(tmp_path / "reply.raw"), delta_ms=delta_ms)

    outcome, heard = play(server, tmp_path, orders)

    assert outcome.error == ""
    assert_whole(at_card_rate(REPLY, REPLY_RATE), heard)
    assert [event["item"] for event in outcome.of("PlayoutStarted")] == ["reply"]
    assert [event["heard_ms"] for event in outcome.of("PlayoutDrained")] == [3000]
    assert outcome.of("Underrun") == []
    assert 15 <= len(outcome.of("PlayoutProgress")) <= 31


@pytest.mark.parametrize("playout_as", [[48_000, 1], [44_100, 2]])
def test_a_loudspeaker_with_a_format_of_its_own_loses_nothing(
    server: SoundServer, tmp_path: Path, playout_as: list[int]
) -> None:
    orders = Orders(until=DRAINED, play=str(tmp_path / "reply.raw"), playout_as=[playout_as])

    outcome, heard = play(server, tmp_path, orders)

    assert outcome.facts["formats"][1] == {"rate": playout_as[0], "channels": playout_as[1]}
    assert_whole(at_card_rate(REPLY, REPLY_RATE), heard)


@pytest.mark.parametrize("capture_as", [[], [[48_000, 1]], [[44_100, 2]]])
def test_what_the_microphone_hears_is_captured_without_a_hole(
    server: SoundServer, capture_as: list[list[int]]
) -> None:
    with run_rig(Orders(capture_as=capture_as), server.env) as rig:
        server.play_into_mic(SPEECH, NEAR_RATE).wait()
        time.sleep(0.5)  # what is still on its way
        rig.enough()
        outcome = rig.outcome()

    near = np.frombuffer(outcome.near.tobytes(), dtype="<i2")
    found = align(np.frombuffer(SPEECH, dtype="<i2"), near, NEAR_RATE)
    assert outcome.error == ""
    assert found.is_whole or found.was_held_up(NEAR_RATE)
    assert set(np.diff(outcome.first_samples)) == {320}
    assert outcome.facts["overruns"] == 0


def test_formats_that_a_device_refuses_are_passed_over(server: SoundServer) -> None:
    refused = [[NEAR_RATE, 500], [3_000_000, 1]]
    orders = Orders(seconds=0.5, capture_as=[*refused, [48_000, 2]], playout_as=[*refused, [48_000, 1]])

    with run_rig(orders, server.env) as rig:
        outcome = rig.outcome()

    assert outcome.error == ""
    assert outcome.facts["formats"] == [{"rate": 48_000, "channels": 2}, {"rate": 48_000, "channels": 1}]


@pytest.mark.parametrize(
    ("refused", "said"),
    [([3_000_000, 1], "refuses every sample rate"), ([16_000, 500], "refuses one channel")],
)
def test_a_device_that_refuses_every_format_says_so(
    server: SoundServer, refused: list[int], said: str
) -> None:
    with run_rig(Orders(seconds=0.5, capture_as=[refused]), server.env) as rig:
        outcome = rig.outcome()

    assert f"the microphone 'default' {said}" in outcome.error
    assert "--input-device" in outcome.error


def test_a_reply_goes_on_where_it_stopped_when_the_device_comes_back(
    server: SoundServer, tmp_path: Path
) -> None:
    orders = Orders(until=DRAINED, play=str(tmp_path / "reply.raw"), reopen_after_s=1.0)

    outcome, heard = play(server, tmp_path, orders)

    found = align(at_card_rate(REPLY, REPLY_RATE), heard, CARD_RATE)
    # Missing is what the device held when it was closed: nobody can call it back.
    assert len(found.missing) * 40 <= 200
    assert found.offsets[-1][0] >= 2.9 * CARD_RATE
    assert [event["heard_ms"] for event in outcome.of("PlayoutDrained")] == [3000]
    assert outcome.of("DeviceLost") == []
    # The microphone's index shows one hole, and only there.
    assert [step > 320 for step in np.diff(outcome.first_samples) if step != 320] == [True]


def test_the_reference_runs_ahead_of_its_echo_and_stays_there(server: SoundServer, tmp_path: Path) -> None:
    orders = Orders(until=DRAINED, play=str(tmp_path / "reply.raw"), play_after_s=1.5)

    with server.loop_speaker_into_mic():
        outcome, _ = play(server, tmp_path, orders)

    reference = Resampler(REPLY_RATE, NEAR_RATE)
    far = np.frombuffer(reference.feed(outcome.far.tobytes()) + reference.flush(), dtype="<i2")
    sounding = np.flatnonzero(far)
    start, end = int(sounding[0]), int(sounding[-1])
    found = align(far[start:end], outcome.near, NEAR_RATE)
    # The loop converts the rate a little to keep its distance, so quiet windows are not all found again.
    leads_ms = [(there - here - start) / NEAR_RATE * 1000 for here, there in found.offsets]
    assert found.found > 0.6
    assert min(leads_ms) >= 20
    assert max(leads_ms) <= 400
    assert max(leads_ms) - min(leads_ms) <= 15


def test_a_loudspeaker_holds_as_much_in_advance_as_it_is_told_to(server: SoundServer, tmp_path: Path) -> None:
    orders = Orders(until=DRAINED, play=str(tmp_path / "reply.raw"), latency_ms=120)

    outcome, heard = play(server, tmp_path, orders)

    assert_whole(at_card_rate(REPLY, REPLY_RATE), heard)
    started = outcome.of("PlayoutStarted")[0]
    assert 0.08 <= started["audible_at"] - started["at"] <= 0.5


def test_an_unknown_device_is_answered_with_those_there_are(server: SoundServer) -> None:
    with run_rig(Orders(seconds=1, output_device="usb"), server.env) as rig:
        outcome = rig.outcome()

    assert "no output device matches 'usb'" in outcome.error
    assert "(pulse)" in outcome.error


def test_a_device_that_has_gone_says_what_to_do(server: SoundServer) -> None:
    env = server.env
    server.kill()

    with run_rig(Orders(seconds=1), env) as rig:
        outcome = rig.outcome()

    assert outcome.error
    assert "sound server" in outcome.error


def test_a_sound_server_that_dies_is_noticed_by_both(server: SoundServer) -> None:
    with run_rig(Orders(until=("DeviceLost", 2)), server.env) as rig:
        time.sleep(1)
        server.kill()
        outcome = rig.outcome()

    assert sorted(event["direction"] for event in outcome.of("DeviceLost")) == ["capture", "playout"]


def test_a_microphone_that_falls_silent_is_noticed_once(server: SoundServer) -> None:
    with run_rig(Orders(until=("DeviceLost", 1)), server.env) as rig:
        time.sleep(0.5)
        server.pactl("suspend-source", "mic", "1")
        outcome = rig.outcome()

    assert [event["direction"] for event in outcome.of("DeviceLost")] == ["capture"]
    assert "1 s" in outcome.of("DeviceLost")[0]["reason"]


def test_a_program_that_was_stopped_itself_has_lost_no_device(server: SoundServer) -> None:
    with run_rig(Orders(seconds=4.5), server.env) as rig:
        time.sleep(0.5)
        rig.hold(2.0)
        outcome = rig.outcome()

    assert outcome.of("DeviceLost") == []
    assert len(outcome.first_samples) > 50
