"""What a dialect is: how one provider says our commands, and what its messages mean."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

from voice_assistant.core.events import Event, WireCommand


@dataclass(frozen=True, slots=True)
class LinkRequest:
    """How to open a websocket to the provider.

    Args:
        url: ``ws://`` or ``wss://``; may hold a secret: show ``shown`` instead.
        shown: The address as a person may see it, without secrets.
        headers: Secrets ride here; never logged.
        heartbeat_s: Seconds between pings, or None where the provider answers them late.
    """

    url: str
    shown: str
    headers: dict[str, str] = field(default_factory=dict, repr=False)
    heartbeat_s: float | None = None


class Dialect(Protocol):
    """One provider's way of speaking, for one websocket: a new link gets a new dialect."""

    def request(self) -> LinkRequest:
        """Say how to open the websocket."""
        ...

    def encode(self, command: WireCommand) -> list[str | bytes]:
        """Put a command into messages, in order; an empty list where the provider has no word for it."""
        ...

    def decode(self, message: str | bytes, at: float) -> list[Event]:
        """Make events of a message.

        Never raises: what cannot be read becomes ``Unrecognised``.

        Args:
            message: As it came from the websocket.
            at: Seconds of the session's clock, to stamp the events with.
        """
        ...
