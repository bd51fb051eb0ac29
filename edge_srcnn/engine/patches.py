"""Cover what changed since the last plane by tiles, which lie where the changes are."""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_srcnn.engine.tiled_graph import TiledNetwork
from edge_srcnn.imaging.luma import UInt8Array
from edge_srcnn.imaging.tiles import Tile

_CELL_PX = 8
"""Changes are looked for in cells of such a side; or of a smaller one, so that a tile has at least one."""

_DENSE = 0.5
"""A large tile is taken where so much of it changed; else small ones."""


@dataclass(frozen=True)
class Patch:
    """A tile of the plane that is to be computed, by the network of that number."""

    number: int
    tile: Tile


class Patches:
    """Finds what changed, and the tiles to compute.

    Parameters
    ----------
    networks
        The same network for tiles of different sizes, the largest first, laid over planes of one size.
    context_px
        Pixels of the plane, down and across, that an output pixel depends on besides its own.
    """

    def __init__(self, networks: Sequence[TiledNetwork], context_px: tuple[int, int]) -> None:
        smallest = networks[-1]
        self._size, self._tiles = smallest.size, [network.tiles[0] for network in networks]
        self._pixels_read = [network.pixels_read for network in networks]
        least = self._tiles[-1].height, self._tiles[-1].width
        self._cell = tuple(
            grain * max(min(_CELL_PX, side) // grain, 1) for grain, side in zip(smallest.grain, least, strict=True)
        )
        self._cells = [(tile.height // self._cell[0], tile.width // self._cell[1]) for tile in self._tiles]
        before = smallest.halo.above, smallest.halo.left
        self._edges = [
            _edges(*each) for each in zip(self._size, self._cell, before, context_px, strict=True)
        ]  # of what cells depend on, in the padded plane

    def between(self, padded: UInt8Array, last: UInt8Array, within: Tile, limit: float) -> list[Patch] | None:
        """Find what is to be computed of a plane, where the result of the last one is known.

        Parameters
        ----------
        padded
            The plane with its halo, uint8 ``[h, w]``.
        last
            The last one.
        within
            The part of the plane that matters.
        limit
            Pixels to be read for the tiles, at most.

        Returns
        -------
        Tiles that cover every pixel whose input changed; None: more pixels would have to be read.
        """
        changed = np.not_equal(padded, last).view(np.uint8)
        sums = cv2.integral(changed)
        (top, bottom), (left, right) = self._edges
        sums = sums[bottom] - sums[top]
        dirty = sums[:, right] != sums[:, left]
        (down, across), wanted = self._cell, np.zeros(dirty.shape, np.bool_)
        rows = slice(within.top // down, -(-(within.top + within.height) // down))
        wanted[rows, within.left // across : -(-(within.left + within.width) // across)] = True
        return self._cover(np.array(dirty & wanted, order="C"), limit)

    def _cover(self, dirty: NDArray[np.bool_], left: float) -> list[Patch] | None:
        """Cover dirty cells, in the order of their rows, from the top left on; they are clean then."""
        found, flat, columns = [], dirty.reshape(-1), dirty.shape[1]
        (height, width), (down, across), (rows, width_cells) = self._size, self._cell, self._cells[-1]
        while flat[first := int(flat.argmax())]:
            row, column = divmod(first, columns)
            begin = max(column + 1 - width_cells, 0)  # what lies further left below is to be covered, too
            column = begin + int(dirty[row : row + rows, begin : column + 1].any(axis=0).argmax())
            number, part = self._choose(dirty[row:, column:])
            part[:] = False
            left -= self._pixels_read[number]
            if left < 0:
                return None
            tile = self._tiles[number]
            place = min(row * down, height - tile.height), min(column * across, width - tile.width)
            found.append(Patch(number, Tile(*place, tile.height, tile.width)))
        return found

    def _choose(self, dirty: NDArray[np.bool_]) -> tuple[int, NDArray[np.bool_]]:
        """Choose the largest tile that is dense with changes, or the smallest; gives its cells, too."""
        *larger, smallest = self._cells
        for number, (rows, columns) in enumerate(larger):
            part = dirty[:rows, :columns]
            if np.count_nonzero(part) >= _DENSE * rows * columns:
                return number, part
        return len(larger), dirty[: smallest[0], : smallest[1]]


def _edges(length: int, cell: int, before: int, context: int) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Give begin and end of what each cell along one side depends on, in pixels of the padded plane."""
    begin = np.arange(0, length, cell)
    return begin + before - context, np.minimum(begin + cell, length) + before + context
