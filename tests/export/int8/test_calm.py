"""Of several roundings, the one that flat fields and ramps do not notice."""

from typing import Any

import numpy as np
import pytest

from export.architectures import Architecture, Layer, find_architecture
from export.int8 import calm
from export.int8.calm import disturbance, round_calmly
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


@pytest.mark.parametrize(("name", "side"), [("fast-c4d2", 16), ("fast-c4d2b2", 16)])
def test_what_is_added_to_plain_pictures_is_added_up(name: str, side: int) -> None:
    architecture = find_architecture(name)
    _, samples, _ = edged(architecture)
    found = [disturbance(convert(adding(architecture, n), architecture, samples), architecture) for n in (0, 1, -2)]
    # 256 flat fields; of slopes from 0 to 4, those ramps that end below white: all 25 at so small a picture
    size = side * architecture.unshuffle + 2 * architecture.halo_px - 1
    pictures = 256 + sum(20 + (down + across) * size <= 255 for down in range(5) for across in range(5))
    pixels = pictures * (side * architecture.shuffle) ** 2
    assert found == [0, pixels, 2 * pixels]


def test_the_calmest_draw_is_kept_and_the_first_of_those_alike(monkeypatch: pytest.MonkeyPatch) -> None:
    architecture = find_architecture("fast-c4d2")
    layers, samples, _ = edged(architecture)
    draws = [
        round_layers(layers, samples, range_share=architecture.range_share, even=True, seed=seed) for seed in range(4)
    ]
    assert not same(draws[0], draws[1])
    noises = [disturbance(convert(drawn, architecture, samples), architecture) for drawn in draws]
    assert len(set(noises)) > 1
    assert same(round_calmly(layers, architecture, samples), draws[int(np.argmin(noises))])
    counted: Any = iter((3, 1, 1, 2))
    monkeypatch.setattr(calm, "disturbance", lambda graph, architecture: next(counted))
    assert same(round_calmly(layers, architecture, samples), draws[1])
