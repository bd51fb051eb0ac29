"""Upscale bicubically, exactly as the device does it: OpenCV's, a = -0.75, no antialiasing; at scale 1, copy."""

from collections.abc import Iterator

import cv2
import numpy as np

from edge_srcnn.imaging.luma import Samples, UInt8Array
from edge_srcnn.imaging.tiles import Tile

WHOLE_PIXELS = 4_000_000
"""Planes up to this size (in pixels) are upscaled by one call; larger ones in bands, to spare memory."""

BAND_ROWS = 256
CONTEXT_PX = 2  # INTER_CUBIC reads two rows and columns on either side

EXACT_SCALES = (2,)
"""Factors at which a window of a plane becomes, to the byte, what it becomes within the whole plane."""


def base_name(scale: int) -> str:
    """Name what a network's residual is added to: ``bicubic`` or, at scale 1, where nothing is scaled, ``input``."""
    return "input" if scale == 1 else "bicubic"


def upscale_bicubic(plane: Samples, scale: int) -> Samples:
    """Upscale by ``cv2.resize(INTER_CUBIC)``.

    The networks are trained on this very filter. For scale 2 its bytes are the same on every processor
    and OpenCV version that was measured; for 3 and 4 a few pixels may differ by one level. Scale 1 is a copy.

    Parameters
    ----------
    plane
        uint8 or uint16, ``[h, w]`` or ``[h, w, channels]``.
    scale
        Whole factor, 1 or more.

    Returns
    -------
    ``[h * scale, w * scale]`` (and channels), of the same kind.
    """
    h, w = plane.shape[:2]
    out = np.empty((h * scale, w * scale, *plane.shape[2:]), plane.dtype)
    for start, stop in bands(h, w):
        out[start * scale : stop * scale] = upscale_band(plane, scale, start, stop)
    return out


def bands(height: int, width: int) -> Iterator[tuple[int, int]]:
    """Split a picture into bands of source rows (start, stop), by its size alone."""
    rows = height if height * width <= WHOLE_PIXELS else BAND_ROWS
    for start in range(0, height, rows):
        yield start, min(start + rows, height)


def upscale_band(plane: Samples, scale: int, start: int, stop: int, out: Samples | None = None) -> Samples:
    """Upscale a band of source rows to what ``upscale_bicubic`` gives for them.

    Parameters
    ----------
    plane
        uint8 or uint16, ``[h, w]`` or ``[h, w, channels]``: the whole picture.
    scale
        Whole factor, 1 or more.
    start
        First row of one of ``bands``.
    stop
        The row after its last one.
    out
        Where the result goes, ``[(stop - start) * scale, w * scale]`` (and channels); None: it is made.

    Returns
    -------
    The band, ``out`` where that was given.
    """
    if scale == 1:
        if out is None:
            return plane[start:stop].copy()
        out[:] = plane[start:stop]
        return out
    top, bottom = max(start - CONTEXT_PX, 0), min(stop + CONTEXT_PX, plane.shape[0])
    size = (plane.shape[1] * scale, (bottom - top) * scale)
    into = out if (top, bottom) == (start, stop) else None
    scaled = np.asarray(cv2.resize(plane[top:bottom], size, dst=into, interpolation=cv2.INTER_CUBIC), plane.dtype)
    band = scaled[(start - top) * scale : (stop - top) * scale]
    if out is None:
        return band
    if into is None:
        out[:] = band
    return out


def upscale_window(plane: UInt8Array, scale: int, tile: Tile) -> UInt8Array:
    """Upscale a part of a plane to what ``upscale_bicubic`` gives there.

    Parameters
    ----------
    plane
        uint8 ``[h, w]``: the whole picture.
    scale
        One of ``EXACT_SCALES``.
    tile
        Of the result; its sides are multiples of ``scale``. What lies beyond the result is cut off.

    Returns
    -------
    uint8 ``[height, width]`` of the tile.
    """
    top, left = tile.top // scale, tile.left // scale
    bottom, right = (
        min((begin + length) // scale, side)
        for begin, length, side in ((tile.top, tile.height, plane.shape[0]), (tile.left, tile.width, plane.shape[1]))
    )
    above, before = max(top - CONTEXT_PX, 0), max(left - CONTEXT_PX, 0)
    window = plane[above : bottom + CONTEXT_PX, before : right + CONTEXT_PX]
    size = window.shape[1] * scale, window.shape[0] * scale
    scaled = np.asarray(cv2.resize(window, size, interpolation=cv2.INTER_CUBIC), np.uint8)
    rows = slice((top - above) * scale, (bottom - above) * scale)
    return scaled[rows, (left - before) * scale : (right - before) * scale]
