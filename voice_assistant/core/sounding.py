"""Sounding: what a few chirps tell of the way from the loudspeaker to the microphone.

A chirp stands out of noise that is louder than it, and its arrival can be told to a fraction of a sample. So
a train of them, played and captured as a conversation would, gives the delay that the canceller has to
bridge, how far the two clocks drift apart, how loud the echo is, and what the canceller leaves of it. The
devices, and what to say to a person about it, are the doctor's.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from voice_assistant.core.audio import NEAR_RATE, REPLY_RATE, AudioFrame, Resampler
from voice_assistant.core.coupling import AUDIBLE_DB
from voice_assistant.core.echo import AEC3_DELAY, EchoCanceller
from voice_assistant.core.events import Captured
from voice_assistant.core.levels import FRAME_SAMPLES, dbfs
from voice_assistant.core.monitor import COPY, explained

CHIRP_S = 0.25
_SWEEP_S = 0.1
"""A chirp begins with a sweep, which a loudspeaker can play loud, and ends with noise: a sweep is one tone at
a time, and AEC3 learns a room by it so badly that a good desk may look like a hopeless one (measured: 3 to
36 dB removed; by noise 24 to 43, by speech about 29)."""

_LOWEST_HZ, _HIGHEST_HZ = 250.0, 6000.0
_LOUD = 0.12
"""Amplitude, 1.0 for full scale: -21 dBFS (RMS), as loud as a reply."""

_AT_S = (0.0, 0.42, 0.97, 1.44, 2.05, 2.49, 3.07, 3.57, 4.21, 4.66, 5.19)
"""When each chirp begins. No two gaps are alike, so that the train fits itself at one delay only."""

TRAIN_S = _AT_S[-1] + CHIRP_S

LONGEST_S = 1.5
"""An echo that takes longer than this is not looked for; AEC3 bridges 0.45 s, Bluetooth takes up to 0.6."""

_EARLIEST_S = -0.1
"""A reference that lags behind its echo, by as much as this, would be a fault; it would be seen."""

_PROMINENT = 3.0
"""How much more of the train must arrive at one delay than at most others (power). Noise reaches 1.3."""

_SMEAR_S = 0.02
"""Delays that differ by less are taken together at first: a room rings, and a busy machine stumbles."""

_CLEAR = 0.4
"""A chirp is at least this much of the largest, where nothing else is heard."""

_APART_S = 0.3
"""No two chirps begin within this."""

_SHAPE_S = 0.06
"""So far around its peak the arrival of one chirp is compared with that of another."""

_JUDGED = 4
"""Chirps, the last, by which the canceller is judged: after 1.8 s of sound it knows the room."""

_FEWEST = 5
"""So many chirps must have been played: a busy machine may tear some of them."""

_RINGING_S = 0.1
"""After a chirp its echo is still in the room."""

_IN_SIGHT_S = 0.4
"""AEC3 looks back by 0.45 s."""

UNSTEADY_MS = 3.0
"""A delay that moves by this much between two chirps is no drift, and takes AEC3 a second to find again."""

_ABOUT_S = 0.02
"""So far around the delay that most chirps have, that of a copy is looked for."""

REMOVED_DB = 15.0
"""Echo return loss enhancement that makes a conversation: 10 dB less, and it interrupts itself."""

Sound = NDArray[np.float64]
"""Samples, 1.0 for full scale."""

Advice = Literal["nothing to cancel", "cancelling", "half-duplex", "headphones"]


@dataclass(frozen=True, slots=True)
class Sounding:
    """What the chirps told.

    Args:
        heard: The microphone heard them at all.
        delay_ms: From the canceller's reference to the echo in the microphone; None where nothing was heard.
        rise_db: The echo's level over the room's.
        removed_db: Echo return loss enhancement of the canceller once it knows the room.
        left_db: What it leaves, over the room's level.
        drift_ppm: How much slower the loudspeaker's clock is than the microphone's; None where the delay
            jumps.
        unsteady_ms: How far the delay of one chirp was off that of most.
        copied: Share of the echo's power that one delay and one gain explain, 0 to 1.
    """

    heard: bool
    delay_ms: float | None = None
    rise_db: float = 0.0
    removed_db: float = 0.0
    left_db: float = 0.0
    drift_ppm: float | None = None
    unsteady_ms: float = 0.0
    copied: float = 0.0

    @property
    def is_copy(self) -> bool:
        """Is the microphone the loudspeaker's monitor, or joined to it by a cable? No room lies between."""
        return self.copied >= COPY

    @property
    def advice(self) -> Advice:
        """What to do about this path.

        Where the canceller removes little, half duplex keeps the replies whole; where the echo is a loud one
        besides, what the provider hears of the user is damaged too, and only headphones help.
        """
        if not self.heard or self.rise_db < AUDIBLE_DB:
            return "nothing to cancel"
        if self.removed_db >= REMOVED_DB or self.left_db < AUDIBLE_DB:
            return "cancelling"
        return "half-duplex" if self.removed_db >= REMOVED_DB / 2 else "headphones"


def chirps() -> bytes:
    """The train: sweeps from low to high, 24 kHz 16-bit mono."""
    train = np.zeros(round(TRAIN_S * REPLY_RATE) + 1)
    one = _chirp(REPLY_RATE).real
    for at in _AT_S:
        start = round(at * REPLY_RATE)
        train[start : start + len(one)] = one
    return np.rint(_LOUD * 32767 * train).astype("<i2").tobytes()


def sound(captured: Sequence[Captured], room: bytes) -> Sounding:
    """Find the chirps in what was captured while they were played.

    Args:
        captured: Blocks of 20 ms in order, from before the first chirp to ``LONGEST_S`` after the last.
        room: What the microphone heard before; 16 kHz, 16-bit.
    """
    near, far = _joined([one.near for one in captured]), _joined([one.far for one in captured])
    if len(far) < TRAIN_S * REPLY_RATE:
        return Sounding(heard=False)
    played = _Arrivals(far, REPLY_RATE).peaks()
    arrived = _Arrivals(near, NEAR_RATE)
    delay_s = arrived.delay(played) if len(played) >= _FEWEST else None
    if delay_s is None:
        return Sounding(heard=False)
    heard = arrived.each([at + delay_s for at in played])
    delays = np.array(heard) - np.array(played)
    unsteady_ms = 1000 * float(np.abs(delays - np.median(delays)).max())
    during = heard[-_JUDGED:]
    echo = _power_at(near, during)
    cleaned = _cleaned(captured, delay_s)
    before = _power(np.frombuffer(room, "<i2") / 32768)
    left = _power_at(cleaned, during)
    return Sounding(
        heard=True,
        delay_ms=1000 * delay_s,
        rise_db=dbfs(echo) - dbfs(before),
        removed_db=dbfs(echo) - dbfs(left),
        left_db=dbfs(left) - dbfs(before),
        drift_ppm=_drift_ppm(captured, heard, played) if unsteady_ms < UNSTEADY_MS else None,
        unsteady_ms=unsteady_ms,
        copied=_copied(near, captured, heard, played),
    )


class _Arrivals:
    """Where in a sound the chirps are: the output of a matched filter.

    Args:
        heard: The sound.
        rate: In hertz.
    """

    def __init__(self, heard: Sound, rate: int) -> None:
        self._rate = rate
        chirp = _chirp(rate)
        size = 1 << (len(heard) + len(chirp)).bit_length()
        spectrum = np.fft.fft(heard, size) * np.conj(np.fft.fft(chirp, size))
        self._filtered = np.fft.ifft(spectrum)[: len(heard)]

    def peaks(self) -> list[float]:
        """When each chirp begins, in seconds, where nothing else is to be heard."""
        size = np.abs(self._filtered)
        loudest = float(size.max())
        apart = round(_APART_S * self._rate)
        found: list[float] = []
        left = size.copy()
        while len(found) < len(_AT_S) and loudest and left.max() > _CLEAR * loudest:
            best = int(left.argmax())
            found.append((best + _between(size, best)) / self._rate)
            left[max(0, best - apart) : best + apart] = 0
        return sorted(found)

    def delay(self, played_s: Sequence[float]) -> float | None:
        """How much later than they were played most of them are here; None where no delay stands out."""
        smear = round(_SMEAR_S * self._rate)
        power = np.convolve(np.abs(self._filtered) ** 2, np.ones(smear), "same")
        delays = np.arange(round(_EARLIEST_S * self._rate), round(LONGEST_S * self._rate), smear // 8)
        places = np.rint(np.array(played_s) * self._rate).astype(int)[:, None] + delays
        inside = (places >= 0) & (places < len(power))
        each = np.where(inside, power[places.clip(0, len(power) - 1)], 0.0)
        # Each counts the same, however loud it came: one loud noise is no train.
        together = (each / (each.sum(axis=1, keepdims=True) + 1e-12)).sum(axis=0)
        best = int(together.argmax())
        if together[best] <= _PROMINENT * float(np.median(together)) + 1e-9:
            return None
        around = power[places[:, best]].argmax()
        middle = int(places[around, best])
        first = max(0, middle - smear)
        exact = first + int(np.abs(self._filtered[first : middle + smear]).argmax())
        return float(exact / self._rate - played_s[around])

    def each(self, expected_s: Sequence[float]) -> list[float]:
        """When each chirp came, to a fraction of a sample: how far the shape of its arrival is shifted
        against that of the first."""
        reach = round(_SHAPE_S * self._rate)
        shapes = []
        for at in expected_s:
            start = round(at * self._rate) - reach
            shape = self._filtered[max(start, 0) : max(start + 2 * reach, 0)]
            before = max(-start, 0)
            shapes.append(np.pad(shape, (before, 2 * reach - len(shape) - before)))
        model = np.conj(np.fft.fft(shapes[0], 4 * reach))
        found = []
        for at, shape in zip(expected_s, shapes, strict=True):
            alike = np.abs(np.fft.ifft(np.fft.fft(shape, 4 * reach) * model))
            best = int(alike.argmax())
            shift = best - 4 * reach if best > 2 * reach else best
            found.append((round(at * self._rate) + shift + _between(alike, best)) / self._rate)
        return found


def _between(values: Sound, peak: int) -> float:
    """Where between the samples the peak is: of the parabola through it and its neighbours."""
    before, top, after = values[peak - 1], values[peak], values[(peak + 1) % len(values)]
    bend = before - 2 * top + after
    return float(0.5 * (before - after) / bend) if bend else 0.0


def _drift_ppm(captured: Sequence[Captured], near_s: list[float], far_s: list[float]) -> float:
    """How much slower the loudspeaker's clock is.

    The pairs do not tell: their distance is corrected all the time. The devices' own counts do. The slope is
    the median of those between all pairs of chirps (Theil and Sen), so one that was mistaken does no harm.
    """
    heard = np.array([_index([one.near for one in captured], at) for at in near_s]) / NEAR_RATE
    played = np.array([_index([one.far for one in captured], at) for at in far_s]) / REPLY_RATE
    later = heard - played
    one, other = np.triu_indices(len(heard), 1)
    return 1e6 * float(np.median((later[other] - later[one]) / (heard[other] - heard[one])))


def _copied(near: Sound, captured: Sequence[Captured], near_s: list[float], far_s: list[float]) -> float:
    """How much of a chirp in the microphone is the chirp that was played, in the middle of them all."""
    resampler = Resampler(REPLY_RATE, NEAR_RATE)
    pcm = resampler.feed(b"".join(one.far.pcm for one in captured)) + resampler.flush()
    far = np.frombuffer(pcm, "<i2").astype(np.float64)
    length, about = round(CHIRP_S * NEAR_RATE), round(_ABOUT_S * NEAR_RATE)
    shares = []
    for heard_s, played_s in zip(near_s, far_s, strict=True):
        start, first = round(heard_s * NEAR_RATE), round(played_s * NEAR_RATE) - about
        there, then = near[max(start, 0) : start + length], far[max(first, 0) : first + length + 2 * about]
        if start >= 0 and first >= 0 and there.size == length and then.size == length + 2 * about:
            shares.append(explained(there * 32768, then) or 0.0)
    return float(np.median(shares)) if shares else 0.0


def _index(frames: Sequence[AudioFrame], seconds: float) -> float:
    """The device's count at a moment of the joined frames."""
    place = seconds * frames[0].rate
    number = min(int(place // frames[0].samples), len(frames) - 1)
    return frames[number].first_sample + place - number * frames[0].samples


def _cleaned(captured: Sequence[Captured], delay_s: float) -> Sound:
    """What the canceller makes of it, in step with the microphone.

    It needs some seconds to find an echo beyond AEC3's sight, and is judged by what it does then: so it hears
    everything twice.
    """
    canceller = EchoCanceller()
    cleaned: list[AudioFrame] = []
    for hearing in range(2 if delay_s > _IN_SIGHT_S else 1):
        first = hearing * len(captured) * FRAME_SAMPLES
        cleaned = [
            canceller.clean(AudioFrame(one.near.pcm, NEAR_RATE, first + at * FRAME_SAMPLES), one.far).frame
            for at, one in enumerate(captured)
        ]
    return np.concatenate((_joined(cleaned)[AEC3_DELAY:], np.zeros(AEC3_DELAY)))


def _power_at(samples: Sound, begins_s: Sequence[float]) -> float:
    length = round((CHIRP_S + _RINGING_S) * NEAR_RATE)
    starts = [max(0, round(at * NEAR_RATE)) for at in begins_s]
    return float(np.mean([_power(samples[start : start + length]) for start in starts]))


def _power(samples: Sound) -> float:
    """Mean square of the differences, 1.0 for full scale: rumble hardly counts in it."""
    return float(np.mean(np.diff(samples) ** 2)) if len(samples) > 1 else 0.0


def _joined(frames: Sequence[AudioFrame]) -> Sound:
    return np.frombuffer(b"".join(frame.pcm for frame in frames), "<i2") / 32768


def _chirp(rate: int) -> NDArray[np.complex128]:
    """A sweep whose pitch rises evenly to the ear, then noise like rain; its real part is the sound.

    The noise is a sum of tones with drawn phases, so that it is the same at every rate.
    """
    seconds = np.arange(round(CHIRP_S * rate)) / rate
    octaves = math.log(_HIGHEST_HZ / _LOWEST_HZ)
    rising = np.exp(octaves * np.minimum(seconds, _SWEEP_S) / _SWEEP_S)
    sweep = np.exp(2j * np.pi * _LOWEST_HZ * _SWEEP_S / octaves * rising)
    tones = np.arange(round(_LOWEST_HZ * CHIRP_S), round(_HIGHEST_HZ * CHIRP_S))
    spectrum = np.zeros(len(seconds), np.complex128)
    phases = np.random.default_rng(5).uniform(0, 2 * np.pi, len(tones))
    spectrum[tones] = tones**-0.5 * np.exp(1j * phases)
    noise = np.fft.ifft(spectrum)
    noise /= math.sqrt(float(np.mean(np.abs(noise) ** 2)))
    passed = np.clip((seconds - _SWEEP_S) / 0.01 + 0.5, 0.0, 1.0)
    ends = np.minimum(1.0, np.minimum(seconds, CHIRP_S - seconds) / 0.01)
    made: NDArray[np.complex128] = (sweep * np.sqrt(1 - passed) + noise * np.sqrt(passed)) * ends
    return made
