"""JPEG: its blocks of 8x8, and its quality."""

from collections.abc import Callable

import numpy as np
import pytest

from edge_srcnn.imaging.luma import UInt8Array
from export.data.degradation.encoding import jpeg

Draw = Callable[..., UInt8Array]


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
