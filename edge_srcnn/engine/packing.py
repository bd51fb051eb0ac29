"""Pixels packed into channels: the same integers, computed several times faster.

A processor's int8 units multiply many channels at a time; these networks have one channel at their input, and one or a
few at their output. So the picture is seen as a grid of blocks whose pixels are channels. A k x k convolution becomes
one on the grid, with a kernel of zeros and the old weights; a 1x1 convolution needs no new kernel, only another view of
the same memory. Where only the ends are to be packed, the first layer reads overlapping windows of a row, laid by the
host, and puts out pixels: fewer zeros than blocks need. Integers, scales and zero points stay, and with them every byte
of the result. Derivation: ``packed_kernels``.
"""

from collections.abc import Container, Iterator
from dataclasses import dataclass, replace
from math import ceil, lcm

import numpy as np
from numpy.typing import NDArray

from edge_srcnn.engine.blocks import Block, Blocks
from edge_srcnn.engine.graph import Convolution, Graph, Reshape, Shape, Step
from edge_srcnn.engine.packed_kernels import pack_layer, window_layer
from edge_srcnn.errors import UsageError


@dataclass(frozen=True)
class Halo:
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


def hidden_on_pixels(graph: Graph, blocks: Blocks) -> bool:
    """Tell whether hidden layers see pixels again, and only the ends are packed.

    So it is where blocks are one row high: then blocks in a row are pixels in a row, in the same memory. It suits
    networks whose hidden layers have large kernels, and many channels of their own.
    """
    return blocks.inner[0] == 1 and len(graph.layers) > 1


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
    """
    radii = [[layer.kernel[axis] // 2 for layer in graph.layers] for axis in (0, 1)]
    down, across = (
        [side * ceil(radius / side) for radius in axis] for side, axis in zip(blocks.inner, radii, strict=True)
    )
    if not (views and hidden_on_pixels(graph, blocks)):
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
    unshuffle, shuffle
        Sides of the blocks of pixels that the channels of input and output are already, row by row.

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
    if views and hidden_on_pixels(graph, blocks):
        steps = list(_pixel_steps(graph, blocks, shape))
    else:
        seen = slice(int(unshuffle > 1), len(graph.layers) - int(shuffle > 1)) if views else slice(0)
        steps = list(_block_steps(graph, blocks, shape, set(range(len(graph.layers))[seen])))
    return Graph(shape, graph.input, tuple(_row_by_row(steps, blocks, unshuffle, shuffle)))


def _block_steps(graph: Graph, blocks: Blocks, shape: Shape, views: Container[int]) -> Iterator[Step]:
    """Pack every layer on blocks; those of the numbers ``views`` may see pixels instead."""
    area = blocks.inner[0] * blocks.inner[1]
    for number, layer in enumerate(graph.layers):
        outer = blocks.outer if number == len(graph.layers) - 1 else blocks.inner
        if number in views and layer.kernel == (1, 1) and outer == blocks.inner and area > 1:
            rows, columns, channels = shape
            packed: list[Step] = [
                Reshape((rows, columns * area, channels // area)),
                layer,
                Reshape((rows, columns, area * len(layer.bias))),
            ]
        else:
            packed = [pack_layer(layer, blocks.inner, outer)]
        for step in packed:
            shape = step.result(shape)
            yield step


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
    """Where each pixel of a block of cells, row by row, lies among the cells' channels."""
    height, width = block
    channels = np.arange(height * width * side * side).reshape(height, width, side, side)
    return channels.transpose(0, 2, 1, 3).ravel()
