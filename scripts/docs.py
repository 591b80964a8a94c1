"""Copies into the docs what they show of the program, so that they cannot drift from it.

A place for it is a fenced block after a comment that names what belongs there: ``<!-- config.toml -->`` for
a file, ``<!-- voice-assistant --help -->`` for the help of a command, ``<!-- voice_assistant/ -->`` for the
modules of a folder, each with the first line of what it says of itself. A test compares; ``make docs``
writes, and draws the pictures.
"""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from scripts import pictures, settings

ROOT = Path(__file__).resolve().parent.parent

_PLACE = re.compile(
    r"(?P<head><!-- (?P<what>[\w./ -]+) -->\n```\w+\n)(?P<body>.*?)(?P<tail>^```$)", re.S | re.M
)


def pages() -> list[Path]:
    """List the pages that may have such places."""
    return [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]


def refreshed(text: str) -> str:
    """Fill each place in a page with what it names."""
    return _PLACE.sub(lambda place: place["head"] + _current(place["what"]) + place["tail"], text)


def _current(what: str) -> str:
    if what.startswith("voice-assistant "):
        return _help(what.split()[1:])
    if what.endswith("/"):
        return "".join(f"{line}\n" for line in _rooms(ROOT / what))
    return (ROOT / what).read_text(encoding="utf-8")


def _rooms(folder: Path, indent: str = "") -> list[str]:
    """Draw a package as a tree of two floors: what is deeper speaks through its folder."""
    lines = [_room(indent, f"{folder.name}/", folder / "__init__.py")]
    indent += "    "
    for module in sorted(folder.glob("*.py")):
        if module.name != "__init__.py":
            lines.append(_room(indent, module.name, module))
    for package in sorted(init.parent for init in folder.glob("*/__init__.py")):
        if len(indent) == len("    "):
            lines += ["", *_rooms(package, indent)]
        else:
            lines.append(_room(indent, f"{package.name}/", package / "__init__.py"))
    return lines


def _room(indent: str, name: str, module: Path) -> str:
    told = ast.get_docstring(ast.parse(module.read_text(encoding="utf-8"))) or ""
    return f"{indent + name:<28}{told.partition(chr(10))[0]}"


def _help(words: list[str]) -> str:
    line = [sys.executable, "-m", "voice_assistant", *words]
    environ = os.environ | {"COLUMNS": "100", "NO_COLOR": "1"}
    return subprocess.run(line, cwd=ROOT, env=environ, capture_output=True, text=True, check=True).stdout


def main() -> None:
    """Write every page anew that is not as it should be, after ``config.toml`` itself."""
    _write(ROOT / "config.toml", settings.refreshed)
    for page in pages():
        _write(page, refreshed)
    pictures.main()


def _write(path: Path, anew: Callable[[str], str]) -> None:
    before = path.read_text(encoding="utf-8")
    if (after := anew(before)) != before:
        path.write_text(after, encoding="utf-8")
        sys.stdout.write(f"written: {path.relative_to(ROOT)}\n")


if __name__ == "__main__":
    main()
