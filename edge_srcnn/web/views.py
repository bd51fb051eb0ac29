"""What viewers see: the enhanced picture, the bicubic one, the camera's, or that there is no signal; as JPEG."""

from dataclasses import replace
from time import localtime, strftime

import cv2
import numpy as np
import simplejpeg  # type: ignore[import-untyped]  # it brings no types

from edge_srcnn.imaging.bicubic import upscale_bicubic
from edge_srcnn.imaging.colour import jfif_planes, resample_chroma, upscale_chroma
from edge_srcnn.imaging.frame import BT601, BT709, UNSPECIFIED, Colour, Frame, nearest_named
from edge_srcnn.imaging.luma import UInt8Array
from edge_srcnn.imaging.overlay import with_text
from edge_srcnn.sinks import Result

ENHANCED, BICUBIC, SPLIT, CAMERA = "enhanced", "bicubic", "split", "camera"

VIEWS = (ENHANCED, BICUBIC, SPLIT, CAMERA)
"""Each is one picture; the last has the camera's own size."""

PLAIN = frozenset({BICUBIC, CAMERA})
"""Views that no network has a part in."""

PARTS = {view: (view,) for view in VIEWS} | {"pair": (BICUBIC, ENHANCED), "camera-pair": (CAMERA, ENHANCED)}
"""The pictures that a stream sends of each frame; pairs are for the page, whose divider needs two of one moment."""

MAX_SIDE_PX = 65_500
"""Limit of libjpeg (JPEG_MAX_DIMENSION)."""

_HD_ROWS = 720
_NEUTRAL, _DARK, _LIGHT = 128, 16, 235
_LINE_SHARE = 320  # the line is one part in so many of the width
_EMPTY_SIZE = (640, 360)
_CONTRAST, _BRIGHTNESS = 0.35, 50
_TEXT_SHARE = 0.7  # of the width
_FONT = cv2.FONT_HERSHEY_SIMPLEX


def enhanced_frame(result: Result) -> Frame:
    """Give the upscaler's frame, its matrix named."""
    return replace(result.frame, colour=replace(result.frame.colour, matrix=_matrix(result)))


def camera_frame(result: Result) -> Frame:
    """Give the camera's frame as it is, its matrix named."""
    frame = result.camera or result.original
    return with_text(replace(frame, colour=replace(frame.colour, matrix=_matrix(result))), result.overlay)


def bicubic_frame(result: Result) -> Frame:
    """Upscale what the enhanced frame was made of by bicubic scaling alone."""
    original = result.original
    luma = upscale_bicubic(original.luma, result.scale)
    chroma = None
    if original.chroma is not None:
        height, width = (-(-side // coarser) for side, coarser in zip(luma.shape, original.subsampling, strict=True))
        chroma = upscale_chroma(original, result.scale, height, width)
    colour = replace(original.colour, matrix=_matrix(result))
    large = replace(original, luma=luma, chroma=chroma, colour=colour, siting=nearest_named(original.siting))
    return with_text(large, result.overlay)


def _matrix(result: Result) -> int:
    """Choose the matrix; where the source does not say, what players assume: BT.709 from 720 rows on."""
    matrix = result.original.colour.matrix
    if matrix != UNSPECIFIED:
        return matrix
    return BT709 if result.original.luma.shape[0] >= _HD_ROWS else BT601


def split_frame(left: Frame, right: Frame) -> Frame:
    """Join the left half of one frame and the right half of the other, a thin line between them; sizes are the same."""
    width, across = right.luma.shape[1], right.subsampling[1]
    thick = max(width // _LINE_SHARE // 2, 1) * 2
    begin = max(width // 2 - thick // 2, 0) // 2 * 2
    luma = _joined(left.luma, right.luma, begin, thick, 255 if right.colour.full_range else _LIGHT)
    if right.chroma is None or left.chroma is None:
        return replace(right, luma=luma, chroma=None)
    planes = zip(left.chroma, right.chroma, strict=True)
    cb, cr = (_joined(a, b, begin // across, thick // across, _NEUTRAL) for a, b in planes)
    return replace(right, luma=luma, chroma=(cb, cr))


def _joined(left: UInt8Array, right: UInt8Array, begin: int, thick: int, line: int) -> UInt8Array:
    out = right.copy()
    out[:, :begin] = left[:, :begin]
    out[:, begin : begin + thick] = line
    return out


def stale_picture(last: Result | None, since_s: float) -> Result:
    """Grey the last result, or give an empty picture before there was one; never one that looks live.

    Parameters
    ----------
    last
        The last result, if one came.
    since_s
        When it came, in seconds since 1970; it is written on the picture.

    Returns
    -------
    Frames of the same sizes.
    """
    if last is None:
        width, height = _EMPTY_SIZE
        empty = Frame(np.full((height, width), 2 * _DARK, np.uint8), None, Colour(), 0, 0.0, 0.0)
        waiting = _with_message(empty, "waiting for the camera")
        return Result(waiting, waiting, 1)
    text = f"no signal since {strftime('%H:%M:%S', localtime(since_s))}"
    large = last.frame if last.enhanced else bicubic_frame(last)
    greyed, original, camera = (
        _with_message(_greyed(frame), text) for frame in (large, last.original, last.camera or last.original)
    )
    return Result(greyed, original, last.scale, overlay=last.overlay, camera=camera)


def _greyed(frame: Frame) -> Frame:
    luma = cv2.convertScaleAbs(frame.luma, alpha=_CONTRAST, beta=_BRIGHTNESS)
    chroma = None
    if frame.chroma is not None:
        cb, cr = (np.full_like(plane, _NEUTRAL) for plane in frame.chroma)
        chroma = (cb, cr)
    return replace(frame, luma=np.asarray(luma, np.uint8), chroma=chroma)


def _with_message(frame: Frame, text: str) -> Frame:
    luma = frame.luma.copy()
    width, height = frame.size
    (text_width, _), _ = cv2.getTextSize(text, _FONT, 1.0, 2)
    size = width * _TEXT_SHARE / text_width
    thick = max(round(2 * size), 1)
    place = (round(width * (1 - _TEXT_SHARE) / 2), height // 2)
    cv2.putText(luma, text, place, _FONT, size, _DARK, thick * 3, cv2.LINE_AA)
    cv2.putText(luma, text, place, _FONT, size, _LIGHT, thick, cv2.LINE_AA)
    return replace(frame, luma=luma)


def to_jpeg(frame: Frame, quality: int) -> bytes:
    """Encode a frame without a way through RGB; JPEG (JFIF) wants full range and the matrix of BT.601.

    Parameters
    ----------
    frame
        Grey, 4:2:0, 4:2:2 or 4:4:4, of any size up to ``MAX_SIDE_PX``. Limited range is expanded to full, and a matrix
        other than BT.601 is changed into that. A range that is not told is taken to be limited.
    quality
        1 to 100.

    Returns
    -------
    The file.
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
