"""The one stopwatch of all measurements: seconds by name, and medians in the end."""

import statistics
from collections.abc import Callable
from time import perf_counter


def seconds_of(job: Callable[[], object]) -> float:
    """Time one run of a job."""
    began = perf_counter()
    job()
    return perf_counter() - began


def median_ms(job: Callable[[], object], runs: int) -> float:
    """Time a job ``runs`` times after a first one that is not counted; the median in milliseconds."""
    job()
    return statistics.median(seconds_of(job) for _ in range(runs)) * 1000


class Stopwatch:
    """Collect how long jobs take, by name."""

    def __init__(self) -> None:
        self._seconds: dict[str, list[float]] = {}

    def add(self, name: str, seconds: float) -> None:
        """Take down a time that was measured elsewhere."""
        self._seconds.setdefault(name, []).append(seconds)

    def time(self, name: str, job: Callable[[], object]) -> None:
        """Run a job, and take down how long it took."""
        self.add(name, seconds_of(job))

    def ms(self, name: str) -> float:
        """Give the median of a name in milliseconds."""
        return statistics.median(self._seconds[name]) * 1000
