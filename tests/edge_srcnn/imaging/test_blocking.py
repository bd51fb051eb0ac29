"""The blocks of JPEG in a picture: found wherever they begin, the more the harder it was coded, and none elsewhere."""

import io

import numpy as np
import pytest
from PIL import Image

from edge_srcnn.imaging.blocking import estimate_blocking

STEP = 6
BOARD = (np.indices((12, 15)).sum(axis=0) % 2 * STEP + 100).astype(np.uint8).repeat(8, 0).repeat(8, 1)
"""Blocks of 8 pixels, each STEP from its neighbours."""


def scene(height=240, width=320, seed=0):
    """Make something like a photograph: smooth noise of several sizes."""
    rng, picture = np.random.default_rng(seed), np.zeros((height, width))
    for side in (4, 16, 64):
        small = Image.fromarray(
            rng.normal(0, 2.5 * side**0.5, (height // side + 2, width // side + 2)).astype(np.float32)
        )
        picture += np.asarray(small.resize((width, height), Image.Resampling.BICUBIC))
    return np.clip(np.rint(picture + 120), 0, 255).astype(np.uint8)


def jpeg(plane, quality):
    file = io.BytesIO()
    Image.fromarray(plane).save(file, "JPEG", quality=quality)
    with Image.open(file) as image:
        return np.asarray(image)


def test_a_border_counts_twice_its_step():
    # of columns a a b b the mask -1 3 -3 1 leaves 2 (a - b); of the eight places two more see the step, five see none
    assert estimate_blocking(BOARD) == pytest.approx(2 * STEP * _share(BOARD), rel=1e-12)


def _share(board):
    """Say how many borders there are for eight whole places, in the mean of both directions."""
    shares = []
    for side in board.shape:
        whole = (side - 3) // 8
        shares.append(sum(1 for border in range(1, side // 8) if border * 8 - 2 < whole * 8) / whole)
    return sum(shares) / 2


@pytest.mark.parametrize("top", range(8))
def test_blocks_are_found_wherever_they_begin(top):
    cropped = BOARD[top : top + 80, 3 : 3 + 96]
    assert estimate_blocking(cropped) == pytest.approx(2 * STEP, rel=0.15)


@pytest.mark.parametrize("turns", [1, 2, 3])
def test_blocks_are_found_in_what_was_rotated(turns):
    blocked = jpeg(scene(), 50)
    assert estimate_blocking(np.ascontiguousarray(np.rot90(blocked, turns))) == pytest.approx(
        estimate_blocking(blocked), rel=0.05
    )


def test_the_harder_a_picture_was_coded_the_more_they_show():
    plane = scene()
    found = [estimate_blocking(jpeg(plane, quality)) for quality in (95, 80, 60, 40, 20)]
    assert found == sorted(found)
    assert estimate_blocking(plane) < 0.3
    assert found[-1] > 4 * max(found[0], 0.5)


@pytest.mark.parametrize(
    "plane",
    [
        np.full((64, 64), 77, np.uint8),
        np.add.outer(np.arange(100), np.arange(120)).astype(np.uint8),  # a slope
        np.zeros((64, 64), np.uint8),
    ],
    ids=["grey", "slope", "black"],
)
def test_what_is_smooth_has_none(plane):
    assert estimate_blocking(plane) == 0.0


def test_noise_alone_has_next_to_none():
    noise = np.random.default_rng(0).normal(120, 10, (480, 640))
    assert estimate_blocking(np.clip(np.rint(noise), 0, 255).astype(np.uint8)) < 0.3


@pytest.mark.parametrize("shape", [(1, 1), (23, 200), (200, 23), (0, 40)])
def test_what_is_too_small_tells_nothing(shape):
    assert estimate_blocking(np.random.default_rng(0).integers(0, 256, shape, np.uint8)) == 0.0


@pytest.mark.parametrize("height", [24, 255, 256, 257, 258, 259, 260, 511, 515])
def test_bands_do_not_show(height, monkeypatch):
    plane = jpeg(scene(520, 64), 40)[:height]
    whole = estimate_blocking(plane)
    monkeypatch.setattr("edge_srcnn.imaging.blocking._BAND_ROWS", 10_000)
    assert estimate_blocking(plane) == whole
