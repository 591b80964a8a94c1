"""Sound as values: the frame, its level, its samples.

Everywhere inside the program sound is 16-bit little-endian mono PCM. The core has two rates: the near end
at 16 kHz (what webrtcvad and Gemini take) and replies at 24 kHz (what Gemini sends).
"""

from __future__ import annotations

from dataclasses import dataclass

NEAR_RATE = 16_000
"""Hertz: the microphone, inside the core."""

REPLY_RATE = 24_000
"""Hertz: replies, the loudspeaker and the far end, inside the core."""

SAMPLE_BYTES = 2


@dataclass(frozen=True, slots=True)
class AudioFrame:
    """A stretch of sound.

    Args:
        pcm: 16-bit little-endian mono; any whole number of samples.
        rate: Hertz.
        first_sample: Index of the first sample, counted at ``rate`` from the start of its stream.
    """

    pcm: bytes
    rate: int
    first_sample: int = 0

    @property
    def samples(self) -> int:
        """How many samples it holds."""
        return len(self.pcm) // SAMPLE_BYTES

    @property
    def ms(self) -> float:
        """Its length in milliseconds."""
        return self.samples * 1000 / self.rate

    @property
    def end_sample(self) -> int:
        """Index of the first sample after it."""
        return self.first_sample + self.samples
