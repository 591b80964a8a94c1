"""The tools that the provider asked for: running, finished, answered.

A tool runs at the edge and may take its time. What it gives back goes to the link that asked for it: a new
link knows nothing of the call.
"""

from __future__ import annotations

from dataclasses import dataclass

from voice_assistant.core.events import (
    Command,
    Event,
    LinkLost,
    Notify,
    Ring,
    RunTool,
    SendToolResult,
    TimerRang,
    ToolCall,
    ToolFinished,
)


@dataclass(frozen=True, slots=True)
class ToolSpec:
    """A tool as it is offered to the model.

    Args:
        name: What the model calls it.
        description: When to use it, for the model.
        parameters: JSON Schema of its arguments, an object.
    """

    name: str
    description: str
    parameters: dict[str, object]


class Calls:
    """Has each call run once, and its result sent where it was asked for."""

    def __init__(self) -> None:
        self._running: set[str] = set()

    def handle(self, event: Event) -> list[Command]:
        """Take the next event."""
        match event:
            case ToolCall(call=call, name=name, arguments=arguments) if call not in self._running:
                self._running.add(call)
                return [RunTool(call, name, arguments)]
            case ToolFinished(call=call, output=output) if call in self._running:
                self._running.discard(call)
                return [SendToolResult(call, output)]
            case LinkLost():
                self._running.clear()
            case TimerRang(label=label, seconds=seconds):
                name = f"{label}: " if label else ""
                return [Ring(), Notify("info", f"Timer: {name}{spoken_length(seconds)} are over.")]
            case _:
                pass
        return []


def spoken_length(seconds: float) -> str:
    """``90`` is ``1 min 30 s``."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    parts = [(hours, "h"), (minutes, "min"), (rest, "s")]
    return " ".join(f"{count} {unit}" for count, unit in parts if count) or "0 s"
