"""The sensor: BT.709's curve at values of the standard, noise by Foi's law, and what the mosaic makes of both."""

import numpy as np
import pytest

from export.data.degradation.resize import Levels
from export.data.degradation.sensor import Noise, expose, levels_of, light_of

SILENT = Noise(0.0, 0.0)


def flat(level: float, side: int = 300) -> Levels:
    return np.full((side, side), level, np.float32)


def noise_of(level: float, noise: Noise, seed: int = 0) -> Levels:
    """What noise adds to a flat picture, in grey levels."""
    return expose(flat(level), noise, np.random.default_rng(seed)) - np.float32(level)


def correlation(plane: Levels, down: int, across: int) -> float:
    h, w = plane.shape
    return float(np.corrcoef(plane[: h - down, : w - across].ravel(), plane[down:, across:].ravel())[0, 1])


# --- the curve ---


@pytest.mark.parametrize(
    ("light", "value"),
    [(0.0, 0.0), (0.01, 0.045), (0.018, 0.081), (0.18, 0.4090), (1.0, 1.0)],  # 1.099 * 0.18^0.45 - 0.099 = 0.4090
)
def test_light_becomes_grey_levels_by_bt709(light: float, value: float) -> None:
    assert levels_of(np.array([light], np.float32))[0] == pytest.approx(255 * value, abs=0.1)
    assert light_of(np.array([255 * value], np.float32))[0] == pytest.approx(light, abs=1e-3)


def test_there_and_back_is_the_same_even_a_little_outside() -> None:
    levels = np.linspace(-30, 280, 400, dtype=np.float32)
    assert levels_of(light_of(levels)) == pytest.approx(levels, abs=0.01)


# --- noise ---


@pytest.mark.parametrize("level", [0, 1, 20, 128, 254, 255])
def test_without_noise_a_flat_picture_stays_flat(level: int) -> None:
    assert expose(flat(level, 21), SILENT, np.random.default_rng(0)) == pytest.approx(level, abs=0.1)


@pytest.mark.parametrize("level", [40, 104, 180])
def test_noise_grows_with_the_root_of_its_variance(level: float) -> None:
    def deviation(shot: float, read: float) -> float:
        return float(noise_of(level, Noise(shot, read)).std())

    assert deviation(4e-4, 0) == pytest.approx(2 * deviation(1e-4, 0), rel=0.05)
    assert deviation(0, 4e-3) == pytest.approx(2 * deviation(0, 2e-3), rel=0.05)
    light = float(light_of(np.array([level], np.float32))[0])
    as_much = float(np.sqrt(1e-4 * light))  # shot * light = read^2
    assert deviation(0, as_much) == pytest.approx(deviation(1e-4, 0), rel=0.05)
    assert deviation(1e-4, as_much) == pytest.approx(np.sqrt(2) * deviation(1e-4, 0), rel=0.05)


def test_noise_without_light_is_stronger_in_the_dark_by_the_curves_slope() -> None:
    # BT.709's slope at 0.18 is 1.099 * 0.45 * 0.18^-0.55 = 1.27; it is 4.5 in the dark
    dark, middle = (float(noise_of(level, Noise(0, 5e-4)).std()) for level in (10.0, 104.3))
    assert dark / middle == pytest.approx(4.5 / 1.27, rel=0.05)


def test_a_pixel_is_made_of_several_sites_and_so_less_noisy_than_one() -> None:
    one_site = 255 * 1.27 * 0.005  # read noise at 104 grey levels
    assert 0.3 * one_site < noise_of(104.3, Noise(0, 0.005)).std() < 0.8 * one_site


def test_demosaicing_spreads_noise_over_neighbours_and_no_further() -> None:
    noise = noise_of(128, Noise(3e-4, 1e-3))
    assert correlation(noise, 0, 1) > 0.2
    assert correlation(noise, 1, 0) > 0.2
    assert abs(correlation(noise, 0, 8)) < 0.03
    assert abs(correlation(noise, 8, 0)) < 0.03


def test_noise_keeps_the_brightness() -> None:
    for level in (20, 60, 128, 200):
        assert abs(noise_of(level, Noise(1e-3, 3e-3)).mean()) < 0.3


def test_black_is_not_brightened_for_the_black_level_lies_above_zero() -> None:
    assert abs(noise_of(0, Noise(0, 3e-3)).mean()) < 0.1


def test_noise_hangs_on_the_generator_alone() -> None:
    noise = Noise(3e-4, 1e-3)
    assert np.array_equal(noise_of(90, noise, seed=1), noise_of(90, noise, seed=1))
    assert not np.array_equal(noise_of(90, noise, seed=1), noise_of(90, noise, seed=2))


@pytest.mark.parametrize("scale", [1, 2, 3, 4])
def test_finer_sites_together_have_the_noise_of_the_large_one(scale: int) -> None:
    noise, n, light = Noise(2e-4, 1e-3), scale**2, 0.3
    fine = noise.finer(scale)
    assert (fine.shot * light + fine.read**2) / n == pytest.approx(noise.shot * light + noise.read**2)


# --- the mosaic ---


@pytest.mark.parametrize("shape", [(1, 1), (2, 3), (5, 4), (33, 47)])
def test_every_size_is_kept(shape: tuple[int, int]) -> None:
    out = expose(np.full(shape, 90, np.float32), SILENT, np.random.default_rng(0))
    assert out.shape == shape
    assert out.dtype == np.float32


def test_demosaicing_moves_nothing() -> None:
    y, x = np.indices((41, 41), dtype=np.float32)
    spot = 100 + 80 * np.exp(-((y - 20) ** 2 + (x - 17) ** 2) / (2 * 3.0**2)).astype(np.float32)
    seen = expose(spot, SILENT, np.random.default_rng(0)) - 100
    assert (seen * y).sum() / seen.sum() == pytest.approx(20, abs=0.1)
    assert (seen * x).sum() / seen.sum() == pytest.approx(17, abs=0.1)


def test_the_finest_detail_suffers_and_coarse_detail_does_not() -> None:
    def kept(period_px: float) -> float:
        row = 128 + 60 * np.cos(2 * np.pi * np.arange(96) / period_px + 0.3)
        plane = np.tile(row.astype(np.float32), (96, 1))
        return float(expose(plane, SILENT, np.random.default_rng(0)).std() / plane.std())

    assert kept(24) > 0.97
    assert kept(4) > 0.8, "along an edge: plain bilinear demosaicing keeps 0.74"
    assert kept(2.5) < 0.8
