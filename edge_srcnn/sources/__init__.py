"""List every kind of source, and open one by its name; ``images`` reads single files."""

from collections.abc import Iterator
from fractions import Fraction
from typing import TYPE_CHECKING, Any, Protocol

from edge_srcnn.errors import BadPicture, SourceLost
from edge_srcnn.uri import Kind, Uri, always, find_kind, parse_uri

if TYPE_CHECKING:  # help reads the records, and needs no arrays
    from edge_srcnn.imaging.frame import Frame
    from edge_srcnn.sources.transform import Opening, TransformControl


MAX_PIXELS = 24_000_000
"""The most that a picture of a stream may have, unless max_pixels= says otherwise."""


class Source(Protocol):
    """Read a stream of frames, in one thread that opens, reads and closes it.

    Attributes
    ----------
    live
        True: time goes on without us, so the newest frame counts. False: every frame counts.
    rate
        Nominal frames a second, or None where nobody knows.
    frames
        How many there will be, or None where nobody knows.
    stream_copy
        A file whose sound and subtitles belong to the frames, or None.
    timeout_s
        ``read`` returns within so many seconds; None: it waits for as long as the next frame takes.
    """

    live: bool
    rate: Fraction | None
    frames: int | None = None
    stream_copy: str | None = None
    timeout_s: float | None = None

    def read(self) -> "Frame | None":
        """Wait for the next frame; None at the end, and after ``wake``; ``SourceLost`` where none came in time."""
        ...

    def wake(self) -> None:
        """Make a ``read`` that waits end soon, where that is possible; from any thread, more than once."""
        ...

    def close(self) -> None:
        """Let go of the camera or file; more than once."""
        self.wake()

    def __iter__(self) -> "Iterator[Frame]":
        """Read to the end, and close."""
        try:
            while (frame := self.read()) is not None:
                yield frame
        finally:
            self.close()


def silent(name: str, timeout_s: float) -> SourceLost:
    """Make the error of a camera that is silent."""
    return SourceLost(
        f"{name}: no frame came for {timeout_s:g} s (timeout=SECONDS changes that); is the camera still connected?"
    )


def check_pixels(name: str, size: tuple[int, int], most: int) -> None:
    """Refuse a picture that is too large, ``BadPicture``, before memory is taken for it."""
    width, height = size
    if width * height > most:
        raise BadPicture(
            f"{name}: its pictures have {width}x{height} pixels, more than max_pixels={most} allows; "
            f"max_pixels={width * height} takes them"
        )


class SourceKind(Kind):
    """Describe a kind of source; its names have the options of ``sources.transform``, too."""

    def options(self, uri: Uri) -> Any:
        """Read the options of a name; ``UsageError`` where they make no sense."""
        return self.opening(uri).given

    def open(self, uri: Uri, control: "TransformControl | None" = None) -> Any:
        """Open the source with the options of its name; with a ``control`` its transform may change later."""
        opening = self.opening(uri)
        return opening.of(self.load().open(opening.uri, **opening.given), control, uri.name)

    def opening(self, uri: Uri) -> "Opening":
        """Read from a name how it is opened; ``UsageError`` where that makes no sense."""
        from edge_srcnn.sources.transform import read_transform

        return read_transform(uri, self.load().options)


def _is_device(uri: Uri) -> bool:
    return uri.target.startswith(("/dev/video", "/dev/v4l/"))  # the latter: udev's names, which stay the same


def _is_paced(uri: Uri) -> bool:
    return uri.options.get("fps") != "max"


KINDS = (
    SourceKind("picamera2", "sources.picamera2", "picamera2:0?size=640x480&fps=30", camera=True, reopens=always),
    SourceKind("v4l2", "sources.v4l2", "/dev/video0?size=640x480", opens=_is_device, camera=True, reopens=always),
    SourceKind("rtsp", "sources.network_video", "rtsp://camera/stream", ("rtsp", "rtsps"), camera=True, reopens=always),
    SourceKind(
        "http", "sources.http_camera", "http://camera/stream.mjpg", ("http", "https"), camera=True, reopens=always
    ),
    SourceKind("folder", "sources.folder", "photos/, 'frames/*.png'", opens=Uri.names_pictures),
    SourceKind("video", "sources.video", "clip.mp4", opens=always),
    SourceKind("y4m", "sources.video", "y4m:- (standard input)"),
    SourceKind("test", "sources.testcard", "test: (a moving test card)", reopens=_is_paced),
)
"""Every kind of source; a new one is a file and a record here."""


def open_source(uri: str) -> Source:
    """Open a camera, stream, file or folder.

    Parameters
    ----------
    uri
        ``picamera2:0?size=640x480&fps=30``, ``/dev/video0?size=640x480&fps=30``, a video file, a folder or glob of
        pictures, ``rtsp://``, ``http://`` (MJPEG), ``y4m:-`` or ``y4m:/path/of/fifo``, ``test:``.
        Options follow a question mark, or the ``#`` of a network address; each kind's are listed by what it raises
        for an unknown one.

    Returns
    -------
    A source, to be closed.

    Raises
    ------
    UsageError
        No such kind, or an option that it does not have.
    NoInput, BadData, Unavailable
        What is named is missing, is something else, or needs a library or device that is not there.
    """
    parsed = parse_uri(uri)
    source: Source = kind_of(parsed).open(parsed)
    return source


def kind_of(uri: Uri) -> SourceKind:
    """Find what opens a name; ``UsageError`` where nothing does."""
    return find_kind(uri, KINDS, "source")


def is_camera(uri: str) -> bool:
    """Tell whether frames come from a camera, here or in the network; ``UsageError`` where it names no source."""
    return kind_of(parse_uri(uri)).camera
