"""The offline provider as a child process: ``python -m voice_assistant.offline``

It listens on a free port of this machine, writes one line of JSON, ``{"port": ..., "token": ...}``, to its
standard output, and ends when its standard input ends: so it ends with the program that started it, however
that ends. A byte that comes in asks whether it lives; an empty line answers. It runs at a lower priority:
recognising must not make playout stutter.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import logging
import os
import secrets
import signal
import sys
import threading

from voice_assistant.offline.background import go_behind
from voice_assistant.offline.server import serve
from voice_assistant.offline.settings import OfflineSettings
from voice_assistant.offline.spawn import CHAT_KEY_VARIABLE

_NICENESS = 10


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m voice_assistant.offline", description=__doc__)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--chat-url", default="")
    parser.add_argument("--chat-model", default="")
    parser.add_argument("--model-path", default="")
    return parser.parse_args()


async def _run(wanted: argparse.Namespace) -> None:
    settings = OfflineSettings(
        chat_url=wanted.chat_url,
        chat_model=wanted.chat_model,
        model_path=wanted.model_path,
    )
    token = secrets.token_urlsafe(24)
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        with contextlib.suppress(NotImplementedError):  # Windows has no signal handlers on the loop
            loop.add_signal_handler(number, stop.set)

    def alive() -> None:
        with contextlib.suppress(OSError):  # whoever asked is gone
            sys.stdout.write("\n")
            sys.stdout.flush()

    def wait_for_the_end() -> None:
        # A thread of its own: a pipe need not be anything the loop can poll. The loop answers for itself.
        with contextlib.suppress(RuntimeError):  # the loop has ended by itself
            while os.read(sys.stdin.fileno(), 1024):
                loop.call_soon_threadsafe(alive)
            loop.call_soon_threadsafe(stop.set)

    def ready(port: int) -> None:
        sys.stdout.write(json.dumps({"port": port, "token": token}) + "\n")
        sys.stdout.flush()
        threading.Thread(target=wait_for_the_end, daemon=True).start()

    await serve(
        settings,
        host="127.0.0.1",
        port=wanted.port,
        token=token,
        chat_key=os.environ.get(CHAT_KEY_VARIABLE, ""),
        stop=stop,
        ready=ready,
    )


def main() -> int:
    """Serve until the standard input ends."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(levelname)s %(message)s")
    wanted = _arguments()
    go_behind(_NICENESS)
    try:
        asyncio.run(_run(wanted))
    except OSError as why:
        sys.stdout.write(json.dumps({"error": str(why)}) + "\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
