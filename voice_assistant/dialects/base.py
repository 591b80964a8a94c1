"""What a dialect is: how one provider says our commands, and what its messages mean."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, Protocol

from voice_assistant.core.events import Event, Recalled, WireCommand
from voice_assistant.core.settings import check_choice, check_range
from voice_assistant.dialects.unpacking import Message

DEFAULT_INSTRUCTIONS = (
    "You are a helpful voice assistant. Answer in the language you are spoken to, in a few short sentences "
    "fit to be heard, without lists or markup."
)


@dataclass(frozen=True, slots=True)
class ProviderSettings:
    """The table ``[provider]``: whom we talk to, and who it shall be. The key is never among these."""

    name: Literal["auto", "litellm", "offline"] = "auto"
    """"litellm", a proxy in front of Gemini; "offline", on this machine; "auto", a proxy if one is named"""

    url: str = ""
    """the proxy's address, with or without /v1/realtime; empty for http://localhost:4000"""

    model: str = ""
    """A model of the proxy's list; empty takes the only realtime one that it offers."""

    voice: str = "Puck"
    """A voice of Gemini's, such as Puck, Kore, Charon or Zephyr; empty leaves the choice to the model."""

    instructions: str = DEFAULT_INSTRUCTIONS
    """Who the assistant is and how it answers."""

    end_of_turn: Literal["commit", "end"] = "commit"
    """The word that ends your turn: input_audio_buffer.commit, or .end, which only LiteLLM knows."""

    silence_duration_ms: int = 2000
    """Silence after which the provider ends your turn by itself; 100 to 10000. Longer than your pauses."""

    prefix_padding_ms: int = 300
    """What the provider counts to your speech from before it heard you; 0 to 2000."""

    beta_header: bool = False
    """Ask for the names of the protocol's beta. Both are understood; only old proxies need it."""

    def __post_init__(self) -> None:
        check_choice(self, "name", ("auto", "litellm", "offline"))
        check_choice(self, "end_of_turn", ("commit", "end"))
        check_range(self, "silence_duration_ms", 100, 10_000)
        check_range(self, "prefix_padding_ms", 0, 2000)


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

    def decode(self, message: Message, at: float) -> list[Event]:
        """Make events of a message.

        Never raises: what cannot be read becomes ``Unrecognised``.

        Args:
            message: As it came from the websocket, or unpacked where it is large.
            at: Seconds of the session's clock, to stamp the events with.
        """
        ...


def with_recall(instructions: str, recall: tuple[Recalled, ...]) -> str:
    """Put the conversation so far behind the instructions, as something to know and not to answer."""
    if not recall:
        return instructions
    names = {"user": "User", "assistant": "You"}
    said = "\n".join(f"{names[one.speaker]}: {one.text}" for one in recall)
    return (
        f"{instructions}\n\nThis conversation was interrupted and goes on now. What was said before, for you "
        f"to know and not to answer again:\n{said}"
    ).strip()
