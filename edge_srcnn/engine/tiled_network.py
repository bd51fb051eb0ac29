"""The network for one tile, and the tiles that a plane is cut into."""

from dataclasses import dataclass

from edge_srcnn.engine.flatbuffer_writer import write_graph
from edge_srcnn.engine.graph import Graph
from edge_srcnn.engine.packing import Block, Halo, halo, pack
from edge_srcnn.engine.setting import Setting
from edge_srcnn.imaging.tiles import Tile, cut, even_side, round_up
from edge_srcnn.tpu_form import TpuForm


@dataclass(frozen=True)
class TiledNetwork:
    """What is computed for planes of one size.

    Attributes
    ----------
    graph
        TFLite flatbuffer for one tile, in blocks.
    inner, outer
        Blocks of its input and of its output.
    halo
        Pixels that its input has beyond its output.
    size
        Height and width in pixels that the tiles cover: the plane's, rounded up.
    tiles
        All of one size.
    """

    graph: bytes
    inner: Block
    outer: Block
    halo: Halo
    size: tuple[int, int]
    tiles: tuple[Tile, ...]


def network_for_processor(graph: Graph, size: tuple[int, int], setting: Setting) -> TiledNetwork:
    """Pack the plain network for planes of (height, width); tiles share a plane evenly."""
    blocks = setting.blocks
    height, width = (round_up(side, grain) for side, grain in zip(size, blocks.outer, strict=True))
    tile_height, tile_width = (
        even_side(side, wanted, grain)
        for side, wanted, grain in zip((height, width), setting.tile, blocks.outer, strict=True)
    )
    tiles = tuple(cut(height, width, tile_height, tile_width))
    packed = pack(graph, blocks, (tiles[0].height, tiles[0].width))
    return TiledNetwork(write_graph(packed), blocks.inner, blocks.outer, halo(graph, blocks), (height, width), tiles)


def network_for_edgetpu(form: TpuForm, size: tuple[int, int]) -> TiledNetwork:
    """The form for an Edge TPU over planes of (height, width); its tiles have one size, whatever the plane's."""
    height, width = (
        max(round_up(side, grain), least) for side, grain, least in zip(size, form.block, form.tile, strict=True)
    )
    tiles = tuple(cut(height, width, *form.tile))
    return TiledNetwork(form.graph, form.block, form.block, Halo(*form.halo), (height, width), tiles)
