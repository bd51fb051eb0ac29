"""Point spread functions by their moments, which geometry gives; and that a blur moves nothing."""

from collections.abc import Callable
from math import pi

import numpy as np
import pytest

from edge_srcnn.imaging.luma import UInt8Array
from export.data.degradation.lens import blur, disc, gaussian, streak
from export.data.degradation.resize import Levels

Draw = Callable[..., UInt8Array]

PSFS = {
    "narrow": gaussian((0.2, 0.2), 0.0),
    "oblong": gaussian((2.0, 0.5), 0.7),
    "disc": disc(1.6),
    "point": disc(0.3),
    "streak": streak(5.0, 1.1),
    "short streak": streak(0.4, 0.0),
}

PIXEL = 1 / 12
"""Variance of an even distribution over one pixel, by which drawing on pixels widens everything."""


def variances(psf: Levels) -> tuple[float, float]:
    """Second moments about the middle: down, and across."""
    axis = np.arange(len(psf)) - len(psf) // 2
    return float((psf.sum(axis=1) * axis**2).sum()), float((psf.sum(axis=0) * axis**2).sum())


@pytest.mark.parametrize("name", PSFS)
def test_light_is_neither_lost_nor_moved(name: str) -> None:
    psf = PSFS[name]
    assert psf.dtype == np.float32
    assert psf.shape[0] == psf.shape[1]
    assert len(psf) % 2 == 1
    assert psf.min() >= 0
    assert psf.sum() == pytest.approx(1, abs=1e-5)
    assert psf == pytest.approx(psf[::-1, ::-1], abs=1e-6), "as much to one side as to the other"


def test_a_gaussian_is_as_wide_as_its_deviations() -> None:
    down, across = variances(gaussian((3.0, 1.5), 0.0))
    assert across == pytest.approx(3.0**2 + PIXEL, rel=0.05)  # it is cut off at three deviations
    assert down == pytest.approx(1.5**2 + PIXEL, rel=0.05)


def test_a_turned_psf_lies_across() -> None:
    assert gaussian((3.0, 1.5), pi / 2) == pytest.approx(gaussian((3.0, 1.5), 0.0).T, abs=1e-6)
    assert variances(streak(6.0, pi / 2)) == pytest.approx(variances(streak(6.0, 0.0))[::-1], rel=1e-3)


def test_a_disc_is_as_wide_as_its_radius() -> None:
    # the second moment of an even disc about a diameter is r^2 / 4
    assert variances(disc(4.0)) == pytest.approx((4.0 + PIXEL, 4.0 + PIXEL), rel=0.05)


def test_a_streak_is_as_long_as_its_length_and_one_pixel_wide() -> None:
    # an even line's variance is its length squared / 12
    down, across = variances(streak(7.0, 0.0))
    assert across == pytest.approx(49 / 12, rel=0.05)
    assert down == pytest.approx(0, abs=1e-6)


def test_widths_below_a_pixel_are_told_apart() -> None:
    peaks = [gaussian((sigma, sigma), 0.0).max() for sigma in (0.1, 0.2, 0.4, 0.8)]
    assert peaks == sorted(peaks, reverse=True)
    assert peaks[0] == pytest.approx(1)
    assert disc(0.3).shape == (1, 1)


def test_a_point_becomes_the_psf() -> None:
    plane = np.zeros((15, 17), np.float32)
    plane[7, 8] = 1
    psf = PSFS["streak"]
    r = len(psf) // 2
    assert blur(plane, psf)[7 - r : 8 + r, 8 - r : 9 + r] == pytest.approx(psf, abs=1e-6)


def test_a_flat_picture_stays_flat_up_to_its_borders() -> None:
    assert blur(np.full((9, 8), 77, np.float32), PSFS["oblong"]) == pytest.approx(77, abs=1e-3)


def test_a_wider_blur_leaves_less_of_every_gradient(draw: Draw) -> None:
    plane = draw(0).astype(np.float32)
    energy = [
        float(np.mean(np.diff(blur(plane, gaussian((sigma, sigma), 0.0)), axis=1) ** 2)) for sigma in (0.1, 0.5, 1, 2)
    ]
    assert energy == sorted(energy, reverse=True)
    assert energy[-1] < 0.5 * energy[0]
