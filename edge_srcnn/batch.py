"""Upscale pictures and videos one after another; a bad one does not stop the others."""

import glob
import logging
import os
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from edge_srcnn.errors import BadData, BadPicture, EdgeSrcnnError, InternalError, NoInput, UsageError
from edge_srcnn.imaging.animation import ANIMATED
from edge_srcnn.imaging.temporal import TemporalStrength
from edge_srcnn.live.capture import Capture
from edge_srcnn.live.pipeline import Pipeline
from edge_srcnn.sinks.images import FORMATS, Encoding, format_of, write_animation, write_picture
from edge_srcnn.sinks.recovery import remove_stale_parts
from edge_srcnn.sinks.video import SUFFIXES, VideoSink
from edge_srcnn.sources.images import read_animation, read_picture, visible_files
from edge_srcnn.sources.video import Video, no_file
from edge_srcnn.system.files import remove_stale
from edge_srcnn.upscaler import Upscaler
from edge_srcnn.uri import PICTURE_SUFFIXES

log = logging.getLogger(__name__)

VIDEO_SUFFIXES = frozenset(
    {*SUFFIXES, ".webm", ".ts", ".mts", ".m2ts", ".mpg", ".mpeg", ".wmv", ".flv", ".3gp", ".ogv"}
)


Sizes = tuple[tuple[int, int], tuple[int, int]]
"""Width and height of a picture and of its result, in pixels."""


_SHALLOW = (".avi",)
"""Containers of results that hold no video of 10 bits."""


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

    Sizes are (width, height) in pixels.
    """

    job: Job
    seconds: float
    size: tuple[int, int] | None = None
    new_size: tuple[int, int] | None = None
    error: EdgeSrcnnError | None = None
    skipped: bool = False


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


def run_jobs(
    jobs: Sequence[Job],
    upscaler: Upscaler,
    encoding: Encoding,
    *,
    overwrite: bool,
    skip_existing: bool = False,
    partial_videos: bool = False,
    temporal: TemporalStrength | None = None,
    progress: Callable[[Job, int, int | None], None] = lambda job, done, total: None,
) -> Iterator[Outcome]:
    """Work through the jobs; each ends as an ``Outcome``, whatever happens to the others.

    Parameters
    ----------
    jobs
        As ``plan_jobs`` made them.
    upscaler
        For all of them.
    encoding
        Of pictures.
    overwrite
        Replace results that are there.
    skip_existing
        Leave out jobs whose results are there.
    partial_videos
        Of videos that are cut off or damaged, take what there is.
    temporal
        How much the frames of videos are averaged over time; None: not at all.
    progress
        Called for each frame of a video with the job, frames done, and how many there are, if that is known.

    Yields
    ------
    What became of each job, when it has ended.
    """
    for folder in {job.target.parent for job in jobs}:
        for path in remove_stale(folder):
            log.info("%s: removed; what wrote it was killed", path)
    for job in jobs:
        began = time.perf_counter()
        error: EdgeSrcnnError
        try:
            if skip_existing and job.target.exists():
                yield Outcome(job, 0.0, skipped=True)
                continue
            if job.is_video:
                size, new_size = _run_video(
                    job,
                    upscaler,
                    partial(progress, job),
                    overwrite=overwrite,
                    partial_videos=partial_videos,
                    temporal=temporal,
                )
            else:
                size, new_size = _run(job, upscaler, encoding, overwrite=overwrite)
            yield Outcome(job, time.perf_counter() - began, size, new_size)
            continue
        except EdgeSrcnnError as known:
            error = known
        except MemoryError:
            error = BadPicture(f"{job.source}: too large for this machine's memory; cut it into parts first")
        except Exception as unforeseen:  # one input is not to end the others
            log.debug("%s", job.source, exc_info=unforeseen)
            error = InternalError.of(unforeseen, str(job.source))
        yield Outcome(job, time.perf_counter() - began, error=error)


def _run(job: Job, upscaler: Upscaler, encoding: Encoding, *, overwrite: bool) -> Sizes:
    animation = read_animation(job.source) if format_of(job.target) in ANIMATED else None
    if animation is not None:
        width, height = animation.size
        size = width * upscaler.scale, height * upscaler.scale
        larger = replace(animation, size=size, frames=map(upscaler.upscale, animation.frames))
        write_animation(job.target, larger, encoding, overwrite=overwrite)
        return animation.size, size
    picture = read_picture(job.source)
    pixels = picture.samples
    height, width = pixels.shape[:2]
    shape = (height * upscaler.scale, width * upscaler.scale, *pixels.shape[2:])
    write_picture(job.target, shape, upscaler.bands(pixels), picture.metadata, encoding, overwrite=overwrite)
    return (width, height), (shape[1], shape[0])


def _run_video(
    job: Job,
    upscaler: Upscaler,
    progress: Callable[[int, int | None], None],
    *,
    overwrite: bool,
    partial_videos: bool,
    temporal: TemporalStrength | None,
) -> Sizes:
    if not os.path.isfile(job.source):
        raise no_file(job.source)
    sink = VideoSink(str(job.target), job.target, preset="medium", overwrite=overwrite)  # nothing is written yet
    for path in remove_stale_parts(job.target):
        log.info("%s: removed; what wrote it was killed", path)
    deep = job.target.suffix.lower() not in _SHALLOW
    source = Video(str(job.source), deep=deep, whole=not partial_videos, partial=partial_videos)
    frames = source.frames
    pipeline = Pipeline(Capture.of(source, temporal), upscaler, [sink], strength=upscaler.strength_control)
    pipeline.run(lambda done: progress(done, frames))
    state = pipeline.state()
    if state.size_in is None or state.size_out is None:
        raise BadData(f"{job.source}: holds no frame that can be decoded")
    return state.size_in, state.size_out


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
