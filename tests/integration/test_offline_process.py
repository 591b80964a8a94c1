"""The offline provider as a child process: it starts, is spoken to, and ends with whoever started it."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.offline_client import Address, connected
from voice_assistant.errors import LinkError
from voice_assistant.offline.settings import OfflineSettings
from voice_assistant.offline.spawn import OfflineProcess

LIMIT_S = 60.0


def alive(pid: int) -> bool:
    """Is this process still running?"""
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


def children(pid: int) -> list[int]:
    """The processes that a process has started."""
    return [
        int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()
    ]


async def gone(*pids: int) -> None:
    """Wait until processes have ended."""
    async with asyncio.timeout(LIMIT_S):
        while any(alive(pid) for pid in pids):
            await asyncio.sleep(0.02)


async def test_it_starts_answers_at_a_lower_priority_and_stops_with_its_own_children(tmp_path: Path) -> None:
    process = OfflineProcess(OfflineSettings(), log_file=tmp_path / "offline.log")
    where = await process.start()
    pid = process.pid
    assert pid is not None
    voice = children(pid)
    try:
        async with connected(Address(where.url, where.token)) as client:
            content = [{"type": "input_text", "text": "what is 2 plus 2"}]
            await client.send(
                "conversation.item.create", item={"type": "message", "role": "user", "content": content}
            )
            await client.send("response.create")
            await client.until("response.done")
            assert client.all("response.output_audio_transcript.done")[0]["transcript"] == "That is 4."
            assert client.audio()
        assert os.getpriority(os.PRIO_PROCESS, pid) == os.getpriority(os.PRIO_PROCESS, 0) + 10
        assert voice
        assert where.token not in repr(where)
    finally:
        await process.stop()

    await gone(pid, *voice)
    assert where.token not in (tmp_path / "offline.log").read_text(encoding="utf-8")


async def test_it_ends_when_its_parent_is_killed() -> None:
    parent = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "import subprocess, sys\n"
            "child = subprocess.Popen([sys.executable, '-m', 'voice_assistant.offline'],"
            " stdin=subprocess.PIPE, stdout=subprocess.PIPE)\n"
            "child.stdout.readline()\n"
            "print(child.pid, flush=True)\n"
            "child.wait()\n",
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    assert parent.stdout is not None
    with parent.stdout:
        child = int(await asyncio.to_thread(parent.stdout.readline))
    assert alive(child)

    parent.kill()
    parent.wait()

    await gone(child)


async def test_it_listens_on_this_machine_only_and_the_key_goes_over_no_command_line() -> None:
    process = OfflineProcess(
        OfflineSettings(chat_url="http://127.0.0.1:9/v1"), chat_key="sk-secret-of-a-test"
    )
    where = await process.start()
    try:
        command = Path(f"/proc/{process.pid}/cmdline").read_bytes()
        assert b"127.0.0.1:9" in command
        assert b"sk-secret" not in command
        assert where.url.startswith("http://127.0.0.1:")
    finally:
        await process.stop()


async def test_a_port_that_is_taken_is_said_on_the_pipe() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "voice_assistant.offline", f"--port={port}"),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
        )
        out, _ = await process.communicate()

    assert "error" in json.loads(out)
    assert process.returncode == 1


async def test_a_provider_that_does_not_start_is_an_error_with_a_remedy(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sys, "executable", "/bin/false")

    with pytest.raises(LinkError, match="did not start") as failed:
        await OfflineProcess(OfflineSettings()).start()

    assert "voice_assistant.offline" in failed.value.remedy
