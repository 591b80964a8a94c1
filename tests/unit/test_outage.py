"""An outage: the first new try comes at once, the line's return is noticed soon, whatever the dice say."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voice_assistant.core.events import LinkLost
from voice_assistant.core.outage import ASKED_TO_WAIT_S, LONGEST_ASKED_S, SLOWEST_S, Outage

DICE = st.lists(st.floats(0, 1), min_size=1, max_size=50)


def lost(at: float, **how: object) -> LinkLost:
    return LinkLost(at, 1, **({"opened": True, "code": 1006} | how))  # type: ignore[arg-type]


def tries(outage_s: float, dice: list[float]) -> list[float]:
    """When new links are tried, from the loss on, until one succeeds; each failure is known at once."""
    rolls = iter(dice * 1000)
    outage = Outage(lambda: next(rolls))
    at = 0.0
    tried: list[float] = []
    while not tried or tried[-1] < outage_s:
        at += outage.wait_s(lost(at))
        tried.append(at)
    return tried


@given(st.floats(0, 3600), DICE)
def test_the_first_new_try_comes_within_a_quarter_of_a_second(outage_s: float, dice: list[float]) -> None:
    assert tries(outage_s, dice)[0] <= 0.25


@given(st.floats(0, 3), DICE)
def test_the_end_of_a_short_outage_is_noticed_within_half_a_second(
    outage_s: float, dice: list[float]
) -> None:
    assert tries(outage_s, dice)[-1] - outage_s <= 0.5


@given(st.floats(0.5, 3600), DICE)
def test_the_end_of_any_outage_is_noticed_late_by_a_small_share_of_it(
    outage_s: float, dice: list[float]
) -> None:
    late_s = tries(outage_s, dice)[-1] - outage_s

    assert late_s <= max(0.5, 0.15 * outage_s)
    assert late_s <= 1.2 * SLOWEST_S


def test_a_proxy_that_is_down_for_an_hour_is_left_in_peace() -> None:
    assert len(tries(3600, [0.5])) < 350


@pytest.mark.parametrize("dice", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("how", [{"code": 1013}, {"opened": False, "code": None, "status": 429}])
def test_who_has_no_room_for_a_new_link_is_not_asked_at_once(how: dict[str, object], dice: float) -> None:
    assert Outage(lambda: dice).wait_s(lost(0.0, **how)) >= 0.8 * ASKED_TO_WAIT_S


@given(st.floats(0, 1))
def test_a_session_that_had_its_room_is_asked_for_once_at_once_and_then_not_so_soon(dice: float) -> None:
    outage = Outage(lambda: dice)

    assert outage.wait_s(lost(0.0, code=1013), had_session=True) <= 0.25
    assert outage.wait_s(lost(0.2, code=1013), had_session=True) >= 0.8 * ASKED_TO_WAIT_S


@given(st.floats(0, 10_000), st.floats(0, 1))
def test_who_says_when_is_asked_then(asked_s: float, dice: float) -> None:
    wait_s = Outage(lambda: dice).wait_s(lost(0.0, status=503, retry_after_s=asked_s))

    assert wait_s >= min(asked_s, LONGEST_ASKED_S)
    assert wait_s <= max(1.1 * min(asked_s, LONGEST_ASKED_S), 0.25)


def test_before_any_session_lived_each_wait_is_about_twice_the_last() -> None:
    outage, at, waits = Outage(lambda: 0.5), 0.0, list[float]()
    while at < 8:
        waits.append(outage.wait_s(lost(at), is_early=True))
        at += waits[-1]

    assert len(waits) <= 9
    assert all(later >= earlier for earlier, later in pairwise(waits[1:]))


@pytest.mark.parametrize("remembers", [True, False, None])
def test_the_return_is_told_with_what_the_other_end_still_knows(remembers: bool | None) -> None:
    outage = Outage(lambda: 0.5)
    outage.begin(10.0)

    told = outage.end(12.5, resent_ms=2000.0, remembers=remembers)

    assert told is not None
    assert "back after 2.5 s, with 2 s of what you said" in told.text
    assert ("restored" in told.text) is (remembers is True)
    assert ("may not remember" in told.text) is (remembers is False)
