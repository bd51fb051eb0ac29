"""Measure what a picture, a frame and a camera cost, for ``docs/scale.md``: CPU time by stage, and bytes.

Times are CPU seconds of this process, all its threads together, on one thread of the interpreter. Other programs on the
machine cost them little, unlike the clock's; what they do cost (shared caches) falls on all stages alike, which are
measured in turns. Of several rounds the least of each stage and picture counts, which was disturbed least.

usage: python -m tools.scale_measure PICTURES CLIP        (a folder of photographs, a video; writes docs/scale.json)
"""

import json
import os
import resource
import subprocess
import sys
import tempfile
from collections import defaultdict
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import replace
from fractions import Fraction
from itertools import islice
from pathlib import Path
from statistics import mean
from time import process_time
from typing import Any, TypeVar

import cv2
import numpy as np

from edge_srcnn.engine.processor import this_processor
from edge_srcnn.imaging.frame import Metadata
from edge_srcnn.sinks import Result, Stream, open_sink
from edge_srcnn.sinks.images import Encoding, write_picture
from edge_srcnn.sources import open_source
from edge_srcnn.sources.images import find_pictures, read_picture
from edge_srcnn.upscaler import Upscaler, load_model
from edge_srcnn.web.views import to_jpeg
from tools.scale_camera import camera

T = TypeVar("T")
ROOT = Path(__file__).resolve().parents[1]
FILE = ROOT / "docs" / "scale.json"
SIZES = ((640, 480), (1920, 1080))
MODELS = ("fast-s-x2", "fast-m-x2", "fast-l-x2", "fast-xl-x2")
CAMERA_MODELS = tuple(f"{name}-camera" for name in MODELS[:3])
FORMATS = {"jpg": 6, "png": 6, "png fast": 1}
"""How strongly PNG is compressed; 6 is what nobody asks for."""
PHOTOGRAPHS, FRAMES, ROUNDS = 4, 8, 3
PAGE_QUALITY, FILE_QUALITY = 85, 95


def photographs(folder: Path, size: tuple[int, int]) -> list[np.ndarray[Any, Any]]:
    """Make pictures of one size, RGB: photographs, reduced; side by side where they are too small."""
    width, height = size
    across = -(-width // 960)
    cell = width // across, height // across
    files = find_pictures(folder)
    made = []
    for number in range(PHOTOGRAPHS):
        rows = []
        for row in range(across):
            chosen = [files[(number * across * across + row * across + at) % len(files)] for at in range(across)]
            rows.append(np.hstack([_covering(read_picture(file).samples, cell) for file in chosen]))
        made.append(np.ascontiguousarray(np.vstack(rows)))
    return made


def _covering(pixels: Any, cell: tuple[int, int]) -> np.ndarray[Any, Any]:
    """Reduce a photograph until it just covers a size, and take its middle."""
    width, height = cell
    rgb = pixels[..., :3] if pixels.ndim == 3 else cv2.cvtColor(pixels, cv2.COLOR_GRAY2RGB)
    factor = max(width / rgb.shape[1], height / rgb.shape[0])
    wide, high = max(round(rgb.shape[1] * factor), width), max(round(rgb.shape[0] * factor), height)
    fitted = cv2.resize(rgb, (wide, high), interpolation=cv2.INTER_AREA)
    x, y = (wide - width) // 2, (high - height) // 2
    return np.asarray(fitted[y : y + height, x : x + width], np.uint8)


class Times:
    """Collect CPU milliseconds by stage, in rounds."""

    def __init__(self) -> None:
        self._rounds: list[defaultdict[str, list[float]]] = []

    def begin(self) -> None:
        """Begin a round."""
        self._rounds.append(defaultdict(list))

    def take(self, stage: str, work: Callable[..., T], *given: Any, count: int = 1) -> T:
        """Time some work on ``count`` pictures, and give its result."""
        began = process_time()
        result = work(*given)
        self._rounds[-1][stage].append(1000 * (process_time() - began) / count)
        return result

    def least(self) -> dict[str, float]:
        """Give each stage's mean over the pictures, of each picture the best round."""
        found = {}
        for stage in self._rounds[0]:
            best = map(min, zip(*(each[stage] for each in self._rounds if stage in each), strict=True))
            found[stage] = round(mean(best), 3)
        return found


def still(folder: Path, size: tuple[int, int]) -> dict[str, Any]:
    """Measure what ``edge-srcnn upscale`` does with a picture, stage by stage."""
    pictures = photographs(folder, size)
    upscalers = {"bicubic": load_model(engine="bicubic")}  # the last one's results are encoded
    upscalers |= {name: load_model(name, threads=1) for name in MODELS}
    for upscaler in upscalers.values():
        upscaler.upscale(pictures[0])
    times, sizes = Times(), defaultdict[str, list[int]](list)
    with tempfile.TemporaryDirectory(dir="/dev/shm") as memory:
        for turn in range(ROUNDS):
            times.begin()
            for number, picture in enumerate(pictures):
                for kind, compression in FORMATS.items():
                    if turn and kind != "jpg":
                        continue  # PNG takes seconds; it is timed once
                    suffix = kind.partition(" ")[0]
                    file, large = Path(memory, f"{number}.{suffix}"), Path(memory, f"{number}-x2.{suffix}")
                    _write(file, picture)
                    read = times.take(f"decode {kind}", _read, file)
                    if kind == "jpg":
                        for name, upscaler in upscalers.items():
                            result = times.take(name, upscaler.upscale, read)
                    times.take(f"encode {kind}", _write, large, result, compression)
                    sizes[f"in {kind}"].append(file.stat().st_size)
                    sizes[f"out {kind}"].append(large.stat().st_size)
    return {"cpu_ms": times.least(), "bytes": {name: round(mean(each)) for name, each in sizes.items()}}


def _read(file: Path) -> Any:
    return read_picture(file).samples


def _write(file: Path, pixels: Any, compression: int = 6) -> None:
    encoding = Encoding(quality=FILE_QUALITY, compression=compression)
    write_picture(file, pixels.shape, [(0, pixels)], Metadata(), encoding, overwrite=True)


def live(clip: Path, size: tuple[int, int]) -> dict[str, Any]:
    """Measure what ``edge-srcnn run`` does with a frame of video, stage by stage; no tile is used again."""
    width, height = size
    times = Times()
    upscalers = {"bicubic": load_model(engine="bicubic")}
    upscalers |= {name: load_model(name, threads=1, reuse=False) for name in CAMERA_MODELS}
    with tempfile.TemporaryDirectory(dir="/dev/shm") as memory:
        video, out = Path(memory, "camera.mp4"), Path(memory, "recording.mp4")
        fitted = f"scale={width}:{height}:force_original_aspect_ratio=increase,crop={width}:{height}"
        command = [
            "ffmpeg",
            "-v",
            "error",
            "-i",
            clip,
            "-vf",
            fitted,
            "-an",
            "-frames:v",
            FRAMES + 2,
            "-preset",
            "veryfast",
        ]
        subprocess.run([*map(str, command), str(video)], check=True)
        for _ in range(ROUNDS):
            times.begin()
            with closing(open_source(str(video))) as source:
                coming = iter(source)
                next(coming)
                frames: list[Any] = times.take("decode h264", list, islice(coming, FRAMES), count=FRAMES)
            results = [upscalers["bicubic"].upscale_frame(frame) for frame in frames]
            for name, upscaler in upscalers.items():
                upscaler.upscale_frame(frames[0])
                results = times.take(name, _all, upscaler, frames, count=FRAMES)
            jpegs = times.take("encode jpg", _pages, results, count=FRAMES)
            times.take("encode h264", _record, out, results, frames, count=FRAMES)
        stored = out.stat().st_size
    found = {"jpg": round(mean(map(len, jpegs))), "h264": round(stored / len(frames))}
    return {"cpu_ms": times.least(), "bytes": found}


def _all(upscaler: Upscaler, frames: Sequence[Any]) -> list[Any]:
    return [upscaler.upscale_frame(frame) for frame in frames]


def _pages(results: Sequence[Any]) -> list[bytes]:
    return [to_jpeg(each, PAGE_QUALITY) for each in results]


def _record(file: Path, results: Sequence[Any], frames: Sequence[Any]) -> None:
    """Write a recording as the sink does."""
    with closing(open_sink(f"{file}?overwrite=yes")) as sink:
        sink.begin(Stream(Fraction(15), None, None, lambda: None))
        for number, (result, frame) in enumerate(zip(results, frames, strict=True)):
            at = {"index": number, "time_s": number / 15}
            sink.write(Result(replace(result, **at), replace(frame, **at), 2))


def whole(folder: Path, size: tuple[int, int]) -> float:
    """Give the CPU milliseconds of a picture by the command itself, JPEG to JPEG, fast-m-x2; the start is taken off."""
    pictures = photographs(folder, size)
    with tempfile.TemporaryDirectory(dir="/dev/shm") as memory:
        spent = []
        for count in (1, 1 + 6 * len(pictures)):
            inside = Path(memory, str(count))
            inside.mkdir()
            for number in range(count):
                _write(inside / f"{number}.jpg", pictures[number % len(pictures)])
            command = [
                sys.executable,
                "-m",
                "edge_srcnn",
                "upscale",
                inside,
                "-o",
                f"{inside}-x2",
                "--model",
                MODELS[1],
            ]
            before = resource.getrusage(resource.RUSAGE_CHILDREN)
            environment = {**os.environ, "PYTHONPATH": str(ROOT)}
            subprocess.run(
                [*map(str, command), "--threads", "1"], check=True, env=environment, stdout=subprocess.DEVNULL
            )
            after = resource.getrusage(resource.RUSAGE_CHILDREN)
            spent.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    return round(1000 * (spent[1] - spent[0]) / (6 * len(pictures)), 1)


def main() -> None:
    """Measure all, and write it."""
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    folder, clip = Path(sys.argv[1]), Path(sys.argv[2])
    cv2.setNumThreads(1)
    found: dict[str, Any] = {"processor": this_processor().name, "photographs": PHOTOGRAPHS, "frames": FRAMES}
    found["still"], found["live"] = {}, {}
    for width, height in SIZES:
        name = f"{width}x{height}"
        found["still"][name] = still(folder, (width, height))
        found["still"][name]["whole_cpu_ms"] = whole(folder, (width, height))
        found["live"][name] = live(clip, (width, height))
        print(name, json.dumps([found["still"][name], found["live"][name]]), flush=True)
    found["camera"] = camera()
    FILE.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
    print(json.dumps(found["camera"]))


if __name__ == "__main__":
    main()
