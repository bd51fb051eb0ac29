"""USB cameras and other V4L2 devices; their pixels are taken as they are, YUV or JPEG."""

from typing import Any

from edge_srcnn.sources.v4l2.camera import Settings, V4l2Camera
from edge_srcnn.sources.v4l2.device import check_camera
from edge_srcnn.uri import Uri, frame_rate, frame_size, one_of, read_options, seconds

SIZE = (640, 480)
TIMEOUT_S = 5.0
FORMATS = {"yuyv": "YUYV", "mjpg": "MJPG"}


def options(uri: Uri) -> dict[str, Any]:
    """Read them: size (640x480), fps, format (yuyv or mjpg; else the first that gives size and rate), timeout (5 s)."""
    return read_options(uri, size=frame_size, fps=frame_rate, format=one_of(*FORMATS), timeout=seconds)


def open(uri: Uri) -> V4l2Camera:
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
    wanted = Settings(given.get("size", SIZE), given.get("fps"), fourccs)
    check_camera(path)
    return V4l2Camera(path, wanted, given.get("timeout", TIMEOUT_S))
