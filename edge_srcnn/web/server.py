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
from edge_srcnn.system.files import cure_of_shared_file
from edge_srcnn.web.access import SHORT_TOKEN, Access, check, header_signal
from edge_srcnn.web.address import ANY, NULL, Place, is_local
from edge_srcnn.web.broadcast import Broadcast
from edge_srcnn.web.connections import Connections, Limits
from edge_srcnn.web.routes import Routes
from edge_srcnn.web.tls import Certificate
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
    access
        Who may look.
    limits
        How many at a time.
    certificate
        The server speaks HTTPS; None: HTTP.
    secret_files
        Files that nobody else should be able to read.
    camera
        The camera's name on the page and in ``/state``; None: that which the pipeline tells, if it has one.
    control
        Settings may be changed; None: where a token is asked for, or only this machine reaches the page.
    """

    live, blocking, on_demand = True, False, True

    def __init__(
        self,
        name: str,
        place: Place,
        *,
        quality: int = 85,
        access: Access = Access(),  # noqa: B008 - it never changes
        limits: Limits = Limits(),  # noqa: B008 - the same
        certificate: Certificate | None = None,
        secret_files: Sequence[str] = (),
        camera: str | None = None,
        control: bool | None = None,
    ) -> None:
        self._may_change = control
        self.name = self.address = name
        self._place, self._quality, self._access, self._limits = place, quality, access, limits
        self._certificate, self._secret_files, self._camera = certificate, secret_files, camera
        self._ready: Future[Broadcast] = Future()
        self._thread = Thread(target=self._run, name="http", daemon=True)
        self._broadcast: Broadcast | None = None

    def begin(self, stream: Stream) -> None:
        """Listen and serve; ``CannotWrite`` where the port is taken, or the address is not one of this machine."""
        self._stream, self._listener = stream, self._place.listen()
        scheme, prefix = "http" if self._certificate is None else "https", self._access.prefix
        self.address = self._place.url(self._listener, scheme, f"{prefix}/" if prefix else "")
        self._warn()
        self._thread.start()
        try:
            self._broadcast = self._ready.result()
        except Exception as error:
            self._thread.join(_JOIN_S)
            raise CannotWrite(f"{self.address}: cannot be served ({describe(error)})") from error

    def _warn(self) -> None:
        """Say in the log what lets more people look than may be meant."""
        token = self._access.token
        if token is None and not is_local(self._listener):
            log.warning(
                "%s is open to everybody who reaches it; #token=... or #token_file=... asks for a token", self.address
            )
        if token is None and {ANY, NULL} & set(self._access.cors):
            log.warning(
                "%s: cors=%s lets every page on the internet read it through the browsers of those who can; "
                "#token_file=... keeps them out",
                self.address,
                ANY if ANY in self._access.cors else NULL,
            )
        if token is not None and len(token) < SHORT_TOKEN:
            log.warning(
                "%s: the token has fewer than %d characters, and can be guessed; make one: openssl rand -hex 16",
                self.address,
                SHORT_TOKEN,
            )
        for file in self._secret_files:
            cure = cure_of_shared_file(file)
            if cure is not None:
                log.warning("%s: others on this machine can read the secret in it: %s", file, cure)
        if self._certificate is not None:
            self._certificate.warn()

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
            self._place.leave(self._listener)

    async def _serve(self) -> None:
        with ThreadPoolExecutor(1, thread_name_prefix="jpeg") as encoder:
            broadcast = Broadcast(self._quality, encoder, self._stream.rate)
            connections = Connections(self._limits, self._access.proxies)
            runner = web.AppRunner(
                self._application(broadcast, connections),
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
            certificate = self._certificate
            context = None if certificate is None else certificate.context
            server: Any = runner.server  # there is one from "setup" on
            accepting = asyncio.create_task(connections.accept(self._listener, server, context))
            try:
                self._ready.set_result(broadcast)
                while not broadcast.closed.is_set():
                    if accepting.done():  # never, but for a bug, which ends the server where all can see it
                        accepting.result()
                    broadcast.check_signal()
                    connections.tell()
                    if certificate is not None:
                        certificate.refresh()
                    with suppress(TimeoutError):
                        await asyncio.wait_for(broadcast.closed.wait(), _CHECK_S)
            finally:
                accepting.cancel()
                await _end(runner, broadcast)

    def _application(self, broadcast: Broadcast, connections: Connections) -> web.Application:
        checks = [check(self._access), connections.attend]
        application = web.Application(middlewares=checks, client_max_size=_BODY_BYTES)
        application.on_response_prepare.append(header_signal(self._access))
        proxies = self._access.proxies
        token = self._access.token is not None
        may_change = (token or is_local(self._listener)) if self._may_change is None else self._may_change
        routes = Routes(
            self._stream.state,
            broadcast,
            self._limits.clients,
            lambda: self._camera or self._stream.present_name,
            proxies.visitor_of,
            control=self._stream.control,
            may_change=may_change,
            token=token,
        )
        application.add_routes(routes.table(self._access.prefix))
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
