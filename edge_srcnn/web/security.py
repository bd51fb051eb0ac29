"""Who may look, and how many: names, tokens, connections, and TLS with its handshakes."""

import asyncio
import base64
import hmac
import logging
import os
import re
import socket
import ssl
from asyncio import Task
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from time import monotonic
from typing import Any

from aiohttp import hdrs, web
from aiohttp.typedefs import Handler, Middleware

from edge_srcnn.errors import NoInput, UsageError

log = logging.getLogger(__name__)

OPEN_PATHS = frozenset({"/healthz"})
"""What needs no token."""

HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": (
        "default-src 'self'; object-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "Referrer-Policy": "no-referrer",  # a token in the address stays here
    "Server": "edge-srcnn",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}

MOST_IDLE = 100
"""Connections that ask nothing; browsers keep some open, and who opens thousands keeps others out."""

MOST_HANDSHAKES = 50
"""At a time, 0.3 MB each; where more come, the oldest makes room."""

HANDSHAKE_S = 5.0
LOOK_EVERY_S = 60.0
"""How often a certificate is looked at: whether it was renewed."""

_PAUSE_S = 0.5
_LOOPBACK_NAMES = frozenset({"localhost", "127.0.0.1", "[::1]"})
_PORT = re.compile(r":\d+$")


def access_check(own_name: str | None, token: str | None) -> Middleware:
    """Refuse requests that call this machine by another name, or that do not show the token.

    A page elsewhere could have its own name point to 127.0.0.1 (DNS rebinding); the browser would then let it read.

    Parameters
    ----------
    own_name
        How a server that listens on loopback is called, besides ``localhost``; None: every name is answered.
    token
        To be shown as bearer, as ``?token=``, or as password of basic authentication; None lets everybody in.

    Returns
    -------
    The check, for the application.
    """
    names = None if own_name is None else _LOOPBACK_NAMES | {own_name.lower()}
    expected = None if token is None else token.encode()

    @web.middleware
    async def check(request: web.Request, handler: Handler) -> web.StreamResponse:
        called = request.headers.get(hdrs.HOST)
        if names is not None and called is not None and _PORT.sub("", called).lower() not in names:
            raise web.HTTPMisdirectedRequest(text="this address answers to localhost and 127.0.0.1 only\n")
        if expected is not None and request.path not in OPEN_PATHS:
            shown = [hmac.compare_digest(one, expected) for one in _shown(request)]
            if not any(shown):
                refusal = web.HTTPUnauthorized(text="a token is needed: ?token=..., or as the password of any user\n")
                refusal.headers.add(hdrs.WWW_AUTHENTICATE, 'Basic realm="edge-srcnn", charset="UTF-8"')
                refusal.headers.add(hdrs.WWW_AUTHENTICATE, 'Bearer realm="edge-srcnn"')
                raise refusal
        return await handler(request)

    return check


def _shown(request: web.Request) -> Iterator[bytes]:
    """Give every token that the request shows."""
    for value in request.query.getall("token", []):
        yield value.encode(errors="surrogateescape")
    for value in request.headers.getall(hdrs.AUTHORIZATION, []):
        scheme, _, rest = value.partition(" ")
        if scheme.lower() == "bearer":
            yield rest.strip().encode(errors="surrogateescape")
        elif scheme.lower() == "basic":
            with suppress(ValueError):  # no base64
                yield base64.b64decode(rest.strip(), validate=True).partition(b":")[2]


async def add_headers(request: web.BaseRequest, response: web.StreamResponse) -> None:
    """Add what every answer carries; a signal of aiohttp's."""
    response.headers.update(HEADERS)


class ConnectionLimit:
    """Let those stay that wait for an answer, and of those that ask nothing only the newest."""

    def __init__(self) -> None:
        self._answered: set[Any] = set()

    @web.middleware
    async def attend(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Watch a request from its begin to its end."""
        self._answered.add(request.protocol)
        try:
            return await handler(request)
        finally:
            self._answered.discard(request.protocol)

    def close_idle(self, connections: Sequence[Any]) -> None:
        """Cut off the idle ones that are too many; ``connections`` are those of the server, the oldest first."""
        idle = [each for each in connections if each not in self._answered and each.transport is not None]
        for each in idle[: max(len(idle) - MOST_IDLE, 0)]:
            each.transport.abort()


class Certificate:
    """Hold a certificate chain and its private key, read again when they are renewed.

    Parameters
    ----------
    certificate
        A file in PEM.
    key
        A file in PEM.

    Attributes
    ----------
    context
        For connections that come.

    Raises
    ------
    NoInput
        A file is missing or unreadable, which may pass.
    UsageError
        A file is not what it should be.
    """

    def __init__(self, certificate: str, key: str) -> None:
        self._files = certificate, key
        try:
            self._loaded, self.context = self._times(), self._load()
        except (FileNotFoundError, PermissionError) as error:
            raise NoInput(f"{certificate}, {key}: cannot be read ({error.strerror})") from error
        except OSError as error:
            raise UsageError(f"{certificate}, {key}: no certificate and key in PEM ({_reason(error)})") from error
        self._looked_s = monotonic()

    def refresh(self) -> None:
        """Take a renewed certificate for new connections; where it cannot be read the old one stays."""
        if monotonic() - self._looked_s < LOOK_EVERY_S:
            return
        self._looked_s = monotonic()
        try:
            now = self._times()
            if now == self._loaded:
                return
            self._load()  # half of a pair would break the context in use
            self.context.load_cert_chain(*self._files, password="")
        except OSError as error:
            log.error("%s: cannot be read again (%s); the old certificate stays", self._files[0], _reason(error))
            return
        self._loaded = now
        log.info("%s: a new certificate is in use", self._files[0])

    def _times(self) -> tuple[int, ...]:
        """Tell when the files were changed."""
        return tuple(os.stat(file).st_mtime_ns for file in self._files)

    def _load(self) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.load_cert_chain(*self._files, password="")  # else OpenSSL would ask at the terminal
        return context


def _reason(error: OSError) -> str:
    return str(getattr(error, "reason", None) or error.strerror or error)


async def accept_handshakes(
    listener: socket.socket, context: ssl.SSLContext, protocol: Callable[[], asyncio.Protocol]
) -> None:
    """Accept connections until cancelled; ``protocol`` gets those that have shaken hands.

    Few shake hands at a time, each with little time, so that visitors who say nothing cost no memory.
    """
    loop = asyncio.get_running_loop()
    pending: dict[Task[None], None] = {}  # the oldest first

    async def shake(connection: socket.socket) -> None:
        with suppress(OSError):  # of TLS, too; asyncio has closed the connection
            await loop.connect_accepted_socket(
                protocol, connection, ssl=context, ssl_handshake_timeout=HANDSHAKE_S, ssl_shutdown_timeout=HANDSHAKE_S
            )

    listener.setblocking(False)
    try:
        while True:
            try:
                connection, _ = await loop.sock_accept(listener)
            except OSError:  # too many open files, or a visitor who left already
                await asyncio.sleep(_PAUSE_S)
                continue
            if len(pending) >= MOST_HANDSHAKES:
                oldest = next(iter(pending))
                del pending[oldest]
                oldest.cancel()
            task = loop.create_task(shake(connection))
            pending[task] = None
            task.add_done_callback(lambda done: pending.pop(done, None))
            await asyncio.sleep(0)  # it begins, and owns the connection, before it may be cancelled
    finally:
        for task in tuple(pending):
            task.cancel()
