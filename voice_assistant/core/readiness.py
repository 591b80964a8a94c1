"""Readiness: how far the set-up of a session is, and when sound may be sent on it.

A proxy may confirm a set-up, ignore it, or be slow with it, and says nothing of which. So a confirmation is
waited for a little, after which sound goes out all the same, with care; and after some more time without a
word the set-up counts as ignored. What one session taught about that is used for the next.
"""

from __future__ import annotations

from typing import Literal

from voice_assistant.core.events import Capabilities

Step = Literal["slow", "no session", "send", "ignored"]

SLOW_S = 6.0
"""From the open socket: without a session by then, it is told. Gemini's comes within about two; a proxy whose
own way there hangs tries it for 24."""


class Readiness:
    """Follows one session after the other.

    Args:
        session_timeout_s: From the open socket to a session.
        grace_s: Wait for a confirmation before sound is sent all the same.
        unconfirmed_s: Without a confirmation for this long, the set-up counts as ignored.
    """

    def __init__(self, session_timeout_s: float, grace_s: float, unconfirmed_s: float) -> None:
        self._session_timeout_s = session_timeout_s
        self._grace_s = grace_s
        self._unconfirmed_s = unconfirmed_s
        self._due: dict[Step, float] = {}
        self._grace_was_vain = False
        self.is_confirmed = False
        """Has this session shown that it lives?"""
        self.setup_is_ignored = False
        """Has the provider left the newest set-up without a confirmation?"""
        self.opened_at = 0.0
        """When the newest session began, in seconds of the session's clock."""

    @property
    def deadline(self) -> float | None:
        """When the next step is due."""
        return min(self._due.values(), default=None)

    def leave(self) -> None:
        """There is no session any more."""
        self._due.clear()
        self.is_confirmed = False

    def link_opened(self, at: float) -> None:
        """The socket is open: a session is awaited."""
        self._due["slow"] = at + SLOW_S
        self._due["no session"] = at + self._session_timeout_s

    def session_opened(self, at: float, can: Capabilities) -> Literal["confirmed", "send", "wait"]:
        """There is a session; say whether sound may go out on it."""
        del self._due["no session"]
        self._due.pop("slow", None)
        self.opened_at = at
        if can.confirms_setup == "never":
            return "confirmed"
        self._due["ignored"] = at + self._unconfirmed_s
        if self._grace_was_vain:
            # The last one did not confirm in time either: the grace would be waited for nothing.
            return "send"
        self._due["send"] = at + self._grace_s
        return "wait"

    def setup_taken(self) -> None:
        """The provider confirms the set-up."""
        self._due.pop("ignored", None)
        self.setup_is_ignored = self._grace_was_vain = False

    def confirmed(self) -> None:
        """The session lives: nothing needs to wait any more."""
        self.is_confirmed = True
        self._due.pop("send", None)

    def steps(self, at: float) -> list[Step]:
        """The steps that have come due, in their order."""
        due = sorted((when, step) for step, when in self._due.items() if at >= when)
        for _, step in due:
            del self._due[step]
            self._grace_was_vain |= step == "send"
        return [step for _, step in due]
