"""Names that are never used twice, and messages that came twice.

A server makes up ids as it likes: the same one for two replies, the same ones again on every link. A reply's
name is what the loudspeaker and the books know it by for the whole session, so it is made here.
"""

from __future__ import annotations

import re
from collections import OrderedDict

from voice_assistant.dialects.unpacking import Message, Unpacked

REMEMBERED = 64
"""Messages among which a repeated one is looked for: what comes twice comes close together."""

_EVENT_ID = re.compile(r'"event_id"\s*:\s*"([^"]+)"')


class ItemNames:
    """The names of all replies of a session; its dialects share one."""

    def __init__(self) -> None:
        self._used: set[str] = set()

    def new(self, wire_id: str) -> str:
        """Name a reply that begins: as the server does, with a count behind it where that was used before."""
        name, uses = wire_id, 1
        while name in self._used:
            uses += 1
            name = f"{wire_id}#{uses}"
        self._used.add(name)
        return name


class Repeats:
    """Knows a message that came twice by its ``event_id``: the same id, and every other byte the same.

    Without ids nothing can be told apart: two equal messages may be two stretches of silence. So nothing is
    ever a repeat there, nor where a server gives one id to different messages.
    """

    def __init__(self) -> None:
        self._seen: OrderedDict[str, int] = OrderedDict()
        self._ids_tell = True

    def has_come(self, message: Message) -> bool:
        """Take the next message; say whether it has come before."""
        if not self._ids_tell:
            return False
        text = _text_of(message)
        found = _EVENT_ID.search(text)
        if found is None:
            return False
        event_id, fingerprint = found[1], hash(text)
        if event_id not in self._seen:
            self._seen[event_id] = fingerprint
            if len(self._seen) > REMEMBERED:
                self._seen.popitem(last=False)
            return False
        self._ids_tell = self._seen[event_id] == fingerprint
        return self._ids_tell


def _text_of(message: Message) -> str:
    match message:
        case Unpacked(text=text):
            return text
        case bytes():
            return message.decode("utf-8", "replace")
        case _:
            return message
