"""A desk without devices: session, listener and link as they are, a microphone and a loudspeaker made up.

The microphone says what it is given at a multiple of real time, since the listener counts samples and looks
at no clock; the loudspeaker plays at the same pace. Everything between them and the socket is the program's.
Keys are pressed by the test.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from itertools import pairwise
from typing import TypeVar

from voice_assistant.core.audio import NEAR_RATE, REPLY_RATE, SAMPLE_BYTES, AudioFrame, Resampler
from voice_assistant.core.calls import ToolSpec
from voice_assistant.core.conversation import Conversation
from voice_assistant.core.events import (
    Captured,
    Command,
    DropPlayout,
    EndPlayout,
    Event,
    LinkLost,
    Notify,
    PausePlayout,
    Play,
    PlayoutDrained,
    PlayoutDropped,
    PlayoutProgress,
    PlayoutStarted,
    Pressed,
    Released,
    ResumePlayout,
    Stop,
    StopRequested,
    ToolFinished,
    TurnAudio,
    TurnOpened,
)
from voice_assistant.core.floor import FloorSettings
from voice_assistant.core.lifeline import Explain, LifelineSettings
from voice_assistant.core.listener import Listener
from voice_assistant.core.turns import TurnSettings
from voice_assistant.dialects import new_dialect
from voice_assistant.dialects.base import Dialect, ProviderSettings
from voice_assistant.dialects.names import ItemNames
from voice_assistant.dialects.refusals import refusal
from voice_assistant.errors import LinkError
from voice_assistant.link import Link
from voice_assistant.providers import Provider
from voice_assistant.session import Session

FRAME = NEAR_RATE // 50
PATIENCE_S = 60.0

LOOK = ToolSpec("look", "Looks.", {"type": "object", "properties": {}})

AnEntry = TypeVar("AnEntry")


def refused_by(provider: ProviderSettings, lost: LinkLost, last: str) -> LinkError:
    """Say why a link was lost as the program does."""
    return refusal(lost, last, shown=provider.url, model=provider.model)


class DeskRig:
    """One session, and everything that it did.

    Args:
        provider: Where the provider is.
        key: What it wants.
        link: The times of the link.
        speed: Times real time.
        tool_s: How long the tool ``look`` takes.
        opened: The provider as the program has opened it; *provider* and *key* are not asked then.
    """

    def __init__(
        self,
        provider: ProviderSettings,
        key: str = "",
        link: LifelineSettings | None = None,
        speed: float = 4.0,
        tool_s: float = 0.3,
        opened: Provider | None = None,
    ) -> None:
        self.entries: list[Event | Command] = []
        self.heard: dict[str, bytes] = {}
        """What was played of each reply: 24 kHz."""
        self._speed = speed
        self._tool_s = tool_s
        self._loop = asyncio.get_running_loop()
        self._inbox: asyncio.Queue[Event] = asyncio.Queue()
        self._link = Link(self.post, self._loop.time)
        names = ItemNames()
        explain: Explain = partial(refused_by, provider)
        make_dialect: Callable[[], Dialect] = partial(new_dialect, provider, key, [LOOK], names)
        if opened is not None:
            explain, make_dialect = opened.explain, opened.new_dialect
        self._session = Session(
            inbox=self._inbox,
            listener=Listener(TurnSettings(mode="push-to-talk")),
            conversation=Conversation(
                FloorSettings(),
                link or LifelineSettings(),
                explain,
                lambda: 0.5,
            ),
            new_dialect=make_dialect,
            wire=self._link,
            speaker=self,
            devices=self,
            tools=self,
            taps=[self],
            clock=self._loop.time,
        )
        self._speech = b""
        self._sample = 0
        self._queue: dict[str, bytes] = {}
        self._ended: set[str] = set()
        self._is_paused = False
        self._tasks: set[asyncio.Task[None]] = set()
        self.running: asyncio.Task[Stop] | None = None

    # --- What a test does, and asks ---

    def post(self, event: Event) -> None:
        """Have something happen."""
        self._inbox.put_nowait(event)

    def press(self) -> None:
        """Hold the talk key."""
        self.post(Pressed(self._loop.time(), "talk"))

    def release(self) -> None:
        """Let it go."""
        self.post(Released(self._loop.time(), "talk", tap=False))

    async def speak(self, pcm: bytes) -> None:
        """Say something; comes back when it was said: 16 kHz."""
        self._speech += pcm
        while self._speech:
            await asyncio.sleep(0.01)

    async def say(self, pcm: bytes) -> int:
        """Say something with the key held; gives the number of the turn."""
        self.press()
        await self.speak(pcm)
        self.release()
        return self.all(TurnOpened)[-1].turn

    def all(self, kind: type[AnEntry]) -> list[AnEntry]:
        """Every event or command of a kind so far."""
        return [entry for entry in self.entries if isinstance(entry, kind)]

    async def until(self, what: Callable[[], bool], *, within_s: float = PATIENCE_S) -> None:
        """Wait until something is so."""
        async with asyncio.timeout(within_s):
            while not what():
                await asyncio.sleep(0.01)

    async def drained(self, count: int = 1) -> None:
        """Wait until so many replies were played to their ends."""
        await self.until(lambda: len(self.all(PlayoutDrained)) >= count)

    def on_the_wire(self, turn: int) -> bytes:
        """What a provider must get of a turn: the whole of it, at its rate."""
        frames = [one.pre_roll for one in self.all(TurnOpened) if one.turn == turn]
        frames += [one.frame for one in self.all(TurnAudio) if one.turn == turn]
        assert all(a.end_sample == b.first_sample for a, b in pairwise(frames))
        resampler = Resampler(NEAR_RATE, REPLY_RATE)
        return b"".join(resampler.feed(frame.pcm) for frame in frames) + resampler.flush()

    @property
    def notices(self) -> list[str]:
        """What the person was told."""
        return [notice.text for notice in self.all(Notify)]

    @property
    def lost(self) -> list[LinkLost]:
        """Every end of a link, and every try that failed."""
        return self.all(LinkLost)

    # --- Around the session ---

    @asynccontextmanager
    async def talking(self) -> AsyncIterator[DeskRig]:
        """Run the session; it is stopped at the end, if it has not stopped by itself."""
        self.running = asyncio.create_task(self._session.run())
        around = [asyncio.create_task(self._capture()), asyncio.create_task(self._play())]
        try:
            yield self
            self.post(StopRequested(self._loop.time(), "the test is over"))
            await asyncio.wait_for(self.running, PATIENCE_S)
        finally:
            for task in [self.running, *around, *self._tasks]:
                task.cancel()
            await asyncio.gather(self.running, *around, *self._tasks, return_exceptions=True)
            await self._link.close()

    def see(self, entry: Event | Command) -> None:
        """Take note of everything."""
        self.entries.append(entry)

    def run(self, call: str, name: str, arguments: str) -> None:
        """Run the tool."""

        async def work() -> None:
            await asyncio.sleep(self._tool_s)
            self.post(ToolFinished(self._loop.time(), call, '{"seen": 42}'))

        self._tasks.add(asyncio.create_task(work()))

    def perform(self, command: Command) -> None:
        """Do as a loudspeaker does."""
        match command:
            case Play(item=item, pcm=pcm):
                self._queue[item] = self._queue.get(item, b"") + pcm
            case EndPlayout(item=item):
                self._queue.setdefault(item, b"")
                self._ended.add(item)
            case DropPlayout(item=item):
                self._queue.pop(item, None)
                self.post(PlayoutDropped(self._loop.time(), item, self._heard_ms(item)))
            case PausePlayout():
                self._is_paused = True
            case ResumePlayout():
                self._is_paused = False
            case _:
                pass

    async def _capture(self) -> None:
        due = self._loop.time()
        while True:
            size = FRAME * SAMPLE_BYTES
            pcm, self._speech = self._speech[:size], self._speech[size:]
            near = AudioFrame(pcm.ljust(size, b"\0"), NEAR_RATE, self._sample)
            far = AudioFrame(bytes(size * 3 // 2), REPLY_RATE, self._sample * 3 // 2)
            self._sample += FRAME
            self.post(Captured(self._loop.time(), near, far))
            due += 0.02 / self._speed
            await asyncio.sleep(max(0.0, due - self._loop.time()))

    async def _play(self) -> None:
        step = REPLY_RATE // 50 * SAMPLE_BYTES
        while True:
            await asyncio.sleep(0.02 / self._speed)
            if self._is_paused or not self._queue:
                continue
            item = next(iter(self._queue))
            part, self._queue[item] = self._queue[item][:step], self._queue[item][step:]
            if item not in self.heard and part:
                self.heard[item] = b""
                self.post(PlayoutStarted(self._loop.time(), item, self._loop.time()))
            if part:
                self.heard[item] += part
                self.post(PlayoutProgress(self._loop.time(), item, self._heard_ms(item)))
            elif item in self._ended:
                del self._queue[item]
                self.post(PlayoutDrained(self._loop.time(), item, self._heard_ms(item)))

    def _heard_ms(self, item: str) -> float:
        return len(self.heard.get(item, b"")) / SAMPLE_BYTES * 1000 / REPLY_RATE
