"""What a person reads of a link that could not be opened, or that ended."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voice_assistant.core.events import LinkLost
from voice_assistant.dialects.refusals import refusal, refused_listing
from voice_assistant.errors import AuthError, HandshakeError, LinkError

SHOWN = "ws://h/v1/realtime?model=m"


def refused(
    *,
    status: int | None = None,
    code: int | None = None,
    reason: str = "",
    reported: str = "",
    opened: bool = True,
) -> LinkError:
    lost = LinkLost(1.0, 1, opened, status=status, code=code, reason=reason)
    return refusal(lost, reported, shown=SHOWN, model="m")


@pytest.mark.parametrize(
    ("status", "kind", "message", "remedy"),
    [
        (400, AuthError, "refuses the key, or the key may not use 'm' (HTTP 400)", "LITELLM_API_KEY"),
        (401, AuthError, "refuses the key, or the key may not use 'm' (HTTP 401)", "LITELLM_API_KEY"),
        (403, AuthError, "refuses the key, or the key may not use 'm' (HTTP 403)", "LITELLM_API_KEY"),
        (404, LinkError, f"no LiteLLM proxy takes conversations at {SHOWN} (HTTP 404)", "--url"),
        (200, LinkError, f"no LiteLLM proxy takes conversations at {SHOWN} (HTTP 200)", "--url"),
        (429, LinkError, "allows this key no more requests at present (HTTP 429)", "Wait"),
        (502, LinkError, f"the proxy at {SHOWN} fails (HTTP 502)", "log"),
    ],
)
def test_a_refused_handshake(status: int, kind: type[LinkError], message: str, remedy: str) -> None:
    error = refused(status=status, opened=False)

    assert type(error) is kind
    assert message in str(error)
    assert remedy in error.remedy


@pytest.mark.parametrize(
    ("status", "has_key", "kind", "message"),
    [
        (400, True, AuthError, "the proxy refuses the key (HTTP 400)"),
        (401, True, AuthError, "the proxy refuses the key (HTTP 401)"),
        (500, False, AuthError, "the proxy wants a key (HTTP 500)"),
        (500, True, LinkError, f"the proxy at {SHOWN} fails (HTTP 500)"),
        (404, False, LinkError, f"no LiteLLM proxy takes conversations at {SHOWN} (HTTP 404)"),
    ],
)
def test_a_refused_list_of_models_speaks_of_the_key_alone(
    status: int, has_key: bool, kind: type[LinkError], message: str
) -> None:
    error = refused_listing(status, SHOWN, has_key=has_key)

    assert type(error) is kind
    assert str(error) == message


@pytest.mark.parametrize(
    ("reason", "remedy"),
    [
        ("connection refused", "Start the proxy"),
        ("it takes the connection and does not answer", "look at its log"),
        ("its name is not known", "--url or LITELLM_URL"),
        ("its TLS certificate is not trusted", "http://"),
        ("the HTTP proxy of the environment cannot be reached", "NO_PROXY"),
        ("", "Start the proxy"),
    ],
)
def test_nothing_at_the_address(reason: str, remedy: str) -> None:
    error = refused(reason=reason, opened=False)

    assert str(error) == f"nothing answers at {SHOWN}: {reason or 'no connection could be made'}"
    assert remedy in error.remedy


@pytest.mark.parametrize(
    ("code", "reason", "reported", "kind", "message"),
    [
        (1000, "", "old news", LinkError, "the provider ended the session (1000)"),
        (1001, "bye", "", LinkError, "the provider ended the session (1001): bye"),
        (1006, "", "old news", LinkError, f"the connection to {SHOWN} was dropped"),
        (1007, "bad voice", "", HandshakeError, "Gemini refuses the set-up (1007): bad voice"),
        (
            1007,
            "bad voice, cut",
            "upstream websocket closed with code 1007: bad voice, cut here",
            HandshakeError,
            "Gemini refuses the set-up (1007): bad voice, cut here",
        ),
        (1008, "no such model here", "", HandshakeError, "Gemini refuses 'm' (1008): no such model here"),
        (1008, "model m is not found", "", HandshakeError, "the proxy has no model 'm'"),
        (1011, "", "boom", LinkError, "the provider failed (1011): boom"),
        (1011, "", "", LinkError, "the provider failed (1011)"),
        (1013, "later", "", LinkError, "the provider has no room at present (1013): later"),
        (4000, "beta", "", HandshakeError, "the provider no longer speaks the protocol's beta (4000): beta"),
        (None, "", "", LinkError, f"the connection to {SHOWN} was dropped"),
        (1011, "Quota exceeded", "", LinkError, "the provider allows no more at present: Quota exceeded"),
        (
            1011,
            "[Errno 111] Connection refused",
            "",
            LinkError,
            "the proxy does not reach Gemini: [Errno 111] Connection refused",
        ),
        (
            1008,
            "Upstream realtime handshake rejected with HTTP 401",
            "",
            HandshakeError,
            "Gemini refuses the proxy's own key (HTTP 401)",
        ),
    ],
)
def test_an_end(code: int | None, reason: str, reported: str, kind: type[LinkError], message: str) -> None:
    error = refused(code=code, reason=reason, reported=reported)

    assert type(error) is kind
    assert str(error) == message
    assert error.remedy


@pytest.mark.parametrize("secret", ["sk-abc123", "AIzaSyAbc", "Bearer abc", "?key=abc"])
def test_no_key_that_a_server_repeats_is_shown(secret: str) -> None:
    error = refused(code=1011, reason=f"it said {secret}, and failed")

    assert "abc" not in str(error).lower()
    assert str(error).endswith("and failed")


def test_the_key_that_was_sent_is_not_shown_though_it_looks_like_none() -> None:
    lost = LinkLost(1.0, 1, True, code=1007, reason="horse-battery is no key")

    error = refusal(lost, "", shown=SHOWN, model="m", key="horse-battery")

    assert str(error) == "Gemini refuses the set-up (1007): [hidden] is no key"


def test_a_key_too_short_to_be_one_takes_no_words_apart() -> None:
    lost = LinkLost(1.0, 1, True, code=1007, reason="a voice that is not there")

    assert str(refusal(lost, "", shown=SHOWN, model="m", key="is")).endswith("a voice that is not there")


@given(
    code=st.none() | st.integers(1000, 4999),
    status=st.none() | st.integers(100, 599),
    opened=st.booleans(),
    reason=st.text(max_size=600),
    reported=st.text(max_size=600),
)
def test_whatever_a_server_says_it_is_one_short_line_without_control_characters(
    code: int | None, status: int | None, opened: bool, reason: str, reported: str
) -> None:
    error = refused(code=code, status=status, opened=opened, reason=reason, reported=reported)

    assert len(str(error)) < 400
    assert "\n" not in str(error)
    assert "\x1b" not in str(error)
    assert error.remedy
