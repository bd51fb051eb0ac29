# ruff: noqa: T201  # printing is its purpose
"""Read a corpus of pictures by our reader and by libvips, and print what differs, as a table for the documents.

usage: pictures_check.py FOLDER ...
"""

import logging
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import pyvips

from edge_srcnn.errors import EdgeSrcnnError
from edge_srcnn.sources.images import read_picture
from edge_srcnn.uri import PICTURE_SUFFIXES

ALIKE = 1.0
"""Levels of 255: so far apart may the means of absolute differences be, where nothing warns of it."""

OTHERWISE = {
    "exif_imagemagick_orientation.png": "libvips does not read the orientation in ImageMagick's raw profile",
    "xmp_tags_orientation.png": "libvips does not read the orientation in XMP",
    "xmp_tags_orientation_exiftool.png": "libvips does not read the orientation in XMP",
    "hopper_lzma.tif": "libvips reads zeros where its libtiff has no LZMA",
}
"""Pictures of Pillow's that libvips reads otherwise, and why ours is right."""

TOO_FEW = 100
"""A corpus of fewer pictures shows nothing."""


class Warnings(logging.Handler):
    """Keeps the warnings of one picture."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(record.getMessage())


def by_vips(path: Path) -> np.ndarray:
    """Decode a picture by libvips: upright, grey or RGB, alpha last; float, 0..255."""
    image = pyvips.Image.new_from_file(str(path)).autorot()
    deep = image.format in ("ushort", "uint")
    if image.interpretation == "cmyk":
        image = image.icc_transform("srgb", embedded=True, intent="relative", black_point_compensation=True)
    elif image.interpretation in ("lab", "labs"):
        image = image.colourspace("srgb")
    pixels = image.numpy().reshape(image.height, image.width, image.bands)
    return pixels.astype(np.float64) / (257 if deep else 1)


def difference(ours: np.ndarray, theirs: np.ndarray) -> float | None:
    """Mean absolute difference of what can be seen, in levels of 255; None where the sizes differ."""
    mine = ours.astype(np.float64) / (257 if ours.dtype == np.uint16 else 1)
    mine = mine if mine.ndim == 3 else mine[..., None]
    if mine.shape[:2] != theirs.shape[:2]:
        return None
    mine, theirs = with_alpha(mine), with_alpha(theirs)
    shown = [each[..., :3] * each[..., 3:] / 255 for each in (mine, theirs)]
    return float(np.abs(shown[0] - shown[1]).mean() + np.abs(mine[..., 3] - theirs[..., 3]).mean())


def with_alpha(pixels: np.ndarray) -> np.ndarray:
    """Spread to RGBA."""
    colours, alpha = (pixels[..., :-1], pixels[..., -1:]) if pixels.shape[2] in (2, 4) else (pixels, None)
    rgb = np.repeat(colours, 3, axis=2) if colours.shape[2] == 1 else colours[..., :3]
    return np.concatenate([rgb, np.full((*rgb.shape[:2], 1), 255.0) if alpha is None else alpha], axis=2)


def main() -> int:
    """Compare all pictures; the status is 1 where one differs without a word."""
    told = Warnings()
    logging.getLogger("edge_srcnn").addHandler(told)
    counts: Counter[str] = Counter()
    silent = []
    paths = sorted(path for folder in sys.argv[1:] for path in Path(folder).rglob("*"))
    for path in (path for path in paths if path.suffix.lower() in PICTURE_SUFFIXES and path.is_file()):
        told.lines.clear()
        try:
            ours: np.ndarray | None = read_picture(path).samples
            refused = ""
        except EdgeSrcnnError as error:
            ours, refused = None, str(error).removeprefix(f"{path}: ")
        try:
            theirs: np.ndarray | None = by_vips(path)
        except pyvips.Error:
            theirs = None
        if ours is None:
            kind = "refused by both" if theirs is None else "refused by ours alone, in one line"
            print(f"{kind}: {path.name}: {refused}")
        elif theirs is None:
            kind = "read by ours alone"
        else:
            apart = difference(ours, theirs)
            if apart is not None and apart < ALIKE:
                kind = "the same to a level" if apart > 0 else "the same to the bit"
            elif path.name in OTHERWISE:
                kind = "different, since libvips reads less"
                print(f"{kind}: {path.name}: {OTHERWISE[path.name]}")
            elif told.lines:
                kind = "different, with a warning"
                print(f"{kind}: {path.name}: {told.lines[0].removeprefix(f'{path}: ')}")
            else:
                kind = "different, without a word"
                silent.append(f"{path.name}: {'another size' if apart is None else f'{apart:.1f} levels'}")
        counts[kind] += 1
    print("\n| | pictures |\n|---|---|")
    for kind, count in counts.most_common():
        print(f"| {kind} | {count} |")
    for line in silent:
        print(f"different, without a word: {line}")
    return int(bool(silent) or sum(counts.values()) < TOO_FEW)


if __name__ == "__main__":
    sys.exit(main())
