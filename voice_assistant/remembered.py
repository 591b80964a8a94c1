"""What one session learned and the next may start from: how a provider delivers, how much a device must hold.

A small file of numbers in the platform's place for state. It is a convenience: what cannot be read is learned
again, and what cannot be written is not missed until then.
"""

from __future__ import annotations

import json
import logging
import math
import os
from collections.abc import Sequence
from pathlib import Path

import platformdirs

_logger = logging.getLogger(__name__)

MOST_KEPT = 50


def state_file() -> Path:
    """Say where it lies; the file need not exist."""
    return platformdirs.user_state_path("voice-assistant", appauthor=False) / "delivery.json"


def load(what: str, path: Path | None = None) -> list[float] | None:
    """Give what was learned of a provider or a device; None where nothing was, or it cannot be read."""
    learned = _read(path or state_file()).get(what)
    if isinstance(learned, list) and all(_is_number(one) for one in learned):
        return [float(one) for one in learned]
    return None


def save(what: str, learned: Sequence[float], path: Path | None = None) -> None:
    """Keep what was learned; what was used last is kept."""
    path = path or state_file()
    known = _read(path)
    known.pop(what, None)
    known[what] = [round(one, 4) for one in learned]
    while len(known) > MOST_KEPT:
        del known[next(iter(known))]
    written = path.with_name(f"{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        written.write_text(json.dumps(known), encoding="utf-8")
        # All or nothing: another session may write at the same time.
        written.replace(path)
    except OSError as error:
        _logger.warning("what was learned of the delivery is not kept: %s", error.strerror)


def _read(path: Path) -> dict[str, object]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}  # none yet, or not ours: it is learned again
    return found if isinstance(found, dict) else {}


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
