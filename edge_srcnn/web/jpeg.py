"""Planes to JPEG without a way through RGB. JPEG (JFIF) wants full range and the matrix of BT.601."""

import cv2
import numpy as np
import simplejpeg  # type: ignore[import-untyped]  # it brings no types

from edge_srcnn.imaging.frame import Frame
from edge_srcnn.imaging.jfif import jfif_planes
from edge_srcnn.imaging.luma import UInt8Array
from edge_srcnn.imaging.planes import resample_chroma

MAX_SIDE_PX = 65_500
"""Limit of libjpeg (JPEG_MAX_DIMENSION)."""


def to_jpeg(frame: Frame, quality: int) -> bytes:
    """Encode a frame.

    Parameters
    ----------
    frame
        Grey, 4:2:0, 4:2:2 or 4:4:4, of any size up to ``MAX_SIDE_PX``. Limited range is expanded to full, and a matrix
        other than BT.601 is changed into that. A range that is not told is taken to be limited.
    quality
        1 to 100.
    """
    luma, chroma = jfif_planes(frame)
    if chroma is None:
        return bytes(simplejpeg.encode_jpeg_yuv_planes(_padded(luma, 1, 1), None, None, quality))
    down, across = frame.subsampling
    if (down, across) == (2, 1):  # a picture one pixel wide; the encoder has no such subsampling
        chroma, down = resample_chroma(chroma, *luma.shape), 1
    cb, cr = (_padded(plane, 1, 1) for plane in chroma)
    return bytes(simplejpeg.encode_jpeg_yuv_planes(_padded(luma, down, across), cb, cr, quality))


def _padded(plane: UInt8Array, down: int, across: int) -> UInt8Array:
    """Copy the plane with its pixels side by side, in memory that goes on to a multiple of the subsampling.

    The encoder reads so far whatever the size of the plane: the last row and column would be other memory.
    """
    height, width = plane.shape
    below, right = -height % down, -width % across
    if below or right:
        larger = cv2.copyMakeBorder(plane, 0, below, 0, right, cv2.BORDER_REPLICATE)
        return np.asarray(larger, np.uint8)[:height, :width]
    return plane if plane.strides[1] == 1 and plane.strides[0] >= width else np.ascontiguousarray(plane)
