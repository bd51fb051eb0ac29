"""Videos of a few seconds, of the codecs and containers that people have, to be cut into segments; made by ffmpeg."""

import multiprocessing
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from functools import cache
from pathlib import Path

from edge_srcnn.batch.segments import Part, make_segment
from edge_srcnn.sources.segment_plan import SegmentPlan
from edge_srcnn.upscaler import Upscaler, load_model
from tests.edge_srcnn.ffmpeg_videos import make

EVERY_S = 1.0
PICTURES = ["-f", "lavfi", "-i", "testsrc2=size=64x48:rate=25:duration=4"]
SOUND = ["-f", "lavfi", "-i", "sine=duration=4", "-c:a", "aac", "-shortest"]
X264 = ["-c:v", "libx264", "-pix_fmt", "yuv420p", "-preset", "veryfast"]
TAGS = ["-color_primaries", "bt709", "-color_trc", "bt709", "-colorspace", "bt709"]
OPEN = "open-gop=1:keyint=15:min-keyint=15:bframes=3:b-adapt=0:scenecut=0"
CLOSED = [*X264, "-g", "15", "-bf", "2"]
X265 = ["-c:v", "libx265", "-preset", "ultrafast", "-pix_fmt"]
HEVC_OPEN = ["-x265-params", "log-level=none:open-gop=1:keyint=15:min-keyint=15:bframes=3:b-adapt=0:scenecut=0"]
UNEVEN = ["-vf", "select='not(eq(mod(n\\,5)\\,2))',setpts=N/25/TB+0.01*mod(N\\,3)/TB", "-vsync", "vfr"]

KINDS: dict[str, tuple[str, Sequence[object]]] = {
    "h264": (".mp4", [*SOUND, *CLOSED]),
    "h264 with open GOPs": (".mkv", [*SOUND, *X264, "-x264-params", OPEN]),
    "h264 with open GOPs in mp4": (".mp4", [*X264, "-x264-params", OPEN]),
    "h264 with open GOPs in a transport stream": (".ts", [*X264, "-x264-params", OPEN]),
    "h264 of uneven times": (".mkv", [*UNEVEN, *CLOSED]),
    "hevc with open GOPs": (".mp4", [*SOUND, *X265, "yuv420p", *HEVC_OPEN]),
    "hevc of 10 bits": (".mkv", [*X265, "yuv420p10le", *HEVC_OPEN]),
    "mpeg-4": (".mp4", ["-c:v", "mpeg4", "-g", "12", "-bf", "2"]),
    "mpeg-4 in avi": (".avi", ["-c:v", "mpeg4", "-g", "12", "-vtag", "xvid"]),
    "mpeg-2": (".ts", ["-c:v", "mpeg2video", "-g", "12", "-bf", "2"]),
    "vp9": (".webm", ["-c:v", "libvpx-vp9", "-g", "15", "-deadline", "realtime", "-cpu-used", "8"]),
    "mjpeg": (".mov", ["-c:v", "mjpeg", "-q:v", "4", "-pix_fmt", "yuvj422p"]),
    "prores": (".mov", ["-c:v", "prores_ks", "-profile:v", "1"]),
}


def clip(folder: Path, kind: str) -> Path:
    """A video of four seconds with a key frame every half."""
    suffix, options = KINDS[kind]
    return make(folder / f"in{suffix}", *PICTURES, *options, *TAGS)


def target_suffix(source: Path) -> str:
    """The container that upscale would choose, or that has room for all; but AVI, whose results are never cut."""
    return source.suffix if source.suffix in (".mp4", ".mov", ".mkv") else ".mkv"


@contextmanager
def workers() -> Iterator[ProcessPoolExecutor]:
    """Two processes that know nothing of this one, as those of a cluster; each has one processor only."""
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(2, mp_context=context, initializer=_take_one_processor) as pool:
        yield pool


def make_elsewhere(
    pool: ProcessPoolExecutor, source: Path, plan: SegmentPlan, folder: Path, *, partial: bool = False
) -> list[Part]:
    """Have the segments made by other processes, the last one first."""
    futures = [
        pool.submit(_make, source, plan, segment.number, folder / f"{segment.number}.nut", partial=partial)
        for segment in reversed(plan.segments)
    ]
    return [future.result() for future in futures]


def _take_one_processor() -> None:
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})


@cache
def _upscaler() -> Upscaler:
    return load_model(engine="bicubic", scale=2)


def _make(source: Path, plan: SegmentPlan, number: int, target: Path, *, partial: bool) -> Part:
    return make_segment(source, plan, number, _upscaler(), target, partial=partial)
