"""Shapes, radius and work of a stack, by hand; and those of the networks that come with the package."""

import numpy as np
import pytest

from edge_srcnn.engine.graph import FLOAT, Convolution, Graph, Reshape
from edge_srcnn.engine.tflite_reader import read_graph
from edge_srcnn.models.bundled import bundled_models
from edge_srcnn.models.file import parse_model
from tests.edge_srcnn.engine.stacks import PIXELS, SHIPPED, float_stack, int8_stack, quantization


def convolution(*shape, stride=(1, 1)):
    weights, outputs = np.ones(shape, np.int8), shape[0]
    return Convolution(
        weights, np.zeros(outputs, np.int32), np.ones(outputs, np.float32), quantization(0.5, 3), False, stride
    )


@pytest.mark.parametrize(
    ("kernel", "stride", "source", "expected"),
    [
        ((9, 9), (1, 1), (60, 76), (52, 68)),
        ((1, 1), (1, 1), (3, 4), (3, 4)),
        ((3, 5), (1, 1), (3, 5), (1, 1)),
        ((4, 3), (2, 1), (10, 8), (4, 6)),  # 0..3, 2..5, 4..7, 6..9
        ((4, 3), (2, 1), (11, 8), (4, 6)),  # the eleventh row is in no window
        ((3, 3), (3, 4), (9, 11), (3, 3)),
    ],
)
def test_a_convolution_without_padding_makes_planes_smaller(kernel, stride, source, expected):
    layer = convolution(7, *kernel, 2, stride=stride)
    assert layer.kernel == kernel
    assert layer.result((*source, 2)) == (*expected, 7)


def test_a_reshape_gives_the_shape_that_it_names():
    assert Reshape((3, 8, 2)).result((3, 4, 4)) == (3, 8, 2)


def test_the_shape_of_the_result_is_that_of_the_last_step():
    steps = (convolution(4, 3, 3, 1), Reshape((8, 24, 2)), convolution(5, 1, 1, 2), Reshape((8, 12, 10)))
    graph = Graph((10, 14, 1), PIXELS, steps)
    assert graph.output_shape == (8, 12, 10)
    assert graph.layers == (steps[0], steps[2])


def test_type_and_quantization_are_those_of_the_ends():
    graph = int8_stack(0, SHIPPED, (1, 3, 2, 1), (True, True, False))
    assert graph.dtype == np.int8
    assert graph.input == PIXELS
    assert graph.output == graph.layers[2].output
    drawn = float_stack(0, SHIPPED, (1, 3, 2, 1), (True, True, False))
    assert (drawn.dtype, drawn.input, drawn.output) == (np.float32, FLOAT, FLOAT)


def test_radius_and_work_by_hand():
    graph = Graph((20, 20, 2), PIXELS, (convolution(3, 5, 1, 2), convolution(1, 3, 9, 3)))
    assert graph.radius == (2 + 1, 0 + 4)
    assert graph.macs_per_cell == 3 * 5 * 1 * 2 + 1 * 3 * 9 * 3
    assert graph.output_shape == (20 - 2 * 3, 20 - 2 * 4, 1)


@pytest.mark.parametrize("name", bundled_models())
def test_the_shipped_graphs_are_what_their_descriptions_say(name):
    model = parse_model(bundled_models()[name].read_bytes(), name)
    graph, spec = read_graph(model.graph), model.spec
    assert tuple((layer.kernel[0], len(layer.bias)) for layer in graph.layers) == spec.layers
    assert all(layer.kernel[0] == layer.kernel[1] for layer in graph.layers)
    assert [layer.relu for layer in graph.layers] == [True] * (len(spec.layers) - 1) + [False]
    assert {(layer.weights.dtype.name, layer.bias.dtype.name) for layer in graph.layers} == {("int8", "int32")}
    assert all(layer.weight_scales.shape == layer.bias.shape for layer in graph.layers)
    assert graph.input == PIXELS  # int8 pixels are grey levels less 128
    assert graph.output.zero_point == 0  # a residual of nothing is 0
    assert (graph.input_shape[2], graph.output_shape[2]) == (spec.unshuffle**2, spec.shuffle**2)
    assert graph.radius == (spec.halo_px // spec.unshuffle,) * 2
    assert round(graph.macs_per_cell / spec.shuffle**2) == spec.macs_per_pixel


@pytest.mark.parametrize("name", [name for name in bundled_models() if name.startswith("srcnn-")])
def test_the_shipped_graphs_are_what_their_names_say_with_64_and_32_filters(name):
    model = parse_model(bundled_models()[name].read_bytes(), name)
    graph, middle = read_graph(model.graph), int(name.removeprefix("srcnn-9")[0])
    assert [layer.weights.shape for layer in graph.layers] == [(64, 9, 9, 1), (32, middle, middle, 64), (1, 5, 5, 32)]
    assert [layer.bias.shape for layer in graph.layers] == [(64,), (32,), (1,)]
    assert [layer.relu for layer in graph.layers] == [True, True, False]
    assert {(layer.weights.dtype.name, layer.bias.dtype.name) for layer in graph.layers} == {("int8", "int32")}
    assert [layer.weight_scales.shape for layer in graph.layers] == [(64,), (32,), (1,)]
    assert graph.input == PIXELS  # int8 pixels are grey levels less 128
    assert graph.output.zero_point == 0  # a residual of nothing is 0
    halo_px = 4 + middle // 2 + 2
    assert graph.radius == (halo_px, halo_px) == (model.spec.halo_px, model.spec.halo_px)
    assert graph.macs_per_cell == 9 * 9 * 64 + middle * middle * 64 * 32 + 5 * 5 * 32 == model.spec.macs_per_pixel
    assert graph.output_shape == (graph.input_shape[0] - 2 * halo_px, graph.input_shape[1] - 2 * halo_px, 1)
