"""The newest result, encoded once for each view however many look. Who is slow misses frames, and holds up nobody."""

import asyncio
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import Executor
from contextlib import contextmanager
from functools import cached_property

from edge_srcnn.frame import Frame
from edge_srcnn.web.encoding import to_jpeg
from edge_srcnn.web.views import BICUBIC, ENHANCED, Result, bicubic_frame, enhanced_frame, split_frame

FRESH_S = 5.0
"""A picture older than this is no signal."""


class Shot:
    """A result on its way to viewers.

    Attributes
    ----------
    number
        Counts from 1.
    result
        As the pipeline gave it.
    captured_s, arrived_s
        When the sensor saw it, in seconds since 1970; when it came here, in seconds of ``time.monotonic()``.
    jpegs
        By view, as far as somebody asked.
    """

    def __init__(self, number: int, result: Result) -> None:
        self.number, self.result = number, result
        self.arrived_s = time.monotonic()
        self.captured_s = time.time() - (self.arrived_s - result.original.captured_s)
        self.jpegs: dict[str, asyncio.Future[bytes]] = {}

    @cached_property
    def _bicubic(self) -> Frame:
        return bicubic_frame(self.result)

    def picture(self, view: str) -> Frame:
        """The picture of a view; called by the one thread that encodes."""
        if view == BICUBIC:
            return self._bicubic
        enhanced = enhanced_frame(self.result)
        return enhanced if view == ENHANCED else split_frame(self._bicubic, enhanced)


class Broadcast:
    """Takes results from one thread, and gives them to viewers in the event loop in which it was made.

    Parameters
    ----------
    quality
        Of JPEG, 1 to 100.
    encoder
        Runs the encoding, in one thread.

    Attributes
    ----------
    newest
        The last result, or None.
    jpegs, jpeg_bytes, encode_s
        Pictures that were encoded, their bytes, and the seconds it took, by view.
    viewers
        Streams that are open, by view.
    """

    def __init__(self, quality: int, encoder: Executor) -> None:
        self.newest: Shot | None = None
        self.jpegs: Counter[str] = Counter()
        self.jpeg_bytes: Counter[str] = Counter()
        self.encode_s: dict[str, float] = {}
        self.viewers: Counter[str] = Counter()
        self._quality, self._encoder = quality, encoder
        self._loop = asyncio.get_running_loop()
        self._news = asyncio.Event()
        self._closed = False

    def publish(self, result: Result) -> None:
        """Make this the newest; from the thread that has the results."""
        self.newest = Shot(self.newest.number + 1 if self.newest else 1, result)
        self._loop.call_soon_threadsafe(self._wake)

    def age_s(self) -> float | None:
        """Seconds since the newest came, or None."""
        return time.monotonic() - self.newest.arrived_s if self.newest else None

    def is_fresh(self) -> bool:
        """Whether one came of late."""
        age_s = self.age_s()
        return age_s is not None and age_s < FRESH_S

    @contextmanager
    def viewer(self, view: str) -> Iterator[None]:
        """Count a viewer as long as it looks."""
        self.viewers[view] += 1
        try:
            yield
        finally:
            self.viewers[view] -= 1

    async def newer(self, number: int) -> Shot | None:
        """Wait for a result that is newer than ``number``; None when there will be no more."""
        while not self._closed:
            news, shot = self._news, self.newest  # in this order: what comes after the look sets the event
            if shot is not None and shot.number > number:
                return shot
            await news.wait()
        return None

    async def jpeg(self, shot: Shot, view: str) -> bytes:
        """Encode a view, or wait for the encoding that somebody else asked for."""
        if view not in shot.jpegs:
            shot.jpegs[view] = self._loop.run_in_executor(self._encoder, self._encode, shot, view)
        return await asyncio.shield(shot.jpegs[view])  # one who leaves does not take it from the others

    def close(self) -> None:
        """Tell the viewers that it is over; more than once."""
        self._closed = True
        self._wake()

    def _wake(self) -> None:
        self._news.set()
        self._news = asyncio.Event()

    def _encode(self, shot: Shot, view: str) -> bytes:
        began = time.perf_counter()
        data = to_jpeg(shot.picture(view), self._quality)
        self.jpegs[view] += 1
        self.jpeg_bytes[view] += len(data)
        self.encode_s[view] = self.encode_s.get(view, 0.0) + time.perf_counter() - began
        return data
