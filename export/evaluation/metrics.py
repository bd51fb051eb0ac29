"""Measure what PSNR and SSIM hide: damage to edges as the eye weighs it, and noise in flat regions."""

from math import ceil

import cv2
import numpy as np

from edge_srcnn.imaging.luma import UInt8Array
from export.data.degradation.resize import Levels

GMSD_T = 170.0
"""Keeps the similarity of two faint gradients near 1: for levels 0..255 (Xue et al.)."""

FLAT_BLOCK_PX = 16
FLAT_SHARE = 0.2

_PREWITT = np.repeat(np.array([[1.0, 0.0, -1.0]], np.float32) / 3, 3, axis=0)


def gmsd(picture: UInt8Array, hr: UInt8Array) -> float:
    """Measure the gradient magnitude similarity deviation of two uint8 planes ``[h, w]``: 0 for equal ones.

    Xue et al., "Gradient magnitude similarity deviation: a highly efficient perceptual image quality index" (2014):
    at half the size, as there; borders are repeated.
    """
    a, b = _gradient(picture), _gradient(hr)
    similarity = (2 * a * b + GMSD_T) / (a * a + b * b + GMSD_T)
    return float(np.std(similarity, dtype=np.float64))


def flat_noise(picture: UInt8Array, hr: UInt8Array) -> float:
    """Measure the standard deviation of the error within the flattest fifth of 16x16 blocks, in grey levels.

    The error's mean in each block is left out: a shade that is a little off is not noise. Both planes are uint8
    ``[h, w]``; one smaller than a block is compared whole.
    """
    error = _blocks(picture.astype(np.float32) - hr.astype(np.float32))
    spread = _blocks(hr.astype(np.float32)).std(axis=1)
    flattest = np.argsort(spread, kind="stable")[: ceil(FLAT_SHARE * len(spread))]
    return float(np.sqrt(error[flattest].var(axis=1).mean()))


def _gradient(plane: UInt8Array) -> Levels:
    """Compute Prewitt's gradient magnitude of the means of 2x2 pixels."""
    half = cv2.boxFilter(plane, cv2.CV_32F, (2, 2), anchor=(0, 0), borderType=cv2.BORDER_REPLICATE)[::2, ::2]
    across, down = (cv2.filter2D(half, -1, k, borderType=cv2.BORDER_REPLICATE) for k in (_PREWITT, _PREWITT.T))
    return np.hypot(across, down).astype(np.float32)


def _blocks(plane: Levels) -> Levels:
    """Cut a plane into whole blocks, one a row."""
    side = min(FLAT_BLOCK_PX, *plane.shape)
    rows, columns = (length // side for length in plane.shape)
    whole = plane[: rows * side, : columns * side].reshape(rows, side, columns, side)
    return whole.swapaxes(1, 2).reshape(rows * columns, side * side)
