"""Who may import whom: the rules of docs/architecture.md, read from the code itself."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = "voice_assistant"

PURE_LIBRARIES = {"numpy", "webrtcvad", "pywebrtc_audio"}
IMPURE = {"asyncio", "threading", "time", "random", "logging", "secrets", "socket", "subprocess", "os", "io"}
"""Of the standard library: what knows a clock, a thread, dice, a file or a socket."""

RULES: Mapping[str, set[str]] = {
    # Each room, and the rooms of ours that it may import. The longest name that fits is the one that counts.
    "errors": set(),
    "core": {"core", "errors"},
    "dialects": {"dialects", "core", "errors"},
    "devices": {"devices", "core", "errors"},
    "terminal": {"terminal", "core", "errors"},
    "recording": {"recording", "core", "errors", ""},
    "tools": {"tools", "core", "errors"},
    "opinions": {"core", "errors"},
    "link": {"core", "errors", "dialects.base", "knocking", "route"},
    "knocking": set(),
    "route": {"errors"},
    "session": {"core", "errors", "dialects.base", "dialects.unpacking"},
    "providers": {
        "core",
        "errors",
        "dialects",
        "link",
        "offline.settings",
        "offline.spawn",
        "reviving",
        "route",
    },
    "sources": {"errors"},
    "credentials": {"errors"},
    "keyring_store": {"errors"},
    "config_file": {"errors"},
    "setting_up": {
        "setting_up",
        "checks.sound",
        "config",
        "config_file",
        "core",
        "credentials",
        "devices",
        "dialects.proxy",
        "errors",
        "keyring_store",
        "link",
        "providers",
        "route",
    },
    "completion": {"cli"},
    "logs": {"errors"},
    "awake": {"core"},
    "transcribing": {"core"},
    "reviving": {"errors", "offline.spawn"},
    "remembered": set(),
    "priority": set(),
    "asking": {"core"},
    "config": {"core", "dialects", "devices", "terminal", "sources", "errors", "offline.settings", "route"},
    "offline": {"offline", "core.audio", "errors"},
    "cli": {"commands", "core.plain_text", "errors", "logs", ""},
    "commands": {
        "cli",
        "commands",
        "ends",
        "offline.alone",
        "demo",
        "doctor",
        "checks.provider",
        "app",
        "completion",
        "config",
        "credentials",
        "keyring_store",
        "logs",
        "devices",
        "core",
        "errors",
        "setting_up",
        "",
    },
    "demo": {
        "app",
        "ends",
        "asking",
        "config",
        "core.audio",
        "devices.wav",
        "errors",
        "offline.settings",
        "recording.log",
    },
    "checks": {
        "checks",
        "config",
        "credentials",
        "keyring_store",
        "core",
        "devices",
        "dialects.base",
        "dialects.proxy",
        "errors",
        "opinions",
        "link",
        "offline",
        "priority",
        "providers",
        "route",
        "terminal",
        "",
    },
    "doctor": {"checks", "config", "core.plain_text", "errors", "providers"},
    "__main__": {"cli"},
    "": set(),
}
"""``""`` is the package's own ``__init__``: its version. 
``app``, and ``ends`` which it is put together with, may import all."""

EVERYTHING = {"app", "ends"}


def modules(root: Path = ROOT) -> dict[str, ast.Module]:
    """Read every module of the package: its name within it, and its syntax."""
    found = {}
    for path in sorted((root / PACKAGE).rglob("*.py")):
        parts = path.relative_to(root / PACKAGE).with_suffix("").parts
        name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        found[name] = ast.parse(path.read_text(encoding="utf-8"), filename=str(path))
    return found


def imports_of(tree: ast.Module, names: set[str]) -> Iterator[tuple[int, str]]:
    """List what a module imports, wherever in it: line and full name; *names* are the modules of ours."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"line {node.lineno}: a relative import; write the whole name"
            module = node.module or ""
            for alias in node.names:
                full = f"{module}.{alias.name}"
                ours = full.removeprefix(f"{PACKAGE}.") in names
                yield node.lineno, full if ours else module


def violations(found: Mapping[str, ast.Module]) -> list[str]:
    """Hold the modules to the rules; a line for each import that breaks one."""
    broken = []
    for name, tree in found.items():
        if name in EVERYTHING:
            continue
        room = room_of(name, RULES)
        if room is None:
            broken.append(f"{name}: no rule for it; say in RULES what it may import")
            continue
        for line, imported in imports_of(tree, set(found)):
            if not allowed(name, room, imported):
                broken.append(
                    f"{name.replace('.', '/')}.py:{line}: {room or PACKAGE} may not import {imported}"
                )
    return broken


def allowed(name: str, room: str, imported: str) -> bool:
    """Say whether a module of a room may import something."""
    top, _, rest = imported.partition(".")
    if top == PACKAGE:
        return any(rest == one or (one and rest.startswith(f"{one}.")) for one in RULES[room])
    if room not in ("core", "dialects"):
        return True
    return top in PURE_LIBRARIES or (top in sys.stdlib_module_names and top not in IMPURE)


def room_of(name: str, rooms: Mapping[str, object]) -> str | None:
    """Find the room a module is in."""
    fitting = [room for room in rooms if name == room or (room and name.startswith(f"{room}."))]
    return max(fitting, key=len, default=None)


def test_every_module_imports_only_what_its_room_may() -> None:
    broken = violations(modules())

    assert not broken, "\n" + "\n".join(broken) + "\nsee docs/architecture.md, 'Who may import whom'"


@pytest.mark.parametrize(
    ("module", "code", "refused"),
    [
        ("core.turns", "import asyncio", "asyncio"),
        ("core.turns", "import time as t", "time"),
        ("core.turns", "from rich.text import Text", "rich.text"),
        ("core.turns", "from OURS import config", "OURS.config"),
        ("dialects.litellm", "import aiohttp.web", "aiohttp.web"),
        ("dialects.litellm", "from OURS.link import Link", "OURS.link"),
        ("terminal.screen", "from OURS.devices import capture", "OURS.devices.capture"),
        ("recording.log", "import OURS.devices.capture", "OURS.devices.capture"),
        ("link", "from OURS.dialects.litellm import X", "OURS.dialects.litellm"),
        ("session", "from OURS.link import Link", "OURS.link"),
        ("offline.server", "from OURS.dialects.base import Dialect", "OURS.dialects.base"),
        ("offline.server", "from OURS.core.events import Event", "OURS.core.events"),
        ("errors", "from OURS.core import audio", "OURS.core.audio"),
    ],
)
@pytest.mark.parametrize("shape", ["{}", "def f():\n    {}", "if TYPE_CHECKING:\n    {}"])
def test_the_check_sees_an_import_that_is_not_allowed(
    module: str, code: str, refused: str, shape: str
) -> None:
    names = ["config", "core.audio", "devices.capture", "link", "dialects.litellm", "dialects.base"]
    code = shape.format(code.replace("OURS", PACKAGE))
    found = {name: ast.parse("") for name in (*names, "core.events")} | {module: ast.parse(code)}

    (broken,) = violations(found)

    room = module.partition(".")[0]
    where = f"{module.replace('.', '/')}.py:{code.count(chr(10)) + 1}"
    assert broken == f"{where}: {room} may not import {refused.replace('OURS', PACKAGE)}"


def test_a_room_without_a_rule_is_asked_for_one() -> None:
    assert violations({"cellar.wine": ast.parse("")}) == [
        "cellar.wine: no rule for it; say in RULES what it may import"
    ]


def test_what_is_allowed_passes() -> None:
    code = (
        "import math\nimport numpy as np\nfrom voice_assistant.core.audio import AudioFrame\nimport webrtcvad"
    )

    assert violations({"core.turns": ast.parse(code)}) == []


def test_modules_are_found() -> None:
    assert {"core.events", "dialects.base", "cli", "", "core"} <= modules().keys()
