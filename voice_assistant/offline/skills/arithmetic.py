"""Sums asked aloud: ``17 times 23``, ``the square root of 2``, ``15 percent of 80``.

An utterance counts as a sum only when all of it reads as one. The grammar, loosest first::

    sum      = product { (plus | minus | and) product }
    product  = power { (times | divided by | over | percent of) power }
    power    = value { squared | cubed | to the power of value }
    value    = [minus] number | [the] square root of value | half of value
"""

from __future__ import annotations

import math
import re

from voice_assistant.offline.skills.outcome import Say
from voice_assistant.offline.skills.wording import corrected, spoken_number

_ASKED = re.compile(r"^(?:what(?: is| are)?|how much (?:is|are)|calculate|compute|work out|solve|add up) ")
_ENDING = re.compile(r"(?: equals?| equal to| make| is)?(?: what)?$")
_PHRASES = (
    ("multiplied by", "times"),
    ("divided by", "over"),
    ("percent of", "percent"),
    ("to the power of", "power"),
    ("raised to the", "power"),
    ("the square root of", "root"),
    ("square root of", "root"),
    ("half of", "half"),
    ("twice", "2 times"),
    ("added to", "plus"),
    ("negative", "minus"),
)
_VOCABULARY = frozenset(
    (
        *("what", "calculate", "compute", "solve", "multiplied", "divided", "percent", "power"),
        *("square", "squared", "cubed", "times", "minus", "plus", "root"),
    )
)
_LARGEST_POWER = 300.0


class _NotASumError(Exception):
    """The words do not read as a sum."""


class _NoResultError(Exception):
    """A sum without an answer; the message is what to say."""


def answer(text: str) -> Say | None:
    """Work out a sum.

    Args:
        text: An utterance as ``wording.plain`` gives it.
    """
    text = corrected(text, _VOCABULARY)
    asked = _ASKED.match(text)
    words = _ENDING.sub("", text[asked.end() :] if asked else text)
    words = re.sub(r"\ban? (?=\d)", "", words)
    for phrase, word in _PHRASES:
        words = re.sub(rf"\b{phrase}\b", word, words)
    reader = _Reader(words.split(), and_is_plus=asked is not None)
    try:
        result = reader.whole()
    except _NotASumError:
        return None
    except _NoResultError as why:
        return Say(str(why))
    about = "about " if round(result, 3) != result else ""
    return Say(f"That is {about}{spoken_number(result)}.")


class _Reader:
    """Reads words from left to right, one value of the grammar at a time."""

    def __init__(self, words: list[str], *, and_is_plus: bool) -> None:
        self._words = words
        self._at = 0
        self._operators = 0
        self._plus = ("plus", "and") if and_is_plus else ("plus",)

    def whole(self) -> float:
        result = self._sum()
        if self._at < len(self._words) or not self._operators:
            raise _NotASumError
        return result

    def _take(self, *wanted: str) -> str:
        if self._at < len(self._words) and self._words[self._at] in wanted:
            self._at += 1
            return self._words[self._at - 1]
        return ""

    def _operator(self, *wanted: str) -> str:
        taken = self._take(*wanted)
        self._operators += bool(taken)
        return taken

    def _sum(self) -> float:
        result = self._product()
        while sign := self._operator(*self._plus, "minus"):
            right = self._product()
            result = result - right if sign == "minus" else result + right
        return result

    def _product(self) -> float:
        result = self._power()
        while sign := self._operator("times", "x", "over", "percent"):
            right = self._power()
            if sign == "over":
                if right == 0:
                    raise _NoResultError("Nothing can be divided by zero.")
                result /= right
            else:
                result *= right / 100 if sign == "percent" else right
        return result

    def _power(self) -> float:
        result = self._value()
        while sign := self._operator("squared", "cubed", "power"):
            exponent = {"squared": 2.0, "cubed": 3.0}.get(sign) or self._value()
            result = _raised(result, exponent)
        return result

    def _value(self) -> float:
        if self._take("minus"):
            return -self._value()
        if self._operator("root"):
            inside = self._value()
            if inside < 0:
                raise _NoResultError("A negative number has no real square root.")
            return math.sqrt(inside)
        if self._operator("half"):
            return self._value() / 2
        if self._at < len(self._words) and re.fullmatch(r"\d{1,15}(?:\.\d{1,15})?", self._words[self._at]):
            self._at += 1
            return float(self._words[self._at - 1])
        raise _NotASumError


def _raised(base: float, exponent: float) -> float:
    """Raise, within what a float holds and a person can listen to."""
    if base == 0 and exponent < 0:
        raise _NoResultError("Nothing can be divided by zero.")
    if base < 0 and exponent != int(exponent):
        raise _NoResultError("That has no real result.")
    if base and abs(exponent * math.log10(abs(base))) > _LARGEST_POWER:
        raise _NoResultError("That number is too long to say.")
    return float(base**exponent)
