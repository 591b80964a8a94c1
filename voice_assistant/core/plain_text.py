"""Untrusted text, made safe to show.

What a server, a tool or the network says may hold terminal escapes that move the cursor, retitle the window
or write the clipboard, overrides that turn a line's reading order, and characters that nobody can see.
``neutralise`` takes those out and leaves the words: every script, combining marks and emoji survive. Colours
and wrapping are left to ``terminal/``, which shows what it is given as text, never as markup.
"""

from __future__ import annotations

import re
import unicodedata

MAX_MARKS = 8
"""Combining marks in a row that are kept: more than any script stacks, too few to climb over other lines."""

_ESCAPES = re.compile(
    r"""
    (?: \x1b[\]PX^_] | [\x90\x98\x9d\x9e\x9f] )         # OSC, DCS, SOS, PM, APC: a string ...
        [^\x07\x1b\x9c]* (?: \x07 | \x1b\\ | \x9c )     # ... up to its terminator
    | (?: \x1b\[ | \x9b ) [0-?]* [ -/]* [@-~]           # CSI: parameters, intermediates, a final byte
    | \x1b [ -/]+ [0-~]                                 # an escape with intermediates: character sets
    | \x1b [0-~]                                        # a two-character escape, or an introducer by itself
    """,
    re.VERBOSE,
)
"""ECMA-48 sections 5.4 to 5.6. A string without an end only loses its introducer: it cannot hide the rest."""

_LINE_BREAKS = re.compile("(?:\r\n|[\n\r\v\f\x1c-\x1e\x85\u2028\u2029])+")
_PLAIN_ASCII = re.compile(r"[ -~]*\Z")

_JOINERS = frozenset("\u200c\u200d")
_BLANK_LETTERS = frozenset("\u115f\u1160\u3164\uffa0")
_REPLACEMENT = "\ufffd"


def neutralise(text: str, *, keep_lines: bool = False) -> str:
    """Give *text* without anything that acts on a terminal or hides from the reader.

    Removed: escape sequences, control characters, overrides and isolates of the reading order, invisible
    format characters, variation selectors that carry data, combining marks beyond ``MAX_MARKS`` in a row.
    Joiners stay between letters or emoji that need them. Lone surrogates and noncharacters become U+FFFD.
    Tabs become spaces.

    Args:
        text: From outside; may be anything.
        keep_lines: Keep each run of line breaks as one ``"\\n"``; otherwise it becomes one space.
    """
    if _PLAIN_ASCII.match(text):
        return text
    text = _ESCAPES.sub("", text)
    kept: list[str] = []
    marks = 0
    for piece in _LINE_BREAKS.sub("\n", text):
        char = _safe(piece, keep_lines)
        if not char or (char == "\n" and kept and kept[-1] == "\n"):
            continue
        if unicodedata.category(char) in ("Mn", "Me"):
            marks += 1
            if marks > MAX_MARKS:
                continue
        elif char not in _JOINERS:
            marks = 0
        if kept and kept[-1] in _JOINERS and not _joinable(char):
            kept.pop()
        if char in _JOINERS and not (kept and _joinable(kept[-1])):
            continue
        kept.append(char)
    if kept and kept[-1] in _JOINERS:
        kept.pop()
    return "".join(kept)


def _safe(char: str, keep_lines: bool) -> str:
    """Give what one character becomes; an empty string where it goes."""
    if " " <= char <= "~":
        return char
    if char == "\n":
        return "\n" if keep_lines else " "
    if char == "\t" or char in _BLANK_LETTERS:
        return " "
    code = ord(char)
    if 0xE0100 <= code <= 0xE01EF:
        return ""
    if code & 0xFFFE == 0xFFFE or 0xFDD0 <= code <= 0xFDEF:
        return _REPLACEMENT
    match unicodedata.category(char):
        case "Cs":
            return _REPLACEMENT
        case "Cf":
            return char if char in _JOINERS else ""
        case "Cc" | "Zl" | "Zp":
            return ""
    return char


def _joinable(char: str) -> bool:
    """Say whether a joiner beside *char* can change how it is written: scripts and emoji, never ASCII."""
    return char > "~" and not char.isspace() and char not in _JOINERS
