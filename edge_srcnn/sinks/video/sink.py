"""Video files, whole or in segments; older segments make room for new ones."""

import importlib.util
import os
import re
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edge_srcnn.errors import CannotWrite, OutputExists, Unavailable, UsageError
from edge_srcnn.sinks import Result, Sink, Stream
from edge_srcnn.sinks.rotation import Rotation, numbered
from edge_srcnn.sinks.video.encoder import ENCODERS, options_of
from edge_srcnn.uri import Uri, flag, one_of, read_options, seconds, whole_number

if TYPE_CHECKING:
    from edge_srcnn.sinks.video.file import VideoFile

CURE = "pip install 'edge-srcnn[video]'"
SUFFIXES = (".mp4", ".mkv", ".mov", ".m4v", ".avi")
DEFAULT_CRF = 18

_MEGABYTE = 1_000_000
_TIME_TOLERANCE_S = 1e-6  # sums of rounded times


def options(uri: Uri) -> dict[str, Any]:
    """Read them, without a look at the file that is named.

    codec (h264; h264-hw: the encoder of Raspberry Pi 1 to 4, up to 1920x1080; mjpeg), crf (of h264: 1 good to
    51 small; 18), preset (of h264; veryfast), segment (seconds a file), segment_mb (megabytes a file), keep (files),
    keep_mb (megabytes; the oldest files go, those of earlier runs too), overwrite (no).
    """
    given = read_options(
        uri,
        codec=one_of(*ENCODERS),
        crf=whole_number,
        preset=str,
        segment=seconds,
        segment_mb=whole_number,
        keep=whole_number,
        keep_mb=whole_number,
        overwrite=flag,
    )
    path = Path(uri.target)
    if path.suffix.lower() not in SUFFIXES:
        raise UsageError(f"{uri.text}: a video file ends in one of {', '.join(SUFFIXES)}")
    if given.get("codec") == "h264-hw" and path.suffix.lower() == ".mkv":
        raise UsageError(f"{uri.text}: codec=h264-hw describes its stream too late for .mkv; such as .mp4")
    if {"keep", "keep_mb"} & given.keys() and not {"segment", "segment_mb"} & given.keys():
        raise UsageError(f"{uri.text}: keep=N and keep_mb=MEGABYTES go with segment=SECONDS or segment_mb=MEGABYTES")
    return given


def open(uri: Uri) -> "VideoSink":
    """Get ready to write; the file is made with the first frame. For the options see ``options``.

    Raises
    ------
    Unavailable
        PyAV is not installed.
    OutputExists
        The file is there already.
    """
    given, path = options(uri), Path(uri.target)
    if importlib.util.find_spec("av") is None:
        raise Unavailable(f"{uri.text}: PyAV is needed for video, and not installed: {CURE}")
    segmented = "segment" in given or "segment_mb" in given
    if not segmented and os.path.exists(path) and not given.get("overwrite", False):
        raise OutputExists(f"{path}: exists already; --overwrite or overwrite=yes replaces it")
    return VideoSink(uri.text, path, given)


class VideoSink(Sink):
    """Encodes every frame; one file, or one after another.

    Parameters
    ----------
    given
        As ``options`` reads them.
    """

    def __init__(self, name: str, path: Path, given: dict[str, Any]) -> None:
        self.name, self._path, self._given = name, path, given
        self._segment_s: float | None = given.get("segment")
        self._segment_bytes = given["segment_mb"] * _MEGABYTE if "segment_mb" in given else None
        names = re.compile(rf"{re.escape(path.stem)}-([0-9]{{5,9}}){re.escape(path.suffix)}")
        keep_bytes = given["keep_mb"] * _MEGABYTE if "keep_mb" in given else None
        self._segments = Rotation(path.parent, names, given.get("keep"), keep_bytes)
        self._stream: Stream | None = None
        self._file: VideoFile | None = None
        self._file_began_s = 0.0
        self._number = 0

    def begin(self, stream: Stream) -> None:
        """Keep what the files need to know, and look after what an earlier run had to leave."""
        self._stream = stream
        if stream.stream_copy is None:
            from edge_srcnn.sinks.video.recovery import recover_recordings

            recover_recordings(self._path)
        if self._segmented:
            self._segments.begin()

    def write(self, result: Result) -> None:
        """Encode a frame, in a new file when the present one is long enough, or has pictures of another size."""
        frame = result.frame
        if self._file is not None and self._segmented and not self._file.fits(frame):
            self._finish(self._file)
        if self._file is not None and self._is_full(self._file, frame.time_s):
            self._finish(self._file)
        if self._file is None:
            self._file = self._open()
            self._file_began_s = frame.time_s
        self._file.write(frame)

    def abandon(self) -> None:
        """Give up a video that was to be as long as its source; recordings of a camera are finished by ``close``."""
        if self._file is not None and self._stream is not None and self._stream.stream_copy is not None:
            self._file.discard()
            self._file = None

    def close(self) -> None:
        """Finish the file."""
        if self._file is not None:
            self._finish(self._file)

    @property
    def _segmented(self) -> bool:
        return self._segment_s is not None or self._segment_bytes is not None

    def _is_full(self, file: "VideoFile", time_s: float) -> bool:
        long = self._segment_s is not None and time_s - self._file_began_s >= self._segment_s - _TIME_TOLERANCE_S
        return long or (self._segment_bytes is not None and file.bytes >= self._segment_bytes)

    def _open(self) -> "VideoFile":
        from edge_srcnn.sinks.video.file import VideoFile

        stream = self._stream
        rate: Fraction | None = None if stream is None else stream.rate
        stream_copy = None if stream is None or self._segmented else stream.stream_copy
        path = self._next_segment() if self._segmented else self._path
        # what has a file or an end can be done again
        once = stream is None or (stream.stream_copy is None and stream.frames is None)
        codec, crf = self._given.get("codec", "h264"), self._given.get("crf", DEFAULT_CRF)
        settings = options_of(codec, crf=crf, preset=self._given.get("preset", "veryfast"), at_once=once)
        return VideoFile(path, ENCODERS[codec], settings, rate, stream_copy, durable=stream_copy is None)

    def _finish(self, file: "VideoFile") -> None:
        self._file = None
        try:
            file.finish(overwrite=self._given.get("overwrite", False) and not self._segmented, cut=self._was_stopped())
        except OutputExists:
            raise
        except CannotWrite:
            if self._stream is not None and self._stream.stream_copy is not None:
                file.discard()  # half of a video that was to be whole
            raise
        if self._segmented:
            self._segments.add(file.path)

    def _was_stopped(self) -> bool:
        """Whether more pictures would have come."""
        return self._stream is not None and bool(getattr(self._stream.state(), "stopped", False))

    def _next_segment(self) -> Path:
        """Name the segment after the highest number; recordings of earlier runs stay."""
        names = self._segments.pattern
        there = (names.fullmatch(path.name) for path in numbered(self._segments.folder, names))
        self._number = max(self._number, *(int(match[1]) for match in there if match), 0) + 1
        return self._path.with_name(f"{self._path.stem}-{self._number:05d}{self._path.suffix}")
