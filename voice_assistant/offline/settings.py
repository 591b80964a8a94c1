"""The settings of the offline provider: the table ``[offline]``.

The chat key is none of them: keys come from the environment (``spawn.py``).
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class OfflineSettings:
    """What the offline provider is given besides its skills."""

    chat_url: str = ""  # OpenAI-compatible chat for what no skill answers: http://localhost:11434/v1
    chat_model: str = ""  # the model's name there; empty for the first one it lists
    model_path: str = ""  # a folder with a recognition model of your own; empty for the one included
