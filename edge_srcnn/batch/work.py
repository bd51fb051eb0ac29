"""Upscale pictures and videos one after another; a bad one does not stop the others."""

import logging
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from edge_srcnn.batch.ahead import run_ahead
from edge_srcnn.batch.jobs import AnyJob, Job, Outcome, Sizes, StoreJob
from edge_srcnn.batch.staged import run_staged
from edge_srcnn.batch.videos import run_video
from edge_srcnn.errors import BadPicture, EdgeSrcnnError, InternalError
from edge_srcnn.imaging.animation import ANIMATED
from edge_srcnn.imaging.temporal import TemporalStrength
from edge_srcnn.sinks.images import Encoding, format_of, write_animation, write_picture
from edge_srcnn.sources.images import read_animation, read_picture
from edge_srcnn.sources.segment_plan import SEGMENT_S
from edge_srcnn.system.files import remove_stale
from edge_srcnn.upscaler import Upscaler

log = logging.getLogger(__name__)

T = TypeVar("T")


def run_jobs(
    jobs: Sequence[AnyJob],
    upscaler: Upscaler,
    encoding: Encoding,
    *,
    overwrite: bool,
    skip_existing: bool = False,
    partial_videos: bool = False,
    temporal: TemporalStrength | None = None,
    segment_s: float = SEGMENT_S,
    progress: Callable[[AnyJob, int, int | None], None] = lambda job, done, total: None,
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
    segment_s
        Videos twice as long are upscaled in segments that are at least so long, in seconds.
    progress
        Called for each frame of a video with the job, frames done, and how many there are, if that is known.

    Yields
    ------
    What became of each job, when it has ended.
    """
    remove_stale_results(jobs)
    how: dict[str, Any] = {"partial_videos": partial_videos, "temporal": temporal, "segment_s": segment_s}

    def do(job: AnyJob, local: AnyJob, *, skip_existing: bool = False) -> Outcome:
        told = partial(progress, job)
        return run_job(
            local, upscaler, encoding, overwrite=overwrite, skip_existing=skip_existing, progress=told, **how
        )

    if any(isinstance(job, StoreJob) for job in jobs):
        yield from run_ahead(jobs, do, overwrite=overwrite, skip_existing=skip_existing)
        return
    for job in jobs:
        yield do(job, job, skip_existing=skip_existing)


def remove_stale_results(jobs: Iterable[AnyJob]) -> None:
    """Remove what killed processes left of files that they were writing where the results of jobs go."""
    for folder in {job.target.parent for job in jobs if isinstance(job.target, Path)}:
        for path in remove_stale(folder):
            log.info("%s: removed; what wrote it was killed", path)


def run_job(
    job: AnyJob,
    upscaler: Upscaler,
    encoding: Encoding,
    *,
    overwrite: bool,
    skip_existing: bool = False,
    partial_videos: bool = False,
    temporal: TemporalStrength | None = None,
    segment_s: float = SEGMENT_S,
    progress: Callable[[int, int | None], None] = lambda done, total: None,
) -> Outcome:
    """Do one job, whatever happens, as ``run_jobs`` does; ``progress`` gets frames done, and how many there are."""
    how: dict[str, Any] = {"partial": partial_videos, "temporal": temporal, "segment_s": segment_s}
    if isinstance(job, StoreJob):

        def do_here(local: Job) -> Outcome:
            return _run_here(local, upscaler, encoding, progress, overwrite=overwrite, skip_existing=False, **how)

        return run_staged(job, do_here, overwrite=overwrite, skip_existing=skip_existing)
    return _run_here(job, upscaler, encoding, progress, overwrite=overwrite, skip_existing=skip_existing, **how)


def _run_here(
    job: Job,
    upscaler: Upscaler,
    encoding: Encoding,
    progress: Callable[[int, int | None], None],
    *,
    overwrite: bool,
    skip_existing: bool,
    **how: Any,
) -> Outcome:
    began = time.perf_counter()

    def do() -> Sizes:
        if not job.is_video:
            return _run(job, upscaler, encoding, overwrite=overwrite)
        return run_video(job, upscaler, progress, overwrite=overwrite, **how)

    try:
        if skip_existing and attempt(job, job.target.exists):
            return Outcome(job, 0.0, skipped=True)
        size, new_size = attempt(job, do)
    except EdgeSrcnnError as error:
        return Outcome(job, time.perf_counter() - began, error=error)
    return Outcome(job, time.perf_counter() - began, size, new_size, strength=upscaler.strength_control.now)


def attempt(job: AnyJob, do: Callable[[], T]) -> T:
    """Do something for a job; whatever goes wrong comes out as an ``EdgeSrcnnError`` that names its source."""
    try:
        return do()
    except EdgeSrcnnError:
        raise
    except MemoryError as error:
        raise BadPicture(f"{job.source}: too large for this machine's memory; cut it into parts first") from error
    except Exception as unforeseen:  # one input is not to end the others
        log.debug("%s", job.source, exc_info=unforeseen)
        raise InternalError.of(unforeseen, str(job.source)) from unforeseen


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
