"""Text to speech: sentences in, 24 kHz sound out.

``Voice`` keeps one speaking process and hands it sentence after sentence. A sentence of ten seconds takes
that process about ten milliseconds, so it is handed back whole; who speaks it decides how fast it is sent.
Which engine there is, is the process's own matter (``voice_worker.py``).
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import re
import struct
import sys
from dataclasses import dataclass

import numpy as np

from voice_assistant.core.audio import REPLY_RATE, Resampler
from voice_assistant.offline.background import wants_processor

log = logging.getLogger(__name__)

_START_LIMIT_S = 10.0
_SENTENCE_LIMIT_S = 30.0
_STUCK_S = 4.0
"""A sentence takes milliseconds, so a process that needs longer and does not even want the processor hangs.
Its successor is given all the time."""
_STOP_LIMIT_S = 1.0
_AUDIBLE = 33
"""A sample this large or larger is sound: -60 dB below full scale."""
_LEAD_MS = 10
"""Kept of the silence before a sentence: a fade's length, so that it does not begin with a click."""
_SENTENCE_END = re.compile(r"(?<=[.!?;:])[\"')\]]*\s+|\n+")
_LONGEST_SENTENCE = 300
"""Characters: a text without any full stop is cut at a blank here."""

REMEDY = "Install it with: pip install 'voice-assistant[offline]', or the system's package espeak-ng."


class VoiceMissingError(Exception):
    """No speech engine can be used here; the message says what was looked for, and what would do."""


@dataclass(frozen=True, slots=True)
class VoiceSettings:
    """How the voice sounds."""

    language: str = "en-us"  # a voice of espeak-ng
    words_per_minute: int = 150  # faster than about 180 is hard to follow


def sentences(text: str) -> list[str]:
    """Cut a text where a speaker would draw breath."""
    found = []
    for part in _SENTENCE_END.split(text):
        part = part.strip()
        while len(part) > _LONGEST_SENTENCE:
            cut = part.rfind(" ", 0, _LONGEST_SENTENCE)
            cut = cut if cut > 0 else _LONGEST_SENTENCE
            found.append(part[:cut])
            part = part[cut:].strip()
        if part:
            found.append(part)
    return found


class SentenceCutter:
    """Cuts a text that comes in pieces into sentences, as soon as each is whole."""

    def __init__(self) -> None:
        self._rest = ""

    def feed(self, piece: str) -> list[str]:
        """Take the next piece; return the sentences that are whole with it."""
        *whole, self._rest = _SENTENCE_END.split(self._rest + piece)
        return [sentence for part in whole for sentence in sentences(part)]

    def flush(self) -> list[str]:
        """Return what is left: no more pieces come."""
        rest, self._rest = self._rest, ""
        return sentences(rest)


class Voice:
    """Speaks sentences, through a process of its own."""

    def __init__(self, settings: VoiceSettings | None = None) -> None:
        self._settings = settings or VoiceSettings()
        self._process: asyncio.subprocess.Process | None = None
        self._rate = 0
        self._one_at_a_time = asyncio.Lock()
        self.engine = ""

    async def start(self) -> None:
        """Start the speaking process.

        Raises:
            VoiceMissingError: There is no speech engine on this machine.
        """
        async with self._one_at_a_time:
            await self._ensure()

    async def _ensure(self) -> asyncio.subprocess.Process:
        if self._process is not None and self._process.returncode is None:
            return self._process
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "voice_assistant.offline.voice_worker",
            f"--language={self._settings.language}",
            f"--words-per-minute={self._settings.words_per_minute}",
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
        )
        assert process.stdout is not None
        try:
            async with asyncio.timeout(_START_LIMIT_S):
                hello = json.loads(await process.stdout.readline() or b"{}")
        except (TimeoutError, ValueError):
            hello = {"error": "the speaking process did not start"}
        except BaseException:
            await _ended(process)
            raise
        if "rate" not in hello:
            await _ended(process)
            raise VoiceMissingError(f"no voice: {hello.get('error', 'the speaking process ended')}. {REMEDY}")
        self._process, self._rate, self.engine = process, int(hello["rate"]), str(hello["engine"])
        return process

    async def speak(self, sentence: str) -> bytes:
        """Speak one sentence; returns 16-bit mono PCM at 24 kHz, without the silence before it.

        Raises:
            VoiceMissingError: There is no speech engine, or it ended in the middle twice.
        """
        # Shielded: a caller that gives up in the middle must not leave half a sentence in the pipe.
        return await asyncio.shield(asyncio.ensure_future(self._speak(sentence)))

    async def _speak(self, sentence: str) -> bytes:
        async with self._one_at_a_time:
            for is_second in (False, True):
                process = await self._ensure()
                try:
                    pcm = await self._in_time(process, sentence, is_patient=is_second)
                except (OSError, asyncio.IncompleteReadError, TimeoutError) as why:
                    log.warning("the speaking process failed (%s); starting another", type(why).__name__)
                    await _ended(process)
                    continue
                resampler = Resampler(self._rate, REPLY_RATE)
                return _trimmed(resampler.feed(pcm) + resampler.flush())
        raise VoiceMissingError(f"the speaking process keeps ending. {REMEDY}")

    async def _in_time(
        self, process: asyncio.subprocess.Process, sentence: str, *, is_patient: bool
    ) -> bytes:
        exchange = asyncio.create_task(self._exchange(process, sentence))
        await asyncio.wait([exchange], timeout=_STUCK_S)
        is_patient = is_patient or wants_processor(process.pid)
        return await asyncio.wait_for(exchange, _SENTENCE_LIMIT_S - _STUCK_S if is_patient else 0.0)

    async def _exchange(self, process: asyncio.subprocess.Process, sentence: str) -> bytes:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(json.dumps({"text": sentence}).encode() + b"\n")
        await process.stdin.drain()
        blocks: list[bytes] = []
        while True:
            (length,) = struct.unpack("<I", await process.stdout.readexactly(4))
            if not length:
                return b"".join(blocks)
            blocks.append(await process.stdout.readexactly(length))

    async def close(self) -> None:
        """End the speaking process."""
        process, self._process = self._process, None
        if process is not None:
            await _ended(process)


async def _ended(process: asyncio.subprocess.Process) -> None:
    """See that a process has ended: first by the end of its input, then by force."""
    if process.stdin is not None:
        process.stdin.close()
    try:
        async with asyncio.timeout(_STOP_LIMIT_S):
            await process.wait()
    except TimeoutError:
        with contextlib.suppress(ProcessLookupError):  # it ended between the two lines
            process.kill()
        await process.wait()


def _trimmed(pcm: bytes) -> bytes:
    """Take off the silence before the first sound, but for a fade's length."""
    samples = np.frombuffer(pcm, np.int16)
    audible = np.flatnonzero((samples >= _AUDIBLE) | (samples <= -_AUDIBLE))
    if not audible.size:
        return pcm
    start = max(0, int(audible[0]) - REPLY_RATE * _LEAD_MS // 1000)
    return pcm[2 * start :]
