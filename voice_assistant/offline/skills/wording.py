"""Words as people and recognisers write them, brought to one form that patterns can be written against.

"What's seventeen times twenty-three?" and "What is 17 x 23" become ``what is 17 times 23``. Politeness around
a request falls away. What a request means is left to the skills.
"""

from __future__ import annotations

import re
from difflib import SequenceMatcher

_FIRST_TWENTY = (
    *("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven"),
    *("twelve", "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen"),
)
UNITS = {word: value for value, word in enumerate(_FIRST_TWENTY)}
TENS = {
    word: (place + 2) * 10
    for place, word in enumerate(
        ("twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")
    )
}
SCALES = {"thousand": 1_000, "million": 1_000_000, "billion": 1_000_000_000}

_CONTRACTIONS = (
    (re.compile(r"\b(what|that|it|there|who|how|where)['\u2019]s\b"), r"\1 is"),
    (re.compile(r"\bi['\u2019]d\b"), "i would"),
    (re.compile(r"\bcan['\u2019]t\b"), "can not"),
    (re.compile(r"\blet['\u2019]s\b"), "let us"),
    (re.compile(r"(?<=\w)['\u2019]s\b"), "s"),
    (re.compile(r"\bto-day\b"), "today"),
)
_SYMBOLS = (
    (re.compile(r"(?<=\d),(?=\d{3}\b)"), ""),
    (re.compile(r"(?<=\d)\s*%"), " percent"),
    (re.compile(r"\u00b0\s*c\b"), " degrees celsius"),
    (re.compile(r"\u00b0\s*f\b"), " degrees fahrenheit"),
    (re.compile(r"\u00b0"), " degrees "),
    (re.compile(r"(?<=\d)\s*(?:[*\u00d7]|x(?=\s*\d))\s*"), " times "),
    (re.compile(r"(?<=\d)\s*[/\u00f7]\s*(?=\d)"), " divided by "),
    (re.compile(r"\s*\+\s*(?=\d)"), " plus "),
    (re.compile(r"(?<=\d)\s+[-\u2212]\s*(?=\d)"), " minus "),
    (re.compile(r"(?<=\d)[-\u2212](?=\d)"), " minus "),
    (re.compile(r"(?<![\w.])[-\u2212](?=\d)"), " minus "),
    (re.compile(r"(?<=\d)(?=[a-z])"), " "),
)
_NOISE = re.compile(r"[^a-z0-9. ]+")
_LONE_DOT = re.compile(r"(?<!\d)\.|\.(?!\d)")

_BEFORE = re.compile(
    r"^(?:(?:hey|hi|hello|ok|okay|so|well|now|um|uh|er|please|and|then|assistant|computer|"
    r"i (?:would|want)(?: like)?(?: you)? to(?: know)?|"
    r"(?:can|could|would|will) you(?: please| just| quickly)*(?: tell me| say)?|"
    r"do you know|tell me(?= (?:what|how|the))|let us)\s+)+"
)
_AFTER = re.compile(r"(?:\s+(?:please|now|right now|for me|then|thanks|thank you|assistant|computer))+$")

CLOSE = 0.8
"""How alike two spellings must be to count as one word misheard; 0 to 1."""


def plain(text: str) -> str:
    """Bring an utterance to lower case without punctuation, numbers as digits, politeness taken off."""
    lowered = text.lower().strip()
    for pattern, plainer in (*_CONTRACTIONS, *_SYMBOLS):
        lowered = pattern.sub(plainer, lowered)
    words = _LONE_DOT.sub(" ", _NOISE.sub(" ", lowered)).split()
    whole = " ".join(digits(words))
    # "What can you do" would lose its middle if the politeness were looked for anywhere but at the ends.
    shorter = _AFTER.sub("", _BEFORE.sub("", whole))
    return shorter or whole


def digits(words: list[str]) -> list[str]:
    """Replace number words by digits: ``twenty three`` is ``23``, ``two point five`` is ``2.5``."""
    out: list[str] = []
    at = 0
    while at < len(words):
        value, used = _number(words, at)
        if used:
            out.append(value)
            at += used
        else:
            out.append(words[at])
            at += 1
    return out


def _number(words: list[str], at: int) -> tuple[str, int]:
    """Read the number that starts at *at*; give its digits and how many words it took, 0 for none."""
    total = group = 0
    taken = position = 0
    last = ""  # what kind of word came before: "two three" is two numbers, "twenty three" one
    while position + at < len(words):
        word = words[at + position]
        if word in UNITS and last in ("", "ten" if UNITS[word] < 10 and UNITS[word] else "", "scale"):
            group += UNITS[word]
            last = "unit"
        elif word in TENS and last in ("", "scale"):
            group += TENS[word]
            last = "ten"
        elif word == "hundred" and last in ("unit", "digits") and group < 100:
            group *= 100
            last = "scale"
        elif word in ("hundred", *SCALES) and not taken and _after_a(words, at):
            group = 100 if word == "hundred" else 0
            total = SCALES.get(word, 0)
            last = "scale"
        elif word in SCALES and last:
            total += max(group, 1) * SCALES[word] if group else SCALES[word]
            group = 0
            last = "scale"
        elif word == "and" and last == "scale" and _starts_number(words, at + position + 1):
            position += 1
            continue
        elif word.isdigit() and not last and _starts_scale(words, at + position + 1):
            group = int(word)
            last = "digits"
        else:
            break
        position += 1
        taken = position
    if not taken:
        return "", 0
    whole = str(total + group)
    if at + taken < len(words) and words[at + taken] == "point":
        decimals = _decimals(words[at + taken + 1 :])
        if decimals:
            return f"{whole}.{decimals}", taken + 1 + len(decimals)
    return whole, taken


def _after_a(words: list[str], at: int) -> bool:
    return at > 0 and words[at - 1] in ("a", "of", "times", "plus", "minus", "by", "is")


def _starts_number(words: list[str], at: int) -> bool:
    return at < len(words) and (words[at] in UNITS or words[at] in TENS)


def _starts_scale(words: list[str], at: int) -> bool:
    return at < len(words) and (words[at] == "hundred" or words[at] in SCALES)


def _decimals(words: list[str]) -> str:
    found = ""
    for word in words:
        if UNITS.get(word, 10) < 10:
            found += str(UNITS[word])
        else:
            break
    return found


def alike(heard: str, meant: str) -> float:
    """Say how alike two spellings are: 0 to 1, the share of letters that match in order."""
    return SequenceMatcher(None, heard, meant, autojunk=False).ratio()


def has_word(text: str, wanted: str) -> bool:
    """Is *wanted*, or a word that may be it misheard, among the words of *text*?"""
    return any(word == wanted or (len(wanted) > 3 and alike(word, wanted) >= CLOSE) for word in text.split())


def corrected(text: str, vocabulary: frozenset[str]) -> str:
    """Put each unknown long word right, where the vocabulary has one that is nearly the same."""
    out = []
    for word in text.split():
        if len(word) >= 5 and word not in vocabulary and word.isalpha():
            best = max(vocabulary, key=lambda known: alike(word, known))
            if len(best) >= 5 and alike(word, best) >= CLOSE:
                word = best
        out.append(word)
    return " ".join(out)


def spoken_number(value: float) -> str:
    """Write a number to be read aloud: whole where it is whole, else three places after the point at most."""
    if abs(value) >= 1e15:
        return f"{value:.3e}".replace("e+", " times ten to the power of ")
    rounded = round(value, 3) if abs(value) >= 0.01 else float(f"{value:.2g}")
    shown = f"{int(rounded)}" if rounded == int(rounded) else f"{rounded:.6f}".rstrip("0")
    return shown.replace("-", "minus ")
