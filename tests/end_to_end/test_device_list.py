"""``voice-assistant devices``: what is there, and what would be used."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from tests.support import sound_server
from tests.support.sound_server import SoundServer

pytestmark = [
    pytest.mark.sound,
    pytest.mark.skipif(bool(sound_server.why_not()), reason=sound_server.why_not() or ""),
]


@pytest.fixture(scope="module")
def card() -> Iterator[SoundServer]:
    """One virtual sound card for all of them."""
    with SoundServer() as server:
        yield server


def devices(
    environ: Mapping[str, str], cwd: Path, *words: str, **settings: str
) -> subprocess.CompletedProcess[str]:
    """Run the command with the settings of this machine out of sight."""
    return subprocess.run(
        [sys.executable, "-m", "voice_assistant", "devices", *words],
        env={**environ, "HOME": str(cwd), "XDG_CONFIG_HOME": str(cwd), **settings},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )


def test_the_list_marks_the_devices_that_would_be_used(card: SoundServer, tmp_path: Path) -> None:
    ended = devices(card.env, tmp_path, VOICE_ASSISTANT_PLAYOUT_DEVICE="pulse")

    assert (ended.returncode, ended.stderr) == (0, "")
    table, _, why = ended.stdout.partition("\n\n")
    assert {row.split()[2]: row.split()[0] for row in table.splitlines()[1:]} == {
        "pulse": "<",
        "default": ">",
    }
    assert why == (
        " > would be the microphone: the system's default\n < would be the loudspeaker: matches 'pulse'\n"
    )


def test_a_program_can_read_it(card: SoundServer, tmp_path: Path) -> None:
    ended = devices(card.env, tmp_path, "--json")

    rows = {row["name"]: row for row in json.loads(ended.stdout)}
    assert rows.keys() == {"pulse", "default"}
    why = "the system's default"
    assert rows["default"]["used_for"] == {"capture": why, "playout": why}
    assert rows["pulse"]["used_for"] == {}
    assert rows["pulse"]["input_channels"] > 0


def test_a_name_that_fits_nothing_marks_nothing(card: SoundServer, tmp_path: Path) -> None:
    ended = devices(card.env, tmp_path, "--json", VOICE_ASSISTANT_CAPTURE_DEVICE="blue yeti")

    assert [row["name"] for row in json.loads(ended.stdout) if "capture" in row["used_for"]] == []


def test_without_any_device_it_says_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "asound.conf").write_text("pcm.!default { type hw card 31 }")
    environ = {"PATH": "/usr/bin:/bin", "ALSA_CONFIG_PATH": str(tmp_path / "asound.conf")}

    ended = devices(environ, tmp_path)

    assert (ended.returncode, ended.stdout) == (3, "")
    assert ended.stderr.startswith("error: no sound devices were found\n  fix: Connect a microphone")
    assert ended.stderr.endswith("see: docs/troubleshooting.md#device\n")
