"""The transcript: a session's events and commands, folded into lines to read.

What the user said, what the assistant said and how much of it was heard, and what went wrong. The screen, the
plain printer and whatever writes a transcript to a file read the same lines; how they look is left to them.

A line is handed over once, when nothing more will come to it, in the order of the conversation. Until then it
is part of what is live. What it waits for:

* The user's words wait for the provider's word that they are final. Without it they wait until the answer
  has been playing for ``LATE_WORDS_S``, because fragments come late, or until the provider is through, or the
  answer has been heard or cut. Words that come later still make a line of their own. A turn that never was
  sent, because it did not last (a cough), leaves no line.
* A reply waits until it was dropped; or until it was played to its end and the provider is through with it,
  but not longer than ``LATE_WORDS_S`` after its end. One whose words are recognised here also waits for
  those, but not longer than ``RECOGNISED_S`` after its end.
* A line also waits for those before it. Notices (``notices.py``) do not: what went wrong must be read now.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from voice_assistant.core.encore import original_of
from voice_assistant.core.events import (
    AppendInput,
    CancelReply,
    Captured,
    Command,
    CommitInput,
    DropPlayout,
    Event,
    Level,
    PausePlayout,
    Play,
    PlayoutDrained,
    PlayoutDropped,
    PlayoutProgress,
    PlayoutStarted,
    Recognise,
    RecogniserLost,
    ReplyAudio,
    ReplyComplete,
    ReplyDone,
    ReplyRecognised,
    ReplyText,
    TextEntered,
    Tick,
    TurnClosed,
    TurnOpened,
    UserText,
)
from voice_assistant.core.lines import Ending, Line, ReplyLine, UserLine
from voice_assistant.core.notices import Notices
from voice_assistant.core.plain_text import neutralise

LATE_WORDS_S = 3.0
"""Seconds that words may come late, seen from the start of the answer or the end of the reply."""

RECOGNISED_S = 10.0
"""Seconds after its end that a reply waits for its words to be recognised here."""

TYPED = -1
"""Stands for the number of a turn where a line was typed: no words of the provider are for it."""

MAX_CHARACTERS = 20_000
"""A line longer than this is no speech; what goes beyond is left out."""


@dataclass(slots=True)
class _Open:
    """A line that is not finished, and what it still waits for.

    Args:
        awaits_words: Its words are being recognised here, and more of them are to come.
        would_finish: It only waits for those.
    """

    line: UserLine | ReplyLine
    raw: str = ""
    finished: bool = False
    final: bool = False
    unsent: bool = False
    playing: bool = False
    delay_ms: float = 0.0
    provider_done: bool = False
    finish_at: float | None = None
    awaits_words: bool = False
    would_finish: bool = False


class Transcript:
    """Folds what happens into lines. Show it every event and command; take the lines that are finished."""

    def __init__(self) -> None:
        self._open: list[_Open] = []
        self._handed_over: dict[int, str] = {}
        self._closed_items: set[str] = set()
        self._last_reply: ReplyLine | None = None
        self._notices = Notices()
        self._now = 0.0
        self._due = False
        self._live: tuple[Line, ...] | None = ()

    @property
    def live(self) -> tuple[Line, ...]:
        """The lines that are not finished, in order; the same object until one of them changes."""
        if self._live is None:
            self._live = tuple(entry.line for entry in self._open)
        return self._live

    def see(self, entry: Event | Command) -> list[Line]:
        """Take the next event or command; give the lines that are finished now, in order."""
        match entry:
            case Captured():
                return []  # Nothing to read; and it comes fifty times a second, as a level does.
            case Level(at=at):
                self._now = at
                if not (self._due or self._notices.is_waiting):
                    return []
            case _:
                self._now = getattr(entry, "at", self._now)
        notices = self._notices.see(entry, self._now)
        self._fold(entry)
        return [*notices, *self._take_finished()]

    def close(self) -> list[Line]:
        """End the transcript: everything that is left, in order. What was still to be heard is cut by it."""
        notices = self._notices.close()
        for entry in list(self._open):
            match entry.line:
                case UserLine(is_open=True, words=""):
                    self._open.remove(entry)
                case ReplyLine(ending="open", received_ms=received_ms) as line if received_ms > 0:
                    self._change(entry, replace(line, ending="cut"))
            entry.awaits_words = False
            self._finish(entry)
        self._live = None
        return [*notices, *self._take_finished()]

    def _fold(self, entry: Event | Command) -> None:
        match entry:
            case Level(at=at) | Tick(at=at):
                if self._due:
                    self._finish_due(at)
            case Play(item=item):
                self._begin_again(item)
            case PlayoutProgress(item=item, heard_ms=given_ms) if found := self._reply(item):
                self._reply_heard(item, max(given_ms - found.delay_ms, 0.0), "open")
            case ReplyAudio(at=at, item=item, pcm=pcm):
                self._reply_sounded(at, item, pcm)
            case ReplyComplete(item=item) if found := self._reply(item):
                self._reply_whole(found)
            case ReplyText(at=at, item=item, text=text):
                self._reply_worded(at, item, text)
            case Recognise(item=item) if found := self._reply(item):
                found.awaits_words = True
            case ReplyRecognised(item=item) if found := self._reply(item):
                self._reply_recognised(found, entry)
            case RecogniserLost():
                for waiting in self._open:
                    self._words_ended(waiting)
            case UserText():
                self._user_worded(entry)
            case TextEntered(at=at, text=text):
                typed = _Open(UserLine(at, TYPED, neutralise(text).strip(), is_open=False, is_typed=True))
                self._add(typed)
                self._finish(typed)
            case TurnOpened(at=at, turn=turn):
                self._add(_Open(UserLine(at, turn)))
            case TurnClosed(at=at, turn=turn):
                self._turn_closed(at, turn)
            case PausePlayout():
                if (last := self._last_user()) and isinstance(last.line, UserLine) and last.line.is_open:
                    last.unsent = True
            case DropPlayout() | AppendInput() | CommitInput():
                if last := self._last_user():
                    last.unsent = False
            case PlayoutStarted(at=at, item=item, audible_at=audible_at):
                self._reply_started(at, item, audible_at)
            case PlayoutDrained(item=item, heard_ms=heard_ms):
                self._reply_heard(item, heard_ms, "heard")
            case PlayoutDropped(item=item, heard_ms=heard_ms):
                self._reply_heard(item, heard_ms, "cut")
            case CancelReply(item=item):
                found = self._reply(item)
                if found and not found.playing:
                    self._reply_heard(item, 0.0, "cut")
            case ReplyDone(item=item):
                self._provider_done(item)
            case _:
                pass

    def _user_worded(self, event: UserText) -> None:
        words = neutralise(event.text[:MAX_CHARACTERS]).strip()
        found = self._user(event.turn)
        if found is None and event.turn in self._handed_over:
            self._too_late(event, words)
            return
        if found is None:
            if not words:
                return
            found = _Open(UserLine(event.at, event.turn, is_open=False))
            self._add(found)
        assert isinstance(found.line, UserLine)
        self._change(found, replace(found.line, words=words))
        found.final = found.final or event.final
        if found.final and not found.line.is_open:
            self._finish(found)

    def _too_late(self, event: UserText, words: str) -> None:
        shown = self._handed_over[event.turn]
        if words in shown:
            return
        more = words[len(shown) :].strip() if words.startswith(shown) else words
        self._handed_over[event.turn] = words
        late = _Open(UserLine(event.at, event.turn, more, is_open=False, is_late=True))
        self._add(late)
        self._finish(late)

    def _turn_closed(self, at: float, turn: int) -> None:
        found = self._user(turn)
        if found is None or not isinstance(found.line, UserLine):
            return
        if found.unsent and not found.line.words:
            self._open.remove(found)
            self._live = None
            return
        spoken_ms = (at - found.line.began_at) * 1000
        self._change(found, replace(found.line, spoken_ms=spoken_ms, is_open=False))
        if found.final:
            self._finish(found)

    def _reply_sounded(self, at: float, item: str, pcm: bytes) -> None:
        if found := self._reply_or_new(at, item):
            assert isinstance(found.line, ReplyLine)
            self._change(found, replace(found.line, times=found.line.times.sounded(pcm)))

    def _reply_whole(self, found: _Open) -> None:
        assert isinstance(found.line, ReplyLine)
        self._change(found, replace(found.line, times=found.line.times.ended()))

    def _reply_worded(self, at: float, item: str, text: str) -> None:
        found = self._reply_or_new(at, item)
        if found and len(found.raw) < MAX_CHARACTERS:
            # Of the whole, because an escape sequence may come in two parts.
            found.raw = (found.raw + text)[:MAX_CHARACTERS]
            assert isinstance(found.line, ReplyLine)
            words = neutralise(found.raw).strip()
            before = 0 if found.line.is_recognised else len(found.line.words)
            times = found.line.times.worded(before, len(words))
            self._change(found, replace(found.line, words=words, times=times))
            self._words_ended(found)

    def _reply_recognised(self, found: _Open, event: ReplyRecognised) -> None:
        assert isinstance(found.line, ReplyLine)
        if not found.raw:  # Else the provider's own words have come meanwhile.
            words = f"{found.line.words} {neutralise(event.text).strip()}".strip()[:MAX_CHARACTERS]
            times = found.line.times.measured(len(found.line.words), len(words), event.until_ms)
            self._change(found, replace(found.line, words=words, times=times))
        if event.is_last:
            self._words_ended(found)

    def _words_ended(self, entry: _Open) -> None:
        entry.awaits_words = False
        if entry.would_finish:
            self._finish(entry)

    def _begin_again(self, item: str) -> None:
        """What is played again has the words that it had."""
        original = original_of(item)
        if original is None or self._reply(item):
            return
        found = self._reply(original)
        line = found.line if found else self._last_reply
        if not isinstance(line, ReplyLine) or line.item != original or not line.words:
            return
        again = replace(line, began_at=self._now, item=item, heard_ms=0.0, ending="open", is_again=True)
        self._add(_Open(again, provider_done=True))

    def _reply_started(self, at: float, item: str, audible_at: float) -> None:
        found = self._reply(item)
        if found is None:
            return
        found.playing = True
        found.delay_ms = (audible_at - at) * 1000
        for earlier in self._open[: self._open.index(found)]:
            if isinstance(earlier.line, UserLine) and not earlier.line.is_open:
                self._finish_later(earlier, at)

    def _reply_heard(self, item: str, heard_ms: float, ending: Ending) -> None:
        found = self._reply(item)
        if found is None:
            return
        assert isinstance(found.line, ReplyLine)
        self._change(found, replace(found.line, heard_ms=heard_ms, ending=ending))
        if ending == "open":
            return
        self._finish_before(self._open.index(found))
        for earlier in self._open[: self._open.index(found)]:
            if isinstance(earlier.line, ReplyLine):
                self._finish(earlier)  # Replies are played in order: whatever became of it, it is over.
        if ending == "cut" and not found.line.words and found.playing:
            # With the next frame: meanwhile it may turn out that its words are recognised here.
            self._finish_later(found, self._now - LATE_WORDS_S)
        elif ending == "cut" or found.provider_done:
            self._finish(found)
        else:
            self._finish_later(found, self._now)

    def _provider_done(self, item: str | None) -> None:
        found = self._reply(item) if item else None
        self._finish_before(self._open.index(found) if found else len(self._open))
        if found and isinstance(found.line, ReplyLine):
            found.provider_done = True
            self._reply_whole(found)
            if found.line.ending == "open" and found.line.received_ms == 0:
                self._change(found, replace(found.line, ending="heard"))
            if found.line.ending == "heard":
                self._finish(found)  # One that was cut finishes by itself.

    # --- The books ---

    def _user(self, turn: int) -> _Open | None:
        lines = reversed(self._open)
        return next((e for e in lines if isinstance(e.line, UserLine) and e.line.turn == turn), None)

    def _last_user(self) -> _Open | None:
        """The newest turn that was spoken."""
        lines = reversed(self._open)
        return next((e for e in lines if isinstance(e.line, UserLine) and not e.line.is_typed), None)

    def _reply(self, item: str) -> _Open | None:
        return next((e for e in self._open if isinstance(e.line, ReplyLine) and e.line.item == item), None)

    def _reply_or_new(self, at: float, item: str) -> _Open | None:
        found = self._reply(item)
        if found is None and item not in self._closed_items:
            found = _Open(ReplyLine(at, item))
            self._add(found)
        return None if found is None or found.finished else found

    def _add(self, entry: _Open) -> None:
        self._open.append(entry)
        self._live = None

    def _change(self, entry: _Open, line: UserLine | ReplyLine) -> None:
        if line != entry.line:
            entry.line = line
            self._live = None

    def _finish(self, entry: _Open) -> None:
        if not entry.awaits_words:
            entry.finished = True
        elif not entry.would_finish:
            entry.would_finish = True
            entry.finish_at = self._now + RECOGNISED_S
            self._due = True

    def _finish_before(self, end: int) -> None:
        """Finish the user's lines before the one at *end*, but for a turn that is still open."""
        for entry in self._open[:end]:
            if isinstance(entry.line, UserLine) and not entry.line.is_open:
                self._finish(entry)

    def _finish_later(self, entry: _Open, since: float) -> None:
        if entry.finish_at is None:
            entry.finish_at = since + LATE_WORDS_S
            self._due = True

    def _finish_due(self, at: float) -> None:
        waiting = [entry for entry in self._open if entry.finish_at is not None and not entry.finished]
        for entry in waiting:
            if entry.finish_at is not None and at >= entry.finish_at:
                entry.awaits_words &= not entry.would_finish  # They have been waited for.
                self._finish(entry)
        self._due = any(not entry.finished for entry in waiting)

    def _take_finished(self) -> list[Line]:
        taken: list[Line] = []
        while self._open and self._open[0].finished:
            line = self._open.pop(0).line
            self._live = None
            taken.append(line)
            if isinstance(line, ReplyLine):
                self._closed_items.add(line.item)
                if not line.is_again:
                    self._last_reply = line
            elif line.turn and not line.is_late and not line.is_typed:
                self._handed_over[line.turn] = line.words
        return taken
