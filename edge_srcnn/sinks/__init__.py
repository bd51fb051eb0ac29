"""List every kind of sink, and open one by its name; ``images`` writes single files."""

import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any, Protocol

from edge_srcnn.sinks.control import Control
from edge_srcnn.uri import Kind, Uri, find_kind, parse_uri

if TYPE_CHECKING:  # help reads the records, and needs no arrays
    from edge_srcnn.imaging.frame import Frame

TIME_TOLERANCE_S = 1e-6
"""What sums of rounded times may be off by."""

TIME_BASE = Fraction(1, 90_000)
"""Unit of the times in videos and streams, in seconds."""

UNKNOWN_RATE = Fraction(25)
"""Frames a second where the source does not say."""

MAX_NAME = 64
"""Letters in a camera's name."""

# control characters, halves of surrogate pairs, separators of lines and paragraphs
_NO_LETTERS = frozenset({"Cc", "Cs", "Zl", "Zp"})
# directions that go on past the end of the name, and would turn the text behind it (UAX 9)
_TURNING = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


@dataclass(frozen=True)
class Result:
    """Hold what comes out of the pipeline: the enhanced frame, what it was made of, and the factor between them.

    Attributes
    ----------
    original
        The camera's frame, or a mean over time of it and those before it.
    enhanced
        False: nobody wanted an enhanced frame, and ``frame`` is ``original``. Only sinks on demand get such.
    overlay
        What is written on ``frame``, if it is enhanced, and is to be written on any other that is made of ``original``.
    camera
        The camera's frame as it is; None: ``original`` is that.
    """

    frame: "Frame"
    original: "Frame"
    scale: int
    enhanced: bool = True
    overlay: str = ""
    camera: "Frame | None" = None


@dataclass(frozen=True)
class Stream:
    """Tell a sink what it may want to know before the first frame.

    Attributes
    ----------
    rate, frames
        Of the source, where they are known.
    stream_copy
        A file whose sound and subtitles belong to the frames.
    state
        Tells how the pipeline is doing.
    name
        Of the camera when it began, as ``camera_name`` reads it; None where it has none.
    control
        Changes settings while frames go on; None where nothing can be changed.
    """

    rate: Fraction | None
    frames: int | None
    stream_copy: str | None
    state: Callable[[], Any]
    name: str | None = None
    control: Control | None = None

    @property
    def present_name(self) -> str | None:
        """Give the camera's name now: it may have been changed."""
        return self.name if self.control is None else self.control.values().get("name", self.name)


class Sink(Protocol):
    """Takes results, from one thread.

    Attributes
    ----------
    name
        As it was asked for, without secrets.
    live
        True: shows the newest, and may miss others. False: records, and wants every one.
    blocking
        ``write`` may wait for a disk or a peer; False: it only takes note of the result.
    on_demand
        It needs enhanced frames only while somebody looks, see ``wants_frames``.
    occasional
        It takes an enhanced frame now and then: while nobody else takes any, the pipeline is idle between them.
    address
        Where it can be looked at, or empty; known from ``begin`` on.
    missed
        Frames that it took and did not write.
    records
        It can be switched off, and on again: files stay, and new ones begin.
    last_error
        Why it does not write at the moment, or None.
    """

    name: str
    live: bool = False
    blocking: bool = True
    on_demand: bool = False
    occasional: bool = False
    records: bool = False
    address: str = ""
    missed: int = 0
    last_error: str | None = None

    def begin(self, stream: Stream) -> None:
        """Get ready; called once, before the first frame."""
        return

    def write(self, result: Result) -> None:
        """Take one result; ``CannotWrite`` where disk or peer refuses: the sink is closed then, the others go on."""
        ...

    def wants_frames(self) -> bool:
        """Tell whether enhanced frames are of use to it at the moment; from any thread, at once."""
        return True

    def finish_file(self) -> None:
        """Finish the file that is being written; the next frame begins another one. ``CannotWrite``."""
        return

    def abandon(self) -> None:
        """Give up a whole of all frames, since they broke off: leave nothing that would look whole."""
        return

    def close(self) -> None:
        """Finish files and connections; more than once."""
        return


def _is_device(uri: Uri) -> bool:
    return uri.target.startswith(("/dev/video", "/dev/v4l/"))


def _is_file(uri: Uri) -> bool:
    return not _is_device(uri)


KINDS = (
    Kind("http", "web.sink", "http://127.0.0.1:8080", ("http", "https", "unix"), live=True, blocking=False),
    Kind("folder", "sinks.folder", "pictures/", opens=Uri.names_pictures, records=True),
    Kind("video", "sinks.video", "out.mp4", opens=_is_file, records=True),
    Kind("rtsp", "sinks.push", "rtsp://server:8554/pi", ("rtsp", "rtsps"), live=True),
    Kind("rtmp", "sinks.push", "rtmp://server/live/pi", ("rtmp", "rtmps"), live=True),
    Kind("mqtt", "sinks.mqtt", "mqtt://broker#snapshot=5", ("mqtt", "mqtts"), live=True, blocking=False, connects=True),
    Kind("v4l2", "sinks.v4l2_output", "v4l2:/dev/video10", opens=_is_device, live=True),
    Kind("y4m", "sinks.y4m", "y4m:- (standard output)", one_size=True),
    Kind("null", "sinks.null", "null: (counts only)", blocking=False),
)
"""Every kind of sink; a new one is a file and a record here."""


def open_sink(uri: str) -> Sink:
    """Open a place for results.

    Parameters
    ----------
    uri
        A video file, a folder (ends with a slash, or is there), ``http://HOST:PORT``, ``rtsp://`` or ``rtmp://`` of a
        server that others read from, ``mqtt://BROKER``, ``v4l2:/dev/video10`` to be a camera for other programs,
        ``y4m:-`` for standard output, ``null:``.

    Returns
    -------
    A sink that waits for ``begin``.

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


def camera_name(text: str) -> str:
    """Read the name of a camera: one line of any letters; ``ValueError`` says what to give instead."""
    if not text.strip():
        raise ValueError("give a name, such as Garden, or leave it out")
    if len(text) > MAX_NAME:
        raise ValueError(f"a name has at most {MAX_NAME} letters, this one has {len(text)}")
    for letter in text:
        if unicodedata.category(letter) in _NO_LETTERS or letter in _TURNING:
            raise ValueError(f"a name has no control characters, this one has U+{ord(letter):04X}")
    return text


def kind_of(uri: Uri) -> Kind:
    """Find what opens a name; ``UsageError`` where nothing does."""
    return find_kind(uri, KINDS, "sink")
