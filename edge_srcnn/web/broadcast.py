"""The newest result, encoded once for each view however many look. Who is slow misses frames, and holds up nobody."""

import asyncio
import threading
import time
from collections import Counter, defaultdict, deque
from collections.abc import Iterator
from concurrent.futures import Executor
from contextlib import contextmanager
from copy import copy
from fractions import Fraction
from functools import cached_property
from itertools import count

from edge_srcnn.imaging.frame import Frame
from edge_srcnn.sinks import Result
from edge_srcnn.web.views import (
    BICUBIC,
    CAMERA,
    ENHANCED,
    PLAIN,
    bicubic_frame,
    camera_frame,
    enhanced_frame,
    split_frame,
    stale_picture,
    to_jpeg,
)

FRESH_S = 2.0
"""A picture older than this is no signal; of a slow source: older than three times what is usual between two."""

SLOW_S = 5.0
"""The same while it is not known yet what is usual, and the source does not say that it is slower."""

LINGER_S = 3.0
"""When the last viewer of an enhanced view has left, frames are wanted for so long: it may only load the page anew."""

_INTERVALS = 9
_PATIENCE = 3


class Shot:
    """Carry a result to viewers, and what was encoded of it.

    Parameters
    ----------
    number
        Counts from 1.
    result
        As the pipeline gave it.
    live
        False: it is an old one, greyed, since no new one comes.

    Attributes
    ----------
    captured_s, arrived_s
        When the sensor saw it, in seconds since 1970; when it came here, in seconds of ``time.monotonic()``.
    jpegs
        By view, as far as somebody asked.
    """

    def __init__(self, number: int, result: Result, *, live: bool = True) -> None:
        self.number, self.result, self.live = number, result, live
        self.arrived_s = time.monotonic()
        self.captured_s = time.time() - self.age_s()
        self.jpegs: dict[str, asyncio.Future[bytes]] = {}

    def age_s(self) -> float:
        """Give the seconds since the sensor saw it."""
        return time.monotonic() - self.result.original.captured_s

    def has(self, view: str) -> bool:
        """Tell whether there is such a view: nobody may have wanted an enhanced picture."""
        return view in PLAIN or self.result.enhanced

    @cached_property
    def _bicubic(self) -> Frame:
        return bicubic_frame(self.result)

    def picture(self, view: str) -> Frame:
        """Make the picture of a view; called by the one thread that encodes."""
        if view == BICUBIC:
            return self._bicubic
        if view == CAMERA:
            return camera_frame(self.result)
        enhanced = enhanced_frame(self.result)
        return enhanced if view == ENHANCED else split_frame(self._bicubic, enhanced)


class Broadcast:
    """Take results from one thread, and give them to viewers in the event loop in which it was made.

    Parameters
    ----------
    quality
        Of JPEG, 1 to 100.
    encoder
        Runs the encoding, in one thread.
    rate
        Pictures a second, as the source says, until it is known what comes; None where it does not say.

    Attributes
    ----------
    newest
        The last result, or None.
    shown
        What viewers are to see: the last result, or that there is none of late.
    jpegs, jpeg_bytes, encode_s
        Pictures that were encoded, their bytes, and the seconds it took, by view.
    viewers
        Streams that are open, by view.
    closed
        There will be no more.
    """

    def __init__(self, quality: int, encoder: Executor, rate: Fraction | None = None) -> None:
        self.newest: Shot | None = None
        self.shown: Shot | None = None
        self.jpegs: Counter[str] = Counter()
        self.jpeg_bytes: Counter[str] = Counter()
        self.encode_s: defaultdict[str, float] = defaultdict(float)
        self.viewers: Counter[str] = Counter()
        self.closed = asyncio.Event()
        self._quality, self._encoder = quality, encoder
        self._loop = asyncio.get_running_loop()
        self._news = asyncio.Event()
        self._waiting = 0  # for one picture
        self._linger_until_s = float("-inf")
        self._lock = threading.Lock()
        self._numbers = count(1)
        self._intervals: deque[float] = deque(maxlen=_INTERVALS)
        self._stated_interval_s = float(1 / rate) if rate else 0.0
        self._began_s = time.monotonic()

    def publish(self, result: Result) -> None:
        """Make a result the newest; from the thread that has the results."""
        with self._lock:
            before = self.newest
            self.newest = self.shown = Shot(next(self._numbers), result)
        if before is not None:
            self._intervals.append(self.newest.arrived_s - before.arrived_s)
        self._loop.call_soon_threadsafe(self._wake)

    def check_signal(self) -> None:
        """Show that no picture came of late; again and again, since viewers come and connections have limits."""
        with self._lock:
            if self.is_fresh() or (self.newest is None and time.monotonic() - self._began_s < SLOW_S):
                return
            if self.shown is None or self.shown.live:
                last = self.newest.result if self.newest else None
                stale = stale_picture(last, time.time() - (self.age_s() or 0.0))
                self.shown = Shot(next(self._numbers), stale, live=False)
            else:
                again = copy(self.shown)  # what was encoded serves again
                again.number = next(self._numbers)
                self.shown = again
        self._wake()

    def age_s(self) -> float | None:
        """Give the seconds since the newest result came, or None."""
        return time.monotonic() - self.newest.arrived_s if self.newest else None

    def is_fresh(self) -> bool:
        """Tell whether a result came of late."""
        age_s = self.age_s()
        return age_s is not None and age_s < max(FRESH_S, _PATIENCE * self.interval_s())

    def interval_s(self) -> float:
        """Give the seconds that are usual between two pictures."""
        intervals = sorted(self._intervals.copy())
        # a quarter of the way up: outages may be half of what there was
        return intervals[len(intervals) // 4] if intervals else max(SLOW_S / _PATIENCE, self._stated_interval_s)

    @contextmanager
    def viewer(self, view: str) -> Iterator[None]:
        """Count a viewer as long as it looks."""
        self.viewers[view] += 1
        try:
            yield
        finally:
            if view not in PLAIN:
                self._linger_until_s = time.monotonic() + LINGER_S
            self.viewers[view] -= 1

    def wants_frames(self) -> bool:
        """Tell whether anybody looks at enhanced pictures, or did a moment ago; from any thread."""
        looking = any(number for view, number in self.viewers.copy().items() if view not in PLAIN)
        return looking or self._waiting > 0 or time.monotonic() < self._linger_until_s

    async def newer(self, number: int, view: str = ENHANCED) -> Shot | None:
        """Wait for a result that is newer than ``number`` and has that view; None when there will be no more."""
        while not self.closed.is_set():
            news, shot = self._news, self.shown  # in this order: what comes after the look sets the event
            if shot is not None and shot.number > number and shot.has(view):
                return shot
            await news.wait()
        return None

    async def one(self, view: str) -> Shot | None:
        """Give what is shown; where nobody wanted such a view, wait for one. None when there will be no more."""
        self._waiting += view not in PLAIN
        try:
            return await self.newer(0, view)
        finally:
            self._waiting -= view not in PLAIN

    async def jpeg(self, shot: Shot, view: str) -> bytes:
        """Encode a view, or wait for the encoding that somebody else asked for."""
        if view not in shot.jpegs:
            shot.jpegs[view] = self._loop.run_in_executor(self._encoder, self._encode, shot, view)
        return await asyncio.shield(shot.jpegs[view])  # one who leaves does not take it from the others

    def close(self) -> None:
        """Tell the viewers that it is over; more than once."""
        self.closed.set()
        self._wake()

    def close_soon(self) -> None:
        """Close from another thread; ``RuntimeError`` where the event loop has ended."""
        self._loop.call_soon_threadsafe(self.close)

    def _wake(self) -> None:
        self._news.set()
        self._news = asyncio.Event()

    def _encode(self, shot: Shot, view: str) -> bytes:
        began = time.perf_counter()
        data = to_jpeg(shot.picture(view), self._quality)
        self.jpegs[view] += 1
        self.jpeg_bytes[view] += len(data)
        self.encode_s[view] += time.perf_counter() - began
        return data
