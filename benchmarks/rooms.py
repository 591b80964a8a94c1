"""A simulated desk: a loudspeaker, the room it stands in, and a microphone that hears both it and the user.

For measuring what echo does to the program without sound hardware. The loudspeaker distorts, colours and
plays late, on a clock of its own; the room rings; the microphone adds noise. Everything is drawn from one
generator, so a seed is a desk. Who speaks when, and what the program makes of it, is ``echo.py``'s.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from voice_assistant.core.audio import NEAR_RATE, REPLY_RATE

Sound = NDArray[np.float64]
"""Samples, 1.0 for full scale."""

BLOCK = NEAR_RATE // 50
"""Samples that the microphone delivers at a time: 20 ms."""

_TAPS = 24
_PHASES = 512
_REACH = _TAPS // 2


@dataclass(frozen=True, slots=True)
class Desk:
    """One desk; what a device tells of its delays may be nothing.

    Args:
        rt60_s: Time in which the room's sound dies away by 60 dB.
        direct_db: The loudspeaker's direct sound at the microphone over that of the room.
        resonance_hz: Where the case of the loudspeaker rings.
        drive: How hard the loudspeaker is driven; it follows tanh(drive * sample) / drive.
        playout_s: From the callback that takes a sample to its sound.
        capture_s: From the last sample of a block to its callback.
        tells: The devices tell their delays.
        drift_ppm: How much slower the loudspeaker's clock is than the microphone's.
        jumps: When, in seconds, the loudspeaker's delay changes by how many.
        echo_dbfs: Level of the echo while the reply speaks; None where there is no way to the microphone.
        noise_dbfs: Level of the room's noise.
    """

    rt60_s: float
    direct_db: float
    resonance_hz: float
    drive: float
    playout_s: float
    capture_s: float
    tells: bool
    drift_ppm: float
    jumps: tuple[tuple[float, float], ...]
    echo_dbfs: float | None
    noise_dbfs: float


def draw_desk(rng: np.random.Generator) -> Desk:
    """Draw a desk: any room, half of them with two clocks, a third with jumps of the delay."""
    delay_s = float(np.exp(rng.uniform(np.log(0.02), np.log(0.4))))
    capture_s = delay_s * float(rng.uniform(0.1, 0.4))
    jumps: list[tuple[float, float]] = []
    if rng.random() < 1 / 3 and delay_s > 0.06:
        times = np.sort(rng.uniform(10, 60, 3))
        jumps = [(float(at), 0.02 * (1 if step % 2 == 0 else -1)) for step, at in enumerate(times)]
    return Desk(
        rt60_s=float(rng.uniform(0.2, 0.5)),
        direct_db=float(rng.uniform(0, 10)),
        resonance_hz=float(rng.uniform(600, 2500)),
        drive=float(rng.uniform(0.5, 3)),
        playout_s=delay_s - capture_s,
        capture_s=capture_s,
        tells=bool(rng.random() < 0.7),
        drift_ppm=float(rng.choice([0, 0, rng.uniform(-200, 200), rng.choice([-200, 200])])),
        jumps=tuple(jumps),
        echo_dbfs=float(rng.uniform(-38, -24)),
        noise_dbfs=float(rng.uniform(-72, -60)),
    )


def without_echo(desk: Desk) -> Desk:
    """The same desk with headphones on."""
    return replace(desk, echo_dbfs=None)


def far_away(desk: Desk, rng: np.random.Generator) -> Desk:
    """The same desk with a Bluetooth loudspeaker: 0.4 to 0.6 s late, of which the devices know little."""
    return replace(desk, playout_s=float(rng.uniform(0.4, 0.6)), capture_s=0.03, tells=False)


class Convolver:
    """A long filter on a stream, block by block (uniformly partitioned overlap-save)."""

    def __init__(self, response: Sound) -> None:
        parts = -(-len(response) // BLOCK)
        padded = np.zeros((parts, 2 * BLOCK))
        padded[:, :BLOCK] = np.pad(response, (0, parts * BLOCK - len(response))).reshape(parts, BLOCK)
        self._filter = np.fft.rfft(padded, axis=1)
        self._spectra = np.zeros_like(self._filter)
        self._last = np.zeros(BLOCK)
        self._newest = 0

    def filter(self, block: Sound) -> Sound:
        """Take the next block; give as much of what the filter makes of the stream."""
        parts = len(self._spectra)
        self._newest = (self._newest - 1) % parts
        self._spectra[self._newest] = np.fft.rfft(np.concatenate((self._last, block)))
        self._last = block
        order = (np.arange(parts) + self._newest) % parts
        total = np.einsum("pf,pf->f", self._spectra[order], self._filter)
        made: Sound = np.fft.irfft(total)[BLOCK:]
        return made


class EchoPath:
    """From what the loudspeaker is given, at 24 kHz by its own clock, to its echo at the microphone's 16.

    Args:
        desk: Where.
        rng: Makes the room's response.
        seconds: How long a stretch will be played.
        reply: Speech as the replies have it, but at 16 kHz, from which the echo's level is set.
    """

    def __init__(self, desk: Desk, rng: np.random.Generator, seconds: float, reply: Sound) -> None:
        self._desk = desk
        self._played = np.zeros(round((seconds + 2) * REPLY_RATE) + _TAPS)
        self._written = 0
        self._interpolate = _interpolator()
        response = np.convolve(loudspeaker(desk), room(desk.rt60_s, desk.direct_db, rng))
        self._room = Convolver(response)
        if desk.echo_dbfs is None:
            self._gain = 0.0
        else:
            self._gain = 10 ** ((desk.echo_dbfs - active_dbfs(convolve(self._distort(reply), response))) / 20)

    def play(self, pcm: bytes) -> None:
        """Take the next samples that the loudspeaker was given: 24 kHz, 16-bit."""
        samples = np.frombuffer(pcm, "<i2") / 32768
        self._played[self._written : self._written + len(samples)] = self._distort(samples)
        self._written += len(samples)

    def hear(self, block: int) -> Sound:
        """Give the echo in block number *block* of the microphone; blocks are asked for in order."""
        times = (block * BLOCK + np.arange(BLOCK)) / NEAR_RATE - self._desk.playout_s
        times -= sum(step for at, step in self._desk.jumps if at <= block * 0.02)
        places = times * (REPLY_RATE / (1 + self._desk.drift_ppm * 1e-6))
        whole = np.floor(places).astype(int)
        phases = np.rint((places - whole) * (_PHASES - 1)).astype(int)
        reach = np.clip(whole[:, None] + np.arange(1 - _REACH, _REACH + 1), 0, len(self._played) - 1)
        dry = np.einsum("nt,nt->n", self._played[reach], self._interpolate[phases])
        dry[whole < _REACH] = 0.0
        return self._gain * self._room.filter(dry)

    def _distort(self, samples: Sound) -> Sound:
        made: Sound = np.tanh(self._desk.drive * samples) / self._desk.drive
        return made


def room(rt60_s: float, direct_db: float, rng: np.random.Generator) -> Sound:
    """A room's response at 16 kHz: the direct sound, then noise that dies away (Polack's model)."""
    seconds = np.arange(round(rt60_s * NEAR_RATE)) / NEAR_RATE
    tail = rng.standard_normal(len(seconds)) * 10 ** (-3 * seconds / rt60_s)
    tail[: round(0.001 * NEAR_RATE)] = 0
    tail *= 10 ** (-direct_db / 20) / math.sqrt(float(tail @ tail))
    tail[round(0.0005 * NEAR_RATE)] = 1.0
    return tail


def loudspeaker(desk: Desk) -> Sound:
    """A laptop loudspeaker's response at 16 kHz: no bass, a dull top, one resonance of 8 dB."""
    size = 1024
    hertz = np.fft.rfftfreq(size, 1 / NEAR_RATE)
    bass = 1 / np.sqrt(1 + (300 / np.maximum(hertz, 1)) ** 6)
    top = 1 / np.sqrt(1 + (hertz / 6000) ** 8)
    peak = 1 + 1.5 / (1 + ((hertz - desk.resonance_hz) / (desk.resonance_hz / 8)) ** 2)
    # Minimum phase from the magnitude, by the folded cepstrum: a loudspeaker answers at once.
    cepstrum = np.fft.irfft(np.log(np.maximum(bass * top * peak, 1e-4)))
    cepstrum[1 : size // 2] *= 2
    cepstrum[size // 2 + 1 :] = 0
    response: Sound = np.fft.irfft(np.exp(np.fft.rfft(cepstrum)))[:256]
    return response


def room_noise(samples: int, dbfs: float, rng: np.random.Generator) -> Sound:
    """Noise that falls by 3 dB an octave above 50 Hz, as a quiet room has it."""
    spectrum = np.fft.rfft(rng.standard_normal(samples))
    spectrum /= np.sqrt(np.maximum(np.fft.rfftfreq(samples, 1 / NEAR_RATE), 50))
    noise: Sound = np.fft.irfft(spectrum, samples)
    return noise * 10 ** (dbfs / 20) / math.sqrt(float(noise @ noise) / samples)


def convolve(sound: Sound, response: Sound) -> Sound:
    """A whole sound through a filter; as long as the sound."""
    size = 1 << (len(sound) + len(response)).bit_length()
    made: Sound = np.fft.irfft(np.fft.rfft(sound, size) * np.fft.rfft(response, size))[: len(sound)]
    return made


def active_dbfs(sound: Sound) -> float:
    """Level of the part of *sound*, 16 kHz, that is no pause: frames within 30 dB of the loudest."""
    powers = (sound[: len(sound) // BLOCK * BLOCK].reshape(-1, BLOCK) ** 2).mean(axis=1)
    active = powers[powers > powers.max() * 1e-3]
    return 10 * math.log10(float(active.mean()))


def _interpolator() -> Sound:
    """A windowed sinc for each fraction of a sample at 24 kHz, cut off at 7.4 kHz; rows of ``_TAPS``."""
    cutoff = 7400 * 2 / REPLY_RATE
    at = np.arange(1 - _REACH, _REACH + 1) - np.arange(_PHASES)[:, None] / (_PHASES - 1)
    taps = cutoff * np.sinc(cutoff * at) * np.cos(np.pi * at / (2 * _REACH + 1)) ** 2
    rows: Sound = taps / taps.sum(axis=1, keepdims=True)
    return rows
