"""Plan where a long video is cut into segments: at key frames, and by the file alone, whoever upscales it."""

import os
from contextlib import closing
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

import numpy as np

from edge_srcnn.errors import NotInSegments, SourceLost
from edge_srcnn.imaging.frame import Colour, Frame
from edge_srcnn.sources.packet_scan import Packets, Segment, cut, key_frames
from edge_srcnn.sources.video import mapped, no_file
from edge_srcnn.sources.video_segment import SegmentVideo
from edge_srcnn.sources.whole_video import check_structure
from edge_srcnn.system.packages import need_pyav

SEGMENT_S = 20.0
"""A segment has at least so many seconds. Another number would give other bytes."""

_INTRA, _NO_TYPE = 1, 0  # AVPictureType


@dataclass(frozen=True)
class VideoHead:
    """Tell of a video's first frame what the head of a result says; its pixels are left out.

    Attributes
    ----------
    size
        Width and height.
    subsampling
        Of chroma, down and across; None: it is grey.
    deep
        It has more than 8 bits.
    colour, siting
        As ``Frame`` has them.
    """

    size: tuple[int, int]
    subsampling: tuple[int, int] | None
    deep: bool
    colour: Colour
    siting: tuple[float, float]


@dataclass(frozen=True)
class SegmentPlan:
    """Say how a video is cut, and what each segment needs to know of the whole.

    Attributes
    ----------
    segments
        In order; one alone is the whole video.
    whole_because
        Why there is only one; None where there are several.
    frames, repeats
        By the packets: frames that are to be seen, and packets that say that the frame before stays.
    rate
        Frames a second, where it is known.
    first_s, start_s
        Time of the first frame, by the clocks of the file and of the result.
    aspect
        Shape of a pixel, upright; None where the file does not say.
    head
        Of the first frame; None where there is one segment.
    siting
        Of chroma, where the file's headers tell it.
    digest
        Of all packets and their times.
    """

    segments: tuple[Segment, ...] = (Segment(0),)
    whole_because: str | None = None
    frames: int | None = None
    repeats: int = 0
    rate: Fraction | None = None
    first_s: float = 0.0
    start_s: float = 0.0
    aspect: Fraction | None = None
    head: VideoHead | None = None
    siting: tuple[float, float] | None = None
    digest: str = ""

    @property
    def is_whole(self) -> bool:
        """Tell that there is one segment only."""
        return len(self.segments) == 1


def plan_video(name: str, *, deep: bool, partial: bool, every_s: float = SEGMENT_S) -> SegmentPlan:
    """Read all packets of a video file, and choose the borders of its segments; decode one frame a border.

    Parameters
    ----------
    name
        The video file.
    deep
        Frames of more than 8 bits keep 10.
    partial
        Of a file that is cut off or damaged, take what there is.
    every_s
        Seconds that a segment has at least.

    Returns
    -------
    The plan, in which ``start_s`` and ``aspect`` are not filled in.

    Raises
    ------
    NoInput, BadData, SourceLost, Unavailable
        As ``Video`` raises them.
    """
    if not os.path.isfile(name):
        raise no_file(name)
    need_pyav(name)
    from edge_srcnn.imaging.chroma_siting import tagged_siting
    from edge_srcnn.imaging.containers import duration_s

    with mapped(name, under_way=False):
        if not partial:
            check_structure(name)
        length_s = duration_s(name)
    if length_s is not None and length_s < 2 * every_s:
        return SegmentPlan(whole_because=f"it is shorter than {2 * every_s:g} s")
    siting = tagged_siting(name)
    with closing(SegmentVideo(name, Segment(0), deep=deep, partial=partial, siting=siting)) as video:
        packets = video.scan()
    plan = SegmentPlan(
        frames=packets.frames, repeats=packets.repeats, rate=video.rate, siting=siting, digest=packets.digest
    )
    if fault := packets.fault():
        return replace(plan, whole_because=fault)
    borders = key_frames(packets, every_s)
    if not borders:
        return replace(plan, whole_because=f"no key frame stands {every_s:g} s from both of its ends")
    return _tried(name, plan, packets, borders, deep=deep, partial=partial)


def _tried(
    name: str, plan: SegmentPlan, packets: Packets, borders: list[int], *, deep: bool, partial: bool
) -> SegmentPlan:
    """Cut where decoding can begin: a decoder that begins there gives a picture of the same kind as the first."""
    segments = cut(packets, borders)
    try:
        with closing(SegmentVideo(name, Segment(0), deep=deep, partial=partial, siting=plan.siting)) as video:
            first = video.picture_at()
        if first is None:
            return replace(plan, whole_because="its first frame cannot be decoded")
        kind = _kind_of(first[0])
        alone = [
            border for border, segment in zip(borders, segments[1:], strict=True) if _begins_at(name, segment, kind)
        ]
        if not alone:
            return replace(plan, whole_because="its key frames cannot be decoded by themselves")
        segments = cut(packets, alone)
        if not _follows(name, segments[1]):
            return replace(plan, whole_because="decoded from the middle, its pictures are others")
    except NotInSegments as error:
        return replace(plan, whole_because=str(error).removeprefix(f"{name}: "))
    frame = first[1]
    head = VideoHead(
        frame.size,
        None if frame.chroma is None else frame.subsampling,
        frame.luma.dtype != np.uint8,
        frame.colour,
        frame.siting,
    )
    return replace(plan, segments=segments, head=head, first_s=float(first[0].time))


def _begins_at(name: str, segment: Segment, kind: tuple[Any, ...]) -> bool:
    """Tell whether decoding may begin at a segment: with a picture that needs no other one."""
    found = _picture_at(name, segment)
    if found is None:
        return False
    picture = found[0]
    is_intra = picture.key_frame and int(picture.pict_type) in (_INTRA, _NO_TYPE) and not picture.is_corrupt
    return bool(is_intra and picture.pts == segment.begin and _kind_of(picture) == kind)


def _follows(name: str, segment: Segment) -> bool:
    """Tell whether a segment begins with the picture that decoding from the start comes to."""
    one, other = _picture_at(name, segment), _picture_at(name, Segment(0), segment.begin)
    if one is None or other is None:
        return False
    planes = zip((one[1].luma, *(one[1].chroma or ())), (other[1].luma, *(other[1].chroma or ())), strict=True)
    return all(np.array_equal(a, b) for a, b in planes)


def _picture_at(name: str, segment: Segment, ticks: int | None = None) -> tuple[Any, Frame] | None:
    with closing(SegmentVideo(name, segment)) as video:
        try:
            return video.picture_at(ticks)
        except SourceLost:  # it is damaged
            return None


def _kind_of(picture: Any) -> tuple[Any, ...]:
    """Say what all pictures of a video that is cut have in common."""
    from edge_srcnn.imaging.containers import orientation_of

    return picture.width, picture.height, picture.format.name, orientation_of(picture)
