"""The halo of packed tiles: whole blocks around what the network asks for, in closed form and by hand."""

import pytest
from hypothesis import given

from edge_srcnn.engine.packing import Halo, halo, pack
from edge_srcnn.engine.plan import Blocks
from tests.edge_srcnn.engine.stacks import (
    REPEATABLE,
    SHIPPED,
    blocks,
    grids,
    int8_stack,
    int8_stacks,
    some_channels,
    tile_of,
)


@pytest.mark.slow
@REPEATABLE
@given(int8_stacks(some_channels), blocks(), grids)
def test_the_packed_shapes_are_tile_and_halo_in_blocks(graph, packing, grid):
    tile, around = tile_of(packing, grid), halo(graph, packing)
    packed = pack(graph, packing, tile)
    for axis, (before, after) in enumerate(((around.above, around.below), (around.left, around.right))):
        assert min(before, after) >= graph.radius[axis]
        assert (before + after) % packing.inner[axis] == 0
        assert packed.input_shape[axis] * packing.inner[axis] == tile[axis] + before + after
        assert packed.output_shape[axis] * packing.outer[axis] == tile[axis]
    assert packed.input_shape[2] == packing.inner[0] * packing.inner[1] * graph.input_shape[2]
    assert packed.output_shape[2] == packing.outer[0] * packing.outer[1] * len(graph.layers[-1].bias)
    assert (packed.input, packed.output, packed.dtype) == (graph.input, graph.output, graph.dtype)


@pytest.mark.slow
@REPEATABLE
@given(int8_stacks(some_channels), blocks())
def test_the_halo_in_closed_form(graph, packing):
    around = halo(graph, packing)
    down, across = ([layer.kernel[axis] // 2 for layer in graph.layers] for axis in (0, 1))
    height, width = packing.inner
    assert around.above == around.below == sum(-(-radius // height) * height for radius in down)
    if height > 1 or len(graph.layers) == 1:  # every layer on blocks
        assert around.left == around.right == sum(-(-radius // width) * width for radius in across)
    else:  # the first alone; the right side has what is missing to a whole block
        assert around.left == -(-across[0] // width) * width + sum(across[1:])
        assert around.left <= around.right < around.left + width


@pytest.mark.parametrize(
    ("packing", "expected"),  # above, below, left, right
    [
        ("1x1", (6, 6, 6, 6)),  # the radius of 9-1-5 itself: 4 + 0 + 2
        ("2x2", (6, 6, 6, 6)),
        ("2x4", (6, 6, 8, 8)),  # across: 4 + 4
        ("2x4-4x4", (6, 6, 8, 8)),  # the output's blocks cost nothing here
        ("3x3", (9, 9, 9, 9)),  # 6 + 3
        ("5x8", (10, 10, 16, 16)),
        ("16x16", (32, 32, 32, 32)),
        ("1x4-4x4", (6, 6, 6, 6)),  # across: 4 in blocks, and 2 pixels
        ("1x3", (6, 6, 8, 10)),  # 6 in blocks and 2 pixels; 2 more make 18
        ("1x8-2x8", (6, 6, 10, 14)),  # 8 in blocks and 2 pixels; 4 more make 24
    ],
)
def test_the_halo_of_9_1_5_by_hand(packing, expected):
    graph = int8_stack(0, SHIPPED, (1, 2, 2, 1), (True, True, False))
    assert halo(graph, Blocks.parse(packing)) == Halo(*expected)
