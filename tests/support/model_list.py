"""A scripted proxy that also lists its models, as LiteLLM does at ``/v1/models``."""

from __future__ import annotations

from aiohttp import web

from tests.support.realtime_server import RealtimeServer


class ListingServer(RealtimeServer):
    """A ``RealtimeServer`` with a list of models.

    Args:
        models: The name of each, and what the list says it is for; None where it says nothing.
    """

    def __init__(self, **models: str | None) -> None:
        super().__init__()
        self._models = models

    def _app(self) -> web.Application:
        app = super()._app()
        app.router.add_get("/v1/models", self._list)
        return app

    async def _list(self, request: web.Request) -> web.Response:
        entries = [{"id": name, "object": "model", "mode": mode} for name, mode in self._models.items()]
        return web.json_response({"object": "list", "data": entries})
