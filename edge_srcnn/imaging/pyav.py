"""Convert between PyAV's frames and ours: planes as they are where that is possible, tags as H.273 has them."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import av
import numpy as np

from edge_srcnn.errors import BadData, CannotWrite, EdgeSrcnnError, reason
from edge_srcnn.imaging.colour import Chroma, resample_chroma
from edge_srcnn.imaging.frame import BT601, BT709, UNSPECIFIED, Colour, Frame
from edge_srcnn.imaging.luma import UInt8Array

AV_ERRORS = (av.FFmpegError, OSError, ValueError, RuntimeError, LookupError)
"""What PyAV raises: FFmpeg's errors, the system's, and its own, such as those of unknown codecs and missing streams."""

_LIMITED, _FULL = 1, 2  # AVColorRange
_RGB_MATRIX = 0
_HD_ROWS = 720
_NEUTRAL = 128

_OURS = frozenset({"yuv420p", "yuvj420p", "yuv422p", "yuvj422p", "yuv444p", "yuvj444p", "gray"})
"""Formats whose planes are taken as they are."""

_FATAL = frozenset({"yaf32be", "yaf32le"})
"""Formats that FFmpeg ends the process for, instead of converting them."""

FORMATS = {(2, 2): "yuv420p", (1, 2): "yuv422p", (1, 1): "yuv444p"}
"""Formats of encoders, by the subsampling of chroma, down and across."""


def planes_of(frame: Any) -> tuple[UInt8Array, Chroma | None]:
    """Take luma and chroma of 8 bits from a decoded frame, without a copy where its format has them side by side."""
    if frame.format.name in _FATAL:
        raise BadData(f"pixels of the format {frame.format.name} cannot be converted")
    if (matrix := _matrix_for_rgb(frame)) is not None:
        frame = frame.reformat(format="yuv444p", dst_colorspace=matrix, dst_color_range=_FULL)
    elif frame.format.name not in _OURS:
        frame = frame.reformat(format=_nearest(frame.format))
    luma, *chroma = (_pixels(plane) for plane in frame.planes)
    return luma, (chroma[0], chroma[1]) if chroma else None


def colour_of(frame: Any) -> Colour:
    """Read the colour tags of a decoded frame; where one is missing, give what players assume."""
    full = {_LIMITED: False, _FULL: True}.get(int(frame.color_range))
    matrix = _matrix_for_rgb(frame)
    if matrix is not None or frame.format.name.startswith("yuvj"):
        full = True
    if matrix is None:
        tagged = int(frame.colorspace)
        matrix = UNSPECIFIED if tagged == _RGB_MATRIX else tagged
    return Colour(full, matrix, int(frame.color_primaries), int(frame.color_trc))


def av_frame(frame: Frame, subsampling: tuple[int, int]) -> Any:
    """Make a frame for PyAV's encoders: grey gets neutral chroma, and an odd last row or column goes.

    Parameters
    ----------
    frame
        Its chroma is resampled where its subsampling is another one.
    subsampling
        A key of ``FORMATS``.

    Returns
    -------
    ``av.VideoFrame`` with the frame's tags, and without a time.
    """
    height, width = frame.luma.shape
    down, across = subsampling
    picture = av.VideoFrame(width // across * across, height // down * down, FORMATS[subsampling])
    coarse = -(-height // down), -(-width // across)
    neutral = np.full(coarse, _NEUTRAL, np.uint8)
    chroma = (neutral, neutral) if frame.chroma is None else resample_chroma(frame.chroma, *coarse)
    for plane, pixels in zip(picture.planes, (frame.luma, *chroma), strict=True):
        _pixels(plane)[:] = pixels[: plane.height, : plane.width]
    set_tags(picture, frame.colour)
    return picture


def set_tags(target: Any, colour: Colour) -> None:
    """Write the tags to a frame or an encoder's context."""
    target.color_range = {None: 0, False: _LIMITED, True: _FULL}[colour.full_range]
    target.colorspace = colour.matrix
    target.color_primaries = colour.primaries
    target.color_trc = colour.transfer


@contextmanager
def writing(failure: str) -> Iterator[None]:
    """Turn PyAV's and the system's errors into ``CannotWrite``, which begins with ``failure``."""
    try:
        yield
    except EdgeSrcnnError:
        raise
    except AV_ERRORS as error:
        raise CannotWrite(f"{failure} ({reason(error)})") from error


def _matrix_for_rgb(frame: Any) -> int | None:
    """Choose the matrix by which a frame of RGB becomes YCbCr, by its height; None: it is no RGB."""
    if not (frame.format.is_rgb or frame.format.has_palette):
        return None
    return BT709 if frame.height >= _HD_ROWS else BT601


def _pixels(plane: Any) -> UInt8Array:
    rows: UInt8Array = np.frombuffer(memoryview(plane), np.uint8).reshape(-1, plane.line_size)
    return rows[: plane.height, : plane.width]


def _nearest(format: Any) -> str:
    """Choose which of our formats loses least: the same subsampling, 8 bits."""
    if format.is_rgb or len(format.components) == 1:
        return "gray" if len(format.components) == 1 else "yuv444p"
    down = 2 if format.chroma_height(2) == 1 else 1
    across = 2 if format.chroma_width(2) == 1 else 1
    return FORMATS.get((down, across), "yuv444p")
