"""Read video files, network cameras (RTSP, HTTP MJPEG) and Y4M from standard input or a FIFO, by PyAV."""

import logging
import math
import os
import threading
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from fractions import Fraction
from time import monotonic
from typing import Any

from edge_srcnn.errors import BadData, EdgeSrcnnError, NoInput, SourceLost, reason
from edge_srcnn.imaging.frame import Frame
from edge_srcnn.masking import without_secrets
from edge_srcnn.sources import Source
from edge_srcnn.sources.deinterlacer import Deinterlacer
from edge_srcnn.sources.whole_video import check_structure, what_is_missing
from edge_srcnn.system.pipes import Pipe, is_fifo
from edge_srcnn.uri import Uri, need_pyav, one_of, read_options, seconds

log = logging.getLogger(__name__)

WITHIN = "within the time limit, which timeout=SECONDS changes"

_MOST_OF_IT = 0.9
_Y4M = "yuv4mpegpipe"
_TIMELESS = frozenset({"mpjpeg", "mjpeg"})
"""Formats without times: FFmpeg counts their frames as if there were 25 a second."""


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
    """Read timeout in seconds (network and Y4M: 5), and transport (RTSP: tcp or udp)."""
    return read_options(uri, timeout=seconds, transport=one_of("tcp", "udp"))


def open(uri: Uri, *, timeout: float = 5.0, transport: str = "tcp") -> "Video":
    """Connect, or open the file.

    Parameters
    ----------
    uri
        A file, an address, or ``y4m:``.
    timeout
        Seconds without a frame after which a stream is lost.
    transport
        Of RTSP: tcp or udp.

    Returns
    -------
    The video, of which no frame is decoded yet.

    Raises
    ------
    Unavailable
        PyAV is not installed, or the network does not answer.
    NoInput, BadData
        The file is missing, or holds no video that can be decoded.
    """
    if uri.scheme == "y4m" or is_fifo(uri.target):
        return Video(uri.text, timeout, pipe=Pipe(uri.target, timeout))
    if uri.is_network:
        return Video(uri.target, timeout, {"rtsp_transport": transport} if uri.scheme.startswith("rtsp") else {})
    if not os.path.isfile(uri.target):
        raise no_file(uri.target)
    return Video(uri.target)


class Video(Source):
    """Decode one video stream.

    Parameters
    ----------
    name
        A file or an address; of a pipe, what messages call it.
    timeout_s
        Seconds without a frame after which a stream is lost; None: a file, which is waited for.
    transport
        FFmpeg's options of the connection.
    pipe
        What is read instead, as Y4M.
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

    def __init__(
        self,
        name: str,
        timeout_s: float | None = None,
        transport: dict[str, str] | None = None,
        *,
        pipe: Pipe | None = None,
        deep: bool = False,
        whole: bool = False,
        partial: bool = False,
    ) -> None:
        self._deep, self._partial = deep, partial
        self._name, self._timeout_s, self._pipe, self._closed = (
            without_secrets(name),
            timeout_s,
            pipe,
            threading.Event(),
        )
        format = None if pipe is None else _Y4M
        try:
            need_pyav(name)
            import av

            from edge_srcnn.imaging.containers import open_file, video_stream
            from edge_srcnn.imaging.pyav import tagged_siting

            with _mapped(name, under_way=False, timeout_s=timeout_s):
                if whole:
                    check_structure(name)
                if timeout_s is None:
                    opened: Any = open_file(name)
                else:
                    opened = av.open(pipe or name, format=format, options=transport or {}, timeout=timeout_s)
            stream = video_stream(opened)
            if stream is None:
                covers, sounds = len(opened.streams.video), len(opened.streams.audio)
                opened.close()
                found = f"; it holds {'sound and ' if sounds else ''}a cover picture" if covers else ""
                raise BadData(f"{name}: holds no video{found}")
        except EdgeSrcnnError:
            if pipe is not None:
                pipe.close()
            raise
        self._container, self._stream = opened, stream
        self._codec = "" if stream.codec_context is None else str(stream.codec_context.name)
        self._deinterlacer: Deinterlacer | None = None
        self._repeats = 0
        self._siting = None if timeout_s is not None else tagged_siting(name)
        self.live = timeout_s is not None and pipe is None and opened.duration is None
        # threads that each decode a frame of their own hold back as many frames
        self._stream.thread_type = "SLICE" if self.live else "AUTO"
        self._timeless = self.live and opened.format.name in _TIMELESS
        told = self._stream.average_rate or self._stream.guessed_rate or None
        self.rate: Fraction | None = None if self._timeless else told
        self.frames: int | None = self._stream.frames or None
        # packets that hold no picture may take one limit, and the wait for the next packet another
        self.timeout_s = 2 * timeout_s if timeout_s is not None and self.live else None
        self.stream_copy = name if timeout_s is None else None
        self._pictures = self._decode_all()
        pixels = str(getattr(stream.codec_context, "pix_fmt", ""))
        if stream.metadata.get("alpha_mode") == "1" or pixels.startswith(
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
        """End a wait for a pipe; one for the network lasts until its time limit."""
        self._closed.set()
        if self._pipe is not None:
            self._pipe.wake()

    def close(self) -> None:
        """Close the file or connection."""
        self.wake()
        self._pictures.close()
        self._container.close()
        if self._pipe is not None:
            self._pipe.close()

    def _decode_all(self) -> Generator[Frame, None, None]:
        first: float | None = None
        index = 0
        with _mapped(self._name, under_way=True):
            for decoded in self._decoded():
                if self._closed.is_set():
                    return
                if first is None and self.live and decoded.time is None:
                    continue  # RTSP tells the time after a while only
                time_s = monotonic() if self._timeless else _time_of(decoded, index, self.rate)
                first = time_s if first is None else first
                yield self._frame(decoded, index, time_s - first)
                index += 1
        if first is not None and self.stream_copy is not None and not self._closed.is_set():
            missing = what_is_missing(self._container, self._stream, index + self._repeats, time_s, self.rate)
            if missing and not self._partial:
                raise BadData(f"{self._name}: {missing}")
            if missing:
                log.warning("%s: %s", self._name, missing)
        if self.live and not self._closed.is_set():
            raise SourceLost(f"{self._name}: the stream ended after {index} frames")

    def _decoded(self) -> Iterator[Any]:
        """Decode pictures, without fields; what a live stream lost a part of on its way is left out."""
        import av

        limit_s = self._timeout_s if self.live and self._timeout_s is not None else math.inf
        came = asked = monotonic()
        for packet in self._container.demux(self._stream):
            waited_s = monotonic() - asked
            if not packet.size and packet.pts is not None:  # the picture before stays: Theora, AVI
                self._repeats += 1
                continue
            try:
                pictures = packet.decode()
            except av.error.InvalidDataError as error:
                if not (self.live or self._partial):
                    raise
                if self._partial:
                    log.warning("%s: a damaged part is left out (%s)", self._name, reason(error))
                pictures = []
            for picture in pictures:
                yield from self._progressive(picture)
            asked = monotonic()
            if pictures and waited_s < limit_s:  # else FFmpeg ended its wait, and gave what it held back
                came = asked
            elif asked - came > limit_s:
                raise SourceLost(f"{self._name}: no frame came {WITHIN}")
        if self._deinterlacer is not None:
            yield from self._deinterlacer.end()

    def _progressive(self, picture: Any) -> Iterator[Any]:
        if self._deinterlacer is None:
            if self.live or not picture.interlaced_frame:
                yield picture
                return
            log.warning("%s: its pictures are fields of two times, and are deinterlaced (bwdif)", self._name)
            self._deinterlacer = Deinterlacer()
        yield from self._deinterlacer.push(picture)

    def _frame(self, decoded: Any, index: int, time_s: float) -> Frame:
        from edge_srcnn.imaging.containers import orientation_of
        from edge_srcnn.imaging.geometry import oriented
        from edge_srcnn.imaging.pyav import colour_of, planes_of, siting_of

        now = monotonic()
        luma, chroma = planes_of(decoded, deep=self._deep)
        siting = siting_of(decoded, self._codec, self._siting)
        frame = Frame(luma, chroma, colour_of(decoded), index, time_s, now, siting)
        return oriented(frame, orientation_of(decoded))


def _time_of(decoded: Any, index: int, rate: Fraction | None) -> float:
    if decoded.time is not None:
        return float(decoded.time)
    return float(index / rate) if rate else float(index)


@contextmanager
def _mapped(name: str, *, under_way: bool, timeout_s: float | None = None) -> Iterator[None]:
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
