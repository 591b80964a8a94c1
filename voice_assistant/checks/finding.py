"""What a check found: in words for a person, in values for a program, with the remedy where there is one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from voice_assistant.errors import VoiceAssistantError

State = Literal["ok", "note", "warning", "failed"]
"""Well; to be known; works, but not well; does not work."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at.

    Args:
        check: What was looked at, in a word or two.
        state: How it is.
        text: What was found; no secrets.
        remedy: What to do about it.
        exit_code: What the program ends with where this is the first failure.
        details: The same as values, for a program.
    """

    check: str
    state: State
    text: str
    remedy: str = ""
    exit_code: int = 0
    details: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Begun:
    """Something that takes a while begins: what, and how long at most."""

    text: str


Tell = Callable[[Finding | Begun], None]


def failure(check: str, error: VoiceAssistantError, **details: object) -> Finding:
    """Make a finding of an error that a person can act on."""
    return Finding(check, "failed", str(error), error.remedy, error.exit_code, details)


def shown_path(path: Path) -> str:
    """Name a file without the name of its owner."""
    absolute = path.absolute()
    try:
        return f"~/{absolute.relative_to(Path.home()).as_posix()}"
    except (ValueError, RuntimeError):  # it lies elsewhere, or there is no home
        return str(absolute)
