"""What waits for an answer: everything the user said that the provider has not dealt with yet.

It is kept (``kept.py``), sent when the link can take it, sent again on a new link, and missed when nothing
comes of it. A reply shows that what was said has arrived; that it was heard, and by whom it was broken off,
is the floor's affair.
"""

from __future__ import annotations

from typing import Literal

from voice_assistant.core.events import (
    AppendInput,
    CommitInput,
    ReplyDone,
    RequestReply,
    SendText,
    WireCommand,
)
from voice_assistant.core.kept import KeptSound

APPEND_MS = 500
"""The longest append: what waited goes out in few messages, none of them large."""

CAUTIOUS_APPEND_MS = 100
"""While a set-up may still be under way behind a proxy that keeps 200 messages and drops the rest, sound
goes out in appends of this length: 20 s of it fit. Nothing waits longer than that for its append."""

SILENT = ""
"""Name of an answer in which nothing was said."""


class Awaited:
    """Keeps what was said, and knows since when an answer is due.

    Args:
        keep_s: Sound beyond this is given up.
        timeout_s: A turn without an answer for this long is missed.
    """

    def __init__(self, keep_s: float, timeout_s: float) -> None:
        self.kept = KeptSound(keep_s)
        self.due: float | None = None
        """When an answer is missed, in seconds of the session's clock."""
        self._timeout_s = timeout_s
        self._begun: set[str] = set()
        self._was_missed = False

    def start_over(self) -> None:
        """There is a new link: it has nothing, and owes nothing."""
        self.due = None
        self._begun.clear()
        self.kept.start_over()

    # --- What goes out ---

    def take(self, command: AppendInput | CommitInput | SendText | RequestReply) -> None:
        """Keep what is meant for the provider."""
        self.kept.take(command)

    def going(self, now: float, *, cautious: bool = False) -> list[WireCommand]:
        """What has not gone out on this link yet, in order."""
        longest_ms = CAUTIOUS_APPEND_MS if cautious else APPEND_MS
        going = self.kept.going(longest_ms, whole_only=cautious)
        if any(isinstance(command, CommitInput | SendText) for command in going):
            self.wait(now)
        return going

    def wait(self, now: float) -> None:
        """An answer is due from now on."""
        self.due = now + self._timeout_s

    # --- What comes back ---

    def reply_came(self, item: str, *, one_each: bool) -> None:
        """Some of a reply came; see ``KeptSound.answer_began``."""
        if item in self._begun:
            return
        self._begun.add(item)
        self.kept.answer_began(item, one_each=one_each)
        self._was_missed = False
        if not self.kept.has_unanswered:
            self.due = None

    def reply_done(self, done: ReplyDone, now: float, *, one_each: bool) -> None:
        """The provider is through with a reply."""
        if done.goes_on:
            self.kept.answer_goes_on()
            return
        if done.item is None and done.interrupted:
            return  # It broke off before the first sample, because it heard the user go on: no answer yet.
        item = done.item if done.item is not None else SILENT
        self.reply_came(item, one_each=one_each)
        self._begun.discard(SILENT)
        self.kept.answer_ended(item, interrupted=done.interrupted)
        if not self.kept.has_unanswered:
            self.due = None
        elif self.due is None:
            self.wait(now)

    def tool_asked(self) -> None:
        """The answer is still to come, after a tool that takes its own time."""
        self.kept.answer_goes_on()
        self.due = None

    def give_up(self) -> None:
        """The user does not want the answer any more: nobody misses it."""
        self.due = None
        self.kept.forget_committed()

    def miss(self) -> Literal["ask again", "give up"]:
        """An answer is overdue: once it is asked for again, on a new link; then the user is."""
        self.due = None
        if not self._was_missed:
            self._was_missed = True
            return "ask again"
        self._was_missed = False
        self.kept.forget_committed()
        return "give up"
