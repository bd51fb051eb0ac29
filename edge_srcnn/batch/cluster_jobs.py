"""Spread a batch over the workers of a Dask cluster: a bounded number of tasks at a time, results as they come."""

import logging
import os
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from queue import Empty, SimpleQueue
from secrets import token_bytes, token_hex
from time import monotonic
from typing import TYPE_CHECKING, Any

from edge_srcnn.batch.cluster import Cluster, mapped
from edge_srcnn.batch.cluster_engines import Engines, Recipe, Token
from edge_srcnn.batch.cluster_worker import Carried, Done, FileStatus, Task, work
from edge_srcnn.batch.jobs import Job, Outcome
from edge_srcnn.batch.work import remove_stale_results
from edge_srcnn.errors import CannotWrite, EdgeSrcnnError, InternalError, NoInput, Unavailable, reason
from edge_srcnn.imaging.temporal import TemporalStrength
from edge_srcnn.sinks.images import Encoding
from edge_srcnn.sinks.recovery import remove_stale_parts
from edge_srcnn.sources.images import read_picture
from edge_srcnn.sources.video import no_file
from edge_srcnn.system.files import write_whole

if TYPE_CHECKING:
    from distributed import Future

log = logging.getLogger(__name__)

_TASKS_A_THREAD = 3
"""In flight: one that is worked on, and those that wait at the worker."""

_MOST_IN_FLIGHT = 1 << 29
_MOST_CARRIED = 1 << 30
"""Bytes of sources that travel: of all that are in flight, unless it is a single one, and of a single one."""

_LOOK_S = 2.0
_RETRIES = 2
"""Of a task whose worker failed in a way that nobody foresaw; Dask counts workers that died by itself."""


@dataclass
class _Unit:
    task: Task
    carry: bool
    bytes: int = 0


def run_jobs_on(
    cluster: Cluster,
    recipe: Recipe,
    jobs: Sequence[Job],
    encoding: Encoding,
    *,
    overwrite: bool,
    skip_existing: bool = False,
    partial_videos: bool = False,
    temporal: TemporalStrength | None = None,
    progress: Callable[[Job, int, int | None], None] = lambda job, done, total: None,
    on_workers: Callable[[int], None] = lambda workers: None,
) -> Iterator[Outcome]:
    """Work through the jobs as ``run_jobs`` does, on the workers of a cluster; the other parameters are as there.

    Parameters
    ----------
    cluster
        Where they are done.
    recipe
        The model, and what was asked of the engine.
    on_workers
        Called with the number of workers, now and then.

    Yields
    ------
    What became of each job, in the order in which they end.

    Raises
    ------
    Unavailable
        The scheduler or all workers are gone, or none can do what is asked.
    CannotWrite
        The folder of results.
    """
    common = replace(recipe, encoding=encoding, partial_videos=partial_videos, temporal=temporal)
    with _Batch(cluster, jobs, common, overwrite, progress, on_workers) as batch:
        yield from batch.run(skip_existing=skip_existing)


class _Batch(AbstractContextManager["_Batch"]):
    def __init__(
        self,
        cluster: Cluster,
        jobs: Sequence[Job],
        recipe: Recipe,
        overwrite: bool,
        progress: Callable[[Job, int, int | None], None],
        on_workers: Callable[[int], None],
    ) -> None:
        self._cluster, self._client, self._jobs, self._recipe = cluster, cluster.client, jobs, recipe
        self._overwrite, self._progress, self._on_workers = overwrite, progress, on_workers
        self._name = token_hex(8)
        self._arrived: SimpleQueue[Any] = SimpleQueue()
        self._in_flight: dict[Future[Any], _Unit] = {}
        self._again: deque[_Unit] = deque()
        self._carries = False
        self._unfit: dict[str, EdgeSrcnnError] = {}
        self._workers: dict[str, tuple[str, int]] = {}
        self._looked_s = self._alone_since_s = 0.0
        self._folders: list[Path] = []
        self._engines: Future[Engines] | None = None

    def run(self, *, skip_existing: bool) -> Iterator[Outcome]:
        """Do the jobs; each ends as an ``Outcome``."""
        remove_stale_results(self._jobs)
        left = []
        for number, job in enumerate(self._jobs):
            if skip_existing and job.target.exists():
                yield Outcome(job, 0.0, skipped=True)
            else:
                left.append((number, job))
        if not left:
            return
        self._cluster.at_end.callback(_remove_stale, [job for _, job in left])
        self._prepare([job for _, job in left])
        waiting = iter(left)
        while True:
            while self._has_room():
                unit = self._again.popleft() if self._again else self._next_unit(waiting)
                if unit is None:
                    break
                if (failed := self._submit(unit)) is not None:
                    yield failed
            if not self._in_flight:
                return
            for future in self._wait():
                unit = self._in_flight.pop(future)
                if (outcome := self._finish(future, unit)) is not None:
                    yield outcome

    def _prepare(self, jobs: Sequence[Job]) -> None:
        """Look at the workers, send what all jobs have in common, and leave a token beside the results."""
        self._look(self._cluster.wait_for_workers())
        self._cluster.check_versions()
        hosts = [host for host, _ in self._workers.values()]
        threads = {host: sum(n for other, n in self._workers.values() if other == host) for host in hosts}
        token = self._leave_token(Path(os.path.commonpath([job.target.absolute().parent for job in jobs])))
        recipe = replace(self._recipe, host_threads=threads, token=token)
        with mapped(self._cluster.name):
            self._engines = self._client.submit(Engines, recipe, key=f"engines-{self._name}", retries=_RETRIES)
            self._client.subscribe_topic(self._name, lambda event: self._arrived.put(event[1]))

    def _leave_token(self, folder: Path) -> Token:
        token = Token(folder / f".edge-srcnn-{self._name}", token_bytes(16))
        try:
            missing = [each for each in (folder, *folder.parents) if not each.exists()]
            folder.mkdir(parents=True, exist_ok=True)
            self._folders = missing
            self._token = token.path
            token.path.write_bytes(token.content)
        except OSError as error:
            raise CannotWrite(f"{folder}: cannot be written ({reason(error)})") from error
        return token

    def _has_room(self) -> bool:
        threads = sum(n for address, (_, n) in self._workers.items() if address not in self._unfit)
        flying = sum(unit.bytes for unit in self._in_flight.values())
        return len(self._in_flight) < max(threads, 1) * _TASKS_A_THREAD and flying < _MOST_IN_FLIGHT

    def _next_unit(self, waiting: Iterator[tuple[int, Job]]) -> _Unit | None:
        for number, job in waiting:
            status = None
            with suppress(OSError):
                status = FileStatus.of(job.source)
            standing = None
            if os.path.lexists(job.target):
                standing = "folder" if job.target.is_dir() else "file"
            task = Task(number, job, Path.cwd(), status, self._overwrite, standing, self._name)
            return _Unit(task, self._carries or status is None)
        return None

    def _submit(self, unit: _Unit) -> Outcome | None:
        """Send a task; an outcome where that cannot be."""
        job, carried = unit.task.job, None
        if unit.carry:
            try:
                carried = Carried(job.source.name, _read(job))
            except EdgeSrcnnError as error:
                return Outcome(job, 0.0, error=error)
            unit.bytes = carried.__sizeof__()
        fit = [address for address in self._workers if address not in self._unfit] if self._unfit else None
        with mapped(self._cluster.name):
            future = self._client.submit(
                *(work, self._engines, unit.task, carried),
                key=f"{'video' if job.is_video else 'picture'}-{self._name}-{unit.task.number}-{token_hex(4)}",
                retries=_RETRIES,
                workers=fit,
                allow_other_workers=fit is not None,
                pure=False,
            )
        self._in_flight[future] = unit
        future.add_done_callback(self._arrived.put)
        return None

    def _wait(self) -> Iterator["Future[Any]"]:
        """Wait until a task has ended, and look at the cluster meanwhile."""
        while True:
            arrived = None
            with suppress(Empty):
                arrived = self._arrived.get(timeout=_LOOK_S / 4)
            if isinstance(arrived, dict):
                self._progress(self._jobs[arrived["number"]], arrived["done"], arrived["total"])
            elif arrived in self._in_flight:
                yield arrived
                return
            if self._client.status not in ("running", "connecting"):
                raise self._gone()
            if monotonic() - self._looked_s > _LOOK_S:
                self._look(self._cluster.workers())

    def _look(self, found: Any) -> None:
        self._workers, self._looked_s = dict(found), monotonic()
        self._on_workers(len(self._workers))
        if self._workers:
            self._alone_since_s = 0.0
            return
        self._alone_since_s = self._alone_since_s or self._looked_s
        if self._looked_s == self._alone_since_s:
            name, cure = self._cluster.name, self._cluster.cure()
            log.warning("--dask %s: all workers are gone; waiting for one (%s)", name, cure)
        if self._looked_s - self._alone_since_s > self._cluster.wait_s:
            raise Unavailable(
                f"--dask {self._cluster.name}: no worker for {self._cluster.wait_s:g} s; what is done is kept, and "
                "--skip-existing goes on"
            )

    def _finish(self, future: "Future[Any]", unit: _Unit) -> Outcome | None:
        """Take what a task came to; None where it is to be done again."""
        from distributed.scheduler import KilledWorker

        job = unit.task.job
        if future.status == "cancelled":
            raise self._gone()
        with mapped(self._cluster.name):
            error = future.exception() if future.status == "error" else None
        if isinstance(error, KilledWorker):
            deaths = f"{job.source}: several workers died while they had it; is it too large for their memory?"
            return Outcome(job, 0.0, error=Unavailable(deaths))
        if error is not None:
            self._cluster.check_versions()  # a worker with another version may fail at anything
            return Outcome(job, 0.0, error=InternalError.of(_as_exception(error), str(job.source)))
        with mapped(self._cluster.name):
            done: Done = future.result(timeout=_MOST_CARRIED)
        for text in done.warnings:
            log.warning("%s", text)
        if done.unfit is not None:
            self._leave_out(done.worker, done.unfit)
            self._again.append(unit)
            return None
        if done.outcome is None:
            if not self._carries:
                log.info("worker %s does not see the files; they travel", done.worker)
            self._carries = True
            self._again.append(replace(unit, carry=True))
            return None
        try:
            for name, content in done.files:
                write_whole(job.target.with_name(name), content, overwrite=self._overwrite)
        except EdgeSrcnnError as failure:
            return Outcome(job, done.outcome.seconds, error=failure)
        return replace(done.outcome, job=job)

    def _leave_out(self, worker: str, why: EdgeSrcnnError) -> None:
        if worker not in self._unfit:
            self._unfit[worker] = why
            log.warning("worker %s: %s; it gets nothing more", worker, why)
        if not set(self._workers) - set(self._unfit):
            self._look(self._cluster.workers())
        if not set(self._workers) - set(self._unfit):
            raise type(why)(f"--dask {self._cluster.name}: worker {worker}: {why}") from why

    def _gone(self) -> Unavailable:
        return Unavailable(
            f"--dask {self._cluster.name}: the scheduler is gone; what is done is kept, and --skip-existing goes on"
        )

    def __exit__(self, *reason: object) -> None:
        with suppress(Exception):  # nobody is there any more to be told
            self._client.cancel(list(self._in_flight), force=True)
            self._client.unsubscribe_topic(self._name)
        self._engines = None
        self._in_flight.clear()
        with suppress(OSError, AttributeError):
            self._token.unlink()
        for folder in self._folders:
            with suppress(OSError):  # there is something in it
                folder.rmdir()


def _remove_stale(jobs: Sequence[Job]) -> None:
    """Remove what workers that were killed left of the results that they were writing."""
    remove_stale_results(jobs)
    for job in jobs:
        if job.is_video:
            for path in remove_stale_parts(job.target):
                log.info("%s: removed; what wrote it was killed", path)


def _read(job: Job) -> bytes:
    """Read a source that is to travel; the errors are those of a batch on this machine."""
    with suppress(OSError):
        if os.path.isfile(job.source):
            size = job.source.stat().st_size
            if size > _MOST_CARRIED:
                raise Unavailable(
                    f"{job.source}: {size:,} bytes are too many to travel to the workers; let them see its folder, and "
                    "that of the result, under the same names"
                )
            return job.source.read_bytes()
    if job.is_video:
        raise no_file(job.source)
    read_picture(job.source)  # which says what is wrong
    raise NoInput(f"{job.source}: cannot be read")


def _as_exception(error: BaseException) -> Exception:
    return error if isinstance(error, Exception) else RuntimeError(str(error))
