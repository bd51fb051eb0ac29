"""Networks small enough that what they make of a picture is known by arithmetic."""

from typing import Any

import numpy as np

from edge_srcnn.engine.graph import FLOAT, Convolution, Graph, Network, Quantization
from edge_srcnn.imaging.luma import UInt8Array
from edge_srcnn.models.spec import BICUBIC_PLANE

PIXELS = Quantization(float(np.float32(1 / 255)), -128)
"""int8 is the grey level less 128."""


def on_bicubic(graph: Graph, *, residual: bool = False) -> Network:
    """A graph as a network that reads the upscaled picture, pixel for pixel, as SRCNN does."""
    return Network(graph, BICUBIC_PLANE, unshuffle=1, shuffle=1, residual=residual)


class Networks:
    """Networks of one layer whose results are known by arithmetic, and a random one of two."""

    @staticmethod
    def constant(raw: float, output: Quantization = PIXELS, side: int = 5) -> Graph:
        """Puts out ``raw``, whatever it gets; for ``FLOAT`` a real number."""
        if output == FLOAT:
            return _one_layer(np.zeros((side, side), np.float32), np.float32(raw), None, FLOAT)
        # the bias counts input scale * weight scale, which is made to be the output's scale
        bias = np.int32(raw - output.zero_point)
        return _one_layer(np.zeros((side, side), np.int8), bias, output.scale / PIXELS.scale, output)

    @staticmethod
    def tap(row: int, column: int, side: int = 5, *, real: bool = False) -> Graph:
        """Puts out the pixel at one place of its kernel: ``moved`` tells what becomes of a picture."""
        weights = np.zeros((side, side), np.float32 if real else np.int8)
        weights[row, column] = 1
        return _one_layer(weights, np.float32(0), None, FLOAT) if real else _one_layer(weights, np.int32(0), 1, PIXELS)

    @staticmethod
    def moved(plane: UInt8Array, row: int, column: int, side: int = 5) -> UInt8Array:
        """``plane`` as a direct ``tap`` gives it: what is outside is mirrored."""
        padded = np.pad(plane, side // 2, mode="reflect")
        return padded[row : row + plane.shape[0], column : column + plane.shape[1]]

    @staticmethod
    def random(seed: int = 0) -> Graph:
        """5x5 to three channels, RELU, 3x3 to one; every pixel within its reach of 3 counts. Direct."""
        rng = np.random.default_rng(seed)
        inside = Quantization(0.5, -128)
        first, last = (rng.integers(-20, 21, shape).astype(np.int8) for shape in ((3, 5, 5, 1), (1, 3, 3, 3)))
        layers = (
            Convolution(first, rng.integers(-3000, 3000, 3).astype(np.int32), np.ones(3, np.float32), inside, True),
            # a sum of 27 products of about 12 * 60 is some 4000: 1 / 30 of it spans the greys
            Convolution(last, np.full(1, 3840, np.int32), np.full(1, 2 / 30 / 255, np.float32), PIXELS, False),
        )
        return Graph((16, 16, 1), PIXELS, layers)


def _one_layer(weights: Any, bias: Any, scale: float | None, output: Quantization) -> Graph:
    scales = np.zeros(0, np.float32) if scale is None else np.full(1, scale, np.float32)
    layer = Convolution(weights[None, :, :, None], np.full(1, bias), scales, output, relu=False)
    return Graph((16, 16, 1), FLOAT if output == FLOAT else PIXELS, (layer,))
