"""Find pictures and videos to be upscaled, and choose where each result goes."""

import logging
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath

from edge_srcnn.batch.finding import find_sources, is_folder, is_video
from edge_srcnn.batch.stores.address import Location, StoreUrl, read_location
from edge_srcnn.batch.stores.listing import FILE, FOLDER, kind_of
from edge_srcnn.engine.postprocess import AS_TRAINED
from edge_srcnn.errors import EdgeSrcnnError, NoInput, UsageError
from edge_srcnn.sinks.images import FORMATS, format_of
from edge_srcnn.sinks.video import SUFFIXES
from edge_srcnn.uri import PICTURE_SUFFIXES

log = logging.getLogger(__name__)

Sizes = tuple[tuple[int, int], tuple[int, int]]
"""Width and height of a picture and of its result, in pixels."""


@dataclass(frozen=True)
class Job:
    """Name one picture or video to be upscaled, and where its result goes, both on this machine."""

    source: Path
    target: Path

    @property
    def is_video(self) -> bool:
        """Tell by the name of the source whether it is a video."""
        return is_video(self.source)


@dataclass(frozen=True)
class StoreJob:
    """Name one picture or video of which a side at least is in a store; it is fetched, or its result sent."""

    source: Location
    target: Location

    @property
    def is_video(self) -> bool:
        """Tell by the name of the source whether it is a video."""
        return is_video(self.source)


AnyJob = Job | StoreJob


@dataclass(frozen=True)
class Outcome:
    """Hold what became of a job: ``error`` is None if ``target`` was written, or is there already (``skipped``).

    Sizes are (width, height) in pixels; ``strength`` is that of the picture, or of the last frame.
    """

    job: AnyJob
    seconds: float
    size: tuple[int, int] | None = None
    new_size: tuple[int, int] | None = None
    error: EdgeSrcnnError | None = None
    skipped: bool = False
    strength: float = AS_TRAINED


def plan_jobs(
    inputs: Sequence[str], output: Path | str, suffix: str | None = None, *, videos: bool = False
) -> list[AnyJob]:
    """Find the pictures, and choose where each result goes.

    Parameters
    ----------
    inputs
        Files, folders (searched recursively, but not what is hidden, nor ``output`` inside of them) and globs; paths,
        or URLs of stores.
    output
        A folder, made if missing; or, for a single input file, a file with a picture's suffix. A path or a URL.
    suffix
        Format of the results in a folder (``.png``); None keeps each picture's own.
    videos
        Take the videos in folders, too; else a warning names them.

    Returns
    -------
    A job for each picture or video, in the order of the inputs.

    Raises
    ------
    NoInput
        A glob matches nothing, or no folder holds a picture.
    UsageError
        Two pictures would have the same result, or one would replace its own source.
    Unavailable
        A store cannot be reached, or its library is missing.
    """
    if suffix is not None and suffix not in FORMATS:
        raise UsageError(f"format {suffix.lstrip('.')!r}: use one of {', '.join(sorted({s[1:] for s in FORMATS}))}")
    places, folder = [read_location(text) for text in inputs], read_location(output)
    for each in dict.fromkeys(place.store for place in (*places, folder) if isinstance(place, StoreUrl)):
        if each.has_password:
            log.warning(
                "%s: everybody on this machine can read the password in it (ps shows the command); a key keeps it out",
                each,
            )
    kind = _kind_of_output(folder)
    to_file = len(inputs) == 1 and bool(folder.suffix) and kind != FOLDER and not is_folder(places[0])
    found = [(place, find_sources(place, folder, videos=videos)) for place in places]
    sources = [pair for _, pairs in found for pair in pairs]
    if not sources:
        names = ", ".join(str(place) for place in places)
        raise NoInput(f"{names}: no picture in it ({', '.join(sorted(PICTURE_SUFFIXES))})")
    for place in (place for place, pairs in found if not pairs):
        log.warning("%s: no picture in it", place)
    if to_file and len(sources) == 1:
        _check_target(sources[0][0], folder)
        jobs = [_job(sources[0][0], folder)]
    else:
        if kind == FILE:
            raise UsageError(f"{folder}: a file, but {len(sources)} pictures are to be written; name a folder")
        jobs = [_job(source, folder / _renamed(relative, suffix)) for source, relative in sources]
    _check_apart(jobs)
    return jobs


def _job(source: Location, target: Location) -> AnyJob:
    if isinstance(source, Path) and isinstance(target, Path):
        return Job(source, target)
    return StoreJob(source, target)


def _kind_of_output(output: Location) -> str | None:
    if isinstance(output, Path):
        return FOLDER if os.path.isdir(output) else FILE if os.path.isfile(output) else None
    if output.is_web:
        raise UsageError(
            f"{output}: nothing can be written there; name a folder, or a store such as s3://BUCKET/FOLDER/"
        )
    kind = kind_of(output, writing=True)  # asked in any case: a store that refuses does so before anything is computed
    return FOLDER if output.ends_as_folder else kind


def _check_apart(jobs: list[AnyJob]) -> None:
    seen: dict[Location, Location] = {}
    for job in jobs:
        if job.target in seen:
            raise UsageError(f"{seen[job.target]} and {job.source} would both become {job.target}; name them apart")
        seen[job.target] = job.source
        if _same_file(job.source, job.target):
            raise UsageError(f"{job.source}: the result would replace its source; give another -o")


def _check_target(source: Location, target: Location) -> None:
    """Refuse a picture's suffix for a video and the reverse."""
    if not is_video(source):
        format_of(target)
    elif target.suffix.lower() not in SUFFIXES:
        raise UsageError(f"{target}: {source} is a video; end the result in one of {', '.join(SUFFIXES)}")


def _same_file(one: Location, other: Location) -> bool:
    if isinstance(one, StoreUrl) or isinstance(other, StoreUrl):
        return isinstance(one, StoreUrl) and isinstance(other, StoreUrl) and one.same_as(other)
    try:
        return one.samefile(other)
    except OSError:  # one of them is missing, or may not be looked at
        return False


def _renamed(relative: PurePath, suffix: str | None) -> PurePath:
    if is_video(relative):
        return relative if relative.suffix.lower() in SUFFIXES else relative.with_suffix(".mkv")
    if suffix is not None:
        return relative.with_suffix(suffix)
    return relative if relative.suffix.lower() in FORMATS else relative.with_suffix(".png")
