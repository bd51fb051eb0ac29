"""Mirror padding and tiles: a network with VALID convolutions leaves no seam between tiles that carry its halo."""

from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np

from edge_srcnn.imaging.luma import UInt8Array


@dataclass(frozen=True)
class Tile:
    """A rectangle of the output, in pixels."""

    top: int
    left: int
    height: int
    width: int

    @property
    def place(self) -> tuple[slice, slice]:
        """Rows and columns, to index a plane with."""
        return slice(self.top, self.top + self.height), slice(self.left, self.left + self.width)

    def touches(self, other: "Tile") -> bool:
        """Whether they share a pixel."""
        down = self.top < other.top + other.height and other.top < self.top + self.height
        return down and self.left < other.left + other.width and other.left < self.left + self.width


def mirror_pad(plane: UInt8Array, halo_px: int) -> UInt8Array:
    """``plane`` ``[h, w]`` with ``halo_px`` mirrored pixels on every side (the border pixel is not repeated).

    Works for every size: a plane smaller than the halo is mirrored back and forth.
    """
    return mirror_border(plane, halo_px, halo_px, halo_px, halo_px)


def mirror_border(
    plane: UInt8Array, above: int, below: int, left: int, right: int, out: UInt8Array | None = None
) -> UInt8Array:
    """Like ``mirror_pad``, with a width for each side; into ``out`` (contiguous, of the right size) if it is given."""
    padded = cv2.copyMakeBorder(plane, above, below, left, right, cv2.BORDER_REFLECT_101, dst=out)
    return np.asarray(padded, np.uint8)


def round_up(length: int, grain: int) -> int:
    """Round ``length`` up to a multiple of ``grain``."""
    return -(-length // grain) * grain


def even_side(length: int, wanted: int, grain: int) -> int:
    """Choose the side of the tiles that cover ``length``: as many as ``wanted`` needs, with little overlap.

    A multiple of ``grain``; ``length`` 480 and ``wanted`` 200 give 160, not 200 and a rest of 80.
    """
    tiles = -(-length // max(wanted, 1))
    return round_up(-(-length // tiles), grain)


def cut(height: int, width: int, tile_height: int, tile_width: int) -> Iterator[Tile]:
    """Cover ``height`` x ``width`` by tiles of one size, from the top left, row by row.

    The last ones of a row or column are moved inwards rather than made smaller, so that an interpreter
    needs a single input size. A plane smaller than a tile is one tile of its own size.
    """
    h, w = min(height, tile_height), min(width, tile_width)
    for top in range(0, height, h):
        for left in range(0, width, w):
            yield Tile(min(top, height - h), min(left, width - w), h, w)
