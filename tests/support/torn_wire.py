"""A wire between two programs that a test can tear, block and mend: a TCP relay on 127.0.0.1.

It has a thread and an event loop of its own, so that it works while the test waits, and knows nothing of what
it carries::

    with TornWire(server.port) as wire:
        ... connect to wire.url ...
        wire.tear()      # every connection breaks at once, new ones break as well
        wire.mend()
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable
from typing import Self

BLOCK = 65_536


class TornWire:
    """Carries bytes to ``127.0.0.1:port`` and back.

    Args:
        port: Where the other end listens.
    """

    def __init__(self, port: int) -> None:
        self.port = 0
        self.connections = 0
        """How many have been made, the broken ones included."""
        self._to = port
        self._is_torn = False
        self._flows = asyncio.Event()
        self._writers: set[asyncio.StreamWriter] = set()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name="torn wire", daemon=True)
        self._is_up = threading.Event()

    @property
    def url(self) -> str:
        """The address of this end."""
        return f"http://127.0.0.1:{self.port}"

    def tear(self) -> None:
        """Break every connection, and each new one, until ``mend``."""
        self._do(self._tear)

    def block(self) -> None:
        """Let nothing through in either direction; connections stay: a half-open line."""
        self._do(self._flows.clear)

    def mend(self) -> None:
        """Work again; what was blocked comes through."""
        self._do(self._mend)

    def __enter__(self) -> Self:
        self._thread.start()
        self._is_up.wait(60)
        return self

    def __exit__(self, *_: object) -> None:
        self._do(self._tear)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()

    def _do(self, what: Callable[[], None]) -> None:
        done = threading.Event()

        def do() -> None:
            what()
            done.set()

        self._loop.call_soon_threadsafe(do)
        done.wait(60)

    # The wire's own thread.

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._flows.set()
        server = self._loop.run_until_complete(asyncio.start_server(self._carry, "127.0.0.1", 0))
        self.port = server.sockets[0].getsockname()[1]
        self._is_up.set()
        self._loop.run_forever()
        server.close()
        for task in (tasks := asyncio.all_tasks(self._loop)):
            task.cancel()
        self._loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))
        self._loop.close()

    def _tear(self) -> None:
        self._is_torn = True
        for writer in self._writers:
            writer.transport.abort()

    def _mend(self) -> None:
        self._is_torn = False
        self._flows.set()

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        if self._is_torn:
            writer.transport.abort()
            return
        try:
            to_reader, to_writer = await asyncio.open_connection("127.0.0.1", self._to)
        except OSError:
            writer.transport.abort()
            return
        both = {writer, to_writer}
        self._writers |= both
        try:
            await asyncio.gather(self._pass(reader, to_writer), self._pass(to_reader, writer))
        finally:
            self._writers -= both
            for one in both:
                one.transport.abort()

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(BLOCK):
                await self._flows.wait()
                writer.write(data)
                await writer.drain()
        with contextlib.suppress(OSError, RuntimeError):
            # The other direction may go on: a closing word is answered.
            writer.write_eof()
