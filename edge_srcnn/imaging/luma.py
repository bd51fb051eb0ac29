"""RGB to luma, in the two ranges that pictures and videos use.

The coefficients are those of ITU-R BT.601-7, section 2.5.1: Y' = 0.299 R' + 0.587 G' + 0.114 B'.
"""

import numpy as np
from numpy.typing import NDArray

UInt8Array = NDArray[np.uint8]

BT601 = np.array([0.299, 0.587, 0.114])
"""Weights of R', G', B' in luma (BT.601)."""

# MATLAB's rgb2ycbcr spells the studio-range weights out in units of 1/255 of full scale.
_STUDIO = np.array([65.481, 128.553, 24.966]) / 255.0
_STUDIO_OFFSET = 16.0
_ROWS = 256


def luma_full_range(rgb: UInt8Array) -> UInt8Array:
    """Full-range luma (0..255), as JPEG and camera YUV420 streams have it.

    Parameters
    ----------
    rgb
        uint8 ``[h, w, 3]`` in the order R, G, B. A grey picture ``[h, w]`` is its own luma.

    Returns
    -------
    uint8 ``[h, w]``. Source: ITU-T T.871 (JFIF), section 7.
    """
    return _weigh(rgb, BT601, 0.0)


def luma_studio_range(rgb: UInt8Array) -> UInt8Array:
    """Studio-range luma (16..235), as MATLAB's ``rgb2ycbcr`` gives it: the benchmarks' Y channel.

    Parameters
    ----------
    rgb
        uint8 ``[h, w, 3]`` in the order R, G, B. A grey picture ``[h, w]`` is its own luma.

    Returns
    -------
    uint8 ``[h, w]``. Source: ITU-R BT.601-7, section 2.5.3.
    """
    return _weigh(rgb, _STUDIO, _STUDIO_OFFSET)


def _weigh(rgb: UInt8Array, weights: NDArray[np.float64], offset: float) -> UInt8Array:
    if rgb.ndim == 2:
        return rgb
    out = np.empty(rgb.shape[:2], np.uint8)
    for top in range(0, len(rgb), _ROWS):  # a float32 copy of a whole large picture would fill the memory
        rows = slice(top, top + _ROWS)
        out[rows] = rgb[rows].astype(np.float32) @ weights.astype(np.float32) + np.float32(offset + 0.5)
    return out
