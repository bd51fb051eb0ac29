"""Picture files in, sharper picture files out, one after another; a bad one does not stop the others."""

import glob
import logging
import os
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from edge_srcnn.errors import BadPicture, EdgeSrcnnError, NoInput, UsageError
from edge_srcnn.imaging.luma import UInt8Array
from edge_srcnn.imaging.picture import Picture
from edge_srcnn.sinks.images import FORMATS, Encoding, format_of, write_picture
from edge_srcnn.sources.images import PICTURE_SUFFIXES, find_pictures, read_picture
from edge_srcnn.upscaler import Upscaler

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Job:
    """One picture to be up-scaled."""

    source: Path
    target: Path


@dataclass(frozen=True)
class Outcome:
    """What became of a job: ``error`` is None when ``target`` was written; sizes are (width, height) in pixels."""

    job: Job
    seconds: float
    size: tuple[int, int] | None = None
    new_size: tuple[int, int] | None = None
    error: EdgeSrcnnError | None = None


def plan_jobs(inputs: Sequence[str], output: Path, suffix: str | None = None) -> list[Job]:
    """Find the pictures, and say where each result goes.

    Parameters
    ----------
    inputs
        Files, folders (searched recursively) and globs.
    output
        A folder, made if missing; or, for a single input file, a file with a picture's suffix.
    suffix
        Format of the results in a folder (``.png``); None keeps each picture's own.

    Raises
    ------
    NoInput
        A folder or glob holds no picture.
    UsageError
        Two pictures would have the same result, or one would replace its own source.
    """
    if suffix is not None and suffix not in FORMATS:
        raise UsageError(f"format {suffix.lstrip('.')!r}: use one of {', '.join(sorted({s[1:] for s in FORMATS}))}")
    sources = [pair for text in inputs for pair in _find(text)]
    to_file = len(sources) == 1 and sources[0][1] == Path(sources[0][0].name) and not os.path.isdir(output)
    if to_file and output.suffix:
        format_of(output)
        jobs = [Job(sources[0][0], output)]
    else:
        if os.path.isfile(output):
            raise UsageError(f"{output}: a file, but {len(sources)} pictures are to be written; name a folder")
        jobs = [Job(source, output / _renamed(relative, suffix)) for source, relative in sources]
    seen: dict[Path, Path] = {}
    for job in jobs:
        if job.target in seen:
            raise UsageError(f"{seen[job.target]} and {job.source} would both become {job.target}; name them apart")
        seen[job.target] = job.source
        if _same_file(job.source, job.target):
            raise UsageError(f"{job.source}: the result would replace its source; give another -o")
    return jobs


def run_jobs(jobs: Sequence[Job], upscaler: Upscaler, encoding: Encoding, *, overwrite: bool) -> Iterator[Outcome]:
    """Work through the jobs; each ends as an ``Outcome``, whatever happens to the others."""
    for job in jobs:
        began = time.perf_counter()
        try:
            size, new_size = _run(job, upscaler, encoding, overwrite=overwrite)
            yield Outcome(job, time.perf_counter() - began, size, new_size)
        except EdgeSrcnnError as error:
            yield Outcome(job, time.perf_counter() - began, error=error)
        except MemoryError:
            too_large = BadPicture(f"{job.source}: too large for this machine's memory; cut it into parts first")
            yield Outcome(job, time.perf_counter() - began, error=too_large)


def _run(
    job: Job, upscaler: Upscaler, encoding: Encoding, *, overwrite: bool
) -> tuple[tuple[int, int], tuple[int, int]]:
    picture = read_picture(job.source)
    pixels = _with_alpha(picture)
    height, width = pixels.shape[:2]
    shape = (height * upscaler.scale, width * upscaler.scale, *pixels.shape[2:])
    write_picture(job.target, shape, upscaler.bands(pixels), picture.metadata, encoding, overwrite=overwrite)
    return (width, height), (shape[1], shape[0])


def _same_file(one: Path, other: Path) -> bool:
    try:
        return one.samefile(other)
    except OSError:  # one of them is missing, or may not be looked at
        return False


def _with_alpha(picture: Picture) -> UInt8Array:
    if picture.alpha is None:
        return picture.pixels
    return np.dstack((picture.pixels, picture.alpha))


def _find(text: str) -> list[tuple[Path, Path]]:
    """Pictures that an argument names, each with the name its result gets inside the output folder."""
    path = Path(text)
    if os.path.isdir(path):  # Path.is_dir raises where it may not look
        return [(found, found.relative_to(path)) for found in find_pictures(path)]
    if os.path.exists(path) or not glob.has_magic(text):
        return [(path, Path(path.name))]  # one that is missing fails when its turn comes
    matches = [Path(m) for m in sorted(glob.glob(text, recursive=True))]
    pictures = [m for m in matches if os.path.isfile(m) and m.suffix.lower() in PICTURE_SUFFIXES]
    if not pictures:
        raise NoInput(f"{text}: no picture matches")
    return [(found, Path(found.name)) for found in pictures]


def _renamed(relative: Path, suffix: str | None) -> Path:
    if suffix is not None:
        return relative.with_suffix(suffix)
    return relative if relative.suffix.lower() in FORMATS else relative.with_suffix(".png")
