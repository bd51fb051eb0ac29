"""The client's files of a batch on a cluster: sources that travel, and the folder of results, shared or not."""

import os
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from secrets import token_bytes, token_hex

from edge_srcnn.batch.cluster.engines import Token
from edge_srcnn.batch.jobs import AnyJob
from edge_srcnn.batch.stores.address import Location
from edge_srcnn.batch.stores.staging import exists
from edge_srcnn.batch.work import remove_stale_results
from edge_srcnn.errors import CannotWrite, NoInput, Unavailable, reason
from edge_srcnn.sinks.recovery import remove_stale_parts
from edge_srcnn.sources.images import read_picture
from edge_srcnn.sources.video import no_file

_MOST_CARRIED = 1 << 30
"""Bytes of a source that travels."""


class ResultsFolder:
    """The folder of all results that are no store's, with a token in it by which workers know whether they see it.

    Parameters
    ----------
    jobs
        Whose results go there.

    Raises
    ------
    CannotWrite
        The folder cannot be made, or nothing be written there.
    """

    def __init__(self, jobs: Sequence[AnyJob]) -> None:
        self.token: Token | None = None
        self._made = list[Path]()
        folders = [job.target.absolute().parent for job in jobs if isinstance(job.target, Path)]
        if folders:
            self._make(Path(os.path.commonpath(folders)))

    def _make(self, folder: Path) -> None:
        self.token = Token(folder / f".edge-srcnn-{token_hex(8)}", token_bytes(16))
        self._made = [each for each in (folder, *folder.parents) if not os.path.lexists(each)]
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self.token.path.write_bytes(self.token.content)
        except OSError as error:
            self.close()
            raise CannotWrite(f"{folder}: cannot be written ({reason(error)})") from error

    def close(self) -> None:
        """Remove the token, and folders that stayed empty."""
        if self.token is not None:
            with suppress(OSError):
                self.token.path.unlink()
        for folder in self._made:
            with suppress(OSError):  # there is something in it
                folder.rmdir()


def read_source(job: AnyJob) -> bytes:
    """Read a source that is to travel.

    Parameters
    ----------
    job
        A picture or video.

    Returns
    -------
    All of the file.

    Raises
    ------
    Unavailable
        It is too large to travel.
    EdgeSrcnnError
        As a batch on this machine raises it, where it cannot be read.
    """
    if not isinstance(job.source, Path):
        raise TypeError(f"{job.source}: is fetched by the workers")
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


def remove_stale_files(jobs: Sequence[AnyJob]) -> None:
    """Remove what workers that were killed left of the results that they were writing."""
    remove_stale_results(jobs)
    for job in jobs:
        if job.is_video and isinstance(job.target, Path):
            remove_stale_parts(job.target)


def what_stands_at(target: Location) -> str | None:
    """Say what is at a result's name already: ``file``, ``folder``, or None."""
    if isinstance(target, Path):
        return None if not os.path.lexists(target) else "folder" if target.is_dir() else "file"
    return "file" if exists(target) else None


def place_of(target: Location, name: str) -> Path:
    """Name a file of a result that is written here: a video may have several."""
    if not isinstance(target, Path):
        raise TypeError(f"{target}: is sent by the workers")
    return target.with_name(name)
