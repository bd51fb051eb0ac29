"""Choose the rounding of a network that leaves flat fields and ramps alone.

There is nothing to add to them, and a float network adds a tenth of a grey level. What rounding adds to that hangs on
the inputs by which the weights are rounded, which are drawn, and on where their errors lie: of a few draws, each moved
by a part of a level, some never come to half of one.
"""

from collections.abc import Iterator
from dataclasses import replace
from itertools import product

import numpy as np
from numpy.typing import NDArray

from edge_srcnn.engine.interpreter import open_interpreter
from edge_srcnn.imaging.bicubic import upscale_bicubic
from edge_srcnn.imaging.luma import UInt8Array
from edge_srcnn.imaging.tiles import to_blocks
from export.architectures import Architecture, Layer
from export.data.pairs import Float32Array
from export.int8.convert import convert, with_output_scale
from export.int8.gptq import round_layers
from export.int8.trace import TRACE_ENGINE

DRAWS = 16
STEEPEST = 4
"""Grey levels from a pixel to the next, down and across together."""

DARKEST = range(12, 92, 8)
"""Grey levels with which ramps begin."""

SIDE = 16
"""Of the camera's pixels that are looked at, without the halo."""

FINE = 32
SHIFTS = sorted(range(-FINE // 4, FINE // 4 + 1), key=abs)
"""By what the result is made lighter or darker, in so many parts of a grey level: a quarter at most."""


def round_calmly(
    layers: tuple[Layer, ...], architecture: Architecture, samples: list[Float32Array], seed: int = 0
) -> tuple[Layer, ...]:
    """Round a network by several draws, shift each to where its rounding errors lie about 0, and keep the calmest.

    Parameters
    ----------
    layers
        The float network.
    architecture
        What it is; even, see ``export.int8.even``.
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
        *inner, last = round_layers(layers, samples, range_share=share, even=even, seed=seed + draw)
        graph = convert((*inner, last), architecture, samples)
        shift, pattern = calm_shift(graph, architecture)
        if pattern < least:
            bias = last.bias + np.float32(shift / FINE / 255)
            calmest, least = (*inner, replace(last, bias=bias)), pattern
    return calmest


def calm_shift(graph: bytes, architecture: Architecture) -> tuple[int, float]:
    """Find by what an int8 network is to be made lighter, and the pattern that it leaves then.

    Parameters
    ----------
    graph
        Its flatbuffer.
    architecture
        What it is.

    Returns
    -------
    One of ``SHIFTS``, and the energy of the sub-pixels' grid on flat fields of each level and on ramps, beyond what
    rounding to whole levels explains, in grey levels squared.
    """
    network = open_interpreter(TRACE_ENGINE, with_output_scale(graph, 1 / 255 / FINE), 1)
    block, side, scale = architecture.unshuffle, architecture.shuffle, architecture.upsampling
    patterns = np.zeros(len(SHIFTS))
    shifts = np.array(SHIFTS)[:, None, None]
    halo = architecture.halo_px * scale
    for plane, exact in _plain_pictures(SIDE * block + 2 * architecture.halo_px, scale):
        cells = np.empty((plane.shape[0] // block, plane.shape[1] // block, block**2), np.uint8)
        to_blocks(plane, cells, (block, block))
        added = network.compute((cells ^ np.uint8(0x80)).view(np.int8)).reshape(SIDE, SIDE, side, side)
        fine = added.transpose(0, 2, 1, 3).reshape(SIDE * side, SIDE * side).astype(int)
        base = (upscale_bicubic(plane, scale) - exact)[halo:-halo, halo:-halo]
        errors = base + np.floor((fine + shifts) / FINE + 0.5)
        beyond = np.sign(errors) * np.maximum(np.abs(errors) - 0.5, 0)
        places = beyond.reshape(len(SHIFTS), SIDE, side, SIDE, side).mean(axis=(1, 3))
        patterns += places.var(axis=(1, 2))
    calmest = int(np.argmin(patterns))
    return SHIFTS[calmest], float(patterns[calmest])


def _plain_pictures(side: int, scale: int) -> Iterator[tuple[UInt8Array, NDArray[np.float64]]]:
    """Give what a camera sees, and what is there, ``scale`` times as large and as fine."""
    for grey in range(256):
        yield np.full((side, side), grey, np.uint8), np.full((side * scale, side * scale), float(grey))
    y, x = np.indices((side, side))
    fine_y, fine_x = ((place + 0.5) / scale - 0.5 for place in np.indices((side * scale, side * scale)))
    slopes = range(STEEPEST + 1)
    for darkest, down, across in product(DARKEST, slopes, slopes):
        ramp = darkest + down * y + across * x
        if 0 < down + across <= STEEPEST and ramp.max() <= 255:
            yield ramp.astype(np.uint8), darkest + down * fine_y + across * fine_x
