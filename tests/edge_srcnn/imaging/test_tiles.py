"""Tiles cover a plane, with little overlap; the mirror halo is numpy's reflection."""

from itertools import pairwise, product

import numpy as np
import pytest

from edge_srcnn.imaging.tiles import Tile, cut, even_side, from_blocks, mirror_border, mirror_pad, round_up, to_blocks

PLANES = [(1, 1), (3, 2), (7, 640), (48, 64), (61, 37), (256, 512), (257, 513)]
TILES = [(1, 1), (3, 2), (7, 640), (16, 16), (256, 512)]


@pytest.mark.parametrize("plane", [plane for plane in PLANES if plane[0] * plane[1] < 20_000])
@pytest.mark.parametrize("tile", TILES)
def test_tiles_cover_every_pixel_and_stay_inside(plane, tile):
    covered = np.zeros(plane, int)
    for t in cut(*plane, *tile):
        assert 0 <= t.top <= plane[0] - t.height
        assert 0 <= t.left <= plane[1] - t.width
        covered[t.top : t.top + t.height, t.left : t.left + t.width] += 1
    assert covered.min() >= 1


@pytest.mark.slow
@pytest.mark.parametrize("plane", PLANES)
@pytest.mark.parametrize("tile", TILES)
def test_all_tiles_have_one_size_and_are_as_few_as_can_be(plane, tile):
    tiles = list(cut(*plane, *tile))
    assert {(t.height, t.width) for t in tiles} == {(min(plane[0], tile[0]), min(plane[1], tile[1]))}
    assert len(tiles) == -(-plane[0] // tile[0]) * -(-plane[1] // tile[1])


def test_tiles_go_row_by_row_and_the_last_ones_move_inwards():
    assert list(cut(5, 7, 3, 4)) == [Tile(0, 0, 3, 4), Tile(0, 3, 3, 4), Tile(2, 0, 3, 4), Tile(2, 3, 3, 4)]


@pytest.mark.parametrize("shape", [(1, 1), (3, 2), (1, 9), (6, 6), (20, 31)])
@pytest.mark.parametrize("halo", [0, 1, 6, 8])
def test_the_halo_is_mirrored_without_the_border_pixel(texture, shape, halo):
    plane = texture(*shape)
    assert (mirror_pad(plane, halo) == np.pad(plane, halo, mode="reflect")).all()


BORDERS = [(0, 0, 0, 0), (1, 2, 3, 4), (6, 0, 0, 8), (0, 9, 6, 0), (8, 8, 16, 18)]


@pytest.mark.parametrize("shape", [(1, 1), (3, 2), (1, 9), (9, 1), (6, 6), (20, 31)])
@pytest.mark.parametrize("border", BORDERS)
def test_each_side_has_a_border_of_its_own(texture, shape, border):
    plane, (above, below, left, right) = texture(*shape), border
    expected = np.pad(plane, ((above, below), (left, right)), mode="reflect")
    assert (mirror_border(plane, above, below, left, right) == expected).all()


@pytest.mark.parametrize("border", BORDERS)
def test_the_border_is_written_in_place(texture, border):
    plane, (above, below, left, right) = texture(11, 7), border
    out = np.full((11 + above + below, 7 + left + right), 77, np.uint8)
    made = mirror_border(plane, above, below, left, right, out=out)
    assert np.shares_memory(made, out)
    assert (out == np.pad(plane, ((above, below), (left, right)), mode="reflect")).all()


def test_what_is_around_a_window_is_not_its_border(texture):
    window = texture(20, 30)[5:14, 7:19]
    assert (mirror_border(window, 3, 2, 4, 1) == np.pad(window, ((3, 2), (4, 1)), mode="reflect")).all()


@pytest.mark.parametrize(
    ("length", "grain", "expected"),
    [(1, 1, 1), (7, 1, 7), (1, 4, 4), (4, 4, 4), (5, 4, 8), (480, 16, 480), (481, 16, 496), (10, 3, 12)],
)
def test_rounding_up_by_hand(length, grain, expected):
    assert round_up(length, grain) == expected


@pytest.mark.parametrize(
    ("length", "wanted", "grain", "expected"),
    [
        (480, 200, 1, 160),  # three tiles, as with 200, and no overlap
        (480, 200, 16, 160),
        (480, 200, 64, 192),  # 160 is no multiple of 64
        (480, 480, 1, 480),
        (480, 481, 1, 480),
        (480, 1 << 20, 4, 480),
        pytest.param(480, 10**400, 4, 480, id="more digits than a float holds"),
        (480, 479, 1, 240),
        (481, 240, 1, 161),  # three: 3 * 161 = 483
        (1080, 128, 4, 120),  # nine
        (1920, 256, 4, 240),  # eight
        (100, 1, 1, 1),
        (100, 1, 4, 4),
        (12, 5, 4, 4),  # three
        (4, 1, 4, 4),
        (1, 1, 1, 1),
    ],
)
def test_even_sides_by_hand(length, wanted, grain, expected):
    assert even_side(length, wanted, grain) == expected


LENGTHS = [1, 2, 3, 5, 16, 17, 60, 97, 480, 1079]


@pytest.mark.parametrize("grain", [1, 2, 3, 4, 8])
def test_even_sides_cover_with_no_more_tiles_than_were_wanted(grain):
    for blocks, wanted in product(LENGTHS, [1, 2, 3, 7, 16, 64, 128, 200, 256, 5000]):
        length = blocks * grain  # a plane is rounded up to whole blocks before it is cut
        side = even_side(length, wanted, grain)
        as_wanted = -(-length // wanted)
        count = -(-length // side)
        assert side % grain == 0
        assert grain <= side <= length
        assert side < wanted + grain
        assert count <= as_wanted
        assert side * count - length <= grain * (as_wanted - 1)  # the overlap of all together
        tops = [tile.top for tile in cut(length, 1, side, 1)]
        assert len(tops) == count
        assert all(top % grain == 0 for top in tops)
        assert tops[0] == 0
        assert tops[-1] + side == length
        assert all(later - former <= side for former, later in pairwise(tops))


@pytest.mark.parametrize("length", LENGTHS)
@pytest.mark.parametrize("grain", [1, 2, 3, 4, 8, 16])
def test_rounding_up_is_the_nearest_multiple_from_above(length, grain):
    rounded = round_up(length, grain)
    assert rounded % grain == 0
    assert length <= rounded < length + grain


# Pixels to blocks and back: row by row, for every side and type, and in windows of larger planes.

SIDES = [(height, width) for height in range(1, 9) for width in range(1, 9)]
DTYPES = [np.uint8, np.int8, np.float32]


def random_plane(height, width, dtype, seed=0):
    rng = np.random.default_rng(seed)
    if dtype == np.float32:
        return rng.random((height, width), np.float32)
    return rng.integers(0, 256, (height, width)).astype(np.uint8).view(dtype)


def by_definition(plane, side):
    """A pixel after the other."""
    height, width = plane.shape
    blocks = np.empty((height // side[0], width // side[1], side[0] * side[1]), plane.dtype)
    for y in range(height):
        for x in range(width):
            blocks[y // side[0], x // side[1], y % side[0] * side[1] + x % side[1]] = plane[y, x]
    return blocks


def test_the_pixels_of_a_block_stand_row_by_row():
    plane = np.arange(32, dtype=np.uint8).reshape(4, 8)
    blocks = np.empty((2, 2, 8), np.uint8)
    to_blocks(plane, blocks, (2, 4))
    assert blocks.tolist() == [
        [[0, 1, 2, 3, 8, 9, 10, 11], [4, 5, 6, 7, 12, 13, 14, 15]],
        [[16, 17, 18, 19, 24, 25, 26, 27], [20, 21, 22, 23, 28, 29, 30, 31]],
    ]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("side", SIDES)
def test_there_and_back_is_where_it_began(side, dtype):
    plane = random_plane(3 * side[0], 5 * side[1], dtype)
    blocks = np.zeros((3, 5, side[0] * side[1]), dtype)
    to_blocks(plane, blocks, side)
    assert blocks.tobytes() == by_definition(plane, side).tobytes()
    back = np.zeros_like(plane)
    from_blocks(blocks, back, side)
    assert back.tobytes() == plane.tobytes()


@pytest.mark.slow
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("side", SIDES)
def test_windows_of_larger_planes_at_odd_places(side, dtype):
    """Words of several pixels then begin at addresses that no processor would choose."""
    whole = random_plane(2 * side[0] + 7, 3 * side[1] + 9, dtype)
    rows, columns = slice(3, 3 + 2 * side[0]), slice(5, 5 + 3 * side[1])
    blocks = np.zeros((2, 3, side[0] * side[1]), dtype)
    to_blocks(whole[rows, columns], blocks, side)
    assert blocks.tobytes() == by_definition(whole[rows, columns], side).tobytes()
    changed, inside = whole.copy(), np.zeros(whole.shape, bool)
    changed[rows, columns] = 0
    from_blocks(blocks, changed[rows, columns], side)
    assert changed.tobytes() == whole.tobytes()
    inside[rows, columns] = True
    untouched = changed.copy()
    from_blocks(np.zeros_like(blocks), changed[rows, columns], side)
    assert (changed[~inside] == untouched[~inside]).all()
    assert not changed[inside].any()


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("offset", range(4))
@pytest.mark.parametrize("side", [(1, 2), (2, 4), (3, 8), (2, 2)])
def test_memory_that_begins_at_an_odd_address(side, offset, dtype):
    plane, item = random_plane(2 * side[0], 3 * side[1], dtype), np.dtype(dtype).itemsize
    memory = np.zeros(plane.nbytes + 16, np.uint8)
    moved = memory[offset : offset + plane.nbytes].view(dtype).reshape(plane.shape)
    moved[:] = plane
    blocks = np.zeros(plane.nbytes + 16, np.uint8)[offset : offset + plane.nbytes].view(dtype)
    blocks = blocks.reshape(2, 3, side[0] * side[1])
    to_blocks(moved, blocks, side)
    assert blocks.tobytes() == by_definition(plane, side).tobytes()
    moved[:] = 0
    from_blocks(blocks, moved, side)
    assert moved.tobytes() == plane.tobytes()
    assert not memory[:offset].any()
    assert not memory[offset + plane.size * item :].any()


def test_nan_and_minus_zero_keep_their_bits():
    plane = np.array([[0x7FA00001, 0x80000000], [0xFFC00123, 0x00000001]], np.uint32).view(np.float32)
    blocks, back = np.zeros((1, 1, 4), np.float32), np.zeros((2, 2), np.float32)
    to_blocks(plane, blocks, (2, 2))
    from_blocks(blocks, back, (2, 2))
    assert blocks.tobytes() == back.tobytes() == plane.tobytes()
