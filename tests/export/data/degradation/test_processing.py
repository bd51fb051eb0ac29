"""The image processor: what is smoothed and what is kept, the halo of a sharpened edge, and JPEG."""

from collections.abc import Callable

import numpy as np
import pytest

from edge_srcnn.imaging.luma import UInt8Array
from export.data.degradation.processing import denoise, jpeg, sharpen
from export.data.degradation.resize import Levels

Draw = Callable[..., UInt8Array]


# --- noise and edges ---


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


# --- JPEG: its blocks of 8x8, and its quality ---


def test_smooth_shades_break_at_the_borders_of_blocks() -> None:
    y, x = np.indices((96, 96))
    shade = (90 + 30 * np.sin(x / 17) + 25 * np.cos(y / 13)).astype(np.uint8)
    error = jpeg(shade, 30).astype(float) - shade
    jumps = np.abs(np.diff(error, axis=1)).mean(axis=0)  # jumps[7] lies between columns 7 and 8
    at_borders = np.arange(95) % 8 == 7
    assert jumps[at_borders].mean() > 1.3 * jumps[~at_borders].mean()


def test_a_block_knows_nothing_of_its_neighbours(draw: Draw) -> None:
    plane = draw(0, 64, 64)
    other = plane.copy()
    other[24:32, 16:24] = 255 - other[24:32, 16:24]
    changed = jpeg(plane, 75) != jpeg(other, 75)
    assert changed[24:32, 16:24].any()
    changed[24:32, 16:24] = False
    assert not changed.any()


def test_a_lower_quality_loses_more(draw: Draw) -> None:
    plane = draw(1)
    errors = [float(np.mean((jpeg(plane, quality).astype(float) - plane) ** 2)) for quality in (95, 80, 60, 20)]
    assert errors == sorted(errors)
    assert errors[0] < errors[-1] / 4


@pytest.mark.parametrize("level", [0, 1, 127, 200, 255])
@pytest.mark.parametrize("shape", [(1, 1), (7, 9), (33, 50)])
def test_a_flat_picture_stays_nearly_flat_at_any_size(level: int, shape: tuple[int, int]) -> None:
    out = jpeg(np.full(shape, level, np.uint8), 60)
    assert out.shape == shape
    assert out.dtype == np.uint8
    assert np.ptp(out) == 0
    # quality 60 rounds a block's mean to steps of round(16 * 0.8) / 8 = 1.6 levels
    assert abs(int(out[0, 0]) - level) <= 1
