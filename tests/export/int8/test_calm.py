"""Of several roundings, each moved a little, the one that flat fields and ramps do not notice."""

from dataclasses import replace

import numpy as np
import pytest

from export.architectures import Architecture, Layer, find_architecture
from export.int8 import calm
from export.int8.calm import DARKEST, DRAWS, FINE, SHIFTS, SIDE, STEEPEST, calm_shift, round_calmly
from export.int8.convert import convert
from export.int8.gptq import round_layers
from tests.export.int8.test_even import edged
from tests.export.trainings import same

pytestmark = pytest.mark.slow


def adding(architecture: Architecture, levels: float, elsewhere: float = 0.0) -> tuple[Layer, ...]:
    """A network that adds so many grey levels to the first sub-pixel of any picture, and to all others."""
    shapes = architecture.shapes
    layers = [Layer(np.full(shape, 1e-3, np.float32), np.zeros(shape[3], np.float32)) for shape in shapes]
    bias = np.full(shapes[-1][3], elsewhere / 255, np.float32)
    bias[0] = levels / 255
    return (*layers[:-1], Layer(np.zeros(shapes[-1], np.float32), bias))


def found(architecture: Architecture, levels: float, elsewhere: float = 0.0) -> tuple[int, float]:
    _, samples, _ = edged(architecture)
    return calm_shift(convert(adding(architecture, levels, elsewhere), architecture, samples), architecture)


def n_ramps(architecture: Architecture) -> int:
    size = SIDE * architecture.unshuffle + 2 * architecture.halo_px - 1
    slopes = [(y, x) for y in range(STEEPEST + 1) for x in range(STEEPEST + 1) if 0 < y + x <= STEEPEST]
    return sum(darkest + (y + x) * size <= 255 for darkest in DARKEST for y, x in slopes)


NETWORKS = [find_architecture("fast-c4d2"), find_architecture("fast-c4d2b2")]


@pytest.mark.parametrize("architecture", NETWORKS, ids=["pixels", "blocks"])
def test_a_pattern_beyond_rounding_is_told(architecture: Architecture) -> None:
    # at one of n places 2 levels, of which rounding explains a half: variance 1.5^2 * (1/n - 1/n^2) for each picture
    shift, pattern = found(architecture, 2)
    places = architecture.shuffle**2
    pictures = 256 + n_ramps(architecture)
    assert pattern == pytest.approx(1.5**2 * (1 / places - 1 / places**2) * pictures, rel=0.1)
    assert abs(shift) <= FINE // 4


@pytest.mark.parametrize("architecture", NETWORKS, ids=["pixels", "blocks"])
@pytest.mark.parametrize(
    ("levels", "elsewhere"), [(0.0, 0.0), (0.2, -0.2), (0.6, 0.0), (-0.6, -0.1), (0.1, 0.65)], ids=str
)
def test_what_half_a_level_holds_is_moved_there(architecture: Architecture, levels: float, elsewhere: float) -> None:
    shift, pattern = found(architecture, levels, elsewhere)
    assert max(abs(value + shift / FINE) for value in (levels, elsewhere)) < 0.55, "to within half a step of FINE"
    assert pattern == 0
    assert shift == 0 or max(abs(levels), abs(elsewhere)) > 0.4, "nothing is moved without need"


def test_shifts_are_tried_from_the_least_on() -> None:
    assert SHIFTS[0] == 0
    assert [abs(shift) for shift in SHIFTS] == sorted(abs(shift) for shift in SHIFTS)
    assert sorted(SHIFTS) == list(range(-8, 9))


def test_the_calmest_draw_is_kept_and_moved(monkeypatch: pytest.MonkeyPatch) -> None:
    architecture = find_architecture("fast-c4d2")
    layers, samples, _ = edged(architecture)
    share, graphs = architecture.range_share, set()
    seen = iter([(3, 2.0), (-4, 0.5), (1, 0.5), *[(0, 1.0)] * (DRAWS - 3)])

    def measured(graph: bytes, architecture: Architecture) -> tuple[int, float]:
        graphs.add(graph)
        return next(seen)

    monkeypatch.setattr(calm, "calm_shift", measured)
    kept = round_calmly(layers, architecture, samples, seed=7)
    *inner, last = round_layers(layers, samples, range_share=share, even=True, seed=8)
    assert same(kept, (*inner, replace(last, bias=last.bias - np.float32(4 / 32 / 255))), tolerance=1e-9)
    assert len(graphs) == DRAWS, "each is drawn anew"
