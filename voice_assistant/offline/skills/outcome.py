"""What a skill answers with: words to say, or a tool to have called first."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Say:
    """Words, and that is all. An empty text is a turn that wants no answer."""

    text: str


@dataclass(frozen=True, slots=True)
class CallTool:
    """Have the client run one of its tools; say something about what came of it.

    Args:
        tool: The tool's name, as the client must have declared it.
        seconds: A length of time to hand over, or None where the tool takes none.
        label: What the person called it; empty for nothing.
        done: Makes the sentence to say of the tool's output.
        without: What to say where the client declares no such tool.
    """

    tool: str
    done: Callable[[str], str]
    without: str
    seconds: float | None = None
    label: str = ""


Outcome = Say | CallTool
