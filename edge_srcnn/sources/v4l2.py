"""Read USB cameras and other V4L2 devices, by OpenCV; their pixels are taken as they are, YUV or JPEG."""

import logging
import os
from collections.abc import Callable
from fractions import Fraction
from time import monotonic
from typing import Any

import cv2
import numpy as np

from edge_srcnn.errors import BadData, SourceLost, Unavailable, UsageError, reason
from edge_srcnn.imaging.colour import planes_of_rgb
from edge_srcnn.imaging.frame import BT601, Colour, Frame
from edge_srcnn.imaging.luma import UInt8Array
from edge_srcnn.sources import silent
from edge_srcnn.sources.camera import SIZE, TIMEOUT_S, Camera, JpegDecoder, Planes, bytes_per_row, take_apart
from edge_srcnn.sources.v4l2_device import check_camera, formats, pixel_format
from edge_srcnn.uri import Uri, frame_rate, frame_size, one_of, read_options, seconds

log = logging.getLogger(__name__)

FORMATS = {"yuyv": "YUYV", "mjpg": "MJPG"}

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


def options(uri: Uri) -> dict[str, Any]:
    """Read size (640x480), fps, format (yuyv or mjpg; else the first that gives size and rate), timeout (5 s)."""
    return read_options(uri, size=frame_size, fps=frame_rate, format=one_of(*FORMATS), timeout=seconds)


def open(uri: Uri, **given: Any) -> "V4l2Camera":
    """Open the camera; ``NoInput``, ``Unavailable``, or ``UsageError`` where it does not have the format."""
    path = f"/dev/video{uri.target or 0}" if not uri.target or uri.target.isdecimal() else uri.target
    check_camera(path)
    return V4l2Camera(path, **given)


class V4l2Camera(Camera):
    """Read a camera's frames, in the planes that it delivers; size and rate are what it agreed to.

    Parameters
    ----------
    path
        The device.
    size
        Requested width and height.
    fps
        Requested frames a second; None: the camera's choice.
    format
        A key of ``FORMATS``; None: the first of them that gives size and rate.
    timeout
        Seconds without a frame after which it is lost.

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

    def __init__(
        self,
        path: str,
        *,
        size: tuple[int, int] = SIZE,
        fps: Fraction | None = None,
        format: str | None = None,
        timeout: float = TIMEOUT_S,
    ) -> None:
        super().__init__(path, timeout)
        self.timeout_s = timeout + _STEP_S
        self._index = 0
        self._planes_of: Callable[[UInt8Array], Planes | None]  # None of a picture that is damaged
        os.environ.setdefault(_WAIT, str(_STEP_S))
        self._capture = cv2.VideoCapture(path, cv2.CAP_V4L2)
        try:
            if not self._capture.isOpened():
                raise Unavailable(
                    f"{path}: the camera is there, but cannot be opened; most likely another program uses it: "
                    f"fuser -v {path} names it"
                )
            fourcc = self._negotiate((FORMATS[format],) if format else tuple(FORMATS.values()), size, fps)
            self.size = self._size()
            self.rate = self._rate() or fps
            self._set_up_planes(fourcc)
        except cv2.error as error:
            self.close()
            raise Unavailable(f"{path}: the camera cannot be set up ({reason(error)})") from error
        except BaseException:
            self.close()
            raise
        self._tell(fourcc, size, fps)

    def read(self) -> Frame | None:
        """Wait for the next frame; damaged ones are left out, but counted."""
        end, damaged = monotonic() + self._limit_s, False
        while not self._woken.is_set():
            began = monotonic()
            try:
                good, pixels = self._capture.read()
                stamp_s = self._capture.get(cv2.CAP_PROP_POS_MSEC) / 1000
            except cv2.error as error:
                raise SourceLost(f"{self._name}: the camera broke off ({reason(error)})") from error
            now = monotonic()
            if good:
                index, self._index = self._index, self._index + 1
                planes = self._planes_of(np.asarray(pixels, np.uint8))
                if planes is not None:
                    return self._frame(planes, index, stamp_s, now)
                damaged = True
                if now < end:
                    continue
            if not os.path.exists(self._name):
                raise SourceLost(f"{self._name}: the camera is gone; was it unplugged?")
            if not good and now - began < _STEP_S / 2:
                raise SourceLost(f"{self._name}: the camera broke off; was it unplugged?")
            if now >= end and damaged:
                raise SourceLost(f"{self._name}: only damaged pictures came for {self._limit_s:g} s")
            if now >= end:
                raise silent(self._name, self._limit_s)
        return None

    def wake(self) -> None:
        """End a ``read`` that waits; OpenCV looks up only once in a second."""
        self._woken.set()

    def close(self) -> None:
        """Close the device."""
        self._capture.release()

    def _negotiate(self, fourccs: tuple[str, ...], size: tuple[int, int], rate: Fraction | None) -> str:
        """Set format, size and rate; of several formats the first that gives what is wanted, or else the first."""
        offered = formats(self._name)
        possible = [fourcc for fourcc in fourccs if fourcc in offered]
        if not possible and len(fourccs) == 1:
            if not offered:  # every camera names some
                raise SourceLost(f"{self._name}: the camera does not say what it offers; was it unplugged?")
            others = ", ".join(offered[:12])
            raise UsageError(f"{self._name}: the camera has no {fourccs[0]}; it offers {others}")
        for fourcc in possible:
            got = self._configure(fourcc, size, rate)
            if got == fourcc and self._size() == size and (rate is None or self._rate() == rate):
                return got
        return self._configure((possible or fourccs)[0], size, rate)

    def _configure(self, fourcc: str, size: tuple[int, int], rate: Fraction | None) -> str:
        """Ask for a format, and give the one that the camera took."""
        self._capture.set(cv2.CAP_PROP_FOURCC, cv2.VideoWriter.fourcc(*fourcc))
        self._capture.set(cv2.CAP_PROP_FRAME_WIDTH, size[0])
        self._capture.set(cv2.CAP_PROP_FRAME_HEIGHT, size[1])
        if rate is not None:
            self._capture.set(cv2.CAP_PROP_FPS, float(rate))
        self._capture.set(cv2.CAP_PROP_CONVERT_RGB, 0)
        return int(self._capture.get(cv2.CAP_PROP_FOURCC)).to_bytes(4, "little", signed=False).decode("latin-1")

    def _set_up_planes(self, fourcc: str) -> None:
        stride, self._colour = pixel_format(self._name) or (0, Colour(False, BT601))
        layout = _LAYOUTS.get(fourcc)
        if fourcc in _JPEG:
            decoder = JpegDecoder()
            self._colour = Colour()
            self._planes_of = lambda pixels: decoder.decode(pixels.tobytes())
        elif layout is not None:
            if stride > bytes_per_row(layout, self.size[0]):  # OpenCV takes rows for dense
                raise BadData(
                    f"{self._name}: {fourcc} with padded rows at this size; give size= or format= another value"
                )
            self._planes_of = lambda pixels: _planes_of(layout, pixels, self.size)
        else:
            log.warning("%s: %s is converted to RGB by OpenCV", self._name, fourcc)
            self._capture.set(cv2.CAP_PROP_CONVERT_RGB, 1)
            self._colour = Colour()
            self._planes_of = lambda pixels: planes_of_rgb(pixels, cv2.COLOR_BGR2YCrCb)

    def _size(self) -> tuple[int, int]:
        width, height = (self._capture.get(name) for name in (cv2.CAP_PROP_FRAME_WIDTH, cv2.CAP_PROP_FRAME_HEIGHT))
        return int(width), int(height)

    def _rate(self) -> Fraction | None:
        rate = self._capture.get(cv2.CAP_PROP_FPS)
        return Fraction(rate).limit_denominator(1001) if rate > 0 else None


def _planes_of(layout: str, pixels: UInt8Array, size: tuple[int, int]) -> Planes | None:
    try:
        return take_apart(layout, pixels, size)
    except ValueError as error:  # cut off on the way
        log.debug("%s", error)
        return None
