"""The noise of a single picture: known noise is found, what is clean has none, and texture counts little."""

import numpy as np
import pytest

from edge_srcnn.imaging import noise
from edge_srcnn.imaging.noise import estimate_noise

SIGMAS = [1.0, 2.0, 3.0, 6.0, 10.0, 15.0]


def noisy(plane, sigma, seed=0):
    grains = np.random.default_rng(seed).normal(0, sigma, plane.shape)
    return np.clip(np.rint(plane + grains), 0, 255).astype(np.uint8)


@pytest.mark.parametrize("sigma", SIGMAS)
def test_the_noise_of_a_grey_wall_is_found_within_a_tenth(sigma):
    wall = np.full((480, 640), 120.0)
    whole = (sigma**2 + 1 / 12) ** 0.5  # rounding adds a twelfth to the variance
    assert estimate_noise(noisy(wall, sigma)) == pytest.approx(whole, rel=0.1)


@pytest.mark.parametrize("sigma", SIGMAS)
def test_the_smoothest_hundredth_tells_it_too(sigma):
    wall = noisy(np.full((480, 640), 120.0), sigma)
    assert estimate_noise(wall, noise.SMOOTHEST_SHARE) == pytest.approx((sigma**2 + 1 / 12) ** 0.5, rel=0.1)


def test_in_a_scene_full_of_grain_a_smooth_hundredth_is_enough():
    scene = np.random.default_rng(0).integers(90, 130, (480, 640), np.uint8)
    scene[:48, :192] = 110  # 36 of 1200 blocks, and those at its edge are not smooth
    assert estimate_noise(scene, noise.SMOOTHEST_SHARE) == 0.0
    assert estimate_noise(scene) > 8


@pytest.mark.parametrize("sigma", SIGMAS)
def test_slopes_and_an_edge_are_no_noise(sigma):
    y, x = np.mgrid[:240, :320]
    scene = np.where(x > 160, 40.0, 180.0) + 0.1 * y + 0.05 * x
    assert estimate_noise(noisy(scene, sigma)) == pytest.approx((sigma**2 + 1 / 12) ** 0.5, rel=0.15)


@pytest.mark.parametrize("grey", [0, 7, 255])
def test_a_plane_of_one_grey_has_none(grey):
    assert estimate_noise(np.full((64, 80), grey, np.uint8)) == 0.0


def test_a_slope_of_whole_levels_has_none():
    assert estimate_noise(np.add.outer(np.arange(100), np.arange(120)).astype(np.uint8)) == 0.0


def test_a_drawing_with_a_smooth_tenth_has_none():
    text = np.random.default_rng(0).integers(0, 2, (160, 160), np.uint8) * 255
    text[:48] = 255
    assert estimate_noise(text) == 0.0


def test_the_blocks_response_is_that_of_the_page():
    # of a checkerboard of 0 and 1 the mask leaves 8 everywhere: 1 + 1 + 1 + 1 + 4 against four times -2 of the others
    board = (np.indices((66, 66)).sum(axis=0) % 2).astype(np.uint8)
    expected = 8 * (np.pi / 2) ** 0.5 * noise._SMOOTHEST[noise.SMOOTH_SHARE] / 6
    assert estimate_noise(board) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("shape", [(1, 1), (2, 500), (500, 2)])
def test_what_is_too_small_tells_nothing(shape):
    assert estimate_noise(np.random.default_rng(0).integers(0, 256, shape, np.uint8)) == 0.0


@pytest.mark.parametrize("shape", [(3, 3), (3, 700), (17, 18), (18, 18), (19, 33), (300, 40)])
def test_every_size_from_three_pixels_on_tells_something(shape):
    assert estimate_noise(np.random.default_rng(0).integers(0, 256, shape, np.uint8)) > 5


def test_bands_are_the_whole(monkeypatch):
    plane = np.random.default_rng(0).integers(0, 256, (700, 90), np.uint8)
    whole = estimate_noise(plane)
    monkeypatch.setattr(noise, "_BAND_BLOCKS", 1)
    assert estimate_noise(plane) == whole
