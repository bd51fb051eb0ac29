"""Tiles cover a plane; the mirror halo is numpy's reflection."""

import numpy as np
import pytest

from edge_srcnn.imaging.tiles import Tile, cut, mirror_pad

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


def test_a_band_that_brings_rows_of_its_halo_is_padded_like_the_whole(texture):
    plane = texture(20, 9)
    whole = np.pad(plane, 6, mode="reflect")
    assert (mirror_pad(plane[:16], 6, lent_below=6) == whole[:22]).all()  # rows 0 to 10
    assert (mirror_pad(plane[2:18], 6, lent_above=6, lent_below=6) == whole[8:24]).all()  # rows 8 to 12
    assert (mirror_pad(plane[4:], 6, lent_above=6) == whole[10:]).all()  # rows 10 to 20
