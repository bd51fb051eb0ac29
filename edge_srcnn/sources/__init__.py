"""Where pictures come from: ``images`` reads files one by one, ``open_source`` anything that is a stream of frames."""

import importlib
from collections.abc import Iterator
from fractions import Fraction
from typing import Any, Protocol

from edge_srcnn.errors import UsageError
from edge_srcnn.imaging.frame import Frame
from edge_srcnn.uri import NETWORK, Uri, parse_uri


class Source(Protocol):
    """A stream of frames.

    Attributes
    ----------
    live
        True: time goes on without us, so the newest frame counts. False: every frame counts.
    rate
        Nominal frames a second, or None where nobody knows.
    frames
        How many there will be, or None where nobody knows.
    """

    live: bool
    rate: Fraction | None
    frames: int | None

    def __iter__(self) -> Iterator[Frame]:
        """Give the frames, once.

        Raises
        ------
        SourceLost
            No frame came within the source's time limit, or the connection broke.
        """
        ...

    def close(self) -> None:
        """Let go of the camera or file; from any thread, more than once. An iteration that waits ends soon."""
        ...


SOURCES: dict[str, str] = {
    "test": "edge_srcnn.sources.moving_card:open_moving_card",
    "folder": "edge_srcnn.sources.folder:open_folder",
    "video": "edge_srcnn.sources.video:open_video",
    "v4l2": "edge_srcnn.sources.v4l2.source:open_v4l2",
    "picamera2": "edge_srcnn.sources.picamera2.source:open_picamera2",
}
"""What opens a kind of source; imported when it is chosen."""

_CAMERAS = frozenset({"picamera2", "v4l2"})
_VIDEO_SCHEMES = frozenset({"video", "rtsp", "rtsps", "http", "https", "y4m"})
EXAMPLES = (
    "picamera2:0?size=640x480&fps=30",
    "/dev/video0?size=640x480",
    "clip.mp4",
    "photos/",
    "'frames/*.png'",
    "rtsp://camera/stream",
    "http://camera/stream.mjpg",
    "y4m:- (standard input)",
    "test:",
)


def open_source(uri: str) -> Source:
    """Open a camera, stream, file or folder.

    Parameters
    ----------
    uri
        ``picamera2:0?size=640x480&fps=30``, ``/dev/video0?size=640x480&fps=30``, a video file, a folder or glob of
        pictures, ``rtsp://``, ``http://`` (MJPEG), ``y4m:-`` or ``y4m:/path/of/fifo``, ``test:``.
        Options follow a question mark; each kind's are listed by what it raises for an unknown one.

    Raises
    ------
    UsageError
        No such kind, or an option that it does not have.
    NoInput, BadData, Unavailable
        What is named is missing, is something else, or needs a library or device that is not there.
    """
    parsed = parse_uri(uri)
    module, _, function = SOURCES[kind_of(parsed)].partition(":")
    opener: Any = getattr(importlib.import_module(module), function)
    source: Source = opener(parsed)
    return source


def kind_of(uri: Uri) -> str:
    """What opens it, a key of ``SOURCES``; ``UsageError`` where nothing does."""
    if uri.scheme in _VIDEO_SCHEMES:
        return "video"
    if uri.scheme in SOURCES:
        return uri.scheme
    if uri.scheme:
        raise UsageError(f"{uri.text}: no source is called {uri.scheme!r}; such as {', '.join(EXAMPLES)}")
    if uri.target.startswith("/dev/video"):
        return "v4l2"
    return "folder" if uri.names_pictures() else "video"


def is_camera(uri: str) -> bool:
    """Whether frames come from a camera, here or in the network; ``UsageError`` where ``uri`` names no source."""
    parsed = parse_uri(uri)
    return kind_of(parsed) in _CAMERAS or parsed.scheme in NETWORK
