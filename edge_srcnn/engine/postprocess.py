"""The network's output to pixels: the residual added to a base picture, in integers where the network is int8."""

from typing import Any, Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_srcnn.engine.graph import FLOAT, Quantization
from edge_srcnn.imaging.luma import UInt8Array

_INT8_VALUES = np.arange(-128, 128)
_INT8_VALUES_BY_BITS = np.roll(_INT8_VALUES, 128)
_SIGN = np.uint8(0x80)
_STRIP_PIXELS = 1 << 16  # worked on at a time: stays in a processor's caches


class Output(Protocol):
    """What is to be done with a network's output."""

    def apply(self, raw: NDArray[Any], base: UInt8Array, out: UInt8Array) -> None:
        """Make pixels of ``raw``; all three are ``[h, w]``, and ``out`` is written to."""
        ...


def output_for(quantization: Quantization, *, residual: bool, width: int) -> Output:
    """The fitting ``Output`` for planes of up to ``width`` pixels in a row.

    Parameters
    ----------
    quantization
        How the raw output is to be read; ``FLOAT`` means parts of 255 grey levels.
    residual
        Whether it is to be added to a base picture, or is the picture.
    width
        Pixels in a row.
    """
    if quantization == FLOAT:
        return _FloatOutput(residual=residual, width=width)
    if residual and np.array_equal(_levels(quantization), _INT8_VALUES_BY_BITS):
        return _GreyLevelOutput(width=width)
    return _LookedUpOutput(quantization, residual=residual, width=width)


class _GreyLevelOutput:
    """int8 residuals that count grey levels: a sum of int8, which ends where grey levels do once 128 is taken away."""

    def __init__(self, *, width: int) -> None:
        self._rows = max(_STRIP_PIXELS // width, 1)
        self._base = np.empty((self._rows, width), np.uint8)

    def apply(self, raw: NDArray[Any], base: UInt8Array, out: UInt8Array) -> None:
        for top in range(0, len(raw), self._rows):
            rows = slice(top, top + self._rows)
            change, into = raw[rows], out[rows]
            signed = self._base[: change.shape[0], : change.shape[1]]
            np.bitwise_xor(base[rows], _SIGN, out=signed)
            cv2.add(signed.view(np.int8), change, dst=into.view(np.int8))
            np.bitwise_xor(into, _SIGN, out=into)


class _LookedUpOutput:
    """int8: one table look-up says how much brighter a pixel becomes, another how much darker."""

    def __init__(self, quantization: Quantization, *, residual: bool, width: int) -> None:
        levels = _levels(quantization)
        self._residual = residual
        self._brighter, self._darker = (np.clip(change, 0, 255).astype(np.uint8) for change in (levels, -levels))
        self._rows = max(_STRIP_PIXELS // width, 1)
        self._change = np.empty((self._rows, width), np.uint8)

    def apply(self, raw: NDArray[Any], base: UInt8Array, out: UInt8Array) -> None:
        for top in range(0, len(raw), self._rows):
            rows = slice(top, top + self._rows)
            bits, into = raw[rows].view(np.uint8), out[rows]
            change = self._change[: len(bits), : bits.shape[1]]
            cv2.LUT(bits, self._brighter, dst=change)
            if not self._residual:
                into[:] = change
                continue
            cv2.add(base[rows], change, dst=into)  # uint8 sums end at 255, differences at 0
            cv2.LUT(bits, self._darker, dst=change)
            cv2.subtract(into, change, dst=into)


class _FloatOutput:
    """float32: parts of 255 grey levels, rounded to the nearest."""

    def __init__(self, *, residual: bool, width: int) -> None:
        self._residual = residual
        self._rows = max(_STRIP_PIXELS // width, 1)
        self._values = np.empty((self._rows, width), np.float32)

    def apply(self, raw: NDArray[Any], base: UInt8Array, out: UInt8Array) -> None:
        for top in range(0, len(raw), self._rows):
            rows = slice(top, top + self._rows)
            part = raw[rows]
            values = self._values[: part.shape[0], : part.shape[1]]
            np.multiply(part, np.float32(255), out=values)
            if self._residual:
                np.add(values, base[rows], out=values)
            np.rint(values, out=values)
            out[rows] = np.clip(values, 0, 255, out=values)


def _levels(quantization: Quantization) -> NDArray[np.int16]:
    """Grey levels for each int8 value, in the order of its bits read as uint8: ``[256]`` int16."""
    real = (_INT8_VALUES - quantization.zero_point) * np.float64(quantization.scale) * 255.0
    by_value = np.rint(np.clip(real, -512, 512)).astype(np.int16)
    return np.roll(by_value, 128)
