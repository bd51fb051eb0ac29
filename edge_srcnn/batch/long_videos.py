"""Upscale a long video on one machine, segment after segment; one that was interrupted goes on where it was."""

import hashlib
import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from edge_srcnn import __version__
from edge_srcnn.batch.jobs import Job, Sizes
from edge_srcnn.batch.kept_parts import kept_parts
from edge_srcnn.batch.segments import Part, join_segments, make_segment
from edge_srcnn.sources.segment_plan import SegmentPlan
from edge_srcnn.upscaler import Upscaler

log = logging.getLogger(__name__)


def upscale_in_segments(
    job: Job,
    plan: SegmentPlan,
    upscaler: Upscaler,
    progress: Callable[[int, int | None], None],
    *,
    overwrite: bool,
    partial: bool,
) -> Sizes:
    """Upscale a video by a plan of several segments.

    Parameters
    ----------
    job
        The video, and where its result goes.
    plan
        Of ``plan_segments``.
    upscaler
        For all segments.
    progress
        Is told of each frame: how many of the video are done, and how many there are.
    overwrite
        Replace a result that is there.
    partial
        Take what there is of a video that is cut off or damaged.

    Returns
    -------
    Sizes before and after.

    Raises
    ------
    EdgeSrcnnError
        As ``make_segment`` and ``join_segments`` raise it.
    """
    spec = upscaler.spec
    made_by = MadeBy(upscaler.engine, spec.graph_sha256 if spec else None, upscaler.scale, upscaler.strength)
    key, parts, done = part_key(plan, made_by, partial=partial), list[Part](), 0
    with kept_parts(job.target) as folder:
        for segment in plan.segments:
            path = part_path(folder, segment.number, key)
            if (part := find_part(job, segment.number, path)) is not None:
                parts.append(part)
                progress(done + part.frames, plan.frames)
            else:
                parts.append(_made(job, plan, segment.number, upscaler, path, progress, done, partial=partial))
            done += parts[-1].frames
        remove_others(folder, (part.path for part in parts))
        return join_segments(job, plan, parts, upscaler.scale, overwrite=overwrite, partial=partial)


def _made(
    job: Job,
    plan: SegmentPlan,
    number: int,
    upscaler: Upscaler,
    path: Path,
    progress: Callable[[int, int | None], None],
    done: int,
    *,
    partial: bool,
) -> Part:
    def tell(frames: int) -> None:
        progress(done + frames, plan.frames)

    return make_segment(job.source, plan, number, upscaler, path, partial=partial, progress=tell)


@dataclass(frozen=True)
class MadeBy:
    """Say what made a part: engine, digest of the model's graph, scale, and the strength that was asked for."""

    engine: str
    graph_sha256: str | None
    scale: int
    strength: float | str | None


def part_key(plan: SegmentPlan, made_by: MadeBy, *, partial: bool) -> str:
    """Digest all that a part's bytes hang on: of an interrupted run those are taken that would come again."""
    import av

    from edge_srcnn.sinks.video_file import FILE_SETTINGS

    versions = __version__, av.__version__, av.library_versions
    how = made_by.engine, made_by.graph_sha256, made_by.scale, made_by.strength, partial, FILE_SETTINGS
    return hashlib.blake2b(repr((plan, how, versions)).encode(), digest_size=8).hexdigest()


def part_path(folder: Path, number: int, key: str) -> Path:
    """Name the part of a segment in the folder of parts."""
    from edge_srcnn.sinks.video_part import SUFFIX

    return folder / f"{number:05}-{key}{SUFFIX}"


def find_part(job: Job, number: int, path: Path) -> Part | None:
    """Find a part that an interrupted run left."""
    from edge_srcnn.sinks.joined_video import count_frames

    if not path.exists() or not (frames := count_frames(path)):
        return None
    log.info("%s: segment %d is there already", job.source, number)
    return Part(number, path, frames)


def remove_others(folder: Path, parts: Iterable[Path]) -> None:
    """Free the disk of parts that another video or model left, before the result is written."""
    kept = set(parts)
    for path in folder.iterdir():
        if path not in kept:
            path.unlink(missing_ok=True)
