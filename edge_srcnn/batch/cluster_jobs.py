"""Spread a batch over the workers of a Dask cluster: a bounded number of tasks at a time, results as they come."""

import logging
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from queue import Empty, SimpleQueue
from secrets import token_hex
from types import TracebackType
from typing import TYPE_CHECKING, Any

from edge_srcnn.batch.cluster_connection import Cluster, mapped
from edge_srcnn.batch.cluster_crew import Crew
from edge_srcnn.batch.cluster_engines import Engines, Recipe
from edge_srcnn.batch.cluster_files import ResultsFolder, place_of, read_source, remove_stale_files, what_stands_at
from edge_srcnn.batch.cluster_tasks import PROGRESS, Carried, Done, FileStatus, Task
from edge_srcnn.batch.cluster_videos import VideoInParts
from edge_srcnn.batch.cluster_worker import work
from edge_srcnn.batch.jobs import AnyJob, Job, Outcome
from edge_srcnn.batch.segments import memory_of
from edge_srcnn.batch.videos import begin_video
from edge_srcnn.batch.work import attempt, remove_stale_results
from edge_srcnn.engine.strength import Strength
from edge_srcnn.errors import EdgeSrcnnError, InternalError, NotInSegments, Unavailable
from edge_srcnn.imaging.temporal import TemporalStrength
from edge_srcnn.sinks.images import Encoding
from edge_srcnn.sources.segment_plan import SEGMENT_S
from edge_srcnn.stores.staging import exists
from edge_srcnn.system.files import write_whole

if TYPE_CHECKING:
    from distributed import Future

log = logging.getLogger(__name__)

_TASKS_A_THREAD = 3
"""In flight: one that is worked on, and those that wait at the worker."""

_MOST_IN_FLIGHT = 1 << 29
"""Bytes of sources that travel, unless it is a single one."""

_POLL_S = 0.5
_RETRIES = 2
"""Of a task whose worker failed in a way that nobody foresaw; Dask counts workers that died by itself."""


def run_jobs_on(
    cluster: Cluster,
    recipe: Recipe,
    jobs: Sequence[AnyJob],
    encoding: Encoding,
    *,
    overwrite: bool,
    skip_existing: bool = False,
    partial_videos: bool = False,
    temporal: TemporalStrength | None = None,
    segment_s: float = SEGMENT_S,
    progress: Callable[[AnyJob, int, int | None], None] = lambda job, done, total: None,
    on_workers: Callable[[int], None] = lambda workers: None,
) -> Iterator[Outcome]:
    """Work through the jobs as ``run_jobs`` does, on the workers of a cluster; each ends as an ``Outcome``.

    ``recipe`` holds the model and what was asked of the engine, ``on_workers`` is called with the number of workers;
    the other parameters are those of ``run_jobs``. ``Unavailable``: scheduler or workers are gone, or none can do what
    is asked; ``CannotWrite``: the folder of results.
    """
    common = replace(recipe, encoding=encoding, partial_videos=partial_videos, temporal=temporal, segment_s=segment_s)
    with _Batch(cluster, jobs, common, overwrite, progress, on_workers) as batch:
        yield from batch.run(skip_existing=skip_existing)


@dataclass(eq=False)
class _Unit:
    """What is sent as one task; ``size`` is that of its source in bytes, if it travels."""

    task: Task
    video: VideoInParts | None = None
    carry: bool = False
    size: int = 0


class _Batch(AbstractContextManager["_Batch"]):
    def __init__(
        self,
        cluster: Cluster,
        jobs: Sequence[AnyJob],
        recipe: Recipe,
        overwrite: bool,
        progress: Callable[[AnyJob, int, int | None], None],
        on_workers: Callable[[int], None],
    ) -> None:
        self._cluster, self._client, self._jobs, self._recipe = cluster, cluster.client, jobs, recipe
        self._overwrite, self._progress, self._on_workers = overwrite, progress, on_workers
        self._memory = memory_of(Strength(recipe.strength), recipe.spec, recipe.temporal)
        self._name = token_hex(8)
        self._arrived: SimpleQueue[Any] = SimpleQueue()
        self._in_flight: dict[Future[Any], _Unit] = {}
        self._ready: deque[_Unit] = deque()
        self._ended: deque[Outcome] = deque()
        self._videos: dict[int, VideoInParts] = {}
        self._sent_videos: dict[int, Future[Carried]] = {}
        self._carries = False
        self._results: ResultsFolder | None = None
        self._engines: Future[Engines] | None = None

    def run(self, *, skip_existing: bool) -> Iterator[Outcome]:
        """Do the jobs; each ends as an ``Outcome``."""
        remove_stale_results(self._jobs)
        left = []
        for number, job in enumerate(self._jobs):
            if skip_existing and exists(job.target):
                yield Outcome(job, 0.0, skipped=True)
            else:
                left.append((number, job))
        if not left:
            return
        self._prepare([job for _, job in left])
        waiting = iter(left)
        while True:
            while self._has_room() and (self._ready or self._begin_next(waiting)):
                if self._ready:
                    self._send(self._ready.popleft())
                yield from self._take_ended()
            yield from self._take_ended()
            if not self._in_flight:
                return
            future = self._wait()
            self._finish(future, self._in_flight.pop(future))

    def _take_ended(self) -> Iterator[Outcome]:
        while self._ended:
            yield self._ended.popleft()

    def _prepare(self, jobs: Sequence[AnyJob]) -> None:
        """Look at the workers, send what all jobs have in common, and leave a token beside the results."""
        self._crew = Crew(self._cluster, self._on_workers)
        self._cluster.at_end.callback(remove_stale_files, jobs)
        self._results = ResultsFolder(jobs)
        recipe = replace(self._recipe, host_threads=self._crew.host_threads, token=self._results.token)
        with mapped(self._cluster.name):
            self._engines = self._client.submit(Engines, recipe, key=f"engines-{self._name}", retries=_RETRIES)
            self._client.subscribe_topic(self._name, lambda event: self._arrived.put(event[1]))

    def _has_room(self) -> bool:
        size = sum(unit.size for unit in self._in_flight.values())
        return len(self._in_flight) < self._crew.threads * _TASKS_A_THREAD and size < _MOST_IN_FLIGHT

    def _begin_next(self, waiting: Iterator[tuple[int, AnyJob]]) -> bool:
        """Make the next job ready; False where there is none."""
        number, job = next(waiting, (0, None))
        if job is None:
            return False
        status = None
        with suppress(OSError):
            status = FileStatus.of(job.source) if isinstance(job.source, Path) else None
        try:
            if status is None and isinstance(job.source, Path):
                attempt(job, lambda: read_source(job))  # which says why
            standing = attempt(job, lambda: what_stands_at(job.target))
            task = Task(number, job, Path.cwd(), status, self._overwrite, standing, self._name)
            if not (job.is_video and isinstance(job, Job) and self._begin_video(task, job)):
                self._ready.append(_Unit(task))
        except EdgeSrcnnError as error:
            self._ended.append(Outcome(job, 0.0, error=error))
        return True

    def _begin_video(self, task: Task, job: Job) -> bool:
        """Make the segments of a long video ready; False: it is a task as a whole."""
        recipe = self._recipe
        how = {"overwrite": self._overwrite, "partial": recipe.partial_videos}
        plan = attempt(job, lambda: begin_video(job, self._memory, segment_s=recipe.segment_s, **how))
        if plan.is_whole:
            return False
        video = VideoInParts(job, plan, recipe, overwrite=self._overwrite)
        self._videos[task.number] = video
        for number in sorted(video.missing):
            self._ready.append(_Unit(replace(task, plan=plan, segment=number), video))
        if not video.missing:
            self._join(task, video)
        return True

    def _send(self, unit: _Unit) -> None:
        task, carried = unit.task, None
        if isinstance(task.job.source, Path) and (unit.carry or self._carries or not isinstance(task.job, Job)):
            try:
                unit.carry, carried = True, self._carried(unit)
            except EdgeSrcnnError as error:
                self._fail(unit, error)
                return
        fit = self._crew.fit
        with mapped(self._cluster.name):
            future = self._client.submit(
                *(work, self._engines, task, carried),
                key=f"{'video' if task.job.is_video else 'picture'}-{self._name}-{task.number}-{token_hex(4)}",
                retries=_RETRIES,
                workers=fit,
                allow_other_workers=fit is not None,
                pure=False,
            )
        self._in_flight[future] = unit
        future.add_done_callback(self._arrived.put)

    def _carried(self, unit: _Unit) -> "Carried | Future[Carried]":
        """Give the source in a form that travels: with the task, or once to each worker for all segments of a video."""
        number, job = unit.task.number, unit.task.job
        if number in self._sent_videos:
            return self._sent_videos[number]
        data = attempt(job, lambda: read_source(job))
        unit.size = len(data)
        if unit.video is None:
            return Carried(job.source.name, data)
        key = f"source-{self._name}-{number}"
        with mapped(self._cluster.name):
            sent = self._client.submit(Carried, job.source.name, data, key=key, retries=_RETRIES)
        self._sent_videos[number] = sent
        return sent

    def _wait(self) -> "Future[Any]":
        """Wait until a task has ended, and look at the cluster meanwhile."""
        while True:
            arrived = None
            with suppress(Empty):
                arrived = self._arrived.get(timeout=_POLL_S)
            if isinstance(arrived, dict):
                self._tell(*(arrived[name] for name in PROGRESS))
            elif arrived in self._in_flight:
                return arrived
            if self._client.status not in ("running", "connecting"):
                raise self._gone()
            self._crew.look_now_and_then()

    def _tell(self, number: int, segment: int | None, done: int, total: int | None) -> None:
        """Pass on how many frames of a video are done."""
        job, video = self._jobs[number], self._videos.get(number)
        if segment is None:
            self._progress(job, done, total)
        elif video is not None:
            video.advance(segment, done)
            self._progress(job, video.frames, video.plan.frames)

    def _finish(self, future: "Future[Any]", unit: _Unit) -> None:
        """Take what a task came to."""
        done = self._result_of(future, unit)
        if done is None:
            return
        for text in done.warnings:
            log.warning("%s", text)
        if done.unfit is not None:
            self._crew.leave_out(done.worker, done.unfit)
            self._ready.appendleft(unit)
        elif done.outcome is None:
            if not self._carries:
                log.info("worker %s does not see the files; they travel", done.worker)
            self._carries = True
            self._ready.appendleft(unit)
        elif done.outcome.error is not None:
            self._fail(unit, done.outcome.error)
        elif unit.video is not None:
            self._keep(unit, unit.video, done)
        else:
            self._write(unit, done)

    def _result_of(self, future: "Future[Any]", unit: _Unit) -> Done | None:
        from distributed.scheduler import KilledWorker

        if future.status == "cancelled":
            raise self._gone()
        source = unit.task.job.source
        with mapped(self._cluster.name):
            error = future.exception() if future.status == "error" else None
        if isinstance(error, KilledWorker):
            why = f"{source}: several workers died while they had it; is it too large for their memory?"
            self._fail(unit, Unavailable(why))
            return None
        if error is not None:
            self._cluster.check_versions()  # a worker with another version may fail at anything
            self._fail(unit, InternalError.of(_as_exception(error), str(source)))
            return None
        with mapped(self._cluster.name):
            done: Done = future.result()
        return done

    def _fail(self, unit: _Unit, error: EdgeSrcnnError) -> None:
        """End a job with an error, or do a video as a whole that cannot be cut."""
        if unit.video is None:
            self._ended.append(Outcome(unit.task.job, 0.0, error=error))
            return
        self._drop(unit.video, unit.task.number)
        outcome = unit.video.fail(error)
        if isinstance(error, NotInSegments):
            log.warning("%s; it is upscaled as a whole", error)
            self._ready.append(_Unit(replace(unit.task, plan=None, segment=None)))
        else:
            self._ended.append(outcome)

    def _drop(self, video: VideoInParts, number: int) -> None:
        """Let go of all tasks of a video."""
        self._videos.pop(number, None)
        self._ready = deque(unit for unit in self._ready if unit.video is not video)
        futures = [future for future, unit in self._in_flight.items() if unit.video is video]
        for future in futures:
            del self._in_flight[future]
        with mapped(self._cluster.name):
            self._client.cancel(futures, force=True)
        self._sent_videos.pop(number, None)

    def _keep(self, unit: _Unit, video: VideoInParts, done: Done) -> None:
        """Keep a part of a video, and join all when it was the last."""
        if unit.task.segment is None or done.outcome is None or unit.task.number not in self._videos:
            return
        content = done.files[0][1] if done.files else b""
        try:
            video.add(unit.task.segment, done.frames, content, done.outcome.strength)
        except EdgeSrcnnError as error:
            self._fail(unit, error)
            return
        self._progress(video.job, video.frames, video.plan.frames)
        if not video.missing:
            self._join(unit.task, video)

    def _join(self, task: Task, video: VideoInParts) -> None:
        try:
            self._ended.append(video.join())
        except NotInSegments as error:
            self._fail(_Unit(task, video), error)
            return
        self._drop(video, task.number)

    def _write(self, unit: _Unit, done: Done) -> None:
        if done.outcome is None:
            return
        job = unit.task.job
        try:
            for name, content in done.files:
                write_whole(place_of(job.target, name), content, overwrite=self._overwrite)
        except EdgeSrcnnError as error:
            self._fail(unit, error)
            return
        self._ended.append(replace(done.outcome, job=job))

    def _gone(self) -> Unavailable:
        return Unavailable(
            f"--dask {self._cluster.name}: the scheduler is gone; what is done is kept, and --skip-existing goes on"
        )

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        for video in self._videos.values():
            video.interrupt(kind, error, traceback)
        with suppress(Exception):  # nobody is there any more to be told
            self._client.cancel([*self._in_flight, *self._sent_videos.values()], force=True)
            self._client.unsubscribe_topic(self._name)
        self._engines = None
        self._in_flight.clear()
        self._sent_videos.clear()
        if self._results is not None:
            self._results.close()


def _as_exception(error: BaseException) -> Exception:
    return error if isinstance(error, Exception) else RuntimeError(str(error))
