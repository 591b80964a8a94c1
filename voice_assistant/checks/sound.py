"""Microphone and loudspeaker, opened as a conversation would open them; a second of listening; chirps.

A microphone that the system does not let us use does not fail: it delivers zeros. So what it delivers is
looked at.
"""

from __future__ import annotations

import asyncio
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from voice_assistant.checks import echo_path
from voice_assistant.checks.echo_path import CLIPPED_SHARE
from voice_assistant.checks.finding import Begun, Finding, Tell, failure
from voice_assistant.config import Config
from voice_assistant.core import sounding
from voice_assistant.core.audio import NEAR_RATE, SILENCE_DBFS, level_dbfs
from voice_assistant.core.events import Captured, Direction, Event, Ring
from voice_assistant.core.levels import FRAME_SAMPLES, dbfs
from voice_assistant.core.mixer import Mixer
from voice_assistant.core.sounding import Sounding
from voice_assistant.devices import catalog, portaudio
from voice_assistant.devices.capture import Microphone
from voice_assistant.devices.far_end import FarEnd
from voice_assistant.devices.playout import Speaker
from voice_assistant.devices.stream import Format
from voice_assistant.errors import EXIT_DEVICE, DeviceError
from voice_assistant.priority import go_before

SETTLE_S = 0.3
"""What a microphone delivers right after it was opened is often a click, or nothing."""

LISTEN_S = 1.0
BELL_S = 1.3

VERY_QUIET_DBFS = -70.0
"""A microphone in a quiet room delivers -65 dBFS or more; below that it is muted, or another one is meant."""

LOUD_DBFS = -45.0
"""A room that is never quieter than this is loud: at a desk people speak at -35 to -25 dBFS."""

FULL_SCALE = 32_700

LEAST_SHARE = 0.7
"""A device that delivers less of a second than this in a second does not work well."""


async def examine(config: Config, tell: Tell) -> None:
    """Look at PortAudio, the devices, and what they do; takes about nine seconds."""
    # ALSA writes to the terminal from C while it looks for devices.
    with portaudio.quiet_stderr(Path(os.devnull)):
        try:
            sounddevice = portaudio.load()
        except DeviceError as error:
            tell(failure("PortAudio", error))
            return
        number, words = sounddevice.get_portaudio_version()
        found = catalog.list_devices()
        told = f"{words.partition(',')[0]}; {len(found)} device(s)"
        tell(Finding("PortAudio", "ok", told, details={"version": words, "number": number}))
        await _examine_devices(config, tell)


async def _examine_devices(config: Config, tell: Tell) -> None:
    # As a conversation does, or a busy machine's stalls would be taken for the devices'.
    go_before()
    loop = asyncio.get_running_loop()
    arrived: list[Captured] = []
    lost: list[Event] = []

    def post(event: Event) -> None:
        if isinstance(event, Captured):
            arrived.append(event)
        else:
            lost.append(event)

    far_end = FarEnd()
    speaker = Speaker(config.speaker, Mixer(config.playout), far_end, post, loop, loop.time)
    microphone = Microphone(config.capture, far_end, post, loop, loop.time)
    try:
        speaks = _open(speaker, "playout", config.speaker.device, tell)
        listens = _open(microphone, "capture", config.capture.device, tell)
        if not speaks and not listens:
            return
        then = ("chirping" if listens else "ringing a bell") if speaks else ""
        tell(Begun("listening for a second" + (f", then {then}" if then else "")))
        await asyncio.sleep(SETTLE_S)
        # What runs dry while the devices start is heard by nobody.
        before = microphone.overruns, speaker.underflows
        arrived.clear()
        await asyncio.sleep(LISTEN_S)
        counted = microphone.overruns, speaker.underflows
        room = b"".join(one.near.pcm for one in arrived)
        judged = judge(room)
        is_silent = bool(room) and not any(room)
        if listens and not is_silent:
            tell(judged)
        if speaks and room:
            await echo_path.chirp(speaker.perform, arrived)
            # To look at them keeps the devices waiting: what runs dry then is the doctor's own doing.
            counted = microphone.overruns, speaker.underflows
            sounded = sounding.sound(arrived, room)
            chirps = b"".join(one.near.pcm for one in arrived)
            if is_silent:
                # A switch, or the quiet of a copy or of a noise gate: the chirps tell.
                tell(judge_zeros(judged, sounded, chirps))
            tell(
                echo_path.judge(sounded, config.echo, clipped=clipped_share(chirps))
                if any(chirps)
                else echo_path.unknown("the microphone delivers nothing but zeros")
            )
        elif listens and is_silent:
            tell(judged)
        elif speaks and listens:
            tell(echo_path.unknown("the microphone delivers nothing"))
        if speaks and not room:
            speaker.perform(Ring())
            await asyncio.sleep(BELL_S)
            counted = microphone.overruns, speaker.underflows
            sounded_out = "a bell was rung; if you did not hear it, look at the volume and at the device"
            tell(Finding("bell", "ok", sounded_out))
        tell(_xruns(counted[0] - before[0], counted[1] - before[1]))
    finally:
        microphone.close()
        speaker.close()


def _open(device: Microphone | Speaker, direction: Direction, wanted: str, tell: Tell) -> bool:
    noun = portaudio.NOUNS[direction]
    try:
        why = catalog.find(wanted, direction).why
        device.open()
    except DeviceError as error:
        tell(failure(noun, error))
        return False
    opened, form = device.device, device.format
    assert opened is not None, "it is open"
    assert isinstance(form, Format)
    tell(
        Finding(
            noun,
            "ok",
            f"{opened.index} ({opened.name}, {opened.host_api}), {why}; opened at {form.rate} Hz, "
            f"{form.channels} channel(s), holds {device.latency_ms:.0f} ms",
            details={
                "index": opened.index,
                "name": opened.name,
                "sound_system": opened.host_api,
                "why": why,
                "rate": form.rate,
                "channels": form.channels,
                "latency_ms": device.latency_ms,
            },
        )
    )
    return True


def judge(pcm: bytes) -> Finding:
    """Say what a second of listening means.

    Args:
        pcm: What came: 16-bit mono at 16 kHz.
    """
    samples = np.frombuffer(pcm, "<i2").astype(np.int32)
    seconds = samples.size / NEAR_RATE
    if not samples.size:
        return Finding(
            "listening",
            "failed",
            "the microphone is open and delivers nothing",
            "Choose another with --input-device; 'voice-assistant devices' lists them. A sound server that "
            "hangs is mended by starting it again.",
            EXIT_DEVICE,
        )
    peak = int(np.abs(samples).max())
    level = round(level_dbfs(pcm), 1)
    peak_dbfs = round(20 * float(np.log10(max(peak, 1) / 32768)), 1)
    clipped = clipped_share(pcm)
    details = {"level_dbfs": level, "peak_dbfs": peak_dbfs, "clipped": round(clipped, 4)}
    details["seconds"] = round(seconds, 2)
    told = f"level {level} dBFS, peak {peak_dbfs} dBFS"
    if peak == 0:
        return Finding(
            "listening",
            "failed",
            "every sample is exactly zero: the system does not let this program hear, or the microphone is "
            "muted",
            "On macOS allow your terminal under System Settings, Privacy & Security, Microphone, and start "
            "it anew. On Linux look for a mute switch in the sound settings or pavucontrol. Or choose "
            "another microphone with --input-device.",
            EXIT_DEVICE,
            details,
        )
    if clipped >= CLIPPED_SHARE:
        return Finding(
            "listening",
            "warning",
            f"{told}: too loud, {clipped:.1%} of it is clipped",
            "Lower the microphone's gain in the system's sound settings.",
            details=details,
        )
    if level < VERY_QUIET_DBFS:
        return Finding(
            "listening",
            "warning",
            f"{told}: very quiet for a microphone",
            "Is it the right one, and not muted? Raise its gain in the system's sound settings, or choose "
            "another with --input-device.",
            details=details,
        )
    if seconds < LEAST_SHARE * LISTEN_S:
        return Finding(
            "listening",
            "warning",
            f"only {seconds:.2f} s of sound came in a second",
            "The machine is too busy, or the sound server stalls: close other programs, or start it anew.",
            details=details,
        )
    if (quietest := quietest_dbfs(samples)) > LOUD_DBFS:
        return Finding(
            "listening",
            "note",
            f"{told}: a loud room, never below {quietest:.0f} dBFS",
            'Where noise or other voices open your turns, write detector = "neural" under [speech] in your '
            "config.toml (it needs the extra [neural]), or come closer to the microphone.",
            details=details,
        )
    return Finding("listening", "ok", told, details=details)


def judge_zeros(judged: Finding, sounded: Sounding, chirps: bytes) -> Finding:
    """Say what a second of nothing but zeros means, now that chirps were played.

    Args:
        judged: What was made of the second alone.
        sounded: What the chirps told.
        chirps: What the microphone delivered while they were played.
    """
    if sounded.is_copy:
        return replace(
            judged, text=f"the microphone {echo_path.COPIED}, and nothing else", remedy=echo_path.UNCOPY
        )
    if not any(chirps):
        return judged
    return Finding(
        "listening",
        "note",
        "every sample is exactly zero while it is quiet, and sound is heard: something removes the noise, in "
        "the headset or in the system",
        "If your first syllables are lost, switch that off in the settings of the system or of the headset.",
        details=judged.details,
    )


def clipped_share(pcm: bytes) -> float:
    """Give the share of 16-bit samples that are at full scale, 0 to 1."""
    samples = np.frombuffer(pcm, "<i2").astype(np.int32)
    return float(np.mean(np.abs(samples) >= FULL_SCALE)) if samples.size else 0.0


def quietest_dbfs(samples: NDArray[np.int32]) -> float:
    """Give the level of the quietest moments: of 20 ms, the 15th percentile."""
    frames = samples[: samples.size // FRAME_SAMPLES * FRAME_SAMPLES].reshape(-1, FRAME_SAMPLES) / 32768
    levels = [dbfs(float(np.mean(frame**2))) for frame in frames]
    return float(np.percentile(levels, 15)) if levels else SILENCE_DBFS


def _xruns(overruns: int, underflows: int) -> Finding:
    details = {"capture": overruns, "playout": underflows}
    if not overruns and not underflows:
        return Finding("lost samples", "ok", "none", details=details)
    return Finding(
        "lost samples",
        "warning",
        f"{overruns} time(s) at the microphone, {underflows} time(s) at the loudspeaker",
        "Close other programs. A conversation has the loudspeaker hold more by itself where this goes on; "
        "latency_ms = 60 under [playout] in your config.toml begins with more.",
        details=details,
    )
