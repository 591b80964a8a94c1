"""Where a LiteLLM proxy is, and which of its models can hold a conversation.

Addresses come from people: with or without a path, for the web or for a websocket. What the proxy answers to
an ordinary request is read here; the request itself is the program's (``app.py``).
"""

from __future__ import annotations

import re
from urllib.parse import SplitResult, parse_qsl, quote, urlencode, urlsplit

from voice_assistant.core.plain_text import neutralise
from voice_assistant.errors import ConfigError

LISTED = 20
"""How many models are named to choose from."""

_REMEDY = "Write the proxy's address as in http://localhost:4000, in LITELLM_URL or under [provider] url."
_NAME_ONE = "Name one with --model, or under [provider] model."
_SPOKEN = re.compile(r"live|realtime|native-audio", re.IGNORECASE)
_WEB = {"http": "http", "https": "https", "ws": "http", "wss": "https"}
_SOCKET = {"http": "ws", "https": "wss", "ws": "ws", "wss": "wss"}


def realtime_url(base: str, model: str) -> str:
    """Make the websocket's address of the proxy's: ``ws(s)://host/v1/realtime?model=...``.

    Args:
        base: ``http(s)://`` or ``ws(s)://``; bare, or ending in ``/v1`` or ``/v1/realtime``; a query is kept.
        model: Its name in the proxy's list.

    Raises:
        ConfigError: *base* is no such address, or *model* is empty.
    """
    parts = _split(base)
    if not model:
        raise ConfigError(
            "no model is named",
            remedy="Give --model, or write one of the proxy's realtime models under [provider] model.",
        )
    query = [(name, value) for name, value in parse_qsl(parts.query) if name != "model"]
    query.append(("model", model))
    path = f"{_root(parts.path)}/realtime"
    return parts._replace(
        scheme=_SOCKET[parts.scheme], path=path, query=urlencode(query, quote_via=quote)
    ).geturl()


def models_url(base: str) -> str:
    """Make the address of the proxy's list of models: ``http(s)://host/v1/models``.

    Raises:
        ConfigError: *base* is no address of a proxy.
    """
    parts = _split(base)
    # The proxy takes conversations below /openai/v1 too, but lists nothing there.
    root = _root(parts.path).removesuffix("/v1").removesuffix("/openai")
    return parts._replace(scheme=_WEB[parts.scheme], path=f"{root}/v1/models", query="").geturl()


def choose_model(listing: object) -> str:
    """Choose the only model that can hold a conversation.

    Args:
        listing: The JSON document at ``models_url``.

    Raises:
        ConfigError: There is none, or more than one to choose from, or *listing* is no list of models.
    """
    match realtime_models(listing):
        case [only]:
            return only
        case []:
            raise ConfigError(
                "the proxy offers no realtime model",
                remedy="Add one to the proxy's model_list, such as gemini/gemini-3.8-live.",
            )
        case able:
            names = ", ".join(neutralise(name) for name in able[:LISTED])
            more = f" and {len(able) - LISTED} more" if len(able) > LISTED else ""
            raise ConfigError(f"the proxy offers several realtime models: {names}{more}", remedy=_NAME_ONE)


def realtime_models(listing: object) -> list[str]:
    """List the models that can hold a conversation, by name.

    The proxy says what a model is for (``mode``) where its price map knows the model; an older proxy says it
    of none. So a name that tells counts where nothing else is known.

    Args:
        listing: The JSON document at ``models_url``.

    Raises:
        ConfigError: *listing* is no list of models.
    """
    entries = listing.get("data") if isinstance(listing, dict) else None
    if not isinstance(entries, list):
        raise ConfigError("the proxy's list of models cannot be read", remedy=_NAME_ONE)
    modes: dict[str, object] = {
        entry["id"]: entry.get("mode")
        for entry in entries
        if isinstance(entry, dict) and isinstance(entry.get("id"), str) and entry["id"]
    }
    realtime = [name for name, mode in modes.items() if mode == "realtime"]
    unknown = [name for name, mode in modes.items() if not isinstance(mode, str)]
    return sorted(realtime or [name for name in unknown if _SPOKEN.search(name)] or unknown)


def shown_url(url: str) -> str:
    """Make an address fit to be shown: without its query but for the model, where a key may have been put."""
    parts = urlsplit(url)
    model = [(name, value) for name, value in parse_qsl(parts.query) if name == "model"]
    return parts._replace(
        netloc=parts.netloc.rpartition("@")[2], query=urlencode(model, quote_via=quote)
    ).geturl()


def _split(base: str) -> SplitResult:
    base = base.strip()
    try:
        parts = urlsplit(base)
        is_address = parts.scheme in _WEB and bool(parts.hostname) and parts.port != 0
    except ValueError:
        is_address = False
    if not is_address or any(character.isspace() or not character.isprintable() for character in base):
        raise ConfigError(f"{base[:80]!r} is not the address of a proxy", remedy=_REMEDY)
    if "@" in parts.netloc:
        raise ConfigError(
            f"the proxy's address holds a name or a key before {parts.netloc.rpartition('@')[2]!r}",
            remedy="Leave it out of the address and put the key into LITELLM_API_KEY.",
        )
    return parts._replace(fragment="")


def _root(path: str) -> str:
    """Cut what people write behind the address; what is left ends in a version."""
    path = path.rstrip("/").removesuffix("/realtime").rstrip("/")
    return path if path.endswith("/v1") else f"{path}/v1"
