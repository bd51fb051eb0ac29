"""The viewer's server: a thread with an event loop of its own."""

import asyncio
import logging
import time
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from threading import Thread
from typing import Any

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError

from edge_srcnn.errors import CannotWrite, describe
from edge_srcnn.sinks import Result, Sink, Stream
from edge_srcnn.web.broadcast import Broadcast
from edge_srcnn.web.routes import Routes
from edge_srcnn.web.security import Certificate, ConnectionLimit, accept_handshakes, access_check, add_headers
from edge_srcnn.web.sink import Address, is_loopback, reachable_url
from edge_srcnn.web.views import MAX_SIDE_PX

log = logging.getLogger(__name__)
visitors_log = log.getChild("visitors")

IDLE_S = 15.0
"""A connection that asks nothing for so long is closed."""

_FAREWELL_S = 0.3
_CHECK_S = 0.5
_JOIN_S = 2.0
_LINE_BYTES = 4096
_BODY_BYTES = 4096


def _is_worth_a_line(record: logging.LogRecord) -> bool:
    """Leave out what visitors caused who sent garbage: they are answered, and tracebacks would fill the log."""
    return not (record.exc_info and isinstance(record.exc_info[1], HttpProcessingError))


visitors_log.addFilter(_is_worth_a_line)


class HttpSink(Sink):
    """Show the newest result to whoever looks, from ``begin`` until ``close``.

    Parameters
    ----------
    name
        As it was asked for, without secrets.
    place
        Where to listen.
    quality
        Of JPEG, 1 to 100.
    clients
        Streams at a time.
    token
        What visitors must show; None lets everybody in.
    certificate
        The server speaks HTTPS; None: HTTP.
    camera
        The camera's name on the page and in ``/state``; None: that which the pipeline tells, if it has one.
    """

    live, blocking, on_demand = True, False, True

    def __init__(
        self,
        name: str,
        place: Address,
        *,
        quality: int = 85,
        clients: int = 20,
        token: str | None = None,
        certificate: Certificate | None = None,
        camera: str | None = None,
    ) -> None:
        self.name = self.address = name
        self._place, self._quality, self._clients = place, quality, clients
        self._token, self._certificate, self._camera = token, certificate, camera
        self._ready: Future[Broadcast] = Future()
        self._thread = Thread(target=self._run, name="http", daemon=True)
        self._broadcast: Broadcast | None = None

    def begin(self, stream: Stream) -> None:
        """Listen and serve; ``CannotWrite`` where the port is taken, or the address is not one of this machine."""
        self._look, self._listener = stream.state, self._place.listen()
        self._camera = self._camera or stream.name
        self.address = reachable_url(self._listener, "http" if self._certificate is None else "https")
        if not is_loopback(self._listener) and self._token is None:
            log.warning(
                "%s is open to everybody who reaches it; #token=... or #token_file=... asks for a token", self.address
            )
        self._thread.start()
        try:
            self._broadcast = self._ready.result()
        except Exception as error:
            self._thread.join(_JOIN_S)
            raise CannotWrite(f"{self.address}: cannot be served ({describe(error)})") from error

    def write(self, result: Result) -> None:
        """Make a result the newest, which is encoded when somebody looks; ``CannotWrite`` if it cannot be shown."""
        if max(result.frame.size) > MAX_SIDE_PX:
            raise CannotWrite(f"{self.name}: JPEG holds at most {MAX_SIDE_PX} pixels a side")
        if self._broadcast is None or not self._thread.is_alive():
            raise CannotWrite(f"{self.address}: the server has ended")
        with suppress(RuntimeError):  # the loop is closed: the thread is about to end
            self._broadcast.publish(result)

    def wants_frames(self) -> bool:
        """Tell whether anybody looks at an enhanced picture, or asks for one."""
        return self._broadcast is not None and self._broadcast.wants_frames()

    def close(self) -> None:
        """End all connections and the thread."""
        if self._broadcast is not None and self._thread.is_alive():
            with suppress(RuntimeError):  # the loop is closed: the thread is about to end
                self._broadcast.close_soon()
            self._thread.join(_JOIN_S)

    def _run(self) -> None:
        try:
            asyncio.run(self._serve())
        except BaseException as error:
            if self._ready.done():
                raise
            self._ready.set_exception(error)
        finally:
            self._listener.close()

    async def _serve(self) -> None:
        with ThreadPoolExecutor(1, thread_name_prefix="jpeg") as encoder:
            broadcast, limit = Broadcast(self._quality, encoder), ConnectionLimit()
            runner = web.AppRunner(
                self._application(broadcast, limit),
                access_log=None,  # it would hold tokens
                logger=visitors_log,
                handler_cancellation=True,  # a viewer that leaves while no frames come is seen to leave
                keepalive_timeout=IDLE_S,
                lingering_time=1.0,
                max_line_size=_LINE_BYTES,
                max_field_size=_LINE_BYTES,
                shutdown_timeout=_FAREWELL_S,
            )
            await runner.setup()
            certificate, accepting = self._certificate, None
            try:
                if certificate is None:
                    await web.SockSite(runner, self._listener).start()
                elif runner.server is not None:
                    handshakes = accept_handshakes(self._listener, certificate.context, runner.server)
                    accepting = asyncio.create_task(handshakes)
                self._ready.set_result(broadcast)
                while not broadcast.closed.is_set():
                    broadcast.check_signal()
                    limit.close_idle(_connections(runner))
                    if certificate is not None:
                        certificate.refresh()
                    with suppress(TimeoutError):
                        await asyncio.wait_for(broadcast.closed.wait(), _CHECK_S)
            finally:
                if accepting is not None:
                    accepting.cancel()
                await _end(runner, broadcast)

    def _application(self, broadcast: Broadcast, limit: ConnectionLimit) -> web.Application:
        access = access_check(self._place.host if is_loopback(self._listener) else None, self._token)
        application = web.Application(middlewares=[limit.attend, access], client_max_size=_BODY_BYTES)
        application.on_response_prepare.append(add_headers)
        application.add_routes(Routes(self._look, broadcast, self._clients, self._camera).table())
        return application


def _connections(runner: web.AppRunner) -> Sequence[Any]:
    """List the connections of the server, the oldest first."""
    return runner.server.connections if runner.server else ()


async def _end(runner: web.AppRunner, broadcast: Broadcast) -> None:
    """Let viewers read the end of their streams; cut off those that do not."""
    broadcast.close()
    deadline = time.monotonic() + _FAREWELL_S
    while broadcast.viewers.total() and time.monotonic() < deadline:
        await asyncio.sleep(0.01)
    for connection in _connections(runner):
        if connection.transport is not None:
            connection.transport.abort()
    await runner.cleanup()
