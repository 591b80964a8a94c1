"""Timers, asked aloud: ``set a timer for 5 minutes``, ``cancel the timer``.

A timer must ring where the person is, so it is the client's: this gives a call of its tool ``set_timer`` or
``cancel_timer``. Where the client has none, a plain sentence says so.
"""

from __future__ import annotations

import json
import re

from voice_assistant.offline.skills.outcome import CallTool
from voice_assistant.offline.skills.wording import corrected, spoken_number

SET_TOOL = "set_timer"
CANCEL_TOOL = "cancel_timer"

_SECONDS = {"second": 1, "minute": 60, "hour": 3600}
_PART = r"(?:\d+(?:\.\d+)?(?: and (?:a )?half)?|an?|half an?) (?:second|minute|hour)s?(?: and a half)?"
_LENGTH = rf"(?P<length>{_PART}(?: (?:and )?{_PART}){{0,2}})"
_LABEL = r"(?: (?:for|called|named) (?:the |my |an? )?(?P<label>[a-z ]{2,30}))?"
# Short recordings of "a timer for" are often heard as "a time worth for" or "a time for".
_TIMER = r"(?:timer|time(?: worth)?|countdown|alarm)"
_VERB = r"(?:set|start|make|create|begin|put|give me|i need)"

_SET = (
    re.compile(rf"(?:{_VERB} )?(?:an?|the|my)? ?{_TIMER} (?:for|of|to|on|in) {_LENGTH}{_LABEL}"),
    re.compile(rf"{_VERB} (?:an? )?{_LENGTH} (?:long )?{_TIMER}{_LABEL}"),
    re.compile(rf"{_LENGTH} timer{_LABEL}"),
)
_CANCEL = re.compile(
    r"(?:cancel|stop|delete|remove|clear|end|kill|turn off|forget|abort)"
    r"(?: (?:the|my|that|all|all the|all my|this|every))? (?:timers?|countdown|alarms?)"
)
_VOCABULARY = frozenset(
    ("timer", "second", "seconds", "minute", "minutes", "cancel", "delete", "remove", "start", "create")
)
_LONGEST_S = 24 * 3600.0


def answer(text: str) -> CallTool | None:
    """Make a tool call of a request for a timer.

    Args:
        text: An utterance as ``wording.plain`` gives it.
    """
    text = corrected(text, _VOCABULARY)
    if _CANCEL.fullmatch(text):
        return CallTool(
            tool=CANCEL_TOOL,
            done=lambda output: _told(output, "The timer is cancelled."),
            without="I set no timers here: this client offers no tool for them, so there is none to cancel.",
        )
    for pattern in _SET:
        found = pattern.fullmatch(text)
        if found:
            seconds = length_s(found["length"])
            if 0 < seconds <= _LONGEST_S:
                return _set(seconds, (found["label"] or "").strip())
    return None


def _set(seconds: float, label: str) -> CallTool:
    said = spoken_length(seconds)
    return CallTool(
        tool=SET_TOOL,
        seconds=seconds,
        label=label,
        done=lambda output: _told(output, f"Your timer is set for {said}."),
        without=f"I would set a timer for {said}, but this client offers no tool for timers.",
    )


def length_s(words: str) -> float:
    """Add up ``1 hour and 30 minutes``; the result is in seconds."""
    total = 0.0
    for part in re.finditer(
        r"(?P<n>\d+(?:\.\d+)?|half an?|an?)(?P<half1> and (?:a )?half)? "
        r"(?P<unit>second|minute|hour)s?(?P<half2> and a half)?",
        words,
    ):
        written = part["n"]
        amount = 0.5 if written.startswith("half") else 1.0 if written.startswith("a") else float(written)
        amount += 0.5 if part["half1"] or part["half2"] else 0.0
        total += amount * _SECONDS[part["unit"]]
    return total


def spoken_length(seconds: float) -> str:
    """Say a length of time: ``1 hour and 30 minutes``."""
    left = round(seconds, 1)
    parts = []
    for unit, size in (("hour", 3600), ("minute", 60)):
        count, left = divmod(left, size)
        if count:
            parts.append(f"{int(count)} {unit}{'' if count == 1 else 's'}")
    if left or not parts:
        parts.append(f"{spoken_number(left)} second{'' if left == 1 else 's'}")
    return " and ".join(parts) if len(parts) < 3 else f"{parts[0]}, {parts[1]} and {parts[2]}"


def _told(output: str, success: str) -> str:
    """Make a sentence of what the tool gave back: its own complaint, if it has one."""
    try:
        value = json.loads(output)
    except ValueError:
        return success  # a tool may answer in plain words, or not at all
    if isinstance(value, dict):
        if value.get("error"):
            return f"That did not work: {value['error']}."
        if value.get("cancelled") in (0, []) or value.get("ok") is False:
            return "There is no timer running."
    return success
