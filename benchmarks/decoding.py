"""How long a burst holds up the event loop: ``python -m benchmarks.decoding``.

A scripted proxy sends a reply of half a minute as fast as it can: in one message, and in a message for each
tenth of a second. The program's own link, session and core take it. Every call that the event loop makes is
timed with the CPU clock of its thread, so what other programs do does not count; the longest one is by how
much a burst can delay anything else. The same message decoded in one piece stands beside it.
"""

from __future__ import annotations

import asyncio
import sys
import threading
import time
from asyncio import events
from collections.abc import Iterator
from contextlib import contextmanager
from unittest.mock import patch

from tests.support.desk_rig import DeskRig
from tests.support.realtime_server import RealtimeCall, RealtimeServer
from tests.support.spoken import reply
from voice_assistant.core.events import ReplyAudio, TextEntered
from voice_assistant.dialects.base import ProviderSettings
from voice_assistant.dialects.unpacking import LARGE

SECONDS = 30.0
RUNS = 5
WHOLE_MS = 1000 * SECONDS
PART_MS = 100.0


@contextmanager
def longest_call() -> Iterator[list[float]]:
    """Time every call of the event loop of this thread, in milliseconds, into a list."""
    took: list[float] = []
    run = events.Handle._run  # the one place where asyncio calls anything

    own = threading.get_ident()

    def timed(handle: asyncio.Handle) -> None:
        if threading.get_ident() != own:
            run(handle)  # the scripted proxy's loop
            return
        begun = time.thread_time()
        run(handle)
        took.append(1000 * (time.thread_time() - begun))

    with patch.object(events.Handle, "_run", timed):
        yield took


async def burst(server: RealtimeServer, sound: bytes, part_ms: float) -> float:
    """Take one reply; give the longest call."""

    async def script(call: RealtimeCall) -> None:
        await call.set_up()
        await call.until(lambda: any("item.create" in str(one.body.get("type")) for one in call.messages))
        await call.reply(sound, chunk_ms=part_ms)
        await call.hung_up(within_s=30)

    server.play(script)
    rig = DeskRig(ProviderSettings(name="litellm", url=server.url, model="live"), "key", speed=1.0)
    async with rig.talking():
        await rig.until(lambda: "SessionConfigured" in {type(entry).__name__ for entry in rig.entries})
        await asyncio.sleep(0.3)
        with longest_call() as took:
            rig.post(TextEntered(asyncio.get_running_loop().time(), "hello"))
            await rig.until(lambda: sum(len(one.pcm) for one in rig.all(ReplyAudio)) == len(sound))
        return max(took)


def main() -> int:
    """Measure, and print a line for each way."""
    sound = reply(SECONDS, seed=1)
    with RealtimeServer() as server:
        for name, part_ms, large in (
            ("30 s in one message", WHOLE_MS, LARGE),
            ("30 s in 300 messages", PART_MS, LARGE),
            ("30 s in one message, decoded in one piece", WHOLE_MS, sys.maxsize),
        ):
            with patch("voice_assistant.session.LARGE", large):
                longest = sorted(asyncio.run(burst(server, sound, part_ms)) for _ in range(RUNS))
            sys.stdout.write(
                f"{name:<44} longest call of the loop: median {longest[RUNS // 2]:.1f} ms, "
                f"of {RUNS} runs at most {longest[-1]:.1f} ms\n"
            )
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
