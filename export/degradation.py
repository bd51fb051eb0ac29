"""How a sharp picture becomes the low-resolution one: degradations, by name.

``imresize`` follows MATLAB's function of that name (bicubic kernel a = -0.5, antialiased when shrinking,
mirrored borders): Keys, "Cubic convolution interpolation for digital image processing" (1981), equation 15.
"""

from collections.abc import Callable
from functools import lru_cache
from math import ceil

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_srcnn.imaging.luma import UInt8Array

_KERNEL_WIDTH = 4.0


def imresize(plane: UInt8Array, height: int, width: int) -> UInt8Array:
    """Resize a uint8 plane ``[h, w]`` to ``[height, width]`` as MATLAB's bicubic ``imresize`` does."""
    rows = _weights(plane.shape[0], height)
    columns = _weights(plane.shape[1], width)
    out = rows @ plane.astype(np.float32) @ columns.T
    rounded: UInt8Array = np.clip(np.floor(out + 0.5), 0, 255).astype(np.uint8)
    return rounded


def matlab_bicubic(plane: UInt8Array, scale: int) -> UInt8Array:
    """The field's benchmark degradation: MATLAB's antialiased bicubic, 1/``scale``."""
    return imresize(plane, plane.shape[0] // scale, plane.shape[1] // scale)


def cv2_bicubic(plane: UInt8Array, scale: int) -> UInt8Array:
    """OpenCV's INTER_CUBIC, 1/``scale``: no antialiasing, a = -0.75."""
    size = (plane.shape[1] // scale, plane.shape[0] // scale)
    out: UInt8Array = cv2.resize(plane, size, interpolation=cv2.INTER_CUBIC)  # type: ignore[assignment]  # stubs: any dtype
    return out


Degradation = Callable[[UInt8Array, int], UInt8Array]

DEGRADATIONS: dict[str, Degradation] = {"bicubic": matlab_bicubic, "cv2": cv2_bicubic}
"""Degradations that a network can be trained against; each maps (plane, scale) to the small plane."""


def modcrop(plane: UInt8Array, scale: int) -> UInt8Array:
    """Cut right and bottom so that both sides are multiples of ``scale``."""
    h, w = plane.shape[:2]
    return plane[: h - h % scale, : w - w % scale]


def _cubic(x: NDArray[np.float64]) -> NDArray[np.float64]:
    x = np.abs(x)
    near = (1.5 * x - 2.5) * x * x + 1.0
    far = ((-0.5 * x + 2.5) * x - 4.0) * x + 2.0
    return np.where(x <= 1.0, near, np.where(x <= 2.0, far, 0.0))


@lru_cache(maxsize=64)
def _weights(length: int, new_length: int) -> NDArray[np.float32]:
    """Weight matrix ``[new_length, length]`` of one axis, mirrored borders folded in."""
    ratio = new_length / length
    stretch = min(ratio, 1.0)
    width = _KERNEL_WIDTH / stretch
    centre = (np.arange(new_length) + 0.5) / ratio - 0.5
    taps = np.floor(centre - width / 2)[:, None].astype(np.int64) + np.arange(ceil(width) + 2)
    weights = stretch * _cubic(stretch * (centre[:, None] - taps))
    weights /= weights.sum(axis=1, keepdims=True)
    period = np.mod(taps, 2 * length)
    mirrored = np.where(period < length, period, 2 * length - 1 - period)
    matrix = np.zeros((new_length, length))
    np.add.at(matrix, (np.arange(new_length)[:, None], mirrored), weights)
    return matrix.astype(np.float32)
