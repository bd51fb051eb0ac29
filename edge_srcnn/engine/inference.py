"""The network over a plane of any size: mirror halo, tiles, blocks, XOR, invoke, blocks back, residual."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, replace
from functools import cached_property
from time import perf_counter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge_srcnn.engine.backends import Backend, Program
from edge_srcnn.engine.graph import Network
from edge_srcnn.engine.patches import Patches
from edge_srcnn.engine.plan import Plan
from edge_srcnn.engine.postprocess import AS_TRAINED, Output
from edge_srcnn.engine.tiled_graph import TiledNetwork, network_for_form, network_for_processor
from edge_srcnn.errors import UsageError
from edge_srcnn.imaging.luma import UInt8Array
from edge_srcnn.imaging.tiles import Tile, mirror_border
from edge_srcnn.models.edgetpu import TpuForm

MOSTLY = 0.6
"""Where what changed costs more than this share of a whole plane, that is computed instead, in large tiles."""


@dataclass
class Statistics:
    """The cost of the frames so far, in seconds and tiles."""

    frames: int = 0
    resize_s: float = 0.0
    pack_s: float = 0.0
    invoke_s: float = 0.0
    unpack_s: float = 0.0
    tiles: int = 0
    tiles_compared: int = 0
    tiles_reused: int = 0

    def clear(self) -> None:
        """Begin anew."""
        for each in fields(self):
            setattr(self, each.name, each.default)

    def reused_since(self, before: "Statistics") -> float | None:
        """Give the part of the tiles since then that were as before, and not computed; None: none was compared."""
        compared = self.tiles_compared - before.tiles_compared
        return (self.tiles_reused - before.tiles_reused) / compared if compared else None

    def add(self, other: "Statistics") -> None:
        """Count what another one counted, too."""
        for each in fields(self):
            setattr(self, each.name, getattr(self, each.name) + getattr(other, each.name))


Base = UInt8Array | Callable[[Sequence[Tile] | None], UInt8Array]
"""What a residual is added to, or makes it: is told in which tiles of the result it changed; None: anywhere."""


class TiledInference:
    """Run a network over planes of any size, tile by tile.

    Programs and buffers for one size are made when it first comes, and kept until another comes.

    Parameters
    ----------
    network
        The plain network.
    backend
        Compiles it.
    plan_for
        Says how results of (height, width) are to be computed.
    reuse
        Do not compute a tile again whose input (halo included) is that of the last plane.
    form
        The backend's form of the network, to be computed in its place.
    """

    def __init__(
        self,
        network: Network,
        backend: Backend,
        *,
        plan_for: Callable[[int, int], Plan],
        reuse: bool = False,
        form: TpuForm | None = None,
    ) -> None:
        self.network, self.statistics = network, Statistics()
        self.backend, self.plan_for, self.reuse, self.form = backend, plan_for, reuse, form
        self._sized: _SizedInference | None = None

    @property
    def raw(self) -> NDArray[Any]:
        """Give what the network put out for the last plane, not yet added to it: ``[h, w]``, the graph's dtype."""
        if self._sized is None:
            raise UsageError("nothing has been computed yet")
        return self._sized.raw

    def run(
        self,
        plane: UInt8Array,
        base: Base,
        out: UInt8Array,
        overlap_above: int = 0,
        overlap_below: int = 0,
        region: Tile | None = None,
        strength: float = AS_TRAINED,
        *,
        again: bool = False,
    ) -> UInt8Array:
        """Run the network over a plane, and add what it puts out to another.

        Parameters
        ----------
        plane
            uint8 ``[overlap_above + h + overlap_below, w]``: what the network reads.
        base
            uint8 ``[h * upsampling, w * upsampling]``: what a residual is added to; or a function that makes it.
        out
            uint8 of that shape, written to.
        overlap_above
            Rows of ``plane`` that are only there as context, where it is a band of a larger one:
            ``network.context_px``, or fewer where the plane ends.
        overlap_below
            The same at the other end.
        region
            The part of ``out`` that the network is to see; the rest is ``base``. None: all of it.
        strength
            Factor on what the network changes; another one than for the last plane makes no tile be computed again.
        again
            The base depends on the plane as that of the last call did: where the plane is as before, so is the result.

        Returns
        -------
        The base.
        """
        sized = self._sized
        if sized is None or sized.result_size != out.shape:
            self._sized = None  # its memory goes before the next one's comes
            sized = self._sized = _SizedInference(self, (out.shape[0], out.shape[1]))
        changed = sized.compute(plane, overlap_above, overlap_below, region)
        return sized.finish(changed, base, out, region, strength, again=again)


class _TileProgram:
    """The network for one tile, compiled when the first one is computed."""

    def __init__(self, tiled: TiledNetwork, inference: TiledInference, threads: int) -> None:
        self.tiled, self._threads = tiled, threads
        self._backend, self._statistics = inference.backend, inference.statistics

    @cached_property
    def _program(self) -> Program:
        return self._backend.compile(self.tiled.graph, self._threads)

    def compute(self, padded: UInt8Array, tile: Tile, raw: NDArray[Any]) -> None:
        """Run the network over one tile of the padded plane, and put what it gives into its place of ``raw``."""
        program, start = self._program, perf_counter()
        self.tiled.load(padded[self.tiled.window_of(tile)], program.input)  # no view may be held while it runs
        packed = perf_counter()
        program.run()
        computed = perf_counter()
        self.tiled.unload(program.output, tile, raw)
        self._statistics.pack_s += packed - start
        self._statistics.invoke_s += computed - packed
        self._statistics.unpack_s += perf_counter() - computed


_Job = tuple[_TileProgram, Tile]


class _SizedInference:
    """Programs and buffers for planes of one size.

    A plane is computed in large tiles. With reuse, what changed since the last one is found, and covered by smaller
    ones that lie where it is; unless that is most of the plane.
    """

    def __init__(self, inference: TiledInference, result_size: tuple[int, int]) -> None:
        network, form, plan = inference.network, inference.form, inference.plan_for(*result_size)
        self._times = times = network.upsampling
        size = result_size[0] // times, result_size[1] // times
        self.result_size, self._reuse, self._statistics = result_size, inference.reuse, inference.statistics
        self._output = Output(network.graph.output, residual=network.residual, width=result_size[1])
        tiled = network_for_form(form, size) if form else network_for_processor(network, size, plan)
        self._fresh = _TileProgram(tiled, inference, plan.threads)
        around, (height, width) = tiled.halo, tiled.size  # which do not depend on the tiles
        self._raw = np.empty((height * times, width * times), network.graph.dtype)
        padded_shape = (height + around.above + around.below, width + around.left + around.right)
        self._padded = np.empty(padded_shape, np.uint8)
        self._last = np.empty(padded_shape if inference.reuse else (0, 0), np.uint8)
        self._result = np.empty(result_size if inference.reuse else (0, 0), np.uint8)
        self._whole = Tile(0, 0, height, width)
        self._known: Tile | None = None  # the part of raw, in pixels of the plane, that belongs to last
        self._strength: float | None = None  # of the result; None: it is not that of last
        plans = [] if form or not inference.reuse else [replace(plan, tile=tile) for tile in plan.patch_tiles]
        laid = [network_for_processor(network, size, each) for each in plans]
        self._programs = [_TileProgram(each, inference, plan.threads) for each in laid] or [self._fresh]
        self._patches = Patches([each.tiled for each in self._programs], network.context_px)

    def compute(
        self, plane: UInt8Array, overlap_above: int, overlap_below: int, region: Tile | None
    ) -> Sequence[Tile] | None:
        """Run the network over what is not known of a region (of the result).

        Gives the tiles of the result that it computed; None: all.
        """
        began = perf_counter()
        known, self._known = self._known, None  # nothing is known if this fails half-way
        if self._reuse:
            self._padded, self._last = self._last, self._padded
        around, (height, width) = self._fresh.tiled.halo, self._fresh.tiled.size
        rows = plane.shape[0] - overlap_above - overlap_below
        mirror_border(
            plane,
            around.above - overlap_above,
            around.below - overlap_below + height - rows,
            around.left,
            around.right + width - plane.shape[1],
            out=self._padded,
        )
        wanted = self._whole if region is None else self._in_plane(region)
        jobs = self._changed(wanted) if self._reuse and known in (wanted, self._whole) else None
        self._count(wanted, jobs)
        self._statistics.pack_s += perf_counter() - began
        whole = [(self._fresh, tile) for tile in self._fresh.tiled.within(wanted)]
        for program, tile in whole if jobs is None else jobs:
            program.compute(self._padded, tile, self._raw)
        self._known = wanted
        return None if jobs is None else [program.tiled.in_result(tile) for program, tile in jobs]

    def _in_plane(self, region: Tile) -> Tile:
        """Give a region of the result in pixels of the plane."""
        times = self._times
        top, left = region.top // times, region.left // times
        bottom, right = -(-(region.top + region.height) // times), -(-(region.left + region.width) // times)
        return Tile(top, left, bottom - top, right - left)

    def _changed(self, wanted: Tile) -> list[_Job] | None:
        """Find what changed since the last plane; None: most of it, for which large tiles are quicker."""
        tiled = self._fresh.tiled
        limit = MOSTLY * len(tiled.within(wanted)) * tiled.pixels_read
        found = self._patches.between(self._padded, self._last, wanted, limit)
        return None if found is None else [(self._programs[each.number], each.tile) for each in found]

    def _count(self, wanted: Tile, jobs: list[_Job] | None) -> None:
        """Count tiles: with reuse, the smallest there are, and as many as what is computed has room for."""
        tiled = self._programs[-1].tiled
        tiles, pixels = len(tiled.within(wanted)), tiled.tiles[0].height * tiled.tiles[0].width
        self._statistics.tiles += tiles
        if self._reuse:
            computed = tiles if jobs is None else -(-sum(tile.height * tile.width for _, tile in jobs) // pixels)
            self._statistics.tiles_compared += tiles
            self._statistics.tiles_reused += max(tiles - computed, 0)

    def finish(
        self,
        changed: Sequence[Tile] | None,
        base: Base,
        out: UInt8Array,
        region: Tile | None,
        strength: float,
        *,
        again: bool,
    ) -> UInt8Array:
        """Add what the network put out to the base: everywhere, or where it changed since the last plane."""
        before, self._strength = self._strength, None
        if not again or region is not None or strength != before:
            changed = None
        pixels = base(changed) if callable(base) else base
        began, raw = perf_counter(), self.raw
        if changed is None:
            place = (slice(None), slice(None)) if region is None else region.place
            if region is not None:
                out[:] = pixels
            self._output.apply(raw[place], pixels[place], out[place], strength)
        for tile in changed or ():
            self._output.apply(raw[tile.place], pixels[tile.place], self._result[tile.place], strength)
        if self._reuse and again and region is None:
            kept, taken = (self._result, out) if changed is None else (out, self._result)
            kept[:] = taken
            self._strength = strength
        self._statistics.unpack_s += perf_counter() - began
        return pixels

    @property
    def raw(self) -> NDArray[Any]:
        """Give the network's last output, without what rounds the size up to whole blocks."""
        return self._raw[: self.result_size[0], : self.result_size[1]]
