"""Planes of chroma: larger, coarser, finer, turned; what is flat stays as it is."""

import cv2
import numpy as np
import pytest

from edge_srcnn.imaging.bicubic import upscale_bicubic
from edge_srcnn.imaging.colour import planes_of_rgb, resample_chroma, rgb_picture, upscale_chroma
from edge_srcnn.imaging.frame import BT601, BT709, CENTRE, LEFT, TOP_LEFT, UNSPECIFIED, Colour, Frame


def flat(height, width, values=(90, 240)):
    return tuple(np.full((height, width), value, np.uint8) for value in values)


@pytest.mark.parametrize("scale", [1, 2, 3, 4])
@pytest.mark.parametrize("size", [(1, 1), (5, 7), (24, 32)])
def test_chroma_is_scaled_bicubically_and_what_is_too_large_is_cut_off(texture, scale, size):
    cb, cr = texture(*size, seed=1), texture(*size, seed=2)
    # 4:2:0 of an odd picture: its chroma is half a pixel larger than half of it
    height, width = -(-(size[0] * 2 - 1) * scale // 2), -(-(size[1] * 2 - 1) * scale // 2)
    luma = np.zeros((size[0] * 2 - 1, size[1] * 2 - 1), np.uint8)
    scaled = upscale_chroma(Frame(luma, (cb, cr), Colour(), 0, 0.0, 0.0), scale, height, width)
    for plane, source in zip(scaled, (cb, cr), strict=True):
        assert plane.shape == (height, width)
        assert (plane == upscale_bicubic(source, scale)[:height, :width]).all()


def test_a_flat_colour_stays_flat_when_it_is_scaled():
    for siting in (CENTRE, LEFT, TOP_LEFT):
        frame = Frame(np.zeros((10, 14), np.uint8), flat(5, 7), Colour(), 0, 0.0, 0.0, siting)
        for plane, value in zip(upscale_chroma(frame, 3, 15, 21), (90, 240), strict=True):
            assert (plane == value).all()


@pytest.mark.parametrize("siting", [CENTRE, LEFT, TOP_LEFT, (0.0, 0.5)])
@pytest.mark.parametrize("scale", [1, 2, 3, 4])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_chroma_stays_where_it_lies(scale, siting, dtype):
    """A soft spot tells the place: chroma i lies at 2 i + 1/2 + siting, and luma p becomes s (p + 1/2) - 1/2."""
    y, x = np.mgrid[:30, :40]
    spot = np.exp(-((x - 19.3) ** 2 + (y - 14.6) ** 2) / 18) * np.iinfo(dtype).max
    frame = Frame(np.zeros((60, 80), dtype), (spot.astype(dtype), spot.astype(dtype)), Colour(), 0, 0.0, 0.0, siting)
    scaled, _ = upscale_chroma(frame, scale, 30 * scale, 40 * scale)
    for axis, place, offset in ((0, 19.3, siting[0]), (1, 14.6, siting[1])):
        profile = scaled.sum(axis=axis, dtype=float)
        seen = 2 * np.average(np.arange(len(profile)), weights=profile) + 0.5 + offset
        before = 2 * place + 0.5 + offset
        assert seen == pytest.approx(scale * (before + 0.5) - 0.5, abs=0.1)


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


# ITU-R BT.601 and BT.709: Y = kr R + (1 - kr - kb) G + kb B, Cb = (B - Y) / (2 - 2 kb), Cr = (R - Y) / (2 - 2 kr)
KR_KB = {BT601: (0.299, 0.114), BT709: (0.2126, 0.0722), UNSPECIFIED: (0.299, 0.114)}
COLOURS = [(255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255), (0, 0, 0), (200, 60, 30), (20, 90, 240)]


def flat_frame(rgb, matrix, full, down, across):
    kr, kb = KR_KB[matrix]
    r, g, b = (value / 255 for value in rgb)
    y = kr * r + (1 - kr - kb) * g + kb * b
    cb, cr = (b - y) / (2 - 2 * kb), (r - y) / (2 - 2 * kr)
    low, span, chroma_span = (0, 255, 255) if full else (16, 219, 224)
    values = low + span * y, 128 + chroma_span * cb, 128 + chroma_span * cr
    shapes = ((6, 8), (6 // down, 8 // across), (6 // down, 8 // across))
    levels = (min(round(value), 255) for value in values)
    luma, *chroma = (np.full(shape, value, np.uint8) for shape, value in zip(shapes, levels, strict=True))
    return Frame(luma, (chroma[0], chroma[1]), Colour(full, matrix, UNSPECIFIED, UNSPECIFIED), 0, 0.0, 0.0)


@pytest.mark.parametrize("matrix", [BT601, BT709, UNSPECIFIED])
@pytest.mark.parametrize("full", [True, False, None])
@pytest.mark.parametrize("rgb", COLOURS)
def test_a_flat_frame_becomes_its_colour(matrix, full, rgb):
    for down, across in ((2, 2), (1, 2), (1, 1)):
        picture = rgb_picture(flat_frame(rgb, matrix, full, down, across))
        assert picture.shape == (6, 8, 3)
        # luma and chroma are rounded to levels: up to half a level of Cb is 0.5 * 1.772 * 255 / 224 of blue, and so on
        assert np.abs(picture.astype(int) - rgb).max() <= 3


@pytest.mark.parametrize("full", [True, False, None])
def test_grey_of_every_range_is_grey_from_black_to_white(full):
    luma = np.arange(256, dtype=np.uint8).reshape(16, 16)
    picture = rgb_picture(Frame(luma, None, Colour(full), 0, 0.0, 0.0))
    assert picture.shape == (16, 16)
    ramp = picture.ravel().astype(int)
    if full:
        assert (ramp == np.arange(256)).all()
    else:
        expected = np.clip((np.arange(256) - 16) * 255 / 219, 0, 255)
        assert np.abs(ramp - expected).max() <= 0.5


@pytest.mark.parametrize("order", ["RGB", "BGR"])
def test_planes_of_rgb_follow_jfif(order):
    primaries = np.array([[[255, 0, 0], [0, 255, 0], [0, 0, 255], [255, 255, 255]]], np.uint8)
    if order == "BGR":
        primaries = np.ascontiguousarray(primaries[..., ::-1])
    luma, chroma = planes_of_rgb(primaries, getattr(cv2, f"COLOR_{order}2YCrCb"))
    # ITU-T T.871: Y = 0.299 R + 0.587 G + 0.114 B, chroma around 128
    assert np.abs(luma[0].astype(int) - [76, 150, 29, 255]).max() <= 1
    assert np.abs(chroma[0][0].astype(int) - [85, 44, 255, 128]).max() <= 1
    assert np.abs(chroma[1][0].astype(int) - [255, 21, 107, 128]).max() <= 1


def test_grey_has_no_planes_of_colour(texture):
    grey = texture(4, 6)
    luma, chroma = planes_of_rgb(grey)
    assert luma is grey
    assert chroma is None
