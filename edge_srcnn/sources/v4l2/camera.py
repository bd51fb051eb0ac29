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
from edge_srcnn.imaging.frame import BT601, Colour, Frame
from edge_srcnn.imaging.luma import UInt8Array
from edge_srcnn.imaging.planes import Chroma
from edge_srcnn.sources import Source, silent
from edge_srcnn.sources.layouts import bytes_per_row, take_apart
from edge_srcnn.sources.mjpeg import JpegDecoder, planes_of_bgr
from edge_srcnn.sources.v4l2.device import formats, pixel_format

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
class Settings:
    """Requested settings: width and height, frames a second (None: the camera's choice), formats in this order."""

    size: tuple[int, int]
    rate: Fraction | None
    fourccs: tuple[str, ...]


class V4l2Camera(Source):
    """A camera's frames, in the planes that it delivers; size and rate are what it agreed to.

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

    live = True

    def __init__(self, path: str, wanted: Settings, timeout_s: float) -> None:
        self.timeout_s: float | None = timeout_s + _STEP_S
        self._path, self._limit_s, self._woken = path, timeout_s, Event()
        self._first_s: float | None = None
        self._index = 0
        self._colour = Colour()
        self._planes_of: Callable[[UInt8Array], Planes | None]  # None of a picture that is damaged
        os.environ.setdefault(_WAIT, str(_STEP_S))
        self._capture = cv2.VideoCapture(path, cv2.CAP_V4L2)
        try:
            if not self._capture.isOpened():
                raise Unavailable(
                    f"{path}: the camera is there, but cannot be opened; most likely another program uses it: "
                    f"fuser -v {path} names it"
                )
            fourcc = self._negotiate(wanted)
            self.size = self._size()
            self.rate: Fraction | None = self._rate() or wanted.rate
            self._set_up_planes(fourcc)
        except BaseException:
            self.close()
            raise
        log.info("%s: %dx%d, %s, %s frames a second", path, *self.size, fourcc, self.rate and f"{float(self.rate):g}")
        if self.size != wanted.size or (wanted.rate and self.rate != wanted.rate):
            asked = "{}x{}".format(*wanted.size) + (f" at {float(wanted.rate):g}" if wanted.rate else "")
            got = "{}x{}".format(*self.size) + (f" at {float(self.rate):g}" if self.rate else "")
            log.warning("%s: asked for %s frames a second, the camera gives %s", path, asked, got)

    def read(self) -> Frame | None:
        """Wait for the next frame; damaged ones are left out, but counted."""
        end, damaged = monotonic() + self._limit_s, False
        while not self._woken.is_set():
            began = monotonic()
            try:
                good, pixels = self._capture.read()
                stamp_s = self._capture.get(cv2.CAP_PROP_POS_MSEC) / 1000
            except cv2.error as error:
                raise SourceLost(f"{self._path}: the camera broke off ({error})") from error
            now = monotonic()
            if good:
                captured_s = stamp_s if 0 <= now - stamp_s < _OLD_S else now
                index, self._index = self._index, self._index + 1
                planes = self._planes_of(np.asarray(pixels, np.uint8))
                if planes is not None:
                    self._first_s = captured_s if self._first_s is None else self._first_s
                    return Frame(*planes, self._colour, index, captured_s - self._first_s, captured_s)
                damaged = True
                if now < end:
                    continue
            if not os.path.exists(self._path):
                raise SourceLost(f"{self._path}: the camera is gone; was it unplugged?")
            if not good and now - began < _STEP_S / 2:
                raise SourceLost(f"{self._path}: the camera broke off; was it unplugged?")
            if now >= end and damaged:
                raise SourceLost(f"{self._path}: only damaged pictures came for {self._limit_s:g} s")
            if now >= end:
                raise silent(self._path, self._limit_s)
        return None

    def wake(self) -> None:
        """End a ``read`` that waits; OpenCV looks up only once in a second."""
        self._woken.set()

    def close(self) -> None:
        """Close the device."""
        self._capture.release()

    def _negotiate(self, wanted: Settings) -> str:
        """Set format, size and rate; of several formats the first that gives what is wanteded, or else the first."""
        offered = formats(self._path)
        possible = [fourcc for fourcc in wanted.fourccs if fourcc in offered]
        if not possible and len(wanted.fourccs) == 1:
            if not offered:  # every camera names some
                raise SourceLost(f"{self._path}: the camera does not say what it offers; was it unplugged?")
            others = ", ".join(offered[:12])
            raise UsageError(f"{self._path}: the camera has no {wanted.fourccs[0]}; it offers {others}")
        for fourcc in possible:
            got = self._configure(fourcc, wanted)
            if got == fourcc and self._size() == wanted.size and (wanted.rate is None or self._rate() == wanted.rate):
                return got
        return self._configure((possible or wanted.fourccs)[0], wanted)

    def _configure(self, fourcc: str, wanted: Settings) -> str:
        self._capture.set(cv2.CAP_PROP_FOURCC, cv2.VideoWriter.fourcc(*fourcc))
        self._capture.set(cv2.CAP_PROP_FRAME_WIDTH, wanted.size[0])
        self._capture.set(cv2.CAP_PROP_FRAME_HEIGHT, wanted.size[1])
        if wanted.rate is not None:
            self._capture.set(cv2.CAP_PROP_FPS, float(wanted.rate))
        self._capture.set(cv2.CAP_PROP_CONVERT_RGB, 0)
        return self._fourcc()

    def _set_up_planes(self, fourcc: str) -> None:
        told = pixel_format(self._path)
        self._colour = told.colour if told else Colour(False, BT601)
        layout = _LAYOUTS.get(fourcc)
        if fourcc in _JPEG:
            decoder = JpegDecoder()
            self._colour = Colour()
            self._planes_of = lambda pixels: decoder.decode(pixels.tobytes())
        elif layout is not None:
            width = self.size[0]
            if told and told.stride > bytes_per_row(layout, width):  # OpenCV takes rows for dense
                raise BadData(
                    f"{self._path}: {fourcc} with padded rows at this size; give size= or format= another value"
                )
            self._planes_of = lambda pixels: _planes_of(layout, pixels, self.size)
        else:
            log.warning("%s: %s is converted to RGB by OpenCV", self._path, fourcc)
            self._capture.set(cv2.CAP_PROP_CONVERT_RGB, 1)
            self._colour = Colour()
            self._planes_of = lambda pixels: planes_of_bgr(pixels) if pixels.ndim == 3 else (pixels, None)

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
