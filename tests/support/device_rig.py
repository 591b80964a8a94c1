"""A program with nothing but a microphone and a loudspeaker, to be run against a virtual sound card.

It opens both, plays what it is told to and writes down what happened. PortAudio keeps the devices that it
found when it started, so every sound server needs a process of its own. ``run_rig`` is the parent's side.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tests.support.sound_server import in_real_time
from voice_assistant.core.audio import REPLY_RATE, SAMPLE_BYTES
from voice_assistant.core.events import Captured, EndPlayout, Event, Play
from voice_assistant.core.mixer import Mixer, PlayoutSettings
from voice_assistant.devices import portaudio
from voice_assistant.devices.capture import CaptureSettings, Microphone
from voice_assistant.devices.far_end import FarEnd
from voice_assistant.devices.playout import Speaker, SpeakerSettings
from voice_assistant.devices.stream import Format
from voice_assistant.errors import DeviceError

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True, slots=True)
class Orders:
    """What the rig is to do.

    Args:
        seconds: How long both streams stay open, unless ``until`` or ``Rig.enough`` ends it before.
        until: A kind of event, and how many of them: half a second later it is over.
        play: A file of 16-bit mono at 24 kHz to play, or empty.
        play_after_s: When.
        reopen_after_s: After playing has begun: close both, look for devices anew and open both; 0 does not.
        delta_ms: 0 hands all of it over at once; else so much at a time, in real time.
        input_device: As in ``CaptureSettings``.
        output_device: As in ``SpeakerSettings``.
        latency_ms: The same.
        capture_as: Rate and channels to open the microphone with, several to try in turn; or empty.
        playout_as: The same for the loudspeaker.
    """

    seconds: float = 60.0
    until: tuple[str, int] = ("", 0)
    play: str = ""
    play_after_s: float = 0.5
    reopen_after_s: float = 0.0
    delta_ms: int = 0
    input_device: str = ""
    output_device: str = ""
    latency_ms: int = 0
    capture_as: list[list[int]] = field(default_factory=list)
    playout_as: list[list[int]] = field(default_factory=list)


@dataclass(slots=True)
class Outcome:
    """What happened.

    Args:
        error: What a DeviceError said, and its remedy, or empty.
        events: Kind and fields of every event but ``Captured``, in order.
        facts: Formats, counts of lost samples, seconds from the hand-over of the sound to its start.
        near: Captured, 16 kHz.
        far: Its partner, 24 kHz.
        first_samples: Index of the first sample of each block of *near*.
        captured_at: For each block: when its newest sample was captured, in seconds.
        arrived_at: For each block: when its event came.
    """

    error: str = ""
    events: list[dict[str, Any]] = field(default_factory=list)
    facts: dict[str, Any] = field(default_factory=dict)
    near: NDArray[np.int16] = field(default_factory=lambda: np.zeros(0, np.int16))
    far: NDArray[np.int16] = field(default_factory=lambda: np.zeros(0, np.int16))
    first_samples: list[int] = field(default_factory=list)
    captured_at: list[float] = field(default_factory=list)
    arrived_at: list[float] = field(default_factory=list)

    def of(self, kind: str) -> list[dict[str, Any]]:
        """The events of one kind."""
        return [event for event in self.events if event["kind"] == kind]


class Rig:
    """A run of the rig in a child process; ``outcome`` waits for its end."""

    def __init__(self, orders: Orders, env: dict[str, str], folder: Path) -> None:
        self._folder = folder
        command = [sys.executable, "-m", "tests.support.device_rig", json.dumps(asdict(orders)), str(folder)]
        self._child = subprocess.Popen(
            in_real_time(command), cwd=ROOT, env=env, stdout=subprocess.PIPE, text=True
        )
        assert self._child.stdout is not None
        self._child.stdout.readline()  # "open", or nothing where it could not

    def enough(self) -> None:
        """Have it come to its end."""
        self._child.send_signal(signal.SIGTERM)

    def outcome(self, timeout_s: float = 90.0) -> Outcome:
        """Wait for the end of the run."""
        self._child.communicate(timeout=timeout_s)
        assert self._child.returncode == 0
        told = json.loads((self._folder / "outcome.json").read_text())
        near = np.fromfile(self._folder / "near.raw", dtype="<i2")
        far = np.fromfile(self._folder / "far.raw", dtype="<i2")
        return Outcome(**told, near=near, far=far)

    def hold(self, seconds: float) -> None:
        """Have the system stop the child for a while, as Ctrl-Z does."""
        self._child.send_signal(signal.SIGSTOP)
        time.sleep(seconds)
        self._child.send_signal(signal.SIGCONT)

    def stop(self) -> None:
        """End the child if it still runs."""
        if self._child.poll() is None:
            self._child.kill()
        self._child.communicate()


@contextmanager
def run_rig(orders: Orders, env: dict[str, str]) -> Iterator[Rig]:
    """Start the rig and come back when both its streams are open, or could not be opened."""
    with tempfile.TemporaryDirectory(prefix="rig-") as folder:
        rig = Rig(orders, env, Path(folder))
        try:
            yield rig
        finally:
            rig.stop()


async def perform(orders: Orders, outcome: Outcome) -> tuple[bytes, bytes]:
    """Do as ordered; near and far come back as they were captured."""
    loop = asyncio.get_running_loop()
    clock = time.monotonic
    far_end = FarEnd()
    # A part that comes in time on a machine with nothing else to do may be late on a busy one.
    mixer = Mixer(PlayoutSettings(prefill_ms=300 if orders.delta_ms else 0))
    near, far = bytearray(), bytearray()
    enough = asyncio.Event()
    loop.add_signal_handler(signal.SIGTERM, enough.set)

    def post(event: Event) -> None:
        if isinstance(event, Captured):
            near.extend(event.near.pcm)
            far.extend(event.far.pcm)
            outcome.first_samples.append(event.near.first_sample)
            outcome.captured_at.append(event.at)
            outcome.arrived_at.append(clock())
        else:
            outcome.events.append({"kind": type(event).__name__, **asdict(event)})
            kind, count = orders.until
            if kind and len(outcome.of(kind)) >= count:
                loop.call_later(0.5, enough.set)

    capture, playout = (
        CaptureSettings(orders.input_device),
        SpeakerSettings(orders.output_device, orders.latency_ms),
    )
    microphone = Microphone(
        capture, far_end, post, loop, clock, only=[Format(*one) for one in orders.capture_as]
    )
    speaker = Speaker(
        playout, mixer, far_end, post, loop, clock, only=[Format(*one) for one in orders.playout_as]
    )
    try:
        speaker.open()
        microphone.open()
        print("open", flush=True)  # noqa: T201 - the parent waits for it
        ends = loop.time() + orders.seconds
        if orders.play:
            await asyncio.sleep(orders.play_after_s)
            outcome.facts["handed_over_at"] = clock()
            await play(Path(orders.play).read_bytes(), orders.delta_ms, speaker)
        if orders.reopen_after_s:
            await asyncio.sleep(orders.reopen_after_s)
            microphone.close()
            speaker.close()
            portaudio.rescan()
            speaker.open()
            microphone.open()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(enough.wait(), max(0.0, ends - loop.time()))
    except DeviceError as error:
        outcome.error = f"{error} | {error.remedy}"
    finally:
        microphone.close()
        speaker.close()
    formats = [asdict(stream.format) if stream.format else None for stream in (microphone, speaker)]
    outcome.facts |= {"formats": formats, "overruns": microphone.overruns, "underflows": speaker.underflows}
    outcome.facts |= {"slips": far_end.slips, "alignments": far_end.alignments}
    return bytes(near), bytes(far)


async def play(pcm: bytes, delta_ms: int, speaker: Speaker) -> None:
    """Hand a reply over, at once or in real time."""
    step = delta_ms * REPLY_RATE // 1000 * SAMPLE_BYTES or len(pcm)
    began = asyncio.get_running_loop().time()
    for at in range(0, len(pcm), step):
        await asyncio.sleep(began + at / SAMPLE_BYTES / REPLY_RATE - asyncio.get_running_loop().time())
        speaker.perform(Play("reply", pcm[at : at + step]))
    speaker.perform(EndPlayout("reply"))


def main() -> None:
    """The child's side."""
    orders, folder = Orders(**json.loads(sys.argv[1])), Path(sys.argv[2])
    outcome = Outcome()
    near, far = asyncio.run(perform(orders, outcome))
    (folder / "near.raw").write_bytes(near)
    (folder / "far.raw").write_bytes(far)
    told = {name: value for name, value in asdict(outcome).items() if name not in ("near", "far")}
    (folder / "outcome.json").write_text(json.dumps(told))


if __name__ == "__main__":
    main()
