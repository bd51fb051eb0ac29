"""Kernels of packed layers: the old weights, moved to each pixel's place among zeros."""

from dataclasses import replace
from math import ceil
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge_srcnn.engine.blocks import Block
from edge_srcnn.engine.graph import Convolution


def window_layer(layer: Convolution, window: int) -> Convolution:
    """Rewrite a layer of one input channel to read overlapping windows of ``window`` pixels of a row.

    Window ``q`` holds the pixels from ``q * n`` on, where ``n = window - k + 1``; its ``n`` output pixels are its
    channels, each with those of the layer. So the kernel is one column wide, and holds the old one ``n`` times, each
    moved by a pixel: of ``k * window`` weights for each result ``k * k`` are not zero.
    """
    outputs, height, width, _ = layer.weights.shape
    grain = window - width + 1
    weights = np.zeros((grain, outputs, height, 1, window), layer.weights.dtype)
    for x in range(grain):
        weights[x, :, :, 0, x : x + width] = layer.weights[..., 0]
    return replace(
        layer,
        weights=weights.reshape(grain * outputs, height, 1, window),
        bias=np.tile(layer.bias, grain),
        weight_scales=np.tile(layer.weight_scales, grain),
    )


def pack_layer(layer: Convolution, inner: Block, outer: Block) -> Convolution:
    """Pack ``layer``: a convolution that does on blocks what it does on pixels."""
    times = outer[0] * outer[1]
    return Convolution(
        weights=pack_kernel(layer.weights, inner, outer),
        bias=np.tile(layer.bias, times),
        weight_scales=np.tile(layer.weight_scales, times),
        output=layer.output,
        relu=layer.relu,
        stride=(outer[0] // inner[0], outer[1] // inner[1]),
    )


def pack_kernel(weights: NDArray[Any], inner: Block, outer: Block) -> NDArray[Any]:
    """Weights of a convolution from blocks of ``inner`` pixels to blocks of ``outer`` pixels.

    The output block that begins at pixel ``(y, x)`` needs the pixels from ``y - r`` to ``y + outer - 1 + r``, which
    lie in ``2 * ceil(r / inner) + outer / inner`` input blocks, and likewise across. The kernel of each of its pixels
    is the old one, moved to that pixel's place in this window, and zero elsewhere.

    Parameters
    ----------
    weights
        ``[outputs, kh, kw, inputs]``, odd kh and kw.
    inner, outer
        Height and width of the blocks of input and output.

    Returns
    -------
    ``[outer pixels * outputs, rows, columns, inner pixels * inputs]``; pixels of a block row by row, each with its
    channels.
    """
    outputs, *kernel, inputs = weights.shape
    before = [ceil(k // 2 / side) for k, side in zip(kernel, inner, strict=True)]
    rows, columns = (2 * n + o // i for n, o, i in zip(before, outer, inner, strict=True))
    window = np.zeros((*outer, outputs, rows * inner[0], columns * inner[1], inputs), weights.dtype)
    top, left = (n * side - k // 2 for n, side, k in zip(before, inner, kernel, strict=True))
    for y in range(outer[0]):
        for x in range(outer[1]):
            window[y, x, :, top + y : top + y + kernel[0], left + x : left + x + kernel[1]] = weights
    packed = window.reshape(-1, rows, inner[0], columns, inner[1], inputs).transpose(0, 1, 3, 2, 4, 5)
    return packed.reshape(len(packed), rows, columns, inner[0] * inner[1] * inputs)
