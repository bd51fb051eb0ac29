"""Bicubic upscaling against Keys' formula, and in bands against in one piece."""

import cv2
import numpy as np
import pytest

from edge_srcnn.imaging import bicubic
from edge_srcnn.imaging.bicubic import bands, base_name, upscale_band, upscale_bicubic


def keys_matrix(size: int, scale: int, a: float = -0.75) -> np.ndarray:
    """Cubic convolution (Keys, 1981) along one axis, borders repeated: ``[size * scale, size]``."""
    matrix = np.zeros((size * scale, size))
    for row in range(size * scale):
        centre = (row + 0.5) / scale - 0.5
        for tap in range(int(np.floor(centre)) - 1, int(np.floor(centre)) + 3):
            d = abs(centre - tap)
            near = (a + 2) * d**3 - (a + 3) * d**2 + 1
            far = a * d**3 - 5 * a * d**2 + 8 * a * d - 4 * a
            matrix[row, min(max(tap, 0), size - 1)] += near if d <= 1 else far
    return matrix


@pytest.mark.parametrize("scale", [1, 2, 3, 4])
def test_it_is_cubic_convolution_with_a_of_minus_three_quarters(texture, scale):
    plane = texture(13, 17)
    exact = keys_matrix(13, scale) @ plane @ keys_matrix(17, scale).T
    assert np.abs(upscale_bicubic(plane, scale) - np.clip(exact, 0, 255)).max() <= 1


@pytest.mark.parametrize("scale", [1, 2, 3, 4])
@pytest.mark.parametrize("shape", [(1, 1), (3, 2), (5, 7, 3), (4, 4, 4)])
def test_each_side_grows_by_the_scale_and_a_constant_stays(shape, scale):
    out = upscale_bicubic(np.full(shape, 77, np.uint8), scale)
    assert out.shape == (shape[0] * scale, shape[1] * scale, *shape[2:])
    assert out.dtype == np.uint8
    assert (out == 77).all()


@pytest.mark.parametrize("shape", [(1, 1), (1, 9), (9, 1), (23, 31), (21, 8, 3), (30, 5, 4)])
@pytest.mark.parametrize("scale", [1, 2, 3, 4])
@pytest.mark.parametrize("rows", [1, 2, 5, 7])
def test_bands_leave_no_seam(monkeypatch, texture, shape, scale, rows):
    plane = texture(*shape)
    whole = cv2.resize(plane, (shape[1] * scale, shape[0] * scale), interpolation=cv2.INTER_CUBIC)
    monkeypatch.setattr(bicubic, "WHOLE_PIXELS", 0)
    monkeypatch.setattr(bicubic, "BAND_ROWS", rows)
    difference = np.abs(upscale_bicubic(plane, scale).astype(int) - whole.reshape(shape[0] * scale, -1, *shape[2:]))
    assert difference.max() <= (1 if scale == 3 else 0)  # only thirds are no binary fractions


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("shape", [(1, 1), (9, 14), (9, 14, 3)])
def test_at_scale_1_it_is_a_copy(dtype, shape):
    plane = np.random.default_rng(0).integers(0, np.iinfo(dtype).max, shape, dtype, endpoint=True)
    for out in (upscale_bicubic(plane, 1), upscale_band(plane, 1, 0, shape[0])):
        assert (out == plane).all()
        assert not np.may_share_memory(out, plane)
    into = np.zeros_like(plane)
    assert upscale_band(plane, 1, 0, shape[0], out=into) is into
    assert (into == plane).all()


def test_what_a_residual_is_added_to_has_a_name():
    assert [base_name(scale) for scale in (1, 2, 3, 4)] == ["input", "bicubic", "bicubic", "bicubic"]


@pytest.mark.parametrize(("height", "width"), [(1, 1), (2000, 2000), (1, 4_000_000)])
def test_a_small_picture_is_one_band(height, width):
    assert list(bands(height, width)) == [(0, height)]


def test_the_bands_of_a_large_picture_cover_it_once():
    spans = list(bands(2001, 2000))
    assert [row for start, stop in spans for row in range(start, stop)] == list(range(2001))
    assert max(stop - start for start, stop in spans) == bicubic.BAND_ROWS


def test_a_band_is_that_part_of_the_whole(texture):
    plane = texture(12, 9)
    assert (upscale_band(plane, 2, 4, 9) == upscale_bicubic(plane, 2)[8:18]).all()
