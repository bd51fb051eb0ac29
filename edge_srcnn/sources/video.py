"""Read video files, and Y4M from standard input or a FIFO, by PyAV."""

import logging
import os
import threading
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from fractions import Fraction
from time import monotonic
from typing import Any

from edge_srcnn.errors import BadData, EdgeSrcnnError, NoInput, SourceLost, reason
from edge_srcnn.imaging.frame import Frame
from edge_srcnn.sources import MAX_PIXELS, Source
from edge_srcnn.sources.deinterlacer import Deinterlacer
from edge_srcnn.sources.whole_video import check_structure, tell_missing, what_is_missing
from edge_srcnn.system.packages import need_pyav
from edge_srcnn.system.pipes import Pipe, is_fifo
from edge_srcnn.uri import WITHIN, Uri, pixel_count, read_options, seconds

log = logging.getLogger(__name__)

_MOST_OF_IT = 0.9


def no_file(path: str | os.PathLike[str]) -> NoInput:
    """Make the error that says why there is no file to be read."""
    try:
        os.stat(path)
    except FileNotFoundError:
        return NoInput(f"{path}: there is no such file")
    except OSError as error:
        return NoInput(f"{path}: cannot be read ({reason(error)})")
    return NoInput(f"{path}: is no file")


def options(uri: Uri) -> dict[str, Any]:
    """Read what Y4M may be told: timeout in seconds (5), and max_pixels of a picture (24M)."""
    return read_options(uri, timeout=seconds, max_pixels=pixel_count)


def open(uri: Uri, *, timeout: float = 5.0, max_pixels: int = MAX_PIXELS) -> "Video":
    """Open a file, a pipe or standard input.

    Parameters
    ----------
    uri
        A file, or ``y4m:``.
    timeout
        Seconds without a frame after which a pipe is lost.
    max_pixels
        The most that a picture from a pipe may have.

    Returns
    -------
    The video, of which no frame is decoded yet.

    Raises
    ------
    Unavailable
        PyAV is not installed.
    NoInput, BadData
        The file is missing, or holds no video that can be decoded.
    """
    if uri.scheme == "y4m" or is_fifo(uri.target):
        from edge_srcnn.sources.piped_video import PipedVideo

        return PipedVideo(uri.text, Pipe(uri.target, timeout), timeout, max_pixels)
    if not os.path.isfile(uri.target):
        raise no_file(uri.target)
    return Video(uri.target)


class Video(Source):
    """Decode one video stream: here of a file, all of it, with the times that it has.

    Parameters
    ----------
    name
        A file; of another stream, what messages call it.
    deep
        Frames of more than 8 bits keep 10.
    whole
        Refuse a file at once that is cut off, by its structure.
    partial
        Of a file that is cut off or damaged, give what there is, and end without an error.

    Attributes
    ----------
    stream_copy
        The file, whose sound and subtitles belong to the frames; None for a stream.
    """

    def __init__(self, name: str, *, deep: bool = False, whole: bool = False, partial: bool = False) -> None:
        self._deep, self._whole, self._partial = deep, whole, partial
        self._name, self._closed = name, threading.Event()
        need_pyav(name)
        from edge_srcnn.imaging.containers import video_stream

        opened = self._open()
        stream = video_stream(opened)
        if stream is None:
            covers, sounds = len(opened.streams.video), len(opened.streams.audio)
            opened.close()
            found = f"; it holds {'sound and ' if sounds else ''}a cover picture" if covers else ""
            raise BadData(f"{name}: holds no video{found}")
        self._take(opened, stream)
        self._codec = "" if stream.codec_context is None else str(stream.codec_context.name)
        self._deinterlacer: Deinterlacer | None = None
        self._repeats = self._index = 0
        self._siting: tuple[float, float] | None = None
        self.live = False
        self.rate: Fraction | None = self._stream.average_rate or self._stream.guessed_rate or None
        self.frames: int | None = self._stream.frames or None
        self._pictures = self._decode_all()
        self._set_up()
        self._tell_transparency()

    def _take(self, container: Any, stream: Any) -> None:
        """Decode this stream of this container, in as many threads as suit it."""
        self._container, self._stream = container, stream
        self._stream.thread_type = "AUTO"

    def _open(self) -> Any:
        """Open the container."""
        from edge_srcnn.imaging.containers import open_file

        with mapped(self._name, under_way=False):
            if self._whole:
                check_structure(self._name)
            return open_file(self._name)

    def _set_up(self) -> None:
        """Take note of what is known of the stream, before the first frame."""
        from edge_srcnn.imaging.chroma_siting import tagged_siting

        self._siting = tagged_siting(self._name)
        self.stream_copy = self._name

    def _tell_transparency(self) -> None:
        """Warn of what no result shows."""
        pixels = str(getattr(self._stream.codec_context, "pix_fmt", ""))
        if self._stream.metadata.get("alpha_mode") == "1" or pixels.startswith(
            ("yuva", "rgba", "bgra", "argb", "abgr", "gbrap")
        ):
            log.warning("%s: its transparency is left out", self._name)

    def read(self) -> Frame | None:
        """Decode the next frame; a live stream that ends is lost."""
        try:
            return next(self._pictures, None)
        except EdgeSrcnnError:
            if self._closed.is_set():
                return None
            raise

    def wake(self) -> None:
        """End soon."""
        self._closed.set()

    def close(self) -> None:
        """Close the file or connection."""
        self.wake()
        self._pictures.close()
        self._container.close()

    def _decode_all(self) -> Generator[Frame, None, None]:
        with mapped(self._name, under_way=True):
            for decoded in self._decoded():
                if self._closed.is_set():
                    return
                yield self._frame(decoded, self._time_s(decoded))
                self._index += 1
        if not self._closed.is_set():
            self._end()

    def _time_s(self, decoded: Any) -> float:
        """Tell when a picture is to be shown, in seconds from the first."""
        time_s = _time_of(decoded, self._index, self.rate)
        if not self._index:
            self._first_s = time_s
        self._last_s = time_s
        return time_s - self._first_s

    def _end(self) -> None:
        """Look, after the last picture, whether all of the file was there."""
        if not self._index or self.stream_copy is None:
            return
        count = self._index + self._repeats
        missing = what_is_missing(self._container, self._stream, count, self._last_s, self.rate)
        tell_missing(self._name, missing, partial=self._partial)

    def _decoded(self) -> Iterator[Any]:
        """Decode pictures, without fields."""
        import av

        for packet in self._stream_packets():
            if not packet.size and packet.pts is not None:  # the picture before stays: Theora, AVI
                self._repeats += 1
                continue
            try:
                pictures = packet.decode()
            except av.error.InvalidDataError as error:
                if not self._partial:
                    raise
                log.warning("%s: a damaged part is left out (%s)", self._name, reason(error))
                pictures = []
            for picture in pictures:
                yield from self._progressive(picture)
        if self._deinterlacer is not None:
            yield from self._deinterlacer.end()

    def _stream_packets(self) -> Iterator[Any]:
        """Read what is to be decoded."""
        packets: Iterator[Any] = self._container.demux(self._stream)
        return packets

    def _progressive(self, picture: Any) -> Iterator[Any]:
        if self._deinterlacer is None:
            if self.live or not picture.interlaced_frame:
                yield picture
                return
            log.warning("%s: its pictures are fields of two times, and are deinterlaced (bwdif)", self._name)
            self._deinterlacer = Deinterlacer()
        yield from self._deinterlacer.push(picture)

    def _frame(self, decoded: Any, time_s: float) -> Frame:
        from edge_srcnn.imaging.containers import orientation_of
        from edge_srcnn.imaging.geometry import oriented
        from edge_srcnn.imaging.pyav import colour_of, planes_of, siting_of

        now = monotonic()
        luma, chroma = planes_of(decoded, deep=self._deep)
        siting = siting_of(decoded, self._codec, self._siting)
        frame = Frame(luma, chroma, colour_of(decoded), self._index, time_s, now, siting)
        return oriented(frame, orientation_of(decoded))


def _time_of(decoded: Any, index: int, rate: Fraction | None) -> float:
    if decoded.time is not None:
        return float(decoded.time)
    return float(index / rate) if rate else float(index)


@contextmanager
def mapped(name: str, *, under_way: bool, timeout_s: float | None = None) -> Iterator[None]:
    """Turn foreign exceptions into ours; ``under_way``: the stream was opened already."""
    import av

    from edge_srcnn.imaging.pyav import AV_ERRORS

    began = monotonic()
    try:
        yield
    except EdgeSrcnnError:
        raise
    except AV_ERRORS as error:
        why = reason(error)
        if isinstance(error, FileNotFoundError):
            raise NoInput(f"{name}: there is no such file") from error
        waited = timeout_s is not None and monotonic() - began > timeout_s * _MOST_OF_IT  # RTSP calls it bad data
        if isinstance(error, (av.error.ExitError, TimeoutError)) or waited:
            what = "no frame came" if under_way else "does not answer"
            raise SourceLost(f"{name}: {what} {WITHIN}") from error
        if isinstance(error, (PermissionError, IsADirectoryError)):
            raise NoInput(f"{name}: cannot be read ({why})") from error
        if isinstance(error, av.error.DecoderNotFoundError) or (isinstance(error, ValueError) and not under_way):
            raise BadData(f"{name}: is no video that can be decoded ({why})") from error
        what = "broke off" if under_way else "cannot be opened"
        raise SourceLost(f"{name}: {what} ({why})") from error
