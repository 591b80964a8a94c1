"""Every way in which a conversation cannot begin: what is read on the terminal, and the exit code.

Each message is looked for in the words that a person sees, with its remedy and its place in the docs.
"""

from __future__ import annotations

import fcntl
import os
import pty
import signal
import subprocess
import sys
import termios
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.end_to_end.conftest import Stage
from tests.support.gemini_server import GeminiCall, GeminiServer
from tests.support.litellm_proxy import LIVE_MODEL, LiteLLMProxy, free_port
from tests.support.model_list import ListingServer
from tests.support.proxy_fixtures import DEAD_MODEL
from tests.support.realtime_server import RealtimeCall, RealtimeServer
from tests.support.sound_server import ALSA_CONFIGURATION, SoundServer
from tests.support.terminal_program import COMMAND, PipedProgram, home_environment
from voice_assistant.errors import EXIT_CONFIG, EXIT_DEVICE, EXIT_LINK

pytestmark = pytest.mark.sound


@dataclass(frozen=True, slots=True)
class At:
    """An address."""

    url: str


def said_by(program: PipedProgram, slug: str) -> tuple[int, str]:
    """Let a program end by itself; give its exit code and its last words, which must have our form."""
    with program:
        code = program.wait()
    lines = program.err.splitlines()[-3:]
    assert lines[0].startswith("error: "), program.printed
    assert lines[1].startswith("  fix: "), program.printed
    assert lines[2] == f"  see: docs/troubleshooting.md#{slug}", program.printed
    assert "Traceback" not in program.printed
    return code, "\n".join(lines[:2])


# --- The provider ---


@pytest.mark.litellm
def test_a_bad_key(stage: Stage, eager_proxy: LiteLLMProxy) -> None:
    code, said = said_by(stage.plain(eager_proxy, LITELLM_API_KEY="sk-wrong"), "auth")

    assert code == EXIT_LINK
    assert "refuses the key" in said
    assert "LITELLM_API_KEY" in said
    assert "sk-wrong" not in said


@pytest.mark.litellm
def test_an_unknown_model(stage: Stage, proxy: LiteLLMProxy) -> None:
    code, said = said_by(stage.plain(proxy, model="no-such-model"), "handshake")

    assert code == EXIT_LINK
    assert "error: the proxy has no model 'no-such-model'" in said
    assert "--model" in said


@pytest.mark.litellm
def test_a_dead_upstream(stage: Stage, proxy: LiteLLMProxy) -> None:
    code, said = said_by(stage.plain(proxy, model=DEAD_MODEL), "link")

    assert code == EXIT_LINK
    assert "the proxy does not reach Gemini" in said
    assert "proxy's log" in said


@pytest.mark.litellm
def test_a_set_up_that_gemini_refuses(
    stage: Stage, deferred_proxy: LiteLLMProxy, gemini: GeminiServer
) -> None:
    async def script(call: GeminiCall) -> None:
        await call.until(lambda: call.setup is not None)
        await call.close(1007, "Voice 'Bob' is not available")

    gemini.play(script)
    code, said = said_by(stage.plain(deferred_proxy, "--voice", "Bob"), "handshake")

    assert code == EXIT_LINK
    assert "Gemini refuses the set-up (1007): Voice 'Bob' is not available" in said
    assert "a voice's case matters" in said


@pytest.mark.litellm
def test_several_models_to_choose_from_are_named(stage: Stage, eager_proxy: LiteLLMProxy) -> None:
    code, said = said_by(stage.plain(eager_proxy, model=""), "config")

    assert code == EXIT_CONFIG
    assert f"several realtime models: {DEAD_MODEL}, {LIVE_MODEL}" in said
    assert "--model" in said


@pytest.mark.litellm
def test_a_bad_key_where_the_models_are_asked_for(stage: Stage, eager_proxy: LiteLLMProxy) -> None:
    code, said = said_by(stage.plain(eager_proxy, model="", LITELLM_API_KEY="sk-wrong"), "auth")

    assert code == EXIT_LINK
    assert "the proxy refuses the key" in said


def test_the_only_realtime_model_of_the_list_is_taken(stage: Stage) -> None:
    async def script(call: RealtimeCall) -> None:
        await call.set_up()
        await call.hung_up()

    with ListingServer(chat="chat", spoken="realtime") as server:
        server.play(script)
        with stage.plain(server, model="") as program:
            program.until("Connected to spoken")

    assert server.calls[0].query["model"] == "spoken"


def test_a_list_without_a_realtime_model(stage: Stage) -> None:
    with ListingServer(chat="chat") as server:
        code, said = said_by(stage.plain(server, model=""), "config")

    assert code == EXIT_CONFIG
    assert "the proxy offers no realtime model" in said


@pytest.mark.parametrize("model", ["", LIVE_MODEL])
def test_a_dead_proxy(stage: Stage, model: str) -> None:
    url = f"http://127.0.0.1:{free_port()}"

    code, said = said_by(stage.plain(At(url), model=model), "link")

    assert code == EXIT_LINK
    assert f"nothing answers at {url}" in said
    assert "connection refused" in said
    assert "LITELLM_URL" in said


def test_an_address_that_is_something_else(stage: Stage, scripted: RealtimeServer) -> None:
    code, said = said_by(stage.plain(At(f"{scripted.url}/elsewhere")), "link")

    assert code == EXIT_LINK
    assert "404" in said
    assert "LITELLM_URL" in said


def test_a_proxy_that_opens_no_session(stage: Stage, scripted: RealtimeServer) -> None:
    async def silent(call: RealtimeCall) -> None:
        await call.hung_up()

    scripted.play(silent)
    program = stage.plain(scripted, VOICE_ASSISTANT_LINK_SESSION_TIMEOUT_S="1")
    code, said = said_by(program, "handshake")

    assert code == EXIT_LINK
    assert "the provider opened no session within 1 s" in said
    assert "proxy's log" in said


# --- The devices ---


@pytest.mark.parametrize(("flag", "word"), [("--input-device", "input"), ("--output-device", "output")])
def test_a_device_that_is_not_there(stage: Stage, scripted: RealtimeServer, flag: str, word: str) -> None:
    code, said = said_by(stage.plain(scripted, flag, "blue yeti"), "device")

    assert code == EXIT_DEVICE
    assert f"no {word} device matches 'blue yeti'" in said
    assert "pulse" in said


def test_a_device_number_that_is_not_there(stage: Stage, scripted: RealtimeServer) -> None:
    code, said = said_by(stage.plain(scripted, "--input-device", "99"), "device")

    assert code == EXIT_DEVICE
    assert "there is no input device number 99" in said


def test_no_portaudio(stage: Stage, scripted: RealtimeServer) -> None:
    # What the import of sounddevice raises where the system has no library of that name.
    (stage.home / "sitecustomize.py").write_text(
        "import ctypes.util\nctypes.util.find_library = lambda name: None\n"
    )
    code, said = said_by(stage.plain(scripted, PYTHONPATH=str(stage.home)), "device")

    assert code == EXIT_DEVICE
    assert "the PortAudio library is not installed" in said
    assert "portaudio" in said.partition("fix:")[2].lower()


def test_no_sound_device_at_all(stage: Stage, scripted: RealtimeServer) -> None:
    nothing = stage.home / "asound.conf"
    nothing.write_text("pcm.!default { type hw card 9 }\nctl.!default { type hw card 9 }\n")
    code, said = said_by(stage.plain(scripted, ALSA_CONFIG_PATH=str(nothing)), "device")

    assert code == EXIT_DEVICE
    assert "no sound devices were found" in said
    assert "PULSE_SERVER" in said


HOLD_IT = """
import ctypes, os
# A user's program may not open a terminal that another holds for itself, root's may: so be no root in this.
libc = ctypes.CDLL(None)
version, sets = (ctypes.c_uint32 * 2)(0x20080522, 0), (ctypes.c_uint32 * 6)()
libc.capget(version, sets)
for number in range(3):
    sets[number] &= ~(1 << 21)
libc.capset(version, sets)

import sounddevice
listed = sounddevice.query_devices

def list_and_hold(*arguments, **named):
    found = listed(*arguments, **named)
    if os.path.exists({held!r}):
        os.replace({held!r}, os.environ["ALSA_CONFIG_PATH"])
    return found

sounddevice.query_devices = list_and_hold
"""
"""PortAudio lists no device that it cannot open, so a busy one is met only if it is taken after that."""


def test_a_device_that_another_program_holds(stage: Stage, scripted: RealtimeServer) -> None:
    # The sound card is a terminal here, to ALSA's plugin for OSS: a device that can be opened for one alone.
    holder, device = pty.openpty()
    fcntl.ioctl(device, termios.TIOCEXCL)
    configuration, held = stage.home / "asound.conf", stage.home / "held.conf"
    configuration.write_text(ALSA_CONFIGURATION)
    held.write_text(f'pcm.!default {{ type oss device "{os.ttyname(device)}" }}\n')
    (stage.home / "sitecustomize.py").write_text(HOLD_IT.format(held=str(held)))
    try:
        code, said = said_by(
            stage.plain(scripted, PYTHONPATH=str(stage.home), ALSA_CONFIG_PATH=str(configuration)), "device"
        )
    finally:
        os.close(device)
        os.close(holder)

    assert code == EXIT_DEVICE
    assert "'default' is busy: another program holds it" in said
    assert "Close the program that uses it" in said.partition("fix:")[2]


def test_a_device_that_refuses_every_rate(stage: Stage, scripted: RealtimeServer) -> None:
    # The device is asked for what no device can, and PortAudio hands its refusal on.
    (stage.home / "sitecustomize.py").write_text(
        "import sounddevice\n"
        "class Refused(sounddevice.RawInputStream):\n"
        "    def __init__(self, **wanted):\n"
        "        super().__init__(**{**wanted, 'samplerate': 3_000_000})\n"
        "sounddevice.RawInputStream = Refused\n"
    )
    code, said = said_by(stage.plain(scripted, PYTHONPATH=str(stage.home)), "device")

    assert code == EXIT_DEVICE
    assert "the microphone 'default' refuses every sample rate that was tried" in said
    assert "--input-device" in said.partition("fix:")[2]


def test_a_sound_server_that_is_gone(stage: Stage, scripted: RealtimeServer, tmp_path: Path) -> None:
    code, said = said_by(stage.plain(scripted, PULSE_SERVER=f"unix:{tmp_path}/nobody"), "device")

    assert code == EXIT_DEVICE
    assert "sound" in said


def test_the_loss_of_the_sound_server_is_told_and_can_be_left(
    scripted: RealtimeServer, tmp_path: Path
) -> None:
    async def script(call: RealtimeCall) -> None:
        await call.set_up()
        await call.hung_up()

    scripted.play(script)
    with SoundServer() as sound, Stage(sound, tmp_path).plain(scripted) as program:
        program.until("Connected to")
        sound.kill()
        program.until("gone: ")
        program.send_signal(signal.SIGTERM)
        code = program.wait()

    assert code == 0
    assert "The conversation waits for another." in program.err


# --- What was typed ---


@pytest.mark.parametrize(
    ("arguments", "env", "slug", "words"),
    [
        (["tlak"], {}, "usage", "Did you mean 'talk'?"),
        (["talk", "--mode", "loud"], {}, "usage", "--mode"),
        (["talk", "--url", "ftp://here"], {}, "config", "is not the address of a proxy"),
        (["talk", "--url", "http://user:sk-9@here"], {}, "config", "LITELLM_API_KEY"),
        (["talk", "--model", "m"], {"VOICE_ASSISTANT_TURNS_HANGOVER_MS": "60"}, "config", "200 to 3000"),
        (["talk", "--model", "m"], {"LITELLM_API_KEY": "sk\n1"}, "config", "holds a character that no key"),
        (["talk", "--model", "m", "--record", "/dev/null/here"], {}, "recording", "--record"),
    ],
)
def test_what_cannot_be_understood_is_said_before_anything_is_opened(
    tmp_path: Path, arguments: list[str], env: dict[str, str], slug: str, words: str
) -> None:
    program = PipedProgram(arguments, home_environment(os.environ, tmp_path, **env), tmp_path)

    code, said = said_by(program, slug)

    assert code == EXIT_CONFIG
    assert words in said
    assert "sk-9" not in said


def test_an_unknown_setting_names_the_file_and_the_nearest_one(tmp_path: Path) -> None:
    config = tmp_path / "mine.toml"
    config.write_text("[turns]\nhangover = 600\n")
    program = PipedProgram(
        ["talk", "--config", str(config)], home_environment(os.environ, tmp_path), tmp_path
    )

    code, said = said_by(program, "config")

    assert code == EXIT_CONFIG
    assert "mine.toml: [turns] has no setting hangover" in said
    assert "hangover_ms" in said


def test_help_needs_neither_sound_nor_numbers(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-X", "importtime", str(COMMAND), "--help"],
        env=home_environment(os.environ, tmp_path),
        capture_output=True,
        text=True,
        check=True,
    )

    assert "Talk to Gemini through a LiteLLM proxy" in done.stdout
    imported = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
    assert not imported & {"numpy", "aiohttp", "sounddevice", "rich", "asyncio"}
