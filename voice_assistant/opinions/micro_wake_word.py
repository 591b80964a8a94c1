"""microWakeWord, from the package ``pymicro-wakeword``: the model behind ``core/wake.py``.

The extra ``[wake]`` installs it, with four words. It is imported when a model is made, and by nothing else.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from voice_assistant.errors import ConfigError

REMEDY = (
    "In a checkout run: python3 scripts/setup.py --extra wake. Where pip installed this program: pip install "
    "'voice-assistant[wake]'. It takes Linux with glibc 2.35 (Debian 12, Ubuntu 22.04) or macOS 15 on Apple "
    'silicon; elsewhere choose another mode, such as mode = "hands-free".'
)


class MicroWakeWord:
    """Was the word said?

    Args:
        word: One of those that the package carries, with spaces or underscores, in any case.
        threshold: The mean probability that makes it sure, 0 to 1; 0 for the model's own.

    Raises:
        ConfigError: The package is not installed or does not run here, or it carries no such word.
    """

    def __init__(self, word: str, threshold: float = 0.0) -> None:
        self._model, self._features = _load("_".join(word.lower().replace("_", " ").split()), word)
        if threshold:
            self._model.probability_cutoff = threshold

    def hear(self, samples: NDArray[np.int16]) -> bool:
        """Take the next samples at 16 kHz; was the word said until now?"""
        # Each of them is to be fed, also behind the one that says yes.
        heard = [
            self._model.process_streaming(features)
            for features in self._features.process_streaming(samples.tobytes())
        ]
        return any(heard)


def _load(name: str, word: str) -> tuple[Any, Any]:
    try:
        import pymicro_wakeword

        words = {model.value: model for model in pymicro_wakeword.Model}
        if name in words:
            model = pymicro_wakeword.MicroWakeWord.from_builtin(words[name])
            return model, pymicro_wakeword.MicroWakeWordFeatures()
    except (ImportError, OSError, ValueError) as error:
        # OSError: built for a newer C library than this system has; ValueError: none for this platform.
        raise ConfigError(
            f'mode is "wake-word", and its package pymicro-wakeword cannot be used here: {error}',
            remedy=REMEDY,
        ) from error
    known = ", ".join(f'"{value.replace("_", " ")}"' for value in sorted(words))
    raise ConfigError(
        f"[wake] word is {word!r}; it must be one of those that pymicro-wakeword carries: {known}",
        remedy='Write word = "okay nabu", the default, or leave the line out.',
    )
