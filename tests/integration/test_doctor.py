"""The doctor and providers of all kinds, over real sockets: what is found, and with which remedy."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator

import pytest

from tests.support.model_list import ListingServer
from tests.support.realtime_server import RealtimeCall, RealtimeServer
from tests.support.scripted_server import Refuse
from voice_assistant.checks import provider
from voice_assistant.checks.finding import Begun, Finding
from voice_assistant.config import Config
from voice_assistant.dialects.base import ProviderSettings

KEY = "sk-not-for-others"


@pytest.fixture
def server() -> Iterator[RealtimeServer]:
    with RealtimeServer() as running:
        yield running


async def findings_at(url: str, *, model: str = "gemini-live", key: str = KEY) -> dict[str, Finding]:
    """Examine a proxy; give what was found, by check."""
    told: list[Finding | Begun] = []
    config = Config(provider=ProviderSettings(name="litellm", url=url, model=model))

    await provider.examine(config, provider.Access(key, "", None), told.append)

    assert KEY not in repr(told)
    return {one.check: one for one in told if isinstance(one, Finding)}


def states(found: dict[str, Finding]) -> dict[str, str]:
    return {check: one.state for check, one in found.items()}


async def opens(call: RealtimeCall) -> None:
    await call.set_up("deferred")
    await call.hung_up()


async def test_a_proxy_that_takes_everything_is_well(server: RealtimeServer) -> None:
    server.play(opens)

    found = await findings_at(server.url)

    assert states(found) == {
        "provider": "ok",
        "reached": "ok",
        "key accepted": "ok",
        "session": "ok",
        "set-up": "ok",
    }
    assert found["provider"].details["address"] == server.url


async def test_nothing_is_said_to_the_provider_and_it_is_left_in_good_order(server: RealtimeServer) -> None:
    server.play(opens)

    await findings_at(server.url)

    call = server.call()
    await asyncio.to_thread(server.wait, lambda: call.is_over)
    assert [message.body["type"] for message in call.messages] == ["session.update"]
    assert call.close_code == 1000


async def test_a_set_up_that_is_ignored_is_told_with_what_mends_it(server: RealtimeServer) -> None:
    async def ignores(call: RealtimeCall) -> None:
        await call.set_up("eager")
        await call.hung_up()

    server.play(ignores)

    found = await findings_at(server.url)

    assert found["set-up"].state == "warning"
    assert "gemini_live_defer_setup: true" in found["set-up"].remedy


async def test_a_refused_key_is_told_as_that(server: RealtimeServer) -> None:
    server.play(Refuse(403))

    found = await findings_at(server.url)

    assert states(found) == {"provider": "ok", "reached": "ok", "key accepted": "failed"}
    assert found["key accepted"].exit_code == 4
    assert "LITELLM_API_KEY" in found["key accepted"].remedy


async def test_a_refused_set_up_is_told_as_that(server: RealtimeServer) -> None:
    async def refuses(call: RealtimeCall) -> None:
        await call.set_up("eager")
        await call.close(1007, "Unsupported voice")

    server.play(refuses)

    found = await findings_at(server.url)

    assert found["set-up"].state == "failed"
    assert "Unsupported voice" in found["set-up"].text
    assert found["set-up"].exit_code == 4


async def test_a_session_that_never_opens_is_waited_for_no_longer_than_allowed(
    server: RealtimeServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def silent(call: RealtimeCall) -> None:
        await call.hung_up()

    monkeypatch.setattr(provider, "LIMIT_S", 0.5)
    server.play(silent)

    found = await findings_at(server.url)

    assert found["session"].state == "failed"
    assert found["session"].exit_code == 4
    assert found["session"].remedy


async def test_nobody_at_the_address_is_told_with_the_address() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}"

    found = await findings_at(url)

    assert states(found) == {"provider": "ok", "reached": "failed"}
    assert url in found["reached"].text


async def test_a_proxy_with_several_models_is_asked_to_be_told_which() -> None:
    with ListingServer(one="realtime", two="realtime") as server:
        found = await findings_at(server.url, model="")

    assert found["provider"].state == "failed"
    assert "one, two" in found["provider"].text
    assert "--model" in found["provider"].remedy


async def test_the_offline_assistant_is_examined_with_its_recogniser_and_its_voice() -> None:
    told: list[Finding | Begun] = []
    await provider.examine(Config(), provider.Access("", "", None), told.append)

    found = [(one.check, one.state) for one in told if isinstance(one, Finding)]
    checks = ("provider", "recogniser", "voice", "reached", "session", "set-up")
    assert found == [(check, "ok") for check in checks]
