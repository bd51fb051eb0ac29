"""Luma against the weights of BT.601, worked out by hand."""

import numpy as np
import pytest

from edge_srcnn.imaging.luma import BT601, luma_full_range, luma_studio_range

# 0.299 x 255 = 76.245, 0.587 x 255 = 149.685, 0.114 x 255 = 29.07; sums of them
FULL = {
    (0, 0, 0): 0,
    (255, 255, 255): 255,
    (255, 0, 0): 76,
    (0, 255, 0): 150,
    (0, 0, 255): 29,
    (255, 255, 0): 226,
    (0, 255, 255): 179,
    (255, 0, 255): 105,
}
# 16 + 65.481, 16 + 128.553, 16 + 24.966; sums of them
STUDIO = {
    (0, 0, 0): 16,
    (255, 255, 255): 235,
    (255, 0, 0): 81,
    (0, 255, 0): 145,
    (0, 0, 255): 41,
    (255, 255, 0): 210,
    (0, 255, 255): 170,
    (255, 0, 255): 106,
}


def pixel(colour: tuple[int, int, int]) -> np.ndarray:
    return np.array([[colour]], np.uint8)


@pytest.mark.parametrize(("colour", "luma"), FULL.items())
def test_full_range_luma_of_the_primaries(colour, luma):
    assert luma_full_range(pixel(colour)).tolist() == [[luma]]


@pytest.mark.parametrize(("colour", "luma"), STUDIO.items())
def test_studio_range_luma_of_the_primaries(colour, luma):
    assert luma_studio_range(pixel(colour)).tolist() == [[luma]]


def test_every_grey_is_its_own_full_range_luma():
    greys = np.arange(256, dtype=np.uint8).reshape(16, 16)
    assert (luma_full_range(np.dstack([greys] * 3)) == greys).all()


def test_luma_is_the_rounded_weighted_sum_in_tall_pictures_too():
    rgb = np.random.default_rng(0).integers(0, 256, (600, 5, 3), dtype=np.uint8)
    exact = rgb.astype(np.float64) @ BT601
    assert np.abs(luma_full_range(rgb) - exact).max() <= 0.5 + 1e-4


@pytest.mark.parametrize("luma", [luma_full_range, luma_studio_range])
def test_a_grey_picture_is_its_own_luma(luma, texture):
    grey = texture(4, 5)
    assert (luma(grey) == grey).all()


def test_the_weights_are_those_of_bt601_and_sum_to_one():
    assert BT601.tolist() == [0.299, 0.587, 0.114]
    assert BT601.sum() == pytest.approx(1)
