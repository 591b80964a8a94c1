"""What the person must read now: notices, each in one line, with its remedy where there is one.

Made of our own ``Notify``, of errors that the provider reports, and of a session that opens. Nobody should
read the same thing twice: our word on a provider's error stands for it, a line that was renewed is not
announced again, and a notice that repeats the last one within ``REPEATED_S`` is left out.
"""

from __future__ import annotations

from voice_assistant.core.events import (
    Command,
    Event,
    MuteChanged,
    Notify,
    ServerError,
    SessionOpened,
    SpokeWhileMuted,
    Stop,
)
from voice_assistant.core.lines import NoticeLine
from voice_assistant.core.plain_text import neutralise

REPEATED_S = 10.0
"""Seconds within which a notice is not repeated."""


class Notices:
    """Makes notices of events and commands.

    A provider's error waits for the next event: the commands that come of it may say more.
    """

    def __init__(self) -> None:
        self._last: NoticeLine | None = None
        self._error: NoticeLine | None = None
        self._model: str | None = None
        self._told_unheard = False

    @property
    def is_waiting(self) -> bool:
        """Does the next event have something read?"""
        return self._error is not None

    def see(self, entry: Event | Command, now: float) -> list[NoticeLine]:
        """Take the next event or command, at *now* of the session's clock; give what is to be read."""
        match entry:
            case ServerError(message=message, code=code):
                words = neutralise(message or code or "no reason given")
                return self._replace_error(NoticeLine(now, "error", f"The provider reports: {words}"))
            case Notify(severity=severity, text=text, remedy=remedy):
                own = NoticeLine(now, severity, neutralise(text), neutralise(remedy))
                if self._error and self._error.words.partition(": ")[2] in own.words:
                    self._error = None
                return [*self._replace_error(None), *self._show(own)]
            case Stop(error=stopped) if stopped:
                self._error = None  # The program's last word tells it, with its remedy.
                return []
            case SessionOpened(model=model) if model != self._model:
                self._model = model
                opened = NoticeLine(now, "info", f"Connected to {neutralise(model)}.")
                return [*self._replace_error(None), *self._show(opened)]
            case MuteChanged():
                self._told_unheard = False
                return self._replace_error(None)
            case SpokeWhileMuted() if not self._told_unheard:
                # Once for each time of being muted: some mute to speak to somebody else.
                self._told_unheard = True
                unheard = NoticeLine(now, "info", "You speak, and the microphone is muted.")
                return [*self._replace_error(None), *self._show(unheard)]
            case _ if self._error and hasattr(entry, "at"):
                return self._replace_error(None)
            case _:
                return []

    def close(self) -> list[NoticeLine]:
        """Give what still waits."""
        return self._replace_error(None)

    def _replace_error(self, error: NoticeLine | None) -> list[NoticeLine]:
        """Have another error wait, or none; give the one that did."""
        waiting, self._error = self._error, error
        return self._show(waiting) if waiting else []

    def _show(self, notice: NoticeLine) -> list[NoticeLine]:
        last = self._last
        if last and last.words == notice.words and notice.began_at - last.began_at < REPEATED_S:
            return []
        self._last = notice
        return [notice]
