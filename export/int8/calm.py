"""Choose the rounding of a network that leaves flat fields and ramps alone.

There is nothing to add to them, and a float network adds a tenth of a grey level. What rounding adds to that hangs on
the inputs by which the weights are rounded, which are drawn: of a few draws, some never come to half a level.
"""

from collections.abc import Iterator
from itertools import product

import numpy as np

from edge_srcnn.engine.interpreter import open_interpreter
from edge_srcnn.imaging.luma import UInt8Array
from edge_srcnn.imaging.tiles import to_blocks
from export.architectures import Architecture, Layer
from export.data.pairs import Float32Array
from export.int8.convert import convert
from export.int8.gptq import round_layers
from export.int8.trace import TRACE_ENGINE

DRAWS = 4
SLOPES = range(5)
"""Grey levels from a pixel to the next, down and across."""

DARKEST = 20
SIDE = 16
"""Of the camera's pixels that are looked at, without the halo."""


def round_calmly(
    layers: tuple[Layer, ...], architecture: Architecture, samples: list[Float32Array], seed: int = 0
) -> tuple[Layer, ...]:
    """Round a network by several draws of its inputs, and keep the calmest; the first one of those alike.

    Parameters
    ----------
    layers
        The float network.
    architecture
        What it is.
    samples
        The representative dataset, float32 ``[1, h, w, u * u]``.
    seed
        Of the first draw; the next ones follow it.

    Returns
    -------
    Layers on their int8 grids, see ``round_layers``.
    """
    draws = [
        round_layers(layers, samples, range_share=architecture.range_share, even=architecture.even, seed=seed + number)
        for number in range(DRAWS)
    ]
    return min(draws, key=lambda drawn: disturbance(convert(drawn, architecture, samples), architecture))


def disturbance(graph: bytes, architecture: Architecture) -> int:
    """Add up the grey levels that an int8 network adds to flat fields of each level, and to ramps."""
    network, block = open_interpreter(TRACE_ENGINE, graph, 1), architecture.unshuffle
    total = 0
    for plane in _plain_pictures(SIDE * block + 2 * architecture.halo_px):
        cells = np.empty((plane.shape[0] // block, plane.shape[1] // block, block**2), np.uint8)
        to_blocks(plane, cells, (block, block))
        total += int(np.abs(network.compute((cells ^ np.uint8(0x80)).view(np.int8)).astype(int)).sum())
    return total


def _plain_pictures(side: int) -> Iterator[UInt8Array]:
    for grey in range(256):
        yield np.full((side, side), grey, np.uint8)
    y, x = np.indices((side, side))
    for down, across in product(SLOPES, SLOPES):
        ramp = DARKEST + down * y + across * x
        if ramp.max() <= 255:
            yield ramp.astype(np.uint8)
