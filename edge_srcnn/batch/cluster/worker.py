"""Do a job of a batch on a worker of a Dask cluster: on the client's own files where it sees them, else on copies."""

import filecmp
import logging
import signal
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from time import monotonic
from typing import Any

from edge_srcnn.batch.cluster.connection import host_of
from edge_srcnn.batch.cluster.engines import Engines
from edge_srcnn.batch.cluster.tasks import PROGRESS, Carried, Done, Files, FileStatus, Task, local_directory
from edge_srcnn.batch.jobs import Job, Outcome, StoreJob
from edge_srcnn.batch.segments import Part, make_segment
from edge_srcnn.batch.stores.address import Location
from edge_srcnn.batch.stores.staging import fetched
from edge_srcnn.batch.work import attempt, run_job
from edge_srcnn.errors import EdgeSrcnnError, OutputExists
from edge_srcnn.errors.masking import remember
from edge_srcnn.sources.segment_plan import SegmentPlan
from edge_srcnn.upscaler import Upscaler

_EVERY_S = 0.5
"""Progress is told no more often."""


def dask_setup(worker: Any) -> None:
    """Leave Ctrl-C to the client when its own worker starts; Dask calls this (``preload``)."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


class Cancelled(BaseException):
    """End a job that nobody waits for any more."""


def work(engines: Engines, task: Task, carried: Carried | None) -> Done:
    """Do a job; whatever happens to it is part of the result.

    Parameters
    ----------
    engines
        Of the batch.
    task
        What to do.
    carried
        The source; None: it is to be read where it lies.

    Returns
    -------
    What became of it.
    """
    from distributed import get_worker

    worker = get_worker()
    host = host_of(worker.address)
    try:
        engines.check_version()
        here = task.here
        for place in (here.source, here.target):
            if not isinstance(place, Path):
                remember(place.text)  # a password may be in it
        if carried is None and isinstance(here, Job) and not _sees(engines, task, here):
            return Done(worker.address)
        with _warnings() as warnings, engines.take(host, worker.state.nthreads) as upscaler:
            job = _Work(engines, task, upscaler, _Progress(worker, task))
            source = here.source if carried is None else carried.path()
            if task.plan is not None and task.segment is not None and isinstance(source, Path):
                outcome, files = job.do_segment(source, task.plan, task.segment)
            elif isinstance(here.target, Path) and (carried is not None or not isinstance(here, Job)):
                outcome, files = job.do_aside(source, here.target.name)
            else:
                outcome, files = job.do(source, here.target)
    except Cancelled:
        return Done(worker.address)
    except EdgeSrcnnError as error:
        return Done(worker.address, unfit=error)
    return Done(worker.address, outcome, files, job.frames, tuple(map(job.renamed, warnings)))


def _sees(engines: Engines, task: Task, here: Job) -> bool:
    """Tell whether the source and the folder of results are here what they are for the client."""
    try:
        return engines.sees_results() and FileStatus.of(here.source) == task.status
    except OSError:
        return False


class _Progress:
    """Tell the frames of a video, now and then, and find out whether anybody still waits for it."""

    def __init__(self, worker: Any, task: Task) -> None:
        self._worker, self._task, self._told_s = worker, task, monotonic()
        self._key = worker.get_current_task()

    def __call__(self, done: int, total: int | None) -> None:
        now_s = monotonic()
        if now_s - self._told_s < _EVERY_S and done != total:
            return
        self._told_s = now_s
        state = self._worker.state.tasks.get(self._key)
        if state is None or state.state == "cancelled":
            raise Cancelled
        event = self._task.number, self._task.segment, done, total
        self._worker.log_event(self._task.topic, dict(zip(PROGRESS, event, strict=True)))


class _Work:
    def __init__(self, engines: Engines, task: Task, upscaler: Upscaler, progress: _Progress) -> None:
        self.engines, self.task, self.upscaler, self.progress = engines, task, upscaler, progress
        self.names: dict[str, str] = {}
        self.frames = 0

    def do(self, source: Location, target: Location) -> tuple[Outcome, Files]:
        """Write the result where it belongs: on the client's own disk, or in a store."""
        outcome = self._run(source, target, overwrite=self.task.overwrite)
        if isinstance(outcome.error, OutputExists) and self.task.standing is None:
            return self._compare(outcome, source, target), ()
        return outcome, ()

    def do_aside(self, source: Location, name: str) -> tuple[Outcome, Files]:
        """Work in a folder of our own; its files are the client's to write."""
        with _temporary_folder() as folder:
            target = folder / name
            if self.task.standing == "folder":
                target.mkdir()
            elif self.task.standing and not self.task.overwrite:
                target.touch()
            outcome = self._run(source, target, overwrite=self.task.overwrite)
            if outcome.error is not None:
                return outcome, ()
            found = sorted(folder.iterdir(), key=lambda path: path.stat().st_mtime_ns)
            return outcome, tuple((path.name, path.read_bytes()) for path in found)

    def do_segment(self, source: Path, plan: SegmentPlan, number: int) -> tuple[Outcome, Files]:
        """Work on a segment of a video; the part's file is the client's to join."""
        began_s, shown, recipe = monotonic(), self.task.job, self.engines.recipe
        with _temporary_folder() as folder:
            target = folder / f"{number:05}.nut"
            self.names |= {str(source): str(shown.source), str(target): str(shown.target)}

            def tell(done: int) -> None:
                self.progress(done, None)

            def do() -> Part:
                partial = recipe.partial_videos
                return make_segment(source, plan, number, self.upscaler, target, partial=partial, progress=tell)

            try:
                part = attempt(shown, do)
            except EdgeSrcnnError as error:
                return Outcome(shown, monotonic() - began_s, error=self._shown(error)), ()
            self.frames = part.frames
            outcome = Outcome(shown, monotonic() - began_s, strength=self.upscaler.strength_control.now)
            return outcome, ((target.name, target.read_bytes()),) if part.frames else ()

    def _compare(self, failed: Outcome, source: Location, target: Location) -> Outcome:
        """Find out whether a result that came up meanwhile is the one: a worker may die after it has written it."""
        with _temporary_folder() as folder:
            outcome = self._run(source, folder / target.name, overwrite=False)
            same = [_is_same(path, target.parent / path.name) for path in folder.iterdir()]
            return outcome if same and all(same) else failed

    def _run(self, source: Location, target: Location, *, overwrite: bool) -> Outcome:
        recipe, shown = self.engines.recipe, self.task.job
        outcome = run_job(
            Job(source, target) if isinstance(source, Path) and isinstance(target, Path) else StoreJob(source, target),
            self.upscaler,
            recipe.encoding,
            overwrite=overwrite,
            partial_videos=recipe.partial_videos,
            temporal=recipe.temporal,
            segment_s=recipe.segment_s,
            progress=self.progress,
        )
        self.names |= {str(source): str(shown.source), str(target): str(shown.target)}
        if isinstance(target, Path) and isinstance(shown.target, Path):  # a second file's name begins so
            self.names[str(target.with_suffix(""))] = str(shown.target.with_suffix(""))
        return replace(outcome, job=shown, error=outcome.error and self._shown(outcome.error))

    def _shown(self, error: EdgeSrcnnError) -> EdgeSrcnnError:
        error.args = tuple(self.renamed(each) if isinstance(each, str) else each for each in error.args)
        return error

    def renamed(self, text: str) -> str:
        """Give a text in which the files have the names that the user knows."""
        for name in sorted(self.names, key=len, reverse=True):
            text = text.replace(name, self.names[name])
        return text


def _is_same(one: Path, other: Location) -> bool:
    try:
        with fetched(other) as found:
            return filecmp.cmp(one, found, shallow=False)
    except (OSError, EdgeSrcnnError):
        return False


@contextmanager
def _temporary_folder() -> Iterator[Path]:
    """Make a folder that is removed; Dask removes those of workers that were killed."""
    with tempfile.TemporaryDirectory(prefix="result-", dir=local_directory()) as folder:
        yield Path(folder)


class _Collected(logging.Handler):
    """Collect warnings for whichever job ends next: the user reads them beside the client, not in a worker's log."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.texts: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.texts.append(record.getMessage())


_collected = _Collected()


@contextmanager
def _warnings() -> Iterator[list[str]]:
    found: list[str] = []
    logging.getLogger("edge_srcnn").addHandler(_collected)  # which does nothing the second time
    try:
        yield found
    finally:
        while _collected.texts:
            found.append(_collected.texts.pop(0))
