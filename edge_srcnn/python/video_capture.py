"""A stand-in for ``cv2.VideoCapture``: the same methods and return values, and enhanced frames."""

import logging
import os
from collections.abc import Sequence
from dataclasses import replace
from math import isfinite
from typing import Any, Unpack

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_srcnn.errors import EdgeSrcnnError, SourceLost, UsageError
from edge_srcnn.imaging.luma import UInt8Array
from edge_srcnn.python.frame_reader import FrameReader
from edge_srcnn.python.options import EnhanceOptions, Name, read_config

log = logging.getLogger(__name__)

UNKNOWN = -1.0 if int(cv2.__version__.partition(".")[0]) >= 5 else 0.0
"""What ``get`` gives for a property that is not known, and after ``release``, as the installed OpenCV does."""

_FORMATS = {cv2.VideoWriter.fourcc(*"MJPG"): "mjpg", cv2.VideoWriter.fourcc(*"YUYV"): "yuyv"}


class VideoCapture:
    """Read enhanced frames as ``cv2.VideoCapture`` does: uint8 ``[h * scale, w * scale, 3]``, in the order B, G, R.

    As there, what fails gives False, and the reason is logged as a warning; ``setExceptionMode(True)`` raises it.
    ``grab`` takes a frame, ``retrieve`` enhances it: frames that are only grabbed cost no network. From a camera the
    newest frame comes. ``set`` asks a camera for the size and rate of *its* pictures; ``get`` tells the size of those
    that ``read`` gives.

    Parameters
    ----------
    filename
        A number (0 is ``/dev/video0``), or all that ``edge_srcnn.stream`` takes. None opens nothing yet.
    apiPreference
        Is not looked at.
    params
        Pairs of a property and its value, which are set before the first frame.
    **options
        Those of ``edge_srcnn.stream`` that say how frames are enhanced, such as ``model="fast-s-x2"``.

    Raises
    ------
    UsageError, NoInput
        An option makes no sense, or names a model that is missing.
    """

    def __init__(
        self,
        filename: int | Name | None = None,
        apiPreference: int = cv2.CAP_ANY,
        params: Sequence[int] = (),
        **options: Unpack[EnhanceOptions],
    ) -> None:
        self._config = read_config("", options, EnhanceOptions)
        self._raises = False
        self._reader: FrameReader | None = None
        if filename is not None:
            self.open(filename, apiPreference, params)

    def open(self, filename: int | Name, apiPreference: int = cv2.CAP_ANY, params: Sequence[int] = ()) -> bool:
        """Open a source, and close the one before.

        Parameters
        ----------
        filename
            A number, or all that ``edge_srcnn.stream`` takes.
        apiPreference
            Is not looked at.
        params
            Pairs of a property and its value, which are set before the first frame.

        Returns
        -------
        Whether it is open.
        """
        self.release()
        source = os.fspath(filename) if isinstance(filename, str | os.PathLike) else f"/dev/video{filename}"
        try:
            self._reader = FrameReader(replace(self._config, source=source))
        except EdgeSrcnnError as error:
            return self._fail(error)
        for property, value in zip(params[::2], params[1::2], strict=False):
            if not self.set(property, value):
                self.release()
                return self._fail(UsageError(f"{source}: property {property} cannot be set to {value}"))
        return True

    def isOpened(self) -> bool:
        """Tell whether a source is open."""
        return self._reader is not None

    def grab(self) -> bool:
        """Take the next frame without enhancing it; False at the end."""
        if self._reader is None:
            return self._fail(UsageError("VideoCapture: no source is open")) if self._raises else False
        try:
            taken = self._reader.grab()
        except EdgeSrcnnError as error:
            return self._fail(error)
        if not taken and self._raises:
            raise SourceLost("VideoCapture: there are no more frames")
        return taken

    def retrieve(self, image: NDArray[Any] | None = None, flag: int = 0) -> tuple[bool, UInt8Array | None]:
        """Enhance the frame that was grabbed.

        Parameters
        ----------
        image
            Where it is to be written, if it has the right size.
        flag
            Is not looked at.

        Returns
        -------
        True and the frame, or False and None.
        """
        frame = None if self._reader is None else self._reader.enhance()
        if frame is None:
            return False, None
        pixels = frame.bgr()
        if image is not None and image.shape == pixels.shape and image.dtype == np.uint8:
            image[:] = pixels
            pixels = image
        return True, pixels

    def read(self, image: NDArray[Any] | None = None) -> tuple[bool, UInt8Array | None]:
        """Take the next frame and enhance it: ``grab`` and ``retrieve``.

        Parameters
        ----------
        image
            Where it is to be written, if it has the right size.

        Returns
        -------
        True and the frame; False and None at the end.
        """
        return self.retrieve(image) if self.grab() else (False, None)

    def get(self, propId: int) -> float:
        """Tell a property, such as ``cv2.CAP_PROP_FRAME_WIDTH``, of the frames that ``read`` gives.

        Parameters
        ----------
        propId
            Width, height, FPS, FRAME_COUNT, POS_FRAMES, POS_MSEC, POS_AVI_RATIO, FORMAT, CONVERT_RGB, BACKEND.

        Returns
        -------
        Its value; of another one, and where nothing is open, what OpenCV gives for unknown properties.
        """
        reader = self._reader
        if reader is None:
            return UNKNOWN
        try:
            return self._told(reader, propId)
        except EdgeSrcnnError as error:
            self._fail(error)
            return UNKNOWN

    def set(self, propId: int, value: float) -> bool:
        """Set a property.

        Parameters
        ----------
        propId
            Of files: POS_FRAMES, POS_MSEC, POS_AVI_RATIO. Of cameras, from the next frame on: FRAME_WIDTH,
            FRAME_HEIGHT, FPS, FOURCC (MJPG, YUYV); and BUFFERSIZE, which changes nothing: the newest frame comes.
        value
            Its value.

        Returns
        -------
        Whether it can be set.
        """
        reader = self._reader
        if reader is None or not isfinite(value):
            return False
        try:
            return self._take(reader, propId, value)
        except EdgeSrcnnError as error:
            return self._fail(error)

    def release(self) -> None:
        """Close the source and let go of the engine; may be called twice."""
        reader, self._reader = self._reader, None
        if reader is not None:
            reader.close()

    def getBackendName(self) -> str:
        """Name what reads: ``EDGE_SRCNN``; ``UsageError`` where nothing is open."""
        if self._reader is None:
            raise UsageError("VideoCapture: no source is open")
        return "EDGE_SRCNN"

    def setExceptionMode(self, enable: bool) -> None:
        """Let what fails be raised, as an ``EdgeSrcnnError``."""
        self._raises = enable

    def getExceptionMode(self) -> bool:
        """Tell whether what fails is raised."""
        return self._raises

    def _fail(self, error: EdgeSrcnnError) -> bool:
        if self._raises:
            raise error
        log.warning("%s", error)
        return False

    def _told(self, reader: FrameReader, property: int) -> float:
        if property in (cv2.CAP_PROP_FRAME_WIDTH, cv2.CAP_PROP_FRAME_HEIGHT):
            return float(reader.size[property == cv2.CAP_PROP_FRAME_HEIGHT])
        if property == cv2.CAP_PROP_FPS:
            return reader.rate
        if property == cv2.CAP_PROP_FRAME_COUNT:
            return float(reader.frames)
        if property == cv2.CAP_PROP_POS_FRAMES:
            return float(reader.count)
        if property == cv2.CAP_PROP_POS_MSEC:
            return 0.0 if reader.grabbed is None else reader.grabbed.frame.time_s * 1000
        if property == cv2.CAP_PROP_POS_AVI_RATIO:
            return reader.count / reader.frames if reader.frames else 0.0
        known = {cv2.CAP_PROP_FORMAT: float(cv2.CV_8UC3), cv2.CAP_PROP_CONVERT_RGB: 1.0, cv2.CAP_PROP_BACKEND: 0.0}
        return known.get(property, UNKNOWN)

    def _take(self, reader: FrameReader, property: int, value: float) -> bool:
        if property == cv2.CAP_PROP_POS_FRAMES:
            return reader.seek(int(value))
        if property == cv2.CAP_PROP_POS_MSEC:
            return reader.seek(int(value / 1000 * reader.rate + 0.5))
        if property == cv2.CAP_PROP_POS_AVI_RATIO:
            return reader.seek(int(value * reader.frames))
        if property == cv2.CAP_PROP_FRAME_WIDTH:
            return reader.ask_size(width=int(value))
        if property == cv2.CAP_PROP_FRAME_HEIGHT:
            return reader.ask_size(height=int(value))
        if property == cv2.CAP_PROP_FPS:
            return value > 0 and reader.ask(fps=f"{value:.9g}")
        if property == cv2.CAP_PROP_FOURCC:
            return int(value) in _FORMATS and reader.ask(format=_FORMATS[int(value)])
        return property == cv2.CAP_PROP_BUFFERSIZE and reader.live
