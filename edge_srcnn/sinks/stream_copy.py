"""Copy what belongs to the pictures of a source file, as it is: sound, subtitles, chapters, covers, fonts, titles."""

import logging
from collections.abc import Iterator
from fractions import Fraction
from typing import Any

from edge_srcnn.imaging.containers import first_picture, is_cover, open_file, start_s, text_of, video_stream
from edge_srcnn.imaging.pyav import AV_ERRORS, writing

log = logging.getLogger(__name__)

_COPIED = frozenset({"audio", "subtitle"})
_OF_THE_FILE = frozenset({"title", "artist", "album", "author", "comment", "copyright", "date", "description", "genre"})
_OF_A_STREAM = frozenset({"language", "title", "handler_name"})
_WITH_COVERS = frozenset({"mp4", "mov", "ipod"})
_WITH_FONTS = frozenset({"matroska"})
_NO_CHAPTERS = frozenset({"avi"})


class StreamCopy:
    """Copy the other streams of the source file packet by packet, in step with the pictures.

    Parameters
    ----------
    path
        The source file.
    from_s
        Seconds of the pictures that another file has already: what belongs to them is left out.

    Attributes
    ----------
    video_start_s
        When the first picture is to be seen, in seconds of the new file.
    aspect
        Shape of a pixel, upright; None where the file does not say.
    """

    def __init__(self, path: str, from_s: float = 0.0) -> None:
        self._path = path
        with writing(f"{path}: its sound and subtitles cannot be copied"):
            self._container: Any = open_file(path)
            self._video = video_stream(self._container)
            first = first_picture(path)
        seen_s = 0.0 if first is None else first.time_s
        self._begin_s = seen_s + from_s if from_s else min(start_s(self._container), seen_s)
        self.video_start_s = max(seen_s + from_s - self._begin_s, 0.0)
        aspect: Fraction | None = self._video.sample_aspect_ratio
        on_its_side = first is not None and first.orientation.transpose
        self.aspect = 1 / aspect if aspect and on_its_side else aspect
        self._whole = not from_s
        self._output: Any = None
        self._copies: dict[int, Any] = {}
        self._packets: Iterator[Any] = iter(())
        self._next: Any = None

    def begin(self, output: Any, pictures: Any) -> None:
        """Add the streams to ``output``, after that of the pictures, with their titles, languages and flags."""
        self._output = output
        kinds = set(output.format.name.split(","))
        _copy_tags(self._container, output, _OF_THE_FILE)
        _copy_tags(self._video, pictures, _OF_A_STREAM)
        pictures.disposition = self._video.disposition
        if self._whole and not kinds & _NO_CHAPTERS:
            self._copy_chapters(output)
        for stream in self._container.streams:
            is_copied = stream.type in _COPIED or (is_cover(stream) and kinds & _WITH_COVERS)
            if stream.type == "attachment":
                self._attach(stream, output, kinds)
            elif is_cover(stream) and kinds & _WITH_FONTS:
                self._attach_cover(stream, output)
            elif is_copied:
                self._add(stream, output)
            elif stream is not self._video:
                log.warning("%s: its %s stream %s is left out", self._path, stream.type, stream.index)
        wanted = [stream for stream in self._container.streams if stream.index in self._copies]
        self._packets = self._container.demux(wanted) if wanted else iter(())

    def mux_until(self, time_s: float | None) -> None:
        """Copy what belongs before ``time_s`` of the new file; None: the rest."""
        while True:
            packet = self._next if self._next is not None else self._read()
            self._next = packet
            if packet is None:
                return
            if packet.dts is not None:
                shift = round(self._begin_s / packet.time_base)
                if time_s is not None and (packet.dts - shift) * packet.time_base > time_s:
                    return
                if self._whole or packet.dts >= shift:
                    packet.dts -= shift
                    packet.pts = packet.dts if packet.pts is None else packet.pts - shift
                    self._mux(packet)
            elif is_cover(packet.stream) and packet.size:  # which has no time
                packet.pts = packet.dts = 0
                packet.time_base = packet.stream.time_base
                self._mux(packet)
            self._next = None

    def close(self) -> None:
        """Close the source file."""
        self._container.close()

    def _mux(self, packet: Any) -> None:
        packet.stream = self._copies[packet.stream.index]
        self._output.mux(packet)

    def _read(self) -> Any:
        try:
            return next(self._packets, None)
        except AV_ERRORS as error:  # of a file that is cut off, the end
            log.warning("%s: its sound ends early (%s)", self._path, error)
            self._packets = iter(())
            return None

    def _add(self, stream: Any, output: Any) -> None:
        try:
            self._copies[stream.index] = copy = output.add_stream_from_template(stream)
            _copy_tags(stream, copy, _OF_A_STREAM)
            copy.disposition = stream.disposition
        except AV_ERRORS as error:
            log.warning("%s: its %s stream %s is left out (%s)", self._path, stream.type, stream.index, error)

    def _attach(self, stream: Any, output: Any, kinds: set[str]) -> None:
        if not kinds & _WITH_FONTS:
            log.warning("%s: its attachment %s is left out; .mkv has a place for it", self._path, stream.name)
            return
        output.add_attachment(stream.name, stream.mimetype, stream.data)

    def _attach_cover(self, stream: Any, output: Any) -> None:
        """Add a cover as Matroska has it: a file that is attached."""
        codec = str(stream.codec_context.name).replace("mjpeg", "jpeg")
        name = stream.metadata.get("filename", f"cover.{codec.replace('jpeg', 'jpg')}")
        with open_file(self._path) as container:
            packets = container.demux(container.streams[stream.index])
            data = next((bytes(packet) for packet in packets if packet.size), b"")
        if data:
            output.add_attachment(text_of(name), stream.metadata.get("mimetype", f"image/{codec}"), data)

    def _copy_chapters(self, output: Any) -> None:
        chapters = self._container.chapters()
        for chapter in chapters:
            shift = round(self._begin_s / chapter["time_base"])
            chapter["start"], chapter["end"] = max(chapter["start"] - shift, 0), max(chapter["end"] - shift, 0)
            chapter["metadata"] = {name: text_of(text) for name, text in chapter["metadata"].items()}
        if chapters:
            output.set_chapters(chapters)


def _copy_tags(source: Any, target: Any, names: frozenset[str]) -> None:
    for name, text in source.metadata.items():
        if name.lower() in names:
            target.metadata[name] = text_of(text)
