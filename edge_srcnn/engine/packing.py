"""Pixels packed into channels: the same integers, computed several times faster.

A processor's int8 units multiply many channels at a time; SRCNN has one channel at its input and one at its output.
So the picture is seen as a grid of blocks whose pixels are channels. A k x k convolution becomes one on the grid, with
a kernel of zeros and the old weights; a 1x1 convolution needs no new kernel, only another view of the same memory.
Integers, scales and zero points stay, and with them every byte of the result. Derivation: ``pack_kernel``.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from math import ceil
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge_srcnn.engine.graph import Convolution, Graph, Reshape, Shape, Step
from edge_srcnn.errors import UsageError

Block = tuple[int, int]
"""Height and width in pixels."""

MAX_SIDE = 16
_BLOCKS_TEXT = re.compile(r"([0-9]{1,99})x([0-9]{1,99})(?:-([0-9]{1,99})x([0-9]{1,99}))?")


@dataclass(frozen=True)
class Blocks:
    """How a network is packed.

    Attributes
    ----------
    inner
        The blocks of the input and of the hidden layers.
    outer
        The blocks of the output, whole multiples of ``inner``: the last layer then takes strides. It has few
        output channels, and wants larger blocks than the others to fill the int8 units.
    """

    inner: Block
    outer: Block

    def __post_init__(self) -> None:
        """Check that the blocks fit each other."""
        sides = (*self.inner, *self.outer)
        if min(sides) < 1 or max(sides) > MAX_SIDE:
            raise UsageError(f"block {self}: sides must be 1 to {MAX_SIDE} pixels")
        if self.outer[0] % self.inner[0] or self.outer[1] % self.inner[1]:
            raise UsageError(f"block {self}: the sides of the second must be multiples of the first's")

    def __str__(self) -> str:
        inner, outer = (f"{height}x{width}" for height, width in (self.inner, self.outer))
        return inner if inner == outer else f"{inner}-{outer}"

    @classmethod
    def parse(cls, text: str) -> "Blocks":
        """Read ``2x4`` (one block for all layers) or ``2x4-4x4`` (the last layer puts out larger ones).

        Raises
        ------
        UsageError
            It is neither, or the blocks do not fit each other.
        """
        match = _BLOCKS_TEXT.fullmatch(text.strip().lower())
        if match is None:
            raise UsageError(f"block {text!r}: give height x width, such as 2x4, or 2x4-4x4")
        inner = int(match[1]), int(match[2])
        return cls(inner, (int(match[3]), int(match[4])) if match[3] else inner)


PLAIN = Blocks((1, 1), (1, 1))
"""No packing: the graph as it was."""


@dataclass(frozen=True)
class Halo:
    """Pixels that a packed tile's input has beyond its output; the same for every tile size."""

    above: int
    below: int
    left: int
    right: int


def hidden_on_pixels(graph: Graph, blocks: Blocks) -> bool:
    """Whether hidden layers see pixels again, and only the ends are packed.

    So it is where blocks are one row high: then blocks in a row are pixels in a row, in the same memory. It suits
    networks whose hidden layers have large kernels, and many channels of their own.
    """
    return blocks.inner[0] == 1 and len(graph.layers) > 1


def halo(graph: Graph, blocks: Blocks, *, views: bool = True) -> Halo:
    """What a tile packed by ``pack`` needs on each side; never less than ``graph.radius``.

    On blocks, each layer uses up whole ones: ``side * ceil(radius / side)``. On pixels only the first layer does, and
    the right side is rounded up so that the whole width is one of whole blocks.
    """
    radii = [[layer.kernel[axis] // 2 for layer in graph.layers] for axis in (0, 1)]
    down, across = (
        [side * ceil(radius / side) for radius in axis] for side, axis in zip(blocks.inner, radii, strict=True)
    )
    if not (views and hidden_on_pixels(graph, blocks)):
        return Halo(sum(down), sum(down), sum(across), sum(across))
    rest = sum(radii[1][1:])
    return Halo(sum(down), sum(down), across[0] + rest, across[0] + rest + -2 * rest % blocks.inner[1])


def pack(graph: Graph, blocks: Blocks, tile: tuple[int, int], *, views: bool = True) -> Graph:
    """Rewrite a stack of stride 1 for one tile.

    Parameters
    ----------
    graph
        Convolutions of stride 1 without padding.
    blocks
        The packing.
    tile
        Height and width in pixels of the output, multiples of ``blocks.outer``.
    views
        Where a layer can work on pixels that lie in the same memory, let it: the fastest for a processor. False: every
        step is a convolution on blocks, 1x1 kernels become block-diagonal: what an Edge TPU wants.

    Returns
    -------
    A graph from ``[rows, columns, inner pixels * channels]`` (tile and halo) to
    ``[rows, columns, outer pixels * channels]`` (the tile), in blocks.
    """
    (height, width), around = blocks.inner, halo(graph, blocks, views=views)
    rows, columns = tile[0] + around.above + around.below, tile[1] + around.left + around.right
    shape = rows // height, columns // width, height * width * graph.input_shape[2]
    if views and hidden_on_pixels(graph, blocks):
        steps = _pixel_steps(graph, blocks, shape)
    else:
        steps = _block_steps(graph, blocks, shape, views)
    return Graph(shape, graph.input, tuple(steps))


def _block_steps(graph: Graph, blocks: Blocks, shape: Shape, views: bool) -> Iterator[Step]:
    """Every layer on blocks."""
    area = blocks.inner[0] * blocks.inner[1]
    for number, layer in enumerate(graph.layers, 1):
        outer = blocks.outer if number == len(graph.layers) else blocks.inner
        if views and layer.kernel == (1, 1) and outer == blocks.inner and area > 1:
            rows, columns, channels = shape
            seen: list[Step] = [
                Reshape((rows, columns * area, channels // area)),
                layer,
                Reshape((rows, columns, area * len(layer.bias))),
            ]
        else:
            seen = [pack_layer(layer, blocks.inner, outer)]
        for step in seen:
            shape = step.result(shape)
            yield step


def _pixel_steps(graph: Graph, blocks: Blocks, shape: Shape) -> Iterator[Step]:
    """The first layer on blocks of one row, the hidden ones on pixels, the last from pixels to blocks."""
    first, *hidden, last = graph.layers
    packed = pack_layer(first, blocks.inner, blocks.inner)
    yield packed
    if blocks.inner != (1, 1):
        rows, columns, channels = packed.result(shape)
        yield Reshape((rows, columns * blocks.inner[1], channels // blocks.inner[1]))
    yield from hidden
    yield pack_layer(last, (1, 1), blocks.outer)


def pack_layer(layer: Convolution, inner: Block, outer: Block) -> Convolution:
    """The convolution on blocks that does what ``layer`` does on pixels."""
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
