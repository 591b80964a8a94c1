"""How each provider says it on the wire: commands to messages, messages to events.

Pure, as the core is: a dialect remembers what its protocol makes it remember, and never the time.
"""

from __future__ import annotations

from voice_assistant.dialects.base import Dialect, ProviderSettings
from voice_assistant.dialects.litellm import LiteLLM


def new_dialect(settings: ProviderSettings, key: str) -> Dialect:
    """Make the dialect of the settings' provider, for one websocket.

    Raises:
        ConfigError: The settings' address is none, or no model is named.
    """
    match settings.name:
        case "litellm":
            return LiteLLM(settings, key)
