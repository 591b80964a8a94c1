"""The doctor in front of a real LiteLLM proxy: what it finds of a good one, a default one, a wrong key."""

from __future__ import annotations

import pytest

from tests.support.gemini_server import GeminiCall, GeminiServer
from tests.support.litellm_proxy import KEY, LIVE_MODEL, LiteLLMProxy
from tests.support.proxy_fixtures import DEAD_MODEL
from voice_assistant.checks import provider
from voice_assistant.checks.finding import Begun, Finding
from voice_assistant.config import Config
from voice_assistant.dialects.base import ProviderSettings

pytestmark = pytest.mark.litellm


async def findings_at(url: str, *, model: str = "", key: str = KEY) -> dict[str, Finding]:
    """Examine a proxy; give what was found, by check."""
    told: list[Finding | Begun] = []
    config = Config(provider=ProviderSettings(name="litellm", url=url, model=model))

    await provider.examine(config, provider.Access(key, "", None), told.append)

    assert key not in repr(told)
    return {one.check: one for one in told if isinstance(one, Finding)}


async def set_up(call: GeminiCall) -> None:
    await call.set_up()
    await call.hung_up()


async def test_a_proxy_that_defers_the_set_up_is_well(
    deferred_proxy: LiteLLMProxy, gemini: GeminiServer
) -> None:
    gemini.play(set_up)

    found = await findings_at(deferred_proxy.url, model=LIVE_MODEL)

    assert {check: one.state for check, one in found.items()} == {
        "provider": "ok",
        "reached": "ok",
        "key accepted": "ok",
        "session": "ok",
        "set-up": "ok",
    }


async def test_a_proxy_as_it_is_by_default_ignores_the_set_up_and_one_line_mends_it(
    eager_proxy: LiteLLMProxy, gemini: GeminiServer
) -> None:
    gemini.play(set_up)

    found = await findings_at(eager_proxy.url, model=LIVE_MODEL)

    assert found["session"].state == "ok"
    assert found["set-up"].state == "warning"
    assert "gemini_live_defer_setup: true" in found["set-up"].remedy


@pytest.mark.parametrize("model", ["", LIVE_MODEL])
async def test_a_key_that_the_proxy_does_not_know_is_found(eager_proxy: LiteLLMProxy, model: str) -> None:
    found = await findings_at(eager_proxy.url, model=model, key="sk-somebody-elses")

    assert found["reached"].state == "ok"
    assert found["key accepted"].state == "failed"
    assert "LITELLM_API_KEY" in found["key accepted"].remedy


async def test_a_proxy_whose_upstream_is_dead_opens_no_session(eager_proxy: LiteLLMProxy) -> None:
    found = await findings_at(eager_proxy.url, model=DEAD_MODEL)

    assert found["reached"].state == "ok"
    assert found["session"].state == "failed"
    assert found["session"].exit_code == 4
    assert found["session"].remedy
