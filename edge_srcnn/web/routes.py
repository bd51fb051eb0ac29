"""What is served where, and the streams: multipart JPEG, as ``mjpg-streamer`` and ``ustreamer`` send it."""

import asyncio
import logging
import re
from collections.abc import Callable
from html import escape
from importlib.resources import files
from typing import Any
from urllib.parse import quote

from aiohttp import hdrs, web
from aiohttp.typedefs import Handler
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

from edge_srcnn.sinks.control import Control
from edge_srcnn.web.broadcast import Broadcast, Shot
from edge_srcnn.web.control import CLOSED, ControlRoutes
from edge_srcnn.web.openapi import JPEG, PROJECT, TEXT, Parameter, Route, document
from edge_srcnn.web.proxies import Proxies, Visitor
from edge_srcnn.web.state import registry, shown_of, status, versions
from edge_srcnn.web.views import ENHANCED, PARTS, VIEWS

log = logging.getLogger(__name__)

PAGE = "index.html"
ASSETS = {
    "page.css": "text/css",
    "stream.js": "text/javascript",
    "stage.js": "text/javascript",
    "page.js": "text/javascript",
    "controls.js": "text/javascript",
    "settings.js": "text/javascript",
    "icon.svg": "image/svg+xml",
}

SNAPSHOT_S = 15.0
"""Whoever asks for a picture while none is enhanced waits so long for it."""

BOUNDARY = "boundarydonotcross"
"""The word that the clients of both programs know."""

STALL_S = 30.0
"""A viewer that takes nothing for so long is gone."""

STREAM_HEADERS = {
    "Content-Type": f"multipart/x-mixed-replace; boundary={BOUNDARY}",
    "Cache-Control": "no-store",
    "X-Accel-Buffering": "no",  # nginx then hands frames on at once
}

_FOLDER = files("edge_srcnn.web") / "page"
_RETRY_AFTER_S = 1
_STREAM, _SNAPSHOT = ("stream", "stream_0"), ("snapshot", "snapshot_0")  # of mjpg-streamer: its first input
_HEAD = "<head>"
_NO_PROXIES = Proxies()
_WORD = re.compile(r"\{(query|heading|title)\}")


class Routes:
    """Answer requests by what the pipeline shows.

    Parameters
    ----------
    look
        Gives the pipeline's state.
    broadcast
        Gives pictures.
    clients
        Streams at a time.
    name
        Gives the camera's name, or None.
    visitor_of
        Finds out who asks, also through a proxy.
    control
        Changes settings; None where nothing can be changed.
    may_change
        Whoever looks may change settings, too.
    token
        A token is asked for.
    """

    def __init__(
        self,
        look: Callable[[], Any],
        broadcast: Broadcast,
        clients: int,
        name: Callable[[], str | None] = lambda: None,
        visitor_of: Callable[[web.Request], Visitor] = _NO_PROXIES.visitor_of,
        *,
        control: Control | None = None,
        may_change: bool = True,
        token: bool = False,
    ) -> None:
        self._visitor_of, self._token = visitor_of, token
        self._control = None if control is None or not may_change else ControlRoutes(control)
        self._closed = control is not None and not may_change
        self._look, self._broadcast, self._clients, self._name = look, broadcast, clients, name
        self._registry = registry(look, broadcast)
        self._page = (_FOLDER / PAGE).read_text(encoding="utf-8")

    def table(self, prefix: str = "") -> list[web.RouteDef]:
        """List the routes for ``Application.add_routes``, below a path; GET answers to HEAD, too."""
        self._prefix = prefix
        files = [Route(f"/{name}", _asset(name, kind)) for name, kind in ASSETS.items()]
        routes = [route.define(prefix) for route in (*self._routes(), *files)]
        return [*routes, web.get(prefix, _with_slash)] if prefix else routes

    def _routes(self) -> list[Route]:
        """List the records of all routes but the page's files."""
        views = Parameter("view", "Which picture.", VIEWS, ENHANCED)
        parts = Parameter("view", "Which picture; pairs are two of one moment.", tuple(PARTS), ENHANCED)
        actions = Parameter("action", "What mjpg-streamer serves here.", (*_STREAM, *_SNAPSHOT))
        stream, pages = (STREAM_HEADERS["Content-Type"].partition(";")[0],), ("text/html", JPEG)
        found = [
            Route("/", self.index, "The page.", (*pages, *stream), parameters=(actions, parts)),
            Route("/stream.mjpg", self.stream, "Pictures, one after another.", stream, parameters=(parts,)),
            Route("/stream", self.stream, "The same, as ustreamer has it.", stream, parameters=(parts,)),
            Route("/snapshot.jpg", self.snapshot, "The newest picture.", (JPEG,), parameters=(views,)),
            Route("/snapshot", self.snapshot, "The same, as ustreamer has it.", (JPEG,), parameters=(views,)),
            Route("/state", self.state, "How it goes.", schema=shown_of(self._look)),
            Route("/metrics", self.metrics, "How it goes, for Prometheus.", (TEXT,)),
            Route("/healthz", self.healthz, "Whether pictures come.", (TEXT,)),
            Route("/openapi.json", self.openapi, "This description."),
        ]
        if self._control is not None:
            found += self._control.routes()
        return [*found, *CLOSED] if self._closed else found

    async def index(self, request: web.Request) -> web.StreamResponse:
        """Serve the page; or what ``mjpg-streamer`` serves here."""
        action = request.query.get("action")
        if action in _STREAM:
            return await self.stream(request)
        if action in _SNAPSHOT:
            return await self.snapshot(request)
        if action is not None:
            raise web.HTTPBadRequest(text="action must be stream, stream_0, snapshot or snapshot_0\n")
        token = request.query.get("token")
        query = "" if token is None else f"?token={quote(token, safe='')}"  # leaves nothing that HTML would read
        name = self._name()
        heading = name or PROJECT
        title = PROJECT if name is None else f"{name} \N{MIDDLE DOT} {PROJECT}"
        words = {"query": query, "heading": escape(heading), "title": escape(title)}
        text = _WORD.sub(lambda found: words[found[1]], self._page)  # in one go: a name may look like a word
        prefix = self._visitor_of(request).prefix
        if prefix:  # a proxy took it away, and whether a slash followed it nobody can tell
            text = text.replace(_HEAD, f'{_HEAD}\n  <base href="{prefix}/">', 1)
        return web.Response(text=text, content_type="text/html")

    async def stream(self, request: web.Request) -> web.StreamResponse:
        """Send pictures, one after another, until the viewer leaves, or there are no more."""
        view = _view(request, tuple(PARTS))
        if request.method == hdrs.METH_HEAD:
            return web.Response(headers=STREAM_HEADERS)
        if self._broadcast.viewers.total() >= self._clients:
            raise _busy(f"{self._clients} viewers look already, and no more are let in\n")
        response = web.StreamResponse(headers=STREAM_HEADERS)
        response.force_close()
        if request.transport is not None:
            request.transport.set_write_buffer_limits(high=0)  # "drained" is then: nothing is left here
        try:
            with self._broadcast.viewer(view):
                await response.prepare(request)
                await self._send_pictures(request, response, view)
        except TimeoutError:
            log.info(
                "viewer %s took nothing for %.0f s; its connection is closed",
                self._visitor_of(request).address,
                STALL_S,
            )
            if request.transport is not None:
                request.transport.abort()
        except ConnectionError:  # it left
            pass
        return response

    async def _send_pictures(self, request: web.Request, response: web.StreamResponse, view: str) -> None:
        """Hand a picture to the system when the one before has left; those that come in between are left out."""
        await response.write(f"--{BOUNDARY}\r\n".encode())
        number = 0
        while (shot := await self._broadcast.newer(number, view)) is not None:
            number = shot.number
            for part in PARTS[view]:
                jpeg = await self._broadcast.jpeg(shot, part)
                data = _part(shot, part, jpeg, self._broadcast.interval_s())
                async with asyncio.timeout(STALL_S):
                    await response.write(data)
                    await request.writer.drain()

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
        return web.Response(body=jpeg, content_type="image/jpeg", headers=_headers(shot, view))

    async def state(self, request: web.Request) -> web.StreamResponse:
        """Serve the state as JSON."""
        return web.json_response(status(self._look, self._broadcast, self._name(), control=self._control is not None))

    async def openapi(self, request: web.Request) -> web.StreamResponse:
        """Serve the description of all routes."""
        server, version = f"{self._visitor_of(request).prefix}{self._prefix}/", versions().get(PROJECT, "unknown")
        routes = self._routes()
        return web.json_response(document(routes, server=server, version=version, token=self._token))

    async def metrics(self, request: web.Request) -> web.StreamResponse:
        """Serve the state for Prometheus."""
        return web.Response(body=generate_latest(self._registry), headers={hdrs.CONTENT_TYPE: CONTENT_TYPE_LATEST})

    async def healthz(self, request: web.Request) -> web.StreamResponse:
        """Tell whether pictures come."""
        if self._broadcast.is_fresh():
            return web.Response(text="ok\n")
        age_s = self._broadcast.age_s()
        said = "there is no picture yet\n" if age_s is None else f"no picture for {age_s:.0f} s\n"
        return web.Response(status=503, text=said)


async def _with_slash(request: web.Request) -> web.StreamResponse:
    """Send to the folder's address, relative to which the page asks; the token goes along."""
    query = request.rel_url.raw_query_string
    raise web.HTTPPermanentRedirect(f"{request.path.rpartition('/')[2]}/{query and f'?{query}'}")


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


def _headers(shot: Shot, view: str) -> dict[str, str]:
    """Tell what a picture is, when it was taken, and how old it is, whatever the clock of the reader says."""
    return {
        "X-Timestamp": f"{shot.captured_s:.6f}",
        "X-Age": f"{shot.age_s():.3f}",
        "X-View": view,
        "X-Signal": "live" if shot.live else "lost",
    }


def _part(shot: Shot, view: str, jpeg: bytes, interval_s: float) -> bytes:
    """Wrap one picture. The boundary that ends it goes with it: browsers show a picture when they see that."""
    headers = {
        "Content-Type": "image/jpeg",
        "Content-Length": str(len(jpeg)),
        **_headers(shot, view),
        "X-Interval": f"{interval_s:.3f}",
    }
    head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return b"".join((f"{head}\r\n".encode(), jpeg, f"\r\n--{BOUNDARY}\r\n".encode()))
