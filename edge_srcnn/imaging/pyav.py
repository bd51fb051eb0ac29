"""Convert between PyAV's frames and ours: planes as they are where that is possible, tags as H.273 has them."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import av
import numpy as np
from av.sidedata.sidedata import Type as SideData

from edge_srcnn.errors import BadData, CannotWrite, EdgeSrcnnError, reason
from edge_srcnn.imaging.colour import Chroma, resample_chroma
from edge_srcnn.imaging.containers import side_data_of
from edge_srcnn.imaging.frame import BT601, BT709, CENTRE, LEFT, TOP_LEFT, UNSPECIFIED, Colour, Frame
from edge_srcnn.imaging.luma import LEVELS_VIDEO, Samples

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

DEEP = "10le"
"""What a format of 10 bits has at its end."""

_DEEP_STEP, _DEEP_MOST = 64, 1023  # levels of ours, which are those of 8 bits times 256, in a level of 10 bits
_CENTRED = frozenset({"mjpeg", "mjpegb", "jpeg2000", "mpeg1video", "png", "webp", "gif", "rawvideo", "huffyuv"})
"""Codecs whose chroma lies in the middle of its pixels of luma; that of the others lies to the left."""

SITINGS = (LEFT, CENTRE, TOP_LEFT, (0.0, -0.5), (-0.5, 0.5), (0.0, 0.5))
"""By the codes of ITU-T H.273, ChromaLocType."""

_SITING_NAMES = ("left", "center", "topleft", "top", "bottomleft", "bottom")  # FFmpeg's, in the same order


def planes_of(frame: Any, *, deep: bool = False) -> tuple[Samples, Chroma | None]:
    """Take luma and chroma from a decoded frame, without a copy where its format has 8 bits side by side.

    Parameters
    ----------
    frame
        Of PyAV.
    deep
        Keep 10 bits of those that have more than 8, as ``Frame`` has them; else all have 8.

    Returns
    -------
    Luma, and Cb and Cr; None for grey.

    Raises
    ------
    BadData
        FFmpeg cannot convert its format.
    """
    if frame.format.name in _FATAL:
        raise BadData(f"pixels of the format {frame.format.name} cannot be converted")
    is_deep = deep and max(component.bits for component in frame.format.components) > 8
    if (matrix := _matrix_for_rgb(frame)) is not None:
        format = "yuv444p" + DEEP * is_deep
        frame = frame.reformat(format=format, dst_colorspace=matrix, dst_color_range=_FULL)
    elif is_deep:
        frame = frame.reformat(format=_nearest(frame.format) + DEEP)
    elif frame.format.name not in _OURS:
        frame = frame.reformat(format=_nearest(frame.format))
    luma, *chroma = (_deep_pixels(plane) if is_deep else _pixels(plane) for plane in frame.planes)
    return luma, (chroma[0], chroma[1]) if chroma else None


def siting_of(frame: Any, codec: str, tag: tuple[float, float] | None = None) -> tuple[float, float]:
    """Tell where chroma lies, as ``Frame.siting``: as it is tagged, or else as it usually lies in the codec."""
    if tag is not None:
        return tag
    is_rgb = frame.format.is_rgb or frame.format.has_palette
    return CENTRE if is_rgb or codec in _CENTRED or frame.format.name.startswith("yuvj") else LEFT


def colour_of(frame: Any) -> Colour:
    """Read the colour tags of a decoded frame; where one is missing, give what players assume."""
    full = {_LIMITED: False, _FULL: True}.get(int(frame.color_range))
    matrix = _matrix_for_rgb(frame)
    if matrix is not None or frame.format.name.startswith("yuvj"):
        full = True
    if matrix is None:
        tagged = int(frame.colorspace)
        matrix = UNSPECIFIED if tagged == _RGB_MATRIX else tagged
    found = side_data_of(frame) or {}
    mastering, light = found.get(SideData.MASTERING_DISPLAY_METADATA), found.get(SideData.CONTENT_LIGHT_LEVEL)
    return Colour(
        full,
        matrix,
        int(frame.color_primaries),
        int(frame.color_trc),
        None if mastering is None else _mastering_display(mastering),
        None if light is None else (int(np.frombuffer(light, np.uint32)[0]), int(np.frombuffer(light, np.uint32)[1])),
    )


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
    deep = frame.luma.dtype != np.uint8
    format = FORMATS[subsampling] + DEEP * deep
    picture = av.VideoFrame(width // across * across, height // down * down, format)
    coarse = -(-height // down), -(-width // across)
    neutral = np.full(coarse, _NEUTRAL * (LEVELS_VIDEO if deep else 1), frame.luma.dtype)
    chroma = (neutral, neutral) if frame.chroma is None else resample_chroma(frame.chroma, *coarse)
    for plane, pixels in zip(picture.planes, (frame.luma, *chroma), strict=True):
        shown = pixels[: plane.height, : plane.width]
        if deep:
            rounded = (shown.astype(np.uint32) + _DEEP_STEP // 2) // _DEEP_STEP
            _pixels(plane, np.uint16)[:] = np.minimum(rounded, _DEEP_MOST)
        else:
            _pixels(plane)[:] = shown
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


def siting_option(siting: tuple[float, float]) -> dict[str, str]:
    """Name the siting of chroma for an encoder; {} where the format has no name for it."""
    named = dict(zip(SITINGS, _SITING_NAMES, strict=True))
    return {"chroma_sample_location": named[siting]} if siting in named else {}


def hdr_parameters(colour: Colour) -> list[str]:
    """Write what HDR10 says of its light as parameters of x265."""
    parameters = []
    if colour.mastering_display is not None:
        gx, gy, bx, by, rx, ry, wx, wy, most, least = colour.mastering_display
        parameters.append(f"master-display=G({gx},{gy})B({bx},{by})R({rx},{ry})WP({wx},{wy})L({most},{least})")
    if colour.content_light is not None:
        parameters.append("max-cll={},{}".format(*colour.content_light))
    return parameters


def _mastering_display(data: Any) -> tuple[int, ...] | None:
    """Read FFmpeg's AVMasteringDisplayMetadata: rationals of red, green, blue, white, of least and of most light."""
    numbers = np.frombuffer(data, np.int32)[:22].tolist()
    values = [top / bottom if bottom else 0.0 for top, bottom in zip(numbers[0:20:2], numbers[1:20:2], strict=True)]
    if not (numbers[20] and numbers[21]):
        return None
    (rx, ry, gx, gy, bx, by, wx, wy), (least, most) = values[:8], values[8:]
    return (*(round(v * 50_000) for v in (gx, gy, bx, by, rx, ry, wx, wy)), round(most * 10_000), round(least * 10_000))


def _pixels(plane: Any, dtype: type[np.unsignedinteger[Any]] = np.uint8) -> Samples:
    rows: Samples = np.frombuffer(memoryview(plane), dtype).reshape(-1, plane.line_size // np.dtype(dtype).itemsize)
    return rows[: plane.height, : plane.width]


def _deep_pixels(plane: Any) -> Samples:
    return np.multiply(_pixels(plane, np.uint16), _DEEP_STEP, dtype=np.uint16)


def _nearest(format: Any) -> str:
    """Choose which of our formats loses least: the same subsampling, 8 bits."""
    if format.is_rgb or len(format.components) == 1:
        return "gray" if len(format.components) == 1 else "yuv444p"
    down = 2 if format.chroma_height(2) == 1 else 1
    across = 2 if format.chroma_width(2) == 1 else 1
    return FORMATS.get((down, across), "yuv444p")
