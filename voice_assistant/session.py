"""The session: one loop that takes events from the inbox, asks the core, and performs its commands.

Nothing here decides. An event goes to the listener, what it makes of it to the conversation, and each command
to the edge that carries it out. Performing never waits, so no decision is taken between two awaits; what
comes of a command returns as an event. A message too large to be read at once is unpacked in steps between
which the event loop gets on; it keeps its place among the events.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Protocol

from voice_assistant.core.conversation import Conversation
from voice_assistant.core.events import (
    Captured,
    CloseTurn,
    Command,
    Connect,
    DeviceCommand,
    Disconnect,
    Event,
    MessageReceived,
    Notify,
    PlayoutCommand,
    Recognise,
    RunTool,
    Stop,
    Tick,
)
from voice_assistant.core.listener import Listener
from voice_assistant.dialects.base import Dialect, LinkRequest
from voice_assistant.dialects.unpacking import LARGE, Message, unpack

BREATH_S = 0.001
"""Spent on events in a row before the event loop gets its turn: a burst must not hold up the sockets."""


class Wire(Protocol):
    """What the session needs of a link."""

    def connect(self, link: int, request: LinkRequest, after_s: float) -> None:
        """Begin to open websocket number *link*."""
        ...

    def send(self, message: str | bytes) -> None:
        """Queue a message for the open websocket."""
        ...

    def hang_up(self) -> None:
        """Begin to close the websocket."""
        ...


class Loudspeaker(Protocol):
    """What the session needs of playout."""

    def perform(self, command: PlayoutCommand) -> None:
        """Carry out a command at once."""
        ...


class Devices(Protocol):
    """What the session needs of microphone and loudspeaker when one of them is to be opened again."""

    def perform(self, command: DeviceCommand) -> None:
        """Begin to do it; what comes of it is an event."""
        ...


class Tools(Protocol):
    """What the session needs of the tools."""

    def run(self, call: str, name: str, arguments: str) -> None:
        """Begin to run a tool; ``ToolFinished`` follows."""
        ...


class Transcriber(Protocol):
    """What the session needs of what recognises replies."""

    def recognise(self, command: Recognise) -> None:
        """Begin to do it; what comes of it is an event."""
        ...


class Tap(Protocol):
    """An onlooker: it sees every event and command, and answers nothing."""

    def see(self, entry: Event | Command) -> None:
        """Take note; never wait."""
        ...


class Session:
    """Runs one conversation.

    Args:
        inbox: Where every event arrives; the edges put them there, on the event loop's thread.
        new_dialect: Makes a dialect for a new websocket.
        clock: Monotonic seconds, the same for every edge.
        transcriber: Recognises replies; None where nothing is asked of it.
    """

    def __init__(
        self,
        *,
        inbox: asyncio.Queue[Event],
        listener: Listener,
        conversation: Conversation,
        new_dialect: Callable[[], Dialect],
        wire: Wire,
        speaker: Loudspeaker,
        devices: Devices,
        tools: Tools,
        taps: Sequence[Tap],
        clock: Callable[[], float],
        transcriber: Transcriber | None = None,
    ) -> None:
        self._listener = listener
        self._conversation = conversation
        self._new_dialect = new_dialect
        self._dialect = new_dialect()
        self._wire = wire
        self._speaker = speaker
        self._devices = devices
        self._tools = tools
        self._taps = taps
        self._clock = clock
        self._transcriber = transcriber
        self._inbox = inbox
        self._link = 0
        self._stop: Stop | None = None
        self._alarm: asyncio.TimerHandle | None = None

    async def run(self) -> Stop:
        """Take events until a command ends the session; returns that command."""
        self._perform_all(self._conversation.begin())
        breath_at = self._clock() + BREATH_S
        while self._stop is None:
            self._set_alarm()
            event = await self._inbox.get()
            if isinstance(event, MessageReceived) and len(event.data) > LARGE:
                await self._take_slowly(event)
            else:
                self._take(event)
            # Where nothing more is there, the wait for it is breath enough.
            if not self._inbox.empty() and self._clock() >= breath_at:
                await asyncio.sleep(0)
                breath_at = self._clock() + BREATH_S
        if self._alarm:
            self._alarm.cancel()
        return self._stop

    def _set_alarm(self) -> None:
        """Have a Tick posted when the conversation's deadline comes."""
        due = self._conversation.deadline()
        if self._alarm and (due is None or self._alarm.when() != due):
            self._alarm.cancel()
            self._alarm = None
        if due is not None and self._alarm is None:
            self._alarm = asyncio.get_running_loop().call_at(due, self._ring)

    def _ring(self) -> None:
        self._alarm = None
        self._inbox.put_nowait(Tick(self._clock()))

    async def _take_slowly(self, event: MessageReceived) -> None:
        """Take a large message in small steps; what came after it waits in the inbox."""
        unpacking = unpack(event.data)
        while True:
            await asyncio.sleep(0)
            try:
                next(unpacking)
            except StopIteration as unpacked:
                message: Message = unpacked.value
                break
        await asyncio.sleep(0)
        self._take(event, message)

    def _take(self, event: Event, unpacked: Message | None = None) -> None:
        match event:
            case MessageReceived(link=link) if link != self._link:
                pass  # A late message of an old link dies here.
            case MessageReceived(data=data, at=at):
                self.tell(event)
                for meant in self._dialect.decode(unpacked or data, at):
                    self._decide(meant)
            case Captured():
                self.tell(event)
                self._judge(event)
            case _:
                self._judge(event)

    def _judge(self, event: Event) -> None:
        for heard in self._listener.judge(event):
            self._decide(heard)

    def _decide(self, event: Event) -> None:
        self.tell(event)
        self._perform_all(self._conversation.handle(event))

    def _perform_all(self, commands: list[Command]) -> None:
        for command in commands:
            self.tell(command)
            self._perform(command)

    def _perform(self, command: Command) -> None:
        match command:
            case Connect(link=link, after_s=after_s):
                self._link = link
                self._dialect = self._new_dialect()
                self._wire.connect(link, self._dialect.request(), after_s)
            case Disconnect():
                self._wire.hang_up()
            case CloseTurn(reason=reason):
                for event in self._listener.close(reason, self._clock()):
                    self._decide(event)
            case _ if isinstance(command, DeviceCommand):
                self._devices.perform(command)
            case RunTool(call=call, name=name, arguments=arguments):
                self._tools.run(call, name, arguments)
            case Recognise():
                if self._transcriber:
                    self._transcriber.recognise(command)
            case Stop():
                self._stop = self._stop or command
            case Notify():
                pass  # The taps have been told; that is all there is to it.
            case _ if isinstance(command, PlayoutCommand):
                self._speaker.perform(command)
            case _:
                for message in self._dialect.encode(command):
                    self._wire.send(message)

    def tell(self, entry: Event | Command) -> None:
        """Show every tap what happened, or what is done; on the event loop's thread."""
        for tap in self._taps:
            tap.see(entry)
