"""Balanced channels compute the same, and use the whole range; a range that is cut is finer, and ends earlier."""

from dataclasses import replace

import numpy as np
import pytest

from edge_srcnn.engine.interpreter import open_interpreter
from edge_srcnn.engine.tflite_reader import read_graph
from export.architectures import Layer, find_architecture
from export.int8.balancing import balance_layers
from export.int8.convert import convert
from export.int8.gptq import convolve
from tests.export.layers import random_layers

ARCHITECTURE = find_architecture("fast-c8d3")
SIZE = (24 + 2 * ARCHITECTURE.halo_px, 32 + 2 * ARCHITECTURE.halo_px)


def samples(n: int = 6) -> list[np.ndarray]:
    rng = np.random.default_rng(1)
    found = [rng.random((1, *SIZE, 1), np.float32) for _ in range(n)]
    found[0][0, 0, :2, 0] = 0, 1  # the whole range, so that the input counts grey levels
    return found


def activations(layers: tuple[Layer, ...], sample: np.ndarray) -> list[np.ndarray]:
    """Output of each layer, the last one without ReLU."""
    planes = [sample[0]]
    for number, layer in enumerate(layers):
        out = convolve(planes[-1], layer)
        planes.append(out if number == len(layers) - 1 else np.maximum(out, 0))
    return planes[1:]


def test_the_network_stays_the_same_and_its_channels_become_as_large_as_the_largest() -> None:
    layers, inputs = random_layers(ARCHITECTURE), samples()
    balanced = balance_layers(layers, inputs, 8)
    for sample in inputs:
        exact, found = activations(layers, sample)[-1], activations(balanced, sample)[-1]
        np.testing.assert_allclose(found, exact, rtol=0, atol=1e-5 * np.abs(exact).max())
    for before, after in zip(
        zip(*(activations(layers, sample)[:-1] for sample in inputs), strict=True),
        zip(*(activations(balanced, sample)[:-1] for sample in inputs), strict=True),
        strict=True,
    ):
        was, now = (np.max([plane.max(axis=(0, 1)) for plane in planes], axis=0) for planes in (before, after))
        reachable = was * 8 >= was.max()
        assert now[reachable & (was > 0)] == pytest.approx(was.max(), rel=1e-4)
        assert np.all(now <= was.max() * (1 + 1e-4)), "no channel exceeds the layer's range"


def test_a_channel_that_is_never_active_is_left_alone() -> None:
    first, *rest = random_layers(ARCHITECTURE)
    alive = np.arange(8) > 0
    dead = Layer(first.kernel * alive.astype(np.float32), np.where(alive, first.bias, -1).astype(np.float32))
    balanced = balance_layers((dead, *rest), samples(), 8)
    assert all(np.isfinite(layer.kernel).all() and np.isfinite(layer.bias).all() for layer in balanced)
    assert not balanced[0].kernel[..., 0].any()


@pytest.mark.slow
@pytest.mark.parametrize("share", [0.5, 0.8])
def test_a_range_that_is_cut_has_finer_steps_and_saturates(share: float) -> None:
    layers, inputs = random_layers(ARCHITECTURE), samples()
    whole, cut = (read_graph(convert(layers, replace(ARCHITECTURE, range_share=part), inputs)) for part in (1.0, share))
    for number, (a, b) in enumerate(zip(whole.layers, cut.layers, strict=True)):
        assert (a.weights == b.weights).all()
        hidden = number < len(whole.layers) - 1
        assert b.output.scale == pytest.approx(a.output.scale * (share if hidden else 1), rel=1e-6)
        # the bias counts input scale * weight scale: the same real numbers, to half a count of the
        # one; that of an even layer is rounded anew by itself
        source = whole.input.scale if number == 0 else whole.layers[number - 1].output.scale
        finer = source if number == 0 else source * share
        assert np.abs(b.bias * finer - a.bias * source).max() <= 0.5 * (finer if hidden else finer + source) * 1.001


@pytest.mark.slow
def test_a_cut_graph_computes_what_it_says() -> None:
    layers, inputs = random_layers(ARCHITECTURE), samples()
    graph = convert(layers, replace(ARCHITECTURE, range_share=0.8), inputs)
    read, sample = read_graph(graph), np.rint(inputs[0] * 255) / 255
    integers = (np.rint(sample[0, :, :, 0] * 255) - 128).astype(np.int8)
    out = open_interpreter("litert", graph, 1).compute(integers)
    planes = [sample[0].astype(np.float32)]
    for layer, description in zip(layers, read.layers, strict=True):
        result = convolve(planes[-1], layer)
        step = description.output.scale
        planes.append(
            result if layer is layers[-1] else np.clip(np.rint(result / step), 0, 255).astype(np.float32) * step
        )
    exact = planes[-1] * 255
    assert np.abs(out - np.clip(np.rint(exact), -128, 127)).mean() < 1.0, "weights in int8 cost some levels"
