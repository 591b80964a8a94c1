"""The devices that there are now: PortAudio lists them once, when it starts, so another process lists them.

The open streams of this one are left alone. What is imported here costs the other process 80 ms; numpy and
asyncio would cost 300 more.
"""

from __future__ import annotations

import json
import os
import sys
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from voice_assistant.devices.catalog import Device, find, list_devices
from voice_assistant.devices.inquiry import inquire
from voice_assistant.errors import DeviceError

if TYPE_CHECKING:
    from voice_assistant.core.events import Direction

LOOK_WITHIN_S = 10.0


@dataclass(frozen=True, slots=True)
class Listing:
    """What a PortAudio started now finds.

    Args:
        devices: All of them; none where it cannot be asked.
        defaults: The names of the system's defaults; empty where it has none.
    """

    devices: list[Device]
    defaults: dict[Direction, str]


async def look() -> Listing:
    """Have another process list the devices."""
    found = json.loads(await inquire(sys.executable, "-m", __name__, within_s=LOOK_WITHIN_S) or "{}")
    defaults: dict[Direction, str] = found.get("defaults", {"capture": "", "playout": ""})
    return Listing([Device(**one) for one in found.get("devices", [])], defaults)


# --- The other process's side ---


def main() -> None:
    """Print the devices as JSON."""
    os.nice(10)
    defaults = {"capture": _default("capture"), "playout": _default("playout")}
    found = {"devices": [asdict(device) for device in list_devices()], "defaults": defaults}
    print(json.dumps(found))  # noqa: T201 - the parent reads it


def _default(direction: Direction) -> str:
    try:
        return find("", direction).device.name
    except DeviceError:
        return ""


if __name__ == "__main__":
    main()
