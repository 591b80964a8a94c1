"""The conversation: the thin door over what decides. It asks each part, and adds up their commands.

``Floor`` decides who speaks, ``Replies`` keeps the books of what the provider says, ``Lifeline`` brings the
link up and keeps back what it is not ready for, ``Calls`` has tools run, ``Wordless`` has words recognised
that do not come, ``Budget`` sees to the limits, ``DeviceWatch`` has lost devices opened again,
``DefaultWatch`` follows the system's default. Each takes the same events and knows nothing of the clock.
"""

from __future__ import annotations

from collections.abc import Callable

from voice_assistant.core.budget import Budget
from voice_assistant.core.calls import Calls
from voice_assistant.core.default_watch import DefaultWatch
from voice_assistant.core.device_watch import DeviceWatch
from voice_assistant.core.earcons import Earcons, SoundSettings
from voice_assistant.core.events import Command, EndPlayout, Event, Level, Notify, Pressed, Stop
from voice_assistant.core.floor import Floor, FloorSettings
from voice_assistant.core.lifeline import Explain, Lifeline, LifelineSettings
from voice_assistant.core.output_latency import OutputLatency
from voice_assistant.core.replies import Replies
from voice_assistant.core.volume import Volume, VolumeSettings
from voice_assistant.core.wordless import Wordless
from voice_assistant.errors import LinkError


class Conversation:
    """Events in, commands out; the same events always give the same commands."""

    def __init__(
        self,
        floor: FloorSettings,
        link: LifelineSettings,
        explain: Explain,
        dice: Callable[[], float],
        budget: Budget | None = None,
        volume: VolumeSettings | None = None,
        sounds: SoundSettings | None = None,
        wordless: Wordless | None = None,
        output_latency: OutputLatency | None = None,
        default_watch: DefaultWatch | None = None,
        *,
        begins_asleep: bool = False,
    ) -> None:
        self._replies = Replies()
        self._floor = Floor(floor, self._replies)
        self._lifeline = Lifeline(link, self._replies, explain, dice)
        self._calls = Calls()
        self._devices = DeviceWatch()
        self._default = default_watch or DefaultWatch()
        self._budget = budget or Budget()
        self._volume = Volume(volume or VolumeSettings())
        self._earcons = Earcons(sounds or SoundSettings(), is_asleep=begins_asleep)
        self._wordless = wordless or Wordless()
        self._output_latency = output_latency or OutputLatency()
        self._ending: Stop | None = None
        self._deadline: float | None = None
        self._is_deadline_known = False

    def begin(self) -> list[Command]:
        """Say what is to be done before anything has happened."""
        self._is_deadline_known = False
        return self._lifeline.begin() + self._volume.begin()

    def deadline(self) -> float | None:
        """When a ``Tick`` is due, in seconds of the session's clock; None while nothing is awaited."""
        if self._is_deadline_known:
            return self._deadline
        parts = (
            self._floor,
            self._lifeline,
            self._replies,
            self._budget,
            self._devices,
            self._default,
            self._output_latency,
        )
        times = [part.deadline() for part in parts]
        self._deadline = min((time for time in times if time is not None), default=None)
        self._is_deadline_known = True
        return self._deadline

    def handle(self, event: Event) -> list[Command]:
        """Take the next event; say what is to be done, in order."""
        if isinstance(event, Level):
            # It comes fifty times a second, and concerns nobody but whoever sees to the microphone; nothing
            # falls due because of it.
            return self._heard_out(self._devices.handle(event))
        self._is_deadline_known = False
        # The lifeline first, so that a session that has just become ready gets what waited before what is
        # new; the floor before the replies, so that a reply is held before its first sample is played.
        commands = self._lifeline.handle(event)
        decided: list[Command] = []
        if self._lifeline.take_has_left():
            torn = self._lifeline.asked_again
            decided += self._floor.link_gone(torn) + self._replies.link_gone(torn)
            self._calls.link_gone()
        decided += self._floor.handle(event) + self._replies.handle(event) + self._calls.handle(event)
        commands += self._lifeline.admit(decided) + self._volume.handle(event)
        commands += self._earcons.handle(event, decided) + self._wordless.handle(event)
        commands += self._within_budget(event) + self._devices.handle(event) + self._default.handle(event)
        commands += self._output_latency.handle(event, commands)
        return self._heard_out(commands + self._own(event))

    def _own(self, event: Event) -> list[Command]:
        match event:
            case Pressed(action="quit"):
                return [Stop()]
            case _:
                return []

    def _within_budget(self, event: Event) -> list[Command]:
        """A limit that is reached ends the session after the reply that is being heard."""
        commands = self._budget.handle(event)
        if not self._replies.sounding:
            return commands
        for command in commands:
            if isinstance(command, Stop):
                self._ending = command
        return [command for command in commands if not isinstance(command, Stop)]

    def _heard_out(self, commands: list[Command]) -> list[Command]:
        """When the link ends, what has come of a reply is played to its end before the session ends."""
        if not (commands or self._ending):
            return commands
        sounding = () if self._devices.is_unheard else self._replies.sounding
        for at, command in enumerate(commands):
            if isinstance(command, Stop) and isinstance(command.error, LinkError) and sounding:
                self._ending = command
                told = Notify("error", f"{command.error}; what has come is played out.", command.error.remedy)
                return [*commands[:at], told, *map(EndPlayout, sounding)]
        if self._ending and not sounding:
            commands.append(self._ending)
        return commands
