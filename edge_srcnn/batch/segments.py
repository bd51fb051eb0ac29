"""Upscale long videos in segments that begin at key frames: anywhere, in any order, and joined without encoding again.

One machine works as a cluster does, so that the results are the same, byte for byte.
"""

from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from edge_srcnn.batch.jobs import Job, Sizes
from edge_srcnn.engine.strength import Strength
from edge_srcnn.errors import BadData, CannotWrite, OutputExists
from edge_srcnn.imaging.frame import Frame, nearest_named
from edge_srcnn.imaging.luma import Samples
from edge_srcnn.imaging.temporal import TemporalStrength
from edge_srcnn.live.capture import Capture
from edge_srcnn.live.pipeline import Pipeline
from edge_srcnn.models.spec import ModelSpec
from edge_srcnn.sinks import TIME_BASE
from edge_srcnn.sources.segment_plan import SEGMENT_S, SegmentPlan, VideoHead, plan_video
from edge_srcnn.sources.video_segment import SegmentVideo
from edge_srcnn.sources.whole_video import check_all_there
from edge_srcnn.upscaler import Upscaler

_SHALLOW = (".avi",)
"""Containers of results that hold no video of 10 bits, and no times."""


@dataclass(frozen=True)
class Part:
    """Hold what became of a segment.

    Attributes
    ----------
    number
        Of the segment.
    path
        The file; there is none where ``frames`` is 0.
    frames
        That were encoded.
    """

    number: int
    path: Path
    frames: int


def is_deep(job: Job) -> bool:
    """Tell whether frames of more than 8 bits keep 10 in the result."""
    return job.target.suffix.lower() not in _SHALLOW


def memory_of(strength: Strength, spec: ModelSpec | None, temporal: TemporalStrength | None) -> str | None:
    """Say what hangs on the frames before, so that a video must not be cut; None: nothing does."""
    if temporal is not None:
        return "--temporal averages its frames over time"
    return "--strength auto follows its noise over time" if strength.remembers(spec) else None


def plan_segments(job: Job, *, memory: str | None, partial: bool = False, every_s: float = SEGMENT_S) -> SegmentPlan:
    """Choose the segments of a video; the plan hangs on the file alone.

    Parameters
    ----------
    job
        The video, and where its result goes.
    memory
        Why it must not be cut, see ``memory_of``.
    partial
        Of one that is cut off or damaged, take what there is.
    every_s
        Seconds that a segment has at least; a shorter video than two of them is one.

    Returns
    -------
    The plan. One segment: the video is done as a whole, by ``run_jobs``, and nothing of the file was read but its head.

    Raises
    ------
    NoInput, BadData, SourceLost, Unavailable
        As upscaling the video raises them.
    """
    if memory is not None:
        return SegmentPlan(whole_because=memory)
    if not is_deep(job):
        return SegmentPlan(whole_because=f"a result of {job.target.suffix} holds no times")
    plan = plan_video(str(job.source), deep=True, partial=partial, every_s=every_s)
    if plan.is_whole:
        return plan
    from edge_srcnn.sinks.stream_copy import StreamCopy

    with closing(StreamCopy(str(job.source))) as others:
        return replace(plan, start_s=others.video_start_s, aspect=others.aspect)


def make_segment(
    source: Path,
    plan: SegmentPlan,
    number: int,
    upscaler: Upscaler,
    target: Path,
    *,
    partial: bool = False,
    progress: Callable[[int], None] = lambda done: None,
) -> Part:
    """Upscale and encode one segment, on any machine that has the video and the model.

    Parameters
    ----------
    source
        The video; here it may have another path than where it was planned.
    plan
        Of several segments.
    number
        Which of them.
    upscaler
        With the strength that all of them have.
    target
        The part's file, replaced if it is there; ends in ``.nut``. It appears whole or not at all.
    partial
        Leave out what is damaged, instead of ending with an error.
    progress
        Is told of each frame: how many of the segment there were.

    Returns
    -------
    The part.

    Raises
    ------
    NotInSegments
        The video cannot be cut: upscale it as a whole.
    EdgeSrcnnError
        As upscaling the video raises it.
    """
    from edge_srcnn.sinks.video_file import Place
    from edge_srcnn.sinks.video_part import PartSink

    head = _head(plan)
    segment = plan.segments[number]
    video = SegmentVideo(
        str(source),
        segment,
        first_s=plan.first_s,
        rate=plan.rate,
        deep=True,
        partial=partial,
        siting=plan.siting,
    )
    upscaler.strength_control.begin_anew()
    sink = PartSink(target, plan.rate, Place(plan.start_s, plan.aspect, head.colour))
    pipeline = Pipeline(Capture.of(video), upscaler, [sink], strength=upscaler.strength_control)
    pipeline.run(progress)
    frames = pipeline.state().frames_out
    if not frames:
        target.unlink(missing_ok=True)
    return Part(number, target, frames)


def join_segments(
    job: Job, plan: SegmentPlan, parts: Sequence[Part], scale: int, *, overwrite: bool, partial: bool = False
) -> Sizes:
    """Join the parts of a video, and copy sound, subtitles, chapters and titles of its source; the parts stay.

    Parameters
    ----------
    job
        The video, and where its result goes.
    plan
        As all parts were made by it.
    parts
        All of them, in any order.
    scale
        Factor of upscaling.
    overwrite
        Replace a result that is there.
    partial
        Take what there is, where the source is cut off or damaged.

    Returns
    -------
    Sizes before and after.

    Raises
    ------
    NotInSegments
        The parts do not belong together: upscale the video as a whole.
    BadData
        Something of the video is missing.
    OutputExists, CannotWrite
        The result cannot be written.
    """
    from edge_srcnn.sinks.joined_video import JoinedVideo

    head = _head(plan)
    there = [part for part in sorted(parts, key=lambda part: part.number) if part.frames]
    if not there:
        raise BadData(f"{job.source}: holds no frame that can be decoded")
    file = JoinedVideo(job.target, plan.rate, str(job.source))
    try:
        file.join(_frame_like(head, scale), [part.path for part in there])
        last_s = plan.first_s + float(file.last * TIME_BASE) - plan.start_s
        count = sum(part.frames for part in there) + plan.repeats
        check_all_there(str(job.source), count, last_s, plan.rate, partial=partial)
    except BaseException:
        file.discard()
        raise
    try:
        file.finish(overwrite=overwrite)
    except CannotWrite as error:
        if not isinstance(error, OutputExists):
            file.discard()  # half of a video that was to be whole
        raise
    width, height = head.size
    return head.size, (width * scale, height * scale)


def _head(plan: SegmentPlan) -> VideoHead:
    if plan.head is None:
        raise ValueError("a plan of one segment: upscale the video as a whole")
    return plan.head


def _frame_like(head: VideoHead, scale: int) -> Frame:
    """Make a black frame that says what the first one of the result does."""
    width, height = (side * scale for side in head.size)

    def plane(down: int, across: int) -> Samples:
        return np.zeros((-(-height // down), -(-width // across)), np.uint16 if head.deep else np.uint8)

    chroma = None if head.subsampling is None else (plane(*head.subsampling), plane(*head.subsampling))
    return Frame(plane(1, 1), chroma, head.colour, 0, 0.0, 0.0, nearest_named(head.siting))
