"""The two ends of one run: a microphone and a loudspeaker, or the files in their place.

What the command line says of files, scripts and texts decides which; what was learned of the provider's
delivery and of the loudspeaker goes in and comes out again at the end.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from voice_assistant import remembered
from voice_assistant.asking import Prompt
from voice_assistant.config import Config
from voice_assistant.core.events import Direction, Event
from voice_assistant.core.mixer import Mixer
from voice_assistant.core.output_latency import OutputLatency, first_ms
from voice_assistant.devices.capture import Microphone
from voice_assistant.devices.far_end import FarEnd
from voice_assistant.devices.loading import Loading
from voice_assistant.devices.optional import SpeakerIfAny
from voice_assistant.devices.playout import Speaker
from voice_assistant.devices.reopening import End
from voice_assistant.devices.wav import FileMicrophone, FileSpeaker, TwoSpeakers, read_wav
from voice_assistant.errors import DeviceError, UsageError
from voice_assistant.session import Loudspeaker


@dataclass(frozen=True, slots=True)
class Options:
    """What one run is told besides its settings.

    Args:
        key: The provider's key; empty where it wants none.
        chat_key: The key of the chat endpoint behind the offline provider.
        stage: Show the session to an audience, and keep everything warm.
        plain: Print a line a turn instead of drawing a live screen.
        json: Print the answer as JSON; a conversation as one object a line.
        record: Folder for a recording.
        transcript: File for what is said, to read.
        captions: File or named pipe for what is said, with times.
        log: Where file descriptor 2 goes while the screen is live, and the offline provider's log.
        input_file: A WAV file in the microphone's place.
        output_file: A WAV file for what would be heard.
        plays: Use a loudspeaker, even where there is an output file.
        must_be_heard: A missing loudspeaker is an error; otherwise the conversation is held without one.
        text: What is asked in writing.
        prompts: A script in the microphone's place: spoken as the answers come.
    """

    key: str = ""
    chat_key: str = ""
    stage: bool = False
    plain: bool = False
    json: bool = False
    record: Path | None = None
    transcript: Path | None = None
    captions: Path | None = None
    log: Path | None = None
    input_file: Path | None = None
    output_file: Path | None = None
    plays: bool = True
    must_be_heard: bool = True
    text: str = ""
    prompts: tuple[Prompt, ...] = ()


class _End(Protocol):
    def open(self) -> None: ...

    def close(self) -> None: ...


class _PlayoutEnd(_End, Loudspeaker, Protocol):
    """A loudspeaker that is opened and closed."""


class Ends:
    """What captures and what plays in one run.

    Args:
        config: Which devices, and how replies are played.
        options: Which files are in their place.
        provider: Whose delivery is learned, as ``remembered`` knows it.
        post: Takes the events of both; called on the event loop's thread.
        loop: Where the session lives; its time is the session's clock.
    """

    def __init__(
        self,
        config: Config,
        options: Options,
        provider: str,
        post: Callable[[Event], None],
        loop: asyncio.AbstractEventLoop,
    ) -> None:
        self._provider = provider
        self._post = post
        self._loop = loop
        self._far_end = FarEnd()
        self._mixer = Mixer(config.playout, remembered.load(provider))
        self._loudspeaker: Speaker | None = None
        self._kept_as = f"loudspeaker {config.speaker.device}".strip()
        self._kept_ms = max(remembered.load(self._kept_as) or [0.0])
        self.output_latency = OutputLatency(is_fixed=config.speaker.latency_ms > 0, kept_ms=self._kept_ms)
        follows: dict[Direction, bool] = {
            "capture": config.capture.follow_default,
            "playout": config.speaker.follow_default,
        }
        self.follow_default = frozenset(one for one, does in follows.items() if does)
        self.devices: list[End] = []
        """Those that may be lost and opened again."""
        self.missing: list[DeviceError] = []
        """Devices that the run goes on without."""
        self.speaker = self._speaker(config, options)
        self.microphone = self._microphone(config, options)

    def open(self) -> None:
        """Open both.

        Raises:
            DeviceError: One of them cannot be used.
        """
        self.speaker.open()
        self.microphone.open()

    def close(self) -> None:
        """Close both, and keep what was learned."""
        self.microphone.close()
        self.speaker.close()
        remembered.save(self._provider, self._mixer.learned)
        if self._loudspeaker and self._loudspeaker.hold_ms != self._kept_ms:
            remembered.save(self._kept_as, [self._loudspeaker.hold_ms])

    def _speaker(self, config: Config, options: Options) -> _PlayoutEnd:
        into = options.output_file
        if into is not None and not options.plays:
            return self._file(into, self._mixer)
        heard = Speaker(config.speaker, self._mixer, self._far_end, self._post, self._loop, self._loop.time)
        if not config.speaker.latency_ms:
            heard.hold(first_ms(self._kept_ms))
            self._loudspeaker = heard
        self.devices.append(heard)
        if into is not None:
            # The file hears the same commands; what becomes of them is told once, by the loudspeaker.
            mixer = Mixer(config.playout)
            clock = self._loop.time
            return TwoSpeakers(heard, FileSpeaker(into, mixer, FarEnd(), lambda _: None, self._loop, clock))
        if options.must_be_heard:
            return heard
        return SpeakerIfAny(heard, self._file(None, self._mixer), self.missing.append)

    def _file(self, into: Path | None, mixer: Mixer) -> FileSpeaker:
        return FileSpeaker(into, mixer, self._far_end, self._post, self._loop, self._loop.time)

    def _microphone(self, config: Config, options: Options) -> Microphone | FileMicrophone:
        clock = self._loop.time
        if options.input_file or options.text or options.prompts:
            return FileMicrophone(options.input_file, self._far_end, self._post, self._loop, clock)
        microphone = Microphone(config.capture, self._far_end, self._post, self._loop, clock)
        self.devices.append(microphone)
        return microphone


def wants_devices(options: Options) -> bool:
    """Say whether anything of a run is a sound device."""
    return options.plays or not (options.input_file or options.text or options.prompts)


def check_files(options: Options, *, is_question: bool) -> None:
    """Find out now, and not when everything else has been started, that a file will not do."""
    if is_question and options.input_file and not any(read_wav(options.input_file)[0]):
        raise DeviceError(
            f"{options.input_file} holds nothing but silence",
            remedy="Record the question again; 'voice-assistant doctor' looks at the microphone.",
        )
    into = options.output_file
    if into is None:
        return
    if options.input_file and into.exists() and into.samefile(options.input_file):
        raise UsageError(
            f"{into} cannot be the question and the answer", remedy="Name another file for the answer."
        )
    if into.is_dir() or not into.absolute().parent.is_dir():
        raise DeviceError(f"cannot write {into}: no such folder", remedy="Choose another place for the file.")


async def loaded(loading: Loading, *, is_needed: bool) -> None:
    """Wait for PortAudio; where a loudspeaker is not needed, opening one tells that it is missing.

    Raises:
        DeviceError: It is not there, or its sound server hangs: opening one would hang as well.
    """
    try:
        await loading.done()
    except DeviceError as error:
        if is_needed or isinstance(error.__cause__, TimeoutError):
            raise
