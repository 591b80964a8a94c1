"""Delivery: what is learned of how a provider's replies arrive, and the plan for playing the next one.

Some providers send far ahead of time, some at the pace of speech, some late and in bursts. A plan says when
to start a reply and when to play it slower. To find out which plan suits this provider, every plan is tried
on every reply at once, by a shadow: a player without sound that follows its plan, hears of the same arrivals
and is charged for what a listener would mind. The plan of the shadow that has cost the least so far is the
one in force, from one moment to the next; old replies are slowly forgotten.

There is no clock: time is the number of samples pulled, and the device never stops pulling. What is played
is the jitter buffer's business (``jitter.py``).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from voice_assistant.core.audio import REPLY_RATE
from voice_assistant.core.stretch import SLOW_SPEED

STEP_MS = 10
STEP_SAMPLES = REPLY_RATE * STEP_MS // 1000

WAIT_COST = 1.0
"""Per ms before the first sound."""
GAP_COST = 2.0
"""Per ms of a gap inside a reply."""
GAPS_COST = 300.0
"""Per gap, however short."""
STRETCH_COST = 0.25
"""Per ms added by playing slower."""
MEMORY = 0.95
"""Weight that a reply keeps when the next one is over."""


@dataclass(frozen=True, slots=True)
class Plan:
    """When to start, and when to play slower; milliseconds of sound.

    Args:
        start_ms: Buffered before a reply starts.
        refill_ms: Buffered before it goes on after a gap.
        slack_ms: Played slower while it runs less than this behind the earliest arrivals of the reply.
        level_ms: Played slower while less than this is buffered.
        wait_ms: Waited before a reply starts, however much is buffered.
    """

    start_ms: float
    refill_ms: float
    slack_ms: float
    level_ms: float
    wait_ms: float = 0.0

    def asks_for_slower(self, slack_ms: float, level_ms: float) -> bool:
        """Is there too little in hand?"""
        return slack_ms < self.slack_ms or level_ms < self.level_ms


@dataclass(slots=True, eq=False)
class _Shadow:
    """One plan, played without sound."""

    plan: Plan
    past: float = 0.0
    cost: float = 0.0
    _played_ms: float = 0.0
    _missing_ms: float = 0.0
    _gap_ms: float = 0.0
    _hold_ms: float = 0.0
    _waiting: bool = True

    def begin(self) -> None:
        self.cost = self._played_ms = self._gap_ms = 0.0
        self._missing_ms = self.plan.start_ms
        self._hold_ms = self.plan.wait_ms
        self._waiting = True

    def step(self, received_ms: float, behind_ms: float) -> None:
        """Play for 10 ms; *behind_ms* is how late it is that nothing has been played yet."""
        level_ms = received_ms - self._played_ms
        if self._waiting:
            if level_ms < self._missing_ms or self._hold_ms > 0.0:
                self._hold_ms -= STEP_MS
                if self._played_ms:
                    self._gap_ms += STEP_MS
                else:
                    self.cost += STEP_MS * WAIT_COST
                return
            self._waiting = False
            if self._gap_ms:
                # Charged now, for a gap after which nothing comes was none.
                self.cost += GAPS_COST + self._gap_ms * GAP_COST
                self._gap_ms = 0.0
        if level_ms < STEP_MS:
            self._waiting = True
            self._missing_ms = max(self.plan.refill_ms, STEP_MS)
            self._gap_ms = STEP_MS
        elif self.plan.asks_for_slower(behind_ms - self._played_ms, level_ms):
            self._played_ms += STEP_MS * SLOW_SPEED
            self.cost += STEP_MS * (1.0 - SLOW_SPEED) * STRETCH_COST
        else:
            self._played_ms += STEP_MS

    def close(self) -> None:
        self.past = self.past * MEMORY + self.cost
        self.cost = 0.0


FIRST_WAIT_MS = 10.0
"""While nothing is known: deltas that come just in time come a few ms too late now and then."""

FIRST_COST = 30.0
"""What each of the others is taken to have cost, so that the first plan holds until something happens."""

PLANS = (
    Plan(40, 40, 0, 0),
    Plan(200, 160, 500, 160),
    Plan(160, 160, 260, 120),
    Plan(80, 40, 100, 60),
    Plan(280, 180, 200, 300),
    Plan(80, 80, 700, 120),
    Plan(80, 40, 250, 400),
    Plan(120, 160, 800, 400),
    Plan(120, 160, 500, 400),
    Plan(160, 260, 500, 600),
    Plan(200, 100, 700, 600),
)


class Delivery:
    """Follows the arrivals of one reply after another; says what plan is in force.

    Args:
        plans: To choose from.
        learned: What each plan has cost so far, as ``learned`` gave it in an earlier session.
    """

    def __init__(self, plans: Sequence[Plan], learned: Sequence[float]) -> None:
        self._shadows = [_Shadow(plan, past) for plan, past in zip(plans, learned, strict=True)]
        self._best = min(self._shadows, key=_cost)
        self._arriving = False
        self._received_ms = 0.0
        self._elapsed_ms = 0.0
        self._lead_ms = 0.0
        self._rest = 0

    @classmethod
    def of(cls, prefill_ms: float, *, adaptive: bool, learned: Sequence[float] | None = None) -> Delivery:
        """Start with a prefill; if *adaptive*, go over to whatever plan suits the provider."""
        first = Plan(prefill_ms, prefill_ms, 0, 0)
        if not adaptive:
            return cls([first], [0.0])
        plans = [replace(first, wait_ms=min(FIRST_WAIT_MS, prefill_ms)), *PLANS]
        if learned is None or len(learned) != len(plans):
            learned = [0.0] + [FIRST_COST] * len(PLANS)
        return cls(plans, learned)

    @property
    def learned(self) -> list[float]:
        """What each plan has cost so far, old replies counting less: to be kept for another session."""
        return [shadow.past for shadow in self._shadows]

    def is_enough(self, queued_ms: float, *, started: bool) -> bool:
        """May a reply start, or go on after a gap, with this much in the queue?"""
        plan = self._best.plan
        if started:
            return queued_ms > 0.0 and queued_ms >= plan.refill_ms
        return queued_ms > 0.0 and queued_ms >= plan.start_ms and self._elapsed_ms >= plan.wait_ms

    def asks_for_slower(self, played_ms: float, queued_ms: float) -> bool:
        """Is there too little in hand to play at full speed?"""
        return self._best.plan.asks_for_slower(self._lead_ms + self._elapsed_ms - played_ms, queued_ms)

    def begin(self) -> None:
        """A new reply begins to arrive."""
        self.close()
        self._arriving = True
        self._received_ms = self._elapsed_ms = self._lead_ms = 0.0
        self._rest = 0
        for shadow in self._shadows:
            shadow.begin()

    def arrive(self, samples: int) -> None:
        """More of the reply is here."""
        self._received_ms += samples * 1000 / REPLY_RATE
        self._lead_ms = max(self._lead_ms, self._received_ms - self._elapsed_ms)

    def pass_time(self, samples: int) -> None:
        """The device has pulled *samples*, of whatever."""
        if not self._arriving:
            return
        self._rest += samples
        while self._rest >= STEP_SAMPLES:
            self._rest -= STEP_SAMPLES
            behind_ms = self._lead_ms + self._elapsed_ms
            for shadow in self._shadows:
                shadow.step(self._received_ms, behind_ms)
            self._elapsed_ms += STEP_MS
        self._best = min(self._shadows, key=_cost)

    def close(self) -> None:
        """All of the reply has arrived, or it has been given up."""
        if self._arriving:
            self._arriving = False
            for shadow in self._shadows:
                shadow.close()
            self._best = min(self._shadows, key=_cost)


def _cost(shadow: _Shadow) -> float:
    return shadow.past + shadow.cost
