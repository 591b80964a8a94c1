"""Another program is asked: it answers, or it hangs and is ended."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from voice_assistant.devices.inquiry import inquire

HANGS = "import os, sys, time; open(sys.argv[1], 'w').write(str(os.getpid())); print('half'); time.sleep(60)"


async def test_what_a_program_prints_is_given() -> None:
    assert await inquire(sys.executable, "-c", "print('hello')", within_s=60) == "hello\n"


async def test_a_program_that_hangs_has_said_nothing_and_is_ended(tmp_path: Path) -> None:
    noted = tmp_path / "pid"

    told = await inquire(sys.executable, "-c", HANGS, str(noted), within_s=2.0)

    assert told == ""
    with pytest.raises(ProcessLookupError):
        os.kill(int(noted.read_text(encoding="ascii")), 0)
