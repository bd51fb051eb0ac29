"""Where results go: ``images`` writes files one by one, ``open_sink`` anything that takes a stream of frames."""

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from edge_srcnn.kinds import Kind, always, find_kind
from edge_srcnn.uri import Uri, parse_uri

if TYPE_CHECKING:  # help reads the records, and needs no arrays
    from edge_srcnn.imaging.frame import Frame


@dataclass(frozen=True)
class Result:
    """What comes out of the pipeline: the enhanced frame, the camera's, and the factor between them.

    Attributes
    ----------
    enhanced
        False: nobody wanted an enhanced frame, and ``frame`` is the camera's. Only a ``Watched`` sink gets such.
    """

    frame: "Frame"
    original: "Frame"
    scale: int
    enhanced: bool = True


@dataclass(frozen=True)
class Stream:
    """What a sink may want to know before the first frame.

    Attributes
    ----------
    rate, frames
        Of the source, where they are known.
    companion
        A file whose sound and subtitles belong to the frames.
    state
        Tells how the pipeline is doing.
    """

    rate: Fraction | None
    frames: int | None
    companion: str | None
    state: Callable[[], Any]


class Sink(Protocol):
    """Takes results.

    Attributes
    ----------
    name
        As it was asked for.
    live
        True: shows the newest, and may miss others. False: records, and wants every one.
    """

    name: str
    live: bool

    def begin(self, stream: Stream) -> None:
        """Get ready; called once, before the first frame."""
        ...

    def write(self, result: Result) -> None:
        """Take one result; called from one thread.

        Raises
        ------
        CannotWrite
            The disk, file or peer refuses; the sink is closed then, and the others go on.
        """
        ...

    def close(self) -> None:
        """Finish files and connections; more than once."""
        ...


@runtime_checkable
class Abandonable(Protocol):
    """A sink that makes a whole of all frames, and can give it up."""

    def abandon(self) -> None:
        """The frames broke off: leave nothing behind that would look whole. ``close`` follows."""
        ...


@runtime_checkable
class Pausable(Protocol):
    """A sink that takes frames though it cannot write them, until it can again.

    Attributes
    ----------
    missed
        Frames that it took and did not write.
    trouble
        Why it does not write at the moment, or None.
    """

    missed: int
    trouble: str | None


@runtime_checkable
class Watched(Protocol):
    """A sink that needs enhanced frames only while somebody looks; others always do."""

    def wants_frames(self) -> bool:
        """Tell whether somebody looks at enhanced frames, or did a moment ago; from any thread, at once."""
        ...


KINDS = (
    Kind("http", "edge_srcnn.web.sink", ("http", "https"), "http://127.0.0.1:8080", live=True),
    Kind("folder", "edge_srcnn.sinks.folder", ("folder",), "pictures/", opens=Uri.names_pictures),
    Kind("video", "edge_srcnn.sinks.video.sink", ("video",), "out.mp4", opens=always),
    Kind(
        "push",
        "edge_srcnn.sinks.push.sink",
        ("rtsp", "rtsps", "rtmp", "rtmps"),
        "rtsp://server:8554/pi, rtmp://server/live/pi",
        live=True,
    ),
    Kind("y4m", "edge_srcnn.sinks.y4m", ("y4m",), "y4m:- (standard output)"),
    Kind("null", "edge_srcnn.sinks.null", ("null",), "null: (counts only)"),
)
"""Every kind of sink; a new one is a file and a record here."""


def open_sink(uri: str) -> Sink:
    """Open a place for results.

    Parameters
    ----------
    uri
        A video file, a folder (ends with a slash, or is there), ``http://HOST:PORT``, ``rtsp://`` or ``rtmp://`` of a
        server that others read from, ``y4m:-`` for standard output, ``null:``.

    Raises
    ------
    UsageError
        No such kind, or an option that it does not have.
    CannotWrite, Unavailable
        It cannot be written to, or needs a library that is not there.
    """
    parsed = parse_uri(uri)
    sink: Sink = kind_of(parsed).open(parsed)
    return sink


def kind_of(uri: Uri) -> Kind:
    """Find what opens a name; ``UsageError`` where nothing does."""
    return find_kind(uri, KINDS, "sink")
