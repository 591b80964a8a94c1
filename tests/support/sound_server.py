"""Sound hardware made of software: a private PulseAudio with a loudspeaker and a microphone.

One null sink of 48 kHz is the card. Its left channel is the loudspeaker (``speaker``, the default sink), its
right one what is played into the microphone (``mic_feed``), and the default source ``mic`` is the right
channel of its monitor. Recording the monitor therefore gives loudspeaker and microphone on one sample clock.
PortAudio reaches both through ALSA's pulse plugin, with a configuration of our own that lists nothing else.
What is played and recorded is the test's business.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from types import TracebackType

import numpy as np
from numpy.typing import NDArray

CARD_RATE = 48_000
"""Hertz of the card: of the loudspeaker, the microphone and the recording of both."""

CHANNELS = "front-left,front-right"
FORMAT = f"--raw --format=s16le --rate={CARD_RATE} --channel-map={CHANNELS}"

NEEDED = ("pulseaudio", "pacat", "parec", "pactl")

ALSA_CONFIGURATION = """\
pcm.!default { type pulse hint.description "Virtual card" }
ctl.!default { type pulse }
pcm.pulse { type pulse }
ctl.pulse { type pulse }
"""

NO_DEVICES = "pcm.nothing { type hw card 31 }\n"
"""A configuration of ALSA without any device; PortAudio ends the program where it is empty."""

START_WITHIN_S = 60.0


def why_not() -> str | None:
    """Say why there can be no sound server on this machine, or None where there can."""
    missing = [name for name in NEEDED if shutil.which(name) is None]
    return f"not installed: {', '.join(missing)}" if missing else None


@cache
def _real_time() -> tuple[str, ...]:
    chrt = shutil.which("chrt")
    if chrt is None:
        return ()
    prefix = (chrt, "--rr", "10")
    allowed = subprocess.run([*prefix, "true"], capture_output=True, check=False).returncode == 0
    return prefix if allowed else ()


def in_real_time(command: list[str]) -> list[str]:
    """Give *command* real-time priority where that is allowed: a busy machine's stalls are no finding."""
    return [*_real_time(), *command]


class SoundServer:
    """The server and its card, from ``with`` to the end of it."""

    def __init__(self) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="sound-"))
        self._socket = self._folder / "native"
        self._server: subprocess.Popen[bytes] | None = None

    @property
    def env(self) -> dict[str, str]:
        """Environment for a child program: this server is all the sound it knows."""
        wanted = {
            "XDG_RUNTIME_DIR": str(self._folder),
            "PULSE_SERVER": f"unix:{self._socket}",
            "PULSE_COOKIE": str(self._folder / "cookie"),
            "ALSA_CONFIG_PATH": str(self._folder / "asound.conf"),
        }
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("PULSE_")}
        return inherited | wanted

    def __enter__(self) -> SoundServer:
        if not (self._folder / "asound.conf").exists():
            self.list_devices()
        mono = "channel_map=mono remix=no channels=1"
        modules = [
            f"module-native-protocol-unix auth-anonymous=1 socket={self._socket}",
            # Without rewinds, or it renders 2 s ahead while nobody listens and then stalls for as long.
            f"module-null-sink sink_name=card rate={CARD_RATE} norewinds=1 channels=2 channel_map={CHANNELS}",
            f"module-remap-sink sink_name=speaker master=card master_channel_map=front-left {mono}",
            f"module-remap-sink sink_name=mic_feed master=card master_channel_map=front-right {mono}",
            f"module-remap-source source_name=mic master=card.monitor {mono} master_channel_map=front-right",
        ]
        command = ["pulseaudio", "-n", "--daemonize=no", "--exit-idle-time=-1", "--use-pid-file=no"]
        with (self._folder / "pulseaudio.log").open("wb") as log:
            self._server = subprocess.Popen(
                [*command, *(part for module in modules for part in ("-L", module))],
                env=self.env | {"HOME": str(self._folder)},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        try:
            self._wait_until_ready()
            # Its main thread carries every client's sound, and takes an ordinary priority when it starts.
            with suppress(PermissionError):
                os.sched_setscheduler(self._server.pid, os.SCHED_RR, os.sched_param(10))
            self.pactl("set-default-sink", "speaker")
            self.pactl("set-default-source", "mic")
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill()
        shutil.rmtree(self._folder, ignore_errors=True)

    def kill(self) -> None:
        """End the server at once, as when the card is pulled out."""
        if self._server is not None and self._server.poll() is None:
            self._server.kill()
            self._server.wait()

    @contextmanager
    def hanging(self) -> Iterator[None]:
        """Let the server answer nobody meanwhile; its sockets stay open."""
        assert self._server is not None
        self._server.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self._server.send_signal(signal.SIGCONT)

    def is_used_by(self, pid: int) -> bool:
        """Does this process listen to a microphone here, and play?"""
        who = f'application.process.id = "{pid}"'
        return all(who in self.pactl("list", what) for what in ("source-outputs", "sink-inputs"))

    def restart(self) -> None:
        """Start it again after ``kill``, on the same socket."""
        self.__enter__()

    def list_devices(self, *more: str) -> None:
        """Have ALSA list *more* devices besides its usual two: further names of the default microphone."""
        named = (f'pcm.{name} {{ type pulse hint.description "{name}" }}\n' for name in more)
        (self._folder / "asound.conf").write_text(ALSA_CONFIGURATION + "".join(named))

    def list_only(self, *names: str) -> None:
        """Have ALSA list these names for the server, and no ``default``: the first is PortAudio's."""
        named = (f'pcm.{name} {{ type pulse hint.description "{name}" }}\n' for name in names)
        (self._folder / "asound.conf").write_text("".join(named) + NO_DEVICES)

    def unload(self, module: str, name: str) -> None:
        """Take a device away: the module of this kind that made the one of this name."""
        listed = (line.split("\t") for line in self.pactl("list", "short", "modules").splitlines())
        (number,) = (one[0] for one in listed if one[1] == module and f"_name={name} " in one[2])
        self.pactl("unload-module", number)

    def pactl(self, *words: str) -> str:
        """Run one command of ``pactl``; what it prints comes back."""
        done = subprocess.run(
            ["pactl", *words], env=self.env, capture_output=True, text=True, timeout=60, check=True
        )
        return done.stdout

    def play_into_mic(self, pcm: bytes, rate: int) -> subprocess.Popen[bytes]:
        """Start to play 16-bit mono PCM into the microphone; ``wait()`` on what comes back for its end."""
        sound = self._folder / f"mic-{time.monotonic_ns()}.raw"
        sound.write_bytes(pcm)
        with sound.open("rb") as source:
            return subprocess.Popen(
                in_real_time(
                    [
                        "pacat",
                        "--device=mic_feed",
                        "--raw",
                        "--format=s16le",
                        "--channels=1",
                        f"--rate={rate}",
                    ]
                ),
                env=self.env,
                stdin=source,
            )

    @contextmanager
    def loop_speaker_into_mic(self, *, delay_ms: int = 40, attenuation_db: float = 0.0) -> Iterator[None]:
        """Let the microphone hear the loudspeaker, later and quieter: an echo without a room.

        The server keeps the delay by playing a little faster or slower, so it drifts as well.
        """
        source = "source=speaker.monitor source_dont_move=true sink=mic_feed sink_dont_move=true"
        channel = f"channels=1 channel_map=mono latency_msec={delay_ms}"
        module = self.pactl("load-module", "module-loopback", *source.split(), *channel.split()).strip()
        try:
            if attenuation_db:
                inputs = (
                    line.split("\t") for line in self.pactl("list", "short", "sink-inputs").splitlines()
                )
                loop = next(fields[0] for fields in inputs if "module-loopback" in fields[3])
                self.pactl("set-sink-input-volume", loop, f"-{attenuation_db:g}dB")
            yield
        finally:
            with suppress(subprocess.CalledProcessError):  # the server may have been killed meanwhile
                self.pactl("unload-module", module)

    def record(self) -> Recording:
        """Start to record loudspeaker and microphone together; a context manager."""
        return Recording(self)

    def _wait_until_ready(self) -> None:
        give_up = time.monotonic() + START_WITHIN_S
        while True:
            with suppress(subprocess.CalledProcessError, subprocess.TimeoutExpired):
                self.pactl("info")
                return
            ended = self._server is None or self._server.poll() is not None
            if ended or time.monotonic() > give_up:
                log = (self._folder / "pulseaudio.log").read_text(errors="replace")
                raise RuntimeError(f"the sound server did not start:\n{log}")
            time.sleep(0.02)


class Recording:
    """What loudspeaker and microphone carried, from ``with`` to ``stop`` or the end of it.

    Args:
        server: The server to record.
    """

    def __init__(self, server: SoundServer) -> None:
        self._server = server
        self._file = tempfile.TemporaryFile()  # noqa: SIM115 - it lives as long as the recording
        self._parec: subprocess.Popen[bytes] | None = None
        self.stereo: NDArray[np.int16] = np.zeros((0, 2), dtype=np.int16)

    def __enter__(self) -> Recording:
        self._parec = subprocess.Popen(
            in_real_time(
                ["parec", "--device=card.monitor", *FORMAT.split(), "--channels=2", "--latency-msec=20"]
            ),
            env=self._server.env,
            stdout=self._file,
        )
        give_up = time.monotonic() + START_WITHIN_S
        while not os.fstat(self._file.fileno()).st_size:
            if self._parec.poll() is not None or time.monotonic() > give_up:
                raise RuntimeError("the recording did not start")
            time.sleep(0.01)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def stop(self) -> NDArray[np.int16]:
        """End it; ``(samples, 2)`` at ``CARD_RATE`` come back: the loudspeaker, then the microphone."""
        if self._parec is not None:
            self._parec.send_signal(signal.SIGTERM)
            self._parec.wait()
            self._parec = None
            self._file.seek(0)
            raw = self._file.read()
            self._file.close()
            self.stereo = np.frombuffer(raw[: len(raw) // 4 * 4], dtype="<i2").reshape(-1, 2)
        return self.stereo

    @property
    def speaker(self) -> NDArray[np.int16]:
        """What the loudspeaker carried, at ``CARD_RATE``."""
        return self.stop()[:, 0]

    @property
    def microphone(self) -> NDArray[np.int16]:
        """What the microphone carried, at ``CARD_RATE``."""
        return self.stop()[:, 1]
