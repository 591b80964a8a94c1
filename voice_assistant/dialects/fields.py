"""Fields of a message that somebody else wrote: each is there and of its kind, or the message is unreadable.

Shared by the dialects, whose protocols are all JSON with sound in base64. Nothing here knows a protocol.
"""

from __future__ import annotations

import binascii
import re
from collections.abc import Mapping

NAME_CHARACTERS = 80
"""The longest name of anything that is handed on."""

MOST = 10**12
"""No session counts further: whole numbers in JSON may be of any length, and are calculated with."""

_PIECE = re.compile(r"[^=]+={0,2}")


class UnreadableError(Exception):
    """A field is missing, or is not what it should be."""


def object_in(message: Mapping[str, object], key: str) -> Mapping[str, object]:
    """Give a field that is an object."""
    value = message.get(key)
    if not isinstance(value, dict):
        raise UnreadableError(f"no {key}")
    return value


def id_in(message: Mapping[str, object], key: str) -> str:
    """Give a field that is an id: a text, and not empty."""
    text = text_in(message, key)
    if not text:
        raise UnreadableError(f"no {key}")
    return text


def text_in(message: Mapping[str, object], key: str) -> str:
    """Give a field that is a text."""
    value = message.get(key)
    if not isinstance(value, str):
        raise UnreadableError(f"no {key}")
    return clean(value)


def optional_text_in(message: Mapping[str, object], key: str) -> str:
    """Give a field that may be a text; empty where it is none."""
    value = message.get(key)
    return clean(value) if isinstance(value, str) else ""


def count_in(message: object, key: str) -> int:
    """Give a field that may count something; 0 where it does not, or counts what nobody could have used."""
    value = message.get(key) if isinstance(message, dict) else None
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= MOST else 0


def sound_in(message: Mapping[str, object], key: str) -> bytes:
    """Give a field that is sound: in base64, or decoded already (``unpacking.py``)."""
    value = message.get(key)
    if isinstance(value, bytes):
        return value
    if not isinstance(value, str):
        raise UnreadableError(f"no {key}")
    try:
        return decoded(value)
    except UnreadableError as error:
        raise UnreadableError(f"{key} is not base64") from error


def decoded(text: str) -> bytes:
    """Decode base64, also where several texts were written one after the other.

    A server that joins the parts of a reply as text leaves the padding of each inside: a strict decoder
    refuses that, and a lax one stops at the first. So each piece is decoded by itself.
    """
    try:
        try:
            return binascii.a2b_base64(text, strict_mode=True)
        except binascii.Error:
            return b"".join(binascii.a2b_base64(piece, strict_mode=True) for piece in _PIECE.findall(text))
    except ValueError as error:
        raise UnreadableError("it is not base64") from error


def clean(text: str) -> str:
    """Replace halves of characters ("\\ud800" in JSON), which no file and no terminal takes."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode("utf-8")


def short(name: str) -> str:
    """Cut a name to ``NAME_CHARACTERS``."""
    return clean(name)[:NAME_CHARACTERS]
