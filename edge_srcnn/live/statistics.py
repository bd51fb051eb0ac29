"""What a running pipeline costs: counts, rates, and percentiles of the last frames."""

import threading
from collections import deque
from dataclasses import dataclass
from time import monotonic

WINDOW = 256
"""Frames that percentiles are taken over."""

_RATE_WINDOW_S = 5.0
_MINUTES_FROM_S = 120


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


def rate_text(per_second: float) -> str:
    """Write a rate so that it is never 0.0 when it is not: ``14.2 a second``, ``one frame in 9 s``."""
    if per_second <= 0:
        return "no rate yet"
    if per_second < 1 / _RATE_WINDOW_S:
        seconds = 1 / per_second
        return f"one frame in {seconds:.0f} s" if seconds < _MINUTES_FROM_S else f"one frame in {seconds / 60:.0f} min"
    return f"{per_second:.1f} a second"
