"""Know the workers of a cluster while a batch runs: how many there are, and which can do the work."""

import logging
from collections.abc import Callable
from time import monotonic

from edge_srcnn.batch.cluster.connection import Cluster
from edge_srcnn.errors import EdgeSrcnnError, Unavailable

log = logging.getLogger(__name__)

_LOOK_S = 2.0
_TASKS_A_THREAD = 3
"""In flight: one that is worked on, and those that wait at the worker."""


class Crew:
    """The workers of a batch, looked at now and then.

    Parameters
    ----------
    cluster
        Whose workers they are; there is one at least in the beginning, or ``Unavailable``.
    on_workers
        Called with their number.
    """

    def __init__(self, cluster: Cluster, on_workers: Callable[[int], None] = lambda workers: None) -> None:
        self._cluster, self._on_workers = cluster, on_workers
        self._unfit: dict[str, EdgeSrcnnError] = {}
        self._alone_since_s: float | None = None
        self._workers = cluster.wait_for_workers()
        self._looked_s = monotonic()
        on_workers(len(self._workers))
        cluster.check_versions()

    @property
    def most_in_flight(self) -> int:
        """How many tasks may be sent before one has ended."""
        threads = sum(n for address, (_, n) in self._workers.items() if address not in self._unfit)
        return max(threads, 1) * _TASKS_A_THREAD

    @property
    def host_threads(self) -> dict[str, int]:
        """Threads of all workers on a host, by its address."""
        workers = self._workers.values()
        return {host: sum(n for other, n in workers if other == host) for host, _ in workers}

    @property
    def fit(self) -> list[str] | None:
        """Addresses of those that can do the work; None: all of them."""
        return [address for address in self._workers if address not in self._unfit] if self._unfit else None

    def look_now_and_then(self) -> None:
        """Look at the workers again; ``Unavailable`` where there has been none for too long."""
        if monotonic() - self._looked_s > _LOOK_S:
            self._look()

    def leave_out(self, worker: str, why: EdgeSrcnnError) -> None:
        """Give a worker nothing more; an error of the kind of ``why`` where no other one is there."""
        if worker not in self._unfit:
            self._unfit[worker] = why
            log.warning("worker %s: %s; it gets nothing more", worker, why)
        if not self.fit:
            self._look()
        if self._workers and not self.fit:
            raise type(why)(f"--dask {self._cluster.name}: worker {worker}: {why}") from why

    def _look(self) -> None:
        self._workers, self._looked_s = self._cluster.workers(), monotonic()
        self._on_workers(len(self._workers))
        if self._workers:
            self._alone_since_s = None
            return
        name, wait_s = self._cluster.name, self._cluster.wait_s
        if self._alone_since_s is None:
            self._alone_since_s = self._looked_s
            log.warning("--dask %s: all workers are gone; waiting for one (%s)", name, self._cluster.cure())
        if self._looked_s - self._alone_since_s > wait_s:
            kept = "what is done is kept, and --skip-existing goes on"
            raise Unavailable(f"--dask {name}: no worker for {wait_s:g} s; {kept}")
