"""A V4L2 device set up and read by OpenCV, whose conversion to RGB is switched off."""

import logging
import os
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from threading import Event
from time import monotonic

import cv2
import numpy as np

from edge_srcnn.errors import BadData, SourceLost, Unavailable, UsageError
from edge_srcnn.imaging.frame import BT601, Colour
from edge_srcnn.imaging.luma import UInt8Array
from edge_srcnn.imaging.planes import Chroma
from edge_srcnn.sources.layouts import bytes_per_row, take_apart
from edge_srcnn.sources.mjpeg import JpegDecoder, planes_of_bgr
from edge_srcnn.sources.v4l2.device import formats, pixel_format
from edge_srcnn.system.watchdog import no_frame

log = logging.getLogger(__name__)

Planes = tuple[UInt8Array, Chroma | None]

_JPEG = ("MJPG", "JPEG")
_LAYOUTS = {
    "YUYV": "YUYV",
    "UYVY": "UYVY",
    "NV12": "NV12",
    "NV21": "NV21",
    "YU12": "YUV420",
    "YV12": "YVU420",
    "GREY": "GREY",
}
_WAIT = "OPENCV_VIDEOIO_V4L_SELECT_TIMEOUT"  # OpenCV looks at it when it waits for the first frame of the process
_STEP_S = 1  # whole seconds; OpenCV's own 10 would keep a silent camera busy long after it was closed
_OLD_S = 10.0  # a time stamp that is older was taken by another clock


@dataclass(frozen=True)
class Wish:
    """What is asked of a camera: width and height, frames a second (None: its own choice), formats in this order."""

    size: tuple[int, int]
    rate: Fraction | None
    fourccs: tuple[str, ...]


@dataclass(frozen=True)
class Raw:
    """A picture as the camera sent it, and when: seconds of ``time.monotonic()``."""

    pixels: UInt8Array
    captured_s: float


class Capture:
    """OpenCV's capture, for one thread; ``wake`` is for others.

    Attributes
    ----------
    size, rate
        What the camera agreed to.
    colour
        How its pixels are to be read.
    planes_of
        Makes luma and chroma of a picture; None of one that is damaged.

    Raises
    ------
    Unavailable
        It is in use.
    SourceLost
        It went away meanwhile.
    UsageError
        It has none of the formats.
    BadData
        Its rows are padded, which OpenCV does not tell apart.
    """

    size: tuple[int, int]
    rate: Fraction | None
    colour: Colour
    planes_of: Callable[[UInt8Array], Planes | None]

    def __init__(self, path: str, wish: Wish, timeout_s: float) -> None:
        self._path, self._timeout_s, self._woken = path, timeout_s, Event()
        os.environ.setdefault(_WAIT, str(_STEP_S))
        self._capture = cv2.VideoCapture(path, cv2.CAP_V4L2)
        try:
            if not self._capture.isOpened():
                raise Unavailable(
                    f"{path}: the camera is there, but cannot be opened; most likely another program uses it: "
                    f"fuser -v {path} names it"
                )
            fourcc = self._negotiate(wish)
            self.size = self._size()
            self.rate = self._rate() or wish.rate
            self._set_up_planes(fourcc)
        except BaseException:
            self.release()
            raise
        log.info("%s: %dx%d, %s, %s frames a second", path, *self.size, fourcc, self.rate and f"{float(self.rate):g}")
        if self.size != wish.size or (wish.rate and self.rate != wish.rate):
            asked = "{}x{}".format(*wish.size) + (f" at {float(wish.rate):g}" if wish.rate else "")
            got = "{}x{}".format(*self.size) + (f" at {float(self.rate):g}" if self.rate else "")
            log.warning("%s: asked for %s frames a second, the camera gives %s", path, asked, got)

    def read(self) -> Raw:
        """Wait for the next picture, no longer than the time limit."""
        end = monotonic() + self._timeout_s
        while True:
            began = monotonic()
            try:
                good, pixels = self._capture.read()
                stamp_s = self._capture.get(cv2.CAP_PROP_POS_MSEC) / 1000
            except cv2.error as error:
                raise SourceLost(f"{self._path}: the camera broke off ({error})") from error
            now = monotonic()
            if good:
                return Raw(np.asarray(pixels, np.uint8), stamp_s if 0 <= now - stamp_s < _OLD_S else now)
            if not os.path.exists(self._path):
                raise SourceLost(f"{self._path}: the camera is gone; was it unplugged?")
            if now - began < _STEP_S / 2:
                raise SourceLost(f"{self._path}: the camera broke off; was it unplugged?")
            if now >= end or self._woken.is_set():
                raise SourceLost(no_frame(self._path, self._timeout_s))

    def wake(self) -> None:
        """End a ``read`` that waits; OpenCV looks up only once in a second."""
        self._woken.set()

    def release(self) -> None:
        """Close the device."""
        self._capture.release()

    def _negotiate(self, wish: Wish) -> str:
        """Set format, size and rate; of several formats the first that gives what is wished, or else the first."""
        offered = formats(self._path)
        possible = [fourcc for fourcc in wish.fourccs if fourcc in offered]
        if not possible and len(wish.fourccs) == 1:
            if not offered:  # every camera names some
                raise SourceLost(f"{self._path}: the camera does not say what it offers; was it unplugged?")
            others = ", ".join(offered[:12])
            raise UsageError(f"{self._path}: the camera has no {wish.fourccs[0]}; it offers {others}")
        for fourcc in possible:
            got = self._configure(fourcc, wish)
            if got == fourcc and self._size() == wish.size and (wish.rate is None or self._rate() == wish.rate):
                return got
        return self._configure((possible or wish.fourccs)[0], wish)

    def _configure(self, fourcc: str, wish: Wish) -> str:
        self._capture.set(cv2.CAP_PROP_FOURCC, cv2.VideoWriter.fourcc(*fourcc))
        self._capture.set(cv2.CAP_PROP_FRAME_WIDTH, wish.size[0])
        self._capture.set(cv2.CAP_PROP_FRAME_HEIGHT, wish.size[1])
        if wish.rate is not None:
            self._capture.set(cv2.CAP_PROP_FPS, float(wish.rate))
        self._capture.set(cv2.CAP_PROP_CONVERT_RGB, 0)
        return self._fourcc()

    def _set_up_planes(self, fourcc: str) -> None:
        told = pixel_format(self._path)
        self.colour = told.colour if told else Colour(False, BT601)
        layout = _LAYOUTS.get(fourcc)
        if fourcc in _JPEG:
            decoder = JpegDecoder()
            self.colour = Colour()
            self.planes_of = lambda pixels: decoder.decode(pixels.tobytes())
        elif layout is not None:
            width = self.size[0]
            if told and told.stride > bytes_per_row(layout, width):  # OpenCV takes rows for dense
                raise BadData(
                    f"{self._path}: {fourcc} with padded rows at this size; give size= or format= another value"
                )
            self.planes_of = lambda pixels: _planes_of(layout, pixels, self.size)
        else:
            log.warning("%s: %s is converted to RGB by OpenCV", self._path, fourcc)
            self._capture.set(cv2.CAP_PROP_CONVERT_RGB, 1)
            self.colour = Colour()
            self.planes_of = lambda pixels: planes_of_bgr(pixels) if pixels.ndim == 3 else (pixels, None)

    def _size(self) -> tuple[int, int]:
        width, height = (self._capture.get(name) for name in (cv2.CAP_PROP_FRAME_WIDTH, cv2.CAP_PROP_FRAME_HEIGHT))
        return int(width), int(height)

    def _rate(self) -> Fraction | None:
        rate = self._capture.get(cv2.CAP_PROP_FPS)
        return Fraction(rate).limit_denominator(1001) if rate > 0 else None

    def _fourcc(self) -> str:
        return int(self._capture.get(cv2.CAP_PROP_FOURCC)).to_bytes(4, "little", signed=False).decode("latin-1")


def _planes_of(layout: str, pixels: UInt8Array, size: tuple[int, int]) -> Planes | None:
    try:
        return take_apart(layout, pixels, size)
    except ValueError as error:  # cut off on the way
        log.debug("%s", error)
        return None
