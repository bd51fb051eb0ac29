"""Take a picture as a sensor does: count light behind a mosaic of colours, with noise, and demosaic it.

The light is grey, as the ground truth is; red, green and blue sites see the same of it, each with noise of its own.
That noise is then as a camera's is: spread over neighbours by the demosaicing, stronger in the dark by the curve.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_srcnn.imaging.luma import BT601
from export.data.degradation.resize import Levels

Light = NDArray[np.float32]
"""Linear light, 1.0 for white."""

BLACK, WHITE = 4096, 65535
"""Raw numbers of no light and of full light: above 0, so that noise in the dark is not cut off.

4096 is the black level from which libcamera's tuning tool for the Pi's cameras starts.
"""

_MARGIN_PX = 4  # OpenCV demosaics no border; even, so that the mosaic goes on in it
_TOE, _SLOPE, _OFFSET, _EXPONENT = 0.018, 4.5, 0.099, 0.45


@dataclass(frozen=True)
class Noise:
    """Describe the noise of one site: a variance of ``shot * light + read ** 2``, in units of full light.

    Foi et al., "Practical Poissonian-Gaussian noise modeling and fitting for single-image raw-data" (2008).

    Attributes
    ----------
    shot
        Variance per light, by counting electrons: the inverse of those that make white.
    read
        Standard deviation without light.
    """

    shot: float
    read: float

    def finer(self, scale: int) -> "Noise":
        """Compute the noise of sites so small that ``scale`` x ``scale`` of them together have this one."""
        return Noise(self.shot * scale**2, self.read * scale)


def expose(plane: Levels, noise: Noise, rng: np.random.Generator) -> Levels:
    """Take a picture ``[h, w]`` through a Bayer mosaic, and give the luma (BT.601) of what comes out.

    The demosaicing is OpenCV's edge-aware one; it softens the finest detail a little even without noise.
    """
    light = np.pad(light_of(plane), _MARGIN_PX, mode="reflect")
    deviation = np.sqrt(noise.shot * np.maximum(light, 0) + noise.read**2)
    counted = light + deviation * rng.standard_normal(light.shape, np.float32)
    raw = np.clip(np.rint(BLACK + counted * (WHITE - BLACK)), 0, WHITE).astype(np.uint16)
    bgr = cv2.cvtColor(raw, cv2.COLOR_BayerBG2BGR_EA)[_MARGIN_PX:-_MARGIN_PX, _MARGIN_PX:-_MARGIN_PX]
    levels = levels_of((bgr.astype(np.float32) - BLACK) / np.float32(WHITE - BLACK))
    blue, green, red = (levels[..., channel] * np.float32(BT601[2 - channel]) for channel in range(3))
    total: Levels = blue + green + red  # in this order everywhere, which a matrix product leaves to the processor
    return total


def light_of(levels: Levels) -> Light:
    """Find the light that a camera turns into these levels: the inverse of ``levels_of``."""
    value = levels / np.float32(255)
    bright = ((np.maximum(value, _TOE * _SLOPE) + _OFFSET) / (1 + _OFFSET)) ** (1 / _EXPONENT)
    return np.where(value < _TOE * _SLOPE, value / _SLOPE, bright).astype(np.float32)


def levels_of(light: Light) -> Levels:
    """Turn linear light into grey levels by the curve of ITU-R BT.709-6, item 1.2, its straight part also below 0."""
    bright = (1 + _OFFSET) * np.maximum(light, _TOE) ** _EXPONENT - _OFFSET
    return (255 * np.where(light < _TOE, _SLOPE * light, bright)).astype(np.float32)
