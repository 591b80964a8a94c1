"""The demo: three turns of a real session whose microphone is a script, the last one a barge-in.

Nothing is needed but the offline extra: no key, no network, no sound card. Where there is a loudspeaker the
answers are heard; the sound of both sides is kept in a folder in any case. It fails where no conversation
came about.
"""

from __future__ import annotations

import importlib
import importlib.util
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TextIO

from voice_assistant import app
from voice_assistant.asking import Prompt
from voice_assistant.config import Config
from voice_assistant.core.audio import NEAR_RATE
from voice_assistant.devices.wav import read_at
from voice_assistant.ends import Options
from voice_assistant.errors import HandshakeError
from voice_assistant.offline.settings import OfflineSettings
from voice_assistant.recording.log import SOUND

HERE = Path(__file__).parent

NEEDED = {"moonshine_voice": "speech recognition", "espeakng_loader": "a voice"}


@dataclass(frozen=True, slots=True)
class Line:
    """One thing that is said: in which file, by whom, and how much of the reply before is heard first."""

    file: str
    by: str
    over_ms: float | None = None


SCRIPT = (
    Line("what_is_seventeen_times_twenty_three.wav", "a synthetic voice"),
    Line("librispeech-1970-10594-0000.wav", "a person (LibriSpeech, CC BY 4.0)"),
    # The answer to that is long: the sentence has been repeated by then, and the rest is of less interest.
    Line("what_time_is_it.wav", "a synthetic voice", over_ms=4800),
)


def hold(config: Config, options: Options, out: TextIO) -> int:
    """Hold the conversation; returns the exit code.

    Args:
        config: The person's settings; what would spoil the demo is set back.
        options: Where to record, and the log.
        out: Standard output.

    Raises:
        HandshakeError: Speech cannot be recognised or spoken on this machine.
        LinkError: No conversation came about.
    """
    _check_the_extra()
    folder = options.record or Path(tempfile.mkdtemp(prefix="voice-assistant-demo-"))
    out.write(_introduction(SCRIPT))
    out.flush()
    prompts = tuple(Prompt(read_at(HERE / line.file, NEAR_RATE), line.over_ms) for line in SCRIPT)
    app.talk(
        replace(config, offline=OfflineSettings()),
        replace(options, prompts=prompts, record=folder, must_be_heard=False),
    )
    out.write(
        f"\nBoth sides, what was asked on the left and the answers on the right, are in\n{_newest(folder)}\n"
        f"Now talk yourself: {_how_to_talk()}\n"
    )
    return 0


def _check_the_extra() -> None:
    for module, what in NEEDED.items():
        if importlib.util.find_spec(module) is None:
            reason = "which is not installed here"
        else:
            reason = _why_unusable(module)
        if reason:
            raise HandshakeError(
                f"the demo needs {what}, {reason}",
                remedy="Run 'make setup' in a checkout, or: pip install 'voice-assistant[offline]'. "
                "Where there is no package "
                "for this system, talk through a proxy: voice-assistant talk --provider litellm",
            )


def _why_unusable(module: str) -> str:
    """Say why a package that is installed cannot be used, as its library may not fit; empty where it can."""
    try:
        importlib.import_module(module)
    except (ImportError, OSError) as why:
        return f"which cannot be used on this machine ({why})"
    return ""


def _introduction(script: Sequence[Line]) -> str:
    told = [
        "A conversation with the offline assistant on this machine: no key, no network.",
        "The microphone is a script; everything else is the real program. Speaking:",
    ]
    for number, line in enumerate(script, 1):
        how = ", into the answer before" if line.over_ms is not None else ""
        told.append(f"  {number}. {line.by}{how}")
    return "\n".join([*told, "", ""])


def _newest(folder: Path) -> Path:
    """Find the recording that was just made: the folder's own, or that of its last numbered one."""
    return max(folder.rglob(SOUND), key=lambda file: file.stat().st_mtime)


def _how_to_talk() -> str:
    from_checkout = (HERE.parents[1] / "Makefile").is_file()
    return "make talk" if from_checkout else "voice-assistant talk"
