"""Fit the fusion of the opinions: ``python -m benchmarks.fusing LABELS [LABELS ...] [--write]``.

Puts the program's own detector, 20 ms frames in order, through every recording that the LABELS name (JSON:
``{"files": [{"file": "name.flac", "segments": [[start, end], ...]}, ...]}``, seconds, the recordings beside
it), and fits the network of ``core/fusion.py`` to where somebody speaks: logistic loss, Adam (Kingma and Ba,
2015), a fixed seed. Each recording is put through once more from somewhere inside it, often from the middle
of a word: whoever begins to listen then has no past to compare with. It fits one network for the four
opinions and one for five, which needs the extra [neural]; ``--write`` puts both into
``core/fusion_weights.py``.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.turns import FRAME_SAMPLES, UnreadableError, frames, read
from voice_assistant.core.audio import NEAR_RATE, SAMPLE_BYTES
from voice_assistant.core.fusion import AHEAD_FRAMES, SPEEDS, SQUARED_SPEEDS, Weights
from voice_assistant.core.neural import VoiceModel
from voice_assistant.core.speech import SpeechDetector
from voice_assistant.errors import ConfigError
from voice_assistant.opinions.silero import SileroVoice

Numbers = NDArray[np.float32]

UNITS = 16
EPOCHS = 10
BATCH = 1024
STEP = 2e-3
DECAY = 1e-4
"""L2, on the weights of both layers, in the gradient of a batch's mean loss."""

EXCERPT_S = 8.0
LEAST_S = 3.0
IN_SPEECH = 0.6
"""Share of the excerpts that begin in a stretch of speech, or up to 0.3 s before it."""

PRINTED = 104
"""Characters of weights in a line."""


def main(argv: list[str] | None = None) -> int:
    """Fit the fusion of the opinions."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.fusing", description=main.__doc__)
    parser.add_argument("labels", type=Path, nargs="+", help="labels.json; the recordings lie beside it")
    parser.add_argument("--write", action="store_true", help="replace the program's weights")
    args = parser.parse_args(argv)
    try:
        SileroVoice()
        inputs, spoken = gather(args.labels)
    except (UnreadableError, ConfigError) as error:
        sys.stderr.write(f"error: {error}\n")
        return 1
    fitted = []
    for name, taken in (("FOUR", without_model(inputs)), ("FIVE", inputs)):
        weights = fit(taken, spoken)
        right = (score(weights, taken) > 0) == (spoken > 0)
        sys.stdout.write(f"{name}: {len(spoken)} frames, {100 * right.mean():.1f} % right\n")
        fitted.append((name, weights))
    if args.write:
        path = Path(__file__).resolve().parent.parent / "voice_assistant" / "core" / "fusion_weights.py"
        path.write_text(source("fusion", "fusing", fitted))
    return 0


def gather(labels: list[Path]) -> tuple[Numbers, Numbers]:
    """Give what the network is given in each frame, and whether somebody spoke then."""
    rng = np.random.default_rng(7)
    inputs: list[Numbers] = []
    spoken: list[Numbers] = []
    for path in labels:
        for entry in json.loads(path.read_text())["files"]:
            pcm = read(path.parent / entry["file"])
            segments = entry.get("segments", [])
            start_s = draw_start(segments, len(pcm) / SAMPLE_BYTES / NEAR_RATE, rng)
            for begin_s, part in ((0.0, pcm), *excerpt(pcm, start_s)):
                states = np.array(list(follow(part, SileroVoice())), np.float32)
                inputs.append(states)
                spoken.append(speech(segments, begin_s, len(states)))
    return np.concatenate(inputs), np.concatenate(spoken)


def excerpt(pcm: bytes, start_s: float | None) -> list[tuple[float, bytes]]:
    """Cut out what begins at *start_s*, in whole frames; nothing where that is None."""
    if start_s is None:
        return []
    first = round(start_s * 50) * FRAME_SAMPLES * SAMPLE_BYTES
    return [(round(start_s * 50) / 50, pcm[first : first + round(EXCERPT_S * NEAR_RATE) * SAMPLE_BYTES])]


def without_model(inputs: Numbers) -> Numbers:
    """Leave out what the fifth opinion says, which stands last of four at each speed and of three squares."""
    averages, squares = 4 * len(SPEEDS), 3 * len(SQUARED_SPEEDS)
    places = np.arange(inputs.shape[1])
    of_model = np.where(places < averages, places % 4 == 3, (places - averages) % 3 == 2)
    return inputs[:, ~of_model | (places >= averages + squares)]


def follow(pcm: bytes, model: VoiceModel) -> Iterator[Numbers]:
    """Put one recording through a new detector; give the state of its fusion after each frame."""
    detector = SpeechDetector(model=model)
    for frame in frames(pcm):
        detector.judge(frame)
        yield detector.fusion.state.copy()


def speech(segments: list[list[float]], start_s: float, count: int) -> Numbers:
    """1 for each frame that tells of speech, 0 for the others."""
    ends = start_s + (np.arange(count) + 1 - AHEAD_FRAMES) * 0.02
    spoken = np.zeros(count, np.float32)
    for begin, end in segments:
        spoken[(ends > begin + 0.01) & (ends < end + 0.01)] = 1
    return spoken


def draw_start(segments: list[list[float]], seconds: float, rng: np.random.Generator) -> float | None:
    """Where an excerpt begins; None where the recording is too short for one."""
    if seconds < LEAST_S * 2:
        return None
    start = float(rng.uniform(0.1, seconds - LEAST_S))
    if segments and rng.random() < IN_SPEECH:
        begin, end = segments[rng.integers(len(segments))]
        start = float(rng.uniform(max(0.02, begin - 0.3), end))
    return start


def fit(inputs: Numbers, spoken: Numbers, units: int = UNITS, epochs: int = EPOCHS) -> Weights:
    """Fit a network with so many hidden units; its inputs are brought to one scale on the way."""
    rng = np.random.default_rng(0)
    mean, spread = inputs.mean(axis=0), inputs.std(axis=0) + 1e-6
    scaled = (inputs - mean) / spread
    size = inputs.shape[1]
    weights = [
        rng.normal(0, (2 / size) ** 0.5, (size, units)).astype(np.float32),
        np.zeros(units, np.float32),
        rng.normal(0, (1 / units) ** 0.5, units).astype(np.float32),
        np.zeros(1, np.float32),
    ]
    means = [np.zeros_like(one) for one in weights]
    squares = [np.zeros_like(one) for one in weights]
    batches = len(spoken) // BATCH
    for done in range(epochs * batches):
        if done % batches == 0:
            order = rng.permutation(len(spoken))
        batch = order[done % batches * BATCH :][:BATCH]
        gradients = _gradients(weights, scaled[batch], spoken[batch])
        step = STEP * (1 - 0.9 * done / (epochs * batches))
        for one, gradient, first, second in zip(weights, gradients, means, squares, strict=True):
            first += 0.1 * (gradient - first)
            second += 0.001 * (gradient**2 - second)
            first_sure, second_sure = first / (1 - 0.9 ** (done + 1)), second / (1 - 0.999 ** (done + 1))
            one -= step * first_sure / (np.sqrt(second_sure) + 1e-8)
    hidden, hidden_bias, out, out_bias = weights
    return Weights(hidden / spread[:, None], hidden_bias - (mean / spread) @ hidden, out, float(out_bias[0]))


def _gradients(weights: list[Numbers], inputs: Numbers, spoken: Numbers) -> list[Numbers]:
    hidden, hidden_bias, out, out_bias = weights
    lit = np.maximum(inputs @ hidden + hidden_bias, 0)
    wrong = (1 / (1 + np.exp(-(lit @ out + out_bias[0]))) - spoken) / len(spoken)
    back = np.outer(wrong, out) * (lit > 0)
    return [
        inputs.T @ back + DECAY * hidden,
        back.sum(axis=0),
        lit.T @ wrong + DECAY * out,
        wrong.sum(keepdims=True),
    ]


def score(weights: Weights, inputs: Numbers) -> Numbers:
    """Log-odds for each row of *inputs*."""
    made: Numbers = (
        np.maximum(inputs @ weights.hidden + weights.hidden_bias, 0) @ weights.out + weights.out_bias
    )
    return made


def source(what: str, program: str, fitted: list[tuple[str, Weights]]) -> str:
    """Give a module of the program that holds weights.

    Args:
        what: Whose weights they are.
        program: The module of ``benchmarks`` that made them.
        fitted: By their names.
    """
    made_by = f"made by ``python -m benchmarks.{program} --write``; not written by hand."
    parts = [
        f'"""Weights of the {what}, {made_by}"""',
        "from __future__ import annotations",
        "from voice_assistant.core.fusion import Weights",
    ]
    for name, weights in fitted:
        text = weights.write()
        lines = [f'    "{text[at : at + PRINTED]}"' for at in range(0, len(text), PRINTED)]
        parts.append(f"{name} = Weights.read(\n" + "\n".join(lines) + f",\n    {len(weights.out)},\n)")
    return "\n\n".join(parts) + "\n"


if __name__ == "__main__":
    raise SystemExit(main())
