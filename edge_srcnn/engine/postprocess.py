"""The network's output to pixels: the residual added to a base picture, in integers where the network is int8."""

from collections.abc import Callable
from functools import partial
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_srcnn.engine.graph import FLOAT, Quantization
from edge_srcnn.imaging.luma import UInt8Array

_INT8_VALUES = np.arange(256, dtype=np.uint8).view(np.int8).astype(np.int64)  # in the order of their bits
_SIGN = np.uint8(0x80)
_STRIP_PIXELS = 1 << 16  # worked on at a time: stays in a processor's caches

_Strip = Callable[[NDArray[Any], UInt8Array, NDArray[Any], UInt8Array], None]
"""Makes pixels of some rows: raw output, base, a buffer of the same size, and what is written to."""


class Output:
    """The last step: pixels of a network's output, a few rows at a time.

    Parameters
    ----------
    quantization
        How the raw output is to be read; ``FLOAT`` means parts of 255 grey levels.
    residual
        Whether it is to be added to a base picture, or is the picture.
    width
        Pixels in a row, at most.
    """

    def __init__(self, quantization: Quantization, *, residual: bool, width: int) -> None:
        self._rows = max(_STRIP_PIXELS // width, 1)
        self._buffer = np.empty((self._rows, width), np.float32 if quantization == FLOAT else np.uint8)
        if quantization == FLOAT:
            self._strip: _Strip = partial(_add_real, residual)
            return
        levels = _levels(quantization)
        if residual and np.array_equal(levels, _INT8_VALUES):
            self._strip = _add_grey_levels
        else:
            brighter, darker = (np.clip(change, 0, 255).astype(np.uint8) for change in (levels, -levels))
            self._strip = partial(_add_looked_up, residual, brighter, darker)

    def apply(self, raw: NDArray[Any], base: UInt8Array, out: UInt8Array) -> None:
        """Make pixels of ``raw``; all three are ``[h, w]``, and ``out`` is written to."""
        for top in range(0, len(raw), self._rows):
            rows = slice(top, top + self._rows)
            part = raw[rows]
            self._strip(part, base[rows], self._buffer[: part.shape[0], : part.shape[1]], out[rows])


def _add_grey_levels(raw: NDArray[Any], base: UInt8Array, signed: NDArray[Any], out: UInt8Array) -> None:
    """Add int8 residuals that count grey levels: sums of int8 end where grey levels do once 128 is taken away."""
    np.bitwise_xor(base, _SIGN, out=signed)
    cv2.add(signed.view(np.int8), raw, dst=out.view(np.int8))
    np.bitwise_xor(out, _SIGN, out=out)


def _add_looked_up(
    residual: bool,
    brighter: UInt8Array,
    darker: UInt8Array,
    raw: NDArray[Any],
    base: UInt8Array,
    change: NDArray[Any],
    out: UInt8Array,
) -> None:
    """Add int8 residuals by two look-ups: how much brighter a pixel becomes, and how much darker."""
    cv2.LUT(raw.view(np.uint8), brighter, dst=change)
    if not residual:
        out[:] = change
        return
    cv2.add(base, change, dst=out)  # uint8 sums end at 255, differences at 0
    cv2.LUT(raw.view(np.uint8), darker, dst=change)
    cv2.subtract(out, change, dst=out)


def _add_real(residual: bool, raw: NDArray[Any], base: UInt8Array, values: NDArray[Any], out: UInt8Array) -> None:
    """Add float32 residuals, parts of 255 grey levels, and round to the nearest."""
    np.multiply(raw, np.float32(255), out=values)
    if residual:
        np.add(values, base, out=values)
    np.rint(values, out=values)
    out[:] = np.clip(values, 0, 255, out=values)


def _levels(quantization: Quantization) -> NDArray[np.int16]:
    """Compute the grey levels of each int8 value, in the order of its bits read as uint8: ``[256]`` int16."""
    real = (_INT8_VALUES - quantization.zero_point) * np.float64(quantization.scale) * 255.0
    return np.rint(np.clip(real, -512, 512)).astype(np.int16)
