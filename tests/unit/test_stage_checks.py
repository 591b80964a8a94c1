"""What an audience would notice: the verdict over all checks, and the machine's power."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from voice_assistant.checks import stage
from voice_assistant.checks.finding import Finding

WELL = Finding("session", "ok", "begun", details={"seconds": 0.4})


def test_all_well_is_ready() -> None:
    found = stage.verdict([WELL, Finding("keyboard", "note", "watched")])

    assert (found.state, found.exit_code, found.details["ready"]) == ("ok", 0, True)
    assert found.text.startswith("READY.")


def test_a_failure_is_not_ready_and_ends_as_the_first_of_them() -> None:
    found = stage.verdict([WELL, Finding("key", "failed", "", "", 4), Finding("bell", "failed", "", "", 3)])

    assert (found.state, found.exit_code, found.text) == ("failed", 4, "NOT READY: key, bell")


def test_what_is_doubtful_is_named_and_ready_all_the_same() -> None:
    slow = Finding("session", "ok", "begun", details={"seconds": 4.2})

    found = stage.verdict([Finding("power", "warning", "on battery"), slow])

    assert found.exit_code == 0
    assert found.text == "READY, but look at: power, the session took 4.2 s to begin"


@pytest.mark.skipif(sys.platform == "darwin", reason="macOS is asked in another way")
@pytest.mark.parametrize(
    ("supplies", "state", "text"),
    [
        ({}, "ok", "no battery, or nothing known of one"),
        ({"AC": {"type": "Mains", "online": "1"}}, "ok", "no battery, or nothing known of one"),
        (
            {
                "AC": {"type": "Mains", "online": "1"},
                "BAT0": {"type": "Battery", "capacity": "80", "status": "Charging"},
            },
            "ok",
            "plugged in, battery 80 %",
        ),
        (
            {
                "AC": {"type": "Mains", "online": "0"},
                "BAT0": {"type": "Battery", "capacity": "80", "status": "Discharging"},
            },
            "warning",
            "on battery, 80 %",
        ),
        (
            {"BAT0": {"type": "Battery", "capacity": "20", "status": "Discharging"}},
            "failed",
            "on battery, 20 %",
        ),
        (
            {"mouse": {"type": "Battery", "capacity": "5", "status": "Discharging", "scope": "Device"}},
            "ok",
            "no battery, or nothing known of one",
        ),
    ],
)
def test_power_is_read_from_the_system(
    tmp_path: Path, supplies: dict[str, dict[str, str]], state: str, text: str
) -> None:
    for name, files in supplies.items():
        (tmp_path / name).mkdir()
        for file, told in files.items():
            (tmp_path / name / file).write_text(f"{told}\n")

    found = stage._power(tmp_path)

    assert (found.state, found.text) == (state, text)
