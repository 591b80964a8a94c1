"""How many words were misheard: word error rate, with what does not count as a mistake written down.

Before two texts are compared both are brought to one form: lower case without punctuation, numbers as
digits, contractions written out, and the telephone's ``*`` and ``#`` as the words that are said for them.
Whoever says "I'm" and is written down as "I am" was understood. Nothing else is forgiven: "log in" for
"login" is two errors.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from voice_assistant.offline.skills.wording import digits

_WRITTEN_OUT = (
    (re.compile(r"[\u2018\u2019]"), "'"),
    (re.compile(r"\*"), " star "),
    (re.compile(r"#"), " pound "),
    (re.compile(r"(?<=\d),(?=\d{3}\b)"), ""),
    (re.compile(r"\bcannot\b|\bcan't\b"), "can not"),
    (re.compile(r"\bwon't\b"), "will not"),
    (re.compile(r"n't\b"), " not"),
    (re.compile(r"'re\b"), " are"),
    (re.compile(r"'m\b"), " am"),
    (re.compile(r"'ve\b"), " have"),
    (re.compile(r"'ll\b"), " will"),
    (re.compile(r"'d\b"), " would"),
    (re.compile(r"\b(that|it|what|there|here|who)'s\b"), r"\1 is"),
    (re.compile(r"'"), ""),
)


@dataclass(frozen=True, slots=True)
class Score:
    """What became of some words.

    Args:
        errors: Words that were left out, put in, or taken for others.
        words: Words that were said.
        texts: How many texts they are.
        exact: How many of these have no error.
    """

    errors: int = 0
    words: int = 0
    texts: int = 0
    exact: int = 0

    def __add__(self, other: Score) -> Score:
        return Score(
            self.errors + other.errors,
            self.words + other.words,
            self.texts + other.texts,
            self.exact + other.exact,
        )

    @property
    def rate(self) -> float:
        """Errors for each word that was said."""
        return self.errors / self.words if self.words else 0.0


def scored(said: str, heard: str) -> Score:
    """Compare what was said with what was written down."""
    meant, found = compared(said), compared(heard)
    errors = _distance(meant, found)
    return Score(errors, len(meant), 1, int(not errors))


def compared(text: str) -> list[str]:
    """Bring a text to the form in which it is compared: its words."""
    text = text.lower()
    for pattern, plainer in _WRITTEN_OUT:
        text = pattern.sub(plainer, text)
    return digits(re.findall(r"[a-z0-9]+", text))


def _distance(meant: list[str], found: list[str]) -> int:
    """Count the fewest words to leave out, put in or change (V. Levenshtein, 1966)."""
    row = list(range(len(found) + 1))
    for at, word in enumerate(meant, 1):
        diagonal, row[0] = row[0], at
        for other_at, other in enumerate(found, 1):
            diagonal, row[other_at] = (
                row[other_at],
                min(row[other_at] + 1, row[other_at - 1] + 1, diagonal + (word != other)),
            )
    return row[-1]
