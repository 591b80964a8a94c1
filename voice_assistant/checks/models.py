"""What listens besides the plain detector: the models of the wake word and of the neural one, if asked for.

They come with extras, and a conversation that asks for one that is missing does not begin.
"""

from __future__ import annotations

from voice_assistant.checks.finding import Finding, Tell, failure
from voice_assistant.config import Config
from voice_assistant.errors import ConfigError
from voice_assistant.opinions.micro_wake_word import MicroWakeWord
from voice_assistant.opinions.silero import SileroVoice


def examine(config: Config, tell: Tell) -> None:
    """Load the models that the settings ask for, as a conversation does."""
    if config.turns.mode == "wake-word":
        try:
            MicroWakeWord(config.wake.word)
        except ConfigError as error:
            tell(failure("wake word", error))
        else:
            tell(Finding("wake word", "ok", f'say "{config.wake.word}"', details={"word": config.wake.word}))
    if config.speech.detector == "neural":
        try:
            SileroVoice()
        except ConfigError as error:
            tell(failure("detector", error))
        else:
            tell(Finding("detector", "ok", "neural", details={"detector": "neural"}))
