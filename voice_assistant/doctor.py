"""The doctor: why can I not hear anything? Checks in order, each with what it found and what to do about it.

It never hangs: what waits for a device or a network runs on a thread of its own, and is left behind when its
time is over. Nothing secret is in what it says, so that it can be pasted into a report.
"""

from __future__ import annotations

import asyncio
import json
import os
import queue
import sys
import threading
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import TextIO

from voice_assistant.checks import models, provider, sound, stage, surroundings
from voice_assistant.checks.finding import Begun, Finding, Tell, failure
from voice_assistant.config import Config
from voice_assistant.core.plain_text import neutralise
from voice_assistant.errors import EXIT_DEVICE, EXIT_LINK, ConfigError
from voice_assistant.providers import is_offline

SOUND_LIMIT_S = 25.0
PROVIDER_LIMIT_S = provider.LIMIT_S + 2.0

WIDTH = 18
"""Characters for the name of a check."""


class Doctor:
    """Runs the checks and keeps what they find.

    Args:
        out: Takes the report.
        progress: Takes a line when something long begins.
        as_json: The report is one JSON object, at the end.
        secrets: What must not be said, wherever it comes up.
    """

    def __init__(self, out: TextIO, progress: TextIO, *, as_json: bool, secrets: Sequence[str]) -> None:
        self._out = out
        self._progress = progress
        self._as_json = as_json
        self._secrets = [secret for secret in secrets if secret]
        self._findings: list[Finding] = []
        self.left_something_behind = False
        """Did a check not end in its time? Then its thread may hold up the end of the program."""

    @property
    def findings(self) -> Sequence[Finding]:
        """What was found so far."""
        return tuple(self._findings)

    @property
    def exit_code(self) -> int:
        """0 where nothing failed, else that of the first failure."""
        return next((one.exit_code for one in self._findings if one.state == "failed"), 0)

    def tell(self, told: Finding | Begun) -> None:
        """Take note of what a check says, and show it."""
        if isinstance(told, Begun):
            self._progress.write(f"...      {told.text}\n")
            self._progress.flush()
            return
        clean = replace(told, text=self._clean(told.text), remedy=self._clean(told.remedy))
        self._findings.append(clean)
        if not self._as_json:
            self._out.write(_lines(clean))
            self._out.flush()

    def run(self, check: str, limit_s: float, job: Callable[[Tell], Awaitable[None]]) -> None:
        """Run a check on a thread of its own, and wait for it, but no longer than its time.

        Args:
            check: What is told to have failed where it does not end.
            limit_s: Its time.
            job: Takes what is to be told; runs on an event loop of its own.
        """
        told: queue.SimpleQueue[Finding | Begun | BaseException | None] = queue.SimpleQueue()

        def work() -> None:
            try:
                asyncio.run(_awaited(job(told.put)))
                told.put(None)
            except BaseException as error:  # noqa: BLE001 - it is raised again where somebody hears of it
                told.put(error)

        threading.Thread(target=work, name=check, daemon=True).start()
        end = time.monotonic() + limit_s
        while True:
            try:
                one = told.get(timeout=max(0.0, end - time.monotonic()))
            except queue.Empty:
                self.left_something_behind = True
                self.tell(_endless(check, limit_s))
                return
            match one:
                case None:
                    return
                case BaseException():
                    raise one
                case _:
                    self.tell(one)

    def finish(self) -> None:
        """Say how it stands in all; with JSON, everything."""
        if self._as_json:
            findings = [asdict(one) for one in self._findings]
            whole = {"ok": self.exit_code == 0, "exit_code": self.exit_code, "findings": findings}
            self._out.write(self._clean_json(json.dumps(whole, indent=2, ensure_ascii=False)) + "\n")
        else:
            counts = {
                state: sum(one.state == state for one in self._findings) for state in ("failed", "warning")
            }
            told = [f"{count} {state}" for state, count in counts.items() if count]
            self._out.write(f"\n{len(self._findings)} checks: {', '.join(told) or 'all is well'}.\n")
        self._out.flush()

    def _clean(self, text: str) -> str:
        for secret in self._secrets:
            text = text.replace(secret, "[hidden]")
        return neutralise(text)

    def _clean_json(self, text: str) -> str:
        for secret in self._secrets:
            text = text.replace(json.dumps(secret, ensure_ascii=False)[1:-1], "[hidden]")
        return text


def examine(
    load: Callable[[], Config],
    access: provider.Access,
    *,
    named: Path | None,
    as_json: bool,
    out: TextIO,
    for_stage: bool = False,
) -> int:
    """Check everything and report; returns the exit code.

    Args:
        load: Reads the settings; a mistake in them is a finding, and the defaults are examined.
        access: The keys, and the log.
        named: The settings file after ``--config``.
        as_json: Report one JSON object.
        out: Standard output.
        for_stage: Look at what an audience would notice too, and end with a verdict.
    """
    # Descriptor 2 is sent away while PortAudio is at work; what begins is told beside it.
    progress = os.fdopen(os.dup(2), "w", encoding="utf-8", errors="replace")
    doctor = Doctor(out, progress, as_json=as_json, secrets=[access.key, access.chat_key])
    surroundings.examine_versions(doctor.tell, os.environ)
    surroundings.examine_places(doctor.tell, os.environ, named, access.log)
    try:
        config = load()
    except ConfigError as error:
        doctor.tell(failure("settings", error))
        config = Config()
    models.examine(config, doctor.tell)
    doctor.run("sound", SOUND_LIMIT_S, partial(sound.examine, config))
    doctor.run("provider", PROVIDER_LIMIT_S, partial(provider.examine, config, access))
    if not is_offline(config.provider, access.key):
        doctor.tell(provider.offline_is_installed())
    doctor.tell(provider.what_leaves(config, access.key))
    if for_stage:
        doctor.run("stage", stage.LIMIT_S, partial(stage.examine, config))
        doctor.tell(stage.verdict(doctor.findings))
    doctor.finish()
    progress.close()
    if doctor.left_something_behind:
        # A thread that is stuck in the sound system would be waited for at the end, and Python's own end may
        # get stuck in the same place.
        sys.stdout.flush()
        os._exit(doctor.exit_code)
    return doctor.exit_code


async def _awaited(job: Awaitable[None]) -> None:
    await job


def _endless(check: str, limit_s: float) -> Finding:
    told = f"no end within {limit_s:.0f} s"
    if check == "sound":
        remedy = "The sound server hangs: start it anew, or name another in PULSE_SERVER."
        return Finding(check, "failed", told, remedy, EXIT_DEVICE)
    return Finding(check, "failed", told, "Try again; the log may say more.", EXIT_LINK)


def _lines(finding: Finding) -> str:
    state = finding.state.upper() if finding.state == "failed" else finding.state
    told = f"{state:<8} {finding.check:<{WIDTH}} {finding.text}\n"
    if finding.remedy:
        told += f"{'':<8} {'':<{WIDTH}} fix: {finding.remedy}\n"
    return told
