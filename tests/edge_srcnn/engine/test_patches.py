"""Tiles cover every pixel that depends on what changed, lie where that is, and are few."""

from math import inf

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_srcnn.engine.graph import Network
from edge_srcnn.engine.patches import Patches
from edge_srcnn.engine.plan import Blocks, Plan
from edge_srcnn.engine.tiled_graph import network_for_processor
from edge_srcnn.imaging.tiles import Tile
from edge_srcnn.models.spec import LUMA_PLANE
from tests.edge_srcnn.engine.stacks import MORE, int8_stack, seeds

CONTEXT = 3


def laid(size, tiles, block="1x1"):
    """A network with a context of three pixels, laid over a plane in tiles of several sizes."""
    graph = int8_stack(0, ((3, 3), (5, 5)), (1, 2, 4), [False, False])
    network = Network(graph, LUMA_PLANE, 1, 2, residual=True)
    assert network.context_px == (CONTEXT, CONTEXT)
    return [network_for_processor(network, size, Plan(Blocks.parse(block), tile, 1)) for tile in tiles]


def planes(tiled, changed):
    """The last padded plane, and the next one, in which these pixels of the plane itself changed."""
    (height, width), halo = tiled.size, tiled.halo
    last = np.zeros((height + halo.above + halo.below, width + halo.left + halo.right), np.uint8)
    padded = last.copy()
    for row, column in changed:
        padded[halo.above + row, halo.left + column] = 1
    return padded, last


def whole(tiled):
    return Tile(0, 0, *tiled.size)


@pytest.mark.slow
@MORE
@given(
    st.tuples(st.integers(1, 60), st.integers(1, 60)),
    st.sampled_from(["1x1", "2x2", "2x4-4x4", "8w-2x2"]),
    st.sampled_from([((8, 8),), ((32, 32), (8, 8)), ((24, 20), (10, 6))]),
    st.integers(1, 6),
    st.booleans(),
    seeds,
)
def test_every_pixel_that_depends_on_a_change_is_covered(size, block, tiles, changes, part, seed):
    networks, rng = laid(size, tiles, block), np.random.default_rng(seed)
    tiled = networks[-1]
    height, width = tiled.size
    changed = [(int(rng.integers(size[0])), int(rng.integers(size[1]))) for _ in range(changes)]
    within = whole(tiled)
    if part:
        top, left = int(rng.integers(height)), int(rng.integers(width))
        within = Tile(top, left, int(rng.integers(1, height - top + 1)), int(rng.integers(1, width - left + 1)))
    found = Patches(networks, (CONTEXT, CONTEXT)).between(*planes(tiled, changed), within, inf)
    covered = np.zeros((height, width), np.bool_)
    for patch in found:
        tile, like = patch.tile, networks[patch.number].tiles[0]
        assert (tile.height, tile.width) == (like.height, like.width)
        assert tile.top >= 0 <= tile.left
        assert tile.top + tile.height <= height and tile.left + tile.width <= width
        assert tile.top % tiled.grain[0] == 0 == tile.left % tiled.grain[1]
        covered[tile.place] = True
    needed = np.zeros((height, width), np.bool_)
    for row, column in changed:
        needed[max(row - CONTEXT, 0) : row + CONTEXT + 1, max(column - CONTEXT, 0) : column + CONTEXT + 1] = True
    inside = np.zeros_like(needed)
    inside[within.place] = True
    assert not (needed & inside & ~covered).any()


def test_where_nothing_changed_there_is_nothing_to_do():
    networks = laid((64, 96), [(32, 32)])
    assert Patches(networks, (CONTEXT, CONTEXT)).between(*planes(networks[0], []), whole(networks[0]), 0) == []


@pytest.mark.parametrize("corner", [(8, 8), (24, 40), (0, 0), (48, 80), (32, 32)])
def test_a_small_change_is_one_tile_wherever_it_lies(corner):
    networks = laid((64, 96), [(32, 32)])
    top, left = corner
    changed = [(row, column) for row in range(top, top + 16) for column in range(left, left + 16)]
    (patch,) = Patches(networks, (CONTEXT, CONTEXT)).between(*planes(networks[0], changed), whole(networks[0]), inf)
    assert (patch.tile.height, patch.tile.width) == (32, 32)


def test_a_large_change_is_a_large_tile_and_a_little_beside_it_a_small_one():
    networks = laid((96, 128), [(48, 64), (16, 16)])
    changed = [(row, column) for row in range(11, 53) for column in range(11, 69)] + [(80, 100)]
    found = Patches(networks, (CONTEXT, CONTEXT)).between(*planes(networks[-1], changed), whole(networks[-1]), inf)
    assert [patch.number for patch in found] == [0, 1]


def test_more_than_the_limit_is_left_to_others():
    networks = laid((64, 96), [(32, 32)])
    read = networks[0].pixels_read
    assert read == (32 + 2 * CONTEXT) ** 2
    padded, last = planes(networks[0], [(0, 0), (60, 90)])
    patches = Patches(networks, (CONTEXT, CONTEXT))
    assert len(patches.between(padded, last, whole(networks[0]), 2 * read)) == 2
    assert patches.between(padded, last, whole(networks[0]), 2 * read - 1) is None
