"""The way to the other end: the HTTP proxy that lies on it, the certificates that are trusted, a dead socket.

What the environment says is followed as other programs follow it: ``HTTPS_PROXY``, ``HTTP_PROXY``,
``ALL_PROXY`` and ``NO_PROXY``, ``SSL_CERT_FILE`` and ``SSL_CERT_DIR``. A certificate is always checked; an
authority of one's own is added, never a check taken away. The websocket itself is ``link.py``'s.
"""

from __future__ import annotations

import base64
import contextlib
import ipaddress
import socket
import ssl
import sys
import urllib.request
from dataclasses import dataclass
from typing import Protocol
from urllib.parse import SplitResult, unquote, urlsplit

from voice_assistant.errors import ConfigError

SILENT_S = 10
"""Seconds of a silent line before the first probe, and of unacknowledged sound before the socket is dead. A
line that was away for less goes on by itself."""

PROBE_EVERY_S = 5
PROBES = 3

TCP_RTO_MAX_MS = 44
RESEND_WITHIN_MS = 1000
"""The longest wait before sound that was not acknowledged is sent again: without it each wait is twice the
last, and a line that was away for 3 s is taken up 3 s after its return. Linux from 6.15 on (``linux/tcp.h``),
which takes no less; Python has no name for the option yet."""

_WEB = {"ws": "http", "wss": "https"}


@dataclass(frozen=True, slots=True)
class RouteSettings:
    """Part of the table ``[link]``."""

    ca_file: str = ""
    """certificates (PEM) of an authority of your own, trusted besides those of this machine"""


@dataclass(frozen=True, slots=True)
class HttpProxy:
    """An HTTP proxy on the way.

    Args:
        url: Without user and password.
        headers: Its user and password, where it wants them.
    """

    url: str
    headers: dict[str, str]


class Route:
    """How connections are made.

    Args:
        settings: Whom to trust besides those that this machine trusts.

    Raises:
        ConfigError: The file of one's own authority cannot be read, or holds no certificate.
    """

    def __init__(self, settings: RouteSettings | None = None) -> None:
        ca_file = settings.ca_file if settings else ""
        # Made when it is needed: the certificates of a machine take 20 ms to read.
        self._trust = _trust(ca_file) if ca_file else None

    def trust(self) -> ssl.SSLContext:
        """Give what decides whether a certificate is trusted."""
        if self._trust is None:
            self._trust = ssl.create_default_context()
        return self._trust

    def proxy(self, url: str) -> HttpProxy | None:
        """Find the HTTP proxy that the environment puts before an address; None for a way without one.

        Raises:
            ConfigError: What the environment names is no address.
        """
        parts = urlsplit(url)
        host, scheme = parts.hostname or "", _WEB.get(parts.scheme, parts.scheme)
        if is_loopback(url) or urllib.request.proxy_bypass(host):
            return None
        named = urllib.request.getproxies()
        found = _proxy_address(named.get(scheme) or named.get("all") or "")
        if found.scheme not in ("http", "https"):
            return None
        headers = {}
        if found.username is not None:
            login = f"{unquote(found.username)}:{unquote(found.password or '')}"
            headers["Proxy-Authorization"] = f"Basic {base64.b64encode(login.encode()).decode()}"
        return HttpProxy(found._replace(netloc=found.netloc.rpartition("@")[2]).geturl(), headers)


def _proxy_address(named: str) -> SplitResult:
    """Read what a variable of the environment names; people leave out the scheme. Never tells a password."""
    try:
        found = urlsplit(named if "://" in named or not named else f"http://{named}")
        is_address = not named or (bool(found.hostname) and found.port != 0)
    except ValueError:
        is_address = False
    if not is_address:
        raise ConfigError(
            "the HTTP proxy that the environment names is no address",
            remedy=(
                "Write HTTPS_PROXY, HTTP_PROXY or ALL_PROXY as in http://proxy:3128; in a password, / # ? @ "
                "are %2F %23 %3F %40."
            ),
        )
    return found


def _trust(ca_file: str) -> ssl.SSLContext:
    trust = ssl.create_default_context()
    try:
        trust.load_verify_locations(cafile=ca_file)
    except OSError as error:
        why = "it holds no certificate" if isinstance(error, ssl.SSLError) else error.strerror
        raise ConfigError(
            f"[link] ca_file: {ca_file!r} cannot be used: {why}",
            remedy="Name a file of certificates in PEM form, or leave the line out.",
        ) from error
    return trust


class _Socket(Protocol):
    def setsockopt(self, level: int, option: int, value: int, /) -> None: ...


def watch_over(connection: _Socket) -> None:
    """Have the system find out that the other end is gone without a word: a half-open connection.

    A probe goes out after ``SILENT_S`` of silence, and what was sent must be acknowledged within that time.
    Websocket pings cannot tell: a provider that is busy answers them late.
    """
    options = {
        (socket.SOL_SOCKET, "SO_KEEPALIVE"): 1,
        (socket.IPPROTO_TCP, "TCP_KEEPIDLE"): SILENT_S,
        (socket.IPPROTO_TCP, "TCP_KEEPALIVE"): SILENT_S,  # the same on macOS
        (socket.IPPROTO_TCP, "TCP_KEEPINTVL"): PROBE_EVERY_S,
        (socket.IPPROTO_TCP, "TCP_KEEPCNT"): PROBES,
        (socket.IPPROTO_TCP, "TCP_USER_TIMEOUT"): SILENT_S * 1000,
    }
    known = {(level, getattr(socket, name, None)): value for (level, name), value in options.items()}
    if sys.platform == "linux":
        known[(socket.IPPROTO_TCP, TCP_RTO_MAX_MS)] = RESEND_WITHIN_MS
    for (level, option), value in known.items():
        if option is not None:
            # A system may know the name and refuse the value; the watchdog of the conversation remains.
            with contextlib.suppress(OSError):
                connection.setsockopt(level, option, value)


def is_loopback(url: str) -> bool:
    """Say whether an address is this machine itself, which no HTTP proxy of the environment can reach."""
    host = urlsplit(url).hostname or ""
    if host == "localhost":
        return True
    with contextlib.suppress(ValueError):
        return ipaddress.ip_address(host).is_loopback
    return False
