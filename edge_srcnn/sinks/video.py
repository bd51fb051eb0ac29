"""Record video files, whole or in segments; older segments make room for new ones."""

import logging
import os
from math import inf
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edge_srcnn.errors import CannotWrite, OutputExists, UsageError
from edge_srcnn.sinks import TIME_TOLERANCE_S, Result, Sink, Stream
from edge_srcnn.sinks.recording_names import Names, Numbers, Times, check_folder, is_timed, without_codes
from edge_srcnn.sinks.recordings import Rotation
from edge_srcnn.sinks.recovery import is_begun, recover_recordings
from edge_srcnn.system.mounts import RequiredMount, required_mount
from edge_srcnn.system.packages import need_pyav
from edge_srcnn.uri import Uri, flag, megabytes, one_of, read_options, seconds, whole_number

if TYPE_CHECKING:
    from edge_srcnn.sinks.video_file import VideoFile

log = logging.getLogger(__name__)

SUFFIXES = (".mp4", ".mkv", ".mov", ".m4v", ".avi")

_SEGMENTS = frozenset({"segment", "segment_mb"})
_FAST = ("ultrafast", "superfast", "veryfast", "faster", "fast")
_PRESETS = (*_FAST, "medium", "slow", "slower", "veryslow", "placebo")
"""Of x264, the fastest first."""

_WORST_CRF = 51
_ENCODERS = {"h264": "libx264", "h264-hw": "h264_v4l2m2m", "mjpeg": "mjpeg"}
# x264 then holds back one picture, not the 11 to 61 that it looks ahead by itself; at 1 frame a second that many are
# as many seconds, which a power cut would take. The file becomes larger
_AT_ONCE = {"bf": "0", "rc-lookahead": "0"}


def options(uri: Uri) -> dict[str, Any]:
    """Read the options, without a look at the file that is named.

    codec (h264; h264-hw: the encoder of Raspberry Pi 1 to 4, up to 1920x1080; mjpeg), crf (of h264: 1 good to
    51 small; 18), preset (of h264; veryfast), segment (seconds a file), segment_mb (megabytes a file), keep (files),
    keep_mb (megabytes; the oldest files go, those of earlier runs too), overwrite (no), require_mount (no; yes: a disk
    must be mounted at the folder or above it; or where), utc (no: names tell the local time).

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
        crf=_quality,
        preset=one_of(*_PRESETS),
        segment=seconds,
        segment_mb=megabytes,
        keep=whole_number,
        keep_mb=megabytes,
        overwrite=flag,
        require_mount=required_mount,
        utc=flag,
    )
    suffix = Path(uri.target).suffix.lower()
    if suffix not in SUFFIXES:
        raise UsageError(f"{uri.text}: a video file ends in one of {', '.join(SUFFIXES)}")
    if given.get("codec") == "h264-hw" and suffix == ".mkv":
        raise UsageError(f"{uri.text}: codec=h264-hw describes its stream too late for .mkv; such as .mp4")
    if {"keep", "keep_mb"} & given.keys() and not _SEGMENTS & given.keys():
        raise UsageError(f"{uri.text}: keep=N and keep_mb=MEGABYTES go with segment=SECONDS or segment_mb=MEGABYTES")
    try:
        given["names"] = _names(Path(uri.target), given.pop("utc", None), segmented=bool(_SEGMENTS & given.keys()))
    except ValueError as error:
        raise UsageError(f"{uri.text}: {error}") from error
    return given


def _quality(text: str) -> int:
    """Read x264's quality."""
    value = whole_number(text)
    if value > _WORST_CRF:
        raise ValueError(f"give a whole number from 1 (good) to {_WORST_CRF} (small)")
    return value


def _names(path: Path, utc: bool | None, *, segmented: bool) -> Names | None:
    """Name recordings by what the name of the file says; None: it is one file of that name."""
    check_folder(str(path.parent))
    if is_timed(path.stem):
        return Times(path.stem, path.suffix, bool(utc))
    if utc is not None:
        raise ValueError("utc=yes goes with a time in the name, such as day-%Y%m%d-%H%M%S.mp4")
    stem = without_codes(path.stem)
    return Numbers(f"{stem}-", path.suffix) if segmented else None


def open(uri: Uri, **given: Any) -> "VideoSink":
    """Get ready to write, making the file with the first frame; ``Unavailable`` without PyAV, ``OutputExists``."""
    need_pyav(uri.text)
    path = Path(uri.target)
    if not is_timed(path.stem):
        path = path.with_name(without_codes(path.name))
    return VideoSink(uri.text, path, **given)


class VideoSink(Sink):
    """Encode every frame, into one file or a series of files.

    Parameters
    ----------
    name
        As it was asked for.
    path
        The file; of a series, without number or time.
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
        Replace a file that is there; never one of a series.
    names
        Of a series; None: it is one file.
    require_mount
        As ``RequiredMount`` has it.
    settings
        Of x264, in place of ``crf`` and ``preset``.
    """

    records = True

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
        names: Names | None = None,
        require_mount: bool | str = False,
        settings: dict[str, str] | None = None,
    ) -> None:
        self.name, self._path, self._encoder = name, path, _ENCODERS[codec]
        self._settings = settings or ({"crf": str(crf), "preset": preset} if codec == "h264" else {})
        self._segment_s, self._segment_bytes = segment, segment_mb
        self._overwrite = overwrite and names is None
        self._mount = RequiredMount(path.parent, require_mount)
        self._mount.check()
        if names is None:
            _check_free(path, overwrite=overwrite)
        self._series = None if names is None else Rotation(path.parent, names, keep, keep_mb)
        self._stream = Stream(None, None, None, lambda: None)
        self._file: VideoFile | None = None
        self._file_began_s = 0.0
        self._part = 1

    def begin(self, stream: Stream) -> None:
        """Keep what the files need to know, and look after what an earlier run had to leave."""
        self._stream = stream
        self._mount.check()
        if stream.stream_copy is None:
            recover_recordings(self._path, None if self._series is None else self._series.names)
        if self._series is not None:
            self._series.begin()

    def write(self, result: Result) -> None:
        """Encode a frame, in a new file when the present one is long enough, or has pictures of another size."""
        frame = result.frame
        self._mount.check_often()
        file, from_s = self._file, 0.0
        if file is not None and not file.fits(frame):
            self.finish_file()
            from_s = frame.time_s
        elif file is not None and self._series is not None and self._is_full(file, frame.time_s):
            self.close()
        if self._file is None:
            self._file = self._open(from_s)
            self._file_began_s = frame.time_s
        self._file.write(frame)

    def finish_file(self) -> None:
        """Finish the file; what comes is recorded in another one."""
        if self._file is not None:
            self._finish(cut=True)
            if self._series is None:
                self._part += 1

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
            others = () if self._series is None else self._series.candidates()
            file.finish(overwrite=self._overwrite, cut=cut, others=others)
        except CannotWrite as error:
            if self._stream.stream_copy is not None and not isinstance(error, OutputExists):
                file.discard()  # half of a video that was to be whole
            raise
        if self._series is not None:
            self._series.add(file.path)

    def _is_full(self, file: "VideoFile", time_s: float) -> bool:
        is_long = time_s - self._file_began_s >= self._segment_s - TIME_TOLERANCE_S
        return is_long or file.bytes >= self._segment_bytes

    def _open(self, from_s: float) -> "VideoFile":
        from edge_srcnn.sinks.video_file import VideoFile

        rate, frames, copied = self._stream.rate, self._stream.frames, self._stream.stream_copy
        stream_copy = copied if min(self._segment_s, self._segment_bytes) == inf else None
        settings = self._settings
        if settings and copied is None and frames is None:  # what has a file or an end can be done again
            settings = settings | _AT_ONCE
        return VideoFile(
            self._next_path(),
            self._encoder,
            settings,
            rate,
            stream_copy,
            durable=stream_copy is None,
            from_s=from_s,
            title=self._stream.present_name,
        )

    def _next_path(self) -> Path:
        """Name the next file; recordings of earlier runs stay, and those that others write."""
        if self._series is not None:
            self._mount.check()
            self._series.begin()
            return next(path for path in self._series.candidates() if not is_begun(path))
        if self._part == 1:
            return self._path
        path = self._path.with_name(f"{self._path.stem}-{self._part}{self._path.suffix}")
        log.warning("%s: the recording goes on in %s", self.name, path)
        _check_free(path, overwrite=self._overwrite)
        return path


def _check_free(path: Path, *, overwrite: bool) -> None:
    """Refuse to record for hours what cannot get its name then."""
    if os.path.isdir(path) and not os.path.islink(path):
        raise CannotWrite(f"{path}: is a folder; name a file")
    if os.path.lexists(path) and not overwrite:
        raise OutputExists(f"{path}: exists already; --overwrite or overwrite=yes replaces it")
