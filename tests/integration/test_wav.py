"""A file as microphone and a file as loudspeaker, at the pace of real devices."""

from __future__ import annotations

import asyncio
import struct
import time
import wave
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.support.alignment import align
from tests.support.speechlike import speechlike
from voice_assistant.core.audio import NEAR_RATE, REPLY_RATE
from voice_assistant.core.events import (
    Captured,
    EndPlayout,
    Event,
    Play,
    PlayoutDrained,
    PlayoutStarted,
    StopRequested,
)
from voice_assistant.core.mixer import Mixer, PlayoutSettings
from voice_assistant.devices.far_end import FarEnd
from voice_assistant.devices.wav import FileMicrophone, FileSpeaker, read_wav
from voice_assistant.errors import DeviceError

SPEECH: NDArray[np.int16] = np.frombuffer(speechlike(1, NEAR_RATE), dtype="<i2")


def write(path: Path, data: bytes, *, rate: int = NEAR_RATE, bits: int = 16, channels: int = 1) -> Path:
    """Write a WAV file of any format."""
    with wave.open(str(path), "wb") as file:
        file.setframerate(rate)
        file.setsampwidth(bits // 8)
        file.setnchannels(channels)
        file.writeframes(data)
    return path


def in_width(samples: NDArray[np.int16], bits: int) -> bytes:
    """Samples of 16 bits, said in another width."""
    match bits:
        case 8:
            return bytes((samples.astype(np.int32) // 256 + 128).astype(np.uint8))
        case 24:
            return bytes((samples.astype("<i4") * 256).view(np.uint8).reshape(-1, 4)[:, :3].ravel())
        case 32:
            return bytes(samples.astype("<i4") * 65536)
        case _:
            return samples.tobytes()


@pytest.mark.parametrize("bits", [8, 16, 24, 32])
@pytest.mark.parametrize("channels", [1, 2])
def test_any_width_of_pcm_is_read(tmp_path: Path, bits: int, channels: int) -> None:
    data = in_width(np.repeat(SPEECH, channels), bits)

    pcm, rate = read_wav(write(tmp_path / "speech.wav", data, bits=bits, channels=channels))

    read = np.frombuffer(pcm, dtype="<i2").astype(int)
    assert rate == NEAR_RATE
    assert np.abs(read - SPEECH).max() <= (255 if bits == 8 else 0)


def test_an_extensible_header_is_read(tmp_path: Path) -> None:
    data = in_width(SPEECH, 24)
    kind = struct.pack("<HHIIHH", 0xFFFE, 1, NEAR_RATE, NEAR_RATE * 3, 3, 24)
    kind += struct.pack("<HHIH14s", 22, 24, 0, 1, b"\0\0\0\0\x10\0\x80\0\0\xaa\0\x38\x9b\x71")
    body = b"WAVEfmt " + struct.pack("<I", len(kind)) + kind + b"data" + struct.pack("<I", len(data)) + data
    (tmp_path / "speech.wav").write_bytes(b"RIFF" + struct.pack("<I", len(body)) + body)

    pcm, _ = read_wav(tmp_path / "speech.wav")

    assert pcm == SPEECH.tobytes()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "is not a WAV file"),
        (b"ID3 this is music", "is not a WAV file"),
        (b"RIFF\x10\0\0\0WAVEfmt \x10\0\0\0", "is not a WAV file"),
        (
            b"RIFF\x2c\0\0\0WAVEfmt \x10\0\0\0"
            + struct.pack("<HHIIHH", 3, 1, 16_000, 64_000, 4, 32)
            + b"data\0\0\0\0",
            "32-bit sound of 1 channels at 16000 Hz in format 0x3",
        ),
        (
            b"RIFF\x2c\0\0\0WAVEfmt \x10\0\0\0"
            + struct.pack("<HHIIHH", 1, 6, 48_000, 0, 12, 16)
            + b"data\0\0\0\0",
            "of 6 channels",
        ),
    ],
)
def test_what_is_not_pcm_is_refused_with_the_way_to_convert_it(
    tmp_path: Path, content: bytes, said: str
) -> None:
    (tmp_path / "speech.wav").write_bytes(content)

    with pytest.raises(DeviceError, match=said) as raised:
        read_wav(tmp_path / "speech.wav")

    assert "ffmpeg" in raised.value.remedy


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(DeviceError, match=r"cannot read .*nothing\.wav: No such file"):
        read_wav(tmp_path / "nothing.wav")


@pytest.mark.parametrize(("rate", "channels"), [(16_000, 1), (44_100, 2), (8_000, 1)])
async def test_a_file_is_spoken_in_real_time_then_silence_then_the_session_may_stop(
    tmp_path: Path, rate: int, channels: int
) -> None:
    sound = np.repeat(np.frombuffer(speechlike(0.6, rate), dtype="<i2"), channels)
    path = write(tmp_path / "speech.wav", sound.tobytes(), rate=rate, channels=channels)
    events: list[Event] = []
    stopped = asyncio.Event()

    def post(event: Event) -> None:
        events.append(event)
        if isinstance(event, StopRequested):
            stopped.set()

    loop = asyncio.get_running_loop()
    microphone = FileMicrophone(path, FarEnd(), post, loop, time.monotonic, grace_s=0.2)
    began = time.monotonic()
    microphone.open()
    await asyncio.wait_for(stopped.wait(), 60)
    took_s = time.monotonic() - began
    microphone.close()

    blocks = [event for event in events if isinstance(event, Captured)]
    heard = np.frombuffer(b"".join(block.near.pcm for block in blocks), dtype="<i2")
    assert took_s >= 0.79
    assert {block.near.samples for block in blocks} == {320}
    assert {block.far.samples for block in blocks} == {480}
    assert [block.near.first_sample for block in blocks] == [320 * n for n in range(len(blocks))]
    assert not heard[round(0.6 * NEAR_RATE) :].any()
    if rate == NEAR_RATE:
        assert heard[: sound.size].tobytes() == sound.tobytes()
    assert len([event for event in events if isinstance(event, StopRequested)]) == 1


async def test_a_reply_is_written_from_its_first_sound_to_its_last(tmp_path: Path) -> None:
    reply = speechlike(0.5, REPLY_RATE)
    events: list[Event] = []
    drained = asyncio.Event()

    def post(event: Event) -> None:
        events.append(event)
        if isinstance(event, PlayoutDrained):
            drained.set()

    loop = asyncio.get_running_loop()
    mixer = Mixer(PlayoutSettings(prefill_ms=0))
    speaker = FileSpeaker(tmp_path / "answer.wav", mixer, FarEnd(), post, loop, time.monotonic)
    speaker.open()
    await asyncio.sleep(0.1)
    speaker.perform(Play("reply", reply))
    speaker.perform(EndPlayout("reply"))
    await asyncio.wait_for(drained.wait(), 60)
    speaker.close()

    pcm, rate = read_wav(tmp_path / "answer.wav")
    assert rate == REPLY_RATE
    # It ends loudly, so a tail of 10 ms may follow.
    assert -480 <= len(reply) - len(pcm.strip(b"\0")) <= 4
    assert align(np.frombuffer(reply, "<i2"), np.frombuffer(pcm, "<i2"), rate).is_whole
    assert next(type(event) for event in events) is PlayoutStarted
    assert [event.heard_ms for event in events if isinstance(event, PlayoutDrained)] == [500]


@pytest.mark.parametrize("stalls_s", [(), (0.05, 0.13), (0.45, 0.02)])
async def test_the_microphone_gets_what_the_loudspeaker_was_given_as_its_far_end(
    tmp_path: Path, stalls_s: tuple[float, ...]
) -> None:
    path = write(tmp_path / "quiet.wav", bytes(640))
    far = bytearray()
    drained = asyncio.Event()

    def post(event: Event) -> None:
        match event:
            case Captured():
                far.extend(event.far.pcm)
            case PlayoutDrained():
                drained.set()

    loop, far_end = asyncio.get_running_loop(), FarEnd()
    mixer = Mixer(PlayoutSettings(prefill_ms=0))
    microphone = FileMicrophone(path, far_end, post, loop, time.monotonic)
    speaker = FileSpeaker(tmp_path / "answer.wav", mixer, far_end, post, loop, time.monotonic)
    speaker.open()
    microphone.open()
    await asyncio.sleep(0.7)
    reply = speechlike(1.0, REPLY_RATE)
    speaker.perform(Play("reply", reply))
    speaker.perform(EndPlayout("reply"))
    for stall_s in stalls_s:
        await asyncio.sleep(0.2)
        time.sleep(stall_s)  # the whole loop is held up, both ends with it
    await asyncio.wait_for(drained.wait(), 60)
    drained_at = len(far)
    async with asyncio.timeout(60):
        while len(far) < drained_at + REPLY_RATE // 2:  # a quarter of a second more
            await asyncio.sleep(0.02)
    microphone.close()
    speaker.close()

    assert align(np.frombuffer(reply, "<i2"), np.frombuffer(bytes(far), "<i2"), REPLY_RATE).is_whole


async def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    loop = asyncio.get_running_loop()
    mixer = Mixer(PlayoutSettings())
    speaker = FileSpeaker(tmp_path / "no" / "answer.wav", mixer, FarEnd(), print, loop, time.monotonic)

    with pytest.raises(DeviceError, match=r"cannot write .*answer\.wav: No such file or directory"):
        speaker.open()
