"""Share what cameras have in common: pixels as they lay them out in memory, or as JPEG; times; settings.

Nothing is converted to RGB on the way, where there is another one.
"""

import io
import logging
from fractions import Fraction
from threading import Event
from typing import Any

import cv2
import numpy as np

from edge_srcnn.errors import BadPicture, reason
from edge_srcnn.imaging.colour import Chroma, planes_of_rgb
from edge_srcnn.imaging.frame import Colour, Frame
from edge_srcnn.imaging.geometry import oriented
from edge_srcnn.imaging.jpeg import sealed
from edge_srcnn.imaging.luma import UInt8Array
from edge_srcnn.sources import Source, check_pixels

log = logging.getLogger(__name__)

Planes = tuple[UInt8Array, Chroma | None]

SIZE = (640, 480)
TIMEOUT_S = 5.0

_OLD_S = 10.0  # a time stamp that is older was taken by another clock

LAYOUTS = ("YUV420", "YVU420", "NV12", "NV21", "YUYV", "UYVY", "GREY")
"""By libcamera's names: planar 4:2:0, Y and then CbCr pairs 4:2:0, packed 4:2:2, grey."""


class Camera(Source):
    """Read a camera with a time limit, whose ``read`` can be woken.

    Parameters
    ----------
    name
        For messages.
    limit_s
        Seconds without a frame after which it is lost.
    """

    live = True
    size = SIZE

    def __init__(self, name: str, limit_s: float) -> None:
        self.rate: Fraction | None = None
        self.timeout_s: float | None = limit_s
        self._name, self._limit_s, self._woken = name, limit_s, Event()
        self._colour = Colour()
        self._first_s: float | None = None

    def _frame(self, planes: Planes, index: int, stamp_s: float, now: float) -> Frame:
        """Make a frame that came ``now``; ``stamp_s`` is when the sensor saw it, if it is a time of our clock."""
        captured_s = stamp_s if 0 <= now - stamp_s < _OLD_S else now
        self._first_s = captured_s if self._first_s is None else self._first_s
        return Frame(*planes, self._colour, index, captured_s - self._first_s, captured_s)

    def _tell(self, format: str, size: tuple[int, int], rate: Fraction | None) -> None:
        """Log what the camera gives, and warn where that is not ``size``, or fewer than ``rate`` frames a second."""
        given = _words(self.size, self.rate)
        log.info("%s: %s, %s frames a second", self._name, format, given)
        if self.size != size or (rate and (self.rate or 0) < rate):  # of too many, some are left out
            log.warning("%s: asked for %s frames a second, the camera gives %s", self._name, _words(size, rate), given)


def _words(size: tuple[int, int], rate: Fraction | None) -> str:
    return f"{size[0]}x{size[1]}" + (f" at {float(rate):g}" if rate else "")


def bytes_per_row(layout: str, width: int) -> int:
    """Count the bytes of a row of luma (or of packed pixels) without padding."""
    return 2 * width if layout in ("YUYV", "UYVY") else width


def take_apart(
    layout: str, buffer: UInt8Array, size: tuple[int, int], stride: int | None = None
) -> tuple[UInt8Array, Chroma | None]:
    """Luma and chroma of a camera's buffer.

    Parameters
    ----------
    layout
        One of ``LAYOUTS``.
    buffer
        uint8, any shape, at least as many bytes as the picture needs; what follows is ignored.
    size
        Width and height in pixels, both even where chroma is coarser.
    stride
        Bytes from row to row, padding included. Planar chroma has half of it. None: no padding.

    Returns
    -------
    Contiguous planes without padding: views of the buffer where that is possible, copies otherwise.

    Raises
    ------
    ValueError
        The buffer is too short.
    """
    width, height = size
    stride = stride or bytes_per_row(layout, width)
    flat = buffer.reshape(-1)
    packed = layout in ("YUYV", "UYVY", "GREY")
    needed = stride * height if packed else stride * height + stride // 2 * (height // 2) * 2
    if flat.size < needed:
        raise ValueError(f"{flat.size} bytes, {needed} are needed for {width}x{height} of {layout} in rows of {stride}")
    rows = flat[: stride * height].reshape(height, stride)
    rest = flat[stride * height : needed]
    if layout == "GREY":
        return np.ascontiguousarray(rows[:, :width]), None
    if packed:
        luma, cb, cr = (0, 1, 3) if layout == "YUYV" else (1, 0, 2)
        used = rows[:, : 2 * width]
        return _dense(used[:, luma::2]), (_dense(used[:, cb::4]), _dense(used[:, cr::4]))
    if layout in ("NV12", "NV21"):
        pairs = rest.reshape(height // 2, stride)[:, : width // 2 * 2]
        first, second = _dense(pairs[:, 0::2]), _dense(pairs[:, 1::2])
    else:
        first, second = (_dense(plane[:, : width // 2]) for plane in rest.reshape(2, height // 2, stride // 2))
    swapped = layout in ("NV21", "YVU420")
    return _dense(rows[:, :width]), (second, first) if swapped else (first, second)


def _dense(plane: UInt8Array) -> UInt8Array:
    return np.ascontiguousarray(plane)


class JpegDecoder:
    """Decode with PyAV, without RGB in between; where it is not installed, with OpenCV and through RGB (4:4:4).

    Pictures without Huffman tables, as many webcams send them, are decoded as well.
    """

    def __init__(self) -> None:
        self._av: Any = None
        self._context: Any = None
        try:
            import av
        except ImportError:
            log.info("PyAV is not installed: JPEG is decoded by OpenCV, through RGB")
        else:
            self._av = av

    def decode(self, data: bytes) -> Planes | None:
        """Decode to full-range BT.601 (JFIF) planes; None for a picture that is damaged or cut off."""
        if not data:  # which would tell PyAV that the stream ends
            return None
        if self._av is None:
            return _decode_through_rgb(data)
        from edge_srcnn.imaging.containers import orientation_of
        from edge_srcnn.imaging.pyav import AV_ERRORS, planes_of

        if self._context is None:
            self._context = self._av.CodecContext.create("mjpeg", "r")
            self._context.options = {"err_detect": "explode"}  # by default what is missing is made up
        try:
            frames = self._context.decode(self._av.Packet(sealed(data)))
            if not frames or frames[-1].is_corrupt:
                return None
            frame = oriented(Frame(*planes_of(frames[-1]), Colour(), 0, 0.0, 0.0), orientation_of(frames[-1]))
            return frame.luma, frame.chroma
        except AV_ERRORS as error:
            log.debug("damaged JPEG, %d bytes: %s", len(data), error)
            self._context = None
            return None


def decode_still(name: str, data: bytes, max_pixels: int) -> tuple[Planes, Colour] | None:
    """Decode a still picture that is no JPEG, such as PNG or WebP; None where it is damaged."""
    import av

    from edge_srcnn.imaging.pyav import AV_ERRORS, colour_of, planes_of

    try:
        with av.open(io.BytesIO(data), "r", options={"max_pixels": str(max_pixels)}) as container:
            stream = container.streams.video[0]
            check_pixels(name, (stream.codec_context.width, stream.codec_context.height), max_pixels)
            stream.codec_context.options = {"err_detect": "explode", "max_pixels": str(max_pixels)}
            frame = next(container.decode(stream), None)
            return None if frame is None or frame.is_corrupt else (planes_of(frame), colour_of(frame))
    except BadPicture:
        raise
    except AV_ERRORS as error:
        log.debug("%s: a picture is left out (%s)", name, reason(error))
        return None


def _decode_through_rgb(data: bytes) -> Planes | None:
    try:
        bgr = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    except cv2.error:
        return None
    return None if bgr is None else planes_of_rgb(np.asarray(bgr, np.uint8), cv2.COLOR_BGR2YCrCb)
