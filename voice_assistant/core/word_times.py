"""Which words of a reply were heard, from how much of its sound was.

A provider sends sound and words side by side and says of neither which belongs to which. But where words come
in parts among the sound, the length of the sound so far is a time for each part, however fast all of it
comes. Such times are believed where people could speak like that; between them, and where there are none, the
words are taken to be spread evenly over the sound. As long as more may come, what follows the last time is
taken to be spoken at an ordinary pace. Screen, transcript and captions count by this, and what a new link is
told does too.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass, replace

from voice_assistant.core.audio import REPLY_RATE, SAMPLE_BYTES

PACE_MS = 60.0
"""A character at an ordinary pace: 17 a second, as assistants speak English."""

WIDE_PACE_MS = 180.0
"""The same in scripts of which a character is a syllable or a word."""

FASTEST_MS, FASTEST_SLACK = 20.0, 12
SLOWEST_MS, SLOWEST_SLACK_MS = 250.0, 2000.0
"""Nobody speaks faster or slower than this a character; but for a few characters, and a pause, at a time."""

ORDINARY_MS = (50.0, 250.0)
"""Where there is as much sound as this a character, it is believed that all words so far belong to all of it.
In wide scripts it is three times as much."""

DRAWLED = 1.5
"""Times an ordinary pace: what words take beyond that is a pause."""

MOST_TIMES = 400
"""Parts with a time of their own; a reply of ten minutes has as many."""

Part = tuple[int, int, float]
Point = tuple[int, float]


@dataclass(frozen=True, slots=True)
class WordTimes:
    """What is known of when the words of one reply are spoken.

    Args:
        received_ms: Sound so far.
        parts: For each part of the words: the characters before it, those with it, and the sound that there
            was when it came. Or, if ``known``, when it was spoken to its end.
        whole: All of the sound has come.
        known: The times are measured, not inferred.
    """

    received_ms: float = 0.0
    parts: tuple[Part, ...] = ()
    whole: bool = False
    known: bool = False

    def sounded(self, pcm: bytes) -> WordTimes:
        """More sound has come: 16-bit mono at 24 kHz."""
        return replace(self, received_ms=self.received_ms + len(pcm) / SAMPLE_BYTES * 1000 / REPLY_RATE)

    def worded(self, before: int, after: int) -> WordTimes:
        """More words have come: their length was *before*, and is *after* now. Takes the place of ours."""
        parts = () if self.known else self.parts
        if after > before and len(parts) < MOST_TIMES:
            parts = (*parts, (before, after, self.received_ms))
        return replace(self, parts=parts, known=False)

    def measured(self, before: int, after: int, until_ms: float) -> WordTimes:
        """Words have been recognised here, and where they end is known."""
        parts = self.parts if self.known else ()
        return replace(self, parts=(*parts, (before, after, until_ms)), known=True)

    def ended(self) -> WordTimes:
        """No more sound will come."""
        return self if self.whole else replace(self, whole=True)

    def heard(self, words: str, heard_ms: float) -> int:
        """Say how many characters were heard: up to the nearest end of a word.

        Args:
            words: All of them so far.
            heard_ms: Of the sound.
        """
        points = self._points(len(words), _pace_ms(words))
        (start, from_ms) = points[0]
        for end, until_ms in points[1:]:
            if heard_ms < until_ms:
                share = (heard_ms - from_ms) / (until_ms - from_ms)
                return nearest_end(words, round(start + share * (end - start)))
            start, from_ms = end, until_ms
        return nearest_end(words, start)

    def _points(self, length: int, pace_ms: float) -> list[Point]:
        """How many characters have been spoken when; the times go up."""
        if self.known:
            return [(0, 0.0), *((min(after, length), until_ms) for _, after, until_ms in self.parts)]
        # Words that come before the first sound come before their own sound, all others after it.
        is_ahead = bool(self.parts) and self.parts[0][2] == 0.0
        shortest_ms, longest_ms = (length * ms * pace_ms / PACE_MS for ms in ORDINARY_MS)
        is_whole = self.whole or shortest_ms <= self.received_ms <= longest_ms
        rest = (length, self.received_ms)
        points = [(0, 0.0)]
        has_times = len({at_ms for _, _, at_ms in self.parts}) > 1
        for before, after, at_ms in self.parts if has_times else ():
            last, point = points[-1], (min(before if is_ahead else after, length), at_ms)
            if _is_spoken(last, point) and (not is_whole or _is_spoken(point, rest)):
                points += _with_pause(last, point, pace_ms, is_after=is_ahead)
        last = points[-1]
        if is_whole:
            return [*points, (length, max(self.received_ms, last[1]))]
        return [*points, (length, last[1] + (length - last[0]) * pace_ms)]


NO_TIMES = WordTimes()
"""Of a reply of which nothing has come."""


def nearest_end(words: str, at: int) -> int:
    """Bring a cut to the nearer end of the word that it would split; wide scripts have none."""
    if not _is_inside(words, at):
        return at
    begin = end = at
    while _is_inside(words, begin):
        begin -= 1
    while _is_inside(words, end):
        end += 1
    return begin if at - begin < end - at else end


def _is_inside(words: str, at: int) -> bool:
    if not 0 < at < len(words) or words[at - 1].isspace() or words[at].isspace():
        return False
    return not _is_wide(words[at])


def _with_pause(begin: Point, end: Point, pace_ms: float, *, is_after: bool) -> list[Point]:
    """Give the way from one point to the next, with the pause that it holds, behind the words or before."""
    spoken_ms = DRAWLED * pace_ms * (end[0] - begin[0])
    if spoken_ms >= end[1] - begin[1]:
        return [end]
    return [(end[0], begin[1] + spoken_ms) if is_after else (begin[0], end[1] - spoken_ms), end]


def _is_spoken(begin: Point, end: Point) -> bool:
    """Could somebody say so much between the two?"""
    characters, ms = end[0] - begin[0], end[1] - begin[1]
    if ms < 0 or (ms == 0 and characters):
        return False
    return (characters - FASTEST_SLACK) * FASTEST_MS <= ms <= characters * SLOWEST_MS + SLOWEST_SLACK_MS


def _is_wide(character: str) -> bool:
    return unicodedata.east_asian_width(character) in ("W", "F")


def _pace_ms(words: str) -> float:
    if words.isascii():
        return PACE_MS
    wide = sum(map(_is_wide, words)) / len(words)
    return PACE_MS + wide * (WIDE_PACE_MS - PACE_MS)
