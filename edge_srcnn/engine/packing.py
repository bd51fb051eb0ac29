"""Pixels packed into channels: the same integers, computed several times faster.

A processor's int8 units multiply many channels at a time; these networks have one channel at their input, and one or a
few at their output. So the picture is seen as a grid of blocks whose pixels are channels. A k x k convolution becomes
one on the grid, with a kernel of zeros and the old weights; a 1x1 convolution needs no new kernel, only another view of
the same memory. Where only the ends are to be packed, the first layer reads overlapping windows of a row, laid by the
host, and puts out pixels: fewer zeros than blocks need. Integers, scales and zero points stay, and with them every byte
of the result. Derivation: ``window_layer``, ``pack_kernel``.
"""

from collections.abc import Container, Iterator
from dataclasses import replace
from math import ceil, lcm
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from edge_srcnn.engine.graph import Convolution, Graph, Reshape, Shape, Step
from edge_srcnn.engine.plan import Block, Blocks
from edge_srcnn.errors import UsageError


class Halo(NamedTuple):
    """Cells that a packed tile's input has beyond its output; the same for every tile size."""

    above: int
    below: int
    left: int
    right: int


def check_packing(graph: Graph, blocks: Blocks) -> None:
    """Raise UsageError where a network cannot be packed so: windows need one channel, and room for the kernel."""
    if not blocks.window:
        return
    first = graph.layers[0]
    if len(graph.layers) < 2 or graph.input_shape[2] != 1:
        raise UsageError(f"block {blocks}: windows are for networks of one channel, and of two layers or more")
    if blocks.window < first.kernel[1]:
        raise UsageError(f"block {blocks}: the windows are narrower than the first kernel, {first.kernel[1]} pixels")


def row_grain(graph: Graph, blocks: Blocks) -> int:
    """Count the cells of a row that the first layer puts out at a time: a block's, or a window's."""
    return blocks.window - graph.layers[0].kernel[1] + 1 if blocks.window else blocks.inner[1]


def tile_grain(graph: Graph, blocks: Blocks) -> Block:
    """Give the height and width in cells of which the sides of a tile are whole multiples."""
    return blocks.outer[0], lcm(blocks.outer[1], row_grain(graph, blocks))


def halo(graph: Graph, blocks: Blocks, *, views: bool = True) -> Halo:
    """Compute what a tile packed by ``pack`` needs on each side; never less than ``graph.radius``.

    On blocks, each layer uses up whole ones: ``side * ceil(radius / side)``. On pixels only the first layer does, and
    the right side is rounded up so that the whole width is one of whole blocks, or windows.

    Parameters
    ----------
    graph
        Convolutions of stride 1 without padding.
    blocks
        The packing.
    views
        As for ``pack``.

    Returns
    -------
    Cells of the graph's input.
    """
    radii = [[layer.kernel[axis] // 2 for layer in graph.layers] for axis in (0, 1)]
    down, across = (
        [side * ceil(radius / side) for radius in axis] for side, axis in zip(blocks.inner, radii, strict=True)
    )
    if not (views and _hidden_on_pixels(graph, blocks)):
        return Halo(sum(down), sum(down), sum(across), sum(across))
    rest = sum(radii[1][1:])
    return Halo(sum(down), sum(down), across[0] + rest, across[0] + rest + -2 * rest % row_grain(graph, blocks))


def pack(
    graph: Graph, blocks: Blocks, tile: tuple[int, int], *, views: bool = True, unshuffle: int = 1, shuffle: int = 1
) -> Graph:
    """Rewrite a stack of stride 1 for one tile.

    Parameters
    ----------
    graph
        Convolutions of stride 1 without padding.
    blocks
        The packing.
    tile
        Height and width in cells of the output, multiples of ``tile_grain``.
    views
        Where a layer can work on pixels that lie in the same memory, let it: the fastest for a processor. False: every
        step is a convolution on blocks, 1x1 kernels become block-diagonal: what an Edge TPU wants.
    unshuffle
        Side of the blocks of pixels that the channels of the input are already, row by row.
    shuffle
        The same of the output.

    Returns
    -------
    A graph from ``[rows, columns, block of pixels]`` (tile and halo) to ``[rows, columns, block of pixels]`` (the
    tile). Blocks of the input are ``unshuffle`` times the inner ones, of the output ``shuffle`` times the outer ones,
    their pixels row by row. With windows the input is ``[rows, windows, window]``, and the output may have columns
    beyond the tile's.

    Raises
    ------
    UsageError
        The network cannot be packed so.
    """
    check_packing(graph, blocks)
    (height, width), around = blocks.inner, halo(graph, blocks, views=views)
    rows, columns = tile[0] + around.above + around.below, tile[1] + around.left + around.right
    if blocks.window:
        overlap = graph.layers[0].kernel[1] - 1
        shape = rows, (columns - overlap) // row_grain(graph, blocks), blocks.window
    else:
        shape = rows // height, columns // width, height * width * graph.input_shape[2]
    if views and _hidden_on_pixels(graph, blocks):
        steps = list(_pixel_steps(graph, blocks, shape))
    else:
        seen = slice(int(unshuffle > 1), len(graph.layers) - int(shuffle > 1)) if views else slice(0)
        steps = list(_block_steps(graph, blocks, shape, range(len(graph.layers))[seen]))
    return Graph(shape, graph.input, tuple(_row_by_row(steps, blocks, unshuffle, shuffle)))


def _hidden_on_pixels(graph: Graph, blocks: Blocks) -> bool:
    """Tell whether hidden layers see pixels again, and only the ends are packed.

    So it is where blocks are one row high: then blocks in a row are pixels in a row, in the same memory. It suits
    networks whose hidden layers have large kernels, and many channels of their own.
    """
    return blocks.inner[0] == 1 and len(graph.layers) > 1


def _block_steps(graph: Graph, blocks: Blocks, shape: Shape, views: Container[int]) -> Iterator[Step]:
    """Pack every layer on blocks; those of the numbers ``views`` may see pixels instead."""
    area = blocks.inner[0] * blocks.inner[1]
    for number, layer in enumerate(graph.layers):
        outer = blocks.outer if number == len(graph.layers) - 1 else blocks.inner
        if number in views and layer.kernel == (1, 1) and outer == blocks.inner and area > 1:
            rows, columns, channels = shape
            yield Reshape((rows, columns * area, channels // area))
            yield layer
            shape = rows, columns, area * len(layer.bias)
            yield Reshape(shape)
        else:
            packed = pack_layer(layer, blocks.inner, outer)
            shape = packed.result(shape)
            yield packed


def _pixel_steps(graph: Graph, blocks: Blocks, shape: Shape) -> Iterator[Step]:
    """Pack the first layer on windows, or on blocks of one row, keep the hidden ones on pixels, the last to blocks."""
    first, *hidden, last = graph.layers
    packed = window_layer(first, blocks.window) if blocks.window else pack_layer(first, blocks.inner, blocks.inner)
    yield packed
    if (grain := row_grain(graph, blocks)) > 1:
        rows, columns, channels = packed.result(shape)
        yield Reshape((rows, columns * grain, channels // grain))
    yield from hidden
    yield pack_layer(last, (1, 1), blocks.outer)


def _row_by_row(steps: list[Step], blocks: Blocks, unshuffle: int, shuffle: int) -> list[Step]:
    """Order the channels of input and output by the rows of the whole block, where cells are blocks themselves."""
    first = steps[0]
    if unshuffle > 1 and blocks.inner != (1, 1) and isinstance(first, Convolution):
        steps[0] = replace(first, weights=first.weights[..., _pixel_order(blocks.inner, unshuffle)])
    last = steps[-1]  # the first one, if there is no other
    if shuffle > 1 and blocks.outer != (1, 1) and isinstance(last, Convolution):
        order = _pixel_order(blocks.outer, shuffle)
        scales = last.weight_scales[order] if len(last.weight_scales) else last.weight_scales
        steps[-1] = replace(last, weights=last.weights[order], bias=last.bias[order], weight_scales=scales)
    return steps


def _pixel_order(block: Block, side: int) -> NDArray[np.int64]:
    """Find where each pixel of a block of cells, row by row, lies among the cells' channels."""
    height, width = block
    channels = np.arange(height * width * side * side).reshape(height, width, side, side)
    return channels.transpose(0, 2, 1, 3).ravel()


def window_layer(layer: Convolution, window: int) -> Convolution:
    """Rewrite a layer of one input channel to read overlapping windows of ``window`` pixels of a row.

    Window ``q`` holds the pixels from ``q * n`` on, where ``n = window - k + 1``; its ``n`` output pixels are its
    channels, each with those of the layer. So the kernel is one column wide, and holds the old one ``n`` times, each
    moved by a pixel: of ``k * window`` weights for each result ``k * k`` are not zero.

    Parameters
    ----------
    layer
        Its kernel is ``k`` pixels wide.
    window
        Pixels of a window, ``k`` or more.

    Returns
    -------
    A layer from ``[rows, windows, window]`` to ``[rows, windows, n * outputs]``.
    """
    outputs, height, width, _ = layer.weights.shape
    grain = window - width + 1
    weights = np.zeros((grain, outputs, height, 1, window), layer.weights.dtype)
    for x in range(grain):
        weights[x, :, :, 0, x : x + width] = layer.weights[..., 0]
    return _repeated(layer, weights.reshape(grain * outputs, height, 1, window), grain)


def pack_layer(layer: Convolution, inner: Block, outer: Block) -> Convolution:
    """Pack ``layer``: a convolution that does on blocks what it does on pixels."""
    packed = _repeated(layer, pack_kernel(layer.weights, inner, outer), outer[0] * outer[1])
    return replace(packed, stride=(outer[0] // inner[0], outer[1] // inner[1]))


def _repeated(layer: Convolution, weights: NDArray[Any], times: int) -> Convolution:
    """Give a layer other weights, with as many times its outputs."""
    return replace(
        layer, weights=weights, bias=np.tile(layer.bias, times), weight_scales=np.tile(layer.weight_scales, times)
    )


def pack_kernel(weights: NDArray[Any], inner: Block, outer: Block) -> NDArray[Any]:
    """Compute the weights of a convolution from blocks of ``inner`` pixels to blocks of ``outer`` pixels.

    The output block that begins at pixel ``(y, x)`` needs the pixels from ``y - r`` to ``y + outer - 1 + r``, which
    lie in ``2 * ceil(r / inner) + outer / inner`` input blocks, and likewise across. The kernel of each of its pixels
    is the old one, moved to that pixel's place in this window, and zero elsewhere.

    Parameters
    ----------
    weights
        ``[outputs, kh, kw, inputs]``, odd kh and kw.
    inner
        Height and width of the blocks of the input.
    outer
        The same of the output.

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
