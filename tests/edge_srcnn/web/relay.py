"""A network between browser and server that can fall silent: TCP connections stay open, and nothing comes through."""

import asyncio
import threading
from collections.abc import Coroutine
from types import TracebackType
from typing import Any
from urllib.parse import urlsplit

_BYTES = 64 * 1024
_PIECES_A_SECOND = 10
_LIMIT_S = 10.0


class Relay:
    """Pass TCP connections on to a server, until it is told to be silent; neither side sees a FIN or RST then.

    Attributes
    ----------
    opened
        Connections that came so far, by the path of their first request.
    """

    def __init__(self, address: str) -> None:
        place = urlsplit(address)
        self._target = place.hostname, place.port
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._silent: set[str] | None = set()
        self._forgotten: set[int] = set()
        self._open: set[int] = set()
        self._numbers = iter(range(10**9))
        self._changed = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()
        self._bytes_a_second: int | None = None
        self.opened: list[str] = []

    @property
    def address(self) -> str:
        """Where the browser finds it."""
        return f"http://127.0.0.1:{self._port}"

    def silence(self, *paths: str) -> None:
        """Let nothing through any more, on connections that are open and on new ones; or only for these paths."""
        self._set(set(paths) or None)

    def answer(self, *, forget: bool = False) -> None:
        """Let everything through again; ``forget``: but on connections that are open now, nothing ever."""

        async def change() -> None:
            if forget:
                self._forgotten |= self._open
            self._change(set())

        self._run(change())

    def slow_down(self, bytes_a_second: int) -> None:
        """Let each answer through at this pace only."""
        self._bytes_a_second = bytes_a_second

    def __enter__(self) -> "Relay":
        self._thread.start()
        self._server = self._run(asyncio.start_server(self._pass_on, "127.0.0.1", 0))
        self._port = self._server.sockets[0].getsockname()[1]
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        async def end() -> None:
            self._server.close()
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)

        self._run(end())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(_LIMIT_S)
        self._loop.close()

    def _set(self, silent: set[str] | None) -> None:
        async def change() -> None:
            self._change(silent)

        self._run(change())

    def _change(self, silent: set[str] | None) -> None:
        self._silent = silent
        self._changed.set()
        self._changed = asyncio.Event()

    def _run(self, work: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(_LIMIT_S)

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection of the browser."""
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        number, path = next(self._numbers), [""]
        self._open.add(number)
        try:
            there, out = await asyncio.open_connection(*self._target)
            try:
                await asyncio.gather(
                    self._copy(number, path, reader, out, asked=True), self._copy(number, path, there, writer)
                )
            finally:
                out.transport.abort()
        except (OSError, asyncio.CancelledError):
            pass  # one side is gone, or the relay ends
        finally:
            writer.transport.abort()
            self._open.discard(number)
            self._tasks.discard(task)

    async def _copy(
        self,
        number: int,
        path: list[str],
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        *,
        asked: bool = False,
    ) -> None:
        """Copy one direction. What is read while it is silent waits, and comes when it answers again."""
        while data := await reader.read(_BYTES):
            if asked:
                path[0] = data.split(b" ", 2)[1].partition(b"?")[0].decode()
                self.opened.append(path[0])
            while data:
                while self._is_silent(number, path[0]):
                    await self._changed.wait()
                pace = None if asked else self._bytes_a_second
                piece = data if pace is None else data[: pace // _PIECES_A_SECOND]
                writer.write(piece)
                await writer.drain()
                data = data[len(piece) :]
                if pace is not None:
                    await asyncio.sleep(1 / _PIECES_A_SECOND)
        writer.close()

    def _is_silent(self, number: int, path: str) -> bool:
        return number in self._forgotten or self._silent is None or path in self._silent
