"""Networks whose outputs are sub-pixels leave no pattern of that grid: on flat fields, ramps, and at edges."""

from collections.abc import Callable, Iterator
from functools import cache
from itertools import product

import numpy as np
import pytest

from edge_srcnn import load_model
from edge_srcnn.models.bundled import bundled_models
from edge_srcnn.models.file import read_model
from edge_srcnn.models.spec import BICUBIC, LUMA_PLANE
from edge_srcnn.upscaler import Upscaler
from export.data.degradation import imresize

SIDE = 32  # pixels of the camera's picture
MARGIN = 8  # of these, at each border, which do not count
ROUNDING = 1 / 4
"""Energy of pixels that are, half of them, a level off: what rounding two neighbours to either side of a half makes.

Networks for noisy pictures are held to that, on flat fields.
"""

NETWORKS = [name for name, path in bundled_models().items() if read_model(path).spec.plane == LUMA_PLANE]
CLEAN = [name for name in NETWORKS if read_model(bundled_models()[name]).spec.degradation == BICUBIC]
EVEN = [name for name in CLEAN if read_model(bundled_models()[name]).spec.scale == 2]
EDGES = ((20, 220), (60, 120), (100, 130), (220, 20), (120, 60), (0, 255))


def energy(error: np.ndarray, scale: int) -> float:
    """Square of what repeats with the grid's period: the variance of the means of the scale x scale phases."""
    height, width = (side // scale * scale for side in error.shape)
    phases = error[:height, :width].reshape(height // scale, scale, width // scale, scale)
    return float(phases.mean((0, 2)).var())


def inner(plane: np.ndarray, scale: int) -> np.ndarray:
    margin = MARGIN * scale
    return plane[margin:-margin, margin:-margin]


def beyond_rounding(error: np.ndarray) -> np.ndarray:
    """What of an error the nearest whole level does not explain."""
    return np.sign(error) * np.maximum(np.abs(error) - 0.5, 0)


def flat_fields(upscaler: Upscaler) -> Iterator[float]:
    for grey in range(256):
        result = upscaler.upscale(np.full((SIDE, SIDE), grey, np.uint8))
        yield energy(inner(result.astype(float) - grey, upscaler.scale), upscaler.scale)


def ramps(upscaler: Upscaler) -> Iterator[float]:
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
        yield energy(beyond_rounding(inner(result - exact, upscaler.scale)), upscaler.scale)


def edges(upscaler: Upscaler) -> Iterator[tuple[np.ndarray, int]]:
    """Errors around light and dark on either side of a line, at each place of the grid, upright; and where it is."""
    scale = upscaler.scale
    for left, right in EDGES:
        for place in range(scale):
            middle = SIDE * scale // 2 + place
            exact = np.full((SIDE * scale, SIDE * scale), left, np.uint8)
            exact[:, middle:] = right
            for turned in (exact, exact.T):
                result = upscaler.upscale(imresize(turned, SIDE, SIDE)).astype(float) - turned
                error = result if turned is exact else result.T
                yield error[MARGIN * scale : -MARGIN * scale], middle


def beside_edges(upscaler: Upscaler) -> Iterator[float]:
    """From two to six of the camera's pixels away: nearer, an overshoot is a matter of sharpness."""
    near, far = 2 * upscaler.scale, 6 * upscaler.scale
    for error, middle in edges(upscaler):
        yield energy(error[:, middle - far : middle - near], upscaler.scale)
        yield energy(error[:, middle + near : middle + far], upscaler.scale)


def along_edges(upscaler: Upscaler) -> Iterator[float]:
    """The variance of the means of every scale-th row, in each column around the line."""
    scale, reach = upscaler.scale, 4 * upscaler.scale
    for error, middle in edges(upscaler):
        around = error[:, middle - reach : middle + reach]
        around = around[: len(around) // scale * scale]
        yield float(around.reshape(-1, scale, around.shape[1]).mean(0).var(0).mean())


@pytest.mark.slow
@pytest.mark.parametrize("name", NETWORKS)
def test_flat_fields_stay_flat(name: str) -> None:
    with load_model(name, engine="litert") as upscaler:
        assert max(flat_fields(upscaler)) <= ROUNDING
        assert np.mean(list(flat_fields(upscaler))) < ROUNDING / 10


@cache
def of_srcnn(kind: Callable[[Upscaler], Iterator[float]], scale: int) -> float:
    """What SRCNN leaves, which computes every pixel of the result alike."""
    with load_model(f"srcnn-915-x{scale}", engine="litert") as upscaler:
        return float(np.mean(list(kind(upscaler))))


@pytest.mark.slow
@pytest.mark.parametrize(("name", "kind"), [*product(EVEN, [flat_fields, ramps, beside_edges, along_edges])])
def test_no_more_energy_has_the_grids_period_than_srcnn_leaves(
    name: str, kind: Callable[[Upscaler], Iterator[float]]
) -> None:
    with load_model(name, engine="litert") as upscaler:
        assert np.mean(list(kind(upscaler))) <= of_srcnn(kind, upscaler.scale)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "kind"), [*product([name for name in CLEAN if name not in EVEN], [ramps, beside_edges, along_edges])]
)
def test_at_x3_and_x4_it_is_no_more_than_rounding_makes(name: str, kind: Callable[[Upscaler], Iterator[float]]) -> None:
    with load_model(name, engine="litert") as upscaler:
        assert np.mean(list(kind(upscaler))) <= ROUNDING


def test_a_pattern_of_the_grid_would_be_seen() -> None:
    plane = np.zeros((12, 12))
    assert energy(plane, 2) == 0
    plane[::2, ::2] = 1  # a quarter of the pixels: 1/4 - 1/16
    assert energy(plane, 2) == pytest.approx(3 / 16)
    assert energy(plane, 3) == pytest.approx(0)
