"""GMSD and the noise of flat regions, by pictures whose figures can be worked out on paper."""

from collections.abc import Callable

import numpy as np
import pytest

from edge_srcnn.imaging.luma import UInt8Array
from export.evaluation.metrics import flat_noise, gmsd

Draw = Callable[..., UInt8Array]


def flat(level: int, height: int = 64, width: int = 64) -> UInt8Array:
    return np.full((height, width), level, np.uint8)


# --- GMSD ---


@pytest.mark.slow
def test_equal_pictures_deviate_by_nothing(draw: Draw) -> None:
    assert gmsd(draw(0), draw(0)) == 0
    assert gmsd(flat(9, 1, 1), flat(9, 1, 1)) == 0


def test_brightness_is_no_edge() -> None:
    assert gmsd(flat(200), flat(20)) == 0


def test_a_lost_edge_counts_by_the_formula() -> None:
    # Columns 0..7 are 100, 8..15 are 160. Means of 2x2 at half the size: 4 columns of 100, 4 of 160. Prewitt / 3 sees
    # 60 in columns 3 and 4, nothing in the others. A flat picture has none: similarity T / (60^2 + T) there, else 1.
    hr = np.tile(np.array([100] * 8 + [160] * 8, np.uint8), (16, 1))
    lost = 170 / (60**2 + 170)
    expected = (1 - lost) * np.sqrt(0.25 * 0.75)  # two values, one of them in a quarter of the places
    assert gmsd(flat(100, 16, 16), hr) == pytest.approx(expected, rel=1e-5)
    assert gmsd(flat(100, 16, 16), hr.T) == pytest.approx(expected, rel=1e-5)


def test_a_softened_edge_counts_less_than_a_lost_one() -> None:
    # 130 in the columns beside the edge (6..9): the halves 3 and 4 are 130, their gradients 30 in 2..5
    hr = np.tile(np.array([100] * 8 + [160] * 8, np.uint8), (16, 1))
    soft = np.tile(np.array([100] * 6 + [130] * 4 + [160] * 6, np.uint8), (16, 1))
    beside, at = 170 / (30**2 + 170), (2 * 30 * 60 + 170) / (30**2 + 60**2 + 170)
    assert gmsd(soft, hr) == pytest.approx(np.std([1, 1, beside, at, at, beside, 1, 1]), rel=1e-5)


@pytest.mark.slow
def test_it_does_not_matter_which_is_the_ground_truth(draw: Draw) -> None:
    assert gmsd(draw(0), draw(1)) == gmsd(draw(1), draw(0))


def test_more_damage_deviates_more(draw: Draw) -> None:
    hr = draw(0)
    noise = np.random.default_rng(0).standard_normal(hr.shape)
    figures = [gmsd(np.clip(hr + s * noise, 0, 255).astype(np.uint8), hr) for s in (1, 5, 20)]
    assert figures == sorted(figures)
    assert figures[0] > 0
    assert figures[-1] > 3 * figures[0]


# --- noise in flat regions ---


@pytest.mark.slow
def test_no_error_is_no_noise(draw: Draw) -> None:
    assert flat_noise(draw(0), draw(0)) == 0


def test_a_checkerboard_of_two_levels_is_a_noise_of_two() -> None:
    y, x = np.indices((64, 64))
    assert flat_noise(np.where((y + x) % 2, 102, 98).astype(np.uint8), flat(100)) == pytest.approx(2)


def test_another_shade_is_no_noise() -> None:
    shaded = flat(100)
    shaded[:16, :16] += 7
    assert flat_noise(shaded, flat(100)) == 0


def test_only_the_flattest_fifth_of_the_blocks_counts() -> None:
    # 5 blocks: one flat, four of a texture; what happens in the textured ones does not count
    rng = np.random.default_rng(0)
    hr = rng.integers(60, 180, (16, 80), dtype=np.uint8)
    hr[:, 32:48] = 100
    result = hr.copy()
    result[:, :32] += rng.integers(0, 40, (16, 32), dtype=np.uint8)
    assert flat_noise(result, hr) == 0
    result[:, 32:48:2] += 6  # every second column 6 higher: 3 about the mean
    assert flat_noise(result, hr) == pytest.approx(3)


def test_noise_of_several_blocks_adds_by_variance() -> None:
    # 10 flat blocks, the first two count (all are as flat): deviations 3 and 4, root of the mean square
    result = flat(100, 16, 160)
    result[:, 0:16:2] += 6
    result[:, 16:32:2] += 8
    assert flat_noise(result, flat(100, 16, 160)) == pytest.approx(np.sqrt((3**2 + 4**2) / 2))


def test_a_picture_smaller_than_a_block_is_compared_whole() -> None:
    result = flat(100, 6, 6)
    result[:, ::2] += 4
    assert flat_noise(result, flat(100, 6, 6)) == pytest.approx(2)
