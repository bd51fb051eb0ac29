"""What an encoder does: a webcam sends JPEG, which forgets fine differences block by block."""

import cv2
import numpy as np

from edge_srcnn.imaging.luma import UInt8Array


def jpeg(plane: UInt8Array, quality: int) -> UInt8Array:
    """Write a uint8 plane ``[h, w]`` as grey JPEG of libjpeg's ``quality`` (1..100) and read it again."""
    _, file = cv2.imencode(".jpg", plane, [cv2.IMWRITE_JPEG_QUALITY, quality])
    return np.asarray(cv2.imdecode(file, cv2.IMREAD_GRAYSCALE), np.uint8)
