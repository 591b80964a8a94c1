"""What works behind a conversation never goes before it, however the program itself was started."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest

from voice_assistant.offline.background import wants_processor

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


def test_a_process_that_works_wants_the_processor_and_one_that_sleeps_or_is_stopped_does_not() -> None:
    command = [sys.executable, "-c", "print(1, flush=True)\nwhile True: pass"]
    with (
        subprocess.Popen(command, stdout=subprocess.PIPE) as working,
        subprocess.Popen(["sleep", "60"]) as asleep,
    ):
        try:
            assert working.stdout is not None
            working.stdout.readline()
            at_work = wants_processor(working.pid)
            os.kill(working.pid, signal.SIGSTOP)
            os.waitpid(working.pid, os.WUNTRACED)
            stopped = wants_processor(working.pid)
            while wants_processor(asleep.pid):  # It begins with some work.
                os.sched_yield()
        finally:
            working.kill()
            asleep.kill()

    assert at_work
    assert not stopped
    assert not wants_processor(working.pid)
