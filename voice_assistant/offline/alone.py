"""The offline provider as a program of its own, for other clients: ``voice-assistant serve``."""

from __future__ import annotations

import asyncio
import secrets
import signal
from typing import TextIO

from voice_assistant.errors import LinkError
from voice_assistant.offline.server import serve
from voice_assistant.offline.settings import OfflineSettings


def run(settings: OfflineSettings, *, port: int, token: str | None, chat_key: str, out: TextIO) -> int:
    """Serve on this machine until Ctrl-C; returns the exit code.

    Args:
        settings: What it is given besides its skills.
        port: On 127.0.0.1; 0 takes a free one.
        token: What clients send as their key; None makes one.
        chat_key: The chat endpoint's key; empty for none.
        out: Is told where it listens, and the token that was made.

    Raises:
        LinkError: The port cannot be used.
    """
    try:
        asyncio.run(_serve(settings, port, token, chat_key, out))
    except OSError as error:
        raise LinkError(
            f"port {port} of this machine cannot be used: {error.strerror or type(error).__name__}",
            remedy="Choose another with --port; 0 takes a free one.",
        ) from error
    return 0


async def _serve(settings: OfflineSettings, port: int, token: str | None, chat_key: str, out: TextIO) -> None:
    wanted = secrets.token_urlsafe(24) if token is None else token
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, stop.set)

    def ready(taken: int) -> None:
        out.write(f"listening on ws://127.0.0.1:{taken}/v1/realtime?model=offline\n")
        if token is None:
            out.write(f"key: {wanted}\n")
        out.flush()

    await serve(
        settings, host="127.0.0.1", port=port, token=wanted, chat_key=chat_key, stop=stop, ready=ready
    )
