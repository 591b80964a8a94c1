"""The provider that was chosen: where it is, which dialect it speaks, and its words for what goes wrong.

Nothing configured means the offline provider, which is started here as a child process and ends with us. A
LiteLLM proxy is asked for its only realtime model where none is named.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from voice_assistant.core.calls import ToolSpec
from voice_assistant.core.events import LinkLost
from voice_assistant.core.lifeline import Explain
from voice_assistant.dialects import new_dialect
from voice_assistant.dialects.base import Dialect, ProviderSettings
from voice_assistant.dialects.names import ItemNames
from voice_assistant.dialects.proxy import choose_model, models_url, shown_url
from voice_assistant.dialects.refusals import refusal, refused_listing
from voice_assistant.errors import HandshakeError, LinkError, VoiceAssistantError
from voice_assistant.link import get_json
from voice_assistant.offline.settings import OfflineSettings
from voice_assistant.offline.spawn import OfflineProcess
from voice_assistant.reviving import Reviving
from voice_assistant.route import Route

DEFAULT_URL = "http://localhost:4000"
"""Where LiteLLM listens by itself."""

OFFLINE_MODEL = "offline"


@dataclass(frozen=True, slots=True)
class Provider:
    """Somebody to talk to.

    Args:
        name: As in ``[provider] name``; never "auto".
        shown: Where it is, fit to be shown.
        new_dialect: Makes a dialect for a new websocket.
        explain: Makes an error with a remedy of a lost link and the last error it reported.
        notice: What the person should know before the first word; empty where there is nothing to say.
    """

    name: str
    shown: str
    new_dialect: Callable[[], Dialect]
    explain: Explain
    notice: str = ""


def is_offline(settings: ProviderSettings, key: str) -> bool:
    """Say whether the embedded provider is meant: by name, or because nothing else is configured."""
    nothing_said = not (settings.url or settings.model or key)
    return settings.name == "offline" or (settings.name == "auto" and nothing_said)


async def open_provider(
    settings: ProviderSettings,
    offline: OfflineSettings,
    tools: Sequence[ToolSpec],
    stack: AsyncExitStack,
    *,
    key: str,
    chat_key: str,
    log: Path | None,
    route: Route | None = None,
    tell: Callable[[str], None] = lambda _: None,
) -> Provider:
    """Find the provider, or start it; what was started ends with *stack*.

    Args:
        tell: Takes what the person should know while it takes long.

    Raises:
        ConfigError: The address is none, or there are several models to choose from.
        LinkError: Nothing answers, or the offline provider does not start.
    """
    if is_offline(settings, key):
        return await _offline(settings, offline, tools, stack, chat_key, log)
    located = replace(settings, name="litellm", url=settings.url or DEFAULT_URL)
    if not located.model:
        located = replace(located, model=choose_model(await models_of(located.url, key, route, tell)))
    return Provider(
        name="litellm",
        shown=shown_url(located.url),
        new_dialect=partial(new_dialect, located, key, tools, ItemNames()),
        explain=_explain_proxy(located, key),
    )


async def _offline(
    settings: ProviderSettings,
    offline: OfflineSettings,
    tools: Sequence[ToolSpec],
    stack: AsyncExitStack,
    chat_key: str,
    log: Path | None,
) -> Provider:
    process = OfflineProcess(offline, chat_key=chat_key, log_file=log)
    reviving = Reviving(process)
    stack.push_async_callback(reviving.stop)
    await reviving.start()
    names = ItemNames()

    def dialect_now() -> Dialect:
        # A process that was started again listens elsewhere.
        address = reviving.address
        located = replace(settings, name="offline", url=address.url, model=OFFLINE_MODEL, voice="")
        return new_dialect(located, address.token, tools, names)

    notice = ""
    if settings.name == "auto":
        notice = (
            "No provider is configured: this is the offline assistant on this machine. For Gemini set "
            "LITELLM_URL and LITELLM_API_KEY, or answer the questions of 'voice-assistant setup'."
        )
    return Provider(
        name="offline",
        shown="this machine",
        new_dialect=dialect_now,
        explain=partial(_explain_offline, reviving),
        notice=notice,
    )


async def models_of(
    url: str, key: str, route: Route | None = None, tell: Callable[[str], None] = lambda _: None
) -> object:
    """Ask a proxy for its list of models; see ``dialects.proxy`` for what to make of it.

    Raises:
        ConfigError: *url* is no address of a proxy.
        LinkError: Nothing answers there, or the key is refused.
    """
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    status, listing = await get_json(
        models_url(url),
        headers,
        route,
        lambda: tell(f"The proxy at {shown_url(url)} has not answered yet. Still waiting for its models."),
    )
    if status != 200:
        raise refused_listing(status, shown_url(url), has_key=bool(key))
    return listing


def _explain_proxy(settings: ProviderSettings, key: str) -> Explain:
    """Make errors of lost links in the words of LiteLLM."""

    def explain(lost: LinkLost, reported: str) -> VoiceAssistantError:
        return refusal(lost, reported, shown=shown_url(settings.url), model=settings.model, key=key)

    return explain


def _explain_offline(reviving: Reviving, lost: LinkLost, reported: str) -> VoiceAssistantError:
    if reviving.failure:
        return HandshakeError(
            f"the offline assistant cannot be started again: {reviving.failure}",
            remedy="'voice-assistant doctor' looks for the reason; the log says more.",
        )
    why = "it hung, and was ended" if reviving.is_hung else reported or lost.reason or "it ended"
    return LinkError(f"the offline assistant failed: {why}", remedy="Start again; the log says more.")
