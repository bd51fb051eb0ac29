"""What live video costs: counts, rates, percentiles of the last frames, and those that were lost of late."""

import threading
from collections import deque
from dataclasses import dataclass
from time import monotonic
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # a terminal's line needs no arrays
    from edge_srcnn.imaging.frame import Frame

WINDOW = 256
"""Frames that percentiles are taken over."""

SHARES = 32
"""Frames that a mean is taken over."""

BUSY = 0.4
"""Frames that are lost while the engine works for less of the time than this are not lost by it."""

WANTED = 0.9
"""Where fewer than so many of the frames are to be kept, the others are not lost."""

_RATE_WINDOW_S = 5.0
_MINUTES_FROM_S = 120
_OFFERED_S = 1.0
_GIVEN = 128


@dataclass(frozen=True)
class Percentiles:
    """Milliseconds: the median, and what 95 and 99 of 100 do not exceed. 0 before anything was measured."""

    median_ms: float
    p95_ms: float
    p99_ms: float


class Durations:
    """The last ``WINDOW`` durations of one stage; one thread adds, any thread looks."""

    def __init__(self) -> None:
        self._seconds: deque[float] = deque(maxlen=WINDOW)

    def add(self, seconds: float) -> None:
        """Add one."""
        self._seconds.append(seconds)

    def percentiles(self) -> Percentiles:
        """Of those at hand."""
        ordered = sorted(self._seconds.copy())
        if not ordered:
            return Percentiles(0.0, 0.0, 0.0)
        median, p95, p99 = (ordered[min(int(len(ordered) * share), len(ordered) - 1)] for share in (0.5, 0.95, 0.99))
        return Percentiles(median * 1000, p95 * 1000, p99 * 1000)


class Shares:
    """The last ``SHARES`` shares, 0 to 1; one thread adds, any thread looks."""

    def __init__(self) -> None:
        self._shares: deque[float] = deque(maxlen=SHARES)

    def add(self, share: float | None) -> None:
        """Add one; None forgets those before it."""
        if share is None:
            self._shares.clear()
        else:
            self._shares.append(share)

    def mean(self) -> float | None:
        """Give the mean of those at hand; None where there are none."""
        shares = self._shares.copy()
        return sum(shares) / len(shares) if shares else None


class Meter:
    """Counts events, and tells how many a second there were of late."""

    def __init__(self) -> None:
        self.count = 0
        self._times: deque[float] = deque(maxlen=WINDOW)
        self._lock = threading.Lock()
        self._since_s = float("-inf")

    def tick(self) -> None:
        """Count one more, now."""
        with self._lock:
            self.count += 1
            self._times.append(monotonic())

    def begin_anew(self) -> None:
        """Forget the rate: events before now belong to another time."""
        with self._lock:
            self._since_s = monotonic()

    def per_second(self) -> float:
        """Tell the rate of the last seconds; where events are rarer, that of the last two, falling while none comes.

        0 before there were two.
        """
        with self._lock:
            times, now_s = [time for time in self._times if time >= self._since_s], monotonic()
        recent = [time for time in times if time > now_s - _RATE_WINDOW_S]
        if len(recent) >= 2:
            return (len(recent) - 1) / max(recent[-1] - recent[0], 1e-9)
        if len(times) < 2:
            return 0.0
        return 1 / max(times[-1] - times[-2], now_s - times[-1], 1e-9)

    def age_s(self) -> float | None:
        """Seconds since the last event, or None."""
        with self._lock:
            return monotonic() - self._times[-1] if self._times else None


class LoadWindow:
    """Sums up the frames since the last look, and what the camera gave lately."""

    def __init__(self) -> None:
        self._began_s: float | None = None
        self._count, self._busy_s = 0, 0.0
        self._first_index = self._last_index = 0
        self._given: deque[tuple[int, float]] = deque(maxlen=_GIVEN)

    def add(self, frame: "Frame", began_s: float, ended_s: float) -> None:
        """Add a frame, by when its computation began and ended."""
        if self._began_s is None:  # the first one is only where counting begins
            self.begin_anew(ended_s)
            self._first_index = frame.index
        else:
            self._count += 1
            self._busy_s += ended_s - began_s
        self._last_index = frame.index
        self._given.append((frame.index, frame.captured_s))

    def begin_anew(self, now_s: float | None) -> None:
        """Begin the next look; None: with the next frame."""
        self._began_s, self._count, self._busy_s, self._first_index = now_s, 0, 0.0, self._last_index

    def since_s(self, now_s: float) -> float:
        """Tell when this look began."""
        return now_s if self._began_s is None or not self._count else self._began_s

    @property
    def frame_s(self) -> float:
        """Mean time of a frame."""
        return self._busy_s / self._count if self._count else 0.0

    def fps(self, now_s: float) -> float:
        """Frames a second."""
        return self._count / max(now_s - self.since_s(now_s), 1e-9)

    def lost(self, now_s: float, target_fps: float | None) -> float:
        """Tell the part of the frames that was lost since the engine was busy, 0 to 1; not those nobody wants."""
        seconds, given = now_s - self.since_s(now_s), self._last_index - self._first_index
        if given <= 0 or self._busy_s < BUSY * seconds:
            return 0.0
        wanted = given
        if target_fps is not None and target_fps * seconds < WANTED * given:  # fewer are to be kept than there are
            wanted = int(target_fps * seconds) - 1
        return max(wanted - self._count, 0) / given

    def offered_fps(self) -> float | None:
        """Frames a second that the camera gave, those that were dropped included; None before a second is over."""
        if len(self._given) < 2:
            return None
        (first, began_s), (last, ended_s) = self._given[0], self._given[-1]
        return (last - first) / (ended_s - began_s) if ended_s - began_s >= _OFFERED_S and last > first else None


def rate_text(per_second: float) -> str:
    """Write a rate so that it is never 0.0 when it is not: ``14.2 a second``, ``one frame in 9 s``."""
    if per_second <= 0:
        return "no rate yet"
    if per_second < 1 / _RATE_WINDOW_S:
        seconds = 1 / per_second
        return f"one frame in {seconds:.0f} s" if seconds < _MINUTES_FROM_S else f"one frame in {seconds / 60:.0f} min"
    return f"{per_second:.1f} a second"


def still_text(noise: float | None, still_share: float | None) -> str:
    """Write noise in grey levels, and the part of the picture that is still: ``noise 4.1, 82 % still``, or nothing."""
    told = [] if noise is None else [f"noise {noise:.1f}"]
    if still_share is not None:
        told.append(f"{still_share:.0%} still".replace("%", " %"))
    return ", ".join(told)
