"""The answer to one question: its words on standard output, everything else beside it.

For ``ask``: what a script reads is the answer alone, or one JSON object with the times that it took.
"""

from __future__ import annotations

import json
from typing import TextIO

from voice_assistant.core.events import (
    Command,
    Event,
    PlayoutStarted,
    Released,
    ReplyAudio,
    SessionOpened,
    TextEntered,
)
from voice_assistant.core.lines import RECOGNISED, Line, NoticeLine, ReplyLine, UserLine, plain_line
from voice_assistant.core.transcript import Transcript


class AnswerPrinter:
    """Prints the words of the answer, or all that is known of it as JSON.

    Args:
        stream: Takes the answer; standard output.
        notices: Takes everything else; standard error.
        as_json: One object: ``question``, ``answer`` (empty where the provider sends no words), ``heard_ms``,
            ``first_byte_ms`` and ``first_audible_ms`` (from the end of the question), ``model``,
            ``recognised`` (the words are ours: the provider sent none).
    """

    def __init__(self, stream: TextIO, notices: TextIO, *, as_json: bool) -> None:
        self._stream = stream
        self._notices = notices
        self._as_json = as_json
        self._transcript = Transcript()
        self._question: list[str] = []
        self._answer: list[str] = []
        self._heard_ms = 0.0
        self._model = ""
        self._recognised = False
        self._asked_at: float | None = None
        self._first_byte_at: float | None = None
        self._audible_at: float | None = None

    def start(self) -> None:
        """Begin; there is nothing to set up."""

    def see(self, entry: Event | Command) -> None:
        """Take note of an event or a command."""
        match entry:
            case SessionOpened(model=model):
                self._model = model
            case Released(at=at):
                self._asked_at = at
            case TextEntered(at=at):
                self._asked_at = at
            case ReplyAudio(at=at) if self._first_byte_at is None:
                self._first_byte_at = at
            case PlayoutStarted(audible_at=audible_at) if self._audible_at is None:
                self._audible_at = audible_at
            case _:
                pass
        self._take(self._transcript.see(entry))

    def stop(self) -> None:
        """Print what is left; with JSON, the object."""
        self._take(self._transcript.close())
        if not self._as_json:
            return
        document = {
            "question": " ".join(self._question),
            "answer": " ".join(self._answer),
            "heard_ms": round(self._heard_ms),
            "first_byte_ms": self._since_asked(self._first_byte_at),
            "first_audible_ms": self._since_asked(self._audible_at),
            "model": self._model,
            "recognised": self._recognised,
        }
        self._stream.write(json.dumps(document, ensure_ascii=False) + "\n")
        self._stream.flush()

    def _since_asked(self, at: float | None) -> int | None:
        return None if at is None or self._asked_at is None else round((at - self._asked_at) * 1000)

    def _take(self, lines: list[Line]) -> None:
        for line in lines:
            match line:
                case NoticeLine():
                    self._notices.write(f"{plain_line(line)}\n")
                    self._notices.flush()
                case UserLine(words=words):
                    self._question += [words] if words else []
                case ReplyLine(words=words, heard_ms=heard_ms):
                    mark = RECOGNISED if line.is_recognised else ""
                    self._recognised |= line.is_recognised
                    self._heard_ms += heard_ms
                    self._answer += [words] if words else []
                    if not self._as_json:
                        self._stream.write((f"{mark}{words}" if words else plain_line(line)) + "\n")
                        self._stream.flush()
