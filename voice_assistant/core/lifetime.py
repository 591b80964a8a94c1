"""A link's lifetime: when it should be given up on purpose, because its end is near or because nobody speaks.

Providers end a session at some age, most without a warning. A limit is known from the start, or learned: two
cuts at about the same age are one that nobody told. A link is renewed in a quiet moment before that. And
where nobody has said a word for minutes, it is not kept: a desk would pay for it all day.
"""

from __future__ import annotations

CALM_S = 2.0
"""After the last word of either side, before a link may be given up on purpose."""

LONGEST_LEAD_S = 120.0
"""A link is renewed in the last fifth of its life, but no earlier than this before its end."""

WORTH_LEARNING_S = 60.0
"""A cut after a shorter life is a fault and says nothing of a limit."""

ALIKE = 0.05
"""Cuts whose ages differ by less than this share are the same limit."""


class Lifetime:
    """Follows the age of the present link, and learns from those before.

    Args:
        park_after_s: Quiet after which a link is let go; 0 never.
    """

    def __init__(self, park_after_s: float) -> None:
        self._park_after_s = park_after_s
        self._opened_at: float | None = None
        self._active_at = 0.0
        self._told_limit_s: float | None = None
        self._ages: list[float] = []

    def open(self, at: float, told_limit_s: float | None) -> None:
        """A session began.

        Args:
            at: Seconds of the session's clock.
            told_limit_s: Its longest life, where the provider is known to have one.
        """
        self._opened_at = at
        self._told_limit_s = told_limit_s

    def touch(self, at: float) -> None:
        """Somebody spoke, or was heard."""
        self._active_at = max(at, self._active_at)

    def leave(self) -> None:
        """The link is given up by us."""
        self._opened_at = None

    def cut(self, at: float) -> float:
        """The link was cut by the other end; give its age in seconds."""
        age = at - self._opened_at if self._opened_at is not None else 0.0
        self._opened_at = None
        if age >= WORTH_LEARNING_S:
            self._ages = [*self._ages[-1:], age]
        return age

    def age(self, at: float) -> float:
        """Seconds since the session began; 0 without one."""
        return at - self._opened_at if self._opened_at is not None else 0.0

    @property
    def deadline(self) -> float | None:
        """When the link should be let go or renewed, if it is quiet until then."""
        times = [at for at in (self._park_at, self._renew_at) if at is not None]
        return max(min(times), self._active_at + CALM_S) if times else None

    def wants_parking(self, at: float) -> bool:
        """Say whether nobody has spoken for long enough."""
        return self._park_at is not None and at >= max(self._park_at, self._active_at + CALM_S)

    def wants_renewal(self, at: float) -> bool:
        """Say whether the end is near, in a calm moment."""
        return self._renew_at is not None and at >= max(self._renew_at, self._active_at + CALM_S)

    @property
    def _park_at(self) -> float | None:
        if not self._park_after_s or self._opened_at is None:
            return None
        return self._active_at + self._park_after_s

    @property
    def _renew_at(self) -> float | None:
        limits = [self._told_limit_s] if self._told_limit_s else []
        if len(self._ages) == 2 and abs(self._ages[1] - self._ages[0]) < ALIKE * self._ages[1]:
            limits.append(min(self._ages))
        if not limits or self._opened_at is None:
            return None
        return self._opened_at + min(limits) - min(0.2 * min(limits), LONGEST_LEAD_S)
