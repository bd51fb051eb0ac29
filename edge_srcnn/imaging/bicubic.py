"""Bicubic upscaling, exactly as the device does it: OpenCV's, a = -0.75, no antialiasing."""

from collections.abc import Iterator

import cv2
import numpy as np

from edge_srcnn.imaging.luma import UInt8Array

WHOLE_PIXELS = 4_000_000
"""Planes up to this size (in pixels) are upscaled by one call; larger ones in bands, to spare memory."""

BAND_ROWS = 256
_CONTEXT_ROWS = 2  # INTER_CUBIC reads two rows on either side


def upscale_bicubic(plane: UInt8Array, scale: int) -> UInt8Array:
    """Upscale by ``cv2.resize(INTER_CUBIC)``.

    The networks are trained on this very filter. For scale 2 its bytes are the same on every processor
    and OpenCV version that was measured; for 3 and 4 a few pixels may differ by one level.

    Parameters
    ----------
    plane
        uint8 ``[h, w]`` or ``[h, w, channels]``.
    scale
        Whole factor, 1 or more.

    Returns
    -------
    uint8 ``[h * scale, w * scale]`` (and channels).
    """
    h, w = plane.shape[:2]
    out = np.empty((h * scale, w * scale, *plane.shape[2:]), np.uint8)
    for start, stop in bands(h, w):
        out[start * scale : stop * scale] = upscale_band(plane, scale, start, stop)
    return out


def bands(height: int, width: int) -> Iterator[tuple[int, int]]:
    """Rows (start, stop) of the source plane in which a picture is worked through; they depend on its size alone."""
    rows = height if height * width <= WHOLE_PIXELS else BAND_ROWS
    for start in range(0, height, rows):
        yield start, min(start + rows, height)


def upscale_band(plane: UInt8Array, scale: int, start: int, stop: int, out: UInt8Array | None = None) -> UInt8Array:
    """Source rows ``start`` to ``stop`` of ``plane``, upscaled as ``upscale_bicubic`` does it; into ``out`` if given.

    ``start`` and ``stop`` are one of ``bands``: so a picture that is worked through in bands has the
    bytes of one that is not.
    """
    top, bottom = max(start - _CONTEXT_ROWS, 0), min(stop + _CONTEXT_ROWS, plane.shape[0])
    size = (plane.shape[1] * scale, (bottom - top) * scale)
    into = out if (top, bottom) == (start, stop) else None
    scaled = np.asarray(cv2.resize(plane[top:bottom], size, dst=into, interpolation=cv2.INTER_CUBIC), np.uint8)
    band = scaled[(start - top) * scale : (stop - top) * scale]
    if out is None:
        return band
    if into is None:
        out[:] = band
    return out
