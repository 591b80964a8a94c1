"""Toolbox: the tools of a session by name, and the tasks that run them.

A tool's failure is told to the model, never to the person's terminal, and never ends a session. Arguments
come from a model: they are read as JSON, and each tool checks what it needs of them.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable, Sequence
from typing import Protocol

from voice_assistant.core.calls import ToolSpec
from voice_assistant.core.events import Event, ToolFinished
from voice_assistant.errors import ToolError

_logger = logging.getLogger(__name__)


class Tool(Protocol):
    """One thing the model may ask for."""

    @property
    def spec(self) -> ToolSpec:
        """How it is offered."""
        ...

    async def __call__(self, arguments: dict[str, object]) -> dict[str, object]:
        """Do it, and give back what the model is told.

        Raises:
            ToolError: It cannot be done; the message is for the model.
        """
        ...


class Toolbox:
    """Runs tools.

    Args:
        tools: What is offered.
        post: Takes ``ToolFinished``; called on the event loop's thread.
        clock: The session's clock, in seconds.
    """

    def __init__(
        self, tools: Sequence[Tool], post: Callable[[Event], None], clock: Callable[[], float]
    ) -> None:
        self._tools = {tool.spec.name: tool for tool in tools}
        self._post = post
        self._clock = clock
        self._running: set[asyncio.Task[None]] = set()

    @property
    def specs(self) -> tuple[ToolSpec, ...]:
        """The tools as they are offered to the model."""
        return tuple(tool.spec for tool in self._tools.values())

    def run(self, call: str, name: str, arguments: str) -> None:
        """Begin to run a tool; its result is posted."""
        task = asyncio.create_task(self._answer(call, name, arguments))
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    def close(self) -> None:
        """Give up what is running."""
        for task in self._running:
            task.cancel()

    async def _answer(self, call: str, name: str, arguments: str) -> None:
        output: dict[str, object]
        try:
            tool = self._tools.get(name)
            if tool is None:
                raise ToolError(f"there is no tool {name!r}", remedy=f"Use one of: {', '.join(self._tools)}.")
            output = await tool(_read(arguments))
        except ToolError as error:
            output = {"error": str(error), "remedy": error.remedy}
        except Exception:
            # A tool of ours that breaks must not end the conversation; the log has the traceback.
            _logger.exception("the tool %s failed", name)
            output = {"error": "the tool failed"}
        self._post(ToolFinished(self._clock(), call, json.dumps(output)))


def _read(arguments: str) -> dict[str, object]:
    try:
        value = json.loads(arguments or "{}")
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict):
        raise ToolError("the arguments are no JSON object", remedy="Send them as an object.")
    return value
