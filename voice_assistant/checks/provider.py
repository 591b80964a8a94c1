"""The provider, reached as a conversation would reach it: an address, a key, a session, a set-up.

The provider's dialect and our link are used as they are; what is missing is the conversation. Nothing is
said to it, so nothing is charged for an answer.
"""

from __future__ import annotations

import asyncio
import importlib.util
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

from voice_assistant.checks.finding import Begun, Finding, Tell, failure
from voice_assistant.config import Config
from voice_assistant.core.events import (
    Configure,
    Event,
    LinkLost,
    LinkOpened,
    MessageReceived,
    ServerError,
    SessionConfigured,
    SessionOpened,
)
from voice_assistant.core.lifeline import Explain
from voice_assistant.dialects.base import Dialect
from voice_assistant.dialects.proxy import shown_url
from voice_assistant.errors import AuthError, ConfigError, HandshakeError, LinkError
from voice_assistant.link import Link
from voice_assistant.offline.recogniser import RecogniserMissingError
from voice_assistant.offline.recogniser import load as load_recogniser
from voice_assistant.offline.voice import Voice, VoiceMissingError
from voice_assistant.providers import DEFAULT_URL, Provider, is_offline, open_provider
from voice_assistant.route import Route

_INSTALL_RECOGNISER = (
    "Run 'make setup' in a checkout. Where there is no package for this system, use a provider with a key: "
    "--provider litellm"
)

_TOO_SLOW = "The machine is too busy: close other programs, and run doctor again."
"""Who answers on this machine waits for nothing but this machine."""

LIMIT_S = 28.0
"""For everything here together; the doctor's patience is a little longer."""


@dataclass(frozen=True, slots=True)
class Access:
    """What is needed to be let in.

    Args:
        key: The proxy's key; empty for none.
        chat_key: The chat endpoint's.
        log: Where the offline provider writes its log.
    """

    key: str
    chat_key: str
    log: Path | None


async def examine(config: Config, access: Access, tell: Tell) -> None:
    """Find the provider, begin a session, and see whether the set-up is taken."""
    said: set[str] = set()

    def note(told: Finding | Begun) -> None:
        if isinstance(told, Finding):
            said.add(told.check)
        tell(told)

    offline = is_offline(config.provider, access.key)
    tell(_who(config, access, offline=offline))
    tell(Begun(f"asking the provider, {LIMIT_S:.0f} s at most"))
    try:
        async with asyncio.timeout(LIMIT_S), AsyncExitStack() as stack:
            if offline:
                await _examine_offline(config, tell)
            route = Route(config.route)
            provider = await open_provider(
                config.provider,
                config.offline,
                [],
                stack,
                key=access.key,
                chat_key=access.chat_key,
                log=access.log,
                route=route,
            )
            await _begin_session(provider, config, route, note, has_key=bool(access.key))
    except TimeoutError:
        error = HandshakeError(
            f"no session within {LIMIT_S:.0f} s",
            remedy=_TOO_SLOW if offline else "Look at the proxy's log: it may not reach its upstream.",
        )
        tell(failure("session", error))
    except AuthError as error:
        if "reached" not in said:
            tell(Finding("reached", "ok", "it answers"))
        tell(failure("key accepted", error))
    except HandshakeError as error:
        tell(failure("session", error))
    except ConfigError as error:
        tell(failure("provider", error))
    except LinkError as error:
        tell(failure("session" if "reached" in said else "reached", error))


def what_leaves(config: Config, key: str) -> Finding:
    """Say in a sentence what leaves this machine, and when."""
    if not is_offline(config.provider, key):
        told = (
            f"your voice goes to {shown_url(config.provider.url or DEFAULT_URL)} while it is your turn, "
            f"from {config.turns.pre_roll_ms / 1000:g} s before you begin, with your instructions and what "
            "tools give back; nothing goes there while you are silent or muted, and nothing goes elsewhere"
        )
    elif config.offline.chat_url:
        told = (
            f"your words, as text, go to {shown_url(config.offline.chat_url)} when no skill answers them; "
            "your voice stays here"
        )
    else:
        told = "nothing: who answers is on this machine"
    return Finding("what leaves", "ok", told)


def _who(config: Config, access: Access, *, offline: bool) -> Finding:
    settings = config.provider
    named = settings.name != "auto"
    if offline:
        why = "as asked for" if named else "nothing else is configured"
        return Finding("provider", "ok", f"offline, on this machine: {why}", details={"name": "offline"})
    shown = shown_url(settings.url or DEFAULT_URL)
    by = [word for word, said in (("an address", settings.url), ("a model", settings.model)) if said]
    by += ["a key"] if access.key else []
    why = "as asked for" if named else f"{' and '.join(by)} given"
    details = {"name": "litellm", "address": shown, "model": settings.model}
    model = f", model {settings.model}" if settings.model else ""
    return Finding("provider", "ok", f"litellm at {shown}{model}: {why}", details=details)


async def _examine_offline(config: Config, tell: Tell) -> None:
    """Look for what the offline provider cannot do without."""
    path = Path(config.offline.model_path) if config.offline.model_path else None
    try:
        recogniser = await load_recogniser(path)
    except RecogniserMissingError as error:
        tell(_missing("recogniser", error, _INSTALL_RECOGNISER))
    else:
        tell(Finding("recogniser", "ok", recogniser.name))
        recogniser.close()
    voice = Voice()
    try:
        await voice.start()
    except VoiceMissingError as error:
        tell(_missing("voice", error, "Run 'make setup', or install the system's package espeak-ng."))
    else:
        tell(Finding("voice", "ok", voice.engine))
    finally:
        await voice.close()


def _missing(check: str, error: Exception, remedy: str) -> Finding:
    return failure(check, HandshakeError(str(error), remedy=remedy))


def offline_is_installed() -> Finding:
    """Say whether the offline assistant could be used, where another provider is."""
    needed = ("moonshine_voice", "espeakng_loader")
    there = all(importlib.util.find_spec(name) for name in needed)
    told = "installed" if there else "not installed; 'make setup' brings it where it can be had"
    return Finding("offline assistant", "ok" if there else "note", told, details={"installed": there})


# --- A session, without a conversation ---


async def _begin_session(
    provider: Provider, config: Config, route: Route, tell: Tell, *, has_key: bool
) -> None:
    """Open a link, say who we are, and wait for what comes of it.

    Raises:
        VoiceAssistantError: No session came of it.
    """
    loop = asyncio.get_running_loop()
    inbox: asyncio.Queue[Event] = asyncio.Queue()
    link = Link(inbox.put_nowait, loop.time, route)
    dialect = provider.new_dialect()
    began = loop.time()
    link.connect(1, dialect.request(), 0.0)
    try:
        events = _events(inbox, dialect)
        opened = await _opened(events, dialect, link, provider, tell)
        took_s = round(opened.at - began, 2)
        if provider.name != "offline":
            told = "yes" if has_key else "none was sent, and none is asked for"
            tell(Finding("key accepted", "ok", told))
        told = f"begun after {took_s:.2f} s, model {opened.model}"
        tell(Finding("session", "ok", told, details={"seconds": took_s, "model": opened.model}))
        tell(await _confirmed(events, opened, config.link.unconfirmed_ms / 1000, provider.explain))
    finally:
        await link.close()


async def _events(inbox: asyncio.Queue[Event], dialect: Dialect) -> AsyncIterator[Event]:
    """Give what happens on the link, the provider's messages as what they mean."""
    while True:
        match await inbox.get():
            case MessageReceived(data=data, at=at):
                for meant in dialect.decode(data, at):
                    yield meant
            case event:
                yield event


async def _opened(
    events: AsyncIterator[Event], dialect: Dialect, link: Link, provider: Provider, tell: Tell
) -> SessionOpened:
    reported = ""
    async for event in events:
        match event:
            case LinkOpened():
                tell(Finding("reached", "ok", f"{provider.shown} answers"))
                for message in dialect.encode(Configure()):
                    link.send(message)
            case SessionOpened():
                return event
            case ServerError(message=message):
                reported = message
            case LinkLost():
                raise provider.explain(event, reported)
            case _:
                pass
    raise AssertionError("a link does not fall silent without an end")


async def _confirmed(
    events: AsyncIterator[Event], opened: SessionOpened, wait_s: float, explain: Explain
) -> Finding:
    """Wait for the set-up to be confirmed."""
    can = opened.capabilities
    if can.confirms_setup == "never":
        return Finding("set-up", "note", "this provider never confirms instructions, voice and tools")
    reported = ""
    try:
        async with asyncio.timeout(wait_s):
            async for event in events:
                match event:
                    case SessionConfigured():
                        told = "confirmed: instructions, voice and tools are honoured"
                        return Finding("set-up", "ok", told, details={"confirmed": True})
                    case ServerError(message=message):
                        reported = message
                    case LinkLost():
                        return failure("set-up", explain(event, reported), confirmed=False)
                    case _:
                        pass
    except TimeoutError:
        pass  # it is not confirmed then
    told = "not confirmed: instructions, voice and tools are probably ignored"
    return Finding("set-up", "warning", told, can.unconfigured_remedy, details={"confirmed": False})
