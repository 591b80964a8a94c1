"""Large letters out of block characters, for an audience: each letter five dots wide and seven high.

Dots become cells in three sizes, so that a word can be as large as the terminal allows. Only capitals, digits
and the commonest signs are drawn; letters with marks are drawn without them. ``can_show`` says whether a text
can be shown so; what it cannot is shown as it is.
"""

from __future__ import annotations

import unicodedata
from functools import lru_cache
from typing import Literal

Size = Literal["small", "medium", "large"]
SIZES: tuple[Size, ...] = ("large", "medium", "small")

DOTS_WIDE, DOTS_HIGH = 5, 7

_DOTS = {
    "A": "0E11111F111111",
    "B": "1E11111E11111E",
    "C": "0E11101010110E",
    "D": "1E11111111111E",
    "E": "1F10101E10101F",
    "F": "1F10101E101010",
    "G": "0E11101711110E",
    "H": "1111111F111111",
    "I": "0E04040404040E",
    "J": "0702020202120C",
    "K": "11121418141211",
    "L": "1010101010101F",
    "M": "111B1515111111",
    "N": "11191915131311",
    "O": "0E11111111110E",
    "P": "1E11111E101010",
    "Q": "0E11111115120D",
    "R": "1E11111E141211",
    "S": "0F10100E01011E",
    "T": "1F040404040404",
    "U": "1111111111110E",
    "V": "11111111110A04",
    "W": "11111115151B11",
    "X": "11110A040A1111",
    "Y": "11110A04040404",
    "Z": "1F01020408101F",
    "0": "0E11131519110E",
    "1": "040C040404040E",
    "2": "0E11010608101F",
    "3": "1F02040601110E",
    "4": "02060A121F0202",
    "5": "1F101E0101110E",
    "6": "0608101E11110E",
    "7": "1F010204080808",
    "8": "0E11110E11110E",
    "9": "0E11110F01020C",
    " ": "00000000000000",
    ".": "00000000000C0C",
    ",": "000000000C0408",
    "!": "04040404040004",
    "?": "0E110102040004",
    "'": "04040800000000",
    '"': "0A0A0000000000",
    "-": "0000000E000000",
    "_": "0000000000001F",
    ":": "000C0C000C0C00",
    ";": "000C0C000C0408",
    "/": "01010204081010",
    "(": "02040808080402",
    ")": "08040202020408",
    "+": "0004041F040400",
    "=": "00001F001F0000",
    "%": "18190204081303",
    "&": "0C12140815120D",
    "*": "00150E1F0E1500",
}
"""Rows from the top, two hexadecimal digits each; the highest of the five bits is the left dot. Our own."""

_SAME = str.maketrans(
    {"\u2019": "'", "\u2018": "'", "\u201c": '"', "\u201d": '"', "\u2013": "-", "\u2014": "-"}
)

_QUADRANTS = " \u2597\u2596\u2584\u259d\u2590\u259e\u259f\u2598\u259a\u258c\u2599\u2580\u259c\u259b\u2588"
"""By four bits: upper left, upper right, lower left, lower right (U+2580 to U+259F)."""

_HALVES = " \u2584\u2580\u2588"
"""By two bits: upper, lower."""


def drawable(text: str) -> str | None:
    """Give *text* as it can be drawn: capitals without marks; None where a character cannot be."""
    plain = unicodedata.normalize("NFKD", text.translate(_SAME)).upper()
    shown = "".join(char for char in plain if not unicodedata.combining(char))
    return shown if all(char in _DOTS for char in shown) else None


def letter_cells(size: Size) -> tuple[int, int]:
    """Give the cells of one letter, the gap behind it included: width and height."""
    return {"large": (12, 7), "medium": (6, 4), "small": (3, 4)}[size]


@lru_cache(maxsize=64)
def draw(text: str, size: Size) -> tuple[str, ...]:
    """Draw a text that is ``drawable``: its rows from the top, all of one width."""
    dots = [_row_of_dots(text, row) for row in range(DOTS_HIGH)]
    if size == "large":
        return tuple("".join("\u2588\u2588" if dot else "  " for dot in row) for row in dots)
    dots.append([False] * len(dots[0]))
    pairs = zip(dots[::2], dots[1::2], strict=True)
    if size == "medium":
        return tuple("".join(_HALVES[2 * a + b] for a, b in zip(*pair, strict=True)) for pair in pairs)
    return tuple(_quadrants(upper, lower) for upper, lower in pairs)


def _row_of_dots(text: str, row: int) -> list[bool]:
    dots: list[bool] = []
    for char in text:
        bits = int(_DOTS[char][2 * row : 2 * row + 2], 16)
        dots += [bool(bits >> (DOTS_WIDE - 1 - at) & 1) for at in range(DOTS_WIDE)]
        dots.append(False)
    return dots


def _quadrants(upper: list[bool], lower: list[bool]) -> str:
    return "".join(
        _QUADRANTS[8 * upper[at] + 4 * upper[at + 1] + 2 * lower[at] + lower[at + 1]]
        for at in range(0, len(upper), 2)
    )
