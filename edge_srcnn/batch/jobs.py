"""Find pictures and videos to be upscaled, and choose where each result goes."""

import glob
import logging
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from edge_srcnn.engine.postprocess import AS_TRAINED
from edge_srcnn.errors import EdgeSrcnnError, NoInput, UsageError
from edge_srcnn.sinks.images import FORMATS, format_of
from edge_srcnn.sinks.video import SUFFIXES
from edge_srcnn.sources.images import visible_files
from edge_srcnn.uri import PICTURE_SUFFIXES

log = logging.getLogger(__name__)

VIDEO_SUFFIXES = frozenset(
    {*SUFFIXES, ".webm", ".ts", ".mts", ".m2ts", ".mpg", ".mpeg", ".wmv", ".flv", ".3gp", ".ogv"}
)

Sizes = tuple[tuple[int, int], tuple[int, int]]
"""Width and height of a picture and of its result, in pixels."""


@dataclass(frozen=True)
class Job:
    """Name one picture or video to be upscaled, and where its result goes."""

    source: Path
    target: Path

    @property
    def is_video(self) -> bool:
        """Tell by the name of the source whether it is a video."""
        return _is_video(self.source)


@dataclass(frozen=True)
class Outcome:
    """Hold what became of a job: ``error`` is None if ``target`` was written, or is there already (``skipped``).

    Sizes are (width, height) in pixels; ``strength`` is that of the picture, or of the last frame.
    """

    job: Job
    seconds: float
    size: tuple[int, int] | None = None
    new_size: tuple[int, int] | None = None
    error: EdgeSrcnnError | None = None
    skipped: bool = False
    strength: float = AS_TRAINED


def plan_jobs(inputs: Sequence[str], output: Path, suffix: str | None = None, *, videos: bool = False) -> list[Job]:
    """Find the pictures, and choose where each result goes.

    Parameters
    ----------
    inputs
        Files, folders (searched recursively, but not what is hidden, nor ``output`` inside of them) and globs.
    output
        A folder, made if missing; or, for a single input file, a file with a picture's suffix.
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
    """
    if suffix is not None and suffix not in FORMATS:
        raise UsageError(f"format {suffix.lstrip('.')!r}: use one of {', '.join(sorted({s[1:] for s in FORMATS}))}")
    to_file = len(inputs) == 1 and bool(output.suffix) and not os.path.isdir(output) and not os.path.isdir(inputs[0])
    found = [(text, _find(text, output, videos=videos)) for text in inputs]
    sources = [pair for _, pairs in found for pair in pairs]
    if not sources:
        raise NoInput(f"{', '.join(inputs)}: no picture in it ({', '.join(sorted(PICTURE_SUFFIXES))})")
    for text in (text for text, pairs in found if not pairs):
        log.warning("%s: no picture in it", text)
    if to_file and len(sources) == 1:
        _check_target(sources[0][0], output)
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


def _is_video(path: Path) -> bool:
    return path.suffix.lower() in VIDEO_SUFFIXES


def _check_target(source: Path, target: Path) -> None:
    """Refuse a picture's suffix for a video and the reverse."""
    if not _is_video(source):
        format_of(target)
    elif target.suffix.lower() not in SUFFIXES:
        raise UsageError(f"{target}: {source} is a video; end the result in one of {', '.join(SUFFIXES)}")


def _same_file(one: Path, other: Path) -> bool:
    try:
        return one.samefile(other)
    except OSError:  # one of them is missing, or may not be looked at
        return False


def _find(text: str, output: Path, *, videos: bool) -> list[tuple[Path, Path]]:
    """List the pictures that an argument names, each with the name of its result inside the output folder."""
    path = Path(text)
    if os.path.isdir(path):  # Path.is_dir raises where it may not look
        return [(found, found.relative_to(path)) for found in _find_in_folder(path, output, videos=videos)]
    if os.path.exists(path) or not glob.has_magic(text):
        return [(path, Path(path.name))]  # one that is missing fails when its turn comes
    matches = [Path(m) for m in sorted(glob.glob(text, recursive=True))]
    known = PICTURE_SUFFIXES | VIDEO_SUFFIXES
    files = [m for m in matches if os.path.isfile(m) and m.suffix.lower() in known]
    if not files:
        raise NoInput(f"{text}: no picture or video matches")
    return [(found, Path(found.name)) for found in files]


def _find_in_folder(folder: Path, output: Path, *, videos: bool) -> list[Path]:
    files = visible_files(folder, leave_out=output)
    clips = [path for path in files if path.suffix.lower() in VIDEO_SUFFIXES]
    wanted = PICTURE_SUFFIXES | VIDEO_SUFFIXES if videos else PICTURE_SUFFIXES
    if clips and not videos:
        others = f" and {len(clips) - 1} more" if len(clips) > 1 else ""
        log.warning("%s%s: videos are left out; give --videos to upscale them, too", clips[0], others)
    return [path for path in files if path.suffix.lower() in wanted]


def _renamed(relative: Path, suffix: str | None) -> Path:
    if _is_video(relative):
        return relative if relative.suffix.lower() in SUFFIXES else relative.with_suffix(".mkv")
    if suffix is not None:
        return relative.with_suffix(suffix)
    return relative if relative.suffix.lower() in FORMATS else relative.with_suffix(".png")
