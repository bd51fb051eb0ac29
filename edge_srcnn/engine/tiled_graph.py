"""The network for one tile, and the tiles that a plane is cut into."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge_srcnn.engine.graph import Graph, Network
from edge_srcnn.engine.packing import Halo, check_packing, halo, pack, row_grain, tile_grain
from edge_srcnn.engine.plan import Block, Plan
from edge_srcnn.imaging.luma import UInt8Array
from edge_srcnn.imaging.tiles import Tile, cut, even_side, from_blocks, round_up, to_blocks, to_windows
from edge_srcnn.models.edgetpu import TpuForm

_SIGN = np.uint8(0x80)
_LEVEL = np.float32(1 / 255)


@dataclass(frozen=True, eq=False)
class TiledNetwork:
    """A network laid over planes of one size, tile by tile; all in pixels of the plane but ``outer``.

    Attributes
    ----------
    graph
        For one tile, in blocks; bytes are an accelerator's own.
    inner
        Blocks of its input; with windows, one row and the step from one window to the next.
    outer
        Blocks of its output, in pixels of the result.
    halo
        Pixels that its input has beyond its output.
    size
        Height and width that the tiles cover: the plane's, rounded up.
    tiles
        All of one size.
    upsampling
        Pixels of the result for each pixel of the plane, down and across.
    grain
        Tiles may lie anywhere that is a multiple of it, down and across.
    windows
        Whether the input is overlapping windows instead of blocks.
    """

    graph: Graph | bytes
    inner: Block
    outer: Block
    halo: Halo
    size: tuple[int, int]
    tiles: tuple[Tile, ...]
    upsampling: int
    grain: Block
    windows: bool = False

    def within(self, region: Tile) -> list[Tile]:
        """Give the tiles that touch a region of the plane."""
        return [tile for tile in self.tiles if tile.touches(region)]

    @property
    def pixels_read(self) -> int:
        """Count the pixels that are read for a tile, which is what it costs."""
        tile, halo = self.tiles[0], self.halo
        return (tile.height + halo.above + halo.below) * (tile.width + halo.left + halo.right)

    def window_of(self, tile: Tile) -> tuple[slice, slice]:
        """Give the rows and columns of the padded plane that a tile needs: its own, and the halo."""
        rows = slice(tile.top, tile.top + tile.height + self.halo.above + self.halo.below)
        return rows, slice(tile.left, tile.left + tile.width + self.halo.left + self.halo.right)

    def load(self, window: UInt8Array, tensor: NDArray[Any]) -> None:
        """Write the window of a tile into a program's input."""
        if tensor.dtype == np.int8:
            bits = tensor.view(np.uint8)
            self._lay(window, bits)
            np.bitwise_xor(bits, _SIGN, out=bits)  # int8 = uint8 - 128
        else:
            self._lay(window * _LEVEL, tensor)

    def unload(self, tensor: NDArray[Any], tile: Tile, raw: NDArray[Any]) -> None:
        """Copy a program's output into a tile's place of the result, ``raw``."""
        result, (height, width) = self.in_result(tile), self.outer
        from_blocks(tensor[: result.height // height, : result.width // width], raw[result.place], self.outer)

    def in_result(self, tile: Tile) -> Tile:
        """Give a tile of the plane in pixels of the result."""
        return Tile(*(side * self.upsampling for side in (tile.top, tile.left, tile.height, tile.width)))

    def _lay(self, window: NDArray[Any], into: NDArray[Any]) -> None:
        if self.windows:
            to_windows(window, into, self.inner[1])
        else:
            to_blocks(window, into, self.inner)


def network_for_processor(network: Network, size: tuple[int, int], plan: Plan) -> TiledNetwork:
    """Pack the plain network for planes of (height, width), which tiles share evenly; ``UsageError`` if impossible."""
    graph, blocks, side = network.graph, plan.blocks, network.unshuffle
    check_packing(graph, blocks)
    grain = _times(side, tile_grain(graph, blocks))
    height, width = (round_up(pixels, each) for pixels, each in zip(size, grain, strict=True))
    tile_height, tile_width = (
        even_side(pixels, wanted, each) for pixels, wanted, each in zip((height, width), plan.tile, grain, strict=True)
    )
    tiles = tuple(cut(height, width, tile_height, tile_width))
    tile_cells = tiles[0].height // side, tiles[0].width // side
    return TiledNetwork(
        pack(graph, blocks, tile_cells, unshuffle=side, shuffle=network.shuffle),
        (1, row_grain(graph, blocks)) if blocks.window else _times(side, blocks.inner),
        _times(network.shuffle, blocks.outer),
        Halo(*(side * cells for cells in halo(graph, blocks))),
        (height, width),
        tiles,
        network.upsampling,
        grain,
        windows=blocks.window > 0,
    )


def network_for_form(form: TpuForm, size: tuple[int, int]) -> TiledNetwork:
    """Lay an accelerator's form over planes of (height, width); its tiles have one size, whatever the plane's."""
    height, width = (
        max(round_up(side, grain), least) for side, grain, least in zip(size, form.block, form.tile, strict=True)
    )
    tiles = tuple(cut(height, width, *form.tile))
    halo = Halo(*form.halo)
    return TiledNetwork(
        form.graph, form.block, form.result_block, halo, (height, width), tiles, form.upsampling, form.block
    )


def _times(side: int, block: Block) -> Block:
    return side * block[0], side * block[1]
