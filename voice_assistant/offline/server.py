"""The websocket server: who may come in, and one session for each client.

``serve`` listens at an address and runs until it is told to stop. Only a client that knows the token gets a
session; what is said in it is ``session.py``'s. Models are loaded once, in the background: a client is
greeted at once, and the first turn waits if it must.
"""

from __future__ import annotations

import asyncio
import hmac
import json
import logging
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from aiohttp import WSCloseCode, WSMsgType, web

from voice_assistant.offline.chat import Chat, ChatSettings
from voice_assistant.offline.mind import Mind
from voice_assistant.offline.protocol import MODEL, Json, Wire
from voice_assistant.offline.recogniser import Recogniser, RecogniserMissingError, load
from voice_assistant.offline.session import ClientSession
from voice_assistant.offline.settings import OfflineSettings
from voice_assistant.offline.skills.catalogue import Skills
from voice_assistant.offline.voice import Voice, VoiceMissingError

log = logging.getLogger(__name__)

PATHS = ("/v1/realtime", "/realtime", "/openai/v1/realtime")
_KEY_PROTOCOL = "openai-insecure-api-key."
_BETA_PROTOCOL = "openai-beta.realtime-v1"
_MOST_CLIENTS = 8
_LARGEST_MESSAGE = 20 * 2**20
"""15 MB is the protocol's limit for one append, before JSON."""
_MOST_WAITING = 2_000
"""Events; a client that lets more pile up is not reading."""
_HEARTBEAT_S = 20.0


class LoadedLater:
    """A recogniser that is still being loaded; whoever needs it first waits."""

    name = "moonshine"

    def __init__(self, model_path: str) -> None:
        self._loading = asyncio.create_task(load(Path(model_path) if model_path else None))
        self._loading.add_done_callback(_told)

    async def words(self, pcm: bytes) -> str:
        return await (await asyncio.shield(self._loading)).words(pcm)

    def close(self) -> None:
        if self._loading.done() and not self._loading.cancelled() and not self._loading.exception():
            self._loading.result().close()
        else:
            self._loading.cancel()


def _told(loading: asyncio.Task[Recogniser]) -> None:
    """Log how loading went; the client is told at its first turn."""
    if loading.cancelled():
        return
    match loading.exception():
        case None:
            log.info("recognition is ready: %s", loading.result().name)
        case RecogniserMissingError() as why:
            log.warning("%s", why)
        case why:
            log.error("recognition failed to load", exc_info=why)


@dataclass(slots=True)
class Server:
    """Serves clients until it is closed.

    Args:
        settings: What answers, and how.
        token: What a client must show; empty lets anybody in who reaches the address.
        chat_key: The chat endpoint's key; empty for none.
        now: The person's local time.
        dice: Where chance comes from.
        recogniser: One to use instead of the one included.
    """

    settings: OfflineSettings
    token: str = field(repr=False)
    chat_key: str = field(default="", repr=False)
    now: Callable[[], datetime] = field(default=lambda: datetime.now().astimezone())
    dice: random.Random = field(default_factory=random.SystemRandom)
    recogniser: Recogniser | None = None
    voice: Voice = field(init=False)
    _runner: web.AppRunner | None = None
    _clients: set[web.WebSocketResponse] = field(default_factory=set)

    async def open(self, host: str, port: int) -> int:
        """Listen; returns the port, which is a free one where 0 was asked for.

        Raises:
            OSError: The address cannot be used.
        """
        self.recogniser = self.recogniser or LoadedLater(self.settings.model_path)
        self.voice = Voice()
        app = web.Application()
        for path in PATHS:
            app.router.add_get(path, self._client)
        app.router.add_get("/v1/models", self._models)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.5)
        await self._runner.setup()
        site = web.TCPSite(self._runner, host, port)
        await site.start()
        try:
            await self.voice.start()
        except VoiceMissingError as why:
            log.warning("%s", why)  # answers are written then, and each client is told
        return int(self._runner.addresses[0][1])

    async def close(self) -> None:
        """End all sessions and stop listening."""
        for socket in list(self._clients):
            await socket.close(code=WSCloseCode.GOING_AWAY, message=b"the offline provider ends")
        if self._runner is not None:
            await self._runner.cleanup()
        await self.voice.close()
        if self.recogniser is not None:
            self.recogniser.close()

    def _admitted(self, request: web.Request) -> bool:
        """Has this request shown the token, in one of the ways that clients of the protocol do?"""
        if not self.token:
            return True
        shown = [request.headers.get("Authorization", "").removeprefix("Bearer ")]
        shown.append(request.headers.get("api-key", ""))
        for offered in _offered(request):
            if offered.startswith(_KEY_PROTOCOL):
                shown.append(offered.removeprefix(_KEY_PROTOCOL))
        return any(hmac.compare_digest(key.encode(), self.token.encode()) for key in shown)

    def _refused(self) -> web.Response:
        error = {
            "type": "invalid_request_error",
            "code": "invalid_api_key",
            "message": "The token is missing or wrong; send it as 'Authorization: Bearer TOKEN'.",
        }
        return web.json_response({"error": error}, status=401)

    async def _models(self, request: web.Request) -> web.StreamResponse:
        if not self._admitted(request):
            return self._refused()
        model = {"id": MODEL, "object": "model", "created": 0, "owned_by": "voice-assistant"}
        return web.json_response({"object": "list", "data": [model]})

    async def _client(self, request: web.Request) -> web.StreamResponse:
        if not self._admitted(request):
            return self._refused()
        if len(self._clients) >= _MOST_CLIENTS:
            return web.json_response({"error": {"message": "Too many sessions."}}, status=503)
        beta = "realtime=v1" in request.headers.get("OpenAI-Beta", "") or _BETA_PROTOCOL in _offered(request)
        socket = web.WebSocketResponse(
            heartbeat=_HEARTBEAT_S, max_msg_size=_LARGEST_MESSAGE, protocols=("realtime",)
        )
        await socket.prepare(request)
        self._clients.add(socket)
        try:
            await self._converse(socket, Wire("beta" if beta else "ga"), request.query.get("model") or MODEL)
        finally:
            self._clients.discard(socket)
        return socket

    async def _converse(self, socket: web.WebSocketResponse, wire: Wire, model: str) -> None:
        outbound: asyncio.Queue[Json] = asyncio.Queue()
        assert self.recogniser is not None
        chat = None
        if self.settings.chat_url:
            chat = Chat(ChatSettings(self.settings.chat_url, self.settings.chat_model, self.chat_key))
        mind = Mind(Skills(self.now, self.dice), chat)
        session = ClientSession(outbound.put_nowait, wire, model, self.recogniser, self.voice, mind)
        writer = asyncio.create_task(_write(socket, outbound))
        try:
            session.open()
            async for message in socket:
                if message.type in (WSMsgType.TEXT, WSMsgType.BINARY):
                    session.take(message.data)
                if outbound.qsize() > _MOST_WAITING:
                    await socket.close(code=WSCloseCode.TRY_AGAIN_LATER, message=b"the client does not read")
        finally:
            session.close()
            writer.cancel()


async def _write(socket: web.WebSocketResponse, outbound: asyncio.Queue[Json]) -> None:
    """Send events in their order, one at a time, until the client is gone."""
    while not socket.closed:
        event = await outbound.get()
        try:
            await socket.send_str(json.dumps(event))
        except ConnectionError:
            return  # the reading side sees the end as well, and cleans up


def _offered(request: web.Request) -> list[str]:
    return [name.strip() for name in request.headers.get("Sec-WebSocket-Protocol", "").split(",")]


async def serve(
    settings: OfflineSettings,
    *,
    host: str,
    port: int,
    token: str,
    chat_key: str = "",
    stop: asyncio.Event,
    ready: Callable[[int], None],
) -> None:
    """Serve until *stop* is set.

    Args:
        port: 0 for a free one.
        token: What a client must show; empty lets anybody in.
        chat_key: The chat endpoint's key; empty for none.
        ready: Called with the port, once it listens.

    Raises:
        OSError: The address cannot be used.
    """
    server = Server(settings, token, chat_key)
    try:
        ready(await server.open(host, port))
        await stop.wait()
    finally:
        await server.close()
