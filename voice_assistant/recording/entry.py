"""One event or command as one line of JSON, or times that were taken of several.

A line holds the class's name under ``kind`` and its fields under their own. Sound becomes where it lies
and how long it is; a provider's message becomes its type and its size. So a recording's text can be read
and shared on its own, and never grows with the sound.
"""

from __future__ import annotations

import dataclasses
import json
import math
import re
from typing import TYPE_CHECKING

from voice_assistant.core.audio import SAMPLE_BYTES, AudioFrame
from voice_assistant.core.events import Command, Event
from voice_assistant.core.latency import Interruption, TurnLatency

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

_TYPE = re.compile(r'"type"\s*:\s*"([^"\\]{1,100})"')
_TYPE_WITHIN = 1000
"""Characters of a message that are searched for its type: it stands at the front, the sound behind it."""


def line_of(entry: Event | Command | TurnLatency | Interruption, **more: object) -> str:
    """Put an entry into one line, without the line's end.

    Args:
        entry: What happened, or what was to be done.
        more: Said of it besides, after its own fields.
    """
    told: dict[str, object] = {"kind": type(entry).__name__}
    told |= _fields(entry)
    return json.dumps(told | more, ensure_ascii=False, separators=(",", ":"))


def _fields(value: DataclassInstance) -> dict[str, object]:
    return {one.name: _plain(one.name, getattr(value, one.name)) for one in dataclasses.fields(value)}


def _plain(name: str, value: object) -> object:
    match value:
        case AudioFrame():
            return {"first_sample": value.first_sample, "samples": value.samples, "rate": value.rate}
        case bytes() if name == "pcm":
            return {"samples": len(value) // SAMPLE_BYTES}
        case str() | bytes() if name == "data":
            return _message(value)
        case bytes():
            return {"bytes": len(value)}
        case float():
            # JSON knows neither infinity nor "not a number".
            return round(value, 6) if math.isfinite(value) else None
        case str() | int() | None:
            return value
        case BaseException():
            return {"kind": type(value).__name__, "message": str(value)}
        case _ if dataclasses.is_dataclass(value) and not isinstance(value, type):
            return _fields(value)
        case _:
            return repr(value)


def _message(data: str | bytes) -> dict[str, object]:
    start = data[:_TYPE_WITHIN]
    found = _TYPE.search(start if isinstance(start, str) else start.decode("utf-8", errors="replace"))
    size = len(data.encode("utf-8", errors="replace") if isinstance(data, str) else data)
    return {"type": found[1] if found else None, "bytes": size}
