"""Estimate the noise of a sensor from one picture, in whole numbers up to the last step.

Immerkaer, "Fast noise variance estimation" (1996): a difference of two Laplacians lets go of edges and slopes, and of
white noise leaves 6 standard deviations. The mean over a whole picture counts texture as noise, and so it is taken
block by block, and a smooth block tells.
"""

from math import pi, sqrt

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_srcnn.imaging.luma import UInt8Array

BLOCK_PX = 16
SMOOTH_SHARE = 0.1
"""A tenth of the blocks is as smooth as the one that tells, or smoother."""

SMOOTHEST_SHARE = 0.01
"""In its place, where grain of the scene must not count: the smoothest hundredth."""

_MASK = np.array([1, -2, 1], np.float32)  # of rows, and of columns; whole numbers stay exact
_MASK_NORM = 6
_SMOOTHEST = {SMOOTH_SHARE: 1.06, SMOOTHEST_SHARE: 1.22}
"""Of noise alone, the block that tells has a mean so much lower."""
_BAND_BLOCKS = 16


def estimate_noise(plane: UInt8Array, share: float = SMOOTH_SHARE) -> float:
    """Estimate the standard deviation of the noise of a plane, in grey levels.

    A texture without any smooth place counts as noise; what an encoder has smoothed away is not found.

    Parameters
    ----------
    plane
        uint8 ``[h, w]``.
    share
        Of the blocks, those that may be smoother than the one that tells: ``SMOOTH_SHARE`` or ``SMOOTHEST_SHARE``.

    Returns
    -------
    The same on every machine. 0 where the plane is too small to tell: 2 pixels or fewer, down or across.
    """
    height, width = (min(BLOCK_PX, side - 2) for side in plane.shape)
    if min(height, width) < 1:
        return 0.0
    sums: list[NDArray[np.int32]] = []
    rows = (plane.shape[0] - 2) // height * height
    for top in range(0, rows, height * _BAND_BLOCKS):
        sums.append(_sums(plane[top : min(top + height * _BAND_BLOCKS, rows) + 2], height, width))
    found = np.concatenate(sums)
    place = int(share * (len(found) - 1))
    total = int(np.partition(found, place)[place])
    return float(total * sqrt(pi / 2) * _SMOOTHEST[share] / (_MASK_NORM * height * width))


def _sums(rows: UInt8Array, height: int, width: int) -> NDArray[np.int32]:
    """Add up, block by block, what the mask leaves."""
    left = np.abs(cv2.sepFilter2D(rows, cv2.CV_16S, _MASK, _MASK)[1:-1, 1:-1])
    columns = left.shape[1] // width * width
    lines = left[:, :columns].reshape(-1, height, columns).sum(axis=1, dtype=np.int32)
    sums: NDArray[np.int32] = lines.reshape(-1, width).sum(axis=1, dtype=np.int32)
    return sums
