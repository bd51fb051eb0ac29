"""The network over a plane of any size: mirror halo, tiles, blocks, XOR, invoke, blocks back, residual."""

from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from time import perf_counter
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_srcnn.engine.interpreter import Interpreter
from edge_srcnn.engine.network import Network
from edge_srcnn.engine.plan import Setting
from edge_srcnn.engine.postprocess import Output, output_for
from edge_srcnn.engine.tiled_graph import TiledNetwork, network_for_edgetpu, network_for_processor
from edge_srcnn.errors import UsageError
from edge_srcnn.imaging.blocks import from_blocks, to_blocks, to_windows
from edge_srcnn.imaging.luma import UInt8Array
from edge_srcnn.imaging.tiles import Tile, mirror_border
from edge_srcnn.models.edgetpu import TpuForm

_SIGN = np.uint8(0x80)
_LEVEL = np.float32(1 / 255)
MOSTLY = 0.75
"""Share of the tiles that must have changed for larger ones, whose halo costs less, to be computed instead."""


@dataclass
class Statistics:
    """What the frames so far cost, in seconds and tiles."""

    frames: int = 0
    resize_s: float = 0.0
    pack_s: float = 0.0
    invoke_s: float = 0.0
    unpack_s: float = 0.0
    tiles: int = 0
    tiles_reused: int = 0

    def clear(self) -> None:
        """Begin anew."""
        for each in fields(self):
            setattr(self, each.name, each.default)


class Sharpener:
    """Sharpens planes of any size; what one size needs is made when it first comes, and kept until another comes.

    Parameters
    ----------
    network
        The plain network.
    engine
        One of ``ENGINES``.
    setting_for
        Says how results of (height, width) are to be computed.
    reuse
        Do not compute a tile again whose input (halo included) is that of the last plane.
    delegate
        An accelerator, loaded by ``load_delegate``.
    form
        The network's form for an Edge TPU, to be computed in place of ``network``.
    """

    def __init__(
        self,
        network: Network,
        engine: str,
        *,
        setting_for: Callable[[int, int], Setting],
        reuse: bool = False,
        delegate: Any = None,
        form: TpuForm | None = None,
    ) -> None:
        self.network, self.statistics = network, Statistics()
        self._engine, self._setting_for = engine, setting_for
        self._reuse, self._delegate, self._form = reuse, delegate, form
        self._workspace: _Workspace | None = None

    @property
    def raw(self) -> NDArray[Any]:
        """What the network put out for the last plane, not yet added to it: ``[h, w]``, the graph's dtype."""
        workspace = self._workspace
        if workspace is None:
            raise UsageError("nothing has been sharpened yet")
        return workspace.raw

    def sharpen(
        self,
        plane: UInt8Array,
        base: UInt8Array,
        out: UInt8Array,
        *,
        lent_above: int = 0,
        lent_below: int = 0,
        region: Tile | None = None,
    ) -> None:
        """Run the network over a plane, and add what it puts out to another.

        Parameters
        ----------
        plane
            uint8 ``[lent_above + h + lent_below, w]``: what the network reads.
        base
            uint8 ``[h * upsampling, w * upsampling]``: what a residual is added to.
        out
            uint8 of that shape, written to.
        lent_above, lent_below
            Rows of ``plane`` that are only there as context, where it is a band of a larger one:
            ``network.context_px``, or fewer where the plane ends.
        region
            The part of ``out`` that is to be sharpened; the rest is ``base``. None: all of it.
        """
        workspace = self._workspace
        if workspace is None or workspace.result_size != out.shape:
            self._workspace = None  # its memory goes before the next one's comes
            workspace = self._workspace_for((out.shape[0], out.shape[1]))
            self._workspace = workspace
        workspace.compute(plane, lent_above, lent_below, region, self.statistics)
        began = perf_counter()
        if region is not None:
            out[:] = base
        workspace.finish(base, out, region)
        self.statistics.unpack_s += perf_counter() - began

    def _workspace_for(self, result_size: tuple[int, int]) -> "_Workspace":
        setting, network = self._setting_for(*result_size), self.network
        size = result_size[0] // network.upsampling, result_size[1] // network.upsampling
        still = None
        if self._form is None:
            fresh = self._engine_for(network_for_processor(network, size, setting), setting)
            if self._reuse and setting.still_tile is not None:
                small = network_for_processor(network, size, replace(setting, tile=setting.still_tile))
                still = self._engine_for(small, setting)
        else:
            fresh = self._engine_for(network_for_edgetpu(self._form, size), setting)
        output = output_for(network.graph.output, residual=network.residual, width=result_size[1])
        return _Workspace(network, fresh, still or fresh, output, result_size, self._reuse)

    def _engine_for(self, tiled: TiledNetwork, setting: Setting) -> "_TileEngine":
        interpreter = Interpreter(self._engine, tiled.graph, setting.threads, self._delegate)
        return _TileEngine(tiled, interpreter, self.network.upsampling, self.statistics)


class _Workspace:
    """Engines and buffers for planes of one size.

    ``still`` has smaller tiles than ``fresh``, or is the same one: with reuse, a moving thing then leaves most tiles as
    they were. Where nearly all have changed, ``fresh`` computes the plane, since less of it is halo.
    """

    def __init__(
        self,
        network: Network,
        fresh: "_TileEngine",
        still: "_TileEngine",
        output: Output,
        result_size: tuple[int, int],
        reuse: bool,
    ) -> None:
        self.result_size, self._reuse, self._output = result_size, reuse, output
        self._fresh, self._still, self._upsampling = fresh, still, network.upsampling
        around, (height, width) = fresh.tiled.halo, fresh.tiled.size  # which do not depend on the tiles
        self._raw = np.empty((height * self._upsampling, width * self._upsampling), network.graph.dtype)
        padded_shape = (height + around.above + around.below, width + around.left + around.right)
        self._padded = np.empty(padded_shape, np.uint8)
        self._last = np.empty(padded_shape if reuse else (0, 0), np.uint8)
        self._known = frozenset[Tile]()  # the tiles of raw that belong to last

    def compute(
        self, plane: UInt8Array, lent_above: int, lent_below: int, region: Tile | None, statistics: Statistics
    ) -> None:
        """Run the network over every tile of the region (of the result) that is not known already."""
        began = perf_counter()
        known, self._known = self._known, frozenset()  # nothing is known if this fails half-way
        if self._reuse:
            self._padded, self._last = self._last, self._padded
        around, (height, width) = self._fresh.tiled.halo, self._fresh.tiled.size
        rows = plane.shape[0] - lent_above - lent_below
        mirror_border(
            plane,
            around.above - lent_above,
            around.below - lent_below + height - rows,
            around.left,
            around.right + width - plane.shape[1],
            out=self._padded,
        )
        engine = self._still if self._reuse else self._fresh
        wanted = changed = self._within(region, engine)
        if self._reuse:
            changed = [tile for tile in wanted if tile not in known or not self._is_still(tile)]
            statistics.tiles_reused += len(wanted) - len(changed)
        statistics.tiles += len(wanted)
        statistics.pack_s += perf_counter() - began
        if len(changed) > MOSTLY * len(wanted):
            engine, changed = self._fresh, self._within(region, self._fresh)
        for tile in changed:
            engine.compute(self._padded, tile, self._raw)
        if self._reuse:
            self._known = frozenset(wanted)

    def _within(self, region: Tile | None, engine: "_TileEngine") -> list[Tile]:
        """The tiles that touch a region of the result; all, without one."""
        return [tile for tile in engine.tiled.tiles if region is None or engine.in_result(tile).touches(region)]

    def _is_still(self, tile: Tile) -> bool:
        """Whether the input of a tile is that of the last plane."""
        window = self._still.window_of(tile)
        return cv2.norm(self._padded[window], self._last[window], cv2.NORM_INF) == 0

    @property
    def raw(self) -> NDArray[Any]:
        """The network's last output, without what rounds the size up to whole blocks."""
        return self._raw[: self.result_size[0], : self.result_size[1]]

    def finish(self, base: UInt8Array, out: UInt8Array, region: Tile | None = None) -> None:
        """Put raw output and base together."""
        if region is None:
            self._output.apply(self.raw, base, out)
        else:
            self._output.apply(self.raw[region.place], base[region.place], out[region.place])


class _TileEngine:
    """An interpreter of the network for one tile."""

    def __init__(self, tiled: TiledNetwork, interpreter: Interpreter, upsampling: int, statistics: Statistics) -> None:
        self.tiled, self._interpreter, self._upsampling, self._statistics = tiled, interpreter, upsampling, statistics

    def in_result(self, tile: Tile) -> Tile:
        """Give a tile of the plane in pixels of the result."""
        return Tile(*(side * self._upsampling for side in (tile.top, tile.left, tile.height, tile.width)))

    def window_of(self, tile: Tile) -> tuple[slice, slice]:
        """Give the rows and columns of the padded plane that a tile needs: its own, and the halo."""
        around = self.tiled.halo
        rows = slice(tile.top, tile.top + tile.height + around.above + around.below)
        return rows, slice(tile.left, tile.left + tile.width + around.left + around.right)

    def compute(self, padded: UInt8Array, tile: Tile, raw: NDArray[Any]) -> None:
        """Run the network over one tile of the padded plane, and put what it gives into its place of ``raw``."""
        start = perf_counter()
        self._load(padded[self.window_of(tile)])
        packed = perf_counter()
        self._interpreter.invoke()
        computed = perf_counter()
        result, (height, width) = self.in_result(tile), self.tiled.outer
        blocks = self._interpreter.output[: result.height // height, : result.width // width]
        from_blocks(blocks, raw[result.place], self.tiled.outer)
        del blocks  # the interpreter refuses to run while it is held
        self._statistics.pack_s += packed - start
        self._statistics.invoke_s += computed - packed
        self._statistics.unpack_s += perf_counter() - computed

    def _load(self, window: UInt8Array) -> None:
        """Write a tile into the interpreter's own memory; its view must be gone when this returns."""
        tensor: NDArray[Any] = self._interpreter.input
        if tensor.dtype == np.int8:
            bits = tensor.view(np.uint8)
            self._lay(window, bits)
            np.bitwise_xor(bits, _SIGN, out=bits)  # int8 = uint8 - 128
        else:
            self._lay(window * _LEVEL, tensor)

    def _lay(self, window: NDArray[Any], into: NDArray[Any]) -> None:
        if self.tiled.windows:
            to_windows(window, into, self.tiled.inner[1])
        else:
            to_blocks(window, into, self.tiled.inner)
