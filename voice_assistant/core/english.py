"""Is it English? The recogniser that comes with the program knows nothing else, and makes English of all.

Judged by what the user said, as their provider understood it: somebody who speaks German is answered in
German. Little words that every English sentence is full of, and that the neighbouring languages do not have,
tell it after a sentence or two. Until then, and in doubt, it is taken for English.
"""

from __future__ import annotations

import re
from collections import deque

TURNS = 4
"""Judged by so many of the newest turns: people change their language."""

ENOUGH_WORDS = 6
"""Fewer say nothing: "play some jazz" has no little word in it."""

FEWEST = 0.1
"""Share of little words below which it is another language; English speech has a third, others none."""

_WORD = re.compile(r"[^\W\d_]+(?:['\u2019][^\W\d_]+)?")

_LITTLE = frozenset(
    _WORD.findall(
        "the you that and are with this have has from what how when where who why could does did would "
        "my your they she his not please tell there were about if but just which more some it be say should "
        "i'm it's what's that's don't let's can't hello thanks thank give know like want their our been than "
        "then them these because any many much out up get make"
    )
)


class English:
    """Follows the user's words."""

    def __init__(self) -> None:
        self._turns: deque[tuple[int, list[str]]] = deque(maxlen=TURNS)

    def hear(self, turn: int, text: str) -> None:
        """Take the user's words in a turn, all of it so far."""
        words = [word.lower().replace("\u2019", "'") for word in _WORD.findall(text)]
        if self._turns and self._turns[-1][0] == turn:
            self._turns.pop()
        self._turns.append((turn, words))

    @property
    def is_likely(self) -> bool:
        """Do they speak English, as far as can be told?"""
        words = [word for _, said in self._turns for word in said]
        letters = "".join(words)
        if letters and sum(letter.isascii() for letter in letters) < 0.7 * len(letters):
            return False  # Another script.
        little = sum(word in _LITTLE for word in words)
        return len(words) < ENOUGH_WORDS or little >= FEWEST * len(words)
