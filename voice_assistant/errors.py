"""The failures that a person can act on.

Each says what happened, to what, and what to do about it. Its ``slug`` is the anchor of its
section in ``docs/troubleshooting.md``. What the other party does wrong is an event, because a
conversation outlives it; what we do wrong is an ordinary exception.
"""

from __future__ import annotations

EXIT_CONFIG = 2
EXIT_DEVICE = 3
EXIT_LINK = 4


class VoiceAssistantError(Exception):
    """A failure with its remedy.

    Args:
        message: What happened, in the user's words; no secrets.
        remedy: What to do, as an instruction.
    """

    slug = "error"
    exit_code = 1

    def __init__(self, message: str, *, remedy: str) -> None:
        super().__init__(message)
        self.remedy = remedy


class ConfigError(VoiceAssistantError):
    """A setting is wrong: which file, table, key and value, and what would do."""

    slug = "config"
    exit_code = EXIT_CONFIG


class UsageError(VoiceAssistantError):
    """The command line is wrong: which part of it."""

    slug = "usage"
    exit_code = EXIT_CONFIG


class RecordingError(VoiceAssistantError):
    """The session cannot be recorded where it was asked for: which folder, and why."""

    slug = "recording"
    exit_code = EXIT_CONFIG


class DeviceError(VoiceAssistantError):
    """A microphone or loudspeaker cannot be used: which one, and what can be used instead."""

    slug = "device"
    exit_code = EXIT_DEVICE


class LinkError(VoiceAssistantError):
    """The provider cannot be reached or has ended the session: the address, the status, what to check."""

    slug = "link"
    exit_code = EXIT_LINK


class AuthError(LinkError):
    """The provider refuses the key, or the key may not use the model."""

    slug = "auth"


class HandshakeError(LinkError):
    """The socket opened, but no session came of it: a model, a voice or a set-up was refused."""

    slug = "handshake"


class ToolError(VoiceAssistantError):
    """A tool could not do what the model asked: told to the model, never to the person's terminal."""

    slug = "tool"
