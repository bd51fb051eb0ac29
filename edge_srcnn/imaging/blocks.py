"""Pixels to blocks and back: a plane ``[h, w]`` as a grid ``[h / bh, w / bw, bh * bw]`` whose pixels are channels.

Source: space-to-depth and depth-to-space, Shi et al., "Real-Time Single Image and Video Super-Resolution Using an
Efficient Sub-Pixel Convolutional Neural Network" (2016), section 3.2.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

_WORDS = (np.uint64, np.uint32, np.uint16)


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
    """Copy blocks back into a plane; the arguments are those of ``to_blocks``, and ``pixels`` is written to."""
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
