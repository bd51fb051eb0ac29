"""Divide a picture into spots of 2x2 pixels, cells of 4x4 spots and blocks of 2x2 cells."""

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

Whole = NDArray[Any]
"""Whole numbers, of the kind that is said where they are made."""

SPOT_PX, CELL_SPOTS, BLOCK_SPOTS = 2, 4, 8
BLOCK_PX = SPOT_PX * BLOCK_SPOTS
SPOTS = BLOCK_SPOTS**2
"""Spots of a block."""

_REPEATED = {1: 0x01010101, 2: 0x0001000100010001}
"""A number of one or two bytes times these is four of them."""
_STRIP_PX = 64_000
"""Pixels that are worked on at a time, so that all that is made of them stays in a processor's cache."""


@dataclass(frozen=True)
class Grid:
    """Count the blocks that cover a picture: rows and columns. The last ones may reach beyond it."""

    rows: int
    columns: int

    @classmethod
    def over(cls, height: int, width: int) -> "Grid":
        """Cover a luma plane of that size in pixels."""
        return cls(-(-height // BLOCK_PX), -(-width // BLOCK_PX))

    @property
    def spots(self) -> tuple[int, int]:
        """Count the spots down and across."""
        return self.rows * BLOCK_SPOTS, self.columns * BLOCK_SPOTS

    @property
    def cells(self) -> tuple[int, int]:
        """Count the cells down and across."""
        return self.rows * 2, self.columns * 2

    @property
    def blocks(self) -> tuple[int, int]:
        """Count the blocks down and across."""
        return self.rows, self.columns

    def strips(self, block_px: int) -> list[tuple[int, int]]:
        """Split the rows of blocks, of so many pixels each, into ranges that are worked on at a time."""
        step = max(_STRIP_PX // (self.columns * block_px), 1)
        return [(first, min(first + step, self.rows)) for first in range(0, self.rows, step)]

    def of_cells(self, spots: Whole) -> Whole:
        """View a plane of spots as ``[cells down, 4, spots across]``, so that ``across_cells`` fits it."""
        return spots.reshape(self.cells[0], CELL_SPOTS, -1)

    def of_blocks(self, spots: Whole) -> Whole:
        """View a plane of spots as ``[blocks down, 8, spots across]``, so that ``across_blocks`` fits it."""
        return spots.reshape(self.rows, BLOCK_SPOTS, -1)

    def across_cells(self, values: Whole, out: Whole) -> Whole:
        """Repeat a value of every cell across its spots; ``out`` is ``[cells down, spots across]``, uint8 or uint16."""
        word = np.uint32 if out.itemsize == 1 else np.uint64
        np.multiply(values, word(_REPEATED[out.itemsize]), out=out.view(word), dtype=word, casting="unsafe")
        return out[:, None, :]

    def across_blocks(self, values: Whole, out: Whole) -> Whole:
        """Repeat a value of every block across its spots; ``out`` is ``[blocks down, spots across]``, uint8."""
        np.multiply(values, np.uint64(0x0101010101010101), out=out.view(np.uint64), dtype=np.uint64, casting="unsafe")
        return out[:, None, :]

    def cell_sums(self, spots: Whole, columns: Whole) -> Whole:
        """Add up the spots of each cell.

        Parameters
        ----------
        spots
            uint8.
        columns
            uint16 ``[cells down, spots across]``, written to.

        Returns
        -------
        int32, of every cell.
        """
        np.add.reduce(self.of_cells(spots), axis=1, dtype=np.uint16, out=columns)
        np.left_shift(columns, 2, out=columns)  # so that the mean of four has no fraction
        means = cv2.resize(columns, self.cells[::-1], interpolation=cv2.INTER_AREA)
        return np.asarray(means, np.int32)

    def block_sums(self, cells: Whole) -> Whole:
        """Add up the cells of each block: int32."""
        rows = cells[::2] + cells[1::2]
        summed: Whole = rows[:, ::2] + rows[:, 1::2]
        return summed

    def cells_of(self, blocks: Whole) -> Whole:
        """Give the value of every block to its cells."""
        cells = np.empty(self.cells, blocks.dtype)
        cells[::2, ::2] = cells[::2, 1::2] = cells[1::2, ::2] = cells[1::2, 1::2] = blocks
        return cells

    def middles(self, spots: Whole) -> Whole:
        """Take a spot in the middle of each cell."""
        return spots[CELL_SPOTS // 2 :: CELL_SPOTS, CELL_SPOTS // 2 :: CELL_SPOTS]


def around(values: Whole) -> Whole:
    """Add up every block and its neighbours."""
    down = values.copy()
    down[1:] += values[:-1]
    down[:-1] += values[1:]
    summed = down.copy()
    summed[:, 1:] += down[:, :-1]
    summed[:, :-1] += down[:, 1:]
    return summed


def any_of(mask: Whole) -> bool:
    """Tell whether a plane of uint8 has anything but 0."""
    return cv2.countNonZero(mask) > 0


def all_of(mask: Whole) -> bool:
    """Tell whether a plane of uint8 has no 0."""
    return cv2.countNonZero(mask) == mask.size
