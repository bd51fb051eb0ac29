"""Decode one segment of a video file: from its key frame on, and no further than its end."""

from collections.abc import Iterator
from contextlib import suppress
from fractions import Fraction
from typing import Any

from edge_srcnn.errors import NotInSegments
from edge_srcnn.imaging.frame import Frame
from edge_srcnn.sources.packet_scan import Packets, Segment, scan
from edge_srcnn.sources.video import Video, mapped
from edge_srcnn.sources.whole_video import tell_missing, what_is_missing

_MARGINS_S = (0, 1, 10)
"""Seconds before a key frame to look for it: some formats find places roughly, some have no index."""

_BEYOND_S = 1


class SegmentVideo(Video):
    """Decode the frames of a segment, at the times that they have in the whole video.

    Parameters
    ----------
    name
        The video file.
    segment
        What of it.
    first_s
        Time of the video's first frame, by the file's clock.
    rate
        Frames a second of the whole video; None: as the file says.
    deep
        Frames of more than 8 bits keep 10.
    partial
        Leave out what is damaged, instead of ending with an error.
    siting
        Where the file's headers say that chroma lies; None: they do not.
    """

    def __init__(
        self,
        name: str,
        segment: Segment,
        *,
        first_s: float = 0.0,
        rate: Fraction | None = None,
        deep: bool = False,
        partial: bool = False,
        siting: tuple[float, float] | None = None,
    ) -> None:
        self._segment, self._read_all, self._tagged = segment, False, siting
        super().__init__(name, deep=deep, partial=partial)
        self._first_s, self.rate = first_s, rate or self.rate
        self.frames = segment.frames

    def scan(self) -> Packets:
        """Read all packets, instead of ``read``; what is there is to be as long as the file says."""
        with mapped(self._name, under_way=True):
            found = scan(self._container, self._stream)
        if not self._partial and found.times.size:
            count = found.frames + found.repeats
            missing = what_is_missing(self._container, self._stream, count, found.last_s, self.rate)
            tell_missing(self._name, missing, partial=False)
        return found

    def picture_at(self, ticks: int | None = None) -> tuple[Any, Frame] | None:
        """Decode until the picture of a time comes, or the first one, instead of ``read``; None where it does not.

        Parameters
        ----------
        ticks
            The time; None: the first picture.

        Returns
        -------
        The picture as PyAV has it, and as a frame.
        """
        with mapped(self._name, under_way=True):
            for picture in self._decoded():
                if ticks is None or picture.pts == ticks:
                    return picture, self._frame(picture, 0.0)
        return None

    def close(self) -> None:
        """Wait for the decoder's threads, which are ahead of the segment's end, and close the file."""
        from edge_srcnn.imaging.pyav import AV_ERRORS

        self.wake()
        self._pictures.close()
        with suppress(*AV_ERRORS):  # to free a decoder that works holds Python's lock, which its messages wait for
            self._stream.codec_context.flush_buffers()
        super().close()

    def _set_up(self) -> None:
        """Ask for no headers again: whoever planned has read them."""
        self._siting, self.stream_copy = self._tagged, None

    def _tell_transparency(self) -> None:
        """Warn once a video."""
        if not self._segment.number:
            super()._tell_transparency()

    def _time_s(self, decoded: Any) -> float:
        return float(decoded.time) - self._first_s

    def _decoded(self) -> Iterator[Any]:
        begin, end = self._segment.begin, self._segment.end
        for picture in super()._decoded():
            if picture.pts is None:
                raise NotInSegments(f"{self._name}: not all of its frames say when they are to be shown")
            if end is not None and picture.pts >= end:
                if self._read_all:
                    return
            elif begin is None or picture.pts >= begin:
                yield picture

    def _stream_packets(self) -> Iterator[Any]:
        begin, left = self._segment.begin, self._segment.packets
        for packet in super()._stream_packets() if begin is None else self._from_key_frame(begin):
            left -= 1
            self._read_all = left <= 0
            yield packet

    def _progressive(self, picture: Any) -> Iterator[Any]:
        if picture.interlaced_frame:
            raise NotInSegments(f"{self._name}: its pictures are fields, which are deinterlaced by their neighbours")
        yield picture

    def _from_key_frame(self, begin: int) -> Iterator[Any]:
        """Find the key frame, and give the packets from there on; where looking near it fails, read from the start."""
        self._prime()
        ticks = 1 / self._stream.time_base
        for margin_s in (*_MARGINS_S, None):
            if margin_s is None:
                self._begin_again()
            elif not self._seek(begin - round(margin_s * ticks)):
                continue
            is_found = False
            for packet in super()._stream_packets():
                if not is_found and packet.dts is not None and packet.dts > begin + _BEYOND_S * ticks:
                    break
                is_found = is_found or (packet.pts == begin and packet.size == self._segment.key_bytes)
                if is_found:
                    yield packet
            if is_found:
                return
        raise NotInSegments(f"{self._name}: cannot be read from the middle")

    def _prime(self) -> None:
        """Show the decoder the first packet: only there do some encoders say who they are, whose bugs it minds."""
        from edge_srcnn.imaging.pyav import AV_ERRORS

        with suppress(*AV_ERRORS):
            next(iter(super()._stream_packets())).decode()
            self._stream.codec_context.flush_buffers()

    def _seek(self, ticks: int) -> bool:
        from edge_srcnn.imaging.pyav import AV_ERRORS

        with suppress(*AV_ERRORS):
            self._container.seek(ticks, stream=self._stream)
            return True
        return False

    def _begin_again(self) -> None:
        from edge_srcnn.imaging.containers import video_stream

        self._container.close()
        opened = self._open()
        self._take(opened, video_stream(opened))
        self._prime()
