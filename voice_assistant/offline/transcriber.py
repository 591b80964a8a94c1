"""The process that writes down what the assistant says, where its provider does not: sound in, words out.

``python -m voice_assistant.offline.transcriber``. It is a process of its own, at the lowest priority, so that
no recognising can make playout stutter or take the program down with it. It ends when its standard input
ends, and so with the program that started it, however that ends.

On the pipe, outward: one line of JSON, ``{"recogniser": name}`` or ``{"error": text}``; then, for each block
that comes in (a little-endian 32-bit length and as many bytes of 16-bit mono PCM at 24 kHz), one line,
``{"text": words}``. A stretch that cannot be recognised has no words.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import struct
import sys
from pathlib import Path
from typing import BinaryIO

from voice_assistant.core.audio import NEAR_RATE, REPLY_RATE, Resampler
from voice_assistant.offline.background import go_behind
from voice_assistant.offline.recogniser import RecogniserMissingError, RecognitionError, load

_NICENESS = 19

_LENGTH = struct.Struct("<I")


async def _serve(model_path: Path | None, inward: BinaryIO, outward: BinaryIO) -> int:
    # Nothing else runs in this process: reading and writing may block.
    try:
        recogniser = await load(model_path)
    except RecogniserMissingError as why:
        _say(outward, error=str(why))
        return 1
    _say(outward, recogniser=recogniser.name)
    while len(head := inward.read(_LENGTH.size)) == _LENGTH.size:
        (length,) = _LENGTH.unpack(head)
        pcm = inward.read(length)
        if len(pcm) < length:
            break
        near = Resampler(REPLY_RATE, NEAR_RATE)
        try:
            text = await recogniser.words(near.feed(pcm) + near.flush())
        except RecognitionError as why:
            sys.stderr.write(f"transcriber: {why}\n")
            text = ""
        _say(outward, text=text)
    recogniser.close()
    return 0


def _say(outward: BinaryIO, **told: str) -> None:
    outward.write(json.dumps(told).encode() + b"\n")
    outward.flush()


def main() -> int:
    """Recognise stretches until there are no more."""
    parser = argparse.ArgumentParser(prog="python -m voice_assistant.offline.transcriber")
    parser.add_argument("--model-path", default="")
    wanted = parser.parse_args()
    go_behind(_NICENESS)
    model_path = Path(wanted.model_path) if wanted.model_path else None
    try:
        return asyncio.run(_serve(model_path, sys.stdin.buffer, sys.stdout.buffer))
    except BrokenPipeError:  # whoever wanted it is gone
        return 0


if __name__ == "__main__":
    sys.exit(main())
