"""Blur a picture as a lens, its focus and an unsteady hand do: point spread functions, and the blur by one.

A function is drawn four times finer than the pixels and averaged, so that widths below one pixel are told apart. All
are float32 ``[k, k]`` with k odd, sum to 1, and are symmetric about the middle: the picture is not moved.
"""

from collections.abc import Callable
from math import ceil, cos, sin

import cv2
import numpy as np

from export.data.degradation.resize import Levels

_FINER = 4
_GAUSSIAN_REACH = 3.0  # in sigmas: less than 0.3 % lies outside
_STREAK_WIDTH_PX = 1.0


def gaussian(sigma_px: tuple[float, float], angle: float) -> Levels:
    """Draw an out-of-round Gaussian: standard deviations along and across ``angle`` (radians), both above 0."""
    along_px, across_px = sigma_px

    def weight(along: Levels, across: Levels) -> Levels:
        return np.exp(-0.5 * ((along / along_px) ** 2 + (across / across_px) ** 2))

    return _drawn(weight, _GAUSSIAN_REACH * max(sigma_px), angle)


def disc(radius_px: float) -> Levels:
    """Draw defocus: a point becomes an even disc of a radius."""
    return _drawn(lambda x, y: (np.hypot(x, y) <= radius_px).astype(np.float32), radius_px)


def streak(length_px: float, angle: float) -> Levels:
    """Draw motion while the shutter is open: a point becomes a line of ``length_px``, one pixel wide."""

    def weight(along: Levels, across: Levels) -> Levels:
        return ((abs(along) <= length_px / 2) & (abs(across) <= _STREAK_WIDTH_PX / 2)).astype(np.float32)

    return _drawn(weight, max(length_px, _STREAK_WIDTH_PX) / 2, angle)


def blur(plane: Levels, psf: Levels) -> Levels:
    """Convolve a float32 plane ``[h, w]`` with a point spread function ``[k, k]``; borders are mirrored."""
    out: Levels = cv2.filter2D(plane, -1, psf, borderType=cv2.BORDER_REFLECT)  # type: ignore[assignment]  # stubs: any dtype
    return out


def _drawn(weight: Callable[[Levels, Levels], Levels], reach_px: float, angle: float = 0.0) -> Levels:
    """Average ``weight(along, across)`` over each pixel of the smallest kernel that reaches ``reach_px``."""
    side = 2 * max(ceil(reach_px - 0.5), 0) + 1
    axis = (np.arange(side * _FINER, dtype=np.float32) + np.float32(0.5)) / np.float32(_FINER) - np.float32(side / 2)
    y, x = np.meshgrid(axis, axis, indexing="ij")
    fine = weight(x * cos(angle) + y * sin(angle), y * cos(angle) - x * sin(angle))
    psf: Levels = fine.reshape(side, _FINER, side, _FINER).mean(axis=(1, 3), dtype=np.float32)
    psf /= psf.sum()
    return psf
