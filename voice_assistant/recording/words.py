"""A session in words, on disk as it happens: a transcript to read, and captions to show.

Both are taps that fold what they see into text; ``text_file.py`` writes it. The ending of a file's name says
what kind it is.
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Callable, Sequence
from pathlib import Path

from voice_assistant.core.captions import Captions, Cue, Format, cue_text, head_of
from voice_assistant.core.events import Command, Event, Notify
from voice_assistant.core.lines import Line, NoticeLine, Role, name_of, plain_line
from voice_assistant.core.transcript import Transcript
from voice_assistant.errors import UsageError
from voice_assistant.recording.text_file import TextFile

TRANSCRIPT_ENDINGS = (".md", ".txt")
CAPTIONS_ENDINGS = (".srt", ".vtt")

_MARKUP = re.compile(r"([\\`*_\[\]<>~|#])")


class TranscriptFile:
    """Writes each line when it is finished.

    Args:
        path: Ends in ``.md`` (Markdown) or ``.txt``; a file that is there is gone on with.
        began_at: The session's start, by the session's clock.
        failed: Told once, on another thread, when nothing more can be written.

    Raises:
        UsageError: Another ending.
        RecordingError: The file cannot be made.
    """

    def __init__(self, path: Path, began_at: float, failed: Callable[[Notify], None]) -> None:
        self._is_markdown = ending_of(path, TRANSCRIPT_ENDINGS) == ".md"
        self._began_at = began_at
        self._transcript = Transcript()
        self._file = TextFile(path, failed=failed, appends=True)
        started = datetime.datetime.now().astimezone()
        title = f"Conversation of {started:%Y-%m-%d %H:%M}"
        self._file.write(f"# {title}\n\n" if self._is_markdown else f"{title}\n\n")

    def see(self, entry: Event | Command) -> None:
        """Take note of an event or a command."""
        self._write(self._transcript.see(entry))

    def close(self) -> None:
        """Write what is left."""
        self._write(self._transcript.close())
        self._file.write("" if self._is_markdown else "\n")
        self._file.close()

    def _write(self, lines: list[Line]) -> None:
        for line in lines:
            since = max(int(line.began_at - self._began_at), 0)
            time = f"{since // 60}:{since % 60:02}"
            text = markdown_line(line, time) if self._is_markdown else f"{time} {plain_line(line)}\n"
            self._file.write(text)


class CaptionsFile:
    """Writes each caption when its words have been heard.

    Args:
        path: Ends in ``.srt`` or ``.vtt``; a new file, or a named pipe.
        began_at: The session's start, by the session's clock: the captions' zero.
        failed: Told once, on another thread, when nothing more can be written.

    Raises:
        UsageError: Another ending.
        RecordingError: The file cannot be made, or is there already.
    """

    def __init__(self, path: Path, began_at: float, failed: Callable[[Notify], None]) -> None:
        self._kind: Format = "srt" if ending_of(path, CAPTIONS_ENDINGS) == ".srt" else "vtt"
        self._captions = Captions(began_at)
        self._number = 0
        self._file = TextFile(path, failed=failed)
        self._file.write(head_of(self._kind))

    def see(self, entry: Event | Command) -> None:
        """Take note of an event or a command."""
        self._write(self._captions.see(entry))

    def close(self) -> None:
        """Write what is left."""
        self._write(self._captions.close())
        self._file.close()

    def _write(self, cues: list[Cue]) -> None:
        for cue in cues:
            self._number += 1
            self._file.write(cue_text(cue, self._number, self._kind))


def markdown_line(line: Line, time: str) -> str:
    """Give a line of the transcript as a paragraph of Markdown; *time* is when it began."""
    marks: dict[Role, str] = {"said": "{}", "remark": "*{}*", "unheard": "~~{}~~"}
    parts = []
    for words, role in line.spans():
        bare = words.strip()
        parts.append(words.replace(bare, marks[role].format(_MARKUP.sub(r"\\\1", bare))) if bare else words)
    name = name_of(line)
    if isinstance(line, NoticeLine):
        return f"> {time} {name}: {''.join(parts)}\n\n"
    return f"**{name.capitalize()}** ({time}): {''.join(parts)}\n\n"


def ending_of(path: Path, allowed: Sequence[str]) -> str:
    """Give the ending of a file's name, which says what kind of file it is.

    Raises:
        UsageError: It is none of the *allowed*.
    """
    ending = path.suffix.lower()
    if ending not in allowed:
        wanted = " or ".join(allowed)
        raise UsageError(f"{path} says not what kind of file it is", remedy=f"Let its name end in {wanted}.")
    return ending
