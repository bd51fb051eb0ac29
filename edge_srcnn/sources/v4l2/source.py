"""USB cameras and other V4L2 devices; their pixels are taken as they are, YUV or JPEG."""

from collections.abc import Iterator
from fractions import Fraction
from time import monotonic
from typing import Any

from edge_srcnn.errors import SourceLost
from edge_srcnn.imaging.frame import Frame
from edge_srcnn.sources.v4l2.camera import Capture, Wish
from edge_srcnn.sources.v4l2.device import check_camera
from edge_srcnn.system.watchdog import Watched
from edge_srcnn.uri import Uri, frame_rate, frame_size, one_of, read_options, seconds

SIZE = (640, 480)
TIMEOUT_S = 5.0
FORMATS = {"yuyv": "YUYV", "mjpg": "MJPG"}


def options(uri: Uri) -> dict[str, Any]:
    """Read them: size (640x480), fps, format (yuyv or mjpg; else the first that gives size and rate), timeout (5 s)."""
    return read_options(uri, size=frame_size, fps=frame_rate, format=one_of(*FORMATS), timeout=seconds)


def open(uri: Uri) -> "V4l2Camera":
    """Open the camera; for the options see ``options``.

    Raises
    ------
    NoInput
        There is no such camera.
    Unavailable
        It may not be opened, is in use, or does not answer.
    UsageError
        It does not have the format.
    """
    given = options(uri)
    path = f"/dev/video{uri.target or 0}" if not uri.target or uri.target.isdecimal() else uri.target
    chosen = given.get("format")
    fourccs = (FORMATS[chosen],) if chosen else tuple(FORMATS.values())
    wish = Wish(given.get("size", SIZE), given.get("fps"), fourccs)
    check_camera(path)
    return V4l2Camera(path, wish, given.get("timeout", TIMEOUT_S))


class V4l2Camera:
    """A camera's newest frames, in the planes that it delivers."""

    live = True
    frames: int | None = None

    def __init__(self, path: str, wish: Wish, timeout_s: float) -> None:
        self._path, self._timeout_s = path, timeout_s
        devices: list[Capture] = []

        def open_device() -> Capture:
            devices.append(Capture(path, wish, timeout_s))
            return devices[0]

        self._watched = Watched(path, open_device, timeout_s)
        self.rate: Fraction | None = devices[0].rate
        self._planes_of = devices[0].planes_of
        self._colour = devices[0].colour

    def __iter__(self) -> Iterator[Frame]:
        """Give the newest frame again and again; damaged ones are left out, but counted."""
        first_s: float | None = None
        good_s = monotonic()
        for index, raw in self._watched.pictures():
            planes = self._planes_of(raw.pixels)
            if planes is None:
                if monotonic() - good_s > self._timeout_s:
                    raise SourceLost(f"{self._path}: only damaged pictures came for {self._timeout_s:g} s")
                continue
            first_s = raw.captured_s if first_s is None else first_s
            yield Frame(*planes, self._colour, index, raw.captured_s - first_s, raw.captured_s)
            good_s = monotonic()

    def close(self) -> None:
        """Let go of the camera."""
        self._watched.close()
