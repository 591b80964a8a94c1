"""Sound to speak with in tests: made, the same each time, or a recorded sentence.

The made kind has what detectors and cancellers look for: voiced syllables with formants and a gliding pitch,
pauses between words, and a little noise that never repeats, so that every stretch of it can be found again in
a recording. The recorded kind is for claims about speech itself; its licence stands beside it.
"""

from __future__ import annotations

import wave
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from voice_assistant.core.audio import NEAR_RATE

RECORDED = Path(__file__).parent.parent / "data" / "speech" / "librispeech-1970-10594-0000.wav"
"""One spoken sentence: 16 kHz, speech from ``RECORDED_SPEECH_S[0]`` to ``RECORDED_SPEECH_S[1]``."""

RECORDED_SPEECH_S = (0.30, 3.62)

VOWELS_HZ = ((730, 1090, 2440), (270, 2290, 3010), (300, 870, 2240), (530, 1840, 2480), (570, 840, 2410))
"""First three formants of five vowels: Peterson and Barney, "Control methods used in a study of the vowels",
JASA 24 (1952), the averages for men."""

FORMANT_WIDTHS_HZ = (90.0, 110.0, 170.0)


def recorded_speech() -> bytes:
    """Load the recorded sentence: 16-bit mono at 16 kHz, 4.0 s."""
    with wave.open(str(RECORDED)) as file:
        assert (file.getframerate(), file.getsampwidth(), file.getnchannels()) == (NEAR_RATE, 2, 1)
        return bytes(file.readframes(file.getnframes()))


def speechlike(
    seconds: float, rate: int, *, seed: int = 0, level_dbfs: float = -22.0, noise_dbfs: float = -50.0
) -> bytes:
    """Make speech-like sound: words of one to four syllables with pauses between them.

    Args:
        seconds: Length.
        rate: Hertz.
        seed: Another one is another text, spoken by another noise.
        level_dbfs: RMS of the voiced part.
        noise_dbfs: RMS of the noise, up to 3.5 kHz, that runs through pauses too.

    Returns:
        16-bit little-endian mono.
    """
    dice = np.random.default_rng(seed)
    total = round(seconds * rate)
    voice = np.zeros(total)
    at = 0
    while at < total:
        for _ in range(int(dice.integers(1, 5))):
            syllable = _syllable(dice, rate)[: max(0, total - at)]
            voice[at : at + syllable.size] += syllable
            at += syllable.size + round(dice.uniform(0.0, 0.04) * rate)
        at += round(dice.uniform(0.06, 0.25) * rate)
    voiced = voice[np.abs(voice) > 1e-6]
    if voiced.size:
        voice *= 10 ** (level_dbfs / 20) / np.sqrt(np.mean(voiced**2))
    mixed = voice + unique_noise(total, rate, seed=seed + 1, level_dbfs=noise_dbfs)
    return np.clip(np.rint(mixed * 32768), -32768, 32767).astype("<i2").tobytes()


def unique_noise(samples: int, rate: int, *, seed: int, level_dbfs: float) -> NDArray[np.float64]:
    """Make noise up to 3.5 kHz that never repeats; 1.0 is full scale."""
    spectrum = np.fft.rfft(np.random.default_rng(seed).normal(size=max(samples, 2)))
    spectrum[np.fft.rfftfreq(max(samples, 2), 1 / rate) > 3500] = 0
    noise = np.fft.irfft(spectrum, max(samples, 2))[:samples]
    scaled: NDArray[np.float64] = noise * (
        10 ** (level_dbfs / 20) / max(1e-9, float(np.sqrt(np.mean(noise**2))))
    )
    return scaled


def _syllable(dice: np.random.Generator, rate: int) -> NDArray[np.float64]:
    length = round(dice.uniform(0.12, 0.25) * rate)
    at = np.arange(length) / rate
    pitch = dice.uniform(100, 150) * (1 + dice.uniform(-0.15, 0.15) * at / at[-1])
    phase = 2 * np.pi * np.cumsum(pitch) / rate
    formants = VOWELS_HZ[int(dice.integers(len(VOWELS_HZ)))]
    sound = np.zeros(length)
    for harmonic in range(1, int(3600 / float(pitch.max()))):
        hz = harmonic * float(pitch.mean())
        weights = [
            1 / (1 + ((hz - formant) / width) ** 2)
            for formant, width in zip(formants, FORMANT_WIDTHS_HZ, strict=True)
        ]
        sound += (0.02 + sum(weights)) / np.sqrt(harmonic) * np.sin(harmonic * phase)
    # 30 ms of rise and fall.
    edges: NDArray[np.float64] = np.sin(np.pi / 2 * np.minimum(1.0, np.minimum(at, at[-1] - at) / 0.03)) ** 2
    return sound * edges
