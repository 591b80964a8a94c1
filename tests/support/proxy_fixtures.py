"""Fixtures: one scripted Gemini Live and, in front of it, a real LiteLLM proxy of either kind, for all tests.

A proxy takes its upstream's address at its start and starts slowly, so they live as long as the test run;
each test gives the scripted Gemini its own script.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.gemini_server import GeminiServer
from tests.support.litellm_proxy import LIVE_MODEL, LiteLLMProxy, free_port, gemini_at, litellm_executable

DEAD_MODEL = "gemini-dead"
"""A model whose upstream nobody answers at."""


@pytest.fixture(scope="session")
def shared_gemini() -> Iterator[GeminiServer]:
    """The scripted Gemini Live behind the proxies; tests take ``gemini``."""
    with GeminiServer() as server:
        yield server


@pytest.fixture
def gemini(shared_gemini: GeminiServer) -> Iterator[GeminiServer]:
    """The scripted Gemini Live behind the proxies, with no script yet."""
    shared_gemini.play()
    yield shared_gemini
    shared_gemini.check()


def _proxy(
    gemini: GeminiServer, folders: pytest.TempPathFactory, *, deferred: bool
) -> Iterator[LiteLLMProxy]:
    executable = litellm_executable()
    if executable is None:
        pytest.skip("no LiteLLM proxy: VOICE_ASSISTANT_LITELLM does not name its executable")
    models = {
        LIVE_MODEL: gemini_at(gemini.url),
        DEAD_MODEL: gemini_at(f"http://127.0.0.1:{free_port()}"),
        "chat": {"model": "gemini/gemini-2.5-flash", "api_key": "unused"},
    }
    with LiteLLMProxy(executable, folders.mktemp("litellm"), models, deferred=deferred) as proxy:
        yield proxy


@pytest.fixture(scope="session")
def eager_proxy(
    shared_gemini: GeminiServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[LiteLLMProxy]:
    """A proxy as it is by default: it sets Gemini up by itself and ignores what the client wants."""
    yield from _proxy(shared_gemini, tmp_path_factory, deferred=False)


@pytest.fixture(scope="session")
def deferred_proxy(
    shared_gemini: GeminiServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[LiteLLMProxy]:
    """A proxy that lets the client set Gemini up."""
    yield from _proxy(shared_gemini, tmp_path_factory, deferred=True)


@pytest.fixture(params=["eager", "deferred"])
def proxy(request: pytest.FixtureRequest) -> LiteLLMProxy:
    """Each kind of proxy in turn."""
    found: LiteLLMProxy = request.getfixturevalue(f"{request.param}_proxy")
    return found
