"""Replies that come without their words: told once, and recognised here where that is possible.

Some providers send the assistant's voice and not its words. Then nothing could be read, and a new link could
not be told what was answered. So the sound of such a reply is recognised on this machine, stretch by stretch
as it comes, by a process of its own (``transcribing.py``). It is ours and is marked as ours; as soon as the
provider sends words, theirs are taken. Playing never waits for it.

The recogniser that is included knows English; what is said in another language is left alone.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from voice_assistant.core.english import English
from voice_assistant.core.events import (
    Command,
    Event,
    Notify,
    PlayoutDrained,
    PlayoutDropped,
    PlayoutStarted,
    Recognise,
    RecogniserLost,
    ReplyAudio,
    ReplyComplete,
    ReplyDone,
    ReplyRecognised,
    ReplyText,
    SessionOpened,
    UserText,
)
from voice_assistant.core.stretches import Stretches

LONGEST_BEHIND_MS = 60_000
"""Sound that the recogniser may have before it; the rest is kept here."""

LONGEST_KEPT_MS = 300_000
"""Of one reply so much is kept for it, 14 MB; beyond that there are no words."""

REMEMBERED = 256
"""Replies kept in mind after their end: late sound of a cut one is not recognised."""


@dataclass(frozen=True, slots=True)
class WordsSettings:
    """What is done for words that a provider does not send. Table ``[words]``."""

    recognise: bool = True
    """recognise on this machine what the assistant says, where the provider sends no words; in English"""


@dataclass(slots=True)
class _Reply:
    """One reply, and how far it was handed to the recogniser.

    Args:
        taken_ms: Of its sound so much was handed over, or is not to be.
        is_playing: Somebody hears it: what is held, and may never be heard, is not recognised.
        is_complete: No more of its sound is to come.
        was_asked: Some of it was handed over.
        is_done: All of it was handed over, or nothing of it will be.
    """

    stretches: Stretches = field(default_factory=Stretches)
    taken_ms: float = 0.0
    is_playing: bool = False
    is_complete: bool = False
    was_asked: bool = False
    is_done: bool = False


class Wordless:
    """Has replies recognised that came without words.

    Args:
        recognises: Is it wanted, and is there something on this machine that can?
        is_english: Does it know English alone?
        missing_remedy: What would make it possible where it is wanted and is not; empty where nothing would.
    """

    def __init__(
        self, *, recognises: bool = False, is_english: bool = True, missing_remedy: str = ""
    ) -> None:
        self._recognises = recognises
        self._english = English() if is_english else None
        self._missing_remedy = missing_remedy
        self._provider_remedy = ""
        self._replies: dict[str, _Reply] = {}
        self._over: dict[str, None] = {}
        self._behind_ms: dict[tuple[str, float], float] = {}
        self._has_words = False
        self._was_told = False

    def handle(self, event: Event) -> list[Command]:
        """Take the next event."""
        if isinstance(event, SessionOpened):
            self._provider_remedy = event.capabilities.wordless_remedy
        if self._has_words:
            return []
        match event:
            case UserText(turn=turn, text=text) if self._english:
                self._english.hear(turn, text)
                return []
            case ReplyAudio(item=item, pcm=pcm) if item not in self._over:
                self._received(item, pcm)
            case PlayoutStarted(item=item) if item in self._replies:
                self._replies[item].is_playing = True
            case ReplyComplete(item=item):
                return self._ended(item)
            case ReplyText(text=text) if text:
                self._has_words = True
                self._replies.clear()
                return []
            case ReplyDone(item=str(item), interrupted=False) | PlayoutDrained(item=item) if self._knows(
                item
            ):
                return self._tell() + self._ended(item)
            case PlayoutDropped(item=item, heard_ms=heard_ms) if self._knows(item):
                if reply := self._replies.get(item):
                    reply.stretches.keep(heard_ms - reply.taken_ms)
                return self._tell() + self._ended(item)
            case ReplyRecognised(item=item, until_ms=until_ms):
                self._behind_ms.pop((item, until_ms), None)
            case RecogniserLost():
                return self._lost(event)
            case _:
                return []
        return self._going()

    def _received(self, item: str, pcm: bytes) -> None:
        reply = self._replies.setdefault(item, _Reply())
        if self._recognises and reply.stretches.ms < LONGEST_KEPT_MS:
            reply.stretches.feed(pcm)

    def _knows(self, item: str) -> bool:
        return item in self._replies or item in self._over

    def _ended(self, item: str) -> list[Command]:
        if reply := self._replies.get(item):
            reply.is_complete = True
        return self._going()

    def _going(self) -> list[Command]:
        """What the recogniser is to be given now."""
        commands: list[Command] = []
        for item, reply in list(self._replies.items()):
            if not reply.was_asked and self._english and not self._english.is_likely:
                reply.stretches.keep(0.0)
            elif reply.is_playing:
                commands += self._going_of(item, reply)
            # A reply may have been dropped before it was heard; or nothing is recognised at all.
            reply.is_done |= reply.is_complete and not (reply.was_asked or reply.stretches.ms)
            if reply.is_done:
                self._forget(item)
        return commands

    def _going_of(self, item: str, reply: _Reply) -> list[Command]:
        commands: list[Command] = []
        while not reply.is_done and sum(self._behind_ms.values()) < LONGEST_BEHIND_MS:
            before_ms = reply.stretches.ms
            pcm, has_speech = reply.stretches.take(is_over=reply.is_complete)
            ms = before_ms - reply.stretches.ms
            reply.taken_ms += ms
            reply.is_done = reply.is_complete and not reply.stretches.ms
            if not has_speech:
                pcm = b""
            if pcm or (reply.is_done and reply.was_asked):
                reply.was_asked = True
                self._behind_ms[item, reply.taken_ms] = ms
                commands.append(Recognise(item, pcm, reply.taken_ms, reply.is_done))
            if not ms:
                break
        return commands

    def _forget(self, item: str) -> None:
        del self._replies[item]
        self._over[item] = None
        if len(self._over) > REMEMBERED:
            del self._over[next(iter(self._over))]

    # --- What the person is told ---

    def _tell(self) -> list[Command]:
        if self._was_told or not self._provider_remedy:
            return []
        self._was_told = True
        if self._recognises:
            text = (
                "Replies come without their words here. What stands after a ~ was recognised on this machine."
            )
            return [Notify("info", text, self._provider_remedy)]
        return [
            Notify("info", "Replies come without their words here.", self.remedy_of(self._provider_remedy))
        ]

    def remedy_of(self, provider_remedy: str) -> str:
        """Say what would make words come: on the provider's side, and on this one."""
        return f"{provider_remedy} {self._missing_remedy}".strip()

    def _lost(self, lost: RecogniserLost) -> list[Command]:
        if not self._recognises:
            return []
        self._recognises = False
        self._behind_ms.clear()
        for item in list(self._replies):
            self._forget(item)
        text = f"The words of replies are not recognised here any more: {lost.reason}."
        return [Notify("warning", text, lost.remedy)]
