"""Why a link to a LiteLLM proxy ended, as an error that a person can act on.

The proxy says it in several ways: by an HTTP status, by a close code that may be Gemini's own, by a reason
cut to 123 bytes, by an error message before it. Here they become one sentence and one instruction. What a
server wrote is cut to a line, robbed of control characters and of anything that looks like a key.
"""

from __future__ import annotations

import re

from voice_assistant.core.events import LinkLost
from voice_assistant.core.plain_text import neutralise
from voice_assistant.errors import AuthError, HandshakeError, LinkError

LINE_CHARACTERS = 200

HIDDEN = "[hidden]"
SHORTEST_KEY = 6
"""Characters. What is shorter guards nothing, and may be a part of any word."""

_UPSTREAM_CLOSED = re.compile(r"upstream websocket closed with code (\d{4})(?:: )?", re.IGNORECASE)
_UPSTREAM_REFUSED = re.compile(r"upstream realtime handshake rejected with HTTP (\d{3})", re.IGNORECASE)
_UNKNOWN_MODEL = re.compile(r"invalid model name|model.{0,80}(?:not found|does not exist)", re.IGNORECASE)
_UNREACHABLE = re.compile(
    r"\[Errno|connect call failed|connection refused|name or service|timed out during opening", re.IGNORECASE
)
_QUOTA = re.compile(r"quota|rate.?limit|resource.?exhausted|budget", re.IGNORECASE)
_SECRET = re.compile(r"(?:\bsk-|\bAIza|\bBearer\s+|\bkey=)[^\s'\",}]+", re.IGNORECASE)

_LOG = "Look at the proxy's log."
_AGAIN = "Start anew: the conversation begins from the beginning."


def code_of_report(message: str, code: str) -> str:
    """Name an error that the proxy reports: by what its message tells where its code tells nothing."""
    if closed := _UPSTREAM_CLOSED.search(message):
        return f"upstream_closed_{closed[1]}"
    if refused := _UPSTREAM_REFUSED.search(message):
        return f"upstream_refused_{refused[1]}"
    return "unknown_model" if _UNKNOWN_MODEL.search(message) else code


def one_line(text: str, key: str = "") -> str:
    """Make what a server wrote fit to be shown: one line, without control characters and secrets.

    Args:
        text: As it came; of any length.
        key: The key that it was sent, which it may repeat; one too short to be a secret is left alone.
    """
    if len(key) >= SHORTEST_KEY:
        text = text.replace(key, HIDDEN)
    line = " ".join(_SECRET.sub(HIDDEN, neutralise(text[: 4 * LINE_CHARACTERS])).split())
    return line if len(line) <= LINE_CHARACTERS else f"{line[: LINE_CHARACTERS - 1]}…"


def refusal(lost: LinkLost, reported: str, *, shown: str, model: str, key: str = "") -> LinkError:
    """Make an error of a link that could not be opened, or that ended.

    Args:
        lost: How it ended.
        reported: The last error message of the provider on this link; empty where there was none.
        shown: The proxy's address, without secrets.
        model: The model that was asked for.
        key: The key that was sent; it is not told.
    """
    if lost.status is not None:
        return refused_by_http(lost.status, shown, model)
    reason = one_line(lost.reason, key)
    if not lost.opened:
        return _unreachable(reason or "no connection could be made", shown)
    told = _told(lost.code, reason, one_line(reported, key))
    return _refused_by_message(told, model) or _refused_by_code(lost.code or 1006, told, shown, model)


def refused_listing(status: int, shown: str, *, has_key: bool) -> LinkError:
    """Make an error of a list of models that the proxy refused with an HTTP status.

    A proxy without a database answers 400 to a wrong key and 500 to none.
    """
    if not has_key and status in (400, 401, 403, 500):
        return AuthError(
            f"the proxy wants a key (HTTP {status})", remedy="Set LITELLM_API_KEY to a key of this proxy."
        )
    return refused_by_http(status, shown, "")


def refused_by_http(status: int, shown: str, model: str) -> LinkError:
    """Make an error of a handshake, or another request, that the proxy answered with an HTTP status.

    Args:
        status: As it came.
        shown: The address, without secrets.
        model: The model that was asked for; empty where none was.
    """
    match status:
        case 400 | 401 | 403 if model:
            return AuthError(
                f"the proxy refuses the key, or the key may not use {model!r} (HTTP {status})",
                remedy="Set LITELLM_API_KEY to a key of this proxy that may use this model.",
            )
        case 400 | 401 | 403:
            return AuthError(
                f"the proxy refuses the key (HTTP {status})",
                remedy="Set LITELLM_API_KEY to a key of this proxy.",
            )
        case 429:
            return LinkError(
                "the proxy allows this key no more requests at present (HTTP 429)",
                remedy="Wait a minute, or have the limits of the key raised.",
            )
        case _ if status >= 500:
            return LinkError(f"the proxy at {shown} fails (HTTP {status})", remedy=_LOG)
        case _:
            return LinkError(
                f"no LiteLLM proxy takes conversations at {shown} (HTTP {status})",
                remedy="Check the address in --url or LITELLM_URL: the proxy's own, as in http://localhost:4000.",
            )


def _unreachable(why: str, shown: str) -> LinkError:
    remedy = "Start the proxy, or give its address with --url or LITELLM_URL."
    if "TLS" in why or "certificate" in why.lower():
        remedy = "Write http:// if the proxy has no TLS; else name its authority's file under [link] ca_file."
    if "does not answer" in why:
        remedy = "It hangs, or is no proxy: look at its log, or correct --url or LITELLM_URL."
    if "HTTP proxy of the environment" in why:
        remedy = "Check HTTPS_PROXY, HTTP_PROXY and ALL_PROXY, or name the address's host in NO_PROXY."
    return LinkError(f"nothing answers at {shown}: {why}", remedy=remedy)


def _told(code: int | None, reason: str, reported: str) -> str:
    """Choose the fullest of what the provider said about the end."""
    reason = _UPSTREAM_CLOSED.sub("", reason)
    message = _UPSTREAM_CLOSED.sub("", reported)
    if reason and reason[:20] not in message:
        return reason
    # An orderly or a torn end says nothing about itself; what was reported before is about something else.
    return reason if not reason and code in (1000, 1001, 1006) else message


def _refused_by_message(told: str, model: str) -> LinkError | None:
    if _UNKNOWN_MODEL.search(told):
        return HandshakeError(
            f"the proxy has no model {model!r}",
            remedy="Leave --model out: the only realtime model is taken, or those to choose from are listed.",
        )
    if refused := _UPSTREAM_REFUSED.search(told):
        return _refused_upstream(int(refused[1]))
    if _QUOTA.search(told):
        return LinkError(
            f"the provider allows no more at present: {told}",
            remedy="Wait a while, or have the quota raised.",
        )
    if _UNREACHABLE.search(told):
        return LinkError(f"the proxy does not reach Gemini: {told}", remedy=_LOG)
    return None


def _refused_upstream(status: int) -> LinkError:
    if status == 429:
        return LinkError(
            "Gemini allows the proxy no more sessions at present (HTTP 429)",
            remedy="Wait a minute and try again.",
        )
    if status in (400, 401, 403):
        return HandshakeError(
            f"Gemini refuses the proxy's own key (HTTP {status})",
            remedy="Have the key in the proxy's configuration (api_key of the model) put right.",
        )
    return LinkError(f"Gemini refuses the proxy (HTTP {status})", remedy=_LOG)


def _refused_by_code(code: int, told: str, shown: str, model: str) -> LinkError:
    says = f": {told}" if told else ""
    match code:
        case 1000 | 1001:
            return LinkError(f"the provider ended the session ({code}){says}", remedy=_AGAIN)
        case 1006:
            return LinkError(f"the connection to {shown} was dropped{says}", remedy=_AGAIN)
        case 1007:
            return HandshakeError(
                f"Gemini refuses the set-up (1007){says}",
                remedy="Check voice, model and instructions under [provider]; a voice's case matters.",
            )
        case 1008:
            return HandshakeError(
                f"Gemini refuses {model!r} (1008){says}",
                remedy="Choose another model, or look at the proxy's log for what it asked of this one.",
            )
        case 1013:
            return LinkError(
                f"the provider has no room at present (1013){says}", remedy="Wait a minute and try again."
            )
        case 4000:
            return HandshakeError(
                f"the provider no longer speaks the protocol's beta (4000){says}",
                remedy="Write beta_header = false under [provider].",
            )
        case _:
            return LinkError(
                f"the provider failed ({code}){says}", remedy=f"Start anew. If it fails again: {_LOG}"
            )
