"""Process a picture as a camera does: noise smoothed away, edges sharpened, and the JPEG of a webcam."""

import cv2
import numpy as np

from edge_srcnn.imaging.luma import UInt8Array
from export.data.degradation.resize import Levels

_DENOISE_WIDTH_PX = 5
_DENOISE_SIGMA_PX = 1.0
_SHARPEN_SIGMA_PX = 1.0


def denoise(plane: Levels, strength: float) -> Levels:
    """Smooth differences of about ``strength`` grey levels between neighbours, and keep larger ones.

    Tomasi and Manduchi, "Bilateral filtering for gray and color images" (1998).
    """
    out: Levels = cv2.bilateralFilter(plane, _DENOISE_WIDTH_PX, strength, _DENOISE_SIGMA_PX)  # type: ignore[assignment]  # stubs: any dtype
    return out


def sharpen(plane: Levels, amount: float) -> Levels:
    """Add ``amount`` of what a Gaussian blur of one pixel takes away: the unsharp mask, with its halo at edges."""
    return plane + amount * (plane - cv2.GaussianBlur(plane, (0, 0), _SHARPEN_SIGMA_PX))


def jpeg(plane: UInt8Array, quality: int) -> UInt8Array:
    """Write a uint8 plane ``[h, w]`` as grey JPEG of libjpeg's ``quality`` (1..100), and read it again."""
    _, file = cv2.imencode(".jpg", plane, [cv2.IMWRITE_JPEG_QUALITY, quality])
    return np.asarray(cv2.imdecode(file, cv2.IMREAD_GRAYSCALE), np.uint8)
