"""Mirror padding and tiles: a network with VALID convolutions leaves no seam between tiles that carry its halo."""

from collections.abc import Iterator
from dataclasses import dataclass

import cv2

from edge_srcnn.imaging.luma import UInt8Array


@dataclass(frozen=True)
class Tile:
    """One rectangle of the output, in pixels."""

    top: int
    left: int
    height: int
    width: int


def mirror_pad(plane: UInt8Array, halo_px: int, *, lent_above: int = 0, lent_below: int = 0) -> UInt8Array:
    """``plane`` ``[h, w]`` with ``halo_px`` mirrored pixels on every side (the border pixel is not repeated).

    Works for every size: a plane smaller than the halo is mirrored back and forth. A band of a larger plane
    brings ``lent_above`` and ``lent_below`` rows of its halo along; only the rest is mirrored.
    """
    padded: UInt8Array = cv2.copyMakeBorder(  # type: ignore[assignment]  # stubs: any dtype
        plane, halo_px - lent_above, halo_px - lent_below, halo_px, halo_px, cv2.BORDER_REFLECT_101
    )
    return padded


def cut(height: int, width: int, tile_height: int, tile_width: int) -> Iterator[Tile]:
    """Cover ``height`` x ``width`` by tiles of one size, from the top left, row by row.

    The last ones of a row or column are moved inwards rather than made smaller, so that an interpreter
    needs a single input size. A plane smaller than a tile is one tile of its own size.
    """
    h, w = min(height, tile_height), min(width, tile_width)
    for top in range(0, height, h):
        for left in range(0, width, w):
            yield Tile(min(top, height - h), min(left, width - w), h, w)
