"""The canceller: what the microphone hears, minus what the loudspeaker put there.

Open loudspeakers speak into the microphone. Without this the assistant would interrupt itself, and the
provider would hear its own voice. WebRTC's AEC3 does the work; this module keeps its books: the far end is
brought from 24 to 16 kHz, AEC3's delay is taken off the sample index, and once the loudspeaker has been
silent long enough the microphone is passed on untouched. Aligning near and far is the devices' part, and
what counts as speech is ``speech.py``'s.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pywebrtc_audio import EchoCanceller as Aec3

from voice_assistant.core.audio import NEAR_RATE, REPLY_RATE, SAMPLE_BYTES, AudioFrame, Resampler
from voice_assistant.core.settings import check_choice

FRAME_SAMPLES = NEAR_RATE // 50
"""Samples in the 20 ms that are cleaned at a time."""

AEC3_DELAY = 128
"""Samples (8 ms) by which AEC3's output lags behind its input at 16 kHz; measured with an impulse."""

_HOLD_FRAMES = 75
"""Frames (1.5 s) of far-end silence until no echo can be left: AEC3 follows paths of up to 0.45 s, and a
room rings for half a second after it; the rest is margin."""

_LONGEST_HOLE = NEAR_RATE * 2 // 5
"""Samples (0.4 s): a hole in the capture is filled with silence up to here; a longer one starts afresh."""

_FADE_SAMPLES = NEAR_RATE // 100
"""Samples (10 ms) over which one way gives way to the other: too short to hear, too long to click."""

_FAR_ACTIVE_POWER = (32768 * 10 ** (-60 / 20)) ** 2
"""Mean square of a far-end frame (-60 dBFS) above which its echo could be heard at all."""

_SMOOTHING = 0.06
"""Weight of the newest frame in the running powers: a memory of about a third of a second."""

_ECHO_REMOVED_DB = 3.0
"""What AEC3 must take away, in dB, before the microphone counts as holding echo. With headphones on it
takes away less than one; with a loudspeaker 15 to 30."""

_PROVEN_FRAMES = 50
"""Frames (1 s) of active far end to be heard before the canceller may say that there is no echo."""

Samples = NDArray[np.int16]


@dataclass(frozen=True, slots=True)
class EchoSettings:
    """How the loudspeaker's sound is kept out of the microphone's. Table ``[echo]``."""

    send: Literal["cleaned", "raw"] = "cleaned"
    """what the provider hears: "cleaned" of echo, or "raw" as the microphone heard it"""

    def __post_init__(self) -> None:
        check_choice(self, "send", ("cleaned", "raw"))


@dataclass(frozen=True, slots=True)
class Cleaned:
    """What the canceller made of one frame.

    Args:
        frame: AEC3's output, 20 ms at 16 kHz: what is judged.
        voice: 16 kHz, what is sent: follows on the voice before it sample by sample, and its index is that
            of the microphone. 20 ms long, but shorter at the start of a stretch and longer by a filled hole.
        begins: *voice* does not follow on the one before: the stream began, or a long hole was left out.
        far_active: The loudspeaker is being played to, or its echo may still be in the room.
        echo: The microphone holds echo, as far as is known. Always False while the far end is silent.
        removed_db: Echo return loss enhancement of the last third of a second; None where the far end is
            silent.
    """

    frame: AudioFrame
    voice: AudioFrame
    begins: bool
    far_active: bool
    echo: bool
    removed_db: float | None


class EchoCanceller:
    """AEC3 at its defaults, with honest sample indices."""

    def __init__(self, settings: EchoSettings | None = None) -> None:
        self._settings = settings or EchoSettings()
        self._aec = Aec3(NEAR_RATE)
        self._far = Reference()
        self._raw_tail: Samples = np.zeros(AEC3_DELAY, np.int16)
        self._next_sample: int | None = None
        self._sends_raw = True
        self._silent_frames = _HOLD_FRAMES
        self._near_power = self._out_power = 0.0
        self._active_frames = 0

    def clean(self, near: AudioFrame, far: AudioFrame) -> Cleaned:
        """Take the next 20 ms of both ends.

        Args:
            near: 16 kHz; a jump in its index is a hole in the capture.
            far: 24 kHz, of the same duration, ahead of its echo in *near*.

        Raises:
            ValueError: A frame has another rate or length, or *near* goes back in time.
        """
        if (near.rate, near.samples) != (NEAR_RATE, FRAME_SAMPLES):
            raise ValueError(
                f"near must be {FRAME_SAMPLES} samples at {NEAR_RATE} Hz, got {near.samples} at {near.rate}"
            )
        raw = np.frombuffer(near.pcm, np.int16)
        reference = self._far.take(far)
        self._silent_frames = 0 if far_is_heard(far) else self._silent_frames + 1
        out: Samples = self._aec.process(raw, reference)
        delayed = np.concatenate((self._raw_tail, raw[:-AEC3_DELAY]))
        self._raw_tail = raw[-AEC3_DELAY:]

        far_active = self._silent_frames < _HOLD_FRAMES
        removed_db = self._measure(delayed, out, reference) if far_active else None
        voice, begins = self._stretch(near.first_sample, self._choose(delayed, out, far_active))
        frame = AudioFrame(out.tobytes(), NEAR_RATE, near.first_sample - AEC3_DELAY)
        return Cleaned(
            frame, voice, begins, far_active, far_active and self._holds_echo(removed_db), removed_db
        )

    def _choose(self, delayed: Samples, out: Samples, far_active: bool) -> Samples:
        """What to send: AEC3's high-pass would touch the words even where there is nothing to cancel."""
        was_raw, self._sends_raw = self._sends_raw, self._settings.send == "raw" or not far_active
        if was_raw == self._sends_raw:
            return delayed if was_raw else out
        before, after = (delayed, out) if was_raw else (out, delayed)
        weight = np.ones(FRAME_SAMPLES)
        weight[:_FADE_SAMPLES] = np.linspace(0, 1, _FADE_SAMPLES)
        return np.rint(before * (1 - weight) + after * weight).astype(np.int16)

    def _stretch(self, first_sample: int, voice: Samples) -> tuple[AudioFrame, bool]:
        """Give the voice its index; a short hole becomes silence, a long one begins a new stretch."""
        hole = None if self._next_sample is None else first_sample - self._next_sample
        self._next_sample = first_sample + FRAME_SAMPLES
        if hole is not None and hole < 0:
            raise ValueError(f"near goes back by {-hole} samples to {first_sample}")
        if hole is None or hole > _LONGEST_HOLE:
            # The first samples belong to before the stretch: AEC3's delay.
            return AudioFrame(voice[AEC3_DELAY:].tobytes(), NEAR_RATE, first_sample), True
        pcm = voice.tobytes()
        if hole:
            cut = AEC3_DELAY * SAMPLE_BYTES
            pcm = pcm[:cut] + bytes(hole * SAMPLE_BYTES) + pcm[cut:]
        return AudioFrame(pcm, NEAR_RATE, first_sample - hole - AEC3_DELAY), False

    def _measure(self, delayed: Samples, out: Samples, reference: Samples) -> float:
        """Follow the power before and after the canceller while something plays; give their ratio in dB."""
        if power(reference) > _FAR_ACTIVE_POWER:
            self._active_frames += 1
            self._near_power += _SMOOTHING * (sharp_power(delayed) - self._near_power)
            self._out_power += _SMOOTHING * (sharp_power(out) - self._out_power)
        return float(10 * np.log10((self._near_power + 1) / (self._out_power + 1)))

    def _holds_echo(self, removed_db: float | None) -> bool:
        return self._active_frames < _PROVEN_FRAMES or (removed_db or 0.0) > _ECHO_REMOVED_DB


class Reference:
    """The far end at AEC3's rate: as many samples for each frame as the near end has."""

    def __init__(self) -> None:
        self._resampler = Resampler(REPLY_RATE, NEAR_RATE)
        self._pending = bytearray()
        self._silence = np.zeros(FRAME_SAMPLES, np.int16)
        self._silent_frames = 0

    def take(self, far: AudioFrame) -> Samples:
        """Convert 20 ms of 24 kHz to 16 kHz.

        Raises:
            ValueError: The frame has another rate or length.
        """
        if (far.rate, far.samples) != (REPLY_RATE, REPLY_RATE // 50):
            raise ValueError(
                f"far must be {REPLY_RATE // 50} samples at {REPLY_RATE} Hz, got {far.samples} at {far.rate}"
            )
        self._silent_frames = 0 if any(far.pcm) else self._silent_frames + 1
        if self._silent_frames > 5:
            # The filter has run empty, so silence comes out of silence: no need to compute it.
            return self._silence
        self._pending += self._resampler.feed(far.pcm)
        size = FRAME_SAMPLES * SAMPLE_BYTES
        missing = size - len(self._pending)
        if missing > 0:
            # The filter holds its first samples back. Once filled it gives 320 for every 480.
            self._pending[:0] = bytes(missing)
        taken = np.frombuffer(bytes(self._pending[:size]), np.int16)
        del self._pending[:size]
        return taken


def far_is_heard(far: AudioFrame) -> bool:
    """Was anything but digital silence handed to the loudspeaker?"""
    return any(far.pcm)


def power(samples: NDArray[np.int16 | np.int32]) -> float:
    """Mean square of the samples."""
    wide = samples.astype(np.float32)
    return float(np.dot(wide, wide)) / len(samples)


def sharp_power(samples: Samples) -> float:
    """Mean square of the samples' differences: rumble, which AEC3's high-pass takes out, hardly counts."""
    wide = samples.astype(np.int32)
    return power(wide[1:] - wide[:-1])
