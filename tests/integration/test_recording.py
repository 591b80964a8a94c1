"""A session on disk: its events line by line, its sound side by side, and nothing besides."""

from __future__ import annotations

import dataclasses
import json
import os
import stat
import subprocess
import sys
import tempfile
import time
import typing
import wave
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from voice_assistant.core import events
from voice_assistant.core.audio import AudioFrame
from voice_assistant.core.events import (
    AppendInput,
    Captured,
    Command,
    Event,
    Level,
    MessageReceived,
    MuteChanged,
    Notify,
    Play,
    PlayoutStarted,
    ReplyAudio,
    ServerError,
    SessionOpened,
    Stop,
    TextEntered,
    TurnOpened,
)
from voice_assistant.errors import LinkError, RecordingError, VoiceAssistantError
from voice_assistant.recording.log import Recorder

BLOCK = 320
"""Samples of the near end in 20 ms; the far end has half as many more."""


def tone(samples: int, rate: int, hz: float, start: int = 0) -> bytes:
    t = (np.arange(samples) + start) / rate
    return bytes(np.round(8000 * np.sin(2 * np.pi * hz * t)).astype("<i2").tobytes())


def captured(block: int, *, near: bytes | None = None, far: bytes | None = None) -> Captured:
    """Make the block of that number: its own tone on either side unless something else is given."""
    start = block * BLOCK
    return Captured(
        at=block / 50,
        near=AudioFrame(near or tone(BLOCK, 16_000, 440, start), 16_000, start),
        far=AudioFrame(far or tone(480, 24_000, 1000, block * 480), 24_000, block * 480),
    )


def record(directory: Path, *entries: Event | Command, secrets: tuple[str, ...] = ()) -> Path:
    """Record entries; the folder they went to. A recording that ended early is a failure."""
    notices: list[Notify] = []
    recorder = Recorder(directory, failed=notices.append, secrets=secrets)
    for entry in entries:
        recorder.see(entry)
    recorder.close()
    assert notices == []
    return recorder.directory


def all_lines(folder: Path) -> list[dict[str, Any]]:
    text = (folder / "events.jsonl").read_text(encoding="utf-8")
    return [json.loads(line) for line in text.splitlines()]


def lines(folder: Path) -> list[dict[str, Any]]:
    """All lines but the last, which sums up."""
    told = all_lines(folder)
    assert told[-1]["kind"] == "Summary"
    return told[:-1]


def sound(folder: Path) -> NDArray[np.int16]:
    """Read the WAV file as samples by channel."""
    with wave.open(str(folder / "session.wav")) as file:
        assert (file.getnchannels(), file.getsampwidth(), file.getframerate()) == (2, 2, 24_000)
        return np.frombuffer(file.readframes(file.getnframes()), dtype="<i2").reshape(-1, 2)


def wait_until(fulfilled: Callable[[], bool], within_s: float = 60.0) -> None:
    deadline = time.monotonic() + within_s
    while not fulfilled():
        assert time.monotonic() < deadline
        time.sleep(0.005)


# --- Events ---


def test_every_entry_is_a_line_with_its_kind_and_its_fields_in_order(tmp_path: Path) -> None:
    folder = record(
        tmp_path / "one",
        MuteChanged(1.5, muted=True),
        Notify("info", "hello", remedy="none"),
        Level(2.0, -30.0, -60.0, True),
    )

    assert lines(folder)[1:] == [
        {"kind": "MuteChanged", "at": 1.5, "muted": True},
        {"kind": "Notify", "severity": "info", "text": "hello", "remedy": "none"},
        {
            "kind": "Level",
            "at": 2.0,
            "near_dbfs": -30.0,
            "floor_dbfs": -60.0,
            "is_speech": True,
            "echo_removed_db": None,
        },
    ]


def test_the_first_line_says_what_this_is(tmp_path: Path) -> None:
    first = lines(record(tmp_path / "one"))[0]

    assert (first["kind"], first["version"], first["wav"]["rate"]) == ("Recording", 1, 24_000)


def test_the_times_of_an_answer_follow_on_it_and_the_last_line_sums_up(tmp_path: Path) -> None:
    folder = record(
        tmp_path / "one",
        TextEntered(1.0, "hello"),
        ReplyAudio(1.25, "a", bytes(480)),
        PlayoutStarted(1.25, "a", 1.5),
    )

    told = all_lines(folder)
    answer = {"p50": 500, "p95": 500, "n": 1}
    assert told[-2] == {
        "kind": "TurnLatency",
        "turn": 0,
        "called_ms": 0.0,
        "first_byte_ms": 250.0,
        "audible_ms": 500.0,
    }
    assert told[-1] == {
        "kind": "Summary",
        "answer": answer,
        "called": {"p50": 0, "p95": 0, "n": 1},
        "first_byte": {"p50": 250, "p95": 250, "n": 1},
        "silence": None,
    }


def test_sound_becomes_indices_and_lengths_and_never_pcm(tmp_path: Path) -> None:
    pcm = tone(BLOCK, 16_000, 440)
    frame = AudioFrame(pcm, 16_000, 640)

    folder = record(
        tmp_path / "one",
        TurnOpened(1.0, 1, frame, "voice"),
        AppendInput(1, frame),
        ReplyAudio(1.0, "r1", pcm),
        Play("r1", pcm),
    )

    where = {"first_sample": 640, "samples": BLOCK, "rate": 16_000}
    opened, appended, reply, play = lines(folder)[1:]
    assert (opened["pre_roll"], appended["frame"]) == (where, where)
    assert reply["pcm"] == play["pcm"] == {"samples": BLOCK}


@pytest.mark.parametrize(
    ("data", "told"),
    [
        ('{"event_id":"e","type":"response.done","x":"é"}', {"type": "response.done", "bytes": 48}),
        (b'{"type": "session.created"}', {"type": "session.created", "bytes": 27}),
        ("garbage", {"type": None, "bytes": 7}),
        (b"\xff\x00", {"type": None, "bytes": 2}),
        ('{"delta":"' + "A" * 5000 + '"}', {"type": None, "bytes": 5012}),
    ],
)
def test_a_message_becomes_its_type_and_its_size(
    tmp_path: Path, data: str | bytes, told: dict[str, object]
) -> None:
    folder = record(tmp_path / "one", MessageReceived(1.0, 1, data))

    assert lines(folder)[1]["data"] == told


def test_a_key_that_a_server_repeats_is_not_written(tmp_path: Path) -> None:
    key = 'sk-"quoted"-secret'

    folder = record(
        tmp_path / "one",
        ServerError(1.0, f"bad key {key}"),
        Stop(LinkError(f"refused: {key}", remedy=f"not {key}")),
        secrets=(key,),
    )

    text = (folder / "events.jsonl").read_text(encoding="utf-8")
    assert "secret" not in text
    assert [line.get("message") for line in lines(folder)[1:2]] == ["bad key [key]"]


def test_a_number_that_json_does_not_know_is_null(tmp_path: Path) -> None:
    folder = record(tmp_path / "one", Level(1.0, float("-inf"), float("nan"), False))

    assert (lines(folder)[1]["near_dbfs"], lines(folder)[1]["floor_dbfs"]) == (None, None)


def test_text_that_is_no_unicode_does_not_end_the_recording(tmp_path: Path) -> None:
    folder = record(tmp_path / "one", ServerError(1.0, "half \ud800 a pair"), MuteChanged(2.0, muted=False))

    assert lines(folder)[2]["kind"] == "MuteChanged"


@pytest.mark.parametrize(
    "kind", typing.get_args(Event) + typing.get_args(Command), ids=lambda kind: kind.__name__
)
def test_every_word_of_the_vocabulary_can_be_written(tmp_path: Path, kind: type) -> None:
    entry = made_up(kind)

    folder = record(tmp_path / "one", entry)

    assert lines(folder)[1].keys() >= {"kind"} | {one.name for one in dataclasses.fields(entry)}


def made_up(kind: type) -> Any:
    """Make a value of one of the vocabulary's classes from the types of its fields."""
    samples: dict[object, object] = {
        int: 7,
        float: 1.25,
        str: "text",
        bool: True,
        bytes: b"\x01\x02",
        AudioFrame: AudioFrame(b"\x01\x02", 16_000, 5),
        events.Capabilities: events.Capabilities(),
        VoiceAssistantError: LinkError("lost", remedy="connect"),
    }
    types = typing.get_type_hints(kind)
    given = {}
    for one in dataclasses.fields(kind):
        wanted = types[one.name]
        while wanted not in samples:
            choices = [choice for choice in typing.get_args(wanted) if choice is not type(None)]
            if not choices:
                samples[wanted] = made_up(wanted)
            elif typing.get_origin(wanted) is typing.Literal:
                samples[wanted] = choices[0]
            else:
                wanted = choices[0]
        given[one.name] = samples[wanted]
    return kind(**given)


# --- Sound ---


def test_the_far_end_is_kept_bit_by_bit_and_the_near_end_stands_beside_it(tmp_path: Path) -> None:
    folder = record(tmp_path / "one", *(captured(block) for block in range(50)))

    both = sound(folder)

    assert both.shape == (24_000, 2)
    assert both[:, 1].tobytes() == tone(24_000, 24_000, 1000)
    there = np.frombuffer(tone(24_000, 24_000, 440), dtype="<i2")
    middle = slice(100, -100)  # beyond its ends the near end is silent, and its filter hears that
    assert np.abs(both[middle, 0].astype(int) - there[middle]).max() <= 3


def test_a_hole_in_the_microphone_is_silence_of_the_same_length(tmp_path: Path) -> None:
    folder = record(tmp_path / "one", captured(0), captured(1), captured(30), captured(31))

    both = sound(folder)

    assert both.shape == (32 * 480, 2)
    assert not both[2 * 480 : 30 * 480].any()
    assert both[30 * 480 :, 1].tobytes() == tone(960, 24_000, 1000, 30 * 480)


def test_the_file_begins_with_the_first_block_wherever_that_is(tmp_path: Path) -> None:
    folder = record(tmp_path / "one", captured(100), captured(101))

    assert len(sound(folder)) == 960
    assert [line["wav_frame"] for line in lines(folder)[1:]] == [0, 480]


@settings(max_examples=25, deadline=None)
@given(gaps=st.lists(st.sampled_from([0, 0, 0, 1, 7, 160, 161, 16_000]), min_size=1, max_size=12))
def test_every_block_lies_where_its_line_says(gaps: list[int]) -> None:
    blocks: list[Captured] = []
    sample = 0
    for gap in gaps:
        sample += gap
        far = np.full(480, len(blocks) + 1, dtype="<i2").tobytes()
        blocks.append(Captured(0.0, AudioFrame(bytes(640), 16_000, sample), AudioFrame(far, 24_000)))
        sample += BLOCK

    with tempfile.TemporaryDirectory() as parent:
        folder = record(Path(parent) / "one", *blocks)
        far_end = sound(folder)[:, 1]
        starts = [line["wav_frame"] for line in lines(folder)[1:]]

    # A gap of an odd number of samples ends between two frames of the file: one may be shared.
    for number, start in enumerate(starts, start=1):
        assert set(far_end[start + 1 : start + 479].tolist()) == {number}


def test_what_is_muted_is_silent_in_the_recording_too(tmp_path: Path) -> None:
    folder = record(
        tmp_path / "one", captured(0), MuteChanged(0.02, muted=True), *(captured(n) for n in range(1, 10))
    )

    both = sound(folder)

    assert both[:480, 0].any()
    assert not both[480 + 50 :, 0].any()
    assert both[:, 1].tobytes() == tone(4800, 24_000, 1000)


def test_the_sound_is_readable_after_a_crash(tmp_path: Path) -> None:
    program = f"""
import os, sys, time
from pathlib import Path
from tests.integration.test_recording import captured
from voice_assistant.recording.log import Recorder
recorder = Recorder(Path({str(tmp_path / "one")!r}), failed=lambda notice: None)
for block in range(175):
    recorder.see(captured(block))
events = recorder.directory / "events.jsonl"
while events.read_text().count("Captured") < 175:
    time.sleep(0.01)
os._exit(1)
"""
    subprocess.run([sys.executable, "-c", program], check=False, timeout=180)

    both = sound(tmp_path / "one")

    assert len(both) >= 48_000
    assert both[:48_000, 1].tobytes() == tone(48_000, 24_000, 1000)
    assert len(all_lines(tmp_path / "one")) == 176


# --- Where, and for whom ---


def test_folder_and_files_are_for_their_owner_alone(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        folder = record(tmp_path / "deep" / "one", captured(0))
    finally:
        os.umask(before)

    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (folder, *folder.iterdir())}
    assert modes == {"one": 0o700, "events.jsonl": 0o600, "session.wav": 0o600}


def test_a_folder_that_was_there_keeps_what_it_holds_and_who_may_read_it(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    (tmp_path / "notes.txt").write_text("mine")

    assert record(tmp_path) == tmp_path
    assert stat.S_IMODE(tmp_path.stat().st_mode) == 0o755
    assert (tmp_path / "notes.txt").read_text() == "mine"


def test_a_second_recording_does_not_touch_the_first(tmp_path: Path) -> None:
    first = record(tmp_path / "one", MuteChanged(1.0, muted=True))
    kept = (first / "events.jsonl").read_bytes()

    second, third = record(tmp_path / "one"), record(tmp_path / "one")

    assert (second, third) == (tmp_path / "one" / "2", tmp_path / "one" / "3")
    assert (first / "events.jsonl").read_bytes() == kept


def test_a_place_that_cannot_be_written_is_said_before_the_session_begins(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")

    with pytest.raises(RecordingError) as caught:
        Recorder(tmp_path / "file", failed=lambda _: None)

    assert str(caught.value) == f"nothing can be recorded in {tmp_path / 'file'}: File exists"
    assert "--record" in caught.value.remedy


def test_a_disk_that_fills_up_ends_the_recording_with_one_notice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    notices: list[Notify] = []
    recorder = Recorder(tmp_path / "one", failed=notices.append)
    # /dev/full takes nothing: every write to it fails as on a full disk.
    with open("/dev/full", "wb") as full:
        os.dup2(full.fileno(), recorder._events.fileno())

    recorder.see(MuteChanged(1.0, muted=True))
    wait_until(lambda: bool(notices))
    for block in range(100):
        recorder.see(captured(block))
    recorder.close()

    assert [notice.severity for notice in notices] == ["warning"]
    assert notices[0].text == "the recording has ended: No space left on device"
    assert str(tmp_path / "one") in notices[0].remedy


def test_what_the_provider_can_do_is_written_in_full(tmp_path: Path) -> None:
    folder = record(tmp_path / "one", SessionOpened(1.0, "gemini", events.Capabilities(cancel=True)))

    assert lines(folder)[1]["capabilities"]["cancel"] is True
