"""Follow light that drifts, flickers or is switched: places of one brightness together, then block by block.

An offset is how far a block of the new frame is from what was handed out, in 1/256 level.
"""

import numpy as np

from edge_srcnn.imaging.temporal.grid import Grid, Whole, around
from edge_srcnn.imaging.temporal.noise import quantile, quartiles

_COMMON, _NEAR, _ALONE = 102, 160, 192
"""Offsets that are followed at least: of all blocks of a brightness, of a block and its neighbours, of one block."""
_MOST = 40 << 8
"""A larger one is no change of light."""
_SURE = 3  # times what is usual between neighbours


class Light:
    """Follows the offsets of blocks.

    Parameters
    ----------
    grid
        Of the picture.
    """

    def __init__(self, grid: Grid) -> None:
        self._noise, self._lasting = 0, np.zeros(grid.blocks, np.int32)
        self._count = around(np.ones(grid.blocks, np.int32))

    def change(self, difference: Whole) -> Whole:
        """Tell what the light changed between two frames: what neighbours have in common.

        Parameters
        ----------
        difference
            int32, of every block: difference of its sums over 64 spots.

        Returns
        -------
        int32: the absolute difference, without what blocks have alone.
        """
        smooth = around(difference) // self._count
        usual = quantile(np.abs(difference - smooth), 2) * 181 >> 6  # 256 / 64 / root of 2
        self._noise = max(usual, self._noise - (self._noise >> 6))
        return np.asarray(np.abs(smooth))

    def common(self, offset: Whole, tone: Whole) -> Whole:
        """Tell by how much blocks are to be raised because most of their brightness are off alike.

        Parameters
        ----------
        offset
            int32, of every block.
        tone
            Class of brightness of every block.

        Returns
        -------
        int32, of every block: 1/256 level, or 0.
        """
        if np.count_nonzero(np.abs(offset) > _COMMON) * 16 < offset.size:
            return np.zeros_like(offset)
        low, middle, high = quartiles(offset, tone)
        alike = (np.sign(low) == np.sign(high)) & (2 * np.minimum(np.abs(low), np.abs(high)) > np.abs(middle))
        followed = alike & (np.abs(middle) > _COMMON) & (np.abs(middle) < _MOST)
        push: Whole = np.where(followed, middle, 0)[tone]
        return push

    def local(self, offset: Whole, still: Whole, trusted: Whole) -> Whole:
        """Tell by how much blocks are to be raised because they are off together with neighbours, or for long.

        Parameters
        ----------
        offset
            int32, of every block.
        still
            bool, of every block: nothing moves in it.
        trusted
            bool: those of them that are new samples.

        Returns
        -------
        int32, of every block: 1/256 level, or 0.
        """
        counted, sure = np.clip(offset, -_MOST, _MOST) * still, _SURE * self._noise
        smooth = around(counted) // np.maximum(around(still.astype(np.int32)), 1)
        better = np.abs(counted - smooth) < np.abs(counted)  # neighbours may be off where a block is not
        near = (np.abs(smooth) > max(_NEAR, sure)) & better & trusted
        self._lasting += np.where(trusted, counted - self._lasting >> 2, 0)
        alone = (np.abs(self._lasting) > max(_ALONE, sure)) & trusted
        push: Whole = np.where(near, smooth, np.where(alone, self._lasting, 0))
        self._lasting = np.where(still, self._lasting - push, 0)
        return push
