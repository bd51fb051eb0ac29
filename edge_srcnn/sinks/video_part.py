"""Encode a segment of a video into a file of its own, to be joined with others."""

from fractions import Fraction
from pathlib import Path

from edge_srcnn.errors import NotInSegments
from edge_srcnn.sinks import Result, Sink
from edge_srcnn.sinks.video_file import FILE_SETTINGS, Place, VideoFile

ENCODER = "libx264"
"""Of the results of files, of 8 bits."""

SUFFIX = ".nut"
"""A format that keeps packets, times and the encoder's head as they are."""


class PartSink(Sink):
    """Encode frames as a whole video would be, begun anew; the file appears whole or not at all.

    Parameters
    ----------
    path
        The file, which is replaced; ends in ``SUFFIX``.
    rate
        Frames a second of the whole, where it is known.
    place
        Where it belongs.
    """

    def __init__(self, path: Path, rate: Fraction | None, place: Place) -> None:
        self.name, self._path, self._rate, self._place = str(path), path, rate, place
        self._file: VideoFile | None = None

    def write(self, result: Result) -> None:
        """Encode a frame; ``NotInSegments`` where it has another size, ``CannotWrite``."""
        if self._file is None:
            self._file = VideoFile(
                self._path, ENCODER, FILE_SETTINGS, self._rate, None, durable=False, place=self._place
            )
        if not self._file.fits(result.frame):
            raise NotInSegments(f"{self.name}: the size of its pictures changes")
        self._file.write(result.frame)

    def abandon(self) -> None:
        """Leave nothing."""
        if self._file is not None:
            self._file.discard()
            self._file = None

    def close(self) -> None:
        """Finish the file."""
        file, self._file = self._file, None
        if file is not None:
            file.finish(overwrite=True)
