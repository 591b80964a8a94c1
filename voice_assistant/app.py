"""The program put together: the only place that knows every part.

It builds a session from a ``Config`` and what the command line says besides, opens what makes sound and what
shows it, and takes all of it down again, whatever happened. It decides nothing that outlives the start.
"""

from __future__ import annotations

import asyncio
import gc
import os
import random
import signal
import sys
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, TextIO

from voice_assistant import awake
from voice_assistant.asking import Asker, Prompt, Prompter
from voice_assistant.config import Config
from voice_assistant.core.budget import Budget
from voice_assistant.core.conversation import Conversation
from voice_assistant.core.events import Command, Event, Notify, StopRequested, TextEntered
from voice_assistant.core.listener import Listener
from voice_assistant.core.mixer import Mixer
from voice_assistant.core.status import Status
from voice_assistant.devices import portaudio
from voice_assistant.devices.capture import Microphone
from voice_assistant.devices.far_end import FarEnd
from voice_assistant.devices.optional import SpeakerIfAny
from voice_assistant.devices.playout import Speaker
from voice_assistant.devices.reopening import End, Reopening
from voice_assistant.devices.wav import FileMicrophone, FileSpeaker, TwoSpeakers, read_wav, wav_seconds
from voice_assistant.errors import DeviceError, LinkError, UsageError
from voice_assistant.link import Link
from voice_assistant.providers import open_provider
from voice_assistant.recording.log import Recorder
from voice_assistant.route import Route
from voice_assistant.session import Loudspeaker, Session, Tap
from voice_assistant.terminal.answer import AnswerPrinter
from voice_assistant.terminal.keys import Keyboard
from voice_assistant.terminal.plain import PlainPrinter
from voice_assistant.terminal.screen import Screen
from voice_assistant.tools.timers import CancelTimer, SetTimer, Timers
from voice_assistant.tools.toolbox import Tool, Toolbox

PLAYED_OUT_S = 0.15
"""What a loudspeaker may still hold when it was given the last sample; a sound server takes 20 to 60 ms."""

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@dataclass(frozen=True, slots=True)
class Options:
    """What one run is told besides its settings.

    Args:
        key: The provider's key; empty where it wants none.
        chat_key: The key of the chat endpoint behind the offline provider.
        plain: Print a line a turn instead of drawing a live screen.
        json: Print the answer as JSON.
        record: Folder for a recording.
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
    plain: bool = False
    json: bool = False
    record: Path | None = None
    log: Path | None = None
    input_file: Path | None = None
    output_file: Path | None = None
    plays: bool = True
    must_be_heard: bool = True
    text: str = ""
    prompts: tuple[Prompt, ...] = ()


class View(Tap, Protocol):
    """What shows a session to the person."""

    def start(self) -> None:
        """Begin to show."""
        ...

    def stop(self) -> None:
        """Show what is left, and give the terminal back."""
        ...


def talk(config: Config, options: Options) -> int:
    """Hold a conversation until the person leaves, or the input file is answered; returns the exit code.

    Raises:
        VoiceAssistantError: It could not begin, or could not go on.
    """
    plain = options.plain or not sys.stdout.isatty() or os.environ.get("TERM") == "dumb"
    status = Status(mode=config.turns.mode, recording=options.record is not None)
    printer = PlainPrinter(sys.stdout, _stderr_apart(), config.keys) if plain else None
    view: View = printer or Screen(status, config.keys, sys.stdout)
    asyncio.run(_hold(config, options, view, is_question=False))
    return 0


def ask(config: Config, options: Options) -> int:
    """Ask one question, spoken in a file or written; returns the exit code.

    Raises:
        VoiceAssistantError: It could not be asked, or no answer came.
    """
    view = AnswerPrinter(sys.stdout, _stderr_apart(), as_json=options.json)
    asyncio.run(_hold(config, options, view, is_question=True))
    return 0


def _stderr_apart() -> TextIO:
    """Make a way to where errors go that stays open while file descriptor 2 is sent elsewhere."""
    stderr = sys.stderr
    return open(os.dup(stderr.fileno()), "w", buffering=1, encoding=stderr.encoding, errors=stderr.errors)


async def _hold(config: Config, options: Options, view: View, *, is_question: bool) -> None:
    """Run one session from its first connection to its end."""
    loop = asyncio.get_running_loop()
    inbox: asyncio.Queue[Event] = asyncio.Queue()
    post = inbox.put_nowait
    _check_files(options, is_question=is_question)
    asker = _asker(options, post, is_question=is_question)
    async with AsyncExitStack() as stack:
        # PortAudio takes its time to look for devices; meanwhile the provider is asked, or started.
        ready = loop.run_in_executor(None, portaudio.load) if _wants_devices(options) else None
        timers = Timers(post, loop.time)
        stack.callback(timers.close)
        # A timer would outlive a single question, and then ring for nobody.
        tools: list[Tool] = [] if is_question else [SetTimer(timers), CancelTimer(timers)]
        toolbox = Toolbox(tools, post, loop.time)
        stack.callback(toolbox.close)
        route = Route(config.route)
        provider = await open_provider(
            config.provider,
            config.offline,
            toolbox.specs,
            stack,
            key=options.key,
            chat_key=options.chat_key,
            log=options.log,
            route=route,
        )
        if ready:
            await _loaded(ready, is_needed=options.must_be_heard)

        far_end = FarEnd()
        missing: list[DeviceError] = []
        ends: list[End] = []
        speaker = _speaker(config, options, far_end, post, loop, missing, ends)
        microphone = _microphone(config, options, far_end, post, loop, ends)
        reopening = Reopening(ends, post, loop, loop.time)
        link = Link(post, loop.time, route)
        taps: list[Tap] = [view]
        if asker:
            taps.append(asker)
        prompter = None
        if options.prompts and isinstance(microphone, FileMicrophone):
            prompter = Prompter(post, microphone.say, options.prompts)
            taps.append(prompter)
        session = Session(
            inbox=inbox,
            listener=Listener(config.turns, config.speech, config.echo),
            conversation=Conversation(
                config.barge_in,
                config.link,
                provider.explain,
                random.random,
                Budget(config.limits, config.prices),
                config.volume,
            ),
            new_dialect=provider.new_dialect,
            wire=link,
            speaker=speaker,
            devices=reopening,
            tools=toolbox,
            taps=taps,
            clock=loop.time,
        )
        if options.record:
            secrets = [options.key, options.chat_key]
            recorder = Recorder(options.record, failed=_from_thread(loop, session.tell), secrets=secrets)
            stack.callback(recorder.close)
            taps.append(recorder)
        for number in SIGNALS:
            loop.add_signal_handler(number, _ask_to_stop, post, loop.time, number)
        stack.push_async_callback(link.close)
        running = asyncio.create_task(session.run())
        stack.callback(running.cancel)
        # The connection is on its way while the devices open.
        await asyncio.sleep(0)
        # PortAudio and ALSA write to it from C, also when a device is lost: in the middle of the screen.
        stack.enter_context(portaudio.quiet_stderr(options.log or Path(os.devnull)))
        stack.callback(speaker.close)
        speaker.open()
        stack.callback(microphone.close)
        microphone.open()
        stack.callback(reopening.close)
        _show(config, options, view, stack, post, loop)
        if provider.notice:
            session.tell(Notify("info", provider.notice))
        for error in missing:
            session.tell(Notify("info", f"Nothing is heard: {error}."))
        if options.text:
            post(TextEntered(loop.time(), options.text))
        watching = asyncio.create_task(awake.watch(post, loop.time))
        stack.callback(watching.cancel)
        # What is here now stays: looking through it again and again would only hold up the sound.
        gc.freeze()
        stop = await running
        if isinstance(stop.error, LinkError):
            # What came before the end of the link has been handed out; the last of it is still in the device.
            await asyncio.sleep(PLAYED_OUT_S)
    if stop.error:
        raise stop.error
    if asker and is_question and not asker.was_answered:
        raise LinkError("no answer came", remedy="Ask again; 'voice-assistant doctor' looks for the reason.")
    if prompter and (reason := _why_incomplete(prompter, options.prompts)):
        raise LinkError(reason, remedy="Try again; 'voice-assistant doctor' looks for the reason.")


def _why_incomplete(prompter: Prompter, prompts: tuple[Prompt, ...]) -> str:
    """Say what of a script did not come about; empty where all of it did."""
    if prompter.answered < len(prompts):
        return f"{prompter.answered} of {len(prompts)} questions were answered"
    interruptions = sum(prompt.over_ms is not None for prompt in prompts)
    return "" if prompter.cuts >= interruptions else "a reply was not cut where it was interrupted"


def _check_files(options: Options, *, is_question: bool) -> None:
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


async def _loaded(loading: asyncio.Future[object], *, is_needed: bool) -> None:
    """Wait for PortAudio; where a loudspeaker is not needed, opening one tells that it is missing."""
    try:
        await loading
    except DeviceError:
        if is_needed:
            raise


class _End(Protocol):
    def open(self) -> None: ...

    def close(self) -> None: ...


class _PlayoutEnd(_End, Loudspeaker, Protocol):
    """A loudspeaker that is opened and closed."""


def _wants_devices(options: Options) -> bool:
    return options.plays or not (options.input_file or options.text or options.prompts)


def _speaker(
    config: Config,
    options: Options,
    far_end: FarEnd,
    post: Callable[[Event], None],
    loop: asyncio.AbstractEventLoop,
    missing: list[DeviceError],
    ends: list[End],
) -> _PlayoutEnd:
    if options.output_file is None:
        mixer = Mixer(config.playout)
        heard = Speaker(config.speaker, mixer, far_end, post, loop, loop.time)
        ends.append(heard)
        if options.must_be_heard:
            return heard
        silence = FileSpeaker(None, mixer, far_end, post, loop, loop.time)
        return SpeakerIfAny(heard, silence, missing.append)
    if not options.plays:
        return FileSpeaker(options.output_file, Mixer(config.playout), far_end, post, loop, loop.time)
    heard = Speaker(config.speaker, Mixer(config.playout), far_end, post, loop, loop.time)
    ends.append(heard)
    # The file hears the same commands; what becomes of them is told once, by the loudspeaker.
    file = FileSpeaker(options.output_file, Mixer(config.playout), FarEnd(), lambda _: None, loop, loop.time)
    return TwoSpeakers(heard, file)


def _microphone(
    config: Config,
    options: Options,
    far_end: FarEnd,
    post: Callable[[Event], None],
    loop: asyncio.AbstractEventLoop,
    ends: list[End],
) -> _End:
    if options.input_file or options.text or options.prompts:
        return FileMicrophone(options.input_file, far_end, post, loop, loop.time)
    microphone = Microphone(config.capture, far_end, post, loop, loop.time)
    ends.append(microphone)
    return microphone


def _asker(options: Options, post: Callable[[Event], None], *, is_question: bool) -> Asker | None:
    if options.input_file:
        return Asker(post, wav_seconds(options.input_file), holds_key=is_question)
    return Asker(post, None, holds_key=False) if options.text else None


def _show(
    config: Config,
    options: Options,
    view: View,
    stack: AsyncExitStack,
    post: Callable[[Event], None],
    loop: asyncio.AbstractEventLoop,
) -> None:
    """Begin to show the session, and to read the keyboard."""
    keyboard = None
    match view:
        case Screen():
            keyboard = Keyboard(
                config.keys,
                post,
                loop.time,
                on_suspend=view.suspend,
                on_resume=view.resume,
                on_draft=view.draft,
            )
        case PlainPrinter():
            keyboard = Keyboard(config.keys, post, loop.time, on_draft=view.draft)
    if keyboard:
        stack.callback(keyboard.stop)
        keyboard.start()
    stack.callback(view.stop)
    view.start()


def _from_thread(
    loop: asyncio.AbstractEventLoop, tell: Callable[[Event | Command], None]
) -> Callable[[Notify], None]:
    def told(notice: Notify) -> None:
        loop.call_soon_threadsafe(tell, notice)

    return told


def _ask_to_stop(post: Callable[[Event], None], clock: Callable[[], float], number: signal.Signals) -> None:
    post(StopRequested(clock(), number.name))
