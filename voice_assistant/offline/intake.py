"""What comes in of the user's voice, up to the end of a turn: bytes in, turns out.

Sound arrives in pieces of any length at the client's rate. ``Intake`` brings it to 16 kHz frames, shows them
to the ``SpeechWatch`` and writes them into a ``Dictation``. It finds the turns by itself, or, where the
client said so, takes everything up to its word for one. What a turn means is left to the session.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from voice_assistant.core.audio import NEAR_RATE, REPLY_RATE, SAMPLE_BYTES, Resampler
from voice_assistant.offline.dictation import Dictation
from voice_assistant.offline.protocol import ProtocolError, new_id
from voice_assistant.offline.recogniser import Recogniser
from voice_assistant.offline.watch import FRAME_BYTES, FRAME_MS, SpeechWatch, WatchSettings

_KEPT_MS = 30_000
_ONSET_MS = 160
"""Speech is noticed this long after it begins."""
_SHORTEST_MS = 100
_BREATH_MS = 200
"""Of the silence that ended a turn by its meaning, this much is the next turn's too, if it follows at once: a
word begins before it is noticed."""
COMPLETE_SILENCE_MS = 320
"""Silence that ends a turn whose words are a whole request, where the client lets the meaning decide. Pauses
inside a phrase are shorter; whoever goes on all the same is heard, and the answer has hardly begun."""


@dataclass(frozen=True, slots=True)
class Turn:
    """A turn of the user that has ended.

    Args:
        item: The id that its item will have.
        dictation: Knows its words, soon.
        heard_ms: Its length.
        spoke: Did the watch hear speech in it? Where it did not, nothing was said, whatever a recogniser
            would make of it: of silence this one makes "You".
    """

    item: str
    dictation: Dictation
    heard_ms: float
    spoke: bool = True


@dataclass(slots=True)
class _Open:
    dictation: Dictation
    item: str
    begins_ms: int
    spoke: bool = False
    is_complete: bool = False


@dataclass(slots=True)
class Intake:
    """Gathers the user's turns.

    Args:
        recogniser: For the turns' dictations.
        on_words: Called with an item's id and words of it that will not change.
        on_start: Called with the item's id and the time when the watch hears speech begin.
        on_stop: Called with the turn and the time when the watch hears it end.
        is_complete: May these words be answered as they stand? Asked where the meaning decides.
    """

    recogniser: Recogniser
    on_words: Callable[[str, str], None]
    on_start: Callable[[str, int], None]
    on_stop: Callable[[Turn, int], None]
    is_complete: Callable[[str], bool] = lambda _words: False
    _watch: SpeechWatch = field(default_factory=lambda: SpeechWatch(WatchSettings()))
    _settings: WatchSettings | None = field(default_factory=WatchSettings)
    _resampler: Resampler = field(default_factory=lambda: Resampler(REPLY_RATE, NEAR_RATE))
    _half_sample: bytes = b""
    _rest: bytes = b""
    _now_ms: int = 0
    _before: deque[tuple[bytes, bool]] = field(default_factory=lambda: deque(maxlen=_KEPT_MS // FRAME_MS))
    _open: _Open | None = None
    _breath: deque[tuple[bytes, bool]] = field(default_factory=lambda: deque(maxlen=_BREATH_MS // FRAME_MS))

    @property
    def listening(self) -> bool:
        """Does the watch call the turns, or does the client?"""
        return self._settings is not None

    def configure(self, settings: WatchSettings | None, rate: int) -> None:
        """Take over what the client set; a turn that is open goes on if it may."""
        if rate != self._resampler.from_rate:
            self._resampler = Resampler(rate, NEAR_RATE)
        if settings != self._settings:
            if (settings is None) != (self._settings is None):
                self.clear()
            self._settings = settings
            self._watch = SpeechWatch(settings or WatchSettings())
            self._watch.speaking = self._open is not None and settings is not None

    def append(self, pcm: bytes) -> None:
        """Take the next sound: 16-bit mono at the client's rate, any number of bytes."""
        pcm = self._half_sample + pcm
        whole = len(pcm) - len(pcm) % SAMPLE_BYTES
        self._half_sample = pcm[whole:]
        sound = self._rest + self._resampler.feed(pcm[:whole])
        end = len(sound) - len(sound) % FRAME_BYTES
        self._rest = sound[end:]
        for start in range(0, end, FRAME_BYTES):
            self._frame(sound[start : start + FRAME_BYTES])

    def _frame(self, frame: bytes) -> None:
        self._now_ms += FRAME_MS
        verdict = self._watch.feed(frame)
        if self._settings is None:
            opened = self._open or self._begin(self._now_ms - FRAME_MS)
            opened.spoke |= self._watch.speaking
            opened.dictation.feed(frame, is_speech=self._watch.is_speech)
            return
        if self._open is not None:
            self._breath.append((frame, self._watch.is_speech))
            self._open.is_complete &= not self._watch.is_speech
            self._open.dictation.feed(frame, is_speech=self._watch.is_speech)
            if verdict == "stopped":
                self._stop()
            else:
                self._stop_if_complete()
            return
        self._before.append((frame, self._watch.is_speech))
        if verdict == "started":
            kept = (self._settings.prefix_padding_ms + _ONSET_MS) // FRAME_MS
            frames = list(self._before)[-kept:]
            opened = self._begin(self._now_ms - len(frames) * FRAME_MS, frames)
            opened.spoke = True
            self.on_start(opened.item, opened.begins_ms)

    def _read(self, item: str, words: str) -> None:
        """A turn was read up to its last speech: if that is a whole request, it need not wait for long."""
        if self._open is not None and self._open.item == item and self._settings is not None:
            self._open.is_complete = self._settings.by_meaning and self.is_complete(words)
            self._stop_if_complete()

    def _stop_if_complete(self) -> None:
        if self._open is None or not self._open.is_complete:
            return
        if self._watch.silence_ms >= COMPLETE_SILENCE_MS:
            self._watch.stop()
            self._before.extend(self._breath)
            self._stop()

    def _stop(self) -> None:
        turn = self._end()
        self.on_stop(turn, self._now_ms)

    def _begin(self, at_ms: int, frames: list[tuple[bytes, bool]] | None = None) -> _Open:
        item = new_id("item")
        dictation = Dictation(
            self.recogniser, lambda words: self.on_words(item, words), lambda words: self._read(item, words)
        )
        self._open = _Open(dictation, item, at_ms)
        for frame, is_speech in frames or ():
            dictation.feed(frame, is_speech=is_speech)
        self._before.clear()
        self._breath.clear()
        return self._open

    def _end(self) -> Turn:
        assert self._open is not None
        opened, self._open = self._open, None
        if not opened.spoke:
            opened.dictation.drop()
        return Turn(opened.item, opened.dictation, self._now_ms - opened.begins_ms, opened.spoke)

    def commit(self) -> tuple[Turn, int]:
        """End the turn because the client says so; returns it with the time of its end.

        Raises:
            ProtocolError: There is no sound, or less than 100 ms.
        """
        self._flush()
        if self._open is None and len(self._before) * FRAME_MS >= _SHORTEST_MS:
            self._begin(self._now_ms - len(self._before) * FRAME_MS, list(self._before))
        if self._open is None or self._now_ms - self._open.begins_ms < _SHORTEST_MS:
            raise ProtocolError(
                f"The buffer holds less than {_SHORTEST_MS} ms of sound.",
                code="input_audio_buffer_commit_empty",
            )
        self._watch.stop()
        return self._end(), self._now_ms

    def _flush(self) -> None:
        """Fill up the last frame: what was said up to the commit belongs to the turn."""
        if self._rest:
            rest, self._rest = self._rest, b""
            self._frame(rest + bytes(FRAME_BYTES - len(rest)))

    def heard_speech(self) -> bool:
        """Is a turn open, or is there speech in what is kept?"""
        return self._open is not None or any(is_speech for _, is_speech in self._before)

    def clear(self) -> None:
        """Forget all that was not committed."""
        if self._open is not None:
            self._open.dictation.drop()
        self._open = None
        self._before.clear()
        self._rest = b""
        self._watch.stop()
