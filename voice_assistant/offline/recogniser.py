"""Speech to text, behind one small interface.

``Recogniser`` is all that the rest knows: 16 kHz sound in, words out. ``Moonshine`` is the one we ship: its
wheel carries the model, so nothing is downloaded. Where that wheel does not exist for a platform, ``load``
says so in a sentence, and what would serve instead.

It judges nothing: what a turn is, and when to listen again, is decided in ``intake.py`` and ``dictation.py``.
"""

from __future__ import annotations

import asyncio
import contextlib
import platform
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from voice_assistant.core.audio import NEAR_RATE

BUNDLED_MODEL = "tiny-en"
_PAD_MS = 500
"""Silence added after the sound: without it a last word is doubled or the sentence ends in a comma, and with
300 ms a third more words of people are misheard. Silence before the sound does harm."""
_SHORTEST_MS = 100
_LONGEST_MS = 30_000
"""Longer sound is cut: the model was made for 30 s, and leaves most of 70 s out."""
_CUT_FROM_MS = 12_000
_CUT_MS = 300
"""A cut is made where this much is quietest, from ``_CUT_FROM_MS`` on: between two sentences, most likely."""
_OF_NO_SPEECH = frozenset({"you"})
"""What this model writes down of sound in which nobody speaks; as the whole of a turn it asks for nothing."""
_OPTIONS = {
    "return_audio_data": "false",
    "identify_speakers": "false",
    # Turns are found here, not there: everything that is handed over is speech.
    "vad_threshold": "0.0",
}


class RecogniserMissingError(Exception):
    """Speech cannot be recognised here; the message says why and what would serve instead."""


class RecognitionError(Exception):
    """One stretch of speech could not be read; the next one may be."""


class Recogniser(Protocol):
    """Something that understands speech."""

    name: str

    async def words(self, pcm: bytes) -> str:
        """Write down what was said.

        Args:
            pcm: A stretch of speech: 16-bit little-endian mono at 16 kHz.

        Returns:
            The words with their punctuation; empty where there are none.

        Raises:
            RecogniserMissingError: There is none.
            RecognitionError: It failed on this stretch.
        """
        ...

    def close(self) -> None:
        """Give up the model."""
        ...


class Moonshine:
    """Moonshine, a small English model that runs on a processor.

    Args:
        model_path: A folder with a model of one's own, or None for the one in the wheel.

    Raises:
        RecogniserMissingError: The wheel is not here, or the model cannot be read.
    """

    def __init__(self, model_path: Path | None = None) -> None:
        try:
            from moonshine_voice.moonshine_api import ModelArch
            from moonshine_voice.transcriber import Transcriber
            from moonshine_voice.utils import get_model_path
        except (ImportError, OSError) as why:  # OSError: a library inside the wheel does not fit the system
            raise RecogniserMissingError(
                f"no speech recognition on this machine ({platform.system()} {platform.machine()}): {why}. "
                "Install it with: pip install 'voice-assistant[offline]'. Where there is no package for this "
                "system, use a provider with a key (--provider litellm), or type your questions."
            ) from why
        model = model_path or get_model_path(BUNDLED_MODEL)
        try:
            self._transcriber: Any = Transcriber(str(model), ModelArch.TINY, options=_OPTIONS)
        except Exception as why:  # the library raises its own, undocumented kinds
            raise RecogniserMissingError(
                f"the model in {model} cannot be used for recognition: {why}. "
                "Leave the setting out to use the one that is included."
            ) from why
        self.name = f"moonshine {model.name}"
        # One thread: the library takes one stretch at a time, and a queue keeps their order.
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="recogniser")

    async def words(self, pcm: bytes) -> str:
        if len(pcm) < NEAR_RATE * _SHORTEST_MS // 1000 * 2:
            return ""
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._words, pcm)

    def _words(self, pcm: bytes) -> str:
        # The recogniser's thread; the library gives up the interpreter's lock while it works.
        samples = np.frombuffer(pcm, np.int16).astype(np.float32) / np.float32(32768)
        lines: list[str] = []
        for piece in pieces(samples):
            padded = np.concatenate([piece, np.zeros(NEAR_RATE * _PAD_MS // 1000, np.float32)])
            try:
                transcript = self._transcriber.transcribe_without_streaming(padded, NEAR_RATE)
            except Exception as why:  # the library raises its own, undocumented kinds
                raise RecognitionError(f"recognition failed: {why}") from why
            lines += [line.text.strip() for line in transcript.lines]
        words = " ".join(line for line in lines if line)
        return "" if words.strip(" .,!?").lower() in _OF_NO_SPEECH else words

    def close(self) -> None:
        self._thread.shutdown(wait=True, cancel_futures=True)
        with contextlib.suppress(
            Exception
        ):  # the process ends next; a complaint of the library mends nothing
            self._transcriber.close()


def pieces(samples: NDArray[np.float32]) -> list[NDArray[np.float32]]:
    """Cut sound into pieces that the model can take, each cut where it is quietest.

    Args:
        samples: Mono at 16 kHz, any length.
    """
    longest, earliest, width = (NEAR_RATE * ms // 1000 for ms in (_LONGEST_MS, _CUT_FROM_MS, _CUT_MS))
    cut = []
    while samples.size > longest:
        energy = np.cumsum(np.square(samples[earliest:longest], dtype=np.float64))
        quietest = int(np.argmin(energy[width:] - energy[:-width]))
        at = earliest + quietest + width // 2
        cut.append(samples[:at])
        samples = samples[at:]
    return [*cut, samples]


async def load(model_path: Path | None = None) -> Recogniser:
    """Load the recogniser in a thread of its own; takes about half a second.

    Raises:
        RecogniserMissingError: See ``Moonshine``.
    """
    return await asyncio.to_thread(Moonshine, model_path)
