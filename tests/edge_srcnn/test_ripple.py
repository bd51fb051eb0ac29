"""Networks whose outputs are sub-pixels leave no pattern of that grid: on flat fields, ramps and single edges."""

from collections.abc import Iterator

import numpy as np
import pytest

from edge_srcnn import load_model
from edge_srcnn.bundled import bundled_models
from edge_srcnn.model import BICUBIC, LUMA_PLANE, read_model

SIDE = 32  # pixels of the camera's picture
MARGIN = 8  # of these, at each border, which do not count
NETWORKS = [name for name, path in bundled_models().items() if read_model(path).spec.plane == LUMA_PLANE]
SEED = "srcnn-915"


def energy(error, scale):
    """Square of what repeats with the grid's period: the variance of the means of the scale x scale phases."""
    height, width = (side // scale * scale for side in error.shape)
    phases = error[:height, :width].reshape(height // scale, scale, width // scale, scale)
    return phases.mean((0, 2)).var()


def shrunk(picture, scale):
    """The mean of each scale x scale block, halves upwards."""
    side = len(picture) // scale
    return np.floor(picture.reshape(side, scale, side, scale).mean((1, 3)) + 0.5).astype(np.uint8)


def inner(plane, scale):
    margin = MARGIN * scale
    return plane[margin:-margin, margin:-margin]


def flat_fields(upscaler) -> Iterator[float]:
    for grey in range(256):
        result = upscaler.upscale(np.full((SIDE, SIDE), grey, np.uint8))
        yield energy(inner(result.astype(float) - grey, upscaler.scale), upscaler.scale)


def ramps(upscaler) -> Iterator[float]:
    y, x = np.indices((SIDE, SIDE))
    fine_y, fine_x = ((place + 0.5) / upscaler.scale - 0.5 for place in np.indices(2 * [SIDE * upscaler.scale]))
    for down, across in (
        (1, 0),
        (0, 1),
        (2, 0),
        (0, 2),
        (3, 0),
        (0, 3),
        (4, 0),
        (0, 4),
        (1, 1),
        (2, 1),
        (1, 2),
        (2, 2),
    ):
        result = upscaler.upscale((20 + down * y + across * x).astype(np.uint8))
        exact = 20 + down * fine_y + across * fine_x
        yield energy(inner(result - exact, upscaler.scale), upscaler.scale)


def edges(upscaler) -> Iterator[float]:
    """Light and dark on either side of a line, at each place of the grid, upright and lying."""
    scale = upscaler.scale
    middle, reach = SIDE * scale // 2, 4 * scale
    for left, right in ((20, 220), (60, 120), (100, 130), (220, 20), (120, 60), (0, 255)):
        for place in range(scale):
            exact = np.full((SIDE * scale, SIDE * scale), left)
            exact[:, middle + place :] = right
            for turned in (exact, exact.T):
                error = upscaler.upscale(shrunk(turned, scale)).astype(float) - turned
                error = error if turned is exact else error.T
                yield energy(error[MARGIN * scale : -MARGIN * scale, middle - reach : middle + reach], scale)


@pytest.mark.parametrize("kind", [flat_fields, ramps, edges])
@pytest.mark.parametrize("name", NETWORKS)
def test_no_more_energy_has_the_grids_period_than_srcnn_leaves(engine, name, kind):
    spec = read_model(bundled_models()[name]).spec
    seed = f"{SEED}-x{spec.scale}" if spec.degradation == BICUBIC else f"{SEED}-x{spec.scale}-{spec.degradation}"
    means = []
    for model in (name, seed):
        with load_model(model, engine=engine) as upscaler:
            means.append(np.mean(list(kind(upscaler))))
    assert means[0] <= means[1]


def test_a_pattern_of_the_grid_would_be_seen():
    plane = np.zeros((12, 12))
    assert energy(plane, 2) == 0
    plane[::2, ::2] = 1  # a quarter of the pixels: 1/4 - 1/16
    assert energy(plane, 2) == pytest.approx(3 / 16)
    assert energy(plane, 3) == pytest.approx(0)
