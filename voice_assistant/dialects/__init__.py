"""How each provider says it on the wire: commands to messages, messages to events.

Pure, as the core is: a dialect remembers what its protocol makes it remember, and never the time.
"""

from __future__ import annotations

from collections.abc import Sequence

from voice_assistant.core.calls import ToolSpec
from voice_assistant.dialects.base import Dialect, ProviderSettings
from voice_assistant.dialects.litellm import LiteLLM
from voice_assistant.dialects.names import ItemNames
from voice_assistant.dialects.openai import OpenAI


def new_dialect(
    settings: ProviderSettings, key: str, tools: Sequence[ToolSpec], names: ItemNames | None = None
) -> Dialect:
    """Make the dialect of the settings' provider, for one websocket; all of a session share *names*.

    Raises:
        ConfigError: The settings' address is none, or no model is named.
    """
    match settings.name:
        case "offline":
            return OpenAI(settings, key, tools, names)
        case "litellm" | "auto":
            return LiteLLM(settings, key, tools, names)
