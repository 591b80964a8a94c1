"""A text that grows while a session runs: to a file, or into a pipe that somebody reads.

A thread of its own writes, so a slow disk and a reader that takes its time delay nobody. A file is its
owner's alone. What the text is, is its writer's business.
"""

from __future__ import annotations

import os
import queue
import stat
import threading
from collections.abc import Callable
from pathlib import Path

from voice_assistant.core.events import Notify
from voice_assistant.errors import RecordingError

_CLOSING_S = 0.5
"""How long leaving may wait for the disk, or for a reader."""


class TextFile:
    """Takes pieces of text, and writes each as soon as it can.

    Args:
        path: A new file; or a named pipe, which is opened when somebody reads it.
        failed: Told once, on the thread, when nothing more can be written.
        appends: Go on at the end of a file that is there; otherwise one that is there is an error.

    Raises:
        RecordingError: The file cannot be made.
    """

    def __init__(self, path: Path, *, failed: Callable[[Notify], None], appends: bool = False) -> None:
        self._path = path
        self._failed = failed
        self._waiting: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        self._fd: int | None = None
        try:
            is_file = not path.exists() or stat.S_ISREG(path.stat().st_mode)
            if is_file:
                how = os.O_APPEND if appends else os.O_EXCL
                self._fd = os.open(path, os.O_WRONLY | os.O_CREAT | how, 0o600)
        except FileExistsError:
            raise RecordingError(
                f"{path} is there already", remedy="Name another file, or move it."
            ) from None
        except OSError as error:
            raise RecordingError(
                f"cannot write {path}: {error.strerror or type(error).__name__}",
                remedy="Name a file in a folder that you may write to.",
            ) from error
        self._thread = threading.Thread(target=self._run, name=f"writes {path.name}", daemon=True)
        self._thread.start()

    def write(self, text: str) -> None:
        """Have text written; on any thread, at once."""
        if text:
            self._waiting.put(text)

    def close(self) -> None:
        """Write what waits, and close; what a stuck disk or a pipe without a reader holds up is left."""
        self._waiting.put(None)
        self._thread.join(_CLOSING_S)

    # --- The thread ---

    def _run(self) -> None:
        try:
            if self._fd is None:
                self._fd = os.open(self._path, os.O_WRONLY)  # Waits for a reader.
            while (text := self._waiting.get()) is not None:
                data = text.encode("utf-8", "replace")
                while data:
                    data = data[os.write(self._fd, data) :]
        except OSError as error:
            reason = "nobody reads it any more" if isinstance(error, BrokenPipeError) else error.strerror
            self._failed(Notify("warning", f"Nothing more is written to {self._path}: {reason}."))
        finally:
            if self._fd is not None:
                os.close(self._fd)
