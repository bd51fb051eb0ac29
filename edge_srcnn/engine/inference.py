"""The network over a plane of any size: mirror halo, tiles, blocks, XOR, invoke, blocks back, residual."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, replace
from functools import cached_property
from time import perf_counter
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_srcnn.engine.backends import Backend, Program
from edge_srcnn.engine.graph import Network
from edge_srcnn.engine.plan import Plan
from edge_srcnn.engine.postprocess import AS_TRAINED, Output
from edge_srcnn.engine.tiled_graph import TiledNetwork, network_for_form, network_for_processor
from edge_srcnn.errors import UsageError
from edge_srcnn.imaging.luma import UInt8Array
from edge_srcnn.imaging.tiles import Tile, mirror_border
from edge_srcnn.models.edgetpu import TpuForm

MOSTLY = 0.5
"""Share of the tiles that must have changed for larger ones, whose halo costs less, to be computed instead."""


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


class _SizedInference:
    """Programs and buffers for planes of one size.

    ``still`` has smaller tiles than ``fresh``, or is the same one: with reuse, a moving thing then leaves most tiles as
    they were. Where nearly all have changed, ``fresh`` computes the plane, since less of it is halo.
    """

    def __init__(self, inference: TiledInference, result_size: tuple[int, int]) -> None:
        network, form, plan = inference.network, inference.form, inference.plan_for(*result_size)
        size = result_size[0] // network.upsampling, result_size[1] // network.upsampling
        self.result_size, self._reuse, self._statistics = result_size, inference.reuse, inference.statistics
        self._output = Output(network.graph.output, residual=network.residual, width=result_size[1])
        tiled = network_for_form(form, size) if form else network_for_processor(network, size, plan)
        self._fresh = self._still = _TileProgram(tiled, inference, plan.threads)
        if inference.reuse and plan.still_tile is not None and form is None:
            smaller = network_for_processor(network, size, replace(plan, tile=plan.still_tile))
            self._still = _TileProgram(smaller, inference, plan.threads)
        around, (height, width) = tiled.halo, tiled.size  # which do not depend on the tiles
        self._raw = np.empty((height * network.upsampling, width * network.upsampling), network.graph.dtype)
        padded_shape = (height + around.above + around.below, width + around.left + around.right)
        self._padded = np.empty(padded_shape, np.uint8)
        self._last = np.empty(padded_shape if inference.reuse else (0, 0), np.uint8)
        self._known = np.zeros(len(self._still.tiled.tiles), np.bool_)  # the tiles of raw that belong to last
        self._result = np.empty(result_size if inference.reuse else (0, 0), np.uint8)
        self._strength: float | None = None  # of the result; None: it is not that of last

    def compute(
        self, plane: UInt8Array, overlap_above: int, overlap_below: int, region: Tile | None
    ) -> Sequence[Tile] | None:
        """Run the network over every tile of the region (of the result) that is not known already.

        Gives the tiles of the result that it computed; None: all.
        """
        began = perf_counter()
        known, self._known = self._known, np.zeros_like(self._known)  # nothing is known if this fails half-way
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
        program = self._still
        wanted = changed = program.tiled.within(region)
        tiles = int(wanted.sum())
        if self._reuse:
            changed = wanted & ~(known & self._are_still())
            self._statistics.tiles_compared += tiles
            self._statistics.tiles_reused += tiles - int(changed.sum())
        self._statistics.tiles += tiles
        self._statistics.pack_s += perf_counter() - began
        mostly = int(changed.sum()) > MOSTLY * tiles
        if mostly:
            program, changed = self._fresh, self._fresh.tiled.within(region)
        numbers = np.flatnonzero(changed).tolist()
        for number in numbers:
            program.compute(self._padded, program.tiled.tiles[number], self._raw)
        self._known = wanted
        return None if mostly or not self._reuse else [program.tiled.results[number] for number in numbers]

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

    def _are_still(self) -> NDArray[np.bool_]:
        """Tell of each tile whether its input is that of the last plane: whether no pixel of its window changed."""
        changed = np.not_equal(self._padded, self._last).view(np.uint8)
        sums, (top, bottom, left, right) = cv2.integral(changed), self._still.tiled.corners
        still: NDArray[np.bool_] = sums[bottom, right] - sums[top, right] == sums[bottom, left] - sums[top, left]
        return still

    @property
    def raw(self) -> NDArray[Any]:
        """Give the network's last output, without what rounds the size up to whole blocks."""
        return self._raw[: self.result_size[0], : self.result_size[1]]


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
