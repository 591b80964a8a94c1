"""What playing slower and breaking off do to speech: ``python -m benchmarks.stretch [WAV ...]``.

Recordings (16-bit mono WAV, any rate) or, without any, speech-like sound. Three figures:

* at each speed that is used, the mel log-spectral distance between the sound and the original at the same
  place of its time: 40 bands to 11 kHz, 25 ms Hann windows every 10 ms, frames within 45 dB of the loudest;
  root mean square over the bands, mean over the frames, in dB. A resampler, which lowers the pitch, stands
  beside it;
* clicks: the energy above 4 kHz within 2.5 ms of a join less that of the sound beside it, in dB relative to
  voiced speech (median and 95th percentile; none counts as -60): where a period was inserted;
* the same where voiced speech breaks off and where it comes back: cut hard, and as the jitter buffer does it.
"""

from __future__ import annotations

import argparse
import wave
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.speech_like import RATE, speech_like
from voice_assistant.core.audio import Resampler
from voice_assistant.core.delivery import SLOW_SPEED, URGENT_SPEED
from voice_assistant.core.stretch import OVERLAP, Lengthener, fade_in, mirrored_tail

Sound = NDArray[np.float64]

HOP = 240
WINDOW = 600
FFT = 1024
FADE = 240


def read_wav(path: Path) -> bytes:
    """A recording at 24 kHz."""
    with wave.open(str(path)) as recording:
        if recording.getnchannels() != 1 or recording.getsampwidth() != 2:
            raise ValueError(f"{path} is not 16-bit mono")
        pcm = bytes(recording.readframes(recording.getnframes()))
        rate = recording.getframerate()
    if rate == RATE:
        return pcm
    resampler = Resampler(rate, RATE)
    return resampler.feed(pcm) + resampler.flush()


def slower(pcm: bytes, speed: float) -> tuple[bytes, list[int], Sound]:
    """Slow it down as the jitter buffer does.

    Returns:
        The sound; where its joins are; and for each of its samples the place in the original, evened out
        over stretches of 250 ms, for what is inserted has no place of its own. In stretches that hold a
        lengthened pause there is none: -1.
    """
    lengthener = Lengthener()
    lengthener.start()
    blocks: list[bytes] = []
    joins: list[int] = []
    there: list[int] = []
    pauses: list[int] = []
    length = 0
    for at in range(0, len(pcm), 2 * OVERLAP):
        block = pcm[at : at + 2 * OVERLAP]
        if lengthener.is_due and len(block) == 2 * OVERLAP:
            inserted, in_pause = lengthener.insertion(block)
            if in_pause:
                pauses.append(length)
            blocks.append(inserted)
            length += len(inserted) // 2
            joins.append(length)
            there += [at // 2] * (len(inserted) // 2)
        blocks.append(block)
        there += range(at // 2, (at + len(block)) // 2)
        length += len(block) // 2
        lengthener.follow(block, speed)
    knots = np.r_[np.arange(0, length, RATE // 4), length - 1]
    places = np.interp(np.arange(length), knots, np.array(there)[knots])
    for pause in pauses:
        stretch = pause // (RATE // 4) * (RATE // 4)
        places[max(stretch - HOP, 0) : stretch + RATE // 4 + HOP] = -1
    return b"".join(blocks), joins, places


def as_floats(pcm: bytes) -> Sound:
    """Samples to calculate with."""
    return np.frombuffer(pcm, "<i2").astype(np.float64)


def mel_levels(sound: Sound, centres: NDArray[np.int64]) -> Sound:
    """Levels in dB, (frames, 40)."""
    padded = np.concatenate((np.zeros(WINDOW // 2), sound, np.zeros(WINDOW)))
    frames = padded[centres[:, None] + np.arange(WINDOW)] * np.hanning(WINDOW)
    power = np.abs(np.fft.rfft(frames, FFT)) ** 2
    return np.asarray(10 * np.log10(power @ _mel_bank().T + 100.0))


def distance(original: Sound, changed: Sound, there: Sound) -> float:
    """Mel log-spectral distance in dB; *there* is the place in the original of each sample."""
    at = np.arange(0, len(changed), HOP)
    at = at[there[at] >= 0]
    levels, others = mel_levels(original, there[at].astype(np.int64)), mel_levels(changed, at)
    audible = levels.max(axis=1) > levels.max() - 45
    return float(np.sqrt(((levels - others)[audible] ** 2).mean(axis=1)).mean())


def above_4_khz(sound: Sound) -> Sound:
    """Only what lies above 4 kHz."""
    spectrum = np.fft.rfft(sound)
    spectrum[np.fft.rfftfreq(len(sound), 1 / RATE) < 4000] = 0
    return np.asarray(np.fft.irfft(spectrum, len(sound)))


def added(high: Sound, join: int, beside: Sound, voiced: float) -> float:
    """Energy above 4 kHz within 2.5 ms of a join less that beside it, in dB relative to voiced speech."""
    excess = float(np.mean(high[join - 60 : join + 60] ** 2)) - float(np.mean(beside**2))
    return max(10 * float(np.log10(max(excess, 0.0) / voiced + 1e-6)), -60.0)


def added_at_insertions(changed: Sound, joins: Sequence[int]) -> list[float]:
    """One figure for each."""
    high, voiced = above_4_khz(changed), _voiced_energy(changed)
    inner = [join for join in joins if 240 <= join <= len(high) - 240]
    beside = {join: np.r_[high[join - 240 : join - 60], high[join + 60 : join + 240]] for join in inner}
    return [added(high, join, beside[join], voiced) for join in inner]


def added_at_gaps(pcm: bytes, *, faded: bool) -> tuple[list[float], list[float]]:
    """Where voiced speech breaks off, and where it comes back after 50 ms."""
    sound = as_floats(pcm)
    voiced = _voiced_energy(sound)
    stops, starts = [], []
    for at in range(RATE // 2, len(sound) - RATE // 2, 1111):
        if min(np.mean(sound[at - 480 : at] ** 2), np.mean(sound[at : at + 480] ** 2)) < voiced:
            continue
        before, after, tail = pcm[2 * (at - 1200) : 2 * at], pcm[2 * at : 2 * (at + 1200)], b""
        if faded:
            tail = mirrored_tail(before[-2 * FADE :])
            after = fade_in(after[: 2 * FADE]) + after[2 * FADE :]
        high = above_4_khz(as_floats(before + tail.ljust(2 * 1200, b"\0") + after))
        stops.append(added(high, 1200, high[960:1140], voiced))
        starts.append(added(high, 2400, high[2460:2640], voiced))
    return stops, starts


def _voiced_energy(sound: Sound) -> float:
    """Mean square of the louder third of the 20 ms frames, which are voiced."""
    frames = sound[: len(sound) // 480 * 480].reshape(-1, 480)
    energies = np.sort((frames**2).mean(axis=1))
    return float(energies[-len(energies) // 3 :].mean())


def _mel_bank() -> Sound:
    """(40, FFT bins) triangles."""
    edges_mel = np.linspace(_mel(60.0), _mel(11_000.0), 42)
    edges = 700 * (10 ** (edges_mel / 2595) - 1)
    low, centre, high = edges[:-2, None], edges[1:-1, None], edges[2:, None]
    bins = np.arange(FFT // 2 + 1) * RATE / FFT
    return np.asarray(
        np.clip(np.minimum((bins - low) / (centre - low), (high - bins) / (high - centre)), 0, None)
    )


def _mel(hertz: float) -> float:
    return float(2595 * np.log10(1 + hertz / 700))


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.stretch", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("recordings", type=Path, nargs="*", metavar="WAV")
    args = parser.parse_args(arguments)
    sounds = [read_wav(path) for path in args.recordings] or [speech_like(20_000, [(4000, 4500)])]
    lines = []
    for speed in (SLOW_SPEED, URGENT_SPEED):
        ours: list[float] = []
        resampled: list[float] = []
        inserted: list[float] = []
        for pcm in sounds:
            sound = as_floats(pcm)
            changed, joins, there = slower(pcm, speed)
            ours.append(distance(sound, as_floats(changed), there))
            places = np.arange(0, len(sound) - 1, speed)
            resampled.append(distance(sound, np.interp(places, np.arange(len(sound)), sound), places))
            inserted += added_at_insertions(as_floats(changed), joins)
        figure = f"{np.mean(ours):.2f} dB (resampled {np.mean(resampled):.2f})"
        clicks = f"clicks at {len(inserted)} insertions {_spread(inserted)} dB re voiced speech"
        lines.append(f"speed {speed}: mel log-spectral distance {figure}; {clicks}")
    stops: dict[bool, list[float]] = {False: [], True: []}
    starts: dict[bool, list[float]] = {False: [], True: []}
    for pcm in sounds:
        for faded in (False, True):
            off, on = added_at_gaps(pcm, faded=faded)
            stops[faded] += off
            starts[faded] += on
    for faded, name in ((False, "cut hard"), (True, "faded")):
        lines.append(
            f"clicks at gaps, {name}: {_spread(stops[faded])} dB, coming back {_spread(starts[faded])} dB"
        )
    print("\n".join(lines))  # noqa: T201
    return 0


def _spread(figures: Sequence[float]) -> str:
    if not figures:
        return "no case"
    return f"{np.median(figures):.1f} / {np.percentile(figures, 95):.1f}"


if __name__ == "__main__":
    raise SystemExit(main())
