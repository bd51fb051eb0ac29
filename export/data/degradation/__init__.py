"""Degrade a sharp picture to the low-resolution one, by the name of a degradation."""

from collections.abc import Callable, Sequence

import numpy as np

from edge_srcnn.imaging.luma import UInt8Array
from export.data.degradation.camera import camera
from export.data.degradation.resize import cv2_bicubic, imresize, matlab_bicubic, modcrop

__all__ = ["DEGRADATIONS", "RANDOM", "Degradation", "cv2_bicubic", "degrade", "imresize", "matlab_bicubic", "modcrop"]

Degradation = Callable[[UInt8Array, int, np.random.Generator], UInt8Array]

DEGRADATIONS: dict[str, Degradation] = {"bicubic": matlab_bicubic, "cv2": cv2_bicubic, "camera": camera}
"""Degradations that a network can be trained against; each maps (plane, scale, generator) to the small plane."""

RANDOM = frozenset({"camera"})
"""Those of them that draw from the generator: one picture has as many small ones as are asked for."""


def degrade(name: str, plane: UInt8Array, scale: int, seed: int | Sequence[int]) -> UInt8Array:
    """Degrade a uint8 plane ``[h, w]`` to ``[h // scale, w // scale]``; the same seed (0 or more) gives the same."""
    return DEGRADATIONS[name](plane, scale, np.random.default_rng(seed))
