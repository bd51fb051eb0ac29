# ruff: noqa: T201  # printing is its purpose
"""Make videos over pixel formats, containers, orientations and sound, upscale them, and compare by ffprobe and ffmpeg.

usage: video_matrix.py [COUNT]    (200; they are spread over all combinations)
"""

import hashlib
import itertools
import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from edge_srcnn.batch.jobs import Job
from edge_srcnn.batch.work import run_jobs
from edge_srcnn.sinks.images import Encoding
from edge_srcnn.upscaler import load_model
from tests.edge_srcnn.display_matrix import ORIENTATIONS as DISPLAY_MATRICES
from tests.edge_srcnn.display_matrix import put_display_matrix

FORMATS = {
    "yuv420p": "libx264",
    "yuvj420p": "mjpeg",
    "yuv422p": "libx264",
    "yuv444p": "libx264",
    "yuv420p10le": "libx265",
    "yuv422p10le": "ffv1",
    "gray": "ffv1",
    "bgr0": "ffv1",
    "mpeg4": "mpeg4",
    "vp9": "libvpx-vp9",
}
CONTAINERS = {
    ".mp4": {"libx264", "libx265", "mpeg4", "libvpx-vp9", "mjpeg"},
    ".mov": {"libx264", "libx265", "mpeg4", "mjpeg"},
    ".mkv": {"libx264", "libx265", "mpeg4", "libvpx-vp9", "mjpeg", "ffv1"},
    ".avi": {"libx264", "mpeg4", "mjpeg", "ffv1"},
    ".ts": {"libx264", "libx265"},
    ".webm": {"libvpx-vp9"},
}
ORIENTATIONS = [None, *DISPLAY_MATRICES]
SOUNDS = [(), ("mono",), ("stereo",), ("5.1",), ("stereo", "mono")]
RATES = ["25", "30000/1001", "12"]
COLOURS = [("bt709", "tv"), ("smpte170m", "tv"), ("bt709", "pc")]


def combinations() -> Iterator[tuple[Any, ...]]:
    """Give every combination that a container can hold."""
    for (form, encoder), suffix in itertools.product(FORMATS.items(), CONTAINERS):
        if encoder in CONTAINERS[suffix]:
            for turned, sound in itertools.product(ORIENTATIONS, SOUNDS):
                if turned is None or suffix in (".mp4", ".mov"):  # the others have no place for it
                    yield form, encoder, suffix, turned, sound


def make(folder: Path, number: int, case: tuple[Any, ...]) -> Path:
    """Make one video of a second."""
    form, encoder, suffix, turned, sound = case
    rate, (matrix, levels) = RATES[number % len(RATES)], COLOURS[number % len(COLOURS)]
    levels = "pc" if form == "yuvj420p" else levels
    pixels = "yuv420p" if form in ("mpeg4", "vp9") else form
    inputs = ["-f", "lavfi", "-i", f"testsrc2=size=66x50:rate={rate}:duration=1"]
    for layout in sound:
        inputs += ["-f", "lavfi", "-i", f"anoisesrc=d=1:c=pink:r=44100,aformat=channel_layouts={layout}"]
    maps = [word for stream in range(1 + len(sound)) for word in ("-map", str(stream))]
    audio = ["-c:a", {".avi": "libmp3lame", ".webm": "libopus"}.get(suffix, "aac")]
    audio += ["-ac", "2"] if suffix == ".avi" else []
    colours = ["-colorspace", matrix, "-color_range", levels] if form not in ("gray", "bgr0") else []
    path = folder / f"{number}{suffix}"
    quiet = ["-x265-params", "log-level=error"] if encoder == "libx265" else []
    options = [*quiet, "-c:v", encoder, "-pix_fmt", pixels, *colours, *audio, "-shortest"]
    subprocess.run(["ffmpeg", "-v", "error", "-y", *inputs, *maps, *options, path], check=True)
    if turned is None:
        return path
    put_display_matrix(path, *DISPLAY_MATRICES[turned])
    return path


def told(path: Path) -> dict[str, Any]:
    """Tell what must stay: frames, their times, size as shown, tags, and the digest of each stream of sound."""
    entries = "stream=codec_type,width,height,color_range,color_space:stream_side_data=displaymatrix"
    entries += ":frame=pts_time,media_type"
    command = ["ffprobe", "-v", "error", "-show_entries", entries, "-of", "json", path]
    found = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
    video = next(s for s in found["streams"] if s["codec_type"] == "video")
    times = [float(f["pts_time"]) for f in found["frames"] if f["media_type"] == "video" and "pts_time" in f]
    matrices = [side["displaymatrix"] for side in video.get("side_data_list", []) if "displaymatrix" in side]
    numbers = [int(word) for word in re.findall(r"(-?\d+)", re.sub(r"\d{8}:", "", matrices[0]))] if matrices else []
    on_its_side = bool(numbers) and not numbers[0]
    size = (video["height"], video["width"]) if on_its_side else (video["width"], video["height"])
    sounds = [s for s in found["streams"] if s["codec_type"] == "audio"]
    digests = [
        hashlib.md5(
            subprocess.run(
                ["ffmpeg", "-v", "error", "-i", path, "-map", f"0:a:{n}", "-c", "copy", "-f", "data", "-"],
                check=True,
                capture_output=True,
            ).stdout,
            usedforsecurity=False,
        ).hexdigest()
        for n in range(len(sounds))
    ]
    return {
        "frames": sum(f["media_type"] == "video" for f in found["frames"]),
        "times": times,
        "size": size,
        "range": video.get("color_range"),
        "matrix": video.get("color_space"),
        "sounds": digests,
        "turned": bool(matrices),
    }


def faults(before: dict[str, Any], after: dict[str, Any], case: tuple[Any, ...]) -> Iterator[str]:
    """Name what is not as it was."""
    form, _, suffix, *_ = case
    if after["frames"] != before["frames"]:
        yield f"{after['frames']} frames, not {before['frames']}"
    if suffix != ".avi" and before["times"]:
        apart = max(
            (
                abs((b - before["times"][0]) - (a - after["times"][0]))
                for b, a in zip(before["times"], after["times"], strict=False)
            ),
            default=0.0,
        )
        if apart > 0.005:
            yield f"times {apart:.3f} s apart"
    if after["size"] != tuple(2 * side // 2 * 2 for side in before["size"]):
        yield f"size {after['size']} of {before['size']}"
    if form not in ("gray", "bgr0", "vp9", "yuvj420p"):
        for name in ("range", "matrix"):
            if before[name] not in (None, "unknown") and after[name] != before[name]:
                yield f"{name} {after[name]}, not {before[name]}"
    if after["sounds"] != before["sounds"] and suffix != ".ts":  # whose AAC has heads that MP4 and Matroska have not
        yield "sound"
    if len(after["sounds"]) != len(before["sounds"]):
        yield "streams of sound"
    if after["turned"]:
        yield "the matrix is still there"


def main() -> int:
    """Work through the matrix; the status is 1 where anything differs."""
    wanted = int(sys.argv[1]) if len(sys.argv) > 1 else 200
    every = list(combinations())
    chosen = [every[round(i * (len(every) - 1) / (wanted - 1))] for i in range(wanted)]
    wrong = 0
    with tempfile.TemporaryDirectory() as name, load_model(scale=2, engine="bicubic") as upscaler:
        folder = Path(name)
        for number, case in enumerate(chosen):
            source = make(folder, number, case)
            target = folder / f"out{number}{source.suffix if source.suffix not in ('.ts', '.webm') else '.mkv'}"
            (outcome,) = run_jobs([Job(source, target)], upscaler, Encoding(), overwrite=True)
            found = [str(outcome.error)] if outcome.error else list(faults(told(source), told(target), case))
            wrong += bool(found)
            for fault in found:
                print(f"{case}: {fault}")
            for path in folder.iterdir():
                path.unlink()
    print(f"{wanted} of {len(every)} combinations; {wrong} with a fault")
    return int(bool(wrong))


if __name__ == "__main__":
    sys.exit(main())
