"""The transcriber's process, seen from here: stretches of replies go in, their words come back as events.

It is started when it is first needed, and a thread of its own writes to it and reads from it, so the event
loop never waits, whatever the recogniser does. It may fail at any time, or hang: one that had worked is
started again, with the stretch that it left; where that does not help it is told once, and nothing else
changes. What is recognised, and why, is decided in ``core/wordless.py``.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib.util
import json
import queue
import struct
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

from voice_assistant.core.events import Event, Recognise, RecogniserLost, ReplyRecognised
from voice_assistant.core.wordless import Wordless, WordsSettings

COMMAND = (sys.executable, "-m", "voice_assistant.offline.transcriber")

MISSING_REMEDY = "To have them recognised here: pip install 'voice-assistant[offline]'."

ANSWER_LIMIT_S = 60.0
"""For the words of one stretch of twelve seconds at most; a slow machine may take as long as the sound."""

ENDED = "the process that does it has ended"

_LENGTH = struct.Struct("<I")


def wordless(settings: WordsSettings, model_path: str = "") -> Wordless:
    """Say what is done for replies without words: it may not be wanted, or not be possible here.

    Args:
        settings: What is wanted.
        model_path: A folder with a model of one's own, of any language; empty for the one included.
    """
    if not settings.recognise:
        return Wordless()
    # Looked for, not loaded: it is the process that needs it.
    is_installed = importlib.util.find_spec("moonshine_voice") is not None
    missing_remedy = "" if is_installed else MISSING_REMEDY
    return Wordless(recognises=is_installed, is_english=not model_path, missing_remedy=missing_remedy)


class Transcribing:
    """Has stretches of replies recognised, one after the other.

    Args:
        post: Takes each event; called on the event loop's thread.
        loop: The event loop; its clock is the session's.
        model_path: A folder with a model of one's own; empty for the one included.
        log: Where the process's own words go; None for nowhere.
        command: Starts the process.
    """

    def __init__(
        self,
        post: Callable[[Event], None],
        loop: asyncio.AbstractEventLoop,
        *,
        model_path: str = "",
        log: Path | None = None,
        command: tuple[str, ...] = COMMAND,
    ) -> None:
        self._post = post
        self._loop = loop
        self._command = (*command, f"--model-path={model_path}")
        self._log = log
        self._wanted: queue.SimpleQueue[Recognise | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._in_hand: Recognise | None = None
        self._recognised = 0
        self._lock = threading.Lock()
        self._is_closed = False

    @property
    def pid(self) -> int | None:
        """Its process id, once it was started."""
        return self._process.pid if self._process is not None else None

    def recognise(self, command: Recognise) -> None:
        """Have a stretch recognised; returns at once."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._work, name="transcribing", daemon=True)
            self._thread.start()
        self._wanted.put(command)

    def close(self) -> None:
        """End the process at once: nobody waits for its words any more."""
        with self._lock:
            self._is_closed = True
            if self._process is not None:
                self._process.kill()
        self._wanted.put(None)
        if self._thread is not None:
            self._thread.join()

    # --- On the thread ---

    def _work(self) -> None:
        done = -1
        while self._recognised > done:
            # The first, or one in the place of another that had done something.
            done = self._recognised
            try:
                with self._started() as process:
                    if process is not None:
                        self._serve(process)
                return
            except (_FailedError, OSError) as failure:
                why = str(failure)
        self._tell(RecogniserLost(self._loop.time(), why))

    @contextlib.contextmanager
    def _started(self) -> Iterator[subprocess.Popen[bytes] | None]:
        process = self._start()
        try:
            yield process
        finally:
            if process is not None:
                process.kill()
                process.wait()
                for pipe in (process.stdin, process.stdout):
                    if pipe is not None:
                        with contextlib.suppress(OSError):  # what it did not read is lost with it
                            pipe.close()

    def _start(self) -> subprocess.Popen[bytes] | None:
        """Start the process; None where it is not wanted any more."""
        with contextlib.ExitStack() as stack:
            stderr = stack.enter_context(self._log.open("ab")) if self._log else subprocess.DEVNULL
            stack.enter_context(self._lock)
            if self._is_closed:
                return None
            # A session of its own: Ctrl-C in the terminal is for us, and we end it.
            self._process = subprocess.Popen(
                self._command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=stderr,
                start_new_session=True,
            )
            return self._process

    def _serve(self, process: subprocess.Popen[bytes]) -> None:
        if error := self._read(process).get("error"):
            raise _FailedError(error)
        while (command := self._in_hand or self._wanted.get()) is not None:
            self._in_hand = command
            text = self._words(process, command.pcm)
            self._in_hand = None
            self._recognised += bool(command.pcm)
            self._tell(
                ReplyRecognised(self._loop.time(), command.item, text, command.until_ms, command.is_last)
            )

    def _words(self, process: subprocess.Popen[bytes], pcm: bytes) -> str:
        if not pcm:
            return ""
        assert process.stdin is not None
        try:
            process.stdin.write(_LENGTH.pack(len(pcm)) + pcm)
            process.stdin.flush()
        except BrokenPipeError:
            raise _FailedError(ENDED) from None
        return self._read(process).get("text", "")

    def _read(self, process: subprocess.Popen[bytes]) -> dict[str, str]:
        """Read one answer; a process that gives none in time is ended."""
        assert process.stdout is not None
        limit = threading.Timer(ANSWER_LIMIT_S, process.kill)
        limit.daemon = True
        limit.start()
        try:
            line = process.stdout.readline()
        finally:
            limit.cancel()
        try:
            answer = json.loads(line)
        except ValueError:
            raise _FailedError(ENDED) from None
        return {str(name): str(value) for name, value in answer.items()}

    def _tell(self, event: Event) -> None:
        if not self._is_closed:
            self._loop.call_soon_threadsafe(self._post, event)


class _FailedError(Exception):
    """The process cannot be used any longer; says why."""
