"""Compares a long video that is upscaled in segments with the same one in one go: time, size, and PSNR at the borders.

usage: python tests/rigs/segments.py CLIP [--segment 20]
"""

import argparse
import resource
import sys
import tempfile
from contextlib import closing
from itertools import accumulate
from pathlib import Path
from time import monotonic

import av
import numpy as np

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from edge_srcnn.batch.jobs import Job  # noqa: E402  # the root of the repository must come first
from edge_srcnn.batch.segments import plan_segments  # noqa: E402
from edge_srcnn.batch.work import run_jobs  # noqa: E402
from edge_srcnn.sinks.images import Encoding  # noqa: E402
from edge_srcnn.sources.video import Video  # noqa: E402
from edge_srcnn.upscaler import Upscaler, load_model  # noqa: E402

WHOLE_S = 1e9
NEAR = 10
"""Frames at either side of a border."""


def say(text: str) -> None:
    """Print a line at once."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def upscale(clip: Path, target: Path, upscaler: Upscaler, segment_s: float) -> None:
    """Upscale the clip; tell seconds of the clock and of the processors, and bytes."""
    began, before = monotonic(), resource.getrusage(resource.RUSAGE_SELF)
    (outcome,) = run_jobs([Job(clip, target)], upscaler, Encoding(), overwrite=True, segment_s=segment_s)
    assert outcome.error is None, outcome.error
    after = resource.getrusage(resource.RUSAGE_SELF)
    busy_s = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    say(f"{target.stem}: {monotonic() - began:.1f} s, {busy_s:.1f} s of processors, {target.stat().st_size} bytes")


def psnr(clip: Path, targets: list[Path], upscaler: Upscaler) -> np.ndarray:
    """Compare each frame with the one before encoding: ``[files, frames]`` in dB, of luma."""
    found = []
    decoders = [av.open(str(target)).decode(video=0) for target in targets]
    with closing(Video(str(clip))) as video:
        while (frame := video.read()) is not None:
            luma = upscaler.upscale_frame(frame).luma.astype(float)
            row = []
            for decoder in decoders:
                plane = next(decoder).planes[0]
                pixels = np.frombuffer(plane, np.uint8).reshape(-1, plane.line_size)[: plane.height, : plane.width]
                row.append(10 * np.log10(255**2 / max(np.mean((pixels - luma) ** 2), 1e-9)))
            found.append(row)
    return np.array(found).T


def main() -> None:
    """Run both ways, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("clip", type=Path)
    parser.add_argument("--segment", type=float, default=20.0)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, load_model(engine="bicubic") as upscaler:
        whole, cut = (Path(folder) / f"{name}.mp4" for name in ("whole", "segments"))
        upscale(asked.clip, whole, upscaler, WHOLE_S)
        upscale(asked.clip, cut, upscaler, asked.segment)
        plan = plan_segments(Job(asked.clip, cut), memory=None, every_s=asked.segment)
        borders = list(accumulate(segment.frames for segment in plan.segments))[:-1]
        values = psnr(asked.clip, [whole, cut], upscaler)
    say(f"{len(plan.segments)} segments, {values.shape[1]} frames; PSNR in dB: whole, in segments")
    before = np.array([values[:, border - NEAR : border].mean(1) for border in borders])
    after = np.array([values[:, border : border + NEAR].mean(1) for border in borders])
    rows = {"all frames": values.mean(1), "worst frame": values.min(1)}
    rows |= {f"last {NEAR} before a border": before.mean(0), f"first {NEAR} after it": after.mean(0)}
    for name, pair in rows.items():
        say(f"  {name:24} {pair[0]:6.2f} {pair[1]:6.2f}")


if __name__ == "__main__":
    main()
