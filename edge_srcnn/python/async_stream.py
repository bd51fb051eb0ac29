"""The frames of a stream for asyncio: whatever waits does so in other threads, and never holds up the event loop."""

import asyncio
import weakref
from collections.abc import AsyncIterator, Callable
from concurrent.futures import Future
from contextlib import AbstractAsyncContextManager, suppress
from typing import TypeVar, Unpack

from edge_srcnn.errors import UsageError
from edge_srcnn.imaging.frame import EnhancedFrame
from edge_srcnn.live.threads import in_thread
from edge_srcnn.python.options import Name, StreamOptions, read_config
from edge_srcnn.python.stream import FrameStream
from edge_srcnn.service.settings import Config

_Result = TypeVar("_Result")


def astream(source: Name, **options: Unpack[StreamOptions]) -> "AsyncFrameStream":
    """Give a source's frames enhanced, in an asynchronous loop.

    ::

        async with edge_srcnn.astream("rtsp://camera/stream") as frames:
            async for frame in frames:
                await send(frame.rgb())

    The source is opened by the loop's first step, or by ``async with``. A wait for a frame may be cancelled, also by
    ``asyncio.timeout``: no frame is lost by that.

    Parameters
    ----------
    source
        As for ``edge_srcnn.stream``.
    **options
        Those of ``edge_srcnn.stream``.

    Returns
    -------
    An asynchronous iterator, and context manager.

    Raises
    ------
    UsageError
        An option makes no sense. Other errors of ``edge_srcnn.stream`` come up when it is opened.
    """
    return AsyncFrameStream(read_config(source, options), steady=options.get("steady", False))


class AsyncFrameStream(AbstractAsyncContextManager["AsyncFrameStream"], AsyncIterator[EnhancedFrame]):
    """Give a source's frames, enhanced, to one task; made by ``edge_srcnn.astream``.

    Parameters
    ----------
    config
        Names the source, the sinks besides, and what enhances.
    steady
        Wait for a camera that is lost.
    """

    def __init__(self, config: Config, *, steady: bool = False) -> None:
        self._config, self._steady = config, steady
        self._opened: FrameStream | None = None
        self._closed = False
        self._news = asyncio.Event()

    async def open(self) -> "AsyncFrameStream":
        """Open the source, where that is not done yet; raises what ``edge_srcnn.stream`` does."""
        if self._opened is not None or self._closed:
            return self
        loop, news, config, steady = asyncio.get_running_loop(), self._news, self._config, self._steady

        def tell() -> None:
            with suppress(RuntimeError):  # the event loop is closed
                loop.call_soon_threadsafe(news.set)

        opening = in_thread("open stream", lambda: FrameStream(config, steady=steady, changed=tell))
        self._opened = await _result(opening, after_cancel=_close_opened)
        # a loop that is left early, an object that nobody uses: the event loop does not wait for the end
        self._close = weakref.finalize(self, _close_in_thread, self._opened)
        return self

    @property
    def stream(self) -> FrameStream:
        """Give the stream behind it, with ``scale``, ``live`` and ``state()``; ``UsageError`` before it is open."""
        if self._opened is None:
            raise UsageError("the stream is not open yet: use async with, or await open()")
        return self._opened

    def __aiter__(self) -> "AsyncFrameStream":
        """Give this object itself: a stream is read once."""
        return self

    async def __anext__(self) -> EnhancedFrame:
        """Wait for the next frame; what ended the source is raised once."""
        await self.open()
        while self._opened is not None:
            self._news.clear()
            frame = self._opened.read(0)
            if frame is not None:
                return frame
            if self._opened.ended:
                break
            await self._news.wait()
        raise StopAsyncIteration

    async def aclose(self) -> None:
        """End the source, the network and their threads; may be called twice."""
        self._closed = True
        if self._opened is not None and (closing := self._close()) is not None:
            await _result(closing)

    async def __aenter__(self) -> "AsyncFrameStream":
        return await self.open()

    async def __aexit__(self, *reason: object) -> None:
        await self.aclose()


async def _result(
    future: Future[_Result], *, after_cancel: Callable[[Future[_Result]], object] = lambda future: None
) -> _Result:
    """Wait for what a thread does; where the wait is cancelled, it goes on by itself, and ``after_cancel`` is told."""
    waited = asyncio.wrap_future(future)
    try:
        return await asyncio.shield(waited)
    except asyncio.CancelledError:
        waited.add_done_callback(lambda done: done.cancelled() or done.exception())  # nobody else asks for it
        future.add_done_callback(after_cancel)
        raise


def _close_opened(opening: Future[FrameStream]) -> None:
    if opening.exception() is None:
        opening.result().close()


def _close_in_thread(stream: FrameStream) -> Future[None]:
    return in_thread("close stream", stream.close)
