"""Going behind: a process that works for a conversation takes the processor only when nobody else wants it.

Recognising speech takes all the cores there are, and a late callback of the loudspeaker can be heard. Being
nice is not enough by itself: a program that was started with real-time priority (``chrt``) hands that on to
its children, and there niceness counts for nothing. A conversation's own precedence is handed on as well.

Who goes behind may have to wait long, and is not to be taken for one that hangs.
"""

from __future__ import annotations

import os
from pathlib import Path


def go_behind(niceness: int) -> None:
    """Give up real-time priority, and be *niceness* nicer than before (0 to 19).

    For this thread and those that it starts from now on, so call it first. Nothing happens on a system that
    knows neither.
    """
    if hasattr(os, "sched_setscheduler") and os.sched_getscheduler(0) in (os.SCHED_FIFO, os.SCHED_RR):
        os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))
    if hasattr(os, "setpriority") and os.getpriority(os.PRIO_PROCESS, 0) < 0:
        os.setpriority(os.PRIO_PROCESS, 0, 0)
    if hasattr(os, "nice"):
        os.nice(niceness)


def wants_processor(pid: int) -> bool:
    """Say whether a process works, or waits for a processor. False where that is not known."""
    try:
        states = [
            thread.read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()[0]
            for thread in Path(f"/proc/{pid}/task").glob("*/stat")
        ]
    except OSError:  # it has ended, or a thread of it has
        return False
    return "R" in states
