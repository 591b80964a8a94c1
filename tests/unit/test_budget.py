"""The budget: a session ends with a word when its time or its money is spent."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voice_assistant.core.budget import Budget, LimitSettings, PriceSettings, check_priced, cost_of
from voice_assistant.core.events import Capabilities, Notify, ReplyDone, SessionOpened, Stop, Tick, Usage
from voice_assistant.core.settings import SettingError
from voice_assistant.errors import ConfigError

PRICES = PriceSettings(text_in=0.5, audio_in=3.0, cached_in=0.5, text_out=2.0, audio_out=12.0)
OPENED = SessionOpened(10.0, "m", Capabilities())


def test_without_limits_a_session_never_ends_by_itself() -> None:
    budget = Budget()
    budget.handle(OPENED)

    assert budget.deadline() is None
    assert budget.handle(ReplyDone(11.0, "a", usage=Usage(10**9, 10**9))) == []


def test_when_the_minutes_are_over_it_says_so_and_stops_without_an_error() -> None:
    budget = Budget(LimitSettings(max_minutes=1.5))
    budget.handle(OPENED)
    budget.handle(SessionOpened(50.0, "m", Capabilities()))

    assert budget.deadline() == 100.0
    assert budget.handle(Tick(99.9)) == []
    said, stop = budget.handle(Tick(100.0))

    assert isinstance(said, Notify)
    assert "1.5 minutes" in said.text
    assert stop == Stop()
    assert budget.deadline() is None


def test_when_the_money_is_spent_it_says_so_once() -> None:
    budget = Budget(LimitSettings(max_cost=1.0), PRICES)
    half = Usage(output_tokens=50_000, output_audio_tokens=50_000)

    first = budget.handle(ReplyDone(1.0, "a", usage=half))
    second = budget.handle(ReplyDone(2.0, "b", usage=half))
    third = budget.handle(ReplyDone(3.0, "c", usage=half))

    assert first == []
    assert isinstance(second[0], Notify)
    assert "1.20" in second[0].text
    assert second[1] == Stop()
    assert third == []


def test_each_kind_of_token_has_its_price() -> None:
    prices = PriceSettings(text_in=1, audio_in=10, cached_in=0.1, text_out=100, audio_out=1000)
    usage = Usage(
        input_tokens=5_000_000,
        input_audio_tokens=3_000_000,
        cached_tokens=2_500_000,
        output_tokens=2_000_000,
        output_audio_tokens=1_000_000,
    )

    assert cost_of(usage, prices) == pytest.approx(0 * 1 + 2.5 * 10 + 2.5 * 0.1 + 100 + 1000)


@given(*[st.integers(0, 10**7)] * 5)
def test_a_cost_is_never_negative_and_caching_never_makes_it_dearer(
    given_in: int, made: int, audio_in: int, audio_out: int, cached: int
) -> None:
    without = cost_of(Usage(given_in, made, audio_in, audio_out, 0), PRICES)
    with_cache = cost_of(Usage(given_in, made, audio_in, audio_out, cached), PRICES)

    assert 0 <= with_cache <= without + 1e-9


@pytest.mark.parametrize("wrong", [{"max_minutes": -1.0}, {"max_cost": -0.1}])
def test_a_limit_below_nothing_is_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(SettingError):
        LimitSettings(**wrong)


def test_a_limit_on_the_cost_without_any_price_is_refused_with_what_to_do() -> None:
    with pytest.raises(ConfigError, match=r"\[prices\]") as refused:
        check_priced(LimitSettings(max_cost=1.0), PriceSettings())

    assert "million tokens" in refused.value.remedy


def test_a_limit_on_the_cost_with_a_price_or_none_at_all_is_fine() -> None:
    check_priced(LimitSettings(max_cost=1.0), PriceSettings(audio_out=12.0))
    check_priced(LimitSettings(), PriceSettings())


def test_cached_tokens_whose_price_is_not_known_are_as_dear_as_any() -> None:
    usage = Usage(input_tokens=1_000_000, cached_tokens=400_000)

    assert cost_of(usage, PriceSettings(text_in=2.0)) == 2.0
