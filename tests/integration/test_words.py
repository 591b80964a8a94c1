"""A session in words: transcripts and captions on a real disk, and objects for programs."""

from __future__ import annotations

import io
import json
import os
import stat
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from voice_assistant.core.audio import NEAR_RATE, AudioFrame
from voice_assistant.core.events import (
    AppendInput,
    Capabilities,
    Command,
    CommitInput,
    Connect,
    Event,
    Notify,
    PlayoutDropped,
    PlayoutStarted,
    ReplyAudio,
    ReplyDone,
    ReplyText,
    SessionOpened,
    TextEntered,
    TurnAudio,
    TurnClosed,
    TurnOpened,
    Usage,
    UserText,
)
from voice_assistant.core.status import Status
from voice_assistant.errors import RecordingError, UsageError
from voice_assistant.recording.text_file import TextFile
from voice_assistant.recording.words import CaptionsFile, TranscriptFile
from voice_assistant.terminal.json_lines import JsonPrinter

FRAME = AudioFrame(bytes(640), NEAR_RATE)
SESSION: list[Event | Command] = [
    Connect(1),
    SessionOpened(10.5, "gemini", Capabilities()),
    TurnOpened(11.0, 1, FRAME, "voice"),
    AppendInput(1, FRAME),
    TurnAudio(12.0, 1, FRAME, is_speech=True),
    TurnClosed(12.5, 1, "silence"),
    CommitInput(1),
    UserText(12.6, 1, "What *is* it\x1b[2J?", final=True),
    ReplyAudio(13.0, "a", bytes(96_000)),
    ReplyText(13.0, "a", "One two or three."),
    PlayoutStarted(13.0, "a", 13.1),
    PlayoutDropped(14.1, "a", 1000.0),
    ReplyDone(14.2, "a", usage=Usage(10, 5)),
    TextEntered(15.0, "typed"),
]


def nobody(notice: Notify) -> None:
    raise AssertionError(notice)


def written(make: Callable[[], TranscriptFile | CaptionsFile]) -> None:
    file = make()
    for entry in SESSION:
        file.see(entry)
    file.close()


def test_a_transcript_in_markdown_says_what_was_heard_and_what_was_cut(tmp_path: Path) -> None:
    path = tmp_path / "talk.md"

    written(lambda: TranscriptFile(path, 10.0, nobody))

    paragraphs = path.read_text().split("\n\n")
    assert paragraphs[0].startswith("# Conversation of ")
    assert paragraphs[1:] == [
        "> 0:00 note: Connected to gemini.",
        "**You** (0:01): What \\*is\\* it?",
        "**Assistant** (0:03): One two *\\[cut after 1.0 s\\]* ~~or three.~~",
        "**You** (0:05): typed",
        "",
    ]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_transcript_in_text_goes_on_at_the_end_of_the_last_one(tmp_path: Path) -> None:
    path = tmp_path / "talk.txt"

    written(lambda: TranscriptFile(path, 10.0, nobody))
    written(lambda: TranscriptFile(path, 10.0, nobody))

    lines = path.read_text().splitlines()
    assert lines.count("0:01 you: What *is* it?") == 2
    assert lines.count("0:03 assistant: One two [cut after 1.0 s] [not heard: or three.]") == 2


def test_captions_are_written_while_the_session_runs(tmp_path: Path) -> None:
    path = tmp_path / "talk.srt"
    file = CaptionsFile(path, 10.0, nobody)
    for entry in SESSION[:8]:
        file.see(entry)
    deadline = threading.Event()
    while not path.read_text() and not deadline.wait(0.01):
        pass

    assert path.read_text() == "1\n00:00:01,000 --> 00:00:02,500\nYou: What *is* it?\n\n"
    file.close()


def test_captions_never_go_over_a_file_that_is_there(tmp_path: Path) -> None:
    path = tmp_path / "talk.vtt"
    path.write_text("mine")

    with pytest.raises(RecordingError, match="is there already"):
        CaptionsFile(path, 10.0, nobody)

    assert path.read_text() == "mine"


@pytest.mark.parametrize("make", [TranscriptFile, CaptionsFile])
def test_a_name_that_does_not_say_its_kind_is_refused(
    make: type[TranscriptFile] | type[CaptionsFile], tmp_path: Path
) -> None:
    with pytest.raises(UsageError, match="what kind of file"):
        make(tmp_path / "talk", 10.0, nobody)


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(RecordingError, match="cannot write"):
        TranscriptFile(tmp_path / "none" / "talk.md", 10.0, nobody)


def test_a_pipe_gets_what_was_said_before_it_was_read(tmp_path: Path) -> None:
    pipe = tmp_path / "captions.vtt"
    os.mkfifo(pipe)
    file = CaptionsFile(pipe, 10.0, nobody)
    for entry in SESSION:
        file.see(entry)

    got: list[str] = []
    reader = threading.Thread(target=lambda: got.append(pipe.read_text()))
    reader.start()
    file.close()
    reader.join(5)

    assert got[0].startswith("WEBVTT\n\n")
    assert "<v You>typed" in got[0]


def test_a_reader_that_goes_is_told_once_and_stops_nothing(tmp_path: Path) -> None:
    pipe = tmp_path / "captions.srt"
    os.mkfifo(pipe)
    told: list[Notify] = []
    file = TextFile(pipe, failed=told.append)
    with pipe.open():
        pass

    for _ in range(100):
        file.write("x" * 10_000)
    file.close()

    assert [notice.severity for notice in told] == ["warning"]


def test_a_pipe_that_nobody_reads_does_not_hold_up_the_end(tmp_path: Path) -> None:
    pipe = tmp_path / "captions.srt"
    os.mkfifo(pipe)

    file = TextFile(pipe, failed=nobody)
    file.write("x")
    file.close()

    with pipe.open() as reader:  # Lets the thread go.
        assert reader.read() == "x"


def test_a_program_reads_a_session_as_objects() -> None:
    stream = io.StringIO()
    printer = JsonPrinter(stream, Status(), lambda: 10.0)
    printer.start()
    for entry in SESSION:
        printer.see(entry)
    printer.stop()

    told = [json.loads(line) for line in stream.getvalue().splitlines()]
    by_type = {one["type"]: one for one in told}
    assert told[0] == {
        "type": "state",
        "at": 0.0,
        "floor": "connecting",
        "muted": False,
        "mode": "hands-free",
        "volume_db": 0.0,
    }
    assert by_type["session"] == {"type": "session", "at": 0.5, "model": "gemini"}
    assert [one["floor"] for one in told if one["type"] == "state"][1:3] == ["listening", "user"]
    assert by_type["assistant"]["heard_words"] == "One two"
    assert by_type["assistant"]["cut"] is True
    assert by_type["latency"] == {
        "type": "latency",
        "at": 3.0,
        "turn": 1,
        "called_ms": 500,
        "first_byte_ms": 1000,
        "audible_ms": 1100,
    }
    assert by_type["user"] == {
        "type": "user",
        "at": 5.0,
        "turn": 0,
        "words": "typed",
        "typed": True,
        "spoken_ms": 0,
    }
    assert by_type["end"] == {
        "type": "end",
        "at": 5.0,
        "turns": 1,
        "audible_p50_ms": 1100,
        "audible_p95_ms": 1100,
        "called_p50_ms": 500,
        "called_p95_ms": 500,
        "first_byte_p50_ms": 1000,
        "first_byte_p95_ms": 1000,
        "interruptions": 0,
        "silent_p50_ms": None,
        "silent_p95_ms": None,
        "tokens": 15,
    }
    assert "\x1b" not in stream.getvalue()


def test_the_objects_in_the_docs_are_those_that_are_printed() -> None:
    page = (Path(__file__).parents[2] / "docs" / "json.md").read_text()
    stream = io.StringIO()
    printer = JsonPrinter(stream, Status(), lambda: 10.0)
    printer.start()
    for entry in SESSION:
        printer.see(entry)
    printer.stop()

    for line in stream.getvalue().splitlines():
        told = json.loads(line)
        assert f"| `{told['type']}` |" in page
        assert all(f"`{name}`" in page for name in told)
