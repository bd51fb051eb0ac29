"""The network for one tile, and the tiles that a plane is cut into."""

from dataclasses import dataclass

from edge_srcnn.engine.blocks import Block
from edge_srcnn.engine.graph import Graph
from edge_srcnn.engine.network import Network
from edge_srcnn.engine.packing import Halo, check_packing, halo, pack, row_grain, tile_grain
from edge_srcnn.engine.plan import Plan
from edge_srcnn.imaging.tiles import Tile, cut, even_side, round_up
from edge_srcnn.models.edgetpu import TpuForm


@dataclass(frozen=True)
class TiledNetwork:
    """What is computed for planes of one size; all in pixels of the plane but ``outer``.

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
    windows
        Whether the input is overlapping windows instead of blocks.
    """

    graph: Graph | bytes
    inner: Block
    outer: Block
    halo: Halo
    size: tuple[int, int]
    tiles: tuple[Tile, ...]
    windows: bool = False


def network_for_processor(network: Network, size: tuple[int, int], plan: Plan) -> TiledNetwork:
    """Pack the plain network for planes of (height, width); tiles share a plane evenly.

    Raises
    ------
    UsageError
        The network cannot be packed so.
    """
    graph, blocks, side = network.graph, plan.blocks, network.unshuffle
    check_packing(graph, blocks)
    grain = tuple(side * cells for cells in tile_grain(graph, blocks))
    height, width = (round_up(pixels, each) for pixels, each in zip(size, grain, strict=True))
    tile_height, tile_width = (
        even_side(pixels, wanted, each) for pixels, wanted, each in zip((height, width), plan.tile, grain, strict=True)
    )
    tiles = tuple(cut(height, width, tile_height, tile_width))
    tile_cells = tiles[0].height // side, tiles[0].width // side
    packed = pack(graph, blocks, tile_cells, unshuffle=side, shuffle=network.shuffle)
    inner = (1, row_grain(graph, blocks)) if blocks.window else _times(side, blocks.inner)
    around = halo(graph, blocks)
    return TiledNetwork(
        packed,
        inner,
        _times(network.shuffle, blocks.outer),
        Halo(*(side * cells for cells in (around.above, around.below, around.left, around.right))),
        (height, width),
        tiles,
        windows=blocks.window > 0,
    )


def network_for_form(form: TpuForm, size: tuple[int, int]) -> TiledNetwork:
    """Lay an accelerator's form over planes of (height, width); its tiles have one size, whatever the plane's."""
    height, width = (
        max(round_up(side, grain), least) for side, grain, least in zip(size, form.block, form.tile, strict=True)
    )
    tiles = tuple(cut(height, width, *form.tile))
    return TiledNetwork(form.graph, form.block, form.result_block, Halo(*form.halo), (height, width), tiles)


def _times(side: int, block: Block) -> Block:
    return side * block[0], side * block[1]
