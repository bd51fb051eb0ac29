"""What models make of real clips, every frame: noise in flat places and halos beside bicubic's, in grey levels.

There is no ground truth to compare with. *Noise* is the deviation within the flattest fifth of bicubic's 16x16 blocks;
*halo* is how far pixels leave the range of the 5x5 source pixels around them, in the mean over the picture. Where the
last model is worst, ``OUT`` gets a PNG: bicubic above, models below it in their order, three times as large; left the
flat place whose noise grew most, right the largest halo.

usage: python tests/rigs/clips.py FOLDER_OF_CLIPS OUT MODEL...
"""

import json
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import cv2
import numpy as np

from edge_srcnn import load_model
from edge_srcnn.imaging.bicubic import upscale_bicubic
from edge_srcnn.imaging.luma import UInt8Array
from edge_srcnn.sources import open_source

BLOCK_PX, FLAT_SHARE, CROP_PX, ZOOM = 16, 0.2, 64, 3
CLIPS = {".avi", ".mkv", ".mp4"}
Figures = tuple[float, float]  # noise and halo of one frame
Map = np.ndarray[tuple[int, int], np.dtype[np.float32]]


def variances(plane: UInt8Array) -> Map:
    """Variance of each 16x16 block."""
    rows, columns = (side // BLOCK_PX for side in plane.shape)
    whole = plane[: rows * BLOCK_PX, : columns * BLOCK_PX].astype(np.float32)
    return whole.reshape(rows, BLOCK_PX, columns, BLOCK_PX).var(axis=(1, 3))


def excess(plane: UInt8Array, small: UInt8Array, scale: int) -> Map:
    """How far each pixel is outside the range of the source's 5x5 pixels around it, in grey levels."""
    window, size = np.ones((5, 5), np.uint8), plane.shape[::-1]
    lowest = cv2.resize(cv2.erode(small, window), size, interpolation=cv2.INTER_NEAREST).astype(np.float32)
    highest = cv2.resize(cv2.dilate(small, window), size, interpolation=cv2.INTER_NEAREST).astype(np.float32)
    return np.maximum(np.maximum(plane - highest, lowest - plane), 0)


def crops(planes: list[UInt8Array], places: list[tuple[int, int]]) -> UInt8Array:
    """One row a plane, one column a place (the centre of what is shown)."""
    rows = []
    for plane in planes:
        height, width = plane.shape
        corners = [
            (min(max(y - CROP_PX // 2, 0), height - CROP_PX), min(max(x - CROP_PX // 2, 0), width - CROP_PX))
            for y, x in places
        ]
        row = np.hstack([plane[top : top + CROP_PX, left : left + CROP_PX] for top, left in corners])
        rows.append(cv2.resize(row, None, fx=ZOOM, fy=ZOOM, interpolation=cv2.INTER_NEAREST))
    return np.vstack(rows).astype(np.uint8)


def lumas(clip: Path) -> Iterator[UInt8Array]:
    """The luma of each frame."""
    source = open_source(str(clip))
    try:
        for frame in source:
            yield np.ascontiguousarray(frame.luma)
    finally:
        source.close()


def measure_clip(clip: Path, names: list[str], out: Path) -> dict[str, dict[str, float]]:
    """Mean and worst frame of bicubic and of each model, and the picture of the last model's worst frame."""
    found: dict[str, list[Figures]] = {name: [] for name in ("bicubic", *names)}
    worst = -np.inf
    with ExitStack() as stack:
        models = {name: stack.enter_context(load_model(name)) for name in names}
        scale = next(iter(models.values())).scale
        for small in lumas(clip):
            bicubic = upscale_bicubic(small, scale)
            planes = {"bicubic": bicubic} | {name: model.upscale(small) for name, model in models.items()}
            before = variances(bicubic)
            flat = np.argsort(before, axis=None, kind="stable")[: max(1, int(FLAT_SHARE * before.size))]
            for name, plane in planes.items():
                after, beyond = variances(plane), excess(plane, small, scale)
                found[name].append((float(np.sqrt(after.flat[flat].mean())), float(beyond.mean())))
            growth = found[names[-1]][-1][0] - found["bicubic"][-1][0]
            if growth > worst:
                worst = growth
                row, column = np.unravel_index(flat[np.argmax(after.flat[flat] - before.flat[flat])], before.shape)
                top, left = np.unravel_index(np.argmax(beyond), beyond.shape)
                noisy = (int(row) * BLOCK_PX + BLOCK_PX // 2, int(column) * BLOCK_PX + BLOCK_PX // 2)
                picture = crops(list(planes.values()), [noisy, (int(top), int(left))])
    cv2.imwrite(str(out / f"{clip.stem}.png"), picture)
    return {name: _summary(figures, found["bicubic"]) for name, figures in found.items()}


def _summary(figures: list[Figures], bicubic: list[Figures]) -> dict[str, float]:
    """Means over the frames, and the largest difference to bicubic in one frame; grey levels."""
    noise, halo = np.array(figures).T
    noise_growth, halo_growth = (np.array(figures) - np.array(bicubic)).max(axis=0)
    return {
        "frames": len(figures),
        "noise": round(float(noise.mean()), 2),
        "halo": round(float(halo.mean()), 2),
        "noise, most above bicubic": round(float(noise_growth), 2),
        "halo, most above bicubic": round(float(halo_growth), 2),
    }


if __name__ == "__main__":
    folder, out, names = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3:]
    out.mkdir(parents=True, exist_ok=True)
    found = sorted(path for path in folder.iterdir() if path.suffix in CLIPS)
    print(json.dumps({clip.name: measure_clip(clip, names, out) for clip in found}, indent=2))  # noqa: T201  # its purpose
