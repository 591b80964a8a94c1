"""An outage: from the moment a line is gone to the moment it is back. When to try again, and what to say.

The first new try comes at once: most losses are a router's or a proxy's hiccup, and somebody may be speaking.
After that a try comes whenever the outage has grown by a tenth, so the line's return is noticed late by a
tenth of its absence at most, and a proxy that is down for long is left in peace. Where no session has lived
yet, each wait is twice the last. Dice keep many clients from coming back in the same moment. The person reads
one line when it goes and one when it is back.
"""

from __future__ import annotations

from collections.abc import Callable

from voice_assistant.core.events import LinkLost, Notify

FIRST_WITHIN_S = 0.2
SOONEST_S = 0.2
SLOWEST_S = 15.0

GROWTH = 0.1
"""Share of the outage so far after which the next try comes."""

ASKED_TO_WAIT_S = 3.0
ASKED_TO_WAIT_GROWTH = 0.3
"""The same where a new link was refused because there is no room at present, by HTTP 429 or close code 1013:
to ask sooner would only use up what there is. A session that was under way and is ended with 1013 had its
room; it is asked for once more at once, for somebody may be speaking, and one question is no load."""

LONGEST_ASKED_S = 60.0
"""More than that is no request to wait, but a refusal; whoever sits there may have to know."""

TOLD_SOUND_MS = 500
"""Sound that was sent again is told from this length on."""


class Outage:
    """Knows whether the line is gone, since when, and what that has cost.

    Args:
        dice: Gives a number from 0 to 1.
    """

    def __init__(self, dice: Callable[[], float]) -> None:
        self._dice = dice
        self._lost_at: float | None = None
        self._is_torn = False
        self._given_up_ms = 0.0
        # Since when no link has proved itself: one that opens and breaks at once is no return.
        self._trouble_since: float | None = None

    @property
    def is_on(self) -> bool:
        """Is the line gone?"""
        return self._lost_at is not None

    def begin(self, at: float, *, is_torn: bool = False) -> bool:
        """The line is gone; say whether that is news.

        Args:
            at: Seconds of the session's clock.
            is_torn: An answer was broken off by it.
        """
        is_news = self._lost_at is None
        if is_news:
            self._lost_at = at
            self._is_torn = is_torn
        return is_news

    def give_up(self, ms: float) -> bool:
        """Sound could not be kept any longer; say whether that is news."""
        is_news = not self._given_up_ms
        self._given_up_ms += ms
        return is_news

    def proved(self) -> None:
        """A link did its work: the next loss is a new one, and is met at once."""
        self._trouble_since = None

    def wait_s(self, lost: LinkLost, *, is_early: bool = False, had_session: bool = False) -> float:
        """Seconds to wait before the next try.

        Args:
            lost: How the line was lost, or the last try failed.
            is_early: No session has lived yet.
            had_session: There was a session on the link that was lost.
        """
        is_first = self._trouble_since is None
        if self._trouble_since is None:
            self._trouble_since = lost.at
        gone_s = lost.at - self._trouble_since
        if lost.status == 429 or (lost.code == 1013 and not (is_first and had_session)):
            wait = max(ASKED_TO_WAIT_S, ASKED_TO_WAIT_GROWTH * gone_s)
        elif is_first and not lost.retry_after_s:
            return FIRST_WITHIN_S * self._dice()
        else:
            wait = max(SOONEST_S, gone_s if is_early else GROWTH * gone_s)
        wait = min(wait, SLOWEST_S) * (0.8 + 0.4 * self._dice())
        # Not before the other end wants it; and dice besides, for it may have said the same to many.
        asked = min(lost.retry_after_s or 0.0, LONGEST_ASKED_S)
        return max(wait, asked * (1 + 0.1 * self._dice()))

    def end(self, at: float, *, resent_ms: float, remembers: bool | None) -> Notify | None:
        """The line is back; give the words for it, or None where there is nothing to say.

        Args:
            at: When there was a session again.
            resent_ms: Sound that was kept meanwhile and sent again.
            remembers: Was the conversation so far told to the new session? None where there was none.
        """
        lost_at, self._lost_at = self._lost_at, None
        is_torn, self._is_torn = self._is_torn, False
        given_up_ms, self._given_up_ms = self._given_up_ms, 0.0
        forgot = " The assistant may not remember what was said before." if remembers is False else ""
        if lost_at is None:
            return None if not forgot else Notify("info", f"The line was renewed.{forgot}")
        resent = f", with {resent_ms / 1000:.0f} s of what you said" if resent_ms >= TOLD_SOUND_MS else ""
        lost = f" {given_up_ms / 1000:.0f} s of it could not be kept." if given_up_ms else ""
        restored = " The conversation so far was restored." if remembers else forgot
        torn = " The rest of the last answer is lost; ask for it if you need it." if is_torn else ""
        return Notify("info", f"The line is back after {at - lost_at:.1f} s{resent}.{lost}{restored}{torn}")
