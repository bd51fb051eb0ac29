"""What travels between the client of a batch and the workers of a Dask cluster."""

import os
import shutil
import tempfile
import threading
import weakref
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edge_srcnn.batch.jobs import AnyJob, Job, Outcome, StoreJob
from edge_srcnn.errors import EdgeSrcnnError
from edge_srcnn.sources.segment_plan import SegmentPlan

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
    job: AnyJob
    folder: Path
    status: FileStatus | None
    overwrite: bool
    standing: str | None
    topic: str
    plan: SegmentPlan | None = None
    segment: int | None = None

    @property
    def here(self) -> AnyJob:
        """The job with absolute names."""
        source, target = self.job.source, self.job.target
        if isinstance(self.job, Job):
            return Job(self.folder / self.job.source, self.folder / self.job.target)
        if isinstance(source, Path):
            source = self.folder / source
        return StoreJob(source, self.folder / target if isinstance(target, Path) else target)


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
                self._folder = Path(tempfile.mkdtemp(prefix="source-", dir=local_directory()))
                weakref.finalize(self, shutil.rmtree, self._folder, ignore_errors=True)
                (self._folder / self.name).write_bytes(self._data)
        return self._folder / self.name


def local_directory() -> str:
    """Name the worker's folder of temporary files, which Dask removes after its death."""
    from distributed import get_worker

    return str(get_worker().local_directory)
