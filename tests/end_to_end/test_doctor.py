"""The installed command 'doctor': what it finds, with sound and without, and what others may see of it."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.support.realtime_server import RealtimeCall, RealtimeServer
from tests.support.scripted_server import Refuse
from tests.support.sound_server import ALSA_CONFIGURATION, NO_DEVICES, SoundServer
from tests.support.spoken import pause, pcm, sentence
from tests.support.terminal_program import COMMAND, TerminalProgram, home_environment
from voice_assistant.core.audio import NEAR_RATE

KEY = "sk-not-for-others"


def run(env: Mapping[str, str], home: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return run_command(env, home, COMMAND, "doctor", *words)


def run_command(env: Mapping[str, str], home: Path, *command: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command,
        env=env,
        cwd=home,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )


def silent_environment(home: Path, **more: str) -> dict[str, str]:
    """Make an environment without any sound device."""
    (home / "asound.conf").write_text(NO_DEVICES)
    return home_environment(os.environ, home, ALSA_CONFIG_PATH=str(home / "asound.conf"), **more)


def by_check(report: str) -> dict[str, dict[str, Any]]:
    return {one["check"]: one for one in json.loads(report)["findings"]}


async def opens(call: RealtimeCall) -> None:
    await call.set_up("deferred")
    await call.hung_up()


def test_with_sound_and_a_provider_all_is_well(
    sound_server: SoundServer, scripted: RealtimeServer, tmp_path: Path
) -> None:
    scripted.play(opens)
    speaking = sound_server.play_into_mic(
        pcm(sentence(), pause(1), sentence(), pause(1), sentence()), NEAR_RATE
    )
    env = home_environment(sound_server.env, tmp_path, LITELLM_API_KEY=KEY)

    with sound_server.record() as recording:
        ended = run(env, tmp_path, "--url", scripted.url, "--model", "gemini-live")
    speaking.kill()
    speaking.wait()

    told = ended.stdout
    assert ended.returncode == 0, told
    assert "FAILED" not in told
    assert "the system's default; opened at 16000 Hz" in told
    assert "found in the environment" in told
    assert "your voice goes to" in told
    assert recording.speaker.max() > 3000, "no chirps"
    assert "listening for a second, then chirping" in ended.stderr


def test_the_way_from_the_loudspeaker_to_the_microphone_is_measured(
    sound_server: SoundServer, tmp_path: Path
) -> None:
    env = home_environment(sound_server.env, tmp_path)

    with sound_server.loop_speaker_into_mic(delay_ms=60, attenuation_db=12):
        ended = run(env, tmp_path, "--json", "--url", "http://127.0.0.1:1")

    found = by_check(ended.stdout)["echo path"]["details"]
    assert found["heard_by_microphone"] is True
    assert 40 <= found["delay_ms"] <= 400


def test_what_runs_dry_while_the_doctor_thinks_is_no_lost_sample(
    sound_server: SoundServer, tmp_path: Path
) -> None:
    thinking = (
        "import sys\n"
        "from voice_assistant import cli\n"
        "from voice_assistant.core import sounding\n"
        "from voice_assistant.devices.playout import Speaker\n"
        "speakers, begin, look = [], Speaker.__init__, sounding.sound\n"
        "def begins(self, *words, **named):\n"
        "    begin(self, *words, **named)\n"
        "    speakers.append(self)\n"
        "def looks(*words):\n"
        "    speakers[0].underflows += 1000\n"
        "    return look(*words)\n"
        "Speaker.__init__, sounding.sound = begins, looks\n"
        "sys.exit(cli.main(['doctor', '--json', '--url', 'http://127.0.0.1:1']))\n"
    )
    env = home_environment(sound_server.env, tmp_path)

    with sound_server.loop_speaker_into_mic(delay_ms=60, attenuation_db=12):
        ended = run_command(env, tmp_path, sys.executable, "-c", thinking)

    assert by_check(ended.stdout)["lost samples"]["details"]["playout"] < 1000


def test_a_silent_microphone_and_a_refused_key_are_found_and_nothing_secret_is_said(
    sound_server: SoundServer, scripted: RealtimeServer, tmp_path: Path
) -> None:
    scripted.play(Refuse(403, f"no such key: {KEY}"))
    env = home_environment(sound_server.env, tmp_path, LITELLM_API_KEY=KEY)

    ended = run(env, tmp_path, "--json", "--url", scripted.url, "--model", "gemini-live")

    found = by_check(ended.stdout)
    assert ended.returncode == 3
    assert found["listening"]["state"] == "failed"
    assert "exactly zero" in found["listening"]["text"]
    assert found["key accepted"]["state"] == "failed"
    assert json.loads(ended.stdout)["exit_code"] == 3
    assert KEY not in ended.stdout + ended.stderr
    assert str(tmp_path) not in ended.stdout


def test_without_sound_and_without_a_provider_each_has_its_remedy(tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}"

    ended = run(silent_environment(tmp_path), tmp_path, "--json", "--url", url)

    found = by_check(ended.stdout)
    assert ended.returncode == 3
    assert {check for check, one in found.items() if one["state"] == "failed"} == {
        "microphone",
        "loudspeaker",
        "reached",
    }
    assert all(one["remedy"] for one in found.values() if one["state"] == "failed")


def test_a_mistake_in_the_settings_is_a_finding_and_not_the_end(tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text("[turns]\nhangover_ms = 1\n")

    ended = run(silent_environment(tmp_path), tmp_path, "--json", "--config", "mine.toml")

    findings = json.loads(ended.stdout)["findings"]
    assert ended.returncode == 2
    assert any("hangover_ms is 1" in one["text"] and one["remedy"] for one in findings)
    assert by_check(ended.stdout)["session"]["state"] == "ok"


def test_a_wake_word_that_nobody_knows_is_found_before_a_conversation_fails(tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text('[turns]\nmode = "wake-word"\n[wake]\nword = "hey you"\n')

    ended = run(silent_environment(tmp_path), tmp_path, "--json", "--config", "mine.toml")

    found = by_check(ended.stdout)["wake word"]
    assert ended.returncode == 2
    assert found["state"] == "failed"
    assert found["remedy"]


def run_where_the_sound_server_hangs(folder: Path, program: str) -> subprocess.CompletedProcess[str]:
    """Run a Python program where PulseAudio takes calls and never answers."""
    (folder / "pulse.conf").write_text(ALSA_CONFIGURATION)
    with socket.socket(socket.AF_UNIX) as never_answers:
        never_answers.bind(str(folder / "native"))
        never_answers.listen()
        env = home_environment(
            os.environ,
            folder,
            PULSE_SERVER=f"unix:{folder / 'native'}",
            ALSA_CONFIG_PATH=str(folder / "pulse.conf"),
        )
        return run_command(env, folder, sys.executable, "-c", program)


def test_a_sound_server_that_hangs_does_not_hang_the_doctor(tmp_path: Path) -> None:
    impatient = (
        "import sys\n"
        "from voice_assistant import cli, doctor\n"
        "doctor.SOUND_LIMIT_S = 2.0\n"
        "sys.exit(cli.main(['doctor', '--json']))\n"
    )

    ended = run_where_the_sound_server_hangs(tmp_path, impatient)

    found = by_check(ended.stdout)
    assert ended.returncode == 3
    assert found["sound"]["text"] == "no end within 2 s"
    assert found["session"]["state"] == "ok"


def test_a_sound_server_that_hangs_does_not_hang_a_conversation(tmp_path: Path) -> None:
    impatient = (
        "import sys\n"
        "from voice_assistant import cli\n"
        "from voice_assistant.devices import loading\n"
        "loading.LIMIT_S = 2.0\n"
        "sys.exit(cli.main(['talk', '--plain']))\n"
    )

    ended = run_where_the_sound_server_hangs(tmp_path, impatient)

    assert (ended.returncode, ended.stdout) == (3, "")
    assert "the sound system does not answer within 2 s" in ended.stderr
    assert "PULSE_SERVER" in ended.stderr


def test_a_sound_server_that_hangs_does_not_hang_the_list_of_devices(tmp_path: Path) -> None:
    impatient = (
        "import sys\n"
        "from voice_assistant import cli\n"
        "from voice_assistant.devices import loading\n"
        "loading.LIMIT_S = 2.0\n"
        "sys.exit(cli.main(['devices']))\n"
    )

    ended = run_where_the_sound_server_hangs(tmp_path, impatient)

    assert (ended.returncode, ended.stdout) == (3, "")
    assert ended.stderr.startswith(
        "error: the sound system does not answer within 2 s\n  fix: Its server hangs"
    )


def test_before_an_audience_it_says_whether_all_is_ready(sound_server: SoundServer, tmp_path: Path) -> None:
    env = home_environment(sound_server.env, tmp_path)
    speaking = sound_server.play_into_mic(
        pcm(*(part for _ in range(8) for part in (sentence(), pause(0.5)))), NEAR_RATE
    )
    with TerminalProgram(["doctor", "--stage", "--provider", "offline"], env, tmp_path, rows=90) as program:
        code = program.wait(within_s=60)
        printed, restored = program.printed, program.is_restored
    speaking.kill()
    speaking.wait()

    assert "releases are reported: hold space to talk" in printed
    assert "100 columns, 90 rows" in printed
    assert re.search(r"^(ok|warning) +stage +READY", printed, re.MULTILINE), printed
    assert code == 0
    assert restored


def test_where_there_is_no_stage_it_is_not_ready(tmp_path: Path) -> None:
    ended = run(silent_environment(tmp_path), tmp_path, "--stage", "--provider", "offline", "--json")

    stage = by_check(ended.stdout)["stage"]
    assert stage["state"] == "failed"
    assert stage["details"]["ready"] is False
    assert {"microphone", "loudspeaker", "terminal", "keyboard"} <= set(stage["details"]["failed"])
    assert ended.returncode == 3
