"""Hold what a network reads of one picture, and what it should put out."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edge_srcnn.imaging.luma import UInt8Array

GREY_LEVEL = 64
"""Goals count in 64ths of a grey level: what teachers put out is no whole number."""

UNCOUNTED = np.iinfo(np.int16).min
"""A residual that may be anything: a loss passes over it."""


@dataclass(frozen=True)
class Pair:
    """Hold what a network reads of one picture, and what it should put out.

    Attributes
    ----------
    plane
        What the network reads, uint8 ``[h, w]``.
    hr
        The sharp picture, uint8 ``[h * upsampling, w * upsampling]``.
    base
        The bicubic picture, uint8, as large as the ground truth; the plane itself, where the network reads that, and at
        scale 1.
    residual
        What teachers add to the base, int16 in 64ths of a grey level, ``UNCOUNTED`` where anything is right; None: the
        ground truth is the goal.
    """

    plane: UInt8Array
    hr: UInt8Array
    base: UInt8Array
    residual: NDArray[np.int16] | None = None

    def goal(self, place: tuple[slice, slice], *, adds: bool) -> NDArray[np.int16]:
        """Compute what a network should put out at a place of the ground truth, int16 in 64ths of a grey level.

        ``adds``: it puts out what is to be added to the base, not the picture.
        """
        base = self.base[place].astype(np.int16) * np.int16(GREY_LEVEL)
        if self.residual is not None:
            return self.residual[place] if adds else base + self.residual[place]
        hr = self.hr[place].astype(np.int16) * np.int16(GREY_LEVEL)
        return hr - base if adds else hr
