"""A large message taken apart in small steps: half a minute of sound in one message must hold up nothing.

Providers may send a whole reply as one message. To decode that takes 6 ms here, during which neither the
event loop nor the thread that feeds the loudspeaker gets on: Python's lock is held all the time, on whichever
thread it is done. So the sound is decoded a slice at a time, and what the message says around it is read
without it. Nothing here knows a protocol, or what the sound is for.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Generator, Mapping
from dataclasses import dataclass

from voice_assistant.dialects.fields import UnreadableError, decoded

LARGE = 1 << 17
"""Characters: 2 s of sound. A smaller message is decoded at once, in less than half a millisecond."""

SLICE = 1 << 16
"""Characters decoded in one step, whole groups of four: 0.1 ms."""

QUOTES = 200
"""The sound is looked for among so many of the first quotes: before it stand a type and a few ids."""


@dataclass(frozen=True, slots=True)
class Unpacked:
    """A message whose sound has been decoded.

    Args:
        text: The message, with a name in the sound's place that holds its length and its checksum: two
            messages are equal where their texts are.
        name: What stands there.
        sound: What it stands for.
    """

    text: str
    name: str
    sound: bytes

    def read(self) -> object:
        """Give what the text holds, with the sound as bytes; ValueError where it is not JSON."""
        parsed = json.loads(self.text)
        if not isinstance(parsed, Mapping):
            return parsed
        return {key: self.sound if value == self.name else value for key, value in parsed.items()}


Message = str | bytes | Unpacked
"""A message as it came, or unpacked."""


def unpack(message: str | bytes) -> Generator[None, None, Message]:
    """Take a message apart, in steps of a fraction of a millisecond: ``yield from`` it, or run it dry.

    Returns:
        The message as it came where it holds no long text in base64, or not as one of its own fields.
    """
    text = message if isinstance(message, str) else message.decode("utf-8", "replace")
    yield
    found = _long_text(text)
    if found is None:
        return message
    start, end = found
    parts: list[bytes] = []
    checksum = 0
    for at in range(start, end, SLICE):
        try:
            parts.append(decoded(text[at : min(at + SLICE, end)]))
        except UnreadableError:
            return message
        checksum = zlib.crc32(parts[-1], checksum)
        yield
    name = f"sound of {end - start} characters, {checksum:08x}"
    rest = f"{text[:start]}{name}{text[end:]}"
    yield
    return Unpacked(rest, name, b"".join(parts))


def _long_text(text: str) -> tuple[int, int] | None:
    """Find the one text that makes a message large: where it begins and ends, without its quotes."""
    opening = text.find('"')
    for _ in range(QUOTES):
        if opening < 0:
            return None
        closing = text.find('"', opening + 1)
        if closing < 0:
            return None
        if closing - opening > SLICE:
            # A quote behind a colon begins a text, for within a text it stands behind a backslash; and a
            # text in base64 holds none, so its end is the next quote.
            return (opening + 1, closing) if text[:opening].rstrip(" \t\r\n").endswith(":") else None
        opening = closing
    return None
