"""Spread a batch over the workers of a Dask cluster: a bounded number of tasks at a time, results as they come."""

import logging
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, suppress
from dataclasses import replace
from pathlib import Path
from secrets import token_hex
from types import TracebackType

from edge_srcnn.batch.cluster.connection import Cluster
from edge_srcnn.batch.cluster.crew import Crew
from edge_srcnn.batch.cluster.engines import Recipe
from edge_srcnn.batch.cluster.files import ResultsFolder, place_of, read_source, remove_stale_files, what_stands_at
from edge_srcnn.batch.cluster.tasks import Done, FileStatus, Task
from edge_srcnn.batch.cluster.videos import VideoInParts
from edge_srcnn.batch.cluster.window import Unit, Window
from edge_srcnn.batch.jobs import AnyJob, Job, Outcome
from edge_srcnn.batch.segments import memory_of
from edge_srcnn.batch.stores.staging import exists
from edge_srcnn.batch.videos import begin_video
from edge_srcnn.batch.work import attempt, remove_stale_results
from edge_srcnn.engine.strength import Strength
from edge_srcnn.errors import EdgeSrcnnError, NotInSegments
from edge_srcnn.imaging.temporal import TemporalStrength
from edge_srcnn.sinks.images import Encoding
from edge_srcnn.sources.segment_plan import SEGMENT_S
from edge_srcnn.system.files import write_whole

log = logging.getLogger(__name__)


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
        self._cluster, self._jobs, self._recipe = cluster, jobs, recipe
        self._overwrite, self._progress, self._on_workers = overwrite, progress, on_workers
        self._memory = memory_of(Strength(recipe.strength), recipe.spec, recipe.temporal)
        self._name = token_hex(8)
        self._ready: deque[Unit] = deque()
        self._ended: deque[Outcome] = deque()
        self._videos: dict[int, VideoInParts] = {}
        self._results: ResultsFolder | None = None
        self._window: Window | None = None

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
        window = self._window = self._prepared([job for _, job in left])
        waiting = iter(left)
        while True:
            while window.has_room and (self._ready or self._begin_next(waiting)):
                if self._ready:
                    self._send(window, self._ready.popleft())
                yield from self._take_ended()
            yield from self._take_ended()
            if not len(window):
                return
            self._finish(window, *window.take())

    def _take_ended(self) -> Iterator[Outcome]:
        while self._ended:
            yield self._ended.popleft()

    def _prepared(self, jobs: Sequence[AnyJob]) -> Window:
        """Look at the workers, leave a token beside the results, and send what all jobs have in common."""
        self._crew = Crew(self._cluster, self._on_workers)
        self._cluster.at_end.callback(remove_stale_files, jobs)
        self._results = ResultsFolder(jobs)
        recipe = replace(self._recipe, host_threads=self._crew.host_threads, token=self._results.token)
        return Window(self._cluster, self._crew, recipe, self._name, self._tell)

    def _send(self, window: Window, unit: Unit) -> None:
        try:
            carried = window.pack(unit)
        except EdgeSrcnnError as error:
            self._fail(unit, error)
            return
        window.send(unit, carried)

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
                self._ready.append(Unit(task))
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
            self._ready.append(Unit(replace(task, plan=plan, segment=number), video))
        if not video.missing:
            self._join(task, video)
        return True

    def _tell(self, number: int, segment: int | None, done: int, total: int | None) -> None:
        """Pass on how many frames of a video are done."""
        job, video = self._jobs[number], self._videos.get(number)
        if segment is None:
            self._progress(job, done, total)
        elif video is not None:
            video.advance(segment, done)
            self._progress(job, video.frames, video.plan.frames)

    def _finish(self, window: Window, unit: Unit, done: Done | EdgeSrcnnError) -> None:
        """Take what a task came to."""
        if isinstance(done, EdgeSrcnnError):
            self._fail(unit, done)
            return
        for text in done.warnings:
            log.warning("%s", text)
        if done.unfit is not None:
            self._crew.leave_out(done.worker, done.unfit)
            self._ready.appendleft(unit)
        elif done.outcome is None:
            if not window.carries:
                log.info("worker %s does not see the files; they travel", done.worker)
            window.carries = True
            self._ready.appendleft(unit)
        elif done.outcome.error is not None:
            self._fail(unit, done.outcome.error)
        elif unit.video is not None:
            self._keep(unit, unit.video, done)
        else:
            self._write(unit, done)

    def _fail(self, unit: Unit, error: EdgeSrcnnError) -> None:
        """End a job with an error, or do a video as a whole that cannot be cut."""
        if unit.video is None:
            self._ended.append(Outcome(unit.task.job, 0.0, error=error))
            return
        self._drop(unit.video, unit.task.number)
        outcome = unit.video.fail(error)
        if isinstance(error, NotInSegments):
            log.warning("%s; it is upscaled as a whole", error)
            self._ready.append(Unit(replace(unit.task, plan=None, segment=None)))
        else:
            self._ended.append(outcome)

    def _drop(self, video: VideoInParts, number: int) -> None:
        """Let go of all tasks of a video."""
        self._videos.pop(number, None)
        self._ready = deque(unit for unit in self._ready if unit.video is not video)
        if self._window is not None:
            self._window.drop(video, number)

    def _keep(self, unit: Unit, video: VideoInParts, done: Done) -> None:
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
            self._fail(Unit(task, video), error)
            return
        self._drop(video, task.number)

    def _write(self, unit: Unit, done: Done) -> None:
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

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        for video in self._videos.values():
            video.interrupt(kind, error, traceback)
        if self._window is not None:
            self._window.close()
        if self._results is not None:
            self._results.close()
