"""How a real LiteLLM proxy refuses, fails and ends; and what a person reads of it."""

from __future__ import annotations

import aiohttp
import pytest

from tests.support.dialect_client import DialectClient
from tests.support.gemini_server import GeminiCall, GeminiServer
from tests.support.litellm_proxy import KEY, LIVE_MODEL, LiteLLMProxy
from tests.support.proxy_fixtures import DEAD_MODEL
from tests.support.scripted_server import Refuse
from voice_assistant.core.events import ReplyAudio, ReplyDone, ServerError, SessionOpened
from voice_assistant.dialects.base import ProviderSettings
from voice_assistant.dialects.litellm import LiteLLM
from voice_assistant.dialects.proxy import choose_model, models_url
from voice_assistant.dialects.refusals import refusal, refused_listing
from voice_assistant.errors import AuthError, ConfigError, HandshakeError, LinkError

pytestmark = pytest.mark.litellm

SOUND = bytes(range(256)) * 20


def client(url: str, *, model: str = LIVE_MODEL, key: str = KEY, voice: str = "Puck") -> DialectClient:
    """Make a client of a proxy."""
    return DialectClient(LiteLLM(ProviderSettings(url=url, model=model, voice=voice), key))


def read_by_a_person(talk: DialectClient, model: str = LIVE_MODEL) -> LinkError:
    """Make the error that the program would show."""
    assert talk.lost is not None
    reported = talk.all(ServerError)
    return refusal(talk.lost, reported[-1].message if reported else "", shown="the proxy", model=model)


@pytest.mark.parametrize("key", ["sk-wrong", ""])
async def test_a_key_that_the_proxy_does_not_know_is_refused_with_403(
    eager_proxy: LiteLLMProxy, key: str
) -> None:
    async with client(eager_proxy.url, key=key) as talk:
        error = read_by_a_person(talk)

    assert talk.lost is not None
    assert talk.lost.status == 403
    assert isinstance(error, AuthError)
    assert "LITELLM_API_KEY" in error.remedy


async def test_an_unknown_model_is_named(proxy: LiteLLMProxy) -> None:
    async with client(proxy.url, model="no-such-model") as talk:
        lost = await talk.ended()
        error = read_by_a_person(talk, "no-such-model")

    assert lost.code == 1011
    assert [event.code for event in talk.all(ServerError)] == ["unknown_model"]
    assert isinstance(error, HandshakeError)
    assert str(error) == "the proxy has no model 'no-such-model'"


async def test_a_dead_upstream_is_the_proxys_affair(eager_proxy: LiteLLMProxy) -> None:
    async with client(eager_proxy.url, model=DEAD_MODEL) as talk:
        lost = await talk.ended()
        error = read_by_a_person(talk, DEAD_MODEL)

    assert lost.code == 1011
    assert not talk.all(SessionOpened)
    assert str(error).startswith("the proxy does not reach Gemini: ")
    assert "proxy's log" in error.remedy


@pytest.mark.parametrize(
    ("status", "code", "kind", "words"),
    [
        (403, 1008, HandshakeError, "Gemini refuses the proxy's own key (HTTP 403)"),
        (429, 1013, LinkError, "Gemini allows the proxy no more sessions at present (HTTP 429)"),
        (500, 1011, LinkError, "Gemini refuses the proxy (HTTP 500)"),
    ],
)
async def test_a_refusal_upstream_is_told_from_one_by_the_proxy(
    eager_proxy: LiteLLMProxy, gemini: GeminiServer, status: int, code: int, kind: type[LinkError], words: str
) -> None:
    gemini.play(Refuse(status))

    async with client(eager_proxy.url) as talk:
        lost = await talk.ended()
        error = read_by_a_person(talk)

    assert lost.code == code
    assert [event.code for event in talk.all(ServerError)] == [f"upstream_refused_{status}"]
    assert type(error) is kind
    assert str(error) == words


async def test_a_refused_set_up_names_what_gemini_says_of_it(
    deferred_proxy: LiteLLMProxy, gemini: GeminiServer
) -> None:
    async def script(call: GeminiCall) -> None:
        await call.until(lambda: call.setup is not None)
        await call.close(1007, "Voice 'Bob' is not available for model models/gemini-live")

    gemini.play(script)
    async with client(deferred_proxy.url, voice="Bob") as talk:
        await talk.set_up()
        lost = await talk.ended()
        error = read_by_a_person(talk)

    assert lost.code == 1007
    assert [event.code for event in talk.all(ServerError)] == ["upstream_closed_1007"]
    assert isinstance(error, HandshakeError)
    assert str(error) == (
        "Gemini refuses the set-up (1007): Voice 'Bob' is not available for model models/gemini-live"
    )


@pytest.mark.parametrize(
    ("code", "reason", "errors", "words"),
    [
        (1000, "", [], "the provider ended the session (1000)"),
        (1007, "bad", ["upstream_closed_1007"], "Gemini refuses the set-up (1007): bad"),
        (1008, "no", ["upstream_closed_1008"], "Gemini refuses 'gemini-live' (1008): no"),
        (1011, "Internal error", ["upstream_closed_1011"], "the provider failed (1011): Internal error"),
        (
            1011,
            "You exceeded your current quota",
            ["upstream_closed_1011"],
            "the provider allows no more at present: You exceeded your current quota",
        ),
    ],
)
async def test_an_end_in_mid_reply_keeps_what_was_said_and_says_why(
    eager_proxy: LiteLLMProxy, gemini: GeminiServer, code: int, reason: str, errors: list[str], words: str
) -> None:
    async def script(call: GeminiCall) -> None:
        await call.set_up()
        await call.stream_end()
        await call.says(SOUND)
        await call.close(code, reason)

    gemini.play(script)
    async with client(eager_proxy.url) as talk:
        await talk.set_up()
        await talk.speak(1, SOUND)
        lost = await talk.ended()
        error = read_by_a_person(talk)

    assert (lost.code, lost.opened) == (code, True)
    assert b"".join(event.pcm for event in talk.all(ReplyAudio)) == SOUND
    assert not talk.all(ReplyDone)
    assert [event.code for event in talk.all(ServerError)] == errors
    assert str(error) == words


async def test_a_connection_that_gemini_tears_is_an_error_of_the_provider(
    eager_proxy: LiteLLMProxy, gemini: GeminiServer
) -> None:
    async def script(call: GeminiCall) -> None:
        await call.set_up()
        call.drop()

    gemini.play(script)
    async with client(eager_proxy.url) as talk:
        await talk.set_up()
        lost = await talk.ended()
        error = read_by_a_person(talk)

    assert lost.code == 1011
    assert [event.code for event in talk.all(ServerError)] == ["upstream_closed_1006"]
    assert str(error).startswith("the provider failed (1011)")


async def test_the_only_realtime_model_of_the_list_is_chosen_and_several_are_named(
    eager_proxy: LiteLLMProxy,
) -> None:
    async with (
        aiohttp.ClientSession(headers={"Authorization": f"Bearer {KEY}"}) as http,
        http.get(models_url(eager_proxy.url)) as answer,
    ):
        listing = await answer.json()

    with pytest.raises(ConfigError, match=f"{DEAD_MODEL}, {LIVE_MODEL}$"):
        choose_model(listing)
    listing["data"] = [entry for entry in listing["data"] if entry["id"] != DEAD_MODEL]
    assert len(listing["data"]) == 2
    assert choose_model(listing) == LIVE_MODEL


@pytest.mark.parametrize("key", ["sk-wrong", "wrong", ""])
async def test_without_the_right_key_there_is_no_list(eager_proxy: LiteLLMProxy, key: str) -> None:
    async with (
        aiohttp.ClientSession(headers={"Authorization": f"Bearer {key}"} if key else {}) as http,
        http.get(models_url(eager_proxy.url)) as answer,
    ):
        error = refused_listing(answer.status, "the proxy", has_key=bool(key))

    assert isinstance(error, AuthError)
