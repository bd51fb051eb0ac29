"""``/control``: what can be changed while frames go on, as JSON; and a picture to the server's disk."""

import asyncio
import json
import threading
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any, NoReturn, TypeVar

from aiohttp import hdrs, web

from edge_srcnn.errors import CannotWrite, Conflict, EdgeSrcnnError, Unavailable
from edge_srcnn.sinks.control import Control
from edge_srcnn.web.openapi import JSON, Parameter, Route, settings_schema

_T = TypeVar("_T")

_STATUSES: tuple[tuple[type[EdgeSrcnnError], int], ...] = ((Conflict, 409), (CannotWrite, 409), (Unavailable, 503))
"""Of errors; the rest is what makes no sense."""

_MAKES_NO_SENSE = 422
_KEEP = Parameter("persist", "Keep the changes beyond the next start.", ("true", "false"), "false")
_RETRY_AFTER_S = 1
_SETTING = {
    "type": "object",
    "required": ["name", "label", "kind", "takes", "blocked"],
    "properties": {
        "name": {"type": "string"},
        "label": {"type": "string"},
        "kind": {"enum": ["switch", "choice", "number", "text"]},
        "takes": {"type": "string"},
        "blocked": {"type": ["string", "null"]},
        "empty": {"type": ["string", "null"]},
    },
}


async def _closed(request: web.Request) -> NoReturn:
    """Refuse, and say what would open it."""
    raise web.HTTPForbidden(text="settings are changed with a token only: add #token_file=FILE, or control=yes\n")


CLOSED = (
    Route("/control", _closed),
    Route("/control", _closed, method=hdrs.METH_PATCH),
    Route("/control/snapshot", _closed, method=hdrs.METH_POST),
)
"""Where everybody who reaches the page could change settings, and nobody said that this is meant."""


class ControlRoutes:
    """Answer requests for settings, and to change them.

    Parameters
    ----------
    control
        Changes them.
    """

    def __init__(self, control: Control) -> None:
        self._control = control
        self._changing, self._shooting = asyncio.Lock(), asyncio.Lock()

    def routes(self) -> list[Route]:
        """List them."""
        settings = self._control.settings()
        answer = {
            "type": "object",
            "required": ["values", "settings"],
            "properties": {
                "values": settings_schema(settings, change=False),
                "settings": {"type": "array", "items": _SETTING},
            },
        }
        body = settings_schema(settings, change=True)
        file = {"type": "object", "required": ["file"], "properties": {"file": {"type": "string"}}}
        return [
            Route("/control", self.look, "Settings that can be changed, and their values.", schema=answer),
            Route(
                *("/control", self.change, "Change settings between two frames: all, or none.", (JSON,), answer),
                parameters=(_KEEP,),
                method=hdrs.METH_PATCH,
                body=body,
            ),
            Route(
                *("/control/snapshot", self.snapshot, "Write the next enhanced picture to the server's disk.", (JSON,)),
                schema=file,
                method=hdrs.METH_POST,
                status=201,
            ),
        ]

    async def look(self, request: web.Request) -> web.StreamResponse:
        """Give settings and values."""
        return web.json_response(self._document())

    async def change(self, request: web.Request) -> web.StreamResponse:
        """Change what the body says, all or nothing, and give settings and values after it."""
        persist = request.query.get(_KEEP.name, _KEEP.usual)
        if persist not in _KEEP.choices:
            raise web.HTTPBadRequest(text=f"{_KEEP.name} must be one of {', '.join(_KEEP.choices)}\n")
        if request.content_type != JSON:
            raise web.HTTPUnsupportedMediaType(
                text=f'send JSON, with Content-Type: {JSON}, such as {{"strength": 0.8}}\n'
            )
        changes = _object(await request.read())
        async with self._changing:
            try:
                await asyncio.to_thread(self._control.change, changes, persist=persist == "true")
            except EdgeSrcnnError as error:
                _refuse(error)
        return web.json_response(self._document())

    async def snapshot(self, request: web.Request) -> web.StreamResponse:
        """Write a picture, one at a time, and tell its file."""
        if self._shooting.locked():
            raise _busy("a snapshot is being taken already")
        async with self._shooting:
            try:
                path: Path = await _in_thread(self._control.snapshot)
            except EdgeSrcnnError as error:
                _refuse(error)
        return web.json_response({"file": str(path)}, status=201)

    def _document(self) -> dict[str, Any]:
        settings = [asdict(each) | {"takes": each.takes} for each in self._control.settings()]
        return {"values": self._control.values(), "settings": settings}


def _object(body: bytes) -> dict[str, Any]:
    """Read an object of JSON."""

    def refuse(name: str) -> NoReturn:
        raise ValueError(f"{name} is no JSON")

    try:
        found = json.loads(body, parse_constant=refuse)
    except (ValueError, RecursionError) as error:
        raise web.HTTPBadRequest(text="the body is no JSON\n") from error
    if not isinstance(found, dict):
        raise web.HTTPUnprocessableEntity(text='give an object of JSON, such as {"strength": 0.8}\n')
    return found


def _refuse(error: EdgeSrcnnError) -> NoReturn:
    """Answer with the error's text, in one line, and the status of its kind."""
    text = " ".join(str(error).split())
    text = "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in text)
    status = next((status for kind, status in _STATUSES if isinstance(error, kind)), _MAKES_NO_SENSE)
    if status == web.HTTPServiceUnavailable.status_code:
        raise _busy(text) from error
    raise (web.HTTPConflict if status == web.HTTPConflict.status_code else web.HTTPUnprocessableEntity)(
        text=f"{text}\n"
    ) from error


def _busy(text: str) -> web.HTTPServiceUnavailable:
    return web.HTTPServiceUnavailable(text=f"{text}\n", headers={hdrs.RETRY_AFTER: str(_RETRY_AFTER_S)})


async def _in_thread(work: Callable[[], _T]) -> _T:
    """Wait for something that may take long, in a thread that holds up nobody: the server ends without it."""
    loop = asyncio.get_running_loop()
    future: asyncio.Future[_T] = loop.create_future()

    def finish(result: _T | None, error: BaseException | None) -> None:
        if not future.done():
            if error is not None:
                future.set_exception(error)
            else:
                future.set_result(result)  # type: ignore[arg-type]  # it is one where there is no error

    def run() -> None:
        result, failed = None, None
        try:
            result = work()
        except BaseException as error:
            failed = error
        if not loop.is_closed():
            loop.call_soon_threadsafe(finish, result, failed)

    threading.Thread(target=run, name="snapshot", daemon=True).start()
    return await future
