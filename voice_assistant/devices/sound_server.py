"""The sound server that stands behind some of ALSA's names: its defaults, asked with ``pactl``.

PulseAudio and PipeWire answer alike. Where neither is, or the command is not installed, nothing is known.
"""

from __future__ import annotations

import asyncio
import re
import shutil

from voice_assistant.core.events import Direction

ASK_WITHIN_S = 3.0

ALSA_NAMES = frozenset({"default", "pulse", "pipewire", "sysdefault"})
"""ALSA's names for whatever the server has as its default."""


async def defaults() -> dict[Direction, str]:
    """Give the server's default microphone and loudspeaker; empty where they are not known."""
    return defaults_in(await pactl("info"))


def defaults_in(info: str) -> dict[Direction, str]:
    """Read the same in what ``pactl info`` says."""
    source = re.search(r"^Default Source: (\S+)$", info, re.MULTILINE)
    sink = re.search(r"^Default Sink: (\S+)$", info, re.MULTILINE)
    return {"capture": source[1] if source else "", "playout": sink[1] if sink else ""}


async def pactl(*words: str) -> str:
    """Ask the sound server; empty where there is nobody to ask, or no answer."""
    program = shutil.which("pactl")
    if program is None:
        return ""
    asked = await asyncio.create_subprocess_exec(
        "env",
        "LC_ALL=C",
        program,
        *words,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        told, _ = await asyncio.wait_for(asked.communicate(), ASK_WITHIN_S)
        return told.decode(errors="replace")
    except TimeoutError:
        return ""
    finally:
        if asked.returncode is None:
            asked.kill()
            await asked.wait()
