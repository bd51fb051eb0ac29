"""Copy sound, subtitles and titles of a source file, as they are, beside its new pictures."""

import logging
from collections.abc import Iterator
from fractions import Fraction
from typing import Any

import av

from edge_srcnn.imaging.colour import quarter_turns
from edge_srcnn.imaging.pyav import AV_ERRORS, writing

log = logging.getLogger(__name__)

_COPIED = frozenset({"audio", "subtitle"})
_OF_THE_FILE = frozenset({"title", "artist", "album", "author", "comment", "copyright", "date", "description", "genre"})
_OF_A_STREAM = frozenset({"language", "title", "handler_name"})


class StreamCopy:
    """Copy the other streams of the source file packet by packet, in step with the pictures."""

    def __init__(self, path: str) -> None:
        self._path = path
        with writing(f"{path}: its sound and subtitles cannot be copied"):
            self._container: Any = av.open(path)
            video: Any = self._container.streams.video[0]
            self.video_start_s = float((video.start_time or 0) * video.time_base)
            self.aspect = _upright_aspect(path, video.sample_aspect_ratio)
        self._output: Any = None
        self._copies: dict[int, Any] = {}
        self._packets: Iterator[Any] = iter(())
        self._next: Any = None

    def begin(self, output: Any, pictures: Any) -> None:
        """Add the streams to ``output``, after that of the pictures, with their titles and languages."""
        self._output = output
        _copy_tags(self._container, output, _OF_THE_FILE)
        _copy_tags(self._container.streams.video[0], pictures, _OF_A_STREAM)
        for stream in self._container.streams:
            if stream.type in _COPIED:
                try:
                    self._copies[stream.index] = copy = output.add_stream_from_template(stream)
                    _copy_tags(stream, copy, _OF_A_STREAM)
                except AV_ERRORS as error:
                    log.warning("%s: its %s stream %s is left out (%s)", self._path, stream.type, stream.index, error)
        wanted = [stream for stream in self._container.streams if stream.index in self._copies]
        self._packets = self._container.demux(wanted) if wanted else iter(())

    def mux_until(self, time_s: float | None) -> None:
        """Copy what belongs before ``time_s``; None: the rest."""
        while True:
            if self._next is None:
                self._next = next(self._packets, None)
            packet = self._next
            if packet is None:
                return
            if packet.dts is not None:
                if time_s is not None and packet.dts * packet.time_base > time_s:
                    return
                packet.stream = self._copies[packet.stream.index]
                self._output.mux(packet)
            self._next = None

    def close(self) -> None:
        """Close the source file."""
        self._container.close()


def _copy_tags(source: Any, target: Any, names: frozenset[str]) -> None:
    for name, text in source.metadata.items():
        if name.lower() in names:
            target.metadata[name] = text


def _upright_aspect(path: str, aspect: Fraction | None) -> Fraction | None:
    """Give the shape of a pixel, upright: the frames come turned as the file says."""
    if aspect is None or aspect in (0, 1):
        return aspect
    with av.open(path) as container:
        first = next(container.decode(video=0), None)
    return 1 / aspect if first is not None and quarter_turns(first.rotation) % 2 else aspect
