"""Join parts of a video that are encoded already, and copy the source's sound and subtitles beside them."""

from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge_srcnn.errors import NotInSegments
from edge_srcnn.imaging.containers import open_file, video_stream
from edge_srcnn.imaging.frame import Frame
from edge_srcnn.imaging.pyav import AV_ERRORS, av_frame
from edge_srcnn.sinks import TIME_BASE
from edge_srcnn.sinks.video_file import FILE_SETTINGS, VideoFile
from edge_srcnn.sinks.video_part import ENCODER


class JoinedVideo(VideoFile):
    """Write a video of packets that encoders gave before, as if one encoder gave them now.

    Parameters
    ----------
    path
        What it is to be called in the end.
    rate
        Frames a second, where it is known.
    source
        The file whose sound and subtitles are copied.
    """

    def __init__(self, path: Path, rate: Fraction | None, source: str) -> None:
        super().__init__(path, ENCODER, FILE_SETTINGS, rate, source, durable=False)

    def join(self, first: Frame, parts: Sequence[Path]) -> None:
        """Copy the packets of parts.

        Parameters
        ----------
        first
            A frame like the first of the whole; only what it says counts, not its pixels.
        parts
            In order.

        Raises
        ------
        NotInSegments
            They do not belong together.
        CannotWrite
            The disk refuses.
        """
        with self._writing():
            times, held_back = _times(parts)
            subsampling = (2, 2) if first.chroma is None else first.subsampling
            self._begin(first, av_frame(first, subsampling))
            self._container.start_encoding()
            head, decode_times = (
                bytes(self._stream.codec_context.extradata or b""),
                iter(_decode_times(times, held_back)),
            )
            for part in parts:
                self._mux(self._packets(part, head, decode_times))
            self._last = int(times[-1])

    @property
    def last(self) -> int:
        """Tell when the last frame is to be shown, in ticks of ``TIME_BASE``."""
        return self._last

    def _end_encoding(self) -> None:
        """Have nothing to wait for."""

    def _packets(self, part: Path, head: bytes, decode_times: Iterator[int]) -> Iterator[Any]:
        with open_file(part) as container:
            stream = video_stream(container)
            if bytes(stream.codec_context.extradata or b"") != head:
                raise NotInSegments(f"{self.path}: its parts were encoded in different ways")
            for packet in container.demux(stream):
                if packet.size:
                    packet.dts, packet.duration, packet.time_base = next(decode_times), 0, TIME_BASE
                    packet.stream = self._stream
                    yield packet


def count_frames(part: Path) -> int:
    """Count the frames of a part; 0 where it is none."""
    try:
        with open_file(part) as container:
            return sum(packet.size > 0 for packet in container.demux(video_stream(container)))
    except AV_ERRORS:
        return 0


def _times(parts: Sequence[Path]) -> tuple[NDArray[np.int64], int]:
    """Read when all frames are to be shown, in order, int64 ``[n]``, and how many of them the encoder may hold back."""
    found, held_back = [np.empty(0, np.int64)], 0
    for part in parts:
        with open_file(part) as container:
            packets = [(packet.pts, packet.dts) for packet in container.demux(video_stream(container)) if packet.size]
        stored = np.array([pts for pts, _ in packets], np.int64)
        ordered = np.sort(stored)
        places = np.searchsorted(ordered, stored)
        unsaid = sum(dts is None for _, dts in packets)  # the first, as many as the encoder says that it holds back
        held_back = max(held_back, unsaid, int((np.arange(stored.size) - places).max(initial=0)))
        found.append(ordered)
    times = np.concatenate(found)
    if not times.size or (np.diff(times) <= 0).any():
        raise NotInSegments(f"{parts[0] if parts else ''}: its frames do not follow each other")
    return times, held_back


def _decode_times(times: NDArray[np.int64], held_back: int) -> list[int]:
    """Give the times of decoding, in its order, as x264 does: those of showing, so many frames later.

    The first ones lie before the first frame by as much as the frame lies behind it that is not held back any more.
    """
    if times.size <= held_back:
        return [int(times[0]) - held_back + index for index in range(times.size)]
    early = times[:held_back] - (times[held_back] - times[0])
    return [*early.tolist(), *times[: times.size - held_back].tolist()]
