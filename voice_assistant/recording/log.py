"""Recorder: a session on disk, for the one who had it.

It is a tap. What it sees goes into ``events.jsonl``, a line each, in the order of the session; the sound of
both ends goes into ``session.wav``. A thread of its own writes, so a slow disk delays nobody, and a full one
ends the recording, not the session. What is muted is silent here too. The folder and its files are for
their owner alone, and the provider's key is taken out wherever a server might have repeated it.
"""

from __future__ import annotations

import datetime
import json
import logging
import os
import queue
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TextIO

from voice_assistant import __version__
from voice_assistant.core.events import Captured, Command, Event, MuteChanged, Notify
from voice_assistant.core.latency import Latency, Spread, Waits
from voice_assistant.errors import RecordingError
from voice_assistant.recording.entry import line_of
from voice_assistant.recording.stereo import RATE, StereoFile

_logger = logging.getLogger(__name__)

EVENTS, SOUND = "events.jsonl", "session.wav"

_MOST_WAITING = 50_000
"""Entries that may wait for a disk that does not answer: about five minutes. Then the recording ends."""

_CLOSING_S = 0.7
"""How long leaving may wait for the disk: the whole program has to be gone within a second."""


class Recorder:
    """Writes one session down.

    Args:
        directory: Where to; made if it is not there. If it holds a recording already, this one gets a
            folder in it: ``2``, ``3``, ...
        failed: Told once, on the recorder's thread, when the recording ends before the session does.
        secrets: What must not be written, wherever it comes up.

    Raises:
        RecordingError: The folder or its files cannot be made.
    """

    def __init__(
        self, directory: Path, *, failed: Callable[[Notify], None], secrets: Sequence[str] = ()
    ) -> None:
        try:
            self.directory = _free_folder(directory)
            self._sound = StereoFile(self.directory / SOUND)
            self._events = _private_text(self.directory / EVENTS)
        except OSError as error:
            raise RecordingError(
                f"nothing can be recorded in {directory}: {error.strerror or type(error).__name__}",
                remedy="Name a folder that you may write to after --record, or leave it out.",
            ) from error
        self._failed = failed
        self._secrets = [json.dumps(one, ensure_ascii=False)[1:-1] for one in secrets if one]
        self._waiting: queue.SimpleQueue[Event | Command | None] = queue.SimpleQueue()
        self._ended = False
        self._muted = False
        self._latency = Latency()
        self._thread = threading.Thread(target=self._run, name="recorder", daemon=True)
        self._thread.start()

    def see(self, entry: Event | Command) -> None:
        """Take note of an entry; on any thread, at once."""
        if not self._ended:
            self._waiting.put(entry)

    def close(self) -> None:
        """Write what waits, and close the files; what a stuck disk holds up is left behind."""
        self._waiting.put(None)
        self._thread.join(_CLOSING_S)
        self._ended = True

    # --- The recorder's thread ---

    def _run(self) -> None:
        try:
            with self._events, self._sound:
                self._write_line(_first_line())
                self._write_all()
                self._write_line(_last_line(self._latency.waits))
        except OSError as error:
            self._give_up(error.strerror or type(error).__name__)
        except Exception:
            # A fault of ours, on a thread where nobody would hear of it. The conversation goes on.
            _logger.exception("the recorder failed")
            self._give_up("a fault of this program, written to its log")

    def _write_all(self) -> None:
        while (entry := self._waiting.get()) is not None:
            self._write(entry)
            if self._waiting.empty():
                self._events.flush()
            elif self._waiting.qsize() > _MOST_WAITING:
                self._give_up("the disk does not keep up")
                return

    def _write(self, entry: Event | Command) -> None:
        match entry:
            case Captured(near=near, far=far):
                heard = bytes(len(near.pcm)) if self._muted else near.pcm
                self._sound.add(heard, far.pcm, near.first_sample)
                self._write_line(line_of(entry, wav_frame=self._sound.frame_of(near.first_sample)))
            case MuteChanged(muted=muted):
                self._muted = muted
                self._write_line(line_of(entry))
            case _:
                self._write_line(line_of(entry))
        if times := self._latency.see(entry):
            self._write_line(line_of(times))

    def _write_line(self, line: str) -> None:
        for secret in self._secrets:
            line = line.replace(secret, "[key]")
        self._events.write(line + "\n")

    def _give_up(self, reason: str) -> None:
        self._ended = True
        self._failed(
            Notify(
                "warning",
                f"the recording has ended: {reason}",
                remedy=f"What was recorded until now is in {self.directory}. Make room, then start again.",
            )
        )


def _first_line() -> str:
    started = datetime.datetime.now(datetime.UTC).isoformat(timespec="milliseconds")
    told = {
        "kind": "Recording",
        "version": 1,
        "program": __version__,
        "started": started,
        "wav": {"file": SOUND, "rate": RATE, "left": "near end, raw", "right": "far end"},
    }
    return json.dumps(told, separators=(",", ":"))


def _last_line(waits: Waits) -> str:
    """The times of the whole session, in milliseconds; a recording that was cut off has no such line."""
    told: dict[str, object] = {"kind": "Summary"}
    for name in ("answer", "called", "first_byte", "silence"):
        times: Spread | None = getattr(waits, name)
        told[name] = times and {"p50": round(times.median_ms), "p95": round(times.p95_ms), "n": times.count}
    return json.dumps(told, separators=(",", ":"))


def _free_folder(wanted: Path) -> Path:
    """Make the folder for a new recording; nothing that was recorded before is touched."""
    folder, number = wanted, 1
    while (folder / EVENTS).exists() or (folder / SOUND).exists():
        number += 1
        folder = wanted / str(number)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return folder


def _private_text(path: Path) -> TextIO:
    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    return os.fdopen(file, "w", encoding="utf-8", errors="backslashreplace")
