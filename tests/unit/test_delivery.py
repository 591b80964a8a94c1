"""Which plan is in force after which deliveries."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from voice_assistant.core.delivery import PLANS, SLOW_SPEED, URGENT_SPEED, Delivery, Plan

MS = 24
EAGER = Plan(start_ms=40, refill_ms=40, slack_ms=0, level_ms=0)
PATIENT = Plan(start_ms=200, refill_ms=40, slack_ms=0, level_ms=0)
SLOW = Plan(start_ms=40, refill_ms=40, slack_ms=300, level_ms=0)


def deliver(delivery: Delivery, arrivals_ms: Sequence[int], part_ms: int = 100) -> None:
    """A reply of parts of one length, in a time of 10 ms steps; played from its first part."""
    delivery.begin()
    left = list(arrivals_ms)
    now_ms = received = 0
    while left:
        while left and left[0] <= now_ms:
            delivery.arrive(part_ms * MS)
            received += part_ms
            left.pop(0)
        delivery.lets_start(received)
        delivery.pass_time(10 * MS)
        now_ms += 10
    delivery.close()


def steady(parts: int = 50) -> list[int]:
    return [100 * part for part in range(parts)]


def late_once(parts: int = 50, late_ms: int = 150) -> list[int]:
    return [100 * part + (late_ms if part == parts // 2 else 0) for part in range(parts)]


def test_a_provider_at_the_pace_of_speech_is_played_at_once() -> None:
    delivery = Delivery([PATIENT, EAGER], [0.0, 1.0])

    deliver(delivery, steady())
    delivery.begin()

    assert delivery.lets_start(queued_ms=100)


def test_a_provider_that_stalls_is_waited_for() -> None:
    delivery = Delivery([EAGER, PATIENT], [0.0, 1.0])

    deliver(delivery, late_once())
    delivery.begin()

    assert not delivery.lets_start(queued_ms=100)
    assert delivery.lets_start(queued_ms=200)


def test_the_same_reply_is_played_slower_as_soon_as_it_shows_that_it_stalls() -> None:
    delivery = Delivery([EAGER, SLOW], [0.0, 1.0])
    delivery.begin()
    delivery.arrive(100 * MS)
    delivery.lets_start(100)
    before = delivery.speed(played_ms=0, queued_ms=100)

    delivery.pass_time(200 * MS)
    delivery.arrive(200 * MS)
    delivery.pass_time(10 * MS)

    assert before == 1.0
    assert delivery.speed(played_ms=100, queued_ms=200) == SLOW_SPEED


def test_a_burst_is_never_played_slower() -> None:
    delivery = Delivery.of(40, adaptive=True)
    delivery.begin()
    delivery.arrive(30_000 * MS)

    delivery.lets_start(30_000)
    delivery.pass_time(10 * MS)

    assert delivery.speed(played_ms=10, queued_ms=29_990) == 1.0


def test_the_last_of_what_is_buffered_is_played_slowest() -> None:
    plan = Plan(start_ms=40, refill_ms=40, slack_ms=0, level_ms=300)

    assert [plan.speed(0, level, 0) for level in (300, 290, 20)] == [1.0, SLOW_SPEED, URGENT_SPEED]


def test_waiting_for_an_end_that_comes_late_is_not_held_against_a_plan() -> None:
    delivery = Delivery([EAGER, PATIENT], [0.0, 1.0])
    delivery.begin()
    delivery.arrive(500 * MS)
    delivery.lets_start(500)

    delivery.pass_time(3000 * MS)
    delivery.close()

    assert delivery.learned[0] == 0.0


def test_a_gap_that_the_last_part_ends_is_held_against_a_plan() -> None:
    delivery = Delivery([EAGER, PATIENT], [0.0, 1.0])
    delivery.begin()
    delivery.arrive(500 * MS)
    delivery.lets_start(500)

    delivery.pass_time(700 * MS)
    delivery.arrive(100 * MS)
    delivery.close()

    assert delivery.learned[0] > 100.0


def test_what_was_learned_can_be_handed_on_to_another_session() -> None:
    first = Delivery([EAGER, PATIENT], [0.0, 1.0])
    deliver(first, late_once())

    second = Delivery([EAGER, PATIENT], first.learned)
    second.begin()

    assert not second.lets_start(queued_ms=100)


def test_old_stalls_are_forgotten() -> None:
    delivery = Delivery([EAGER, PATIENT], [0.0, 1.0])
    deliver(delivery, late_once())

    for _ in range(100):
        deliver(delivery, steady(10))
    delivery.begin()

    assert delivery.lets_start(queued_ms=100)


@pytest.mark.parametrize(
    "learned", [[], [1.0, 2.0], [float("nan")] * (len(PLANS) + 1), [-1.0] * (len(PLANS) + 1)]
)
def test_what_does_not_fit_the_plans_is_left_aside(learned: list[float]) -> None:
    assert Delivery.of(40, adaptive=True, learned=learned).learned == Delivery.of(40, adaptive=True).learned


def test_without_adapting_there_is_one_plan_and_one_speed() -> None:
    delivery = Delivery.of(60, adaptive=False)
    deliver(delivery, late_once())
    delivery.begin()

    assert not delivery.lets_start(queued_ms=59)
    assert delivery.lets_start(queued_ms=60)
    assert delivery.speed(played_ms=0, queued_ms=1) == 1.0


def test_the_costs_of_a_reply_do_not_depend_on_how_the_device_cuts_its_blocks() -> None:
    whole, cut = (Delivery.of(40, adaptive=True) for _ in range(2))

    for delivery, block in ((whole, 960), (cut, 96)):
        delivery.begin()
        for _ in range(20):
            delivery.arrive(40 * MS)
            delivery.lets_start(1000)
            for _ in range(960 // block):
                delivery.pass_time(block)
        delivery.close()

    assert whole.learned == cut.learned
