"""MATLAB's imresize, by Keys' formula worked out by hand; OpenCV's bicubic; means of areas; modcrop."""

import cv2
import numpy as np
import pytest

from edge_srcnn.imaging.luma import UInt8Array
from export.data.degradation.resize import (
    cv2_bicubic,
    imresize,
    matlab_bicubic,
    mean_of_areas,
    modcrop,
    resample,
    to_uint8,
)

# Keys (1981), equation 15, a = -1/2, at 1/4, 3/4, 5/4, 7/4: 111/128, 29/128, -9/128, -3/128.
KEYS_QUARTERS = np.array([-3, -9, 29, 111, 111, 29, -9, -3]) / 128


def noise(height: int, width: int, seed: int = 0) -> UInt8Array:
    return np.random.default_rng(seed).integers(0, 256, (height, width), dtype=np.uint8)


def stripes(columns: list[int], height: int = 4) -> UInt8Array:
    """A picture whose rows are all the same."""
    return np.tile(np.array(columns, np.uint8), (height, 1))


@pytest.mark.parametrize("level", [0, 1, 127, 255])
@pytest.mark.parametrize("size", [(5, 7), (13, 9), (26, 40), (1, 1)])
def test_a_constant_picture_stays_constant(level: int, size: tuple[int, int]) -> None:
    plane = np.full((13, 17), level, np.uint8)
    assert np.array_equal(imresize(plane, *size), np.full(size, level))


def test_the_same_size_is_the_same_picture() -> None:
    plane = noise(11, 18)
    assert np.array_equal(imresize(plane, 11, 18), plane)


def test_halving_an_impulse_gives_keys_antialiased_weights() -> None:
    # Column j of the small picture sits at 2 j + 1/2 of the large one; its kernel is stretched by 2 and halved.
    # So the impulse in column 8 is seen by columns 2..5 with k(7/4)/2, k(3/4)/2, k(1/4)/2, k(5/4)/2.
    row = [128] * 20
    row[8] = 255
    seen = imresize(stripes(row), 2, 10)[0].astype(int)
    weights = np.array([-3, 29, 111, -9]) / 256
    expected = np.full(10, 128)
    expected[2:6] = np.floor(128 + 127 * weights + 0.5)
    assert seen.tolist() == expected.tolist()
    assert expected[2:6].tolist() == [127, 142, 183, 124]


def test_halving_weighs_both_directions_alike() -> None:
    plane = np.full((20, 20), 100, np.uint8)
    plane[8, 8] = 255
    small = imresize(plane, 10, 10)
    assert np.array_equal(small, small.T)
    # 155 * (111/256)^2 = 29.14 in the nearest pixel, 155 * 111/256 * 29/256 = 7.61 beside it
    assert small[4, 4] == 129
    assert small[3, 4] == 108


def test_doubling_uses_keys_weights_without_antialiasing() -> None:
    # Columns 2 j and 2 j + 1 sit at j - 1/4 and j + 1/4 of the small one.
    row = [128] * 10
    row[5] = 255
    seen = imresize(stripes(row), 4, 20)[0].astype(int)
    expected = np.full(20, 128)
    expected[7:15] = np.floor(128 + 127 * KEYS_QUARTERS + 0.5)
    assert seen.tolist() == expected.tolist()


@pytest.mark.parametrize("size", [(9, 14), (6, 10), (36, 60)])
def test_a_mirrored_picture_gives_a_mirrored_result(size: tuple[int, int]) -> None:
    plane = noise(18, 30)
    assert np.array_equal(imresize(plane[:, ::-1], *size), imresize(plane, *size)[:, ::-1])
    assert np.array_equal(imresize(plane[::-1], *size), imresize(plane, *size)[::-1])


def test_turning_the_picture_turns_the_result() -> None:
    plane = noise(18, 30)
    assert np.array_equal(imresize(plane.T, 10, 6), imresize(plane, 6, 10).T)


@pytest.mark.parametrize(("numerator", "denominator"), [(1, 2), (1, 3), (1, 4), (2, 1), (3, 1)])
def test_the_border_is_mirrored_with_its_pixel_repeated(numerator: int, denominator: int) -> None:
    plane, margin = noise(24, 36), 12
    padded = np.pad(plane, margin, mode="symmetric")  # c b a | a b c

    def scaled(length: int) -> int:
        return length * numerator // denominator

    wide = imresize(padded, *map(scaled, padded.shape))
    cut = scaled(margin)
    assert np.array_equal(imresize(plane, *map(scaled, plane.shape)), wide[cut:-cut, cut:-cut])


def test_overshoot_is_clipped_to_eight_bits() -> None:
    row = [0] * 8 + [255] * 8
    seen = imresize(stripes(row), 4, 32)[0]
    assert seen.min() == 0
    assert seen.max() == 255


def test_every_row_of_weights_sums_to_one_so_a_ramp_keeps_its_mean() -> None:
    ramp = stripes(list(range(0, 240, 4)), 8)
    small = imresize(ramp, 4, 30)
    # column j is the mean of columns 2 j and 2 j + 1 of a straight line: 8 j + 2
    assert small[0, 3:-3].tolist() == [8 * j + 2 for j in range(3, 27)]


def test_fractional_and_tiny_sizes_are_possible() -> None:
    assert imresize(noise(400, 500), 260, 325).shape == (260, 325)
    assert imresize(noise(1, 1), 5, 3).shape == (5, 3)
    assert imresize(noise(3, 2), 1, 1).shape == (1, 1)


@pytest.mark.parametrize("scale", [1, 2, 3, 4])
def test_the_benchmark_degradation_is_imresize_to_a_whole_part(scale: int) -> None:
    plane = noise(24, 36)
    assert np.array_equal(matlab_bicubic(plane, scale), imresize(plane, 24 // scale, 36 // scale))


def test_opencv_halves_between_two_pixels_with_a_of_minus_three_quarters() -> None:
    # Keys' cubic with a = -3/4 at 1/2 and 3/2 is 19/32 and -3/32; no antialiasing, so four columns count.
    row = [100] * 12
    row[4] = 196
    seen = cv2_bicubic(stripes(row), 2)[0].astype(int)
    # column j looks at 2 j + 1/2: column 2 is half a pixel from the impulse, column 1 one and a half, column 3 too far
    assert seen.tolist() == [100, 100 - 9, 100 + 57, 100, 100, 100]


@pytest.mark.parametrize("scale", [1, 2, 3, 4])
def test_opencvs_bicubic_is_its_resize_byte_for_byte(scale: int) -> None:
    plane = noise(26, 41)
    expected = cv2.resize(plane, (41 // scale, 26 // scale), interpolation=cv2.INTER_CUBIC)
    assert np.array_equal(cv2_bicubic(plane, scale), expected)


def test_what_is_not_rounded_yet_keeps_fractions_and_overshoot() -> None:
    step = stripes([0] * 8 + [255] * 8).astype(np.float32)
    fine = resample(step, 4, 32)
    assert fine.dtype == np.float32
    assert fine.min() < 0
    assert fine.max() > 255
    assert np.array_equal(to_uint8(fine), imresize(step.astype(np.uint8), 4, 32))


def test_rounding_is_to_the_nearest_level_halves_upwards() -> None:
    plane = np.array([[-3.0, 0.49, 0.5, 1.5, 254.6, 300.0]], np.float32)
    assert to_uint8(plane).tolist() == [[0, 0, 1, 2, 255, 255]]


@pytest.mark.parametrize("scale", [1, 2, 3, 4])
def test_an_area_is_its_mean(scale: int) -> None:
    plane = noise(24, 36).astype(np.float32)
    blocks = plane.reshape(24 // scale, scale, 36 // scale, scale)
    assert mean_of_areas(plane, 24 // scale, 36 // scale) == pytest.approx(blocks.mean(axis=(1, 3)), abs=1e-3)


@pytest.mark.parametrize(
    ("size", "scale", "cropped"),
    [((13, 17), 2, (12, 16)), ((13, 17), 3, (12, 15)), ((13, 17), 4, (12, 16)), ((12, 16), 4, (12, 16))],
)
def test_modcrop_cuts_right_and_bottom_to_a_multiple(
    size: tuple[int, int], scale: int, cropped: tuple[int, int]
) -> None:
    plane = noise(*size)
    assert np.array_equal(modcrop(plane, scale), plane[: cropped[0], : cropped[1]])


def test_modcrop_of_a_picture_below_the_scale_is_empty() -> None:
    assert modcrop(noise(2, 9), 3).shape == (0, 9)
