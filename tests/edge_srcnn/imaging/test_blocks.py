"""Pixels to blocks and back: row by row, for every side and type, and in windows of larger planes."""

import numpy as np
import pytest

from edge_srcnn.imaging.blocks import from_blocks, to_blocks

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
