"""Pad, cut and block planes as a network with VALID convolutions wants them.

Tiles that carry the network's halo leave no seam. Blocks are a plane ``[h, w]`` as a grid ``[h / bh, w / bw, bh * bw]``
whose pixels are channels. Source: space-to-depth and depth-to-space, Shi et al., "Real-Time Single Image and Video
Super-Resolution Using an Efficient Sub-Pixel Convolutional Neural Network" (2016), section 3.2.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_srcnn.imaging.luma import UInt8Array

_WORDS = (np.uint64, np.uint32, np.uint16)


@dataclass(frozen=True)
class Tile:
    """Name a rectangle of the output, in pixels."""

    top: int
    left: int
    height: int
    width: int

    @property
    def place(self) -> tuple[slice, slice]:
        """Give rows and columns, to index a plane with."""
        return slice(self.top, self.top + self.height), slice(self.left, self.left + self.width)

    def touches(self, other: "Tile") -> bool:
        """Tell whether they share a pixel."""
        down = self.top < other.top + other.height and other.top < self.top + self.height
        return down and self.left < other.left + other.width and other.left < self.left + self.width


def mirror_pad(plane: UInt8Array, halo_px: int) -> UInt8Array:
    """Pad ``[h, w]``, of any size, with ``halo_px`` mirrored pixels on every side; the border pixel is not repeated."""
    return mirror_border(plane, halo_px, halo_px, halo_px, halo_px)


def mirror_border(
    plane: UInt8Array, above: int, below: int, left: int, right: int, out: UInt8Array | None = None
) -> UInt8Array:
    """Pad a plane by mirrored pixels, with a width for each side.

    Parameters
    ----------
    plane
        uint8 ``[h, w]``; one smaller than a border is mirrored back and forth.
    above
        Rows.
    below
        Rows.
    left
        Columns.
    right
        Columns.
    out
        Where the result goes: contiguous, of the right size; None: it is made.

    Returns
    -------
    uint8 ``[above + h + below, left + w + right]``.
    """
    padded = cv2.copyMakeBorder(plane, above, below, left, right, cv2.BORDER_REFLECT_101, dst=out)
    return np.asarray(padded, np.uint8)


def round_up(length: int, grain: int) -> int:
    """Round ``length`` up to a multiple of ``grain``."""
    return -(-length // grain) * grain


def even_side(length: int, wanted: int, grain: int) -> int:
    """Choose the side of as many tiles as ``wanted`` needs to cover ``length``, with little overlap.

    Parameters
    ----------
    length
        Pixels to cover.
    wanted
        Side that was asked for; may be larger.
    grain
        What the side is a multiple of.

    Returns
    -------
    The side in pixels: 160 of 480 and 200, not 200 and a rest of 80.
    """
    tiles = -(-length // max(wanted, 1))
    return round_up(-(-length // tiles), grain)


def cut(height: int, width: int, tile_height: int, tile_width: int) -> Iterator[Tile]:
    """Cover a plane by tiles of one size, from the top left, row by row.

    The last ones of a row or column are moved inwards rather than made smaller, so that an interpreter
    needs a single input size. A plane smaller than a tile is one tile of its own size.

    Parameters
    ----------
    height
        Rows to cover.
    width
        Columns to cover.
    tile_height
        Rows of a tile.
    tile_width
        Columns of a tile.

    Yields
    ------
    Tiles, which may overlap.
    """
    h, w = min(height, tile_height), min(width, tile_width)
    for top in range(0, height, h):
        for left in range(0, width, w):
            yield Tile(min(top, height - h), min(left, width - w), h, w)


def to_blocks(pixels: NDArray[Any], blocks: NDArray[Any], side: tuple[int, int]) -> None:
    """Copy a plane into blocks.

    Parameters
    ----------
    pixels
        ``[h, w]``, may be a window of a larger plane; h and w are multiples of ``side``.
    blocks
        ``[h / bh, w / bw, bh * bw]`` of the same dtype, contiguous; written to.
    side
        Height bh and width bw of a block.
    """
    for row, cell in _rows(pixels, blocks, side):
        cell[:] = row


def from_blocks(blocks: NDArray[Any], pixels: NDArray[Any], side: tuple[int, int]) -> None:
    """Copy blocks back into a plane ``pixels``: the reverse of ``to_blocks``, with its arguments."""
    for row, cell in _rows(pixels, blocks, side):
        row[:] = cell


def to_windows(pixels: NDArray[Any], windows: NDArray[Any], step: int) -> None:
    """Copy a plane into overlapping windows of its rows.

    Parameters
    ----------
    pixels
        ``[h, w]``, may be a window of a larger plane.
    windows
        ``[h, n, window]`` of the same dtype, contiguous; written to. Window ``i`` begins at pixel ``i * step``.
    step
        Pixels from one window to the next.
    """
    height, count, width = windows.shape
    strides = (pixels.strides[0], step * pixels.itemsize, pixels.itemsize)
    windows[:] = np.lib.stride_tricks.as_strided(pixels, (height, count, width), strides, writeable=False)


def _rows(
    pixels: NDArray[Any], blocks: NDArray[Any], side: tuple[int, int]
) -> Iterator[tuple[NDArray[Any], NDArray[Any]]]:
    """Give matching views of both ``[h / bh, w / bw]``, one for each machine word of a block.

    The inner loop of a copy then runs along the picture's width. A word is the largest that divides a block's row.
    """
    down, across = blocks.shape[:2]
    rows = pixels.reshape(down, side[0], across, side[1])
    cells = blocks.reshape(down, across, side[0], side[1])
    for word in _WORDS:
        if side[1] > 1 and side[1] * pixels.itemsize % np.dtype(word).itemsize == 0:
            rows, cells = rows.view(word), cells.view(word)
            break
    for y in range(side[0]):
        for x in range(rows.shape[-1]):
            yield rows[:, y, :, x], cells[:, :, y, x]
