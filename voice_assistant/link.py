"""The websocket: connect, send, receive, close. It carries messages and decides nothing.

One writer takes messages from a queue, one reader posts what comes as events that hold the link's number. How
a link ended is told once, as ``LinkLost``, with all that the other end said about it and no secret.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import ssl
import time
from collections.abc import Callable, Mapping
from email.utils import parsedate_to_datetime
from typing import Any, TypedDict
from urllib.parse import urlsplit

import aiohttp

from voice_assistant.core.events import Event, LinkLost, LinkOpened, LinkUnanswered, MessageReceived
from voice_assistant.dialects.base import LinkRequest
from voice_assistant.errors import LinkError
from voice_assistant.knocking import Knocking
from voice_assistant.route import Route, watch_over

CONNECT_TIMEOUT_S = 20.0
"""From the first packet to the accepted websocket. A proxy on the same continent needs under one second; one
that reaches its upstream before it accepts may need ten."""

TCP_TIMEOUT_S = 2.0
"""Of that, for the TCP connection alone. A first packet into a dead line is repeated ever more slowly by the
system, after 1, 3 and 7 s; a new try sees sooner that the line is back."""

ANEW_S = 0.3
"""And so often a first packet goes out while a line that was lost is awaited. A line on the ground answers
sooner; over a satellite a second connection is begun, and given up."""

UNANSWERED_S = 4.0
"""A connection that stands for so long without an answer is told, and another is tried beside it; and again
after twice the time. A proxy answers within a second; what is slower hangs, or its answer was lost."""

UNANSWERED = "it takes the connection and does not answer"

CLOSE_TIMEOUT_S = 0.5
"""For the other end's closing words, so that leaving takes less than a second."""

LARGEST_MESSAGE = 1 << 26
"""Bytes: 17 minutes of sound. Who sends more at once would have all of this machine's memory."""

MOST_WAITING = 256
"""Events that may wait when another message is read. Who sends faster than can be listened is read more
slowly: those messages would fill the memory, and a wish to leave would wait behind all of them."""

LOOK_AGAIN_S = 0.005

ABNORMAL_CLOSE = 1006


class Link:
    """Carries one websocket at a time.

    Args:
        post: Takes each event; called on the event loop's thread.
        clock: Monotonic seconds.
        route: How connections are made.
        waiting: How many events have been posted, by anybody, and not been taken yet.
    """

    def __init__(
        self,
        post: Callable[[Event], None],
        clock: Callable[[], float],
        route: Route | None = None,
        waiting: Callable[[], int] = lambda: 0,
    ) -> None:
        self._post = post
        self._clock = clock
        self._route = route or Route()
        self._waiting = waiting
        self._outbound: asyncio.Queue[str | bytes] = asyncio.Queue()
        self._carrying: asyncio.Task[None] | None = None
        self._leaving: set[asyncio.Task[None]] = set()

    def connect(self, link: int, request: LinkRequest, after_s: float) -> None:
        """Begin to open websocket number *link* after a wait; an older one is closed meanwhile.

        Raises:
            ConfigError: The environment names an HTTP proxy that is no address.
        """
        self.hang_up()
        self._outbound = asyncio.Queue()
        way = _way(self._route, request.url)
        self._carrying = asyncio.create_task(self._carry(link, request, way, after_s, self._outbound))

    def send(self, message: str | bytes) -> None:
        """Queue a message; it is sent once the websocket is open."""
        self._outbound.put_nowait(message)

    def hang_up(self) -> None:
        """Begin to close the websocket in good order; nothing more is heard of it."""
        if self._carrying:
            self._carrying.cancel()
            self._leaving.add(self._carrying)
            self._carrying.add_done_callback(self._leaving.discard)
            self._carrying = None

    async def close(self) -> None:
        """Close in good order, within ``CLOSE_TIMEOUT_S``."""
        self.hang_up()
        if self._leaving:
            await asyncio.wait(self._leaving, timeout=2 * CLOSE_TIMEOUT_S)

    async def _carry(
        self,
        link: int,
        request: LinkRequest,
        way: _Way,
        after_s: float,
        outbound: asyncio.Queue[str | bytes],
    ) -> None:
        await asyncio.sleep(after_s)
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=TCP_TIMEOUT_S)
        # The first link of all was not lost; and an HTTP proxy is near, and may need its time for the rest.
        is_awaited = link > 1 and "proxy" not in way
        knocking = Knocking[aiohttp.ClientWebSocketResponse](
            ANEW_S if is_awaited else None,
            UNANSWERED_S,
            lambda: self._post(LinkUnanswered(self._clock(), link)),
        )
        async with aiohttp.ClientSession(timeout=timeout, trace_configs=[knocking.tracing]) as http:
            try:
                socket = await asyncio.wait_for(
                    knocking.open(lambda: _open(http, request, way)), CONNECT_TIMEOUT_S
                )
            except aiohttp.WSServerHandshakeError as refusal:
                self._post(
                    LinkLost(
                        self._clock(),
                        link,
                        False,
                        status=refusal.status,
                        reason=refusal.message,
                        retry_after_s=_retry_after_s(refusal.headers),
                    )
                )
                return
            except (aiohttp.ClientError, OSError, TimeoutError, ValueError) as failure:
                is_silent = knocking.has_stood and isinstance(failure, TimeoutError)
                reason = UNANSWERED if is_silent else why(failure)
                self._post(LinkLost(self._clock(), link, False, reason=reason))
                return
            if (connection := socket.get_extra_info("socket")) is not None:
                watch_over(connection)
            self._post(LinkOpened(self._clock(), link))
            writer = asyncio.create_task(_write(socket, outbound))
            try:
                code, closing = await self._read(link, socket)
            finally:
                # Also where the task was cancelled, which is how a link is hung up: the other end is told.
                writer.cancel()
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(socket.close(), CLOSE_TIMEOUT_S)
            self._post(LinkLost(self._clock(), link, True, code=code, reason=closing))

    async def _read(self, link: int, socket: aiohttp.ClientWebSocketResponse) -> tuple[int, str]:
        """Post messages until the websocket ends; return its close code, and what was said about that."""
        # receive() and not "async for": the latter loses the reason of a close.
        while True:
            while self._waiting() > MOST_WAITING:
                await asyncio.sleep(LOOK_AGAIN_S)
            message = await socket.receive()
            match message.type:
                case aiohttp.WSMsgType.TEXT | aiohttp.WSMsgType.BINARY:
                    self._post(MessageReceived(self._clock(), link, message.data))
                case aiohttp.WSMsgType.ERROR:
                    # It broke, or what came is no websocket's. The code is then ours and not the other end's,
                    # who may mean a refusal by the same number.
                    return ABNORMAL_CLOSE, why(message.data or ConnectionError())
                case _:
                    return socket.close_code or ABNORMAL_CLOSE, str(message.extra or "")


async def _open(
    http: aiohttp.ClientSession, request: LinkRequest, way: _Way
) -> aiohttp.ClientWebSocketResponse:
    return await http.ws_connect(
        request.url,
        headers=request.headers,
        heartbeat=request.heartbeat_s,
        max_msg_size=LARGEST_MESSAGE,
        timeout=aiohttp.ClientWSTimeout(ws_close=CLOSE_TIMEOUT_S),
        **way,
    )


async def _write(socket: aiohttp.ClientWebSocketResponse, outbound: asyncio.Queue[str | bytes]) -> None:
    # A connection that breaks here is told by the reader, which sees the same end.
    with contextlib.suppress(ConnectionError):
        while True:
            match await outbound.get():
                case str(text):
                    await socket.send_str(text)
                case data:
                    await socket.send_bytes(data)


def _retry_after_s(headers: Mapping[str, str] | None) -> float | None:
    """Read how long the other end wants to be left alone: seconds, or a date (RFC 9110, 10.2.3)."""
    said = (headers or {}).get("Retry-After", "").strip()
    if said.isascii() and said.isdigit():
        return float(said[:9])
    try:
        return max(parsedate_to_datetime(said).timestamp() - time.time(), 0.0)
    except ValueError:
        return None


class _Way(TypedDict, total=False):
    """How aiohttp is told of a route."""

    ssl: ssl.SSLContext
    proxy: str
    proxy_headers: dict[str, str]


def _way(route: Route, url: str) -> _Way:
    way = _Way()
    if urlsplit(url).scheme in ("wss", "https"):
        way["ssl"] = route.trust()
    if proxy := route.proxy(url):
        # aiohttp itself follows the environment for http and https, not for ws and wss.
        way["proxy"] = proxy.url
        way["proxy_headers"] = proxy.headers
    return way


async def get_json(
    url: str,
    headers: dict[str, str],
    route: Route | None = None,
    unanswered: Callable[[], None] = lambda: None,
) -> tuple[int, Any]:
    """Fetch a small JSON document.

    Args:
        url: Where it is.
        headers: Secrets ride here.
        route: How the connection is made.
        unanswered: Called where no answer has come for ``UNANSWERED_S``; it is waited for still.

    Returns:
        The HTTP status, and the document, or None where the body is no JSON.

    Raises:
        LinkError: Nothing answers at *url*.
        ConfigError: The environment names an HTTP proxy that is no address.
    """
    timeout = aiohttp.ClientTimeout(total=CONNECT_TIMEOUT_S, sock_connect=TCP_TIMEOUT_S)
    waiting = asyncio.get_running_loop().call_later(UNANSWERED_S, unanswered)
    try:
        async with (
            aiohttp.ClientSession(timeout=timeout) as http,
            http.get(url, headers=headers, **_way(route or Route(), url)) as answer,
        ):
            try:
                return answer.status, await answer.json(content_type=None)
            except ValueError:
                return answer.status, None
    except (aiohttp.ClientError, OSError, TimeoutError) as failure:
        if isinstance(failure, TimeoutError) and not isinstance(failure, aiohttp.ClientError):
            said, remedy = UNANSWERED, "It hangs, or is no proxy: look at its log, or correct the address."
        else:
            said, remedy = why(failure), "Start the proxy, or give its address with --url or LITELLM_URL."
        raise LinkError(f"nothing answers at {url}: {said}", remedy=remedy) from failure
    finally:
        waiting.cancel()


def why(failure: BaseException) -> str:
    """Say in a few words why a connection failed; never holds an address with a secret in it."""
    match failure:
        case TimeoutError():
            return "no answer in time"
        case aiohttp.ClientConnectorCertificateError() | ssl.SSLError():
            return "its TLS certificate is not trusted"
        case aiohttp.ClientConnectorSSLError():
            return "no TLS connection could be made"
        case aiohttp.ClientHttpProxyError(status=status):
            return f"the HTTP proxy of the environment refuses the connection (HTTP {status})"
        case aiohttp.ClientProxyConnectionError():
            return "the HTTP proxy of the environment cannot be reached"
        case aiohttp.ClientConnectorDNSError():
            return "its name is not known"
        case aiohttp.ClientConnectorError(os_error=OSError(errno=int(number))):
            # asyncio's own words here hold the address; the system's say what happened to it.
            return os.strerror(number).lower()
        case aiohttp.ClientConnectorError():
            return "no connection could be made"
        case aiohttp.ServerDisconnectedError() | ConnectionError():
            return "the connection was dropped"
        case aiohttp.WebSocketError() | aiohttp.ClientResponseError():
            return "what came from there could not be read"
        case OSError(errno=int(number)):
            return os.strerror(number).lower()
        case _:
            return type(failure).__name__
