"""Starting the offline provider as a child process, and ending it: for the program that wants to talk to it.

All that crosses is a pipe: settings go in as arguments, a port and a token come back; then it is asked every
two seconds whether it still lives. Nothing heavy is imported here, so it costs nothing where another provider
is used.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from voice_assistant.errors import LinkError
from voice_assistant.offline.background import wants_processor
from voice_assistant.offline.settings import OfflineSettings

CHAT_KEY_VARIABLE = "VOICE_ASSISTANT_CHAT_API_KEY"
_START_LIMIT_S = 20.0
_STOP_LIMIT_S = 1.0

ASK_EVERY_S = 2.0
MOST_UNANSWERED = 4
"""Questions in a row whether it lives. They are counted, and not the seconds, so that it is not blamed where
this program was stopped, or the machine slept. It answers within milliseconds; and it is found before the
conversation gives up on an answer (``answer_timeout_s``)."""

MOST_UNANSWERED_AT_WORK = 15
"""The same while it works or waits for a processor: others may take them all for a while."""


@dataclass(frozen=True, slots=True)
class OfflineAddress:
    """Where a started provider listens.

    Args:
        url: ``http://127.0.0.1:PORT``.
        token: To be sent as a Bearer key.
    """

    url: str
    token: str = field(repr=False)


class OfflineProcess:
    """One offline provider, started and ended by us.

    Args:
        settings: What it is given besides its skills.
        chat_key: Its key; handed over in the environment, where no list of processes shows it.
        log_file: Where its log goes; None for nowhere.
    """

    def __init__(
        self,
        settings: OfflineSettings,
        *,
        chat_key: str = "",
        log_file: Path | None = None,
    ) -> None:
        self._arguments = [
            f"--chat-url={settings.chat_url}",
            f"--chat-model={settings.chat_model}",
            f"--model-path={settings.model_path}",
        ]
        self._chat_key = chat_key
        self._log_file = log_file
        self._log: IO[bytes] | None = None
        self._process: asyncio.subprocess.Process | None = None
        self._unanswered = 0
        self.is_hung = False
        """Did the one that was started last stop answering?"""

    @property
    def pid(self) -> int | None:
        """Its process id while it runs."""
        return self._process.pid if self._process is not None else None

    async def start(self) -> OfflineAddress:
        """Start it; returns as soon as it listens.

        Raises:
            LinkError: It ended instead, or said nothing for 20 s.
        """
        environment = os.environ | ({CHAT_KEY_VARIABLE: self._chat_key} if self._chat_key else {})
        if self._log_file is not None:
            self._log = await asyncio.to_thread(self._log_file.open, "ab")
        self._process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "voice_assistant.offline",
            *self._arguments,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=self._log or asyncio.subprocess.DEVNULL,
            env=environment,
            # A session of its own: Ctrl-C in the terminal is for us, and we end it in good order.
            start_new_session=True,
        )
        self.is_hung = False
        assert self._process.stdout is not None
        hello: dict[str, object] = {}
        reason = f"it said nothing for {_START_LIMIT_S:.0f} s"
        try:
            async with asyncio.timeout(_START_LIMIT_S):
                line = await self._process.stdout.readline()
            hello = json.loads(line or b"{}")
            reason = str(hello.get("error") or "it ended at once")
        except (TimeoutError, ValueError):
            pass  # the reason stands
        except BaseException:
            await self.stop()
            raise
        if "port" not in hello:
            await self.stop()
            raise LinkError(
                f"the offline provider did not start: {reason}",
                remedy="Run 'python -m voice_assistant.offline' to see its own words, "
                "or use a provider with a key.",
            )
        return OfflineAddress(f"http://127.0.0.1:{hello['port']}", str(hello["token"]))

    async def wait(self) -> int | None:
        """Wait until it ends; one that hangs is ended. Gives its exit status, or minus a signal's number."""
        process = self._process
        if process is None:
            return None
        assert process.stdin is not None
        assert process.stdout is not None
        self._unanswered = 0
        hearing = asyncio.create_task(self._hear(process.stdout))
        ending = asyncio.create_task(process.wait())
        try:
            while not (await asyncio.wait([ending], timeout=ASK_EVERY_S))[0]:
                at_work = wants_processor(process.pid)
                if self._unanswered < (MOST_UNANSWERED_AT_WORK if at_work else MOST_UNANSWERED):
                    self._unanswered += 1
                    process.stdin.write(b"?")
                else:
                    self.is_hung = True
                    with contextlib.suppress(ProcessLookupError):  # it ended just now
                        process.kill()
            return ending.result()
        finally:
            hearing.cancel()
            ending.cancel()

    async def _hear(self, answers: asyncio.StreamReader) -> None:
        while await answers.readline():
            self._unanswered = 0

    async def stop(self) -> None:
        """End it: first by the end of its input, then by force."""
        process, self._process = self._process, None
        if process is not None:
            if process.stdin is not None:
                process.stdin.close()
            for end in (process.terminate, process.kill):
                try:
                    async with asyncio.timeout(_STOP_LIMIT_S):
                        await process.wait()
                    break
                except TimeoutError:
                    with contextlib.suppress(ProcessLookupError):  # it ended just now
                        end()
            await process.wait()
        log, self._log = self._log, None
        if log is not None:
            log.close()
