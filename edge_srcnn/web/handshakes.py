"""TLS handshakes: few at a time, each with little time, so that visitors who say nothing cost no memory."""

import asyncio
import socket
import ssl
from asyncio import Task
from collections import deque
from collections.abc import Callable
from contextlib import suppress

MOST_HANDSHAKES = 50
"""At a time, 0.3 MB each; where more come, the oldest makes room."""

HANDSHAKE_S = 5.0
_PAUSE_S = 0.5


async def accept_handshakes(
    listener: socket.socket, context: ssl.SSLContext, protocol: Callable[[], asyncio.Protocol]
) -> None:
    """Accept connections until cancelled; ``protocol`` gets those that have shaken hands."""
    loop = asyncio.get_running_loop()
    pending: deque[Task[None]] = deque()

    async def shake(connection: socket.socket) -> None:
        with suppress(OSError):  # of TLS, too; asyncio has closed the connection
            await loop.connect_accepted_socket(
                protocol, connection, ssl=context, ssl_handshake_timeout=HANDSHAKE_S, ssl_shutdown_timeout=HANDSHAKE_S
            )

    def forget(task: Task[None]) -> None:
        with suppress(ValueError):  # it had to make room
            pending.remove(task)

    listener.setblocking(False)
    try:
        while True:
            try:
                connection, _ = await loop.sock_accept(listener)
            except OSError:  # too many open files, or a visitor who left already
                await asyncio.sleep(_PAUSE_S)
                continue
            if len(pending) >= MOST_HANDSHAKES:
                pending.popleft().cancel()
            task = loop.create_task(shake(connection))
            pending.append(task)
            task.add_done_callback(forget)
            await asyncio.sleep(0)  # it begins, and owns the connection, before it may be cancelled
    finally:
        for task in tuple(pending):
            task.cancel()
