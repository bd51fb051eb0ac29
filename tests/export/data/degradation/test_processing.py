"""The image processor: what is smoothed and what is kept, and the halo of a sharpened edge."""

import numpy as np
import pytest

from export.data.degradation.processing import denoise, sharpen
from export.data.degradation.resize import Levels


def grain(deviation: float) -> Levels:
    noise = np.random.default_rng(0).standard_normal((80, 80), np.float32)
    return np.float32(100) + np.float32(deviation) * noise


def edge(low: float = 80, high: float = 180) -> Levels:
    return np.tile(np.array([low] * 10 + [high] * 10, np.float32), (20, 1))


def test_faint_noise_is_smoothed() -> None:
    assert denoise(grain(2), 5.0).std() < 0.6 * grain(2).std()


def test_more_strength_smooths_more() -> None:
    left = [float(denoise(grain(3), strength).std()) for strength in (1.0, 3.0, 9.0)]
    assert left == sorted(left, reverse=True)


def test_edges_are_kept() -> None:
    assert denoise(edge(), 5.0) == pytest.approx(edge(), abs=0.01)


def test_a_sharpened_edge_gets_a_halo_on_both_sides_alike() -> None:
    row = sharpen(edge(), 0.5)[10]
    assert row[9] < 78
    assert row[10] > 182
    assert row[9] - 80 == pytest.approx(180 - row[10], abs=0.01)
    assert row[[0, 19]] == pytest.approx([80, 180], abs=0.01), "far from the edge nothing changes"


def test_the_halo_grows_with_the_amount() -> None:
    plain = sharpen(edge(), 0.0)
    assert np.array_equal(plain, edge())
    once, twice = (sharpen(edge(), amount) - plain for amount in (0.3, 0.6))
    assert twice == pytest.approx(2 * once, abs=0.01)


@pytest.mark.parametrize("level", [0, 128, 255])
def test_flat_pictures_stay_as_they_are(level: int) -> None:
    plane = np.full((12, 9), level, np.float32)
    assert denoise(plane, 4.0) == pytest.approx(plane, abs=1e-3)
    assert sharpen(plane, 0.6) == pytest.approx(plane, abs=1e-3)
