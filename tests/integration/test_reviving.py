"""The offline provider is killed, or hangs, in the middle of everything: it comes back, no word is lost."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import pytest

from tests.support.desk_rig import DeskRig
from voice_assistant import reviving
from voice_assistant.core.events import ReplyText, SessionConfigured, TextEntered
from voice_assistant.core.lifeline import LifelineSettings
from voice_assistant.dialects.base import ProviderSettings
from voice_assistant.errors import LinkError
from voice_assistant.offline import spawn
from voice_assistant.offline.settings import OfflineSettings
from voice_assistant.offline.spawn import OfflineAddress, OfflineProcess
from voice_assistant.providers import open_provider
from voice_assistant.reviving import STARTS, Reviving

ANSWER = "That is 4."


@asynccontextmanager
async def talking(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[tuple[DeskRig, list[int]]]:
    """A conversation with the offline provider, and the ids of its processes so far."""
    pids: list[int] = []
    start = OfflineProcess.start

    async def noted(process: OfflineProcess) -> OfflineAddress:
        address = await start(process)
        assert process.pid is not None
        pids.append(process.pid)
        return address

    monkeypatch.setattr(OfflineProcess, "start", noted)
    settings = ProviderSettings(name="offline")
    async with AsyncExitStack() as stack:
        provider = await open_provider(settings, OfflineSettings(), [], stack, key="", chat_key="", log=None)
        rig = DeskRig(settings, link=LifelineSettings(answer_timeout_s=60), opened=provider)
        async with rig.talking() as desk:
            yield desk, pids


def words_of(desk: DeskRig) -> str:
    return "".join(one.text for one in desk.all(ReplyText))


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP])
async def test_a_provider_that_is_killed_or_hangs_comes_back_and_answers_what_was_said_meanwhile_once(
    monkeypatch: pytest.MonkeyPatch, number: signal.Signals
) -> None:
    monkeypatch.setattr(spawn, "ASK_EVERY_S", 0.5)
    async with talking(monkeypatch) as (desk, pids):
        await desk.until(lambda: bool(desk.all(SessionConfigured)), within_s=60)
        os.kill(pids[0], number)
        # Typed, so that a busy machine need not recognise it too.
        desk.post(TextEntered(asyncio.get_running_loop().time(), "what is 2 plus 2"))
        await desk.until(lambda: ANSWER in words_of(desk), within_s=60)
        await desk.drained()
        await asyncio.sleep(0.3)

    assert len(pids) == 2
    assert words_of(desk).count(ANSWER) == 1
    assert sum("is gone" in text for text in desk.notices) == 1
    assert any("it hung" in text for text in desk.notices) is (number == signal.SIGSTOP)
    assert sum("is back" in text for text in desk.notices) == 1


class Mortal:
    """A process that starts and ends at once, each time."""

    is_hung = False

    def __init__(self) -> None:
        self.starts = 0

    async def start(self) -> OfflineAddress:
        self.starts += 1
        return OfflineAddress(f"http://127.0.0.1:{self.starts}", "token")

    async def wait(self) -> int | None:
        await asyncio.sleep(0)
        return -9

    async def stop(self) -> None:
        """Nothing is left to stop."""


async def test_a_process_that_does_not_stay_alive_is_given_up_with_a_reason() -> None:
    process = Mortal()
    kept = Reviving(process)
    await kept.start()
    async with asyncio.timeout(60):
        while not kept.failure:
            await asyncio.sleep(0.01)
    await kept.stop()

    assert process.starts == STARTS + 1
    assert "in a row" in kept.failure


async def test_one_that_cannot_start_again_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reviving, "ALIVE_S", 0.0)
    process = Mortal()
    kept = Reviving(process)
    await kept.start()

    async def refuse() -> OfflineAddress:
        raise LinkError("no room on this machine", remedy="Make some.")

    process.start = refuse  # type: ignore[method-assign]
    async with asyncio.timeout(60):
        while not kept.failure:
            await asyncio.sleep(0.01)
    await kept.stop()

    assert kept.failure == "no room on this machine"


async def test_one_that_answers_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spawn, "ASK_EVERY_S", 0.5)
    process = OfflineProcess(OfflineSettings())
    await process.start()
    try:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(process.wait(), 3 * spawn.MOST_UNANSWERED * spawn.ASK_EVERY_S)
        assert not process.is_hung
    finally:
        await process.stop()
