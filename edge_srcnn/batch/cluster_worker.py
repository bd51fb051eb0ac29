"""Do a job of a batch on a worker of a Dask cluster: on the client's own files where it sees them, else on copies."""

import filecmp
import logging
import os
import shutil
import signal
import tempfile
import threading
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from time import monotonic
from typing import Any

from edge_srcnn.batch.cluster_engines import Engines
from edge_srcnn.batch.jobs import Job, Outcome
from edge_srcnn.batch.segments import Part, make_segment
from edge_srcnn.batch.work import attempt, run_job
from edge_srcnn.errors import EdgeSrcnnError, OutputExists
from edge_srcnn.sources.segment_plan import SegmentPlan
from edge_srcnn.upscaler import Upscaler

_EVERY_S = 0.5
"""Progress is told no more often."""

PROGRESS = ("number", "segment", "done", "total")
"""What an event tells: of which job and segment, frames done, and how many there are, if that is known."""


@dataclass(frozen=True)
class FileStatus:
    """Recognize a file by its size in bytes and the time of its last change in nanoseconds."""

    size: int
    changed_ns: int

    @classmethod
    def of(cls, path: Path) -> "FileStatus":
        """Look at a file; ``OSError`` where that cannot be."""
        found = os.stat(path)
        return cls(found.st_size, found.st_mtime_ns)


@dataclass(frozen=True)
class Task:
    """Say what a worker is to do.

    Attributes
    ----------
    number
        The job's among all.
    job
        As the user named it; messages are about these names.
    folder
        The client's working directory.
    status
        Of the source; None: it is missing, or is not looked at.
    overwrite
        Replace a result that is there.
    standing
        What was at the result's name when the task was sent: ``file``, ``folder``, or None.
    topic
        Of the events that tell progress.
    plan, segment
        Of a long video, and which of its segments; None: all of the job.
    """

    number: int
    job: Job
    folder: Path
    status: FileStatus | None
    overwrite: bool
    standing: str | None
    topic: str
    plan: SegmentPlan | None = None
    segment: int | None = None

    @property
    def local(self) -> Job:
        """The job with absolute names."""
        return Job(self.folder / self.job.source, self.folder / self.job.target)


Files = tuple[tuple[str, bytes], ...]
"""Names and contents."""


@dataclass(frozen=True)
class Done:
    """Tell what became of a task.

    Attributes
    ----------
    worker
        Its address.
    outcome
        None: nothing was done, since the worker is ``unfit``, or does not see the files.
    files
        Results that the client is to write.
    frames
        Of a segment.
    warnings
        What was logged meanwhile.
    unfit
        Why the worker cannot do any job of this batch.
    """

    worker: str
    outcome: Outcome | None = None
    files: Files = ()
    frames: int = 0
    warnings: tuple[str, ...] = ()
    unfit: EdgeSrcnnError | None = None


class Carried:
    """A file that travels to a worker, and lies in its folder of temporary files as long as it is needed.

    Parameters
    ----------
    name
        Without folders.
    data
        Its content.
    """

    def __init__(self, name: str, data: bytes) -> None:
        self.name, self._data = name, data
        self._folder: Path | None = None
        self._lock = threading.Lock()

    def __reduce__(self) -> tuple[Any, ...]:
        return Carried, (self.name, self._data)

    def __sizeof__(self) -> int:
        return object.__sizeof__(self) + len(self._data)

    def path(self) -> Path:
        """Write it, unless it is written already, and give its name."""
        with self._lock:
            if self._folder is None:
                self._folder = Path(tempfile.mkdtemp(prefix="source-", dir=_local_directory()))
                weakref.finalize(self, shutil.rmtree, self._folder, ignore_errors=True)
                (self._folder / self.name).write_bytes(self._data)
        return self._folder / self.name


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
    host = worker.address.partition("://")[2].rpartition(":")[0]
    try:
        engines.check_version()
        if carried is None and not _sees(engines, task):
            return Done(worker.address)
        with _warnings() as warnings, engines.take(host, worker.state.nthreads) as upscaler:
            job = _Work(engines, task, upscaler, _Progress(worker, task))
            source = task.local.source if carried is None else carried.path()
            if task.plan is not None and task.segment is not None:
                outcome, files = job.do_segment(source, task.plan, task.segment)
            else:
                outcome, files = job.do() if carried is None else job.do_aside(source)
    except Cancelled:
        return Done(worker.address)
    except EdgeSrcnnError as error:
        return Done(worker.address, unfit=error)
    return Done(worker.address, outcome, files, job.frames, tuple(map(job.renamed, warnings)))


def _sees(engines: Engines, task: Task) -> bool:
    """Tell whether the source and the folder of results are here what they are for the client."""
    try:
        return engines.sees_results() and FileStatus.of(task.local.source) == task.status
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

    def do(self) -> tuple[Outcome, Files]:
        """Work on the client's own files."""
        outcome = self._run(self.task.local, overwrite=self.task.overwrite)
        if isinstance(outcome.error, OutputExists) and self.task.standing is None:
            return self._compare(outcome), ()
        return outcome, ()

    def do_aside(self, source: Path) -> tuple[Outcome, Files]:
        """Work in a folder of our own; its files are the client's to write."""
        with _temporary_folder() as folder:
            target = folder / self.task.job.target.name
            if self.task.standing == "folder":
                target.mkdir()
            elif self.task.standing and not self.task.overwrite:
                target.touch()
            outcome = self._run(Job(source, target), overwrite=self.task.overwrite)
            if outcome.error is not None:
                return outcome, ()
            found = [path for path in sorted(folder.iterdir(), key=lambda path: path.stat().st_mtime_ns)]
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

    def _compare(self, failed: Outcome) -> Outcome:
        """Find out whether a result that came up meanwhile is the one: a worker may die after it has written it."""
        with _temporary_folder() as folder:
            local = self.task.local
            outcome = self._run(Job(local.source, folder / local.target.name), overwrite=False)
            same = [_is_same(path, local.target.with_name(path.name)) for path in folder.iterdir()]
            return outcome if same and all(same) else failed

    def _run(self, job: Job, *, overwrite: bool) -> Outcome:
        recipe = self.engines.recipe
        outcome = run_job(
            job,
            self.upscaler,
            recipe.encoding,
            overwrite=overwrite,
            partial_videos=recipe.partial_videos,
            temporal=recipe.temporal,
            segment_s=recipe.segment_s,
            progress=self.progress,
        )
        shown = self.task.job
        self.names |= {str(job.source): str(shown.source), str(job.target): str(shown.target)}
        self.names[str(job.target.with_suffix(""))] = str(shown.target.with_suffix(""))  # a second file's begins so
        return replace(outcome, job=shown, error=outcome.error and self._shown(outcome.error))

    def _shown(self, error: EdgeSrcnnError) -> EdgeSrcnnError:
        error.args = tuple(self.renamed(each) if isinstance(each, str) else each for each in error.args)
        return error

    def renamed(self, text: str) -> str:
        """Give a text in which the files have the names that the user knows."""
        for name in sorted(self.names, key=len, reverse=True):
            text = text.replace(name, self.names[name])
        return text


def _is_same(one: Path, other: Path) -> bool:
    try:
        return filecmp.cmp(one, other, shallow=False)
    except OSError:
        return False


@contextmanager
def _temporary_folder() -> Iterator[Path]:
    """Make a folder that is removed; Dask removes those of workers that were killed."""
    with tempfile.TemporaryDirectory(prefix="result-", dir=_local_directory()) as folder:
        yield Path(folder)


def _local_directory() -> str:
    from distributed import get_worker

    return str(get_worker().local_directory)


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
