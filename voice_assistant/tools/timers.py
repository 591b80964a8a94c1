"""Timers: set and cancelled by the model, ringing where the person is.

They live as long as the program: a link that is renewed does not lose them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from voice_assistant.core.calls import ToolSpec
from voice_assistant.core.events import Event, TimerRang
from voice_assistant.errors import ToolError

LONGEST_S = 24 * 3600.0
MOST = 20


@dataclass(frozen=True, slots=True)
class _Timer:
    label: str
    seconds: float
    handle: asyncio.TimerHandle


class Timers:
    """The timers that run.

    Args:
        post: Takes ``TimerRang``; called on the event loop's thread.
        clock: The session's clock, in seconds.
    """

    def __init__(self, post: Callable[[Event], None], clock: Callable[[], float]) -> None:
        self._post = post
        self._clock = clock
        self._timers: dict[int, _Timer] = {}
        self._count = 0

    def set(self, seconds: float, label: str) -> None:
        """Let a timer ring after *seconds*.

        Raises:
            ToolError: Too long, too short, or too many.
        """
        if not 1 <= seconds <= LONGEST_S:
            raise ToolError(f"a timer of {seconds:g} s cannot be set", remedy="Take 1 s to 24 hours.")
        if len(self._timers) >= MOST:
            raise ToolError(f"{MOST} timers run already", remedy="Cancel one first.")
        self._count += 1
        handle = asyncio.get_running_loop().call_later(seconds, self._ring, self._count)
        self._timers[self._count] = _Timer(label, seconds, handle)

    def cancel(self, label: str) -> int:
        """Cancel the timers with this label, or all where it is empty; say how many."""
        wanted = label.casefold()
        going = [
            number for number, one in self._timers.items() if not label or one.label.casefold() == wanted
        ]
        for number in going:
            self._timers.pop(number).handle.cancel()
        return len(going)

    def close(self) -> None:
        """Cancel all."""
        self.cancel("")

    def _ring(self, number: int) -> None:
        timer = self._timers.pop(number)
        self._post(TimerRang(self._clock(), timer.label, timer.seconds))


class SetTimer:
    """The tool that sets one."""

    spec = ToolSpec(
        "set_timer",
        "Set a timer. It rings at the user's side when it is over.",
        {
            "type": "object",
            "properties": {
                "seconds": {"type": "number", "description": "How long it runs, in seconds."},
                "label": {"type": "string", "description": "What it is for, in a word or two."},
            },
            "required": ["seconds"],
        },
    )

    def __init__(self, timers: Timers) -> None:
        self._timers = timers

    async def __call__(self, arguments: dict[str, object]) -> dict[str, object]:
        """Set it."""
        seconds, label = arguments.get("seconds"), arguments.get("label", "")
        if isinstance(seconds, bool) or not isinstance(seconds, int | float) or not isinstance(label, str):
            raise ToolError("seconds must be a number and label a text", remedy="Send both as described.")
        self._timers.set(float(seconds), label.strip()[:60])
        return {"ok": True, "seconds": seconds}


class CancelTimer:
    """The tool that cancels them."""

    spec = ToolSpec(
        "cancel_timer",
        "Cancel a timer by its label, or all timers.",
        {
            "type": "object",
            "properties": {
                "label": {"type": "string", "description": "Which one; leave it out to cancel all."}
            },
        },
    )

    def __init__(self, timers: Timers) -> None:
        self._timers = timers

    async def __call__(self, arguments: dict[str, object]) -> dict[str, object]:
        """Cancel."""
        label = arguments.get("label", "")
        if not isinstance(label, str):
            raise ToolError("label must be a text", remedy="Leave it out to cancel all.")
        return {"ok": True, "cancelled": self._timers.cancel(label.strip())}
