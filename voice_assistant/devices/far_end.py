"""FarEnd: what the loudspeaker was given, and which part of it belongs to a block of the microphone.

An echo canceller needs its reference ahead of the echo, never behind (20 ms late costs 20 dB), and always
equally far ahead. So the loudspeaker's samples are kept by their index from the moment they are handed to
the device, and a block of the microphone takes those at a fixed distance in samples, not whatever is newest
when its callback happens to come. The distance is measured when streams start and after samples were lost.
Where the two have clocks of their own, it is corrected by 5 ms whenever they have drifted so far: not with a
jump, which costs a canceller 15 dB for ten seconds (measured), but gliding, a fifth of a sample a block.

The output callback writes and the event loop reads; each index is moved by one side only.
"""

from __future__ import annotations

import math
from collections import deque

import numpy as np

from voice_assistant.core.audio import REPLY_RATE, SAMPLE_BYTES, AudioFrame, to_pcm

RING_SAMPLES = 2 * REPLY_RATE
"""Kept of the past: the loop may be this late, 2 s, before a reference is lost."""

FRAME = REPLY_RATE // 100
"""Samples of 10 ms, what a loudspeaker takes at a time."""

SLIP = FRAME // 2
"""Samples of one correction: 5 ms."""

GLIDE = 0.2
"""Samples by which the distance changes from one block of 20 ms to the next: 400 ppm, twice what two sound
cards drift apart. A canceller follows that without a loss."""

TARGET = FRAME // 2
"""Samples that are normally there beyond the newest that a block takes. Less, and an output callback that
comes a little late leaves a hole; more, and the reference loses its lead over the echo."""

LOWEST = FRAME // 4
HIGHEST = 2 * FRAME
"""Below the one and from the other on the distance is corrected. Blocks of the two streams that meet edge to
edge move it by a whole frame to and fro, which is no drift: so there is room between."""

SETTLING_BLOCKS = 25
"""Blocks after a new alignment that are measured before it is made exact."""

WINDOW_BLOCKS = 50
"""Blocks that the distance is judged by: 1 s. Callbacks jitter, drift is slow."""

STALLED_BLOCKS = 10
"""Blocks without anything new from the loudspeaker after which it counts as stopped."""

LONGEST_LEAD_S = 0.4
"""A canceller looks back no further than about 450 ms. Beyond this (a Bluetooth loudspeaker), the reference
is held back so that its lead is ``SHORTENED_LEAD_S``, as far as the devices tell their delays."""

SHORTENED_LEAD_S = 0.1

LONGEST_PLAUSIBLE_LEAD_S = 1.5

FAR_OFF = 10 * FRAME
"""Samples: further than this, the streams have not drifted; something was lost unseen."""

_PCM = np.dtype("<i2")


class FarEnd:
    """The loudspeaker's last two seconds at 24 kHz, after gain, by sample index."""

    def __init__(self) -> None:
        self._ring = bytearray(RING_SAMPLES * SAMPLE_BYTES)
        self._view = memoryview(self._ring)
        self._written = 0
        self._realign = True
        self.playout_delay_s = 0.0
        """How long the loudspeaker takes to make heard what it is given; its callback keeps it up to date."""
        self.hold_back_s = 0.0
        """So much later than at the start is the echo of what it is given: the loudspeaker holds more than it
        did then. The reference waits as long, so that a canceller finds the echo where it was."""
        self.capture_delay_s = 0.0
        """How old the newest sample of a block is when its callback comes; the same for the microphone."""
        # From here on the loop's alone.
        self._offset = 0
        self._place = 0.0
        self._held_back = 0
        self._lead_s = 0.0
        self._settling = True
        self._gaps: deque[int] = deque(maxlen=WINDOW_BLOCKS)
        self._last_written = 0
        self._unmoved = STALLED_BLOCKS
        self.slips = 0
        """How often the distance was corrected, up or down."""
        self.alignments = 0
        """How often the distance was measured anew."""

    @property
    def written(self) -> int:
        """Samples handed to the loudspeaker so far; an input callback notes it with its block."""
        return self._written

    def write(self, pcm: bytes) -> None:
        """Take what is being handed to the loudspeaker: any length up to the ring's. Output callback only."""
        at = self._written % RING_SAMPLES * SAMPLE_BYTES
        first = min(len(pcm), len(self._ring) - at)
        self._ring[at : at + first] = pcm[:first]
        if first < len(pcm):
            self._ring[: len(pcm) - first] = pcm[first:]
        self._written += len(pcm) // SAMPLE_BYTES

    def realign(self) -> None:
        """Samples were lost on either side: measure the distance anew. From any thread."""
        self._realign = True

    def partner(self, near_end: int, samples: int, written: int) -> AudioFrame:
        """Give the stretch of the loudspeaker that belongs to a block of the microphone.

        Args:
            near_end: Index of the first sample after the block, counted at 24 kHz.
            samples: Length of the block at 24 kHz.
            written: ``written`` as it was when the block was captured.

        Returns:
            As many samples; silence in place of what is not known.
        """
        self._follow(near_end, written)
        self._place += min(max(self._offset - self._place, -GLIDE), GLIDE)
        whole = math.floor(self._place)
        start, end = near_end + whole - samples, near_end + whole
        fraction = self._place - whole
        if not fraction:
            return AudioFrame(self._read(start, end), REPLY_RATE, start)
        around = self._read(start - 1, end + 2)
        # Between two samples of silence there is silence, and most of the time nothing is played.
        is_silent = around == bytes(len(around))
        pcm = bytes(samples * SAMPLE_BYTES) if is_silent else between(around, fraction)
        return AudioFrame(pcm, REPLY_RATE, start)

    def _follow(self, near_end: int, written: int) -> None:
        gap = written - near_end
        self._unmoved = self._unmoved + 1 if written == self._last_written else 0
        self._last_written = written
        if self._unmoved >= STALLED_BLOCKS:
            # Nothing plays at all. What was played last must not come back as a reference.
            self._realign = True
            self._set(gap + RING_SAMPLES)
            return
        if self._realign:
            self._realign = False
            self._settling = True
            self.alignments += 1
            self._gaps.clear()
            self._held_back = round(self.hold_back_s * REPLY_RATE)
            self._lead_s = LONGEST_PLAUSIBLE_LEAD_S
            self._set(gap - FRAME - self._held_back)
        # The least of what the devices told: a delay that is told once in passing is not believed.
        self._lead_s = min(self._lead_s, self.playout_delay_s + self.capture_delay_s)
        self._gaps.append(gap)
        if len(self._gaps) >= (SETTLING_BLOCKS if self._settling else WINDOW_BLOCKS):
            self._correct()

    def _correct(self) -> None:
        # Some of the lowest are chance: a scheduling stall, not the clocks.
        lowest = sorted(self._gaps)[len(self._gaps) // 16] - self._held_back - round(self._place)
        if self._settling:
            self._settling = False
            more = 0
            if self._lead_s > LONGEST_LEAD_S:
                more = max(round((self._lead_s - SHORTENED_LEAD_S) * REPLY_RATE) - self._held_back, 0)
                self._held_back += more
            self._set(self._offset + lowest - more - TARGET)
        elif not -FAR_OFF <= lowest <= HIGHEST + FAR_OFF:
            self._realign = True
        elif self._place == self._offset and not LOWEST <= lowest < HIGHEST:
            self._offset += -SLIP if lowest < LOWEST else SLIP
            self.slips += 1

    def _set(self, offset: int) -> None:
        """Jump to a distance: a new alignment."""
        self._offset = offset
        self._place = float(offset)

    def _read(self, start: int, end: int) -> bytes:
        known = self._written
        first, last = max(start, known - RING_SAMPLES, 0), min(end, known)
        if first >= last:
            return bytes((end - start) * SAMPLE_BYTES)
        head = first % RING_SAMPLES * SAMPLE_BYTES
        tail = head + (last - first) * SAMPLE_BYTES
        sound = bytes(self._view[head:tail])
        if tail > len(self._ring):
            sound += bytes(self._view[: tail - len(self._ring)])
        if last - first == end - start:
            return sound
        return bytes((first - start) * SAMPLE_BYTES) + sound + bytes((end - last) * SAMPLE_BYTES)


def between(pcm: bytes, fraction: float) -> bytes:
    """Give 16-bit sound as it is between its samples.

    Args:
        pcm: One sample more before, and two more after, than come out.
        fraction: How far each sample that comes out lies towards the next one; 0 to 1.

    Returns:
        The cubic through the four samples around (Lagrange); at 24 kHz its error is 40 dB below what is under
        3 kHz, 19 dB at 6.
    """
    d = fraction
    weights = (
        -d * (d - 1) * (d - 2) / 6,
        (d + 1) * (d - 1) * (d - 2) / 2,
        -(d + 1) * d * (d - 2) / 2,
        (d + 1) * d * (d - 1) / 6,
    )
    # Of 16-bit and single precision it makes single precision by itself.
    return to_pcm(np.correlate(np.frombuffer(pcm, _PCM), np.array(weights, np.float32)))
