"""Precedence over other programs: taken where it is allowed, and nothing to be told of where it is not."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from voice_assistant.priority import NICENESS, go_before

SAY = "print(os.getpriority(os.PRIO_PROCESS, 0))"


def niceness_after(program: str) -> int:
    """Run a program in a process of its own: niceness is not given back easily."""
    lines = f"import os; from voice_assistant.priority import go_before; {program}; {SAY}"
    run = subprocess.run([sys.executable, "-c", lines], capture_output=True, text=True, check=True)
    return int(run.stdout)


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere nothing is done")
def test_it_goes_before_others_or_stays_where_it_was() -> None:
    assert niceness_after("go_before()") in (NICENESS, os.getpriority(os.PRIO_PROCESS, 0))


def test_where_it_is_not_allowed_nothing_happens(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: int) -> None:
        raise PermissionError

    monkeypatch.setattr(os, "setpriority", refuse, raising=False)

    go_before()


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere nothing is done")
def test_a_process_that_works_for_it_goes_behind() -> None:
    behind = "go_before(); from voice_assistant.offline.background import go_behind; go_behind(5)"

    assert niceness_after(behind) >= 5
