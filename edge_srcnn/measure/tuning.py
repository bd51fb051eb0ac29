"""What ``edge-srcnn tune`` does: measure plans on frames by successive halving, and keep the winner."""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from itertools import pairwise
from math import isqrt
from statistics import median

import numpy as np

from edge_srcnn.engine.backends import Backend
from edge_srcnn.engine.build import network_of, tuning_key
from edge_srcnn.engine.graph import Graph, Network
from edge_srcnn.engine.options import EngineOptions
from edge_srcnn.engine.packing import check_packing, tile_grain
from edge_srcnn.engine.plan import WHOLE_TILE, Blocks, Plan
from edge_srcnn.engine.processor import Processor, available_processors, this_processor
from edge_srcnn.engine.tuning_cache import TuningCache
from edge_srcnn.errors import UsageError
from edge_srcnn.imaging.bicubic import upscale_bicubic
from edge_srcnn.imaging.luma import UInt8Array
from edge_srcnn.imaging.tiles import even_side, round_up
from edge_srcnn.measure import inference_by, picture_for, seconds_of
from edge_srcnn.models.bundled import find_model, is_auto, live_ladder
from edge_srcnn.models.file import Model, read_model
from edge_srcnn.upscaler import read_named

BLOCKS = ("2x2", "2x2-2x4", "2x2-4x4", "2x4", "2x4-4x4", "2x4-2x8", "4x2-4x4", "4x4", "1x4-4x4", "1x8-4x8", "1x1")
"""Packings that won somewhere, or nearly; and none."""

END_BLOCKS = (
    *("8w", "8w-1x2", "8w-2x2", "8w-1x4", "6w", "6w-2x2"),
    *("1x2-2x2", "1x4", "1x4-4x4", "1x8-4x8", "1x1-1x2", "1x1-2x2", "1x1"),
)
"""Packings for networks whose hidden layers have kernels of their own: of the ends alone."""

ROUNDS = ((1, 1 / 3), (3, 1 / 3), (9, 1.0))
"""Frames that are timed in each round, and the share of the trials that goes on to the next."""

FINALISTS = 3
_MIDDLING_TILE = (128, 256)
_MAX_ACTIVATIONS = 128 << 20  # bytes; small computers have other uses for their memory
_CACHE_SHARE = 0.75  # weights and pictures want some of it too
_GRAIN = 16


@dataclass
class Trial:
    """Hold a plan, and what its frames took."""

    plan: Plan
    seconds: list[float] = field(default_factory=list)

    @property
    def milliseconds(self) -> float:
        """Give the median of a frame."""
        return median(self.seconds) * 1000


def models_to_tune(name: str, scale: int) -> list[tuple[Model, ...]]:
    """Read the models that are meant.

    Parameters
    ----------
    name
        A bundled model or a file; ``auto``: the candidates of live video, of cameras and of other sources, and the best
        for pictures.
    scale
        Factor of upscaling; counts only for ``auto``.

    Returns
    -------
    Those whose networks differ in their weights alone are together: what is the fastest for one is so for all.

    Raises
    ------
    UsageError, NoInput, ModelError
        As ``read_named``.
    """
    best = read_named(name, scale)
    if not is_auto(name):
        return [(best,)]
    live, for_cameras = (live_ladder(scale, camera=camera) for camera in (False, True))
    groups: dict[tuple[object, ...], list[Model]] = {}
    for each in dict.fromkeys((*live, best.spec.name, *for_cameras)):
        model = read_model(find_model(each, scale))
        spec = model.spec
        shape = spec.layers, spec.plane, spec.unshuffle, spec.shuffle, spec.residual, spec.quantization
        groups.setdefault(shape, []).append(model)
    return [tuple(group) for group in groups.values()]


class Tuning:
    """Find the fastest plan of models that are alike, for one size of the camera's frames, and keep it.

    Parameters
    ----------
    models
        As ``models_to_tune`` gives them; the first one is measured.
    options
        Another engine than ``auto``; what else is given is not tried in other ways.
    size
        Width and height of the camera's frames.

    Attributes
    ----------
    trials
        What is tried.
    keys
        What the winner is kept for, one of each model.
    """

    def __init__(self, models: tuple[Model, ...], options: EngineOptions, size: tuple[int, int]) -> None:
        self.models, self._backend = models, options.backend()
        self._network = network_of(models[0])
        scale, (width, height) = models[0].spec.scale, size
        self.keys = [tuning_key(model, self._backend, height * scale, width * scale) for model in models]
        self._plane = upscale_bicubic(picture_for(width, height), scale // self._network.upsampling)
        plans = plans_to_try(self._network, self._plane.shape, this_processor(), available_processors(), options)
        self.trials = [Trial(plan) for plan in plans]

    @property
    def ranking(self) -> list[Trial]:
        """List what was tried, the best first."""
        return ranked(self.trials)

    def run(self) -> Iterator[float]:
        """Measure; gives the milliseconds of the best one so far, as often as ``runs_of`` tells."""
        for _ in halve(self._network, self._backend, self.trials, self._plane):
            yield self.ranking[0].milliseconds

    def keep(self) -> None:
        """Put the winner into the cache; ``CannotWrite`` where its folder cannot be written."""
        best = self.ranking[0]
        for key in self.keys:
            TuningCache().put(key, best.milliseconds, best.plan)


def plans_to_try(
    network: Network, size: tuple[int, int], processor: Processor, threads: int, options: EngineOptions
) -> tuple[Plan, ...]:
    """List every block x tile x number of threads worth trying for planes of ``size`` (height, width).

    Tiles: the whole picture if it is not too large, a middling one, and for each cache from the second level on one
    whose activations fit. Tiles that cut this picture in the same way are tried once.
    """
    found: dict[tuple[Blocks, tuple[int, ...], int], Plan] = {}
    for blocks in (options.blocks,) if options.blocks else packings(network.graph):
        grains = [network.unshuffle * cells for cells in tile_grain(network.graph, blocks)]
        for tile in (options.tile,) if options.tile else _tiles(network, size, processor):
            sides = tuple(
                even_side(round_up(side, grain), wanted, grain)
                for side, wanted, grain in zip(size, tile, grains, strict=True)
            )
            for count in (options.threads,) if options.threads else _thread_counts(threads):
                found.setdefault((blocks, sides, count), Plan(blocks, tile, count))
    return tuple(found.values())


def packings(graph: Graph) -> Iterator[Blocks]:
    """Give the packings to try that the network can be packed by."""
    ends = any(layer.kernel != (1, 1) for layer in graph.layers[1:-1])
    for blocks in map(Blocks.parse, END_BLOCKS if ends else BLOCKS):
        with suppress(UsageError):
            check_packing(graph, blocks)
            yield blocks


def runs_of(trials: int) -> int:
    """Count how many times ``halve`` yields."""
    return sum(count for count, _ in _rounds(trials))


def _rounds(trials: int) -> Iterator[tuple[int, int]]:
    """Give how many trials run in each round, and the frames that they are timed on."""
    for frames, share in ROUNDS:
        yield trials, frames
        trials = min(trials, max(round(trials * share), FINALISTS))


def halve(network: Network, backend: Backend, trials: Sequence[Trial], plane: UInt8Array) -> Iterator[Trial]:
    """Time plans on ``plane`` (uint8 ``[h, w]``, the network's) in rounds, from each of which only the fastest go on.

    Yields each trial that has run, so that progress can be shown; ``ranked`` tells which won. One at a time holds
    memory.
    """
    running: Sequence[Trial] = trials
    base = plane.repeat(network.upsampling, axis=0).repeat(network.upsampling, axis=1)
    out = np.empty_like(base)
    for count, frames in _rounds(len(trials)):
        for trial in running[:count]:
            inference = inference_by(trial.plan, network, backend)
            inference.run(plane, base, out)
            job = partial(inference.run, plane, base, out)
            trial.seconds += [seconds_of(job) for _ in range(frames)]
            yield trial
        running = ranked(trials)


def ranked(trials: Sequence[Trial]) -> list[Trial]:
    """Sort those that came furthest first, and among them the fastest first; those that never ran are left out."""
    return sorted((each for each in trials if each.seconds), key=lambda each: (-len(each.seconds), each.milliseconds))


def _thread_counts(most: int) -> list[int]:
    return [count for count in (1, 2, 3, 4, 6, 8, 12, 16) if count < most] + [most]


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
