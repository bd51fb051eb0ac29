"""Of several roundings, the one that flat fields and ramps do not notice."""

import numpy as np
import pytest

from export.architectures import Architecture, Layer, find_architecture
from export.int8 import calm
from export.int8.calm import SIDE, SLOPES, disturbance, round_calmly
from export.int8.convert import convert
from export.int8.gptq import round_layers
from tests.export.int8.test_even import edged
from tests.export.trainings import same

pytestmark = pytest.mark.slow


def adding(architecture: Architecture, levels: float) -> tuple[Layer, ...]:
    """A network that adds so many grey levels to any picture."""
    shapes = architecture.shapes
    layers = [Layer(np.full(shape, 1e-3, np.float32), np.zeros(shape[3], np.float32)) for shape in shapes]
    last = Layer(np.zeros(shapes[-1], np.float32), np.full(shapes[-1][3], levels / 255, np.float32))
    return (*layers[:-1], last)


@pytest.mark.parametrize(("name", "scale"), [("fast-c4d2", 2), ("fast-c4d2", 3), ("fast-c4d2b2", 2)])
def test_what_plain_pictures_miss_beyond_rounding_is_added_up(name: str, scale: int) -> None:
    architecture = find_architecture(name, scale)
    _, samples, _ = edged(architecture)
    still, more, less = (
        disturbance(convert(adding(architecture, n), architecture, samples), architecture) for n in (0, 2, -2)
    )
    assert still == 0
    # 256 flat fields miss 2 levels, of which rounding explains a half; so do ramps, but for what they miss themselves
    size = SIDE * architecture.unshuffle + 2 * architecture.halo_px - 1
    ramps = sum(20 + (down + across) * size <= 255 for down in SLOPES for across in SLOPES)
    pixels = (SIDE * architecture.shuffle) ** 2
    assert more + less == pytest.approx(2 * 1.5 * (256 + ramps) * pixels, rel=0.01)
    assert more == pytest.approx(less, rel=0.05)


@pytest.mark.parametrize(
    ("noises", "kept", "asked"),
    [((3.0, 1.0, 1.0, 2.0, 9.0, 9.0, 9.0, 9.0), 1, 8), ((3.0, 0.0), 1, 2), ((0.0,), 0, 1)],
    ids=["the first of those alike", "until nothing is seen", "at once"],
)
def test_the_calmest_draw_is_kept(
    noises: tuple[float, ...], kept: int, asked: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    architecture = find_architecture("fast-c4d2")
    layers, samples, _ = edged(architecture)
    share, seen = architecture.range_share, iter(noises)
    draws = [round_layers(layers, samples, range_share=share, even=True, seed=seed + 7) for seed in range(2)]
    assert not same(draws[0], draws[1])
    graphs: list[bytes] = []

    def measured(graph: bytes, architecture: Architecture) -> float:
        graphs.append(graph)
        return next(seen)

    monkeypatch.setattr(calm, "disturbance", measured)
    assert same(round_calmly(layers, architecture, samples, seed=7), draws[kept])
    assert len(graphs) == asked
    assert len(set(graphs)) == asked, "each is drawn anew"
