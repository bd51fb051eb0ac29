"""Who is connected: whoever waits for an answer stays, and of those who ask nothing only the newest do."""

from collections.abc import Sequence
from typing import Any

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

MOST_IDLE = 100
"""Connections that ask nothing; browsers keep some open, and who opens thousands keeps others out."""


class ConnectionLimit:
    """Knows the connections that are being answered."""

    def __init__(self) -> None:
        self._answered: set[Any] = set()

    def middleware(self) -> Middleware:
        """For the application: sees every request from its begin to its end."""

        @web.middleware
        async def attend(request: web.Request, handler: Handler) -> web.StreamResponse:
            self._answered.add(request.protocol)
            try:
                return await handler(request)
            finally:
                self._answered.discard(request.protocol)

        return attend

    def close_idle(self, connections: Sequence[Any]) -> None:
        """Cut off the idle ones that are too many; ``connections`` are those of the server, the oldest first."""
        idle = [each for each in connections if each not in self._answered and each.transport is not None]
        for each in idle[: max(len(idle) - MOST_IDLE, 0)]:
            each.transport.abort()
