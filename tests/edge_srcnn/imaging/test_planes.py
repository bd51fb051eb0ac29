"""Planes of chroma: larger, coarser, finer, turned; what is flat stays as it is."""

import numpy as np
import pytest

from edge_srcnn.imaging.bicubic import upscale_bicubic
from edge_srcnn.imaging.planes import quarter_turns, resample_chroma, rotate, upscale_chroma


def flat(height, width, values=(90, 240)):
    return tuple(np.full((height, width), value, np.uint8) for value in values)


@pytest.mark.parametrize("scale", [2, 3, 4])
@pytest.mark.parametrize("size", [(1, 1), (5, 7), (24, 32)])
def test_chroma_is_scaled_bicubically_and_what_is_too_large_is_cut_off(texture, scale, size):
    cb, cr = texture(*size, seed=1), texture(*size, seed=2)
    # 4:2:0 of an odd picture: its chroma is half a pixel larger than half of it
    height, width = -(-(size[0] * 2 - 1) * scale // 2), -(-(size[1] * 2 - 1) * scale // 2)
    scaled = upscale_chroma((cb, cr), scale, height, width)
    for plane, source in zip(scaled, (cb, cr), strict=True):
        assert plane.shape == (height, width)
        assert (plane == upscale_bicubic(source, scale)[:height, :width]).all()


def test_a_flat_colour_stays_flat_when_it_is_scaled():
    for plane, value in zip(upscale_chroma(flat(5, 7), 3, 15, 21), (90, 240), strict=True):
        assert (plane == value).all()


def test_chroma_of_the_right_size_is_not_touched(texture):
    chroma = texture(4, 6), texture(4, 6, seed=1)
    assert resample_chroma(chroma, 4, 6) is chroma


@pytest.mark.parametrize("size", [(8, 12), (4, 12), (8, 6), (16, 24), (8, 24), (16, 6), (2, 24), (5, 7), (1, 1)])
def test_a_flat_colour_stays_flat_in_every_subsampling(size):
    for plane, value in zip(resample_chroma(flat(8, 12), *size), (90, 240), strict=True):
        assert plane.shape == size
        assert plane.dtype == np.uint8
        assert (plane == value).all()


def test_coarser_chroma_is_the_mean():
    plane = np.array([[10, 20, 0, 0], [30, 40, 0, 8]], np.uint8)
    coarse, _ = resample_chroma((plane, plane), 1, 2)
    assert coarse.tolist() == [[25, 2]]


def test_finer_chroma_lies_between_its_neighbours():
    plane = np.array([[0, 100], [0, 100]], np.uint8)
    fine, _ = resample_chroma((plane, plane), 2, 4)
    # pixel centres at a quarter and three quarters between the old ones, the ends repeated
    assert fine.tolist() == [[0, 25, 75, 100], [0, 25, 75, 100]]


@pytest.mark.parametrize(
    ("degrees", "turns"),
    [(0, 0), (90, 1), (180, 2), (270, 3), (-90, 3), (-180, 2), (360, 0), (89.99, 1), (-90.01, 3), (0.4, 0), (-0.4, 0)],
)
def test_degrees_become_quarter_turns_to_the_left(degrees, turns):
    assert quarter_turns(degrees) == turns


def test_a_plane_is_turned_to_the_left():
    plane = np.array([[1, 2, 3], [4, 5, 6]], np.uint8)
    assert rotate(plane, 0) is plane
    assert rotate(plane, 1).tolist() == [[3, 6], [2, 5], [1, 4]]
    assert rotate(plane, 2).tolist() == [[6, 5, 4], [3, 2, 1]]
    assert rotate(plane, 3).tolist() == [[4, 1], [5, 2], [6, 3]]
    assert all(rotate(plane, turns).flags.c_contiguous for turns in range(4))
