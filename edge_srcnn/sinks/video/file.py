"""One video file in the making: frames encoded, the source's sound and subtitles copied as they are."""

import fcntl
import os
from contextlib import suppress
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
from av.video.frame import PictureType

from edge_srcnn.errors import CannotWrite, OutputExists
from edge_srcnn.imaging.frame import BT601, Colour, Frame
from edge_srcnn.imaging.jfif import jfif_planes
from edge_srcnn.imaging.pyav import FORMATS, av_frame, even_planes, set_tags, writing
from edge_srcnn.sinks.video.container import container_options
from edge_srcnn.sinks.video.encoder import MJPEG, bit_rate, gop_size
from edge_srcnn.sinks.video.keyframes import KeyFrames
from edge_srcnn.sinks.video.recovery import can_be_played, hidden_name
from edge_srcnn.sinks.video.stream_copy import StreamCopy

_TIME_BASE = Fraction(1, 90000)
_UNKNOWN_RATE = Fraction(25)
_AVI = ".avi"


class VideoFile:
    """A file that is written under a hidden name, and takes its own when it is finished.

    Parameters
    ----------
    path
        What it is to be called in the end.
    encoder, options
        FFmpeg's encoder and its options.
    rate
        Frames a second, if it is known.
    stream_copy
        A file whose sound and subtitles are copied.
    durable
        True: what was written until a power cut can be played, under the hidden name. False: smaller, starts faster.
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
    ) -> None:
        self.path = path
        self.partial = hidden_name(path)
        self._encoder, self._options, self._rate = encoder, options, rate or _UNKNOWN_RATE
        # AVI has no times, only a rate
        self._time_base = 1 / self._rate if path.suffix.lower() == _AVI else _TIME_BASE
        with writing(f"{self.path}: cannot be written"):
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = self.partial.open("xb")
            fcntl.flock(self._file, fcntl.LOCK_EX)  # so that nobody takes it for one that a power cut left
            self._container: Any = av.open(
                str(self.partial), "w", options=container_options(path.suffix, durable=durable)
            )
        self._stream_copy = None if stream_copy is None else StreamCopy(stream_copy)
        self._stream: Any = None
        self._size: tuple[int, int] | None = None
        self._keys = KeyFrames(self._time_base) if durable else None
        self._first_s = 0.0
        self._last = -1

    def write(self, frame: Frame) -> None:
        """Encode a frame."""
        if self._encoder == MJPEG:
            luma, chroma = jfif_planes(frame)
            frame = replace(frame, luma=luma, chroma=chroma, colour=Colour(full_range=True, matrix=BT601))
        with writing(f"{self.path}: cannot be written"):
            if self._stream is None:
                self._begin(frame)
            luma, chroma = even_planes(frame, self._format)
            if luma.shape != (self._stream.codec_context.height, self._stream.codec_context.width):
                raise CannotWrite(f"{self.path}: the picture's size changed, which a video file cannot say")
            picture = av_frame(luma, chroma, self._format, frame.colour)
            picture.time_base = self._time_base
            start = 0.0 if self._stream_copy is None else self._stream_copy.video_start_s
            picture.pts = max(round((frame.time_s - self._first_s + start) / self._time_base), self._last + 1)
            picture.duration = round(1 / self._rate / self._time_base)
            self._last = picture.pts
            if self._keys is not None and self._keys.is_due(picture.pts):
                picture.pict_type = PictureType.I
            self._mux(self._stream.encode(picture))

    def fits(self, frame: Frame) -> bool:
        """Whether a frame is as large as those before it, which it must be."""
        return self._size in (None, frame.size)

    def finish(self, *, overwrite: bool, cut: bool = False) -> None:
        """Write what the encoder holds back and the rest of the sound, and give the file its name.

        ``cut``: the pictures were stopped before their end, and the sound ends with the last of them.
        """
        if self._stream is None:
            self.discard()
            return
        with self._file, writing(f"{self.path}: cannot be written"):
            try:
                self._mux(self._stream.encode(None))
                if self._stream_copy is not None:
                    end_s = float(self._last * self._time_base + 1 / self._rate)
                    self._stream_copy.mux_until(end_s if cut else None)
                    self._stream_copy.close()
                self._container.close()
            except BaseException:
                self._let_go()
                raise
            os.fsync(self._file.fileno())
            if overwrite:
                os.replace(self.partial, self.path)
            else:
                self._link()

    def discard(self) -> None:
        """Stop, and leave nothing behind."""
        with suppress(av.FFmpegError, OSError):
            if self._stream_copy is not None:
                self._stream_copy.close()
            self._container.close()
        self._file.close()
        with suppress(OSError):
            self.partial.unlink()

    @property
    def bytes(self) -> int:
        """How large it is so far."""
        return self.partial.stat().st_size if self.partial.exists() else 0

    def _begin(self, frame: Frame) -> None:
        self._format = FORMATS[frame.subsampling] if frame.chroma is not None else FORMATS[2, 2]
        luma, _ = even_planes(frame, self._format)
        stream = self._container.add_stream(self._encoder, rate=self._rate, options=self._options)
        stream.height, stream.width = luma.shape
        stream.pix_fmt = self._format
        stream.time_base = self._time_base
        stream.codec_context.time_base = self._time_base
        stream.codec_context.gop_size = gop_size(self._rate, timed=self._keys is not None)
        if bits := bit_rate(self._encoder, stream.width, stream.height, self._rate):
            stream.codec_context.bit_rate = bits
        set_tags(stream.codec_context, frame.colour)
        if self._time_base != _TIME_BASE:
            stream.codec_context.max_b_frames = 0  # AVI cannot say their order
        if self._stream_copy is not None:
            if self._stream_copy.aspect is not None:
                stream.codec_context.sample_aspect_ratio = self._stream_copy.aspect
            self._stream_copy.begin(self._container, stream)
        self._stream, self._first_s, self._size = stream, frame.time_s, frame.size

    def _let_go(self) -> None:
        """After a failure: end the encoder's threads, free what the disk holds, and keep only what can be played."""
        for _ in range(2):  # the first may fail on what it still wanted to write
            with suppress(av.FFmpegError, OSError):
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
            if self._stream_copy is not None and packet.dts is not None:
                self._stream_copy.mux_until(float(packet.dts * packet.time_base))
            key_came = self._keys is not None and self._keys.has_come(packet.pts)
            self._container.mux(packet)
            if key_came:
                self._save()

    def _link(self) -> None:
        try:
            os.link(self.partial, self.path)
        except FileExistsError as error:
            raise OutputExists(f"{self.path}: came up meanwhile; the video is in {self.partial}") from error
        except OSError:  # a file system without hard links
            os.replace(self.partial, self.path)
        else:
            self.partial.unlink()
