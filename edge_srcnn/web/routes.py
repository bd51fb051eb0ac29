"""What is served where."""

import asyncio
from collections.abc import Callable
from importlib.resources import files
from typing import Any
from urllib.parse import quote

from aiohttp import hdrs, web
from aiohttp.typedefs import Handler
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

from edge_srcnn.web.broadcast import Broadcast
from edge_srcnn.web.state import status
from edge_srcnn.web.streaming import STREAM_HEADERS, send_stream
from edge_srcnn.web.views import ENHANCED, PAIR, VIEWS

PAGE = "index.html"
ASSETS = {
    "page.css": "text/css",
    "stream.js": "text/javascript",
    "stage.js": "text/javascript",
    "page.js": "text/javascript",
    "controls.js": "text/javascript",
    "icon.svg": "image/svg+xml",
}

SNAPSHOT_S = 15.0
"""Whoever asks for a picture while none is enhanced waits so long for it."""

_FOLDER = files("edge_srcnn.web") / "page"
_RETRY_AFTER_S = 1


class Routes:
    """The handlers, and what they show."""

    def __init__(
        self, look: Callable[[], Any], broadcast: Broadcast, registry: CollectorRegistry, clients: int
    ) -> None:
        self._look, self._broadcast, self._registry, self._clients = look, broadcast, registry, clients
        self._page = (_FOLDER / PAGE).read_text(encoding="utf-8")

    def table(self) -> list[web.RouteDef]:
        """For ``Application.add_routes``; each answers to GET and HEAD only."""
        named: dict[str, Handler] = {
            "/": self.index,
            "/stream.mjpg": self.stream,
            "/stream": self.stream,
            "/snapshot.jpg": self.snapshot,
            "/snapshot": self.snapshot,
            "/state": self.state,
            "/metrics": self.metrics,
            "/healthz": self.healthz,
            **{f"/{name}": _asset(name, kind) for name, kind in ASSETS.items()},
        }
        return [web.get(path, handler) for path, handler in named.items()]

    async def index(self, request: web.Request) -> web.StreamResponse:
        """Serve the page; or what ``mjpg-streamer`` serves here."""
        action = request.query.get("action")
        if action == "stream":
            return await self.stream(request)
        if action == "snapshot":
            return await self.snapshot(request)
        if action is not None:
            raise web.HTTPBadRequest(text="action must be stream or snapshot\n")
        token = request.query.get("token")
        query = "" if token is None else f"?token={quote(token, safe='')}"  # leaves nothing that HTML would read
        return web.Response(text=self._page.replace("{query}", query), content_type="text/html")

    async def stream(self, request: web.Request) -> web.StreamResponse:
        """Pictures, one after another."""
        view = _view(request, (*VIEWS, PAIR))
        if request.method == hdrs.METH_HEAD:
            return web.Response(headers=STREAM_HEADERS)
        if self._broadcast.viewers.total() >= self._clients:
            raise _busy(f"{self._clients} viewers look already, and no more are let in\n")
        return await send_stream(request, self._broadcast, view)

    async def snapshot(self, request: web.Request) -> web.StreamResponse:
        """Serve the newest picture."""
        view = _view(request, VIEWS)
        if self._broadcast.shown is None or self._broadcast.newest is None:
            raise _busy("there is no picture yet\n")
        try:
            async with asyncio.timeout(SNAPSHOT_S):
                shot = await self._broadcast.one(view)
        except TimeoutError:
            raise _busy(f"no picture was enhanced within {SNAPSHOT_S:.0f} s\n") from None
        if shot is None:
            raise _busy("the stream has ended\n")
        jpeg = await self._broadcast.jpeg(shot, view)
        headers = {"X-Timestamp": f"{shot.captured_s:.6f}", "X-View": view, "X-Signal": "live" if shot.live else "lost"}
        return web.Response(body=jpeg, content_type="image/jpeg", headers=headers)

    async def state(self, request: web.Request) -> web.StreamResponse:
        """How it goes, as JSON."""
        return web.json_response(status(self._look, self._broadcast))

    async def metrics(self, request: web.Request) -> web.StreamResponse:
        """How it goes, for Prometheus."""
        return web.Response(body=generate_latest(self._registry), headers={hdrs.CONTENT_TYPE: CONTENT_TYPE_LATEST})

    async def healthz(self, request: web.Request) -> web.StreamResponse:
        """Whether pictures come."""
        if self._broadcast.is_fresh():
            return web.Response(text="ok\n")
        age_s = self._broadcast.age_s()
        said = "there is no picture yet\n" if age_s is None else f"no picture for {age_s:.0f} s\n"
        return web.Response(status=503, text=said)


def _asset(name: str, kind: str) -> Handler:
    """Serve a file of the page, read once."""
    content = (_FOLDER / name).read_bytes()

    async def send(request: web.Request) -> web.StreamResponse:
        return web.Response(body=content, content_type=kind, charset="utf-8")

    return send


def _view(request: web.Request, known: tuple[str, ...]) -> str:
    view = request.query.get("view", ENHANCED)
    if view not in known:
        raise web.HTTPBadRequest(text=f"view must be one of {', '.join(known)}\n")
    return view


def _busy(text: str) -> web.HTTPServiceUnavailable:
    return web.HTTPServiceUnavailable(text=text, headers={hdrs.RETRY_AFTER: str(_RETRY_AFTER_S)})
