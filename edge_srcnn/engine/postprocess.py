"""The network's output to pixels: the residual added to a base picture, in integers where the network is int8.

``strength`` is a factor on what the network changes: 0 leaves the base picture, 1 gives what was trained. Of an int8
network the change in whole grey levels is multiplied, and rounded to the nearest level, halves to even: the same bytes
on every machine. Of a float32 network it is multiplied before it is rounded.
"""

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

AS_TRAINED = 1.0
"""The strength at which a network gives what it was trained to give."""

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
        self._quantization, self._residual = quantization, residual
        self._strength, self._strip = AS_TRAINED, _strip_for(quantization, AS_TRAINED, residual=residual)

    def apply(self, raw: NDArray[Any], base: UInt8Array, out: UInt8Array, strength: float = AS_TRAINED) -> None:
        """Make pixels of ``raw``; all three are ``[h, w]``, and ``out`` is written to."""
        if strength != self._strength:
            strip = _strip_for(self._quantization, strength, residual=self._residual)
            self._strength, self._strip = strength, strip
        for top in range(0, len(raw), self._rows):
            rows = slice(top, top + self._rows)
            part = raw[rows]
            self._strip(part, base[rows], self._buffer[: part.shape[0], : part.shape[1]], out[rows])


def _strip_for(quantization: Quantization, strength: float, *, residual: bool) -> _Strip:
    """Choose the arithmetic of a strength, and compute its tables."""
    if strength == 0:
        return _leave
    if quantization == FLOAT:
        return partial(_add_real, residual, strength)
    levels = _levels(quantization)
    if not residual and strength == AS_TRAINED:
        return partial(_look_up, _ends(levels))
    if not residual:
        return partial(_blend, _ends(levels), _ends(_times(np.arange(256), strength)))
    levels = _times(levels, strength)
    if np.array_equal(levels, _INT8_VALUES):
        return _add_grey_levels
    if levels.min() >= _INT8_VALUES.min() and levels.max() <= _INT8_VALUES.max():
        return partial(_add_fewer_levels, levels.astype(np.int8))
    return partial(_add_looked_up, _ends(levels), _ends(-levels))


def _leave(raw: NDArray[Any], base: UInt8Array, change: NDArray[Any], out: UInt8Array) -> None:
    """Take the base picture as it is."""
    out[:] = base


def _add_grey_levels(raw: NDArray[Any], base: UInt8Array, signed: NDArray[Any], out: UInt8Array) -> None:
    """Add int8 residuals that count grey levels: sums of int8 end where grey levels do once 128 is taken away."""
    np.bitwise_xor(base, _SIGN, out=signed)
    cv2.add(signed.view(np.int8), raw, dst=out.view(np.int8))
    np.bitwise_xor(out, _SIGN, out=out)


def _add_fewer_levels(
    levels: NDArray[np.int8], raw: NDArray[Any], base: UInt8Array, change: NDArray[Any], out: UInt8Array
) -> None:
    """Add int8 residuals by one look-up, where they count no more levels than an int8 can."""
    cv2.LUT(raw.view(np.uint8), levels.view(np.uint8), dst=change)
    np.bitwise_xor(base, _SIGN, out=out)
    cv2.add(out.view(np.int8), change.view(np.int8), dst=out.view(np.int8))
    np.bitwise_xor(out, _SIGN, out=out)


def _add_looked_up(
    brighter: UInt8Array,
    darker: UInt8Array,
    raw: NDArray[Any],
    base: UInt8Array,
    change: NDArray[Any],
    out: UInt8Array,
) -> None:
    """Add int8 residuals by two look-ups: how much brighter a pixel becomes, and how much darker."""
    cv2.LUT(raw.view(np.uint8), brighter, dst=change)
    cv2.add(base, change, dst=out)  # uint8 sums end at 255, differences at 0
    cv2.LUT(raw.view(np.uint8), darker, dst=change)
    cv2.subtract(out, change, dst=out)


def _look_up(picture: UInt8Array, raw: NDArray[Any], base: UInt8Array, change: NDArray[Any], out: UInt8Array) -> None:
    """Take the grey levels that int8 values stand for."""
    cv2.LUT(raw.view(np.uint8), picture, dst=change)
    out[:] = change


def _blend(
    picture: UInt8Array,
    changes: UInt8Array,
    raw: NDArray[Any],
    base: UInt8Array,
    change: NDArray[Any],
    out: UInt8Array,
) -> None:
    """Go a part of the way, or beyond it, from the base to the grey levels that int8 values stand for."""
    cv2.LUT(raw.view(np.uint8), picture, dst=change)
    brighter, darker = (cv2.LUT(each, changes) for each in (cv2.subtract(change, base), cv2.subtract(base, change)))
    cv2.subtract(cv2.add(base, brighter), darker, dst=out)  # one of the two is 0


def _add_real(
    residual: bool, strength: float, raw: NDArray[Any], base: UInt8Array, values: NDArray[Any], out: UInt8Array
) -> None:
    """Add float32 residuals, parts of 255 grey levels, and round to the nearest."""
    np.multiply(raw, np.float32(255 * strength if residual else 255), out=values)
    if residual:
        np.add(values, base, out=values)
    elif strength != AS_TRAINED:
        np.subtract(values, base, out=values)
        np.multiply(values, np.float32(strength), out=values)
        np.add(values, base, out=values)
    np.rint(values, out=values)
    out[:] = np.clip(values, 0, 255, out=values)


def _times(levels: NDArray[Any], strength: float) -> NDArray[np.int16]:
    """Multiply grey levels, and round to the nearest, halves to even."""
    return np.rint(levels * np.float64(strength)).astype(np.int16)


def _ends(levels: NDArray[Any]) -> UInt8Array:
    """Let grey levels end at 0 and 255."""
    ended: UInt8Array = np.clip(levels, 0, 255).astype(np.uint8)
    return ended


def _levels(quantization: Quantization) -> NDArray[np.int16]:
    """Compute the grey levels of each int8 value, in the order of its bits read as uint8: ``[256]`` int16."""
    real = (_INT8_VALUES - quantization.zero_point) * np.float64(quantization.scale) * 255.0
    return np.rint(np.clip(real, -512, 512)).astype(np.int16)
