"""The program put together: the only place that knows every part.

It builds a session from a ``Config``, opens what makes sound and what shows it, and takes all of it down
again, whatever happened. It decides nothing that outlives the start.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
import random
import signal
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from voice_assistant import awake
from voice_assistant.config import Config
from voice_assistant.core.conversation import Conversation
from voice_assistant.core.events import Event, LinkLost, Notify, StopRequested
from voice_assistant.core.lifeline import Explain
from voice_assistant.core.listener import Listener
from voice_assistant.core.mixer import Mixer
from voice_assistant.core.status import Status
from voice_assistant.devices import portaudio
from voice_assistant.devices.capture import Microphone
from voice_assistant.devices.far_end import FarEnd
from voice_assistant.devices.playout import Speaker
from voice_assistant.dialects.base import ProviderSettings
from voice_assistant.dialects.litellm import LiteLLM
from voice_assistant.dialects.proxy import choose_model, models_url, shown_url
from voice_assistant.dialects.refusals import refusal
from voice_assistant.errors import AuthError, LinkError, VoiceAssistantError
from voice_assistant.link import Link, get_json
from voice_assistant.recording.log import Recorder
from voice_assistant.session import Session, Tap
from voice_assistant.terminal.keys import Keyboard
from voice_assistant.terminal.plain import PlainPrinter
from voice_assistant.terminal.screen import Screen

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def talk(config: Config, *, key: str | None, plain: bool, record: Path | None, log: Path | None) -> int:
    """Hold a conversation until the person leaves.

    Args:
        config: All settings; without a model, the proxy is asked for its only realtime one.
        key: The provider's key; None where it wants none.
        plain: Print a line a turn instead of drawing a live screen.
        record: Folder for a recording, or None.
        log: Where file descriptor 2 goes while the screen is live; None throws it away.

    Returns:
        The exit code: 0.

    Raises:
        VoiceAssistantError: It could not begin, or could not go on.
    """
    asyncio.run(_talk(config, key or "", plain or not sys.stdout.isatty(), record, log))
    return 0


async def _talk(config: Config, key: str, plain: bool, record: Path | None, log: Path | None) -> None:
    loop = asyncio.get_running_loop()
    # PortAudio takes its time to look for devices; meanwhile the proxy is asked.
    portaudio_loaded = loop.run_in_executor(None, portaudio.load)
    provider = await _with_model(config.provider, key)
    await portaudio_loaded

    inbox: asyncio.Queue[Event] = asyncio.Queue()
    post = inbox.put_nowait
    link = Link(post, loop.time)
    far_end = FarEnd()
    speaker = Speaker(config.speaker, Mixer(config.playout), far_end, post, loop, loop.time)
    microphone = Microphone(config.capture, far_end, post, loop, loop.time)
    status = Status(provider=provider.name, mode=config.turns.mode, recording=record is not None)
    screen = PlainPrinter(sys.stdout, sys.stderr) if plain else Screen(status, config.keys, sys.stdout)
    taps: list[Tap] = [screen]
    session = Session(
        inbox=inbox,
        listener=Listener(config.turns, config.speech, config.echo),
        conversation=Conversation(config.barge_in, config.link, _explain(provider), random.random),
        new_dialect=lambda: LiteLLM(provider, key),
        wire=link,
        speaker=speaker,
        taps=taps,
        clock=loop.time,
    )
    async with contextlib.AsyncExitStack() as stack:
        if record:
            recorder = Recorder(record, failed=_from_thread(loop, session), secrets=[key])
            stack.callback(recorder.close)
            taps.append(recorder)
        for number in SIGNALS:
            loop.add_signal_handler(number, _ask_to_stop, post, loop.time, number)
        stack.push_async_callback(link.close)
        running = asyncio.create_task(session.run())
        stack.callback(running.cancel)
        # The connection is on its way while the devices open.
        await asyncio.sleep(0)
        stack.callback(speaker.close)
        speaker.open()
        stack.callback(microphone.close)
        microphone.open()
        if not plain:
            stack.enter_context(portaudio.quiet_stderr(log or Path(os.devnull)))
        keyboard = Keyboard(config.keys, post, loop.time)
        if isinstance(screen, Screen):
            keyboard = Keyboard(
                config.keys, post, loop.time, on_suspend=screen.suspend, on_resume=screen.resume
            )
        stack.callback(keyboard.stop)
        keyboard.start()
        stack.callback(screen.stop)
        screen.start()
        watching = asyncio.create_task(awake.watch(post, loop.time))
        stack.callback(watching.cancel)
        # What is here now stays: looking through it again and again would only hold up the sound.
        gc.freeze()
        stop = await running
    if stop.error:
        raise stop.error


async def _with_model(provider: ProviderSettings, key: str) -> ProviderSettings:
    """Ask the proxy for its only realtime model, where none is named."""
    if provider.model:
        return provider
    url = models_url(provider.url)
    status, listing = await get_json(url, {"Authorization": f"Bearer {key}"} if key else {})
    if status in (401, 403):
        raise AuthError(
            f"the proxy refuses the key (HTTP {status})", remedy="Set LITELLM_API_KEY to a key of this proxy."
        )
    if status != 200:
        raise LinkError(
            f"no LiteLLM proxy answers at {provider.url} (HTTP {status})",
            remedy="Check the address in --url or LITELLM_URL, or name a model with --model.",
        )
    return replace(provider, model=choose_model(listing))


def _explain(provider: ProviderSettings) -> Explain:
    """Make errors of lost links in the words of the provider's dialect."""

    def explain(lost: LinkLost, reported: str) -> VoiceAssistantError:
        return refusal(lost, reported, shown=shown_url(provider.url), model=provider.model)

    return explain


def _from_thread(loop: asyncio.AbstractEventLoop, session: Session) -> Callable[[Notify], None]:
    def tell(notice: Notify) -> None:
        loop.call_soon_threadsafe(session.tell, notice)

    return tell


def _ask_to_stop(post: Callable[[Event], None], clock: Callable[[], float], number: signal.Signals) -> None:
    post(StopRequested(clock(), number.name))
