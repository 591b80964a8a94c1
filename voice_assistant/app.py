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
import time
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path
from typing import Protocol, TextIO

from voice_assistant import awake
from voice_assistant.asking import Asker, Prompt, Prompter
from voice_assistant.config import Config
from voice_assistant.core.budget import Budget, check_priced
from voice_assistant.core.conversation import Conversation
from voice_assistant.core.default_watch import DefaultWatch
from voice_assistant.core.events import Command, Event, Notify, StopRequested, TextEntered
from voice_assistant.core.listener import Listener
from voice_assistant.core.status import Status
from voice_assistant.core.wake import Wake
from voice_assistant.devices import portaudio
from voice_assistant.devices.loading import Loading
from voice_assistant.devices.reopening import Reopening
from voice_assistant.devices.wav import FileMicrophone, wav_seconds
from voice_assistant.ends import Ends, Options, check_files, loaded, wants_devices
from voice_assistant.errors import LinkError
from voice_assistant.link import Link
from voice_assistant.opinions.micro_wake_word import MicroWakeWord
from voice_assistant.opinions.silero import SileroVoice
from voice_assistant.priority import go_before
from voice_assistant.providers import open_provider
from voice_assistant.recording.log import Recorder
from voice_assistant.recording.words import (
    CAPTIONS_ENDINGS,
    TRANSCRIPT_ENDINGS,
    CaptionsFile,
    TranscriptFile,
    ending_of,
)
from voice_assistant.route import Route
from voice_assistant.session import Session, Tap
from voice_assistant.terminal.answer import AnswerPrinter
from voice_assistant.terminal.json_lines import JsonPrinter
from voice_assistant.terminal.keys import Keyboard
from voice_assistant.terminal.painter import Painter
from voice_assistant.terminal.plain import PlainPrinter
from voice_assistant.terminal.screen import Screen
from voice_assistant.terminal.stage import StagePainter
from voice_assistant.tools.timers import CancelTimer, SetTimer, Timers
from voice_assistant.tools.toolbox import Tool, Toolbox
from voice_assistant.transcribing import Transcribing, wordless

PLAYED_OUT_S = 0.15
"""What a loudspeaker may still hold when it was given the last sample; a sound server takes 20 to 60 ms."""

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


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
    status = Status(
        mode=config.turns.mode, recording=options.record is not None, echo_mode=config.echo.possible_mode
    )
    view: View
    if options.json:
        view = JsonPrinter(sys.stdout, status, time.monotonic)
    elif plain:
        view = PlainPrinter(sys.stdout, _stderr_apart(), config.keys)
    else:
        painter = StagePainter if options.stage else Painter
        view = Screen(status, painter(sys.stdout, config.keys))
    if options.stage:
        # Nobody waits for a line on a stage.
        config = replace(config, link=replace(config.link, park_after_min=0.0))
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
    check_files(options, is_question=is_question)
    if is_question and config.turns.mode == "wake-word":
        # The question is there already.
        config = replace(config, turns=replace(config.turns, mode="hands-free"))
    model = SileroVoice() if config.speech.detector == "neural" else None
    wake = None
    if config.turns.mode == "wake-word":
        wake = Wake(config.wake, MicroWakeWord(config.wake.word, config.wake.threshold))
    check_priced(config.limits, config.prices)
    if options.transcript:
        ending_of(options.transcript, TRANSCRIPT_ENDINGS)
    if options.captions:
        ending_of(options.captions, CAPTIONS_ENDINGS)
    asker = _asker(options, post, is_question=is_question)
    async with AsyncExitStack() as stack:
        # Meanwhile the provider is asked, or started.
        ready = Loading(loop) if wants_devices(options) else None
        if ready:
            stack.callback(ready.close)
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
            tell=_tell_early,
        )
        if ready:
            await loaded(ready, is_needed=options.must_be_heard)
            go_before()

        ends = Ends(config, options, f"{provider.name} {provider.shown}", post, loop)
        reopening = Reopening(ends.devices, post, loop, loop.time)
        link = Link(post, loop.time, route, inbox.qsize)
        transcribing = Transcribing(post, loop, model_path=config.offline.model_path, log=options.log)
        stack.callback(transcribing.close)
        taps: list[Tap] = [view]
        if asker:
            taps.append(asker)
        prompter = None
        if options.prompts and isinstance(ends.microphone, FileMicrophone):
            prompter = Prompter(post, ends.microphone.say, options.prompts)
            taps.append(prompter)
        session = Session(
            inbox=inbox,
            listener=Listener(config.turns, config.speech, config.echo, model, wake),
            conversation=Conversation(
                config.barge_in,
                config.link,
                provider.explain,
                random.random,
                Budget(config.limits, config.prices),
                config.volume,
                config.sounds,
                wordless(config.words, config.offline.model_path),
                output_latency=ends.output_latency,
                default_watch=DefaultWatch(ends.follow_default),
                begins_asleep=wake is not None,
            ),
            new_dialect=provider.new_dialect,
            wire=link,
            speaker=ends.speaker,
            devices=reopening,
            tools=toolbox,
            taps=taps,
            clock=loop.time,
            transcriber=transcribing,
        )
        if options.record:
            secrets = [options.key, options.chat_key]
            recorder = Recorder(options.record, failed=_from_thread(loop, session.tell), secrets=secrets)
            stack.callback(recorder.close)
            taps.append(recorder)
        for words in _words_files(options, loop.time(), _from_thread(loop, session.tell)):
            stack.callback(words.close)
            taps.append(words)
        for number in SIGNALS:
            loop.add_signal_handler(number, _ask_to_stop, post, loop.time, number)
        stack.push_async_callback(link.close)
        running = asyncio.create_task(session.run())
        stack.callback(running.cancel)
        # The connection is on its way while the devices open.
        await asyncio.sleep(0)
        # PortAudio and ALSA write to it from C, also when a device is lost: in the middle of the screen.
        stack.enter_context(portaudio.quiet_stderr(options.log or Path(os.devnull)))
        stack.callback(ends.close)
        ends.open()
        stack.callback(reopening.close)
        _show(config, options, view, stack, post, loop)
        if provider.notice:
            session.tell(Notify("info", provider.notice))
        if config.echo.possible_mode == "half-duplex":
            lacks = config.echo.mode != "half-duplex"
            why = "Echo cannot be removed here: pywebrtc-audio is not installed. " if lacks else ""
            session.tell(
                Notify("info", f"{why}Half duplex: while a reply is heard, only a key interrupts it.")
            )
        for error in ends.missing:
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
    if asker and is_question and asker.was_empty:
        raise LinkError("the answer was empty", remedy="Ask again; what is told above may be the reason.")
    if prompter and not prompter.was_left and (reason := _why_incomplete(prompter, options.prompts)):
        raise LinkError(reason, remedy="Try again; 'voice-assistant doctor' looks for the reason.")


def _tell_early(text: str) -> None:
    """Tell something before there is a view that could show it."""
    sys.stderr.write(f"note: {text}\n")
    sys.stderr.flush()


def _why_incomplete(prompter: Prompter, prompts: tuple[Prompt, ...]) -> str:
    """Say what of a script did not come about; empty where all of it did."""
    if prompter.answered < len(prompts):
        return f"{prompter.answered} of {len(prompts)} questions were answered"
    interruptions = sum(prompt.over_ms is not None for prompt in prompts)
    return "" if prompter.cuts >= interruptions else "a reply was not cut where it was interrupted"


def _words_files(
    options: Options, now: float, failed: Callable[[Notify], None]
) -> list[TranscriptFile | CaptionsFile]:
    files: list[TranscriptFile | CaptionsFile] = []
    if options.transcript:
        files.append(TranscriptFile(options.transcript, now, failed))
    if options.captions:
        files.append(CaptionsFile(options.captions, now, failed))
    return files


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
        case JsonPrinter():
            keyboard = Keyboard(config.keys, post, loop.time)
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
