"""Going behind: a process that works for a conversation takes the processor only when nobody else wants it.

Recognising speech takes all the cores there are, and a late callback of the loudspeaker can be heard. Being
nice is not enough by itself: a program that was started with real-time priority (``chrt``) hands that on to
its children, and there niceness counts for nothing. A conversation's own precedence is handed on as well.
"""

from __future__ import annotations

import os


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
