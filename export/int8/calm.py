"""Choose the rounding of a network that leaves flat fields and ramps alone.

There is nothing to add to them, and a float network adds a tenth of a grey level. What rounding adds to that hangs on
the inputs by which the weights are rounded, which are drawn: of a few draws, some never come to half a level.
"""

from collections.abc import Iterator
from itertools import product

import numpy as np
from numpy.typing import NDArray

from edge_srcnn.engine.interpreter import open_interpreter
from edge_srcnn.imaging.bicubic import upscale_bicubic
from edge_srcnn.imaging.luma import UInt8Array
from edge_srcnn.imaging.tiles import to_blocks
from export.architectures import Architecture, Layer
from export.data.pairs import Float32Array
from export.int8.convert import convert
from export.int8.gptq import round_layers
from export.int8.trace import TRACE_ENGINE

DRAWS = 8
SLOPES = range(5)
"""Grey levels from a pixel to the next, down and across."""

DARKEST = 20
SIDE = 16
"""Of the camera's pixels that are looked at, without the halo."""


def round_calmly(
    layers: tuple[Layer, ...], architecture: Architecture, samples: list[Float32Array], seed: int = 0
) -> tuple[Layer, ...]:
    """Round a network until nothing is seen on flat fields and ramps, or by ``DRAWS`` draws, and keep the calmest.

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
    share, even = architecture.range_share, architecture.even
    calmest, least = layers, np.inf
    for draw in range(DRAWS):
        rounded = round_layers(layers, samples, range_share=share, even=even, seed=seed + draw)
        seen = disturbance(convert(rounded, architecture, samples), architecture)
        if seen < least:
            calmest, least = rounded, seen
        if seen == 0.0:
            break
    return calmest


def disturbance(graph: bytes, architecture: Architecture) -> float:
    """Add up, in grey levels, by how much an int8 network misses flat fields and ramps where bicubic scaling does not.

    What rounding to whole levels explains does not count.
    """
    network, block, side = open_interpreter(TRACE_ENGINE, graph, 1), architecture.unshuffle, architecture.shuffle
    halo = architecture.halo_px * architecture.upsampling
    total = 0.0
    for plane, exact in _plain_pictures(SIDE * block + 2 * architecture.halo_px, architecture.upsampling):
        cells = np.empty((plane.shape[0] // block, plane.shape[1] // block, block**2), np.uint8)
        to_blocks(plane, cells, (block, block))
        added = network.compute((cells ^ np.uint8(0x80)).view(np.int8)).reshape(SIDE, SIDE, side, side)
        pixels = added.transpose(0, 2, 1, 3).reshape(SIDE * side, SIDE * side).astype(float)
        missed = (upscale_bicubic(plane, architecture.upsampling) - exact)[halo:-halo, halo:-halo]
        total += float(np.maximum(_beyond_rounding(missed + pixels) - _beyond_rounding(missed), 0).sum())
    return total


def _beyond_rounding(errors: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.maximum(np.abs(errors) - 0.5, 0)


def _plain_pictures(side: int, scale: int) -> Iterator[tuple[UInt8Array, NDArray[np.float64]]]:
    """Give what a camera sees, and what is there, ``scale`` times as large and as fine."""
    for grey in range(256):
        yield np.full((side, side), grey, np.uint8), np.full((side * scale, side * scale), float(grey))
    y, x = np.indices((side, side))
    fine_y, fine_x = ((place + 0.5) / scale - 0.5 for place in np.indices((side * scale, side * scale)))
    for down, across in product(SLOPES, SLOPES):
        ramp = DARKEST + down * y + across * x
        if ramp.max() <= 255:
            yield ramp.astype(np.uint8), DARKEST + down * fine_y + across * fine_x
