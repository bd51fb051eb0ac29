"""Pixels to blocks and back: a plane ``[h, w]`` as a grid ``[h / bh, w / bw, bh * bw]`` whose pixels are channels."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

_WORDS = {2: np.uint16, 4: np.uint32, 8: np.uint64}


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
    rows, cells = _views(pixels, blocks, side)
    for y in range(side[0]):  # a copy for each row of a block: its inner loop then runs along the picture's width
        cells[:, :, y] = rows[:, y]


def from_blocks(blocks: NDArray[Any], pixels: NDArray[Any], side: tuple[int, int]) -> None:
    """Copy blocks back into a plane; the arguments are those of ``to_blocks``, and ``pixels`` is written to."""
    rows, cells = _views(pixels, blocks, side)
    for y in range(side[0]):
        rows[:, y] = cells[:, :, y]


def _views(pixels: NDArray[Any], blocks: NDArray[Any], side: tuple[int, int]) -> tuple[NDArray[Any], NDArray[Any]]:
    """Both as ``[.., words]``: a row of a block is moved as one machine word where there is a word of its size."""
    down, across = blocks.shape[:2]
    rows = pixels.reshape(down, side[0], across, side[1])
    cells = blocks.reshape(down, across, side[0], side[1])
    word = _WORDS.get(side[1] * pixels.itemsize)
    return (rows, cells) if word is None or side[1] == 1 else (rows.view(word), cells.view(word))
