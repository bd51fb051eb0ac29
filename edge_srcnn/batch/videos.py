"""Upscale a video: a short one as a whole, a long one in segments."""

import logging
import os
from collections.abc import Callable

from edge_srcnn.batch.jobs import Job, Sizes
from edge_srcnn.batch.kept_parts import remove_kept_parts
from edge_srcnn.batch.long_videos import upscale_in_segments
from edge_srcnn.batch.segments import is_deep, memory_of, plan_segments
from edge_srcnn.errors import BadData, NotInSegments
from edge_srcnn.imaging.temporal import TemporalStrength
from edge_srcnn.live.capture import Capture
from edge_srcnn.live.pipeline import Pipeline
from edge_srcnn.sinks.recovery import remove_stale_parts
from edge_srcnn.sinks.video import VideoSink
from edge_srcnn.sources.segment_plan import SEGMENT_S, SegmentPlan
from edge_srcnn.sources.video import Video, no_file
from edge_srcnn.system.packages import need_pyav
from edge_srcnn.upscaler import Upscaler

log = logging.getLogger(__name__)


def run_video(
    job: Job,
    upscaler: Upscaler,
    progress: Callable[[int, int | None], None],
    *,
    overwrite: bool,
    partial: bool,
    temporal: TemporalStrength | None,
    segment_s: float = SEGMENT_S,
) -> Sizes:
    """Upscale a video into a file that appears whole or not at all.

    Parameters
    ----------
    job
        The video, and where its result goes.
    upscaler
        For all frames.
    progress
        Is told of each frame: how many are done, and how many there are, if that is known.
    overwrite
        Replace a result that is there.
    partial
        Of a video that is cut off or damaged, take what there is.
    temporal
        How much frames are averaged over time; None: not at all.
    segment_s
        A video twice as long is upscaled in segments that are at least so long, in seconds.

    Returns
    -------
    Sizes before and after.

    Raises
    ------
    EdgeSrcnnError
        The video cannot be read, or the result cannot be written.
    """
    memory = memory_of(upscaler.strength_control, upscaler.spec, temporal)
    plan = begin_video(job, memory, overwrite=overwrite, partial=partial, segment_s=segment_s)
    if not plan.is_whole:
        try:
            return upscale_in_segments(job, plan, upscaler, progress, overwrite=overwrite, partial=partial)
        except NotInSegments as error:
            log.warning("%s; it is upscaled as a whole", error)
    remove_kept_parts(job.target)
    return _run_whole_video(job, upscaler, progress, overwrite=overwrite, partial=partial, temporal=temporal)


def begin_video(job: Job, memory: str | None, *, overwrite: bool, partial: bool, segment_s: float) -> SegmentPlan:
    """Check that a video is there and may be written, and choose its segments.

    Parameters
    ----------
    job
        The video, and where its result goes.
    memory
        Why it must not be cut, see ``memory_of``.
    overwrite
        Replace a result that is there.
    partial
        Of a video that is cut off or damaged, take what there is.
    segment_s
        Seconds that a segment has at least.

    Returns
    -------
    The plan; nothing is written yet.

    Raises
    ------
    EdgeSrcnnError
        As ``run_video``.
    """
    if not os.path.isfile(job.source):
        raise no_file(job.source)
    need_pyav(str(job.source))
    VideoSink(str(job.target), job.target, overwrite=overwrite)  # it may be written
    for path in remove_stale_parts(job.target):
        log.info("%s: removed; what wrote it was killed", path)
    plan = plan_segments(job, memory=memory, partial=partial, every_s=segment_s)
    if plan.is_whole:
        log.debug("%s: is upscaled as a whole: %s", job.source, plan.whole_because)
    return plan


def _run_whole_video(
    job: Job,
    upscaler: Upscaler,
    progress: Callable[[int, int | None], None],
    *,
    overwrite: bool,
    partial: bool,
    temporal: TemporalStrength | None,
) -> Sizes:
    from edge_srcnn.sinks.video_file import FILE_SETTINGS

    sink = VideoSink(str(job.target), job.target, settings=FILE_SETTINGS, overwrite=overwrite)
    source = Video(str(job.source), deep=is_deep(job), whole=not partial, partial=partial)
    frames = source.frames
    upscaler.strength_control.begin_anew()
    pipeline = Pipeline(Capture.of(source, temporal), upscaler, [sink], strength=upscaler.strength_control)
    pipeline.run(lambda done: progress(done, frames))
    state = pipeline.state()
    if state.size_in is None or state.size_out is None:
        raise BadData(f"{job.source}: holds no frame that can be decoded")
    return state.size_in, state.size_out
