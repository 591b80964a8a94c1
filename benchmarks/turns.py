"""Turns on recordings: ``python -m benchmarks.turns LABELS OUT.json [--neural]``.

Puts the program's own Listener, 20 ms frames in order and a silent far end, through every recording that
LABELS names (JSON: ``{"files": [{"file": "name.flac"}, ...]}``, the recordings beside it), and writes what
opened and closed, in seconds: ``{"name.flac": [{"start", "start_t", "end", "end_t"}, ...],
"_cpu_us_per_s": n}``. ``start`` and ``end`` are the first and the last sample that would be sent, ``start_t``
and ``end_t`` are when that was decided; a turn that is still open at the end has None for both ends. The CPU
time is that of the detector and the gate; the canceller's is printed beside it.

WAV is read by the standard library, FLAC by the first of the commands flac, sox and ffmpeg that is there.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import time
import wave
from collections.abc import Iterator
from pathlib import Path

from voice_assistant.core.audio import NEAR_RATE, REPLY_RATE, SAMPLE_BYTES, AudioFrame, silence
from voice_assistant.core.echo import EchoCanceller
from voice_assistant.core.events import Captured, Event, TurnAudio, TurnClosed, TurnOpened
from voice_assistant.core.listener import Listener
from voice_assistant.core.neural import VoiceModel
from voice_assistant.core.speech import SpeechDetector
from voice_assistant.core.turns import Heard, TurnGate
from voice_assistant.errors import ConfigError
from voice_assistant.opinions.silero import SileroVoice

FRAME_SAMPLES = NEAR_RATE // 50
FAR = AudioFrame(silence(20, REPLY_RATE), REPLY_RATE)

Turn = dict[str, float | None]


def main(argv: list[str] | None = None) -> int:
    """Run the listener over a folder of labelled recordings."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.turns", description=main.__doc__)
    parser.add_argument("labels", type=Path, help="labels.json; the recordings lie beside it")
    parser.add_argument("out", type=Path, help="where to write the turns")
    parser.add_argument("--neural", action="store_true", help='with [speech] detector = "neural"')
    args = parser.parse_args(argv)

    names = [entry["file"] for entry in json.loads(args.labels.read_text())["files"]]
    new_model = SileroVoice if args.neural else no_model
    turns: dict[str, list[Turn]] = {}
    spent = [0.0, 0.0]
    sound_s = 0.0
    for name in names:
        try:
            pcm = read(args.labels.parent / name)
            turns[name] = listen(pcm, new_model())
            spent = [total + more for total, more in zip(spent, cost(pcm, new_model()), strict=True)]
        except (UnreadableError, ConfigError) as error:
            sys.stderr.write(f"error: {error}\n")
            return 1
        sound_s += len(pcm) / SAMPLE_BYTES / NEAR_RATE
    canceller_us, gate_us = (round(1e6 * total / sound_s) for total in spent)
    args.out.write_text(json.dumps({**turns, "_cpu_us_per_s": gate_us}))
    sys.stdout.write(f"{len(names)} recordings, {sum(map(len, turns.values()))} turns; ")
    sys.stdout.write(f"CPU us per s of sound: detector and gate {gate_us}, canceller {canceller_us}\n")
    return 0


def no_model() -> None:
    """The four opinions alone."""


class UnreadableError(Exception):
    """A recording that cannot be read here."""


def read(path: Path) -> bytes:
    """Read 16 kHz mono 16-bit PCM from a WAV or FLAC file.

    Raises:
        UnreadableError: Another format, or no command that decodes FLAC.
    """
    if path.suffix == ".wav":
        with wave.open(str(path)) as file:
            if (file.getframerate(), file.getnchannels(), file.getsampwidth()) != (
                NEAR_RATE,
                1,
                SAMPLE_BYTES,
            ):
                raise UnreadableError(f"{path} is not 16 kHz mono 16-bit")
            pcm: bytes = file.readframes(file.getnframes())
            return pcm
    commands = {
        "flac": ["-dcs", "--force-raw-format", "--endian=little", "--sign=signed", str(path)],
        "sox": [str(path), "-t", "raw", "-r", str(NEAR_RATE), "-c", "1", "-b", "16", "-e", "signed", "-"],
        "ffmpeg": ["-v", "error", "-i", str(path), "-f", "s16le", "-ar", str(NEAR_RATE), "-ac", "1", "-"],
    }
    for command, arguments in commands.items():
        if shutil.which(command):
            done = subprocess.run([command, *arguments], capture_output=True, check=False)
            if done.returncode:
                said = done.stderr.decode(errors="replace").strip()
                raise UnreadableError(f"{command} cannot read {path}: {said}")
            return done.stdout
    raise UnreadableError(f"no command decodes {path.suffix} here; install flac, sox or ffmpeg")


def frames(pcm: bytes) -> Iterator[AudioFrame]:
    """Cut sound into whole frames of 20 ms; what is left at the end is not heard."""
    size = FRAME_SAMPLES * SAMPLE_BYTES
    for start in range(0, len(pcm) - size + 1, size):
        yield AudioFrame(pcm[start : start + size], NEAR_RATE, start // SAMPLE_BYTES)


def listen(pcm: bytes, model: VoiceModel | None = None) -> list[Turn]:
    """Put one recording through a new Listener."""
    listener = Listener(model=model)
    turns: list[Turn] = []
    for near in frames(pcm):
        at = near.end_sample / NEAR_RATE
        for event in listener.judge(Captured(at, near, FAR)):
            note(event, turns)
    if turns and turns[-1]["end_t"] is None:
        turns[-1]["end"] = None
    return turns


def note(event: Event, turns: list[Turn]) -> None:
    """Write down what a turn event says."""
    match event:
        case TurnOpened(at, _, pre_roll):
            turns.append(
                {"start": pre_roll.first_sample / NEAR_RATE, "start_t": at, "end": None, "end_t": None}
            )
        case TurnAudio(frame=frame):
            turns[-1]["end"] = frame.end_sample / NEAR_RATE
        case TurnClosed(at):
            turns[-1]["end_t"] = at
        case _:
            pass


def cost(pcm: bytes, model: VoiceModel | None = None) -> tuple[float, float]:
    """Seconds of CPU for one recording: of the canceller, and of the detector and the gate behind it."""
    canceller, detector, gate = EchoCanceller(), SpeechDetector(model=model), TurnGate()
    started = time.process_time()
    cleaned = [canceller.clean(near, FAR) for near in frames(pcm)]
    between = time.process_time()
    for number, one in enumerate(cleaned):
        opinion = detector.judge(one.frame)
        gate.hear(
            number * 0.02,
            Heard(
                one.voice,
                opinion.is_speech,
                opinion.is_clear,
                is_sure=opinion.is_sure,
                silence=opinion.silence,
            ),
        )
    return between - started, time.process_time() - between


if __name__ == "__main__":
    raise SystemExit(main())
