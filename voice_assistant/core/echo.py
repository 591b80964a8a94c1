"""The canceller: what the microphone hears, minus what the loudspeaker put there.

Open loudspeakers speak into the microphone. Without this the assistant would interrupt itself, and the
provider would hear its own voice. WebRTC's AEC3 does the work; this module keeps its books: the far end is
brought from 24 to 16 kHz, AEC3's delay is taken off the sample index, and where there is no echo to take
away the microphone is passed on untouched, 8 ms late, bit by bit. There AEC3 rests (``resting.py``): where
nothing is played, where headphones are worn, and as soon as the room has rung out. Whether there is echo is
``coupling.py``'s question; aligning near and far is the devices' part.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Literal

import numpy as np

from voice_assistant.core import webrtc
from voice_assistant.core.audio import NEAR_RATE, REPLY_RATE, SAMPLE_BYTES, AudioFrame, Resampler, silence
from voice_assistant.core.coupling import LONG_RINGING_FRAMES, PATH_FRAMES, RINGING_FRAMES, Coupling
from voice_assistant.core.levels import FRAME_SAMPLES, dbfs, sharp_power
from voice_assistant.core.prefilter import Prefilter
from voice_assistant.core.resting import Resting
from voice_assistant.core.settings import check_choice
from voice_assistant.core.webrtc import Samples

AEC3_DELAY = 128
"""Samples (8 ms) by which AEC3's output lags behind its input at 16 kHz; measured with an impulse."""

_HOLD_FRAMES = 75
"""Frames (1.5 s) of far-end silence until no echo can be left: the longest path is a second, and a room rings
for half a second after it."""

_LONGEST_LEAD_FRAMES = 20
"""Frames (0.4 s): AEC3 looks back by 0.45 s. An echo that takes longer (Bluetooth) is out of its sight."""

_IN_SIGHT_DB = 10.0
"""Echo return loss enhancement that shows that AEC3 has the echo in sight."""

_SHORTENED_LEAD_FRAMES = 10
"""Frames (0.2 s) that are left of so long a way when the reference is held back: the middle of what AEC3
sees, since the delay is known to a few frames only."""

_LONGEST_HOLE = NEAR_RATE * 2 // 5
"""Samples (0.4 s): a hole in the capture is filled with silence up to here; a longer one starts afresh."""

_DIGITAL_SILENCE = silence(20, REPLY_RATE)
"""A frame of the far end while nothing plays."""

_FADE_SAMPLES = NEAR_RATE // 100
"""Samples (10 ms) over which one way gives way to the other: too short to hear, too long to click."""

_FAR_ACTIVE_POWER = 1e-6
"""Mean square of a far-end frame (-60 dBFS) from which it counts for the echo return loss."""

_SMOOTHING = 0.06
"""Weight of the newest frame in the running powers: a memory of about a third of a second."""

_SETTLING_FRAMES = 75
"""Frames (1.5 s) of echo that AEC3 needs, once, to know the room; until then it leaves more than later."""

_RESETTLING_FRAMES = 50
"""Frames (1 s) of echo that it needs to know anew what the prefilter leaves, after that has lost track."""

_WHISPER = 1
"""Set in one sample of every frame of the reference (-90 dBFS, and 3 in 1000 of the time). Of digital silence
AEC3 makes numbers too small for the processor's fast path: 11 % of a core in place of 0.7 (measured), in
every pause between two replies."""

EchoMode = Literal["cancelling", "half-duplex", "off"]


@dataclass(frozen=True, slots=True)
class EchoSettings:
    """How the loudspeaker's sound is kept out of the microphone's. Table ``[echo]``."""

    send: Literal["cleaned", "raw"] = "cleaned"
    """what the provider hears: "cleaned" of echo, or "raw" as the microphone heard it"""

    mode: EchoMode = "cancelling"
    """"cancelling": you may speak into a reply; "half-duplex": while the microphone hears one, only a key
    interrupts it; "off": nothing is removed, for headphones, or where the system removes the echo itself"""

    def __post_init__(self) -> None:
        check_choice(self, "send", ("cleaned", "raw"))
        check_choice(self, "mode", ("cancelling", "half-duplex", "off"))

    @property
    def possible_mode(self) -> EchoMode:
        """What can be had on this system: without the canceller's wheel half duplex takes its place."""
        return "half-duplex" if self.mode == "cancelling" and not webrtc.CAN_CANCEL else self.mode


@dataclass(frozen=True, slots=True)
class Cleaned:
    """What the canceller made of one frame.

    Args:
        frame: 20 ms at 16 kHz: what is judged.
        voice: 16 kHz, what is sent: follows on the voice before it sample by sample, and its index is that
            of the microphone. 20 ms long, but shorter at the start of a stretch and longer by a filled hole.
        begins: *voice* does not follow on the one before: the stream began, or a long hole was left out.
        far_active: The loudspeaker is being played to, or its echo may still be in the room.
        echo: The microphone may hold echo, or did so a moment ago. *frame* is AEC3's then, unless the room is
            known to have rung out.
        tail: The reply, or the rest of it, may be in the microphone at this moment.
        rings: The same, or the room may still ring of it; loud enough to be heard where nothing is removed.
        settling: There is echo, and AEC3 does not know the room yet: a voice in *frame* may be the reply's.
        removed_db: Echo return loss enhancement of the last third of a second, 0 where there is no echo;
            None where the far end is silent.
    """

    frame: AudioFrame
    voice: AudioFrame
    begins: bool
    far_active: bool
    echo: bool
    tail: bool
    rings: bool
    settling: bool
    removed_db: float | None


class EchoCanceller:
    """AEC3 at its defaults, with honest sample indices."""

    def __init__(self, settings: EchoSettings | None = None) -> None:
        self._settings = settings or EchoSettings()
        self._is_off = self._settings.mode == "off"
        canceller = None if self._is_off else webrtc.new_canceller(NEAR_RATE)
        self._aec = Resting(canceller) if canceller else None
        self._far = Reference()
        self._prefilter = Prefilter()
        self._past: deque[Samples] = deque(maxlen=PATH_FRAMES + 1)
        self._held_back = 0
        self._raw_tail = bytes(AEC3_DELAY * SAMPLE_BYTES)
        self._next_sample: int | None = None
        self._is_cleaned = False
        self._silent_frames = _HOLD_FRAMES
        self._coupling = Coupling()
        self._loss = Loss(_SMOOTHING)
        self._settling = _SETTLING_FRAMES

    @property
    def delay_frames(self) -> int | None:
        """How long the echo takes, or likely takes; None before the first is heard."""
        return self._coupling.likely_delay_frames

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
        self._silent_frames = self._silent_frames + 1 if far.pcm == _DIGITAL_SILENCE else 0
        self._past.append(reference)
        waiting = self._raw_tail + near.pcm
        delayed_pcm, self._raw_tail = waiting[: len(near.pcm)], waiting[len(near.pcm) :]
        delayed = np.frombuffer(delayed_pcm, np.int16)
        held_back = self._past[-1 - min(self._held_back, len(self._past) - 1)]

        far_active = self._silent_frames < _HOLD_FRAMES
        heard_power = sharp_power(delayed)
        played_power = sharp_power(reference) if far_active else 0.0
        echo = self._coupling.follow(heard_power, played_power) and far_active and not self._is_off
        if echo:
            self._reach_back(self._coupling.delay_frames)
        tail = echo and self._coupling.played_within(RINGING_FRAMES)
        rings = tail or (echo and self._coupling.played_within(LONG_RINGING_FRAMES))
        # Once the room has rung out there is nothing to take away; when that is, only a measured delay tells.
        has_rung_out = not rings and self._coupling.delay_frames is not None
        is_cleaned = echo and not has_rung_out
        cleaned = self._cancel(raw, reference, held_back, has_echo=is_cleaned)
        out = delayed if cleaned is None else cleaned
        settling = echo and self._settling > 0
        removed_db = None
        if far_active:
            if is_cleaned and played_power > _FAR_ACTIVE_POWER:
                self._loss.follow(heard_power, sharp_power(out))
                self._settling -= self._settling > 0
            removed_db = self._loss.db if echo else 0.0

        judged = self._cross(delayed, out, is_cleaned)
        judged_pcm = delayed_pcm if judged is delayed else judged.tobytes()
        sent = delayed_pcm if self._settings.send == "raw" else judged_pcm
        voice, begins = self._stretch(near.first_sample, sent)
        if begins:
            self._coupling = Coupling()
            self._prefilter.restart()
            self._held_back = 0
            self._settling = _SETTLING_FRAMES
        frame = AudioFrame(judged_pcm, NEAR_RATE, near.first_sample - AEC3_DELAY)
        return Cleaned(frame, voice, begins, far_active, echo, tail, rings, settling, removed_db)

    def _cancel(
        self, near: Samples, reference: Samples, held_back: Samples, *, has_echo: bool
    ) -> Samples | None:
        """Prefilter and AEC3; None where AEC3 rests, or there is none."""
        if self._aec is None:
            return None
        delay = self._coupling.likely_delay_frames
        thinned = self._prefilter.thin(near, reference, delay, has_echo=has_echo)
        if self._prefilter.loses_track:
            self._settling = max(self._settling, _RESETTLING_FRAMES)
        return self._aec.process(thinned, held_back, is_asked=has_echo or self._is_cleaned)

    def _reach_back(self, delay_frames: int | None) -> None:
        """Hold the reference back where its echo is out of AEC3's sight, or let go of it."""
        if delay_frames is None or 0 <= delay_frames - self._held_back <= _LONGEST_LEAD_FRAMES:
            return
        if self._loss.db > _IN_SIGHT_DB:
            # It sees it nevertheless, and would need seconds to learn the room anew.
            return
        is_long = delay_frames > _LONGEST_LEAD_FRAMES
        self._held_back = delay_frames - _SHORTENED_LEAD_FRAMES if is_long else 0
        self._settling = _SETTLING_FRAMES

    def _cross(self, delayed: Samples, out: Samples, echo: bool) -> Samples:
        """The microphone or AEC3's output: same delay, so one fades into the other without a seam.

        AEC3 is no bystander: its high-pass touches every word, and its suppressor more than that.
        """
        was_cleaned, self._is_cleaned = self._is_cleaned, echo
        if was_cleaned == echo:
            return out if echo else delayed
        before, after = (delayed, out) if echo else (out, delayed)
        weight = np.ones(FRAME_SAMPLES)
        weight[:_FADE_SAMPLES] = np.linspace(0, 1, _FADE_SAMPLES)
        return np.rint(before * (1 - weight) + after * weight).astype(np.int16)

    def _stretch(self, first_sample: int, pcm: bytes) -> tuple[AudioFrame, bool]:
        """Give the voice its index; a short hole becomes silence, a long one begins a new stretch."""
        hole = None if self._next_sample is None else first_sample - self._next_sample
        self._next_sample = first_sample + FRAME_SAMPLES
        if hole is not None and hole < 0:
            raise ValueError(f"near goes back by {-hole} samples to {first_sample}")
        cut = AEC3_DELAY * SAMPLE_BYTES
        if hole is None or hole > _LONGEST_HOLE:
            # The first samples belong to before the stretch: AEC3's delay.
            return AudioFrame(pcm[cut:], NEAR_RATE, first_sample), True
        if hole:
            pcm = pcm[:cut] + bytes(hole * SAMPLE_BYTES) + pcm[cut:]
        return AudioFrame(pcm, NEAR_RATE, first_sample - hole - AEC3_DELAY), False


class Loss:
    """How much quieter one sound is than another, over a while.

    Args:
        smoothing: Weight of the newest frame.
    """

    def __init__(self, smoothing: float) -> None:
        self._smoothing = smoothing
        self._before = self._after = 0.0

    @property
    def db(self) -> float:
        """The loss so far."""
        return dbfs(self._before) - dbfs(self._after)

    def follow(self, before: float, after: float) -> None:
        """Take the next frame's mean squares."""
        self._before += self._smoothing * (before - self._before)
        self._after += self._smoothing * (after - self._after)


class Reference:
    """The far end at AEC3's rate: as many samples for each frame as the near end has."""

    def __init__(self) -> None:
        self._resampler = Resampler(REPLY_RATE, NEAR_RATE)
        self._pending = bytearray()
        self._silent_frames = 0

    def take(self, far: AudioFrame) -> Samples:
        """Convert 20 ms of 24 kHz to 16 kHz; nobody could hear it, but it is never wholly silent.

        Raises:
            ValueError: The frame has another rate or length.
        """
        if (far.rate, far.samples) != (REPLY_RATE, REPLY_RATE // 50):
            raise ValueError(
                f"far must be {REPLY_RATE // 50} samples at {REPLY_RATE} Hz, got {far.samples} at {far.rate}"
            )
        self._silent_frames = self._silent_frames + 1 if far.pcm == _DIGITAL_SILENCE else 0
        taken = self._convert(far.pcm)
        taken[0] |= _WHISPER
        return taken

    def _convert(self, pcm: bytes) -> Samples:
        if self._silent_frames > 5:
            # The filter has run empty, so silence comes out of silence: no need to compute it.
            return np.zeros(FRAME_SAMPLES, np.int16)
        self._pending += self._resampler.feed(pcm)
        size = FRAME_SAMPLES * SAMPLE_BYTES
        missing = size - len(self._pending)
        if missing > 0:
            # The filter holds its first samples back. Once filled it gives 320 for every 480.
            self._pending[:0] = bytes(missing)
        taken = np.frombuffer(self._pending[:size], np.int16).copy()
        del self._pending[:size]
        return taken
