"""The sound server that stands behind some of ALSA's names: its defaults, asked with ``pactl``.

PulseAudio and PipeWire answer alike. Where neither is, or the command is not installed, nothing is known.
"""

from __future__ import annotations

import re
import shutil

from voice_assistant.core.events import Direction
from voice_assistant.devices.inquiry import inquire

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
    return await inquire("env", "LC_ALL=C", program, *words, within_s=ASK_WITHIN_S)
