"""Which setting is the fastest here: measured on frames, by elimination."""

import statistics
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import pairwise
from math import isqrt
from time import perf_counter

import numpy as np

from edge_srcnn.engine.blocks import Blocks
from edge_srcnn.engine.graph import Graph
from edge_srcnn.engine.inference import Sharpener
from edge_srcnn.engine.network import Network
from edge_srcnn.engine.packing import check_packing, tile_grain
from edge_srcnn.engine.plan import WHOLE_TILE, Setting, Wish
from edge_srcnn.engine.processor import Processor
from edge_srcnn.errors import UsageError
from edge_srcnn.imaging.luma import UInt8Array
from edge_srcnn.imaging.tiles import even_side, round_up

BLOCKS = ("2x2", "2x2-2x4", "2x2-4x4", "2x4", "2x4-4x4", "2x4-2x8", "4x2-4x4", "4x4", "1x4-4x4", "1x8-4x8", "1x1")
"""Packings that won somewhere, or nearly; and none."""

END_BLOCKS = (
    *("8w", "8w-1x2", "8w-2x2", "8w-1x4", "6w", "6w-2x2"),
    *("1x2-2x2", "1x4", "1x4-4x4", "1x8-4x8", "1x1-1x2", "1x1-2x2", "1x1"),
)
"""Packings for networks whose hidden layers have kernels of their own: of the ends alone."""

ROUNDS = ((1, 1 / 3), (3, 1 / 3), (9, 1.0))
"""Frames that are timed in each round, and the share of the contestants that goes on to the next."""

FINALISTS = 3
_MIDDLING_TILE = (128, 256)
_MAX_ACTIVATIONS = 128 << 20  # bytes; small computers have other uses for their memory
_CACHE_SHARE = 0.75  # weights and pictures want some of it too
_GRAIN = 16


@dataclass
class Contestant:
    """A setting, and what its frames took."""

    setting: Setting
    seconds: list[float] = field(default_factory=list)

    def always(self, height: int, width: int) -> Setting:
        """The setting, whatever the size."""
        return self.setting

    @property
    def milliseconds(self) -> float:
        """Median of a frame."""
        return statistics.median(self.seconds) * 1000


def candidates(
    network: Network, size: tuple[int, int], processor: Processor, threads: int, wish: Wish
) -> tuple[Setting, ...]:
    """Every block x tile x number of threads worth trying for planes of ``size`` (height, width).

    Tiles: the whole picture if it is not too large, a middling one, and for each cache from the second level on one
    whose activations fit. Tiles that cut this picture in the same way are tried once.
    """
    found: dict[tuple[Blocks, tuple[int, ...], int], Setting] = {}
    for blocks in (wish.blocks,) if wish.blocks else packings(network.graph):
        grains = [network.unshuffle * cells for cells in tile_grain(network.graph, blocks)]
        for tile in (wish.tile,) if wish.tile else _tiles(network, size, processor):
            sides = tuple(
                even_side(round_up(side, grain), wanted, grain)
                for side, wanted, grain in zip(size, tile, grains, strict=True)
            )
            for count in (wish.threads,) if wish.threads else _thread_counts(threads):
                found.setdefault((blocks, sides, count), Setting(blocks, tile, count))
    return tuple(found.values())


def runs_of(contestants: int) -> int:
    """How many times ``contest`` yields."""
    total = 0
    for _, share in ROUNDS:
        total += contestants
        contestants = _going_on(contestants, share)
    return total


def contest(
    network: Network, engine: str, contestants: Sequence[Contestant], plane: UInt8Array
) -> Iterator[Contestant]:
    """Let the contestants sharpen ``plane`` (uint8 ``[h, w]``, the network's) in rounds; the slow ones drop out.

    Yields each one that has run, so that progress can be shown; ``ranked`` tells who won. One at a time holds memory.
    """
    running = list(contestants)
    base = plane.repeat(network.upsampling, axis=0).repeat(network.upsampling, axis=1)
    out = np.empty_like(base)
    for frames, share in ROUNDS:
        for contestant in running:
            sharpener = Sharpener(network, engine, setting_for=contestant.always)
            sharpener.sharpen(plane, base, out)
            for _ in range(frames):
                began = perf_counter()
                sharpener.sharpen(plane, base, out)
                contestant.seconds.append(perf_counter() - began)
            yield contestant
        running = ranked(running)[: _going_on(len(running), share)]


def ranked(contestants: Sequence[Contestant]) -> list[Contestant]:
    """Those that came furthest first, and among them the fastest first; those that never ran are left out."""
    ran = [contestant for contestant in contestants if contestant.seconds]
    return sorted(ran, key=lambda c: (-len(c.seconds), c.milliseconds))


def _going_on(contestants: int, share: float) -> int:
    return min(contestants, max(round(contestants * share), FINALISTS))


def _thread_counts(most: int) -> list[int]:
    return [count for count in (1, 2, 3, 4, 6, 8, 12, 16) if count < most] + [most]


def packings(graph: Graph) -> Iterator[Blocks]:
    """Give the packings to try that the network can be packed by."""
    ends = any(layer.kernel != (1, 1) for layer in graph.layers[1:-1])
    for blocks in map(Blocks.parse, END_BLOCKS if ends else BLOCKS):
        with suppress(UsageError):
            check_packing(graph, blocks)
            yield blocks


def _tiles(network: Network, size: tuple[int, int], processor: Processor) -> list[tuple[int, int]]:
    graph = network.graph
    channels = [graph.input_shape[2], *(len(layer.bias) for layer in graph.layers)]
    bytes_per_pixel = max(max(map(sum, pairwise(channels))) * graph.dtype.itemsize // network.unshuffle**2, 1)
    tiles = [_MIDDLING_TILE]
    if size[0] * size[1] * bytes_per_pixel <= _MAX_ACTIVATIONS:
        tiles.append(WHOLE_TILE)
    for level, capacity in sorted(processor.caches.items()):
        if level >= 2:
            height = isqrt(int(capacity * _CACHE_SHARE) // bytes_per_pixel // 2) // _GRAIN * _GRAIN
            tiles.append((max(height, 2 * _GRAIN), max(2 * height, 4 * _GRAIN)))
    return tiles
