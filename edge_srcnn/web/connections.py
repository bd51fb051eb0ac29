"""How many may connect: a limit in all and for each address; who asks nothing makes room, files for recordings stay."""

import asyncio
import logging
import resource
import socket
import ssl
from asyncio import Task
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from time import monotonic
from typing import Any

from aiohttp import web
from aiohttp.typedefs import Handler

from edge_srcnn.web.proxies import Proxies, address_in, site_of

log = logging.getLogger(__name__)

MOST_HANDSHAKES = 50
"""At a time, 0.3 MB each; where more come, the oldest makes room."""

HANDSHAKE_S = 5.0
RESERVE = 64
"""Files that connections leave to cameras and recordings, of those that the process may open."""

TELL_EVERY_S = 60.0
"""How often the log says that visitors were turned away."""

_PAUSE_S = 0.5
_LINGER_S, _MOST_LEAVING = 0.5, 16
_TOO_MANY_FILES = "too many open files"


@dataclass(frozen=True)
class Limits:
    """Say how much at a time.

    Attributes
    ----------
    clients
        Streams.
    connections
        Connections, those that ask nothing included.
    per_address
        Connections of one address; for IPv6 of one /64.
    """

    clients: int = 20
    connections: int = 256
    per_address: int = 64


class Connections:
    """Accept connections, as many as the limits and the system allow.

    Parameters
    ----------
    limits
        How many.
    proxies
        Who connects for many, and is not counted by address; the visitors behind are.
    """

    def __init__(self, limits: Limits, proxies: Proxies) -> None:
        self._limits, self._proxies = limits, proxies
        # with their sites: tasks, until connections are made, then protocols; who asked last is the last
        self._all: dict[Any, str | None] = {}
        self._answered: Counter[Any] = Counter()
        self._asking: Counter[str] = Counter()  # by site, behind proxies
        self._leaving: set[socket.socket] = set()
        self._full: Counter[str] = Counter()
        self._closed = self._turned_away = 0
        self._told_s = float("-inf")

    async def accept(
        self, listener: socket.socket, protocol: Callable[[], asyncio.Protocol], context: ssl.SSLContext | None = None
    ) -> None:
        """Accept connections until cancelled.

        Parameters
        ----------
        listener
            Where they come.
        protocol
            Makes what answers one.
        context
            Of TLS. Few shake hands at a time, each with little time, so that who says nothing costs no memory.
        """
        loop = asyncio.get_running_loop()
        listener.setblocking(False)
        try:
            while True:
                await asyncio.sleep(0)  # a flood does not keep others from being served
                try:
                    connection, name = await loop.sock_accept(listener)
                except ConnectionError:  # it has left already
                    continue
                except OSError:  # other parts of the process took the last files
                    self._full[_TOO_MANY_FILES] += 1
                    await asyncio.sleep(_PAUSE_S)
                    continue
                address = address_in(name)
                site = None if self._proxies.trusts(address) else site_of(address)
                refusal = self._refusal(connection.fileno(), site)
                if refusal is not None:
                    self._turn_away(connection, refusal, context)
                    continue
                shaking = [each for each in self._all if isinstance(each, Task)]
                if len(shaking) >= MOST_HANDSHAKES:
                    self._cut_off(shaking[0])
                task = loop.create_task(self._greet(connection, site, protocol, context))
                self._all[task] = site
                task.add_done_callback(lambda done: self._all.pop(done, None))
                await asyncio.sleep(0)  # it begins, and owns the connection, before it may be cancelled
        finally:
            for task in [each for each in self._all if isinstance(each, Task)]:
                task.cancel()
            for connection in self._leaving:
                connection.close()

    @web.middleware
    async def attend(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Watch a request from its begin to its end; refuse what is too much for one visitor of a proxy."""
        visitor, protocol = self._proxies.visitor_of(request), request.protocol
        site = site_of(visitor.address) if visitor.proxied else None
        if site is not None and self._asking[site] >= self._limits.per_address:
            self._full[self._per_address] += 1
            self._turned_away += 1
            raise web.HTTPServiceUnavailable(text=f"{self._per_address}\n", headers={"Retry-After": "1"})
        self._answered[protocol] += 1
        if site is not None:
            self._asking[site] += 1
        try:
            return await handler(request)
        finally:
            if site is not None:
                _less(self._asking, site)
            _less(self._answered, protocol)
            if protocol in self._all:
                self._all[protocol] = self._all.pop(protocol)

    def tell(self) -> None:
        """Say in the log that there was no room, once a minute."""
        if self._full and monotonic() - self._told_s >= TELL_EVERY_S:
            reasons = ", ".join(f"{why} ({number} times)" for why, number in self._full.items())
            log.warning(
                "too many connections: %d that asked nothing were closed, %d were turned away: %s",
                self._closed,
                self._turned_away,
                reasons,
            )
            self._full.clear()
            self._closed = self._turned_away = 0
            self._told_s = monotonic()

    @property
    def _in_all(self) -> str:
        return f"limit of {self._limits.connections} connections; connections= raises it"

    @property
    def _per_address(self) -> str:
        return f"limit of {self._limits.per_address} connections of one address; per_address= raises it"

    def _refusal(self, number: int, site: str | None) -> str | None:
        """Make room for a connection, or say why there is none.

        Parameters
        ----------
        number
            Its descriptor: the lowest that was free, which tells how many the process has.
        site
            Who connects, or None for proxies.

        Returns
        -------
        What keeps it out, or None.
        """
        for gone in [each for each in self._all if not isinstance(each, Task) and each.transport is None]:
            del self._all[gone]
        full = site is not None and list(self._all.values()).count(site) >= self._limits.per_address
        if full and not self._close_idle(self._per_address, site):
            return self._per_address
        if len(self._all) >= self._limits.connections and not self._close_idle(self._in_all):
            return self._in_all
        if number >= _most_files() and not self._close_idle(_TOO_MANY_FILES):
            return _TOO_MANY_FILES
        return None

    def _close_idle(self, why: str, site: str | None = None) -> bool:
        """Cut off the oldest connection that asks nothing, of one site or of all; False where each is answered."""
        idle = (each for each, of in self._all.items() if site in (None, of) and each not in self._answered)
        oldest = next(idle, None)
        if oldest is None:
            return False
        self._cut_off(oldest)
        self._closed += 1
        self._full[why] += 1
        return True

    def _cut_off(self, one: Any) -> None:
        del self._all[one]
        if isinstance(one, Task):
            one.cancel()
        else:
            one.transport.abort()

    async def _greet(
        self,
        connection: socket.socket,
        site: str | None,
        protocol: Callable[[], asyncio.Protocol],
        context: ssl.SSLContext | None,
    ) -> None:
        limit_s = None if context is None else HANDSHAKE_S
        with suppress(OSError):  # of TLS, too; asyncio has closed the connection
            _, made = await asyncio.get_running_loop().connect_accepted_socket(
                protocol, connection, ssl=context, ssl_handshake_timeout=limit_s, ssl_shutdown_timeout=limit_s
            )
            self._all[made] = site

    def _turn_away(self, connection: socket.socket, why: str, context: ssl.SSLContext | None) -> None:
        """Say that there is no room, where that is possible without waiting."""
        self._full[why] += 1
        self._turned_away += 1
        if context is not None or len(self._leaving) >= _MOST_LEAVING:
            connection.close()
            return
        with suppress(OSError):
            connection.setblocking(False)
            connection.send(_busy(why))
            connection.shutdown(socket.SHUT_WR)
        self._leaving.add(connection)  # closed at once, what the visitor is still sending would cost him the answer
        asyncio.get_running_loop().call_later(_LINGER_S, self._let_go, connection)

    def _let_go(self, connection: socket.socket) -> None:
        self._leaving.discard(connection)
        connection.close()


def _most_files() -> int:
    """Give the descriptor from which on files are kept for others: small ones first, so it is also a number."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return 2**31 if soft == resource.RLIM_INFINITY else soft - min(RESERVE, soft // 4)


def _less(counts: Counter[Any], key: Any) -> None:
    """Count one less, and forget what is none."""
    counts[key] -= 1
    if counts[key] <= 0:
        del counts[key]


def _busy(why: str) -> bytes:
    body = f"{why}\n".encode()
    head = (
        "HTTP/1.1 503 Service Unavailable\r\nContent-Type: text/plain; charset=utf-8\r\nRetry-After: 1\r\n"
        f"Connection: close\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body
