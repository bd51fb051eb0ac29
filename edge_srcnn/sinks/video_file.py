"""Make one video file: encode frames, and copy the source's sound and subtitles as they are."""

import os
from collections.abc import Iterable
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
from av.video.frame import PictureType

from edge_srcnn.errors import CannotWrite, OutputExists
from edge_srcnn.imaging.colour import jfif_planes
from edge_srcnn.imaging.containers import open_file
from edge_srcnn.imaging.frame import BT601, Colour, Frame
from edge_srcnn.imaging.pyav import AV_ERRORS, av_frame, hdr_parameters, set_tags, siting_option, writing
from edge_srcnn.sinks import TIME_BASE, UNKNOWN_RATE
from edge_srcnn.sinks.key_frames import KEY_FRAME_S, KeyFrames
from edge_srcnn.sinks.recovery import can_be_played, create_hidden
from edge_srcnn.sinks.stream_copy import StreamCopy
from edge_srcnn.system.files import give_name

_MP4 = frozenset({".mp4", ".mov", ".m4v"})
_AVI = ".avi"
_FAST_START = {"movflags": "faststart"}
# Matroska numbers files and tracks at random by itself
_SAME_AGAIN = dict.fromkeys(_MP4, _FAST_START) | {".mkv": {"fflags": "+bitexact"}}
# what was written until a power cut can be played, if packets go to the disk at once
_AT_ONCE = {"flush_packets": "1"}
# an encoder in hardware tells with its first packet only what the head of the file must say
_FRAGMENTED = {"movflags": "frag_keyframe+delay_moov+default_base_moof"}
# by itself a cluster of less than 4 KiB goes on for 5 s, key frames or not
_SHORT_CLUSTERS = {"cluster_time_limit": "1000"}
_DURABLE = dict.fromkeys(_MP4, _FRAGMENTED) | {".mkv": _SHORT_CLUSTERS}

_TIMES_AS_THEY_ARE = {"avoid_negative_ts": "disabled"}

_MOST_DELAY_S = 86_400
"""No encoder holds a picture back for so long."""

_MJPEG, _HARDWARE, _DEEP_ENCODER = "mjpeg", "h264_v4l2m2m", "libx265"
_BITS_A_PIXEL = Fraction(1, 10)
_LEAST_BITS = 1_000_000
_LONGEST_GOP_S = 10


FILE_SETTINGS = {"crf": "18", "preset": "medium", "threads": "6", "x264-params": "cpu-independent=1"}
"""Of x264, for the results of files. The number of threads is a part of the result: by itself x264 takes one and a half
a processor, so that another machine would write other bytes; 6 are those of four processors."""

_X265 = ("log-level=error", "info=0", "frame-threads=2")  # those of four processors, which its title would tell


@dataclass(frozen=True)
class Place:
    """Say where a part belongs in a longer video, which is joined of such parts.

    Attributes
    ----------
    start_s
        When the first frame of the whole is to be shown, by the whole's clock.
    aspect
        Shape of a pixel; None: not said.
    colour
        Of the first frame of the whole.
    """

    start_s: float
    aspect: Fraction | None
    colour: Colour


class VideoFile:
    """Write a file under a hidden name, and give it its own when it is finished.

    Parameters
    ----------
    path
        What it is to be called in the end.
    encoder
        FFmpeg's encoder.
    options
        Of the encoder.
    rate
        Frames a second, if it is known.
    stream_copy
        A file whose sound and subtitles are copied.
    durable
        True: what was written until a power cut can be played, under the hidden name. False: smaller, starts faster.
    from_s
        Seconds of that file's pictures that another file has already.
    title
        Of the file, which players show; None: that of the file that is copied, if it has one.
    place
        Of a part of a longer video, in which frames keep their times; None: it is a whole.
    """

    def __init__(
        self,
        path: Path,
        encoder: str,
        options: dict[str, str],
        rate: Fraction | None,
        stream_copy: str | None,
        *,
        durable: bool,
        from_s: float = 0.0,
        title: str | None = None,
        place: Place | None = None,
    ) -> None:
        self.path = path
        self._title, self._place = title, place
        self._encoder, self._options, self._rate = encoder, options, rate or UNKNOWN_RATE
        suffix = path.suffix.lower()
        self._time_base = 1 / self._rate if suffix == _AVI else TIME_BASE  # AVI has no times, only a rate
        layout = _DURABLE.get(suffix, {}) | _AT_ONCE if durable else _SAME_AGAIN.get(suffix, {})
        if place is not None:
            layout = _TIMES_AS_THEY_ARE
        with self._writing():
            path.parent.mkdir(parents=True, exist_ok=True)
            self.partial, self._file = create_hidden(path)
            try:
                self._stream_copy = None if stream_copy is None else StreamCopy(stream_copy, from_s)
                self._container: Any = open_file(self.partial, "w", layout)
            except BaseException:
                self._file.close()
                self.partial.unlink()
                raise
        self._stream: Any = None
        self._size: tuple[int, int] | None = None
        self._keys = KeyFrames(self._time_base) if durable else None
        self._subsampling = (2, 2)
        self._first_s = 0.0
        self._last = -1

    def write(self, frame: Frame) -> None:
        """Encode a frame."""
        if self._encoder == _MJPEG:
            luma, chroma = jfif_planes(frame)
            frame = replace(frame, luma=luma, chroma=chroma, colour=Colour(full_range=True, matrix=BT601))
        with self._writing():
            if self._stream is None and frame.chroma is not None:
                self._subsampling = frame.subsampling
            picture = av_frame(frame, self._subsampling)
            if self._stream is None:
                self._begin(frame, picture)
            if (picture.width, picture.height) != (self._stream.width, self._stream.height):
                raise CannotWrite(f"{self.path}: the picture's size changed, which a video file cannot say")
            picture.time_base = self._time_base
            picture.pts = max(round((frame.time_s - self._first_s + self._start_s) / self._time_base), self._last + 1)
            picture.duration = round(1 / self._rate / self._time_base)
            self._last = picture.pts
            if self._keys is not None and self._keys.is_due(picture.pts):
                picture.pict_type = PictureType.I
            self._mux(self._stream.encode(picture))

    def fits(self, frame: Frame) -> bool:
        """Tell whether a frame is as large as those before it, which it must be."""
        return self._size in (None, frame.size)

    def finish(self, *, overwrite: bool, cut: bool = False, others: Iterable[Path] = ()) -> None:
        """Write what the encoder holds back and the rest of the sound, and give the file its name.

        Parameters
        ----------
        overwrite
            Replace a file of that name.
        cut
            The pictures were stopped before their end, and the sound ends with the last of them.
        others
            Names that will do as well where its own is taken.

        Raises
        ------
        OutputExists
            A file of that name came up meanwhile; the video keeps its hidden one.
        CannotWrite
            The disk refuses.
        """
        if self._stream is None:
            self.discard()
            return
        with self._file, self._writing():
            try:
                self._end_encoding()
                if self._stream_copy is not None:
                    end_s = float(self._last * self._time_base + 1 / self._rate)
                    self._stream_copy.mux_until(end_s if cut else None)
                    self._stream_copy.close()
                self._container.close()
            except BaseException:
                self._let_go()
                raise
            os.fsync(self._file.fileno())
            for path in chain([self.path], others):
                with suppress(OutputExists):
                    give_name(self.partial, path, overwrite=overwrite)
                    self.path = path
                    return
            raise OutputExists(f"{self.path}: came up meanwhile; the video is in {self.partial}")

    def discard(self) -> None:
        """Stop, and leave nothing behind."""
        with suppress(*AV_ERRORS):
            if self._stream_copy is not None:
                self._stream_copy.close()
            self._container.close()
        self._file.close()
        with suppress(OSError):
            self.partial.unlink()

    @property
    def bytes(self) -> int:
        """Tell how large it is so far."""
        return os.fstat(self._file.fileno()).st_size

    def _writing(self) -> AbstractContextManager[None]:
        return writing(f"{self.path}: cannot be written")

    @property
    def _start_s(self) -> float:
        """Tell when the first picture is to be shown, by the file's clock."""
        if self._place is not None:
            return self._place.start_s
        return 0.0 if self._stream_copy is None else self._stream_copy.video_start_s

    def _end_encoding(self) -> None:
        self._mux(self._stream.encode(None))

    def _begin(self, frame: Frame, picture: Any) -> None:
        encoder, options = self._encoder, self._options | siting_option(frame.siting)
        colour = frame.colour if self._place is None else self._place.colour
        if frame.luma.dtype != np.uint8:
            encoder = _DEEP_ENCODER
            options |= {"x265-params": ":".join([*_X265, *hdr_parameters(colour)])}
        stream = self._container.add_stream(encoder, rate=self._rate, options=options)
        stream.width, stream.height, stream.pix_fmt = picture.width, picture.height, picture.format.name
        stream.time_base = self._time_base
        context = stream.codec_context
        context.time_base = self._time_base
        # with a key frame when one is due, the encoder need not care for them
        gop_s = KEY_FRAME_S if self._keys is None else _LONGEST_GOP_S
        context.gop_size = max(round(self._rate * gop_s), 1)
        if bits := bit_rate(encoder, picture.width, picture.height, self._rate):
            context.bit_rate = bits
        set_tags(context, colour)
        if encoder == _DEEP_ENCODER and self.path.suffix.lower() in _MP4:
            context.codec_tag = "hvc1"  # or Apple's players refuse it
        if self._time_base != TIME_BASE:
            context.max_b_frames = 0  # AVI cannot say their order
        belongs_to = self._place or self._stream_copy
        if belongs_to is not None and belongs_to.aspect is not None:
            context.sample_aspect_ratio = belongs_to.aspect
        if self._stream_copy is not None:
            self._stream_copy.begin(self._container, stream)
        if self._title is not None:
            self._container.metadata["title"] = self._title
        self._stream, self._size = stream, frame.size
        self._first_s = frame.time_s if self._place is None else 0.0

    def _let_go(self) -> None:
        """End the encoder's threads after a failure, free what the disk holds, and keep only what can be played."""
        for _ in range(2):  # the first may fail on what it still wanted to write
            with suppress(*AV_ERRORS):
                self._container.close()
        self._stream = None
        if not can_be_played(self.partial):
            with suppress(OSError):
                self.partial.unlink()

    def _save(self) -> None:
        """Have the disk hold what there is; a file that was removed would take frames until it is finished."""
        os.fdatasync(self._file.fileno())
        if os.fstat(self._file.fileno()).st_nlink == 0:
            raise CannotWrite(f"{self.path}: somebody removed it while it was written")

    def _mux(self, packets: Any) -> None:
        for packet in packets:
            if packet.dts is not None and abs(packet.dts - packet.pts) * self._time_base > _MOST_DELAY_S:
                packet.dts = packet.pts  # x265 gives what lay in memory where it got fewer pictures than it reorders
            if self._stream_copy is not None and packet.dts is not None:
                self._stream_copy.mux_until(float(packet.dts * packet.time_base))
            key_came = self._keys is not None and self._keys.has_come(packet.pts)
            self._container.mux(packet)
            if key_came:
                self._save()


def bit_rate(encoder: str, width: int, height: int, rate: Fraction) -> int | None:
    """Choose bits a second, a tenth of a bit a pixel, a megabit at least; None for an encoder that works by quality."""
    if encoder != _HARDWARE:
        return None
    return max(round(width * height * rate * _BITS_A_PIXEL), _LEAST_BITS)
