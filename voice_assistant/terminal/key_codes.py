"""The bytes of a terminal's keyboard, taken apart: strokes of keys, answers of the terminal, and the rest.

Knows the kitty keyboard protocol, the older sequences of xterm and VT100, UTF-8, bracketed paste, and the
shape of everything else a terminal may send (ECMA-48), so that an answer nobody asked for never looks like a
key. Bytes may be cut anywhere. What a key is for is left to ``key_decoder.py``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

ESCAPE_S = 0.1
"""Seconds after which a lone escape byte was the Escape key, where that key is not encoded."""

SEQUENCE_S = 1.0
"""Seconds in which a sequence that has begun must be complete; what is left of it then is dropped."""

LONGEST_SEQUENCE = 256
"""Bytes; a longer one is neither a key nor an answer. Strings may be longer: they are passed over."""

LONGEST_PASTE = 100_000
"""Bytes of a paste that are kept; the rest is passed over."""

RELEASES_FLAG = 2
"""Of the kitty protocol's flags: report repeats and releases."""

_SHIFT, _CTRL, _ALT_AND_ABOVE, _LOCKS = 1, 4, 2 | 8 | 16 | 32, 64 | 128

_NAMES = {9: "tab", 10: "enter", 13: "enter", 27: "esc", 32: "space", 127: "backspace", 8: "backspace"}

SAME = {f"ctrl-{chr(code + 64).lower()}": name for code, name in _NAMES.items() if code < 32}
"""Keys that send the byte of another: only a terminal that encodes them tells them apart."""

_MODIFIERS = {
    57441: "left-shift",
    57442: "left-ctrl",
    57443: "left-alt",
    57447: "right-shift",
    57448: "right-ctrl",
    57449: "right-alt",
}

_LETTERS = {
    "A": "up",
    "B": "down",
    "C": "right",
    "D": "left",
    "F": "end",
    "H": "home",
    "P": "f1",
    "Q": "f2",
    "S": "f4",
}

_VT100_LETTERS = {**_LETTERS, "R": "f3"}
"""After ``ESC O``. After ``CSI``, R is the answer to where the cursor is, so F3 only comes as ``13~``."""

_NUMBERS = {
    1: "home",
    2: "insert",
    3: "delete",
    4: "end",
    5: "pageup",
    6: "pagedown",
    7: "home",
    8: "end",
    11: "f1",
    12: "f2",
    13: "f3",
    14: "f4",
    15: "f5",
    17: "f6",
    18: "f7",
    19: "f8",
    20: "f9",
    21: "f10",
    23: "f11",
    24: "f12",
}

NAMES = frozenset({*_NAMES.values(), *_MODIFIERS.values(), *_LETTERS.values(), *_NUMBERS.values()})
"""Names of keys that are not a character."""

_JOINERS = "\u200c\u200d"
"""Without a shape of their own, and part of many scripts and emoji."""

_CSI = re.compile(rb"\x1b\[([0-?]*)([ -/]*)([@-~])")
_CSI_BEGUN = re.compile(rb"\x1b\[[0-?]*[ -/]*\Z")
_STRING_STARTS = frozenset(b"]PX^_")
_STRING_ENDS = re.compile(rb"[\x07\x1b]")
_PASTE_END = b"\x1b[201~"


@dataclass(frozen=True, slots=True)
class Stroke:
    """One message about a key.

    Args:
        key: The key itself, whatever is held with it.
        name: The key with what is held with it, as it stands in the settings: ``ctrl-c``.
        kind: Bare bytes are a press, or a repeat: they do not tell.
        is_encoded: It came in the kitty protocol's form, which tells presses and repeats apart.
        text: What it types; empty where it is no text. An input method gives text without a key.
    """

    key: str
    name: str
    kind: Literal["press", "repeat", "release"]
    is_encoded: bool
    text: str = ""


@dataclass(frozen=True, slots=True)
class Answer:
    """The terminal says what it can do: does it report releases?"""

    releases: bool


@dataclass(frozen=True, slots=True)
class FocusLost:
    """Another window has the keyboard now."""


@dataclass(frozen=True, slots=True)
class Pasted:
    """Text that was pasted, whole; anything may be in it."""

    text: str


Token = Stroke | Answer | FocusLost | Pasted


class KeyCodes:
    """Takes bytes apart; keeps what is not complete yet."""

    def __init__(self) -> None:
        self.escapes_are_encoded = False
        """The Escape key comes as a sequence: a lone escape byte is the start of one, however slow."""
        self._left = b""
        self._since = 0.0
        self._inside: Literal["", "paste", "string"] = ""
        self._paste = b""

    def feed(self, data: bytes, at: float) -> list[Token]:
        """Take the next bytes, cut anywhere."""
        tokens: list[Token] = list(self.expire(at))
        if not self._left and not self._inside:
            self._since = at
        data = self._left + data
        self._left = b""
        while data:
            taken, token = self._next(data)
            if taken == 0:
                self._left = data
                break
            if self._inside != "string":
                self._since = at
            data = data[taken:]
            if token is not None:
                tokens.append(token)
        return tokens

    def deadline(self) -> float | None:
        """When ``expire`` is due; None while nothing is incomplete."""
        if not self._left and not self._inside:
            return None
        return self._since + (ESCAPE_S if self._is_escape_key else SEQUENCE_S)

    def expire(self, at: float) -> list[Stroke | Pasted]:
        """Give up what did not get complete in time; a lone escape was a key, a paste is what came of it."""
        due = self.deadline()
        if due is None or at < due:
            return []
        strokes: list[Stroke | Pasted] = [_bare("esc")] if self._is_escape_key else []
        if self._inside == "paste":
            strokes.append(self._take_paste())
        self._left = b""
        self._inside = ""
        return strokes

    @property
    def _is_escape_key(self) -> bool:
        return self._left == b"\x1b" and not self._inside and not self.escapes_are_encoded

    def _next(self, data: bytes) -> tuple[int, Token | None]:
        """Give how many bytes the first thing takes, and what it is; 0 where more must come."""
        match self._inside:
            case "paste":
                return self._pasted(data)
            case "string":
                return self._passed_over(data)
        if data[0] != 0x1B:
            return _character(data)
        if match := _CSI.match(data):
            return self._control(data, match)
        if data == b"\x1b" or data == b"\x1bO" or _CSI_BEGUN.match(data):
            return (0, None) if len(data) <= LONGEST_SEQUENCE else (len(data), None)
        if data[1] in _STRING_STARTS:
            self._inside = "string"
            return 2, None
        if data[1:2] == b"O":
            name = _VT100_LETTERS.get(chr(data[2]))
            return 3, _bare(name) if name else None
        if data[1:2] == b"\x1b":
            return 1, _bare("esc")
        return 2, None  # Alt with a character, or the start of nonsense: not a key of ours.

    def _passed_over(self, data: bytes) -> tuple[int, Token | None]:
        """Pass over a string (OSC, DCS and their like) up to its end."""
        end = _STRING_ENDS.search(data)
        if end is None:
            return len(data), None
        if data[end.start()] == 0x07:
            self._inside = ""
            return end.end(), None
        if end.start() > 0:
            return end.start(), None
        if len(data) < 2:
            return 0, None
        self._inside = ""
        return (2, None) if data[1:2] == b"\\" else self._next(data)  # Any other escape breaks it off.

    def _pasted(self, data: bytes) -> tuple[int, Token | None]:
        """Gather what is pasted: it is text, not keys."""
        end = data.find(_PASTE_END)
        if end >= 0:
            self._keep_pasted(data[:end])
            self._inside = ""
            return end + len(_PASTE_END), self._take_paste()
        tail = next(n for n in range(len(_PASTE_END) - 1, -1, -1) if data.endswith(_PASTE_END[:n]))
        self._keep_pasted(data[: len(data) - tail])
        return len(data) - tail, None

    def _keep_pasted(self, data: bytes) -> None:
        self._paste += data[: max(LONGEST_PASTE - len(self._paste), 0)]

    def _take_paste(self) -> Pasted:
        paste, self._paste = self._paste, b""
        return Pasted(paste.decode("utf-8", "replace"))

    def _control(self, data: bytes, match: re.Match[bytes]) -> tuple[int, Token | None]:
        parameters, intermediates, final = (group.decode("ascii") for group in match.groups())
        end = match.end()
        if intermediates:
            return end, None
        match final:
            case "u" if parameters.startswith("?"):
                flags = parameters[1:]
                return end, Answer(releases=flags.isdigit() and bool(int(flags) & RELEASES_FLAG))
            case "c" if parameters.startswith("?"):
                return end, Answer(releases=False)
            case "~" if parameters == "200":
                self._inside = "paste"
                return end, None
            case "O" if not parameters:
                return end, FocusLost()
            case "M" if not parameters:
                return (end + 3, None) if len(data) >= end + 3 else (0, None)  # X10 mouse: three bytes more.
            case "[" if not parameters:
                return (end + 1, None) if len(data) > end else (0, None)  # A function key of Linux' console.
            case _:
                return end, _encoded(parameters, final)


def _character(data: bytes) -> tuple[int, Token | None]:
    """A key that sends itself: ASCII, a control character, or UTF-8."""
    first = data[0]
    if first in _NAMES:
        return 1, _bare(_NAMES[first])
    if first == 0:
        return 1, Stroke("space", "ctrl-space", "press", is_encoded=False)
    if first <= 26:
        letter = chr(first + 96)
        return 1, Stroke(letter, f"ctrl-{letter}", "press", is_encoded=False)
    if first < 0x20:
        return 1, None
    length = 1 if first < 0x80 else 2 if first < 0xE0 else 3 if first < 0xF0 else 4
    if length > len(data) and all(byte & 0xC0 == 0x80 for byte in data[1:]) and first >= 0xC2:
        return 0, None
    try:
        text = data[:length].decode("utf-8")
    except UnicodeDecodeError:
        return 1, None
    return length, _bare(text.lower(), text)


def _bare(name: str, text: str = "") -> Stroke:
    return Stroke(name, name, "press", is_encoded=False, text=" " if name == "space" else text)


def _encoded(parameters: str, final: str) -> Stroke | None:
    """A key as kitty and xterm encode it: ``code:... ; 1 + modifiers : kind ; text`` and a final letter."""
    fields = [part.split(":") for part in parameters.split(";")]
    numbers = [[int(value) if value.isdigit() else 0 for value in part] for part in fields]
    if not all(value.isdigit() or not value for part in fields for value in part):
        return None
    code = numbers[0][0]
    held = numbers[1] if len(numbers) > 1 else [1]
    modifiers = max(held[0] - 1, 0) & ~_LOCKS
    kind: Literal["press", "repeat", "release"] = "press"
    if len(held) > 1:
        kind = {2: "repeat", 3: "release"}.get(held[1], "press")  # type: ignore[assignment]
    key: str | None
    match final:
        case "u":
            key = _MODIFIERS.get(code) or _NAMES.get(code) or _printable(code)
        case "~":
            key = _NUMBERS.get(code)
        case _:
            key = _LETTERS.get(final) if code in (0, 1) else None
    text = "" if modifiers & (_CTRL | _ALT_AND_ABOVE) else _typed(numbers, final, key)
    if key is None:
        return Stroke("", "", kind, is_encoded=True, text=text) if text else None
    # As in other terminals, what a key types is its name: '?' and not the key below it.
    name = text.lower() if len(text) == 1 and text.isprintable() and text != " " else key
    if key not in _MODIFIERS.values():
        name = f"ctrl-{name}" if modifiers & _CTRL else name
        name = f"alt-{name}" if modifiers & _ALT_AND_ABOVE else name
    # xterm's older forms carry no kind, and repeat like bare bytes where nothing better was agreed.
    return Stroke(key, name, kind, is_encoded=final == "u" or len(held) > 1, text=text)


def _typed(numbers: list[list[int]], final: str, key: str | None) -> str:
    """What an encoded key types: what the terminal says of it, else what can be told from the key."""
    if final != "u":
        return ""
    if len(numbers) > 2:
        return "".join(chr(code) for code in numbers[2] if _is_text(code))
    if key == "space":
        return " "
    if key is None or len(key) != 1:
        return ""
    is_shifted = len(numbers) > 1 and bool((numbers[1][0] - 1) & _SHIFT)
    return key.upper() if is_shifted else key


def _is_text(code: int) -> bool:
    return code <= 0x10FFFF and (chr(code).isprintable() or chr(code) in _JOINERS)


def _printable(code: int) -> str | None:
    if code <= 32 or 0xE000 <= code <= 0xF8FF or 0xD800 <= code <= 0xDFFF or code > 0x10FFFF:
        return None
    return chr(code).lower()
