"""``y4m:-``: write YUV4MPEG2 to standard output (or into a file or FIFO), for other programs."""

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from edge_srcnn.errors import CannotWrite, OutputExists, UsageError, reason
from edge_srcnn.imaging.frame import Frame
from edge_srcnn.sinks import UNKNOWN_RATE, Result, Sink, Stream
from edge_srcnn.system.pipes import is_fifo, open_fifo
from edge_srcnn.uri import Uri, flag, read_options

PATIENCE_S = 10.0
"""How long a FIFO's reader may take."""

_SPACES = {(2, 2): "C420jpeg", (1, 2): "C422", (1, 1): "C444"}


def options(uri: Uri) -> dict[str, Any]:
    """Read overwrite (no), of a file; standard output has no options."""
    return read_options(uri) if uri.target in ("", "-") else read_options(uri, overwrite=flag)


def open(uri: Uri, *, overwrite: bool = False) -> "Y4mSink":
    """Open the file, standard output, or a FIFO, whose reader may come a little later.

    Parameters
    ----------
    uri
        ``y4m:-`` is standard output.
    overwrite
        Replace a file that is there.

    Returns
    -------
    A sink that waits for its first frame.

    Raises
    ------
    OutputExists
        The file is there already.
    CannotWrite
        It cannot be written, or nobody reads the FIFO.
    """
    is_standard = uri.target in ("", "-")
    if is_standard and os.isatty(1):
        raise UsageError("y4m:-: standard output is a terminal; give it to another program, such as | ffplay -")
    if not is_standard and os.path.isfile(uri.target) and not overwrite:
        raise OutputExists(f"{uri.target}: exists already; overwrite=yes replaces it")
    try:
        if is_standard:
            return Y4mSink(uri.text, os.fdopen(os.dup(1), "wb"))
        if is_fifo(uri.target):
            return Y4mSink(uri.text, open_fifo(uri.target, PATIENCE_S))
        return Y4mSink(uri.text, Path(uri.target).open("wb"))  # closed by the sink
    except OSError as error:
        if error.errno == errno.ENXIO:
            raise CannotWrite(f"{uri.target}: nobody reads it; start the program that does") from error
        raise CannotWrite(f"{uri.target or '-'}: cannot be written ({reason(error)})") from error


class Y4mSink(Sink):
    """Write a header, then each frame's planes. Source: yuv4mpeg(5) of mjpegtools."""

    def __init__(self, name: str, file: BinaryIO) -> None:
        self.name, self._file = name, file
        self._rate = UNKNOWN_RATE
        self._shape: tuple[tuple[int, int], tuple[int, int] | None] | None = None

    def begin(self, stream: Stream) -> None:
        """Keep the rate for the header."""
        self._rate = stream.rate or UNKNOWN_RATE

    def write(self, result: Result) -> None:
        """Write a frame; its size and subsampling must be those of the first one."""
        frame = result.frame
        shape = frame.luma.shape, None if frame.chroma is None else frame.chroma[0].shape
        with self._mapped():
            if self._shape is None:
                self._shape = shape
                self._file.write(self._header(frame))
            if shape != self._shape:
                raise CannotWrite(f"{self.name}: the picture's size changed, which Y4M cannot say")
            self._file.write(b"FRAME\n")
            for plane in (frame.luma, *(frame.chroma or ())):
                self._file.write(np.ascontiguousarray(plane).data)
            self._file.flush()

    def close(self) -> None:
        """Flush and close."""
        with self._mapped():
            self._file.close()

    @contextmanager
    def _mapped(self) -> Iterator[None]:
        try:
            yield
        except CannotWrite:
            raise
        except BrokenPipeError as error:
            raise CannotWrite(f"{self.name}: the program that reads it is gone") from error
        except OSError as error:
            raise CannotWrite(f"{self.name}: cannot be written ({reason(error)})") from error

    def _header(self, frame: Frame) -> bytes:
        width, height = frame.size
        space = "Cmono" if frame.chroma is None else _SPACES[frame.subsampling]
        span = "FULL" if frame.colour.full_range else "LIMITED"
        rate = f"F{self._rate.numerator}:{self._rate.denominator}"
        return f"YUV4MPEG2 W{width} H{height} {rate} Ip A1:1 {space} XCOLORRANGE={span}\n".encode()
