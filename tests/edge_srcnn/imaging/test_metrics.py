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


def ssim_by_definition(x, y, window):
    """Wang et al. (2004), equations 13 to 16, a window at a time; weights are those of section III-C."""
    offsets = np.arange(window) - window // 2
    weights = np.exp(-(offsets[:, None] ** 2 + offsets**2) / (2 * 1.5**2))
    weights /= weights.sum()
    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    found = []
    for top in range(x.shape[0] - window + 1):
        for left in range(x.shape[1] - window + 1):
            a, b = (plane[top : top + window, left : left + window].astype(float) for plane in (x, y))
            mean_a, mean_b = (weights * a).sum(), (weights * b).sum()
            var_a, var_b = (weights * (a - mean_a) ** 2).sum(), (weights * (b - mean_b) ** 2).sum()
            cov = (weights * (a - mean_a) * (b - mean_b)).sum()
            luminance = (2 * mean_a * mean_b + c1) / (mean_a**2 + mean_b**2 + c1)
            found.append(luminance * (2 * cov + c2) / (var_a + var_b + c2))
    return np.mean(found)


def test_equal_pictures_have_infinite_psnr_and_ssim_of_one_and_no_others_do(texture):
    plane = texture(20, 30)
    other = plane.copy()
    other[7, 9] ^= 1
    assert (psnr(plane, plane), ssim(plane, plane)) == (math.inf, pytest.approx(1, abs=1e-12))
    assert psnr(plane, other) == pytest.approx(10 * math.log10(255**2 * 600))  # one level in 600 pixels
    assert ssim(plane, other) < 1 - 1e-7


def test_ssim_of_constant_planes_is_the_luminance_term():
    black, white = np.zeros((16, 16), np.uint8), np.full((16, 16), 255, np.uint8)
    c1 = (0.01 * 255) ** 2  # (2 mx my + c1) / (mx^2 + my^2 + c1); the contrast term is c2 / c2
    assert ssim(black, white) == pytest.approx(c1 / (255**2 + c1))


def test_ssim_of_a_negative_is_below_zero(texture):
    plane = texture(32, 32)
    assert ssim(255 - plane, plane) < 0


@pytest.mark.parametrize(("shape", "window"), [((1, 1), 1), ((3, 2), 1), ((10, 40), 9), ((24, 17), 11)])
def test_ssim_is_that_of_its_definition_in_the_largest_odd_window_that_fits(texture, shape, window):
    one, other = texture(*shape, seed=1), texture(*shape, seed=2)
    expected = ssim_by_definition(one, other, window)
    assert expected < 0.99
    assert ssim(one, other) == pytest.approx(expected, abs=1e-9)


@pytest.mark.slow
def test_ssim_is_that_of_scikit_image_as_wang_et_al_defined_it(texture):
    metrics = pytest.importorskip("skimage.metrics")
    hr = texture(40, 56)
    noisy = np.clip(hr + np.random.default_rng(3).normal(0, 12, hr.shape), 0, 255).astype(np.uint8)
    expected = metrics.structural_similarity(
        noisy, hr, data_range=255, gaussian_weights=True, sigma=1.5, use_sample_covariance=False
    )
    assert ssim(noisy, hr) == pytest.approx(expected, abs=1e-6)
