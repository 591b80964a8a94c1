"""Going before others: sound that comes late is heard, and other programs can wait.

Where the system allows it, this process is served before ordinary ones: on Linux for root, and for those whom
``/etc/security/limits.conf`` or the package of a sound system lets be less nice (often the group ``audio``).
Elsewhere nothing happens: macOS and Windows give the threads of a sound device their due by themselves. It is
the whole process and not only the thread that feeds the loudspeaker, since that one waits for Python's lock,
and whoever holds it must be served as soon.
"""

from __future__ import annotations

import contextlib
import os
import sys

NICENESS = -11
"""What PulseAudio and PipeWire take for themselves."""


def go_before() -> None:
    """Take precedence over ordinary programs; for this thread and those that it starts from now on."""
    if sys.platform != "linux":
        return
    # Not allowed is the usual case, and no reason to say anything: then it is as it always was.
    with contextlib.suppress(OSError):
        if os.getpriority(os.PRIO_PROCESS, 0) > NICENESS:
            os.setpriority(os.PRIO_PROCESS, 0, NICENESS)
