"""Record video files, whole or in segments; older segments make room for new ones."""

import logging
import os
import re
from math import inf
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edge_srcnn.errors import CannotWrite, OutputExists, UsageError
from edge_srcnn.sinks import TIME_TOLERANCE_S, Result, Sink, Stream
from edge_srcnn.sinks.recordings import Rotation, numbered, recover_recordings
from edge_srcnn.uri import Uri, flag, megabytes, need_pyav, one_of, read_options, seconds, whole_number

if TYPE_CHECKING:
    from edge_srcnn.sinks.video_file import VideoFile

log = logging.getLogger(__name__)

SUFFIXES = (".mp4", ".mkv", ".mov", ".m4v", ".avi")

_ENCODERS = {"h264": "libx264", "h264-hw": "h264_v4l2m2m", "mjpeg": "mjpeg"}
# x264 then holds back one picture, not the 11 to 61 that it looks ahead by itself; at 1 frame a second that many are
# as many seconds, which a power cut would take. The file becomes larger
_AT_ONCE = {"bf": "0", "rc-lookahead": "0"}


def options(uri: Uri) -> dict[str, Any]:
    """Read the options, without a look at the file that is named.

    codec (h264; h264-hw: the encoder of Raspberry Pi 1 to 4, up to 1920x1080; mjpeg), crf (of h264: 1 good to
    51 small; 18), preset (of h264; veryfast), segment (seconds a file), segment_mb (megabytes a file), keep (files),
    keep_mb (megabytes; the oldest files go, those of earlier runs too), overwrite (no).

    Parameters
    ----------
    uri
        A video file.

    Returns
    -------
    The parameters of ``VideoSink`` that were given.
    """
    given = read_options(
        uri,
        codec=one_of(*_ENCODERS),
        crf=whole_number,
        preset=str,
        segment=seconds,
        segment_mb=megabytes,
        keep=whole_number,
        keep_mb=megabytes,
        overwrite=flag,
    )
    suffix = Path(uri.target).suffix.lower()
    if suffix not in SUFFIXES:
        raise UsageError(f"{uri.text}: a video file ends in one of {', '.join(SUFFIXES)}")
    if given.get("codec") == "h264-hw" and suffix == ".mkv":
        raise UsageError(f"{uri.text}: codec=h264-hw describes its stream too late for .mkv; such as .mp4")
    if {"keep", "keep_mb"} & given.keys() and not {"segment", "segment_mb"} & given.keys():
        raise UsageError(f"{uri.text}: keep=N and keep_mb=MEGABYTES go with segment=SECONDS or segment_mb=MEGABYTES")
    return given


def open(uri: Uri, **given: Any) -> "VideoSink":
    """Get ready to write, making the file with the first frame; ``Unavailable`` without PyAV, ``OutputExists``."""
    need_pyav(uri.text)
    return VideoSink(uri.text, Path(uri.target), **given)


class VideoSink(Sink):
    """Encode every frame, into one file or one after another.

    Parameters
    ----------
    name
        As it was asked for.
    path
        The file; of segments, without their numbers.
    codec
        A key of ``_ENCODERS``.
    crf
        x264's quality, 1 good to 51 small.
    preset
        x264's speed.
    segment
        Seconds after which a new file begins.
    segment_mb
        Bytes after which a new file begins.
    keep
        Segments that stay.
    keep_mb
        Bytes of segments that stay.
    overwrite
        Replace a file that is there; never a segment.
    """

    def __init__(
        self,
        name: str,
        path: Path,
        *,
        codec: str = "h264",
        crf: int = 18,
        preset: str = "veryfast",
        segment: float = inf,
        segment_mb: float = inf,
        keep: float = inf,
        keep_mb: float = inf,
        overwrite: bool = False,
    ) -> None:
        self.name, self._path, self._encoder = name, path, _ENCODERS[codec]
        self._settings = {"crf": str(crf), "preset": preset} if codec == "h264" else {}
        self._segment_s, self._segment_bytes = segment, segment_mb
        self._segmented = min(segment, segment_mb) < inf
        self._overwrite = overwrite and not self._segmented
        if not self._segmented and os.path.exists(path) and not overwrite:
            raise OutputExists(f"{path}: exists already; --overwrite or overwrite=yes replaces it")
        names = re.compile(rf"{re.escape(path.stem)}-([0-9]{{5,9}}){re.escape(path.suffix)}")
        self._segments = Rotation(path.parent, names, keep, keep_mb)
        self._stream = Stream(None, None, None, lambda: None)
        self._file: VideoFile | None = None
        self._file_began_s = 0.0
        self._number, self._part = 0, 1

    def begin(self, stream: Stream) -> None:
        """Keep what the files need to know, and look after what an earlier run had to leave."""
        self._stream = stream
        if stream.stream_copy is None:
            recover_recordings(self._path)
        if self._segmented:
            self._segments.begin()

    def write(self, result: Result) -> None:
        """Encode a frame, in a new file when the present one is long enough, or has pictures of another size."""
        frame = result.frame
        file = self._file
        if file is not None and not file.fits(frame):
            self._finish(cut=True)
            if not self._segmented:
                self._part += 1
                path = self._path.with_name(f"{self._path.stem}-{self._part}{self._path.suffix}")
                log.warning("%s: the size of its pictures changes; they go on in %s", self.name, path)
                if os.path.exists(path) and not self._overwrite:
                    raise OutputExists(f"{path}: exists already; --overwrite or overwrite=yes replaces it")
                self._file = self._open(path, frame.time_s)
                self._file_began_s = frame.time_s
        elif file is not None and self._segmented and self._is_full(file, frame.time_s):
            self.close()
        if self._file is None:
            self._file = self._open(self._next_segment() if self._segmented else self._path)
            self._file_began_s = frame.time_s
        self._file.write(frame)

    def abandon(self) -> None:
        """Give up a video that was to be as long as its source; recordings of a camera are finished by ``close``."""
        if self._file is not None and self._stream.stream_copy is not None:
            self._file.discard()
            self._file = None

    def close(self) -> None:
        """Finish the file."""
        if self._file is not None:
            self._finish(cut=bool(getattr(self._stream.state(), "stopped", False)))  # more pictures would have come

    def _finish(self, *, cut: bool) -> None:
        file, self._file = self._file, None
        if file is None:
            return
        try:
            file.finish(overwrite=self._overwrite, cut=cut)
        except CannotWrite as error:
            if self._stream.stream_copy is not None and not isinstance(error, OutputExists):
                file.discard()  # half of a video that was to be whole
            raise
        if self._segmented:
            self._segments.add(file.path)

    def _is_full(self, file: "VideoFile", time_s: float) -> bool:
        is_long = time_s - self._file_began_s >= self._segment_s - TIME_TOLERANCE_S
        return is_long or file.bytes >= self._segment_bytes

    def _open(self, path: Path, from_s: float = 0.0) -> "VideoFile":
        from edge_srcnn.sinks.video_file import VideoFile

        rate, frames, copied = self._stream.rate, self._stream.frames, self._stream.stream_copy
        stream_copy = None if self._segmented else copied
        settings = self._settings
        if settings and copied is None and frames is None:  # what has a file or an end can be done again
            settings = settings | _AT_ONCE
        return VideoFile(
            path,
            self._encoder,
            settings,
            rate,
            stream_copy,
            durable=stream_copy is None,
            from_s=from_s,
            title=self._stream.name,
        )

    def _next_segment(self) -> Path:
        """Name the segment after the highest number; recordings of earlier runs stay."""
        names = self._segments.pattern
        there = (names.fullmatch(path.name) for path in numbered(self._segments.folder, names))
        self._number = max(self._number, *(int(match[1]) for match in there if match), 0) + 1
        return self._path.with_name(f"{self._path.stem}-{self._number:05d}{self._path.suffix}")
