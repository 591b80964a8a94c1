"""Where the proxy is, and which model is taken."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voice_assistant.core.settings import SettingError
from voice_assistant.dialects.base import ProviderSettings
from voice_assistant.dialects.proxy import choose_model, models_url, realtime_url, shown_url
from voice_assistant.errors import ConfigError


@pytest.mark.parametrize(
    ("base", "realtime", "models"),
    [
        ("http://h:4000", "ws://h:4000/v1/realtime?model=m", "http://h:4000/v1/models"),
        (" http://h:4000/ ", "ws://h:4000/v1/realtime?model=m", "http://h:4000/v1/models"),
        ("https://h", "wss://h/v1/realtime?model=m", "https://h/v1/models"),
        ("HTTPS://h", "wss://h/v1/realtime?model=m", "https://h/v1/models"),
        ("ws://h/v1", "ws://h/v1/realtime?model=m", "http://h/v1/models"),
        ("wss://h/v1/realtime", "wss://h/v1/realtime?model=m", "https://h/v1/models"),
        ("wss://h/v1/realtime/", "wss://h/v1/realtime?model=m", "https://h/v1/models"),
        ("http://h/realtime", "ws://h/v1/realtime?model=m", "http://h/v1/models"),
        ("http://h/openai/v1/realtime", "ws://h/openai/v1/realtime?model=m", "http://h/v1/models"),
        ("http://h/litellm", "ws://h/litellm/v1/realtime?model=m", "http://h/litellm/v1/models"),
        ("ws://h/v1/realtime?model=old&a=b", "ws://h/v1/realtime?a=b&model=m", "http://h/v1/models"),
        ("http://[::1]:4000", "ws://[::1]:4000/v1/realtime?model=m", "http://[::1]:4000/v1/models"),
    ],
)
def test_an_address_may_be_written_in_many_ways(base: str, realtime: str, models: str) -> None:
    assert realtime_url(base, "m") == realtime
    assert models_url(base) == models


def test_a_models_name_is_quoted() -> None:
    assert realtime_url("http://h", "gemini/live 2&x").endswith("?model=gemini%2Flive%202%26x")


@pytest.mark.parametrize(
    "base",
    [
        "",
        "localhost:4000",
        "h",
        "ftp://h",
        "http://",
        "http://h:x",
        "http://h:99999",
        "http://a b",
        "http://[",
    ],
)
def test_nonsense_is_no_address(base: str) -> None:
    with pytest.raises(ConfigError, match="is not the address of a proxy") as refused:
        realtime_url(base, "m")

    assert "http://localhost:4000" in refused.value.remedy


@given(st.text())
def test_an_address_is_refused_or_becomes_one(base: str) -> None:
    try:
        url = realtime_url(base, "m")
    except ConfigError:
        return
    assert url.startswith(("ws://", "wss://"))


def test_a_key_in_the_address_is_refused_and_not_shown() -> None:
    with pytest.raises(ConfigError) as refused:
        realtime_url("http://user:sk-secret@h", "m")

    assert "sk-secret" not in str(refused.value) + refused.value.remedy


def test_a_key_in_the_query_is_not_shown() -> None:
    assert shown_url("ws://h/v1/realtime?api_key=sk-secret&model=m") == "ws://h/v1/realtime?model=m"


def test_no_model_is_an_error_with_a_remedy() -> None:
    with pytest.raises(ConfigError, match="no model is named"):
        realtime_url("http://h", "")


def listing(**modes: str | None) -> dict[str, object]:
    """Make a list as the proxy does; it leaves out the mode of a model that it does not know."""
    return {"data": [{"id": name} | ({"mode": mode} if mode else {}) for name, mode in modes.items()]}


@pytest.mark.parametrize(
    "offered",
    [
        listing(chosen="realtime"),
        listing(chosen="realtime", other="chat", live="audio_transcription"),
        listing(chosen="realtime", custom_live=None),
        {"data": [{"id": "my-live-model"}, {"id": "gpt-4"}, {"id": 3}, "nonsense", {"id": ""}]},
        listing(chosen=None),
    ],
)
def test_the_only_realtime_model_is_chosen(offered: dict[str, object]) -> None:
    assert choose_model(offered) in ("chosen", "my-live-model")


@pytest.mark.parametrize(
    ("offered", "message"),
    [
        (listing(b="realtime", a="realtime", c="chat"), "several realtime models: a, b$"),
        (listing(a=None, b=None), "several realtime models: a, b$"),
        (listing(a="chat"), "no realtime model"),
        ({"data": []}, "no realtime model"),
        ({"data": {}}, "cannot be read"),
        ([], "cannot be read"),
        (None, "cannot be read"),
        (listing(**{"a\x1b[31m": "realtime", "b": "realtime"}), "several realtime models: a, b$"),
        (listing(**{f"m{n:02}": "realtime" for n in range(25)}), "m19 and 5 more$"),
    ],
)
def test_without_one_to_take_those_to_choose_from_are_listed(offered: object, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        choose_model(offered)


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("name", "other"),
        ("end_of_turn", "stop"),
        ("silence_duration_ms", 10),
        ("silence_duration_ms", 60_000),
        ("prefix_padding_ms", -1),
    ],
)
def test_a_setting_outside_its_limits_is_refused(setting: str, value: Any) -> None:
    with pytest.raises(SettingError, match=setting):
        ProviderSettings(**{setting: value})
