"""The way to the other end: certificates, trusted and not, an HTTP proxy, a watched socket."""

from __future__ import annotations

import asyncio
import contextlib
import platform
import re
import socket
import ssl
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiohttp import web

from tests.support.authority import Authority, make_authority
from voice_assistant.core.events import Event, LinkLost, LinkOpened, MessageReceived
from voice_assistant.dialects.base import LinkRequest
from voice_assistant.errors import ConfigError
from voice_assistant.link import Link, get_json
from voice_assistant.route import RESEND_WITHIN_MS, SILENT_S, TCP_RTO_MAX_MS, Route, RouteSettings, watch_over

NAME = "assistant.test"
"""A name that only the HTTP proxy of these tests knows."""


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return make_authority(tmp_path_factory.mktemp("authority"), NAME)


@pytest.fixture(autouse=True)
def bare_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy", "ssl_cert_file", "ssl_cert_dir"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


class HttpConnectProxy:
    """Connects every name to one port of this machine, for those who know the password."""

    def __init__(self, port: int, login: str = "") -> None:
        self.asked: list[str] = []
        self._to = port
        self._login = login

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        request = (await reader.readuntil(b"\r\n\r\n")).decode()
        self.asked.append(request.partition("\r\n")[0])
        if self._login not in request:
            writer.write(b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n")
            writer.close()
            return
        to_reader, to_writer = await asyncio.open_connection("127.0.0.1", self._to)
        writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        with contextlib.suppress(OSError):
            await asyncio.gather(self._pass(reader, to_writer), self._pass(to_reader, writer))
        writer.close()
        to_writer.close()

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65_536):
            writer.write(data)
        writer.close()


@asynccontextmanager
async def tls_server(authority: Authority) -> AsyncIterator[int]:
    """A websocket that says one word, and a list, behind TLS."""

    async def answer(request: web.Request) -> web.StreamResponse:
        websocket = web.WebSocketResponse()
        await websocket.prepare(request)
        await websocket.send_str("hello")
        await websocket.close()
        return websocket

    async def models(_: web.Request) -> web.Response:
        return web.json_response({"data": []})

    app = web.Application()
    app.router.add_get("/v1/realtime", answer)
    app.router.add_get("/v1/models", models)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(authority.certificate, authority.key)
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context).start()
    try:
        yield runner.addresses[0][1]
    finally:
        await runner.cleanup()


@asynccontextmanager
async def through_proxy(
    authority: Authority, monkeypatch: pytest.MonkeyPatch, *, login: str = "", userinfo: str = ""
) -> AsyncIterator[HttpConnectProxy]:
    """The server above, which can be reached through an HTTP proxy only; the environment names it."""
    async with tls_server(authority) as port:
        proxy = HttpConnectProxy(port, login)
        server = await asyncio.start_server(proxy.serve, "127.0.0.1", 0)
        monkeypatch.setenv("HTTPS_PROXY", f"http://{userinfo}127.0.0.1:{server.sockets[0].getsockname()[1]}")
        try:
            yield proxy
        finally:
            server.close()


async def first_events(route: Route, count: int = 1, url: str = f"wss://{NAME}/v1/realtime") -> list[Event]:
    inbox: asyncio.Queue[Event] = asyncio.Queue()
    link = Link(inbox.put_nowait, time.monotonic, route)
    link.connect(1, LinkRequest(url, url, {"Authorization": "Bearer k"}), after_s=0)
    events = [await asyncio.wait_for(inbox.get(), 60) for _ in range(count)]
    await link.close()
    # A TLS connection that was refused is taken down by asyncio a moment later.
    await asyncio.sleep(0.1)
    return events


async def test_an_http_proxy_of_the_environment_is_used_and_the_authority_of_the_settings_trusted(
    authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with through_proxy(authority, monkeypatch) as proxy:
        route = Route(RouteSettings(ca_file=str(authority.ca)))
        opened, said = await first_events(route, 2)
        status, listing = await get_json(f"https://{NAME}/v1/models", {}, route)

    assert isinstance(opened, LinkOpened)
    assert isinstance(said, MessageReceived)
    assert said.data == "hello"
    assert (status, listing) == (200, {"data": []})
    assert proxy.asked[0] == f"CONNECT {NAME}:443 HTTP/1.1"


async def test_the_authority_of_the_environment_is_trusted(
    authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.ca))
    async with through_proxy(authority, monkeypatch):
        (opened,) = await first_events(Route())

    assert isinstance(opened, LinkOpened)


async def test_a_certificate_of_an_unknown_authority_is_refused_in_words(authority: Authority) -> None:
    async with tls_server(authority) as port:
        (lost,) = await first_events(Route(), url=f"wss://localhost:{port}/v1/realtime")

    assert isinstance(lost, LinkLost)
    assert "certificate is not trusted" in lost.reason


async def test_a_certificate_of_another_name_is_refused_in_words_though_its_authority_is_trusted(
    authority: Authority,
) -> None:
    async with tls_server(authority) as port:
        route = Route(RouteSettings(ca_file=str(authority.ca)))
        (lost,) = await first_events(route, url=f"wss://localhost:{port}/v1/realtime")

    assert isinstance(lost, LinkLost)
    assert "certificate is not trusted" in lost.reason


async def test_the_proxys_password_is_given_and_never_told(
    authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    route = Route(RouteSettings(ca_file=str(authority.ca)))
    secret = "Basic bWU6cEBzcw=="
    async with through_proxy(authority, monkeypatch, login=secret, userinfo="me:p%40ss@"):
        (opened,) = await first_events(route)
    async with through_proxy(authority, monkeypatch, login=secret, userinfo="me:wrong@"):
        (lost,) = await first_events(route)

    assert isinstance(opened, LinkOpened)
    assert isinstance(lost, LinkLost)
    assert "HTTP proxy" in lost.reason
    assert "407" in lost.reason
    assert "wrong" not in repr(lost)


def test_a_proxy_is_found_by_its_name_and_port_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "proxy.test:3128")

    found = Route().proxy("wss://outside.test/v1")

    assert found is not None
    assert found.url == "http://proxy.test:3128"


@pytest.mark.parametrize(
    "named",
    [
        "http://[::1",
        "http://me:secret@proxy.test:port",
        "http://me:secret/word@proxy.test:3128",
        "http://me:secret@/",
    ],
)
async def test_a_proxy_that_is_no_address_is_told_at_once_without_its_password(
    monkeypatch: pytest.MonkeyPatch, named: str
) -> None:
    monkeypatch.setenv("HTTP_PROXY", named)
    link = Link(lambda _: None, time.monotonic)

    with pytest.raises(ConfigError, match="no address") as told:
        link.connect(1, LinkRequest("ws://outside.test/v1", "ws://outside.test/v1"), 0.0)

    assert "HTTP_PROXY" in told.value.remedy
    assert "secret" not in f"{told.value} {told.value.remedy}"
    with pytest.raises(ConfigError, match="no address"):
        await get_json("http://outside.test/v1/models", {})


def test_names_that_are_excepted_and_this_machine_are_reached_without_a_proxy(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.test:3128")
    monkeypatch.setenv("NO_PROXY", "inside.test")
    route = Route()

    outside = route.proxy("wss://outside.test/v1")
    assert outside is not None
    assert outside.url == "http://proxy.test:3128"
    assert route.proxy("wss://inside.test/v1") is None
    assert route.proxy("wss://127.0.0.1/v1") is None
    assert route.proxy("ws://outside.test/v1") is None


@pytest.mark.parametrize("content", [None, "no certificate"])
def test_an_authoritys_file_that_cannot_be_used_is_named(tmp_path: Path, content: str | None) -> None:
    file = tmp_path / "own.pem"
    if content:
        file.write_text(content)

    with pytest.raises(ConfigError, match=r"own\.pem"):
        Route(RouteSettings(ca_file=str(file)))


def test_certificates_are_always_checked() -> None:
    trust = Route().trust()

    assert trust.verify_mode is ssl.CERT_REQUIRED
    assert trust.check_hostname


LINUX = [int(part) for part in re.findall(r"\d+", platform.release())[:2]]


def test_the_system_watches_over_a_socket() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as one:
        watch_over(one)

        assert one.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) != 0
        if sys.platform == "linux" and LINUX >= [6, 15]:
            assert one.getsockopt(socket.IPPROTO_TCP, TCP_RTO_MAX_MS) == RESEND_WITHIN_MS
        if hasattr(socket, "TCP_USER_TIMEOUT"):
            assert one.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == SILENT_S * 1000
