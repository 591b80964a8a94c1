"""The last answer, kept so that it can be heard again.

It is played from here, as a reply of our own: the provider is not asked, and not told.
"""

from __future__ import annotations

from voice_assistant.core.audio import REPLY_RATE, SAMPLE_BYTES

AGAIN = "again:"
"""The items of what is played again begin so; then comes a number, and the item that it was."""

LONGEST_S = 300.0
"""What is kept of an answer: nobody asks for more, and a minute takes 3 MB of memory."""


class Encore:
    """Keeps the sound of the newest reply; 16-bit mono at 24 kHz."""

    def __init__(self) -> None:
        self._item = ""
        self._parts: list[bytes] = []
        self._bytes = 0
        self._times = 0

    def keep(self, item: str, pcm: bytes) -> None:
        """Take the next part of a reply; one that is new takes the place of the one before."""
        if item != self._item:
            self._item, self._parts, self._bytes = item, [], 0
        if self._bytes < LONGEST_S * REPLY_RATE * SAMPLE_BYTES:
            self._parts.append(pcm)
            self._bytes += len(pcm)

    def again(self) -> tuple[str, bytes] | None:
        """Give what was kept, with an item of its own; None where nothing was said so far."""
        if not self._bytes:
            return None
        self._times += 1
        self._parts = [b"".join(self._parts)]
        return f"{AGAIN}{self._times}:{self._item}", self._parts[0]


def original_of(item: str) -> str | None:
    """Give the reply that an item plays again; None for a reply of the provider's."""
    return item.split(":", 2)[2] if item.startswith(AGAIN) else None
