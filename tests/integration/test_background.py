"""What works behind a conversation never goes before it, however the program itself was started."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

PROGRAM = """
import contextlib, os
from voice_assistant.offline.background import go_behind
with contextlib.suppress(PermissionError):
    os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(1))
before = os.nice(0)
go_behind(7)
print(os.sched_getscheduler(0) == os.SCHED_OTHER, os.nice(0) - before)
"""


@pytest.mark.skipif(not hasattr(os, "sched_setscheduler"), reason="this system knows no real-time priority")
def test_a_child_of_a_program_in_real_time_goes_behind_it() -> None:
    # Linux ends at 19, however nice we are here already.
    expected = min(7, 19 - os.nice(0))

    ended = subprocess.run(
        [sys.executable, "-c", PROGRAM], capture_output=True, text=True, timeout=180, check=True
    )

    assert ended.stdout.split() == ["True", str(expected)]
