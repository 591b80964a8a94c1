"""A session for programs: one JSON object a line, as it happens, on standard output.

``docs/json.md`` lists the objects. They say what a person would be shown, in values instead of words; whoever
wants every event has the recording.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TextIO

from voice_assistant.core.events import (
    Command,
    Event,
    ReplyDone,
    ReplyRecognised,
    ReplyText,
    SessionOpened,
    UserText,
)
from voice_assistant.core.latency import Interruption, Latency, Spread, TurnLatency
from voice_assistant.core.lines import Line, NoticeLine, ReplyLine, UserLine
from voice_assistant.core.plain_text import neutralise
from voice_assistant.core.status import Status
from voice_assistant.core.transcript import Transcript


class JsonPrinter:
    """Prints a session as objects.

    Args:
        stream: Standard output.
        status: The status to begin with.
        clock: Seconds of the session's clock.
    """

    def __init__(self, stream: TextIO, status: Status, clock: Callable[[], float]) -> None:
        self._stream = stream
        self._status = status
        self._transcript = Transcript()
        self._latency = Latency()
        self._began_at = self._now = clock()
        self._shown: tuple[object, ...] = ()
        self._is_read = True

    def start(self) -> None:
        """Begin with the state."""
        self._show_state()

    def see(self, entry: Event | Command) -> None:
        """Take note of an event or a command."""
        self._now = getattr(entry, "at", self._now)
        match entry:
            case SessionOpened(model=model):
                self._print("session", model=neutralise(model))
            case UserText(turn=turn, text=text, final=final):
                self._print("user_words", turn=turn, words=neutralise(text), final=final)
            case ReplyText(item=item, text=text):
                self._print("assistant_words", item=item, words=text, recognised=False)
            case ReplyRecognised(item=item, text=text) if text:
                self._print("assistant_words", item=item, words=text, recognised=True)
            case ReplyDone(usage=usage) if usage:
                self._print(
                    "usage",
                    input_tokens=usage.input_tokens,
                    output_tokens=usage.output_tokens,
                    input_audio_tokens=usage.input_audio_tokens,
                    output_audio_tokens=usage.output_audio_tokens,
                    cached_tokens=usage.cached_tokens,
                )
            case _:
                pass
        match self._latency.see(entry):
            case TurnLatency() as answer:
                self._print(
                    "latency",
                    turn=answer.turn,
                    called_ms=_whole(answer.called_ms),
                    first_byte_ms=_whole(answer.first_byte_ms),
                    audible_ms=_whole(answer.audible_ms),
                )
            case Interruption(item=item, silent_ms=silent_ms, by_key=by_key):
                self._print("interruption", item=item, silent_ms=_whole(silent_ms), by_key=by_key)
        self._status = self._status.after(entry)
        self._show_state()
        self._print_lines(self._transcript.see(entry))

    def stop(self) -> None:
        """Print what is left, and the waits of the whole session."""
        self._print_lines(self._transcript.close())
        waits = self._latency.waits
        self._print(
            "end",
            turns=waits.answer.count if waits.answer else 0,
            **_percentiles("audible", waits.answer),
            **_percentiles("called", waits.called),
            **_percentiles("first_byte", waits.first_byte),
            interruptions=waits.silence.count if waits.silence else 0,
            **_percentiles("silent", waits.silence),
            tokens=self._status.tokens,
        )

    def _show_state(self) -> None:
        status = self._status
        state = (status.floor, status.muted, status.mode, status.volume_db)
        if state != self._shown:
            self._shown = state
            floor, muted, mode, volume_db = state
            self._print("state", floor=floor, muted=muted, mode=mode, volume_db=volume_db)

    def _print_lines(self, lines: list[Line]) -> None:
        for line in lines:
            match line:
                case UserLine():
                    self._print(
                        "user",
                        turn=max(line.turn, 0),
                        words=line.words,
                        typed=line.is_typed,
                        spoken_ms=_whole(line.spoken_ms),
                    )
                case ReplyLine():
                    self._print(
                        "assistant",
                        item=line.item,
                        words=line.words,
                        heard_words=line.heard_words,
                        heard_ms=_whole(line.heard_ms),
                        received_ms=_whole(line.received_ms),
                        cut=line.ending == "cut",
                        recognised=line.is_recognised,
                    )
                case NoticeLine():
                    self._print("notice", severity=line.severity, words=line.words, remedy=line.remedy)

    def _print(self, kind: str, **told: object) -> None:
        if not self._is_read:
            return
        at = round(max(self._now - self._began_at, 0.0), 3)
        # In ASCII: whatever a provider says, nothing in it can act on a terminal.
        try:
            self._stream.write(json.dumps({"type": kind, "at": at} | told) + "\n")
            self._stream.flush()
        except BrokenPipeError:
            # Whoever read it has gone. A conversation does not end because nobody reads it.
            self._is_read = False


def _percentiles(name: str, times: Spread | None) -> dict[str, int | None]:
    return {
        f"{name}_p50_ms": _whole(times.median_ms if times else None),
        f"{name}_p95_ms": _whole(times.p95_ms if times else None),
    }


def _whole(ms: float | None) -> int | None:
    return None if ms is None else round(ms)
