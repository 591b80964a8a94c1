"""What people say in tests, what is answered, and what of it arrived: for comparisons sample by sample.

Words of a user are a recorded sentence, or its first part; replies are made, with a little noise that never
repeats, so that each stretch of one can be found again. Comparisons come as a list of complaints, empty where
all is well, so that a failing test says what was lost and where.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.turns import read
from tests.support.alignment import Alignment, align, snr_db
from tests.support.sound_server import CARD_RATE
from tests.support.speechlike import RECORDED_SPEECH_S, recorded_speech, speechlike, unique_noise
from voice_assistant.core.audio import NEAR_RATE, REPLY_RATE, Resampler

Samples = NDArray[np.int16]

STOP = Path(__file__).parent.parent / "data" / "questions" / "stop.wav"

FADE = NEAR_RATE // 100


def sentence() -> Samples:
    """Load the recorded sentence, without the silence around it: 16 kHz, 3.4 s."""
    first, last = (round(at * NEAR_RATE) for at in RECORDED_SPEECH_S)
    return np.frombuffer(recorded_speech(), "<i2")[first - NEAR_RATE // 50 : last + NEAR_RATE // 50]


def words(seconds: float = 1.2) -> Samples:
    """Load the first words of the recorded sentence: 16 kHz, faded out over 10 ms."""
    cut = sentence()[: round(seconds * NEAR_RATE)].astype(np.float64)
    cut[-FADE:] *= np.linspace(1, 0, FADE)
    return cut.astype(np.int16)


def other_words(seconds: float = 0.9) -> Samples:
    """Load the last words of the recorded sentence: 16 kHz, faded in over 10 ms."""
    cut = sentence()[-round(seconds * NEAR_RATE) :].astype(np.float64)
    cut[:FADE] *= np.linspace(0, 1, FADE)
    return cut.astype(np.int16)


def stop() -> Samples:
    """Load the word "stop", without the silence around it: 16 kHz, 0.6 s."""
    said = np.frombuffer(read(STOP), "<i2")
    loud = np.flatnonzero(np.abs(said) > 300)
    return said[loud[0] : loud[-1] + 1]


def cough(ms: float = 180.0) -> Samples:
    """Make a cough: a burst of noise that a voiced sound rides on, gone in *ms*; 16 kHz."""
    samples = round(ms * NEAR_RATE / 1000)
    at = np.arange(samples) / NEAR_RATE
    burst = unique_noise(samples, NEAR_RATE, seed=11, level_dbfs=-18.0) * np.exp(-at / 0.06)
    voiced = np.frombuffer(speechlike(0.3, NEAR_RATE, seed=12), "<i2")[:samples] / 32768
    fade = np.minimum(1.0, np.minimum(np.arange(samples), np.arange(samples)[::-1]) / (NEAR_RATE / 200))
    return np.rint((burst + voiced) * fade * 20_000).clip(-32768, 32767).astype(np.int16)


def reply(seconds: float, seed: int = 1) -> bytes:
    """Make a reply that is told from every other by its *seed*: 24 kHz."""
    # Quiet enough that a converter does not clip between two samples.
    return speechlike(seconds, REPLY_RATE, seed=100 * seed, level_dbfs=-28.0, noise_dbfs=-52.0)


def pause(seconds: float) -> Samples:
    """Make silence at the microphone's rate, as a quiet room has it: noise at -75 dBFS."""
    noise = unique_noise(round(seconds * NEAR_RATE), NEAR_RATE, seed=5, level_dbfs=-75.0)
    return np.rint(noise * 32768).astype(np.int16)


def pcm(*parts: Samples) -> bytes:
    """Join sound and make it bytes."""
    return np.concatenate(parts).astype("<i2").tobytes()


def converted(sound: bytes | Samples, from_rate: int, to_rate: int) -> Samples:
    """Bring sound to another rate, all of it at once."""
    raw = sound if isinstance(sound, bytes) else sound.astype("<i2").tobytes()
    resampler = Resampler(from_rate, to_rate)
    return np.frombuffer(resampler.feed(raw) + resampler.flush(), "<i2")


def user_at_gemini(said: Samples, arrived: bytes) -> tuple[Samples, Samples, Alignment]:
    """Find what a user said (16 kHz) in what arrived at the provider (24 kHz), both at ``CARD_RATE``."""
    # At the higher rate, because what arrives may lie half a sample beside what was sent.
    sent, heard = converted(said, NEAR_RATE, CARD_RATE), converted(arrived, REPLY_RATE, CARD_RATE)
    return sent, heard, align(sent, heard, CARD_RATE)


def lost_words(said: Samples, arrived: bytes, *, least_snr_db: float = 25.0) -> list[str]:
    """Compare what was said into the microphone with what arrived; say what is wrong with it.

    Args:
        said: 16 kHz.
        arrived: 24 kHz.
        least_snr_db: Signal over everything that a linear filter does not explain. The sound server's
            converters alone leave about 35 dB of the top of the band.
    """
    return _complaints(*user_at_gemini(said, arrived), least_snr_db)


def between_ms(said: Samples, later: Samples, arrived: bytes) -> float:
    """Say how many milliseconds lay between two stretches of speech in what arrived at the provider."""
    sent, _, first = user_at_gemini(said, arrived)
    second = user_at_gemini(later, arrived)[2]
    return (second.start - first.start - sent.size) * 1000 / CARD_RATE


def reply_on(speaker: Samples, sent: bytes) -> tuple[Samples, Samples, Alignment]:
    """Find a reply (24 kHz) in what the loudspeaker carried (48 kHz), both at ``CARD_RATE``."""
    wanted = converted(sent, REPLY_RATE, CARD_RATE)
    return wanted, speaker, align(wanted, speaker, CARD_RATE)


def lost_reply(sent: bytes, speaker: Samples, *, least_snr_db: float = 30.0) -> list[str]:
    """Compare a reply with what the loudspeaker carried (48 kHz); say what is wrong with it."""
    return _complaints(*reply_on(speaker, sent), least_snr_db)


def share_heard(sent: bytes, speaker: Samples, *, window_ms: float = 40) -> float:
    """Say how much of a reply can be found in what the loudspeaker carried, 0 to 1, in windows that long."""
    return align(converted(sent, REPLY_RATE, CARD_RATE), speaker, CARD_RATE, window_ms=window_ms).found


def _complaints(sent: Samples, heard: Samples, found: Alignment, least_snr_db: float) -> list[str]:
    rate = CARD_RATE
    if not found.is_whole and found.was_held_up(rate):
        return []
    complaints = [f"lost: 40 ms at {at * 1000 / rate:.0f} ms" for at in found.missing]
    complaints += [
        f"out of step by {jump.samples * 1000 / rate:+.2f} ms at {jump.at * 1000 / rate:.0f} ms"
        for jump in found.jumps
    ]
    if not complaints and (ratio := snr_db(sent, heard, found)) < least_snr_db:
        complaints.append(f"only {ratio:.1f} dB of signal to noise")
    return complaints


def sounding(speaker: Samples, threshold_dbfs: float = -60.0, rate: int = CARD_RATE) -> NDArray[np.bool_]:
    """Say for each 5 ms whether there is sound."""
    size = rate // 200
    frames = speaker[: speaker.size // size * size].astype(np.float64).reshape(-1, size)
    loud: NDArray[np.bool_] = np.sqrt(np.mean(frames**2, axis=1)) > 32768 * 10 ** (threshold_dbfs / 20)
    return loud
