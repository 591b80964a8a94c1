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
_TASK = r"(?: (?:to|that i|about|of|for) (?:the |my |an? )?(?P<label>[a-z ]{2,30}))?"
_TIMER = r"(?:timer|time(?: worth)?|countdown|alarm)"
_WISH = (
    r"(?:i|we) (?:want|need|would like|will need)(?: to have)?|(?:give|get) me|let me have|(?:may|can) i have"
)
_VERB = rf"(?:set(?: up)?|said|sat|setting|start|make|create|begin|put(?: on)?|add|run|have|{_WISH})"
_ANY = r"(?:an?|the|my|another|one|one more)"
_KIND = r"(?:new|other|second|short|quick|little|simple)"
_FOR = r"(?:for|of|to|on|in|with|at|running)"
_ALARM = (
    r"(?:wake|call|alert|tell|warn|notify|remind|poke|ring|beep|buzz) (?:me|us)(?: up| back)?|ring|beep|"
    r"let (?:me|us) know|(?:ring|sound) (?:an?|the|my) (?:alarm|bell)"
)

_SET = (
    re.compile(rf"(?:{_VERB} )?(?:{_ANY} )?(?:{_KIND} )?{_TIMER}(?: {_FOR})? {_LENGTH}{_LABEL}"),
    re.compile(rf"{_VERB} (?:{_ANY} )?(?:{_KIND} )?{_LENGTH} (?:long )?{_TIMER}{_LABEL}"),
    re.compile(rf"(?:{_ANY} )?(?:{_KIND} )?{_LENGTH} {_TIMER}{_LABEL}"),
    re.compile(rf"(?:{_VERB} )?(?:{_ANY} )?(?P<label>[a-z]{{3,20}}) timer {_FOR} {_LENGTH}"),
    re.compile(rf"(?:{_ALARM}) (?:in|after|the) {_LENGTH}{_TASK}"),
    re.compile(rf"remind (?:me|us) (?:to|about|of) (?:the |my |an? )?(?P<label>[a-z ]{{2,30}}) in {_LENGTH}"),
)
_END = (
    # The first three are what "cancel" is heard as.
    r"(?:council|counsel|can (?:not )?(?:sell|solve)|cancel|stop|delete|remove|clear|end|kill|forget|abort|"
    r"drop|dismiss|silence|(?:turn|switch|shut) off|get rid of|take (?:off|away))"
)
_WHICH = r"(?:all(?: of)? (?:the|my|your|these|those)|the|my|your|that|this|all|every|these|those|any)"
_CANCEL = (
    re.compile(rf"{_END}(?: {_WHICH})?(?: (?P<label>[a-z]{{3,20}}))?? (?:timers?|countdown|alarms?)"),
    re.compile(rf"{_END}(?: {_WHICH})? timer for (?:the |my |an? )?(?P<label>[a-z ]{{2,30}})"),
    re.compile(rf"(?:turn|switch|shut)(?: {_WHICH}) (?:timers?|alarms?) off"),
    re.compile(r"no (?:more )?(?:timers?|alarms?)"),
)
_VOCABULARY = frozenset(
    (
        *("timer", "timers", "second", "seconds", "minute", "minutes", "cancel", "delete", "remove", "start"),
        *("create", "alarm", "alarms", "another"),
    )
)
# "A timer for ten" is heard as "a time or fourteen": where the 4 can be the "for", it is.
_ER = r"\b(?:time (?:or|of|were|worth|her)|timer)"
_MISHEARD = (
    (re.compile(r"^(?:good|would) you (?=set )"), ""),
    (re.compile(r"\btime (?:or|of|were|worth|her) (?:14|4 tenth)\b"), "timer for 10"),
    (re.compile(rf"{_ER} (?:4 )?(?=\d)"), "timer for "),
)
_LONGEST_S = 24 * 3600.0


def answer(text: str) -> CallTool | None:
    """Make a tool call of a request for a timer.

    Args:
        text: An utterance as ``wording.plain`` gives it.
    """
    text = corrected(text, _VOCABULARY)
    for heard, meant in _MISHEARD:
        text = heard.sub(meant, text)
    for pattern in _CANCEL:
        if found := pattern.fullmatch(text):
            return _cancel((found.groupdict().get("label") or "").strip())
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


def _cancel(label: str) -> CallTool:
    which = f"{label} timer" if label else "timer"
    return CallTool(
        tool=CANCEL_TOOL,
        label=label,
        done=lambda output: _told(output, f"The {which} is cancelled.", f"There is no {which} running."),
        without="I set no timers here: this client offers no tool for them, so there is none to cancel.",
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


def _told(output: str, success: str, nothing: str = "") -> str:
    """Make a sentence of what the tool gave back: its own complaint, if it has one."""
    try:
        value = json.loads(output)
    except ValueError:
        return success  # a tool may answer in plain words, or not at all
    if isinstance(value, dict):
        if value.get("error"):
            return f"That did not work: {value['error']}."
        if value.get("cancelled") in (0, []) or value.get("ok") is False:
            return nothing or success
    return success
