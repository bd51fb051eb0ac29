"""The JPEG pictures of a camera, to planes."""

import logging
from typing import Any

import cv2
import numpy as np

from edge_srcnn.imaging.luma import UInt8Array
from edge_srcnn.imaging.planes import Chroma

log = logging.getLogger(__name__)


class JpegDecoder:
    """Decodes with PyAV, without RGB in between; where it is not installed, with OpenCV and through RGB (4:4:4).

    Pictures without Huffman tables, as many webcams send them, are decoded as well.
    """

    def __init__(self) -> None:
        try:
            import av
        except ImportError:
            log.info("PyAV is not installed: JPEG is decoded by OpenCV, through RGB")
            self._av: Any = None
        else:
            self._av = av
        self._context: Any = None

    def decode(self, data: bytes) -> tuple[UInt8Array, Chroma | None] | None:
        """Luma and chroma, full range, BT.601 (JFIF); None for a picture that is damaged or cut off."""
        if not data:  # which would tell PyAV that the stream ends
            return None
        return _through_rgb(data) if self._av is None else self._decode(data)

    def _decode(self, data: bytes) -> tuple[UInt8Array, Chroma | None] | None:
        from edge_srcnn.imaging.pyav import planes_of

        if self._context is None:
            self._context = self._av.CodecContext.create("mjpeg", "r")
            self._context.options = {"err_detect": "explode"}  # by default what is missing is made up
        try:
            frames = self._context.decode(self._av.Packet(data))
        except (self._av.FFmpegError, ValueError) as error:
            log.debug("damaged JPEG, %d bytes: %s", len(data), error)
            self._context = None
            return None
        return planes_of(frames[-1]) if frames else None


def planes_of_bgr(bgr: UInt8Array) -> tuple[UInt8Array, Chroma]:
    """Luma and chroma (4:4:4), full range, BT.601, of uint8 ``[h, w, 3]`` in the order B, G, R."""
    luma, cr, cb = (np.asarray(plane, np.uint8) for plane in cv2.split(cv2.cvtColor(bgr, cv2.COLOR_BGR2YCrCb)))
    return luma, (cb, cr)


def _through_rgb(data: bytes) -> tuple[UInt8Array, Chroma] | None:
    try:
        bgr = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    except cv2.error:
        return None
    return None if bgr is None else planes_of_bgr(np.asarray(bgr, np.uint8))
