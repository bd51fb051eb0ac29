"""Between PyAV's frames and ours: planes without conversion where there is one, tags as H.273 has them."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import av
import numpy as np

from edge_srcnn.errors import CannotWrite
from edge_srcnn.imaging.frame import BT601, BT709, UNSPECIFIED, Colour, Frame
from edge_srcnn.imaging.luma import UInt8Array
from edge_srcnn.imaging.planes import Chroma, resample_chroma

_LIMITED, _FULL = 1, 2  # AVColorRange
_RGB_MATRIX = 0
_HD_ROWS = 720
_NEUTRAL = 128

_PLANAR = {
    "yuv420p": (2, 2),
    "yuvj420p": (2, 2),
    "yuv422p": (1, 2),
    "yuvj422p": (1, 2),
    "yuv444p": (1, 1),
    "yuvj444p": (1, 1),
    "gray": None,
}
"""Formats whose planes are ours: subsampling of chroma, down and across."""

FORMATS = {(2, 2): "yuv420p", (1, 2): "yuv422p", (1, 1): "yuv444p"}


def planes_of(frame: Any) -> tuple[UInt8Array, Chroma | None]:
    """Luma and chroma of a decoded frame, without a copy where its format has them side by side; 8 bits."""
    if frame.format.is_rgb or frame.format.has_palette:
        matrix = BT709 if frame.height >= _HD_ROWS else BT601
        frame = frame.reformat(format="yuv444p", dst_colorspace=matrix, dst_color_range=_FULL)
    elif frame.format.name not in _PLANAR:
        frame = frame.reformat(format=_nearest(frame.format))
    luma, *chroma = (_pixels(plane) for plane in frame.planes)
    return luma, (chroma[0], chroma[1]) if chroma else None


def colour_of(frame: Any) -> Colour:
    """Read the colour tags of a decoded frame; where one is missing, give what players assume."""
    name = frame.format.name
    rgb = frame.format.is_rgb or frame.format.has_palette
    full = {_LIMITED: False, _FULL: True}.get(int(frame.color_range))
    if name.startswith("yuvj") or rgb:
        full = True
    matrix = int(frame.colorspace)
    if matrix in (UNSPECIFIED, _RGB_MATRIX) or rgb:
        matrix = UNSPECIFIED if not rgb else BT709 if frame.height >= _HD_ROWS else BT601
    return Colour(full, matrix, int(frame.color_primaries), int(frame.color_trc))


def av_frame(luma: UInt8Array, chroma: Chroma, format: str, colour: Colour) -> Any:
    """Make a frame for PyAV's encoders; ``format`` is one of ``FORMATS``."""
    frame = av.VideoFrame(luma.shape[1], luma.shape[0], format)
    for plane, pixels in zip(frame.planes, (luma, *chroma), strict=True):
        view = np.frombuffer(memoryview(plane), np.uint8).reshape(-1, plane.line_size)
        view[: pixels.shape[0], : pixels.shape[1]] = pixels
    set_tags(frame, colour)
    return frame


def even_planes(frame: Frame, format: str) -> tuple[UInt8Array, Chroma]:
    """Give the planes as the encoder takes them: grey gets neutral chroma, and an odd last row or column goes."""
    luma, chroma = frame.luma, frame.chroma
    down, across = next(key for key, name in FORMATS.items() if name == format)
    height, width = luma.shape[0] // down * down, luma.shape[1] // across * across
    if chroma is None:
        neutral = np.full((height // down, width // across), _NEUTRAL, np.uint8)
        return luma[:height, :width], (neutral, neutral)
    cb, cr = resample_chroma(chroma, -(-luma.shape[0] // down), -(-luma.shape[1] // across))
    return luma[:height, :width], (cb[: height // down, : width // across], cr[: height // down, : width // across])


def set_tags(target: Any, colour: Colour) -> None:
    """Write the tags to a frame or an encoder's context."""
    target.color_range = {None: 0, False: _LIMITED, True: _FULL}[colour.full_range]
    target.colorspace = colour.matrix
    target.color_primaries = colour.primaries
    target.color_trc = colour.transfer


@contextmanager
def writing(failure: str) -> Iterator[None]:
    """Turn FFmpeg's and the system's errors into ``CannotWrite``, which begins with ``failure``."""
    try:
        yield
    except (av.FFmpegError, OSError) as error:
        if isinstance(error, CannotWrite):
            raise
        raise CannotWrite(f"{failure} ({error.strerror or error})") from error


def _pixels(plane: Any) -> UInt8Array:
    rows: UInt8Array = np.frombuffer(memoryview(plane), np.uint8).reshape(-1, plane.line_size)
    return rows[: plane.height, : plane.width]


def _nearest(format: Any) -> str:
    """Ours that loses least: the same subsampling, 8 bits."""
    if format.is_rgb or len(format.components) == 1:
        return "gray" if len(format.components) == 1 else "yuv444p"
    down = 2 if format.chroma_height(2) == 1 else 1
    across = 2 if format.chroma_width(2) == 1 else 1
    return FORMATS.get((down, across), "yuv444p")
