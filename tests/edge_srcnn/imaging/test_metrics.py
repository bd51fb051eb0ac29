"""PSNR and SSIM against arithmetic, and against scikit-image where it is installed."""

import math

import numpy as np
import pytest

from edge_srcnn.imaging.metrics import psnr, ssim


@pytest.mark.parametrize(("off_by", "decibels"), [(1, 20 * math.log10(255)), (255, 0.0), (51, 20 * math.log10(5))])
def test_psnr_of_a_constant_difference(off_by, decibels):
    dark = np.zeros((4, 6), np.uint8)
    assert psnr(dark, dark + np.uint8(off_by)) == pytest.approx(decibels)


def test_psnr_does_not_wrap_and_has_no_direction(texture):
    one, other = texture(9, 9, seed=1), texture(9, 9, seed=2)
    assert psnr(one, other) == psnr(other, one)
    assert psnr(np.full((2, 2), 250, np.uint8), np.full((2, 2), 5, np.uint8)) == pytest.approx(
        20 * math.log10(255 / 245)
    )


def test_psnr_of_one_wrong_pixel_in_a_hundred():
    hr = np.zeros((10, 10), np.uint8)
    wrong = hr.copy()
    wrong[3, 3] = 255
    assert psnr(wrong, hr) == pytest.approx(20)


def test_equal_pictures_have_infinite_psnr_and_ssim_of_one(texture):
    plane = texture(20, 30)
    assert psnr(plane, plane) == math.inf
    assert ssim(plane, plane) == pytest.approx(1)


def test_ssim_of_constant_planes_is_the_luminance_term():
    black, white = np.zeros((16, 16), np.uint8), np.full((16, 16), 255, np.uint8)
    c1 = (0.01 * 255) ** 2  # (2 mx my + c1) / (mx^2 + my^2 + c1); the contrast term is c2 / c2
    assert ssim(black, white) == pytest.approx(c1 / (255**2 + c1))


def test_ssim_of_a_negative_is_below_zero(texture):
    plane = texture(32, 32)
    assert ssim(255 - plane, plane) < 0


@pytest.mark.parametrize("shape", [(1, 1), (3, 2), (10, 40)])
def test_ssim_of_a_plane_smaller_than_the_window(texture, shape):
    assert ssim(texture(*shape), texture(*shape)) == pytest.approx(1)


@pytest.mark.slow
def test_ssim_is_that_of_scikit_image_as_wang_et_al_defined_it(texture):
    metrics = pytest.importorskip("skimage.metrics")
    hr = texture(40, 56)
    noisy = np.clip(hr + np.random.default_rng(3).normal(0, 12, hr.shape), 0, 255).astype(np.uint8)
    expected = metrics.structural_similarity(
        noisy, hr, data_range=255, gaussian_weights=True, sigma=1.5, use_sample_covariance=False
    )
    assert ssim(noisy, hr) == pytest.approx(expected, abs=1e-6)
