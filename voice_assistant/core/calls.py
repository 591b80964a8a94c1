"""The tools that the provider asked for: running, finished, answered.

A tool runs at the edge and may take its time. What it gives back goes to the link that asked for it: a new
link knows nothing of the call. But the question that led to it is sent again there, and will lead to the same
call; that one gets what the first gave back, so that nothing is done twice because a line broke.
"""

from __future__ import annotations

from dataclasses import dataclass

from voice_assistant.core.events import (
    Command,
    Event,
    Notify,
    ReplyDone,
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


Wish = tuple[str, str]
"""Name and arguments of a call."""


class Calls:
    """Has each call run once, and its result sent where it was asked for."""

    def __init__(self) -> None:
        # Of this link, until the answer that they were for is over.
        self._running: dict[str, Wish] = {}
        self._results: dict[Wish, str] = {}
        # Of a link that is gone, until somebody asks again.
        self._outlived: dict[str, Wish] = {}
        self._left: dict[Wish, str | None] = {}
        self._heirs: dict[Wish, str] = {}

    def handle(self, event: Event) -> list[Command]:
        """Take the next event."""
        match event:
            case ToolCall(call=call, name=name, arguments=arguments) if call not in self._running:
                return self._asked(call, name, arguments)
            case ToolFinished(call=call, output=output):
                return self._finished(call, output)
            case ReplyDone(interrupted=False, goes_on=False) if not self._running:
                self._results.clear()
                self._left.clear()
            case TimerRang(label=label, seconds=seconds):
                name = f"{label}: " if label else ""
                return [Ring(), Notify("info", f"Timer: {name}{spoken_length(seconds)} are over.")]
            case _:
                pass
        return []

    def link_gone(self) -> None:
        """Nobody waits for what was asked any more; the same may be asked again."""
        self._left.update(dict.fromkeys(self._running.values()))
        self._left.update(self._results)
        heirs = set(self._heirs.values())
        self._outlived |= {call: wish for call, wish in self._running.items() if call not in heirs}
        self._running.clear()
        self._results.clear()
        self._heirs.clear()

    def _asked(self, call: str, name: str, arguments: str) -> list[Command]:
        wish = name, arguments
        self._running[call] = wish
        if wish not in self._left:
            return [RunTool(call, name, arguments)]
        output = self._left.pop(wish)
        if output is None:
            self._heirs[wish] = call
            return []
        return self._finished(call, output)

    def _finished(self, call: str, output: str) -> list[Command]:
        if call in self._outlived:
            wish = self._outlived.pop(call)
            heir = self._heirs.pop(wish, None)
            if heir is not None:
                return self._finished(heir, output)
            if wish in self._left:
                self._left[wish] = output
            return []
        if call not in self._running:
            return []
        self._results[self._running.pop(call)] = output
        return [SendToolResult(call, output)]


def spoken_length(seconds: float) -> str:
    """``90`` is ``1 min 30 s``."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    parts = [(hours, "h"), (minutes, "min"), (rest, "s")]
    return " ".join(f"{count} {unit}" for count, unit in parts if count) or "0 s"
