"""Resize planes by MATLAB's bicubic, by OpenCV's, and by the mean of areas.

``imresize`` follows MATLAB's function of that name (bicubic kernel a = -0.5, antialiased when shrinking,
mirrored borders): Keys, "Cubic convolution interpolation for digital image processing" (1981), equation 15.
"""

from functools import lru_cache
from math import ceil
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_srcnn.imaging.luma import UInt8Array

Levels = NDArray[np.float32]
"""A plane ``[h, w]`` in grey levels that are not rounded yet; they may lie a little outside of 0..255."""

_KERNEL_WIDTH = 4.0
_CERTAIN_DECIMALS = 6  # sums of some hundred grey levels in double precision are certain to ten


def imresize(plane: UInt8Array, height: int, width: int) -> UInt8Array:
    """Resize a uint8 plane ``[h, w]`` to ``[height, width]`` as MATLAB's bicubic ``imresize`` does.

    In double precision, as there, and tap by tap: a matrix product would add up in an order that depends on the
    processor and its threads, and pixels are to be the same everywhere. What differs from a half by no more than such
    sums do counts as a half.
    """
    return to_uint8(np.round(_resampled(plane, height, width), _CERTAIN_DECIMALS))


def resample(plane: Levels, height: int, width: int) -> Levels:
    """Resize float32 ``[h, w]`` to ``[height, width]`` as ``imresize`` does before it rounds and clips."""
    return _resampled(plane, height, width).astype(np.float32)


def _resampled(plane: NDArray[Any], height: int, width: int) -> NDArray[np.float64]:
    down = _interpolated(plane.astype(np.float64), height)
    return np.ascontiguousarray(_interpolated(np.ascontiguousarray(down.T), width).T)


def _interpolated(plane: NDArray[np.float64], height: int) -> NDArray[np.float64]:
    """Interpolate the columns of a plane: ``[h, w]`` to ``[height, w]``."""
    places, weights = _taps(plane.shape[0], height)
    out = np.zeros((height, plane.shape[1]))
    for place, weight in zip(places.T, weights.T, strict=True):
        out += weight[:, None] * plane[place]
    return out


def to_uint8(plane: NDArray[np.floating[Any]]) -> UInt8Array:
    """Round to the nearest uint8 levels, halves upwards."""
    out: UInt8Array = np.clip(np.floor(plane + 0.5), 0, 255).astype(np.uint8)
    return out


def mean_of_areas(plane: Levels, height: int, width: int) -> Levels:
    """Shrink float32 ``[h, w]`` to ``[height, width]``: each pixel is the mean of the area that it covers."""
    out: Levels = cv2.resize(plane, (width, height), interpolation=cv2.INTER_AREA)  # type: ignore[assignment]  # stubs: any dtype
    return out


def matlab_bicubic(plane: UInt8Array, scale: int, rng: np.random.Generator | None = None) -> UInt8Array:
    """Shrink to 1/``scale`` by the benchmark degradation of the field, MATLAB's antialiased bicubic; draws nothing."""
    return imresize(plane, plane.shape[0] // scale, plane.shape[1] // scale)


def cv2_bicubic(plane: UInt8Array, scale: int, rng: np.random.Generator | None = None) -> UInt8Array:
    """Shrink to 1/``scale`` by OpenCV's INTER_CUBIC: no antialiasing, a = -0.75; draws nothing."""
    size = (plane.shape[1] // scale, plane.shape[0] // scale)
    out: UInt8Array = cv2.resize(plane, size, interpolation=cv2.INTER_CUBIC)  # type: ignore[assignment]  # stubs: any dtype
    return out


def modcrop(plane: UInt8Array, scale: int) -> UInt8Array:
    """Cut a plane at its right and bottom so that both sides are multiples of ``scale``."""
    h, w = plane.shape[:2]
    return plane[: h - h % scale, : w - w % scale]


def _cubic(x: NDArray[np.float64]) -> NDArray[np.float64]:
    x = np.abs(x)
    near = (1.5 * x - 2.5) * x * x + 1.0
    far = ((-0.5 * x + 2.5) * x - 4.0) * x + 2.0
    return np.where(x <= 1.0, near, np.where(x <= 2.0, far, 0.0))


@lru_cache(maxsize=64)
def _taps(length: int, new_length: int) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Find the places ``[new_length, taps]`` that each new pixel is made of, borders mirrored, and their weights."""
    ratio = new_length / length
    stretch = min(ratio, 1.0)
    width = _KERNEL_WIDTH / stretch
    centre = (np.arange(new_length) + 0.5) / ratio - 0.5
    taps = np.floor(centre - width / 2)[:, None].astype(np.int64) + np.arange(ceil(width) + 2)
    weights = stretch * _cubic(stretch * (centre[:, None] - taps))
    weights /= weights.sum(axis=1, keepdims=True)
    period = np.mod(taps, 2 * length)
    return np.where(period < length, period, 2 * length - 1 - period), weights
