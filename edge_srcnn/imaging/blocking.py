"""Estimate how much the blocks of JPEG show in a picture, in whole numbers up to the last step.

JPEG codes squares of 8 pixels, each by itself, and where two meet a step is left. A third difference across a border
takes the step twice and lets go of slopes; borders are what comes again every 8 pixels. What has been cropped has its
borders elsewhere, and so all 8 places are tried.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_srcnn.imaging.luma import UInt8Array

_SIDE = 8
_STEP = np.array([[-1, 3, -3, 1]], np.float32)  # whole numbers stay exact
_MOST = 24  # of a difference: an edge of the scene counts no more than a strong block
_BAND_ROWS = 256


def estimate_blocking(plane: UInt8Array) -> float:
    """Estimate how far the borders of blocks stand out, in grey levels of the third difference across them.

    Parameters
    ----------
    plane
        uint8 ``[h, w]``.

    Returns
    -------
    Mean of both directions, 0 to 24; the same on every machine. Of JPEG 60 it is 3 to 8, of JPEG 95 and of video
    behind a deblocking filter below 2. 0 where the plane is too small to tell: less than 3 blocks, down or across.
    """
    if min(plane.shape) < 3 * _SIDE:
        return 0.0
    bands = range(0, plane.shape[0], _BAND_ROWS)
    across = np.sum([_step_sums(plane[top : top + _BAND_ROWS]) for top in bands], axis=0)
    down = np.concatenate([_step_sums(plane[max(top - 3, 0) : top + _BAND_ROWS].T) for top in bands])
    return (_excess(across, plane.shape[0]) + _excess(down, plane.shape[1])) / 2


def _step_sums(rows: UInt8Array) -> NDArray[np.int64]:
    """Add up the differences at each place between two columns, over all rows; three less than there are columns."""
    steps = np.abs(cv2.filter2D(np.ascontiguousarray(rows), cv2.CV_16S, _STEP, anchor=(0, 0))[:, :-3])
    sums: NDArray[np.int64] = np.minimum(steps, _MOST).sum(axis=0, dtype=np.int64)
    return sums


def _excess(sums: NDArray[np.int64], count: int) -> float:
    """Compare the place of eight that has the largest mean with the middle one of them."""
    whole = len(sums) // _SIDE * _SIDE
    places = np.sort(sums[:whole].reshape(-1, _SIDE).sum(axis=0))
    middle = (int(places[3]) + int(places[4])) / 2
    return (int(places[-1]) - middle) / (whole // _SIDE * count)
