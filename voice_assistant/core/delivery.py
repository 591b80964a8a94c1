"""Delivery: what is learned of how a provider's replies arrive, and the plan for playing the next one.

Some providers send far ahead of time, some at the pace of speech, some late and in bursts. A plan says when
to start a reply and when to play it slower. To find out which plan suits this provider, every plan is tried
on every reply at once, by a shadow: a player without sound that follows its plan, hears of the same arrivals
and is charged for what a listener would mind. The plan of the shadow that has cost the least is in force:
when a reply starts, by the replies before it; from then on, from moment to moment, by this one too. Old
replies are slowly forgotten.

There is no clock: time is the number of samples pulled, and the device never stops pulling. What is played
is the jitter buffer's business (``jitter.py``).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf

from voice_assistant.core.audio import REPLY_RATE

STEP_MS = 10
STEP_SAMPLES = REPLY_RATE * STEP_MS // 1000

SLOW_SPEED = 0.8
"""Of a reply that is drawn out: media time over time."""

URGENT_SPEED = 0.6
URGENT_MS = 120.0
"""The last of what is buffered lasts longer still: a vowel held for a moment is better than a gap."""

WAIT_COST = 1.0
"""Per ms before the first sound."""
GAP_COST = 2.0
"""Per ms of a gap inside a reply."""
GAPS_COST = 1000.0
"""Per gap, however short."""
STRETCH_COST = 0.25
"""Per ms added by playing slower."""
MEMORY = 0.97
"""Weight that a reply keeps when the next one is over."""


@dataclass(frozen=True, slots=True)
class Plan:
    """When to start, and when to play slower; milliseconds of sound.

    Args:
        start_ms: Buffered before a reply starts.
        refill_ms: Buffered before it goes on after a gap.
        slack_ms: Played slower while it runs less than this behind the earliest arrivals of the reply.
        level_ms: Played slower while less than this is buffered.
        lead_in_ms: Silence before the first sample: by so much may every part come too late.
        per_late: Played slower, too, while it runs less than this many times the worst lateness of the reply
            behind its earliest arrivals: for a plan that knows nothing else.
    """

    start_ms: float
    refill_ms: float
    slack_ms: float
    level_ms: float
    lead_in_ms: float = 0.0
    per_late: float = 0.0

    def speed(self, slack_ms: float, level_ms: float, late_ms: float) -> float:
        """Media time over time: less than 1 while there is too little in hand."""
        if slack_ms >= max(self.slack_ms, self.per_late * late_ms) and level_ms >= self.level_ms:
            return 1.0
        return SLOW_SPEED if level_ms >= URGENT_MS else URGENT_SPEED


@dataclass(slots=True, eq=False)
class _Shadow:
    """One plan, played without sound."""

    plan: Plan
    past: float = 0.0
    cost: float = 0.0
    _played_ms: float = 0.0
    _missing_ms: float = 0.0
    _gap_ms: float = 0.0
    _waiting: bool = True

    def begin(self) -> None:
        self.cost = self._played_ms = self._gap_ms = 0.0
        self._missing_ms = self.plan.start_ms
        self._waiting = True

    def step(self, received_ms: float, behind_ms: float, late_ms: float) -> None:
        """Play for 10 ms; *behind_ms* is how late it would be had nothing been played yet."""
        level_ms = received_ms - self._played_ms
        if self._waiting:
            if level_ms < self._missing_ms:
                if self._played_ms:
                    self._gap_ms += STEP_MS
                else:
                    self.cost += STEP_MS * WAIT_COST
                return
            self._waiting = False
            self._charge_gap()
            if not self._played_ms:
                self._played_ms = -self.plan.lead_in_ms
                level_ms += self.plan.lead_in_ms
                self.cost += self.plan.lead_in_ms * WAIT_COST
        if level_ms < STEP_MS:
            self._waiting = True
            self._missing_ms = max(self.plan.refill_ms, STEP_MS)
            self._gap_ms = STEP_MS
        else:
            speed = self.plan.speed(behind_ms - self._played_ms, level_ms, late_ms)
            self._played_ms += STEP_MS * speed
            self.cost += STEP_MS * (1.0 - speed) * STRETCH_COST

    def close(self, received_ms: float) -> None:
        """Forget a little of the past, and count this reply to it."""
        if received_ms - self._played_ms >= STEP_MS:
            self._charge_gap()
        self.past = self.past * MEMORY + self.cost
        self.cost = 0.0

    def _charge_gap(self) -> None:
        # Only when more has come, for a gap after which nothing comes was none.
        if self._gap_ms:
            self.cost += GAPS_COST + self._gap_ms * GAP_COST
            self._gap_ms = 0.0


FIRST_LEAD_IN_MS = 10.0
"""Deltas that come just in time come a few ms too late now and then, and so do the device's calls.

On a virtual sound card beside busy processes a steady reply was harmed in two of three runs with 5 ms, in
none of three with 10.
"""

FIRST_PER_LATE = 16.0
"""The first deltas show soon enough how late the next may be: after 40 ms, slack for a stall of 300."""

TOLERATED_MS = 14.0
"""Lateness that a steady delivery shows, too: a block and a half of the device, which is the clock here."""

FIRST_REFILL_MS = 80.0

FIRST_COST = 30.0
"""Enough for the first plan to hold until something happens."""
FIRST_COST_OF_LITTLE = 100.0
"""For a plan that buffers little: when something has happened, more is tried first."""

PLANS = (
    (Plan(160, 40, 0, 0), FIRST_COST_OF_LITTLE),
    (Plan(80, 60, 100, 60), FIRST_COST_OF_LITTLE),
    (Plan(160, 100, 260, 220), FIRST_COST),
    (Plan(160, 80, 700, 400), FIRST_COST),
    (Plan(160, 120, 400, 420), FIRST_COST),
    (Plan(200, 160, 500, 160), FIRST_COST),
    (Plan(260, 160, 700, 500), FIRST_COST),
    (Plan(280, 80, 200, 400), FIRST_COST),
    (Plan(280, 120, 400, 300), FIRST_COST),
    (Plan(360, 100, 800, 500), FIRST_COST),
    (Plan(360, 40, 300, 400), FIRST_COST),
)
"""What to choose from, besides the first plan, and what each is taken to have cost before anything is known.

Found by a random search over made deliveries of nine kinds, for the lowest ratio of ``benchmarks.playout``
at half an underrun a minute: together they hold a plan for each kind that is near the best for it.
"""


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
        self._started = False
        self._received_ms = 0.0
        self._elapsed_ms = 0.0
        self._lead_ms = 0.0
        self._late_ms = 0.0
        self._rest = 0

    @classmethod
    def of(cls, prefill_ms: float, *, adaptive: bool, learned: Sequence[float] | None = None) -> Delivery:
        """Start with a prefill; if *adaptive*, go over to whatever plan suits the provider.

        What was *learned* of other plans, by an older program, or is no list of costs, is left aside.
        """
        if not adaptive:
            return cls([Plan(prefill_ms, prefill_ms, 0, 0)], [0.0])
        first = Plan(
            prefill_ms,
            max(prefill_ms, FIRST_REFILL_MS),
            slack_ms=0,
            level_ms=0,
            lead_in_ms=FIRST_LEAD_IN_MS,
            per_late=FIRST_PER_LATE,
        )
        plans = [first, *(plan for plan, _ in PLANS)]
        if learned is None or len(learned) != len(plans) or not all(0.0 <= cost < inf for cost in learned):
            learned = [0.0, *(cost for _, cost in PLANS)]
        return cls(plans, learned)

    @property
    def learned(self) -> list[float]:
        """What each plan has cost so far, old replies counting less: to be kept for another session."""
        return [shadow.past for shadow in self._shadows]

    def lets_start(self, queued_ms: float) -> bool:
        """May the reply start with this much in the queue? It then counts as started."""
        plan = self._best.plan
        enough = queued_ms > 0.0 and queued_ms >= plan.start_ms
        self._started = self._started or enough
        return enough

    @property
    def lead_in_ms(self) -> float:
        """Silence to be played before the first sample of the reply."""
        return self._best.plan.lead_in_ms

    def lets_go_on(self, queued_ms: float) -> bool:
        """May the reply go on after a gap?"""
        return queued_ms > 0.0 and queued_ms >= self._best.plan.refill_ms

    def speed(self, played_ms: float, queued_ms: float) -> float:
        """At what speed to play on; 1 where there is enough in hand."""
        slack_ms = self._lead_ms + self._elapsed_ms - played_ms
        return self._best.plan.speed(slack_ms, queued_ms, self._late_ms)

    def begin(self) -> None:
        """A new reply begins to arrive."""
        self.close()
        self._arriving = True
        self._started = False
        self._received_ms = self._elapsed_ms = self._lead_ms = self._late_ms = 0.0
        self._rest = 0
        for shadow in self._shadows:
            shadow.begin()

    def arrive(self, samples: int) -> None:
        """More of the reply is here."""
        self._received_ms += samples * 1000 / REPLY_RATE
        lead_ms = self._received_ms - self._elapsed_ms
        self._lead_ms = max(self._lead_ms, lead_ms)
        self._late_ms = max(self._late_ms, self._lead_ms - lead_ms - TOLERATED_MS)

    def pass_time(self, samples: int) -> None:
        """The device has pulled *samples*, of whatever."""
        if not self._arriving:
            return
        self._rest += samples
        while self._rest >= STEP_SAMPLES:
            self._rest -= STEP_SAMPLES
            behind_ms = self._lead_ms + self._elapsed_ms
            for shadow in self._shadows:
                shadow.step(self._received_ms, behind_ms, self._late_ms)
            self._elapsed_ms += STEP_MS
        if self._started:
            self._best = min(self._shadows, key=_cost)

    def close(self) -> None:
        """All of the reply has arrived, or it has been given up."""
        if self._arriving:
            self._arriving = False
            for shadow in self._shadows:
                shadow.close(self._received_ms)
            self._best = min(self._shadows, key=_cost)


def _cost(shadow: _Shadow) -> float:
    return shadow.past + shadow.cost
