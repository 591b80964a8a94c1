"""Brings ``config.toml`` up to what the parts declare, and leaves its words alone.

Values become the defaults; a setting that has gone loses its line, and a new one gets a line with what its
part says of it. Comments are written by hand: where limits or meanings move, read them again.
"""

from __future__ import annotations

import ast
import inspect
import itertools
import json
import re
import textwrap
import typing
from collections.abc import Iterator

from voice_assistant.config import KNOWN, Config
from voice_assistant.sources import Known

COMMENT_COLUMN = 32

_LINE = re.compile(r"(?P<key>\w+) = .*?(?P<comment>  #.*)?")


def refreshed(text: str) -> str:
    """Bring the text of a settings file up to date."""
    tables = re.split(r"^(?=\[)", text, flags=re.MULTILINE)
    written = [tables[0]]
    for section in tables[1:]:
        name = section[1 : section.index("]")]
        if name in KNOWN:
            written.append("\n".join(_section(section, dict(KNOWN[name]))) + "\n\n")
    there = {section[1 : section.index("]")] for section in tables[1:]}
    for name in KNOWN.keys() - there:
        written.append("\n".join(_section(f"[{name}]", dict(KNOWN[name]))) + "\n\n")
    return "".join(written).rstrip("\n") + "\n"


def _section(text: str, declared: dict[str, Known]) -> Iterator[str]:
    for line in text.strip("\n").splitlines():
        setting = _LINE.fullmatch(line)
        if setting is None:
            yield line
        elif known := declared.pop(setting["key"], None):
            yield _line(known, (setting["comment"] or "").strip())
    for known in declared.values():
        said = _said_of(known)
        yield _line(known, f"# {said}" if said else "")


def _line(known: Known, comment: str) -> str:
    told = f"{known.key} = {json.dumps(known.default, ensure_ascii=False)}"
    return f"{told:<{COMMENT_COLUMN - 2}}  {comment}" if comment else told


def _said_of(known: Known) -> str:
    """Find what a part says of one of its settings: the string below the field, or the comment behind it."""
    source = textwrap.dedent(inspect.getsource(typing.get_type_hints(Config)[known.part]))
    (declared,) = ast.parse(source).body
    assert isinstance(declared, ast.ClassDef)
    for one, below in itertools.pairwise([*declared.body, ast.Pass()]):
        match one, below:
            case ast.AnnAssign(target=ast.Name(id=name)), ast.Expr(value=ast.Constant(value=str(words))):
                said = words
            case ast.AnnAssign(target=ast.Name(id=name)), _:
                said = source.splitlines()[one.lineno - 1].partition("  # ")[2]
            case _:
                continue
        if name == known.key:
            return " ".join(said.split())
    return ""
