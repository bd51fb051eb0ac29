"""Flatbuffers: what is written is read back, runs, and is what the schema says."""

from dataclasses import replace

import numpy as np
import pytest
import tflite
from hypothesis import given

from edge_srcnn.engine.graph import Graph, Quantization
from edge_srcnn.engine.interpreter import open_interpreter
from edge_srcnn.engine.packing import pack
from edge_srcnn.engine.plan import Blocks
from edge_srcnn.engine.tflite_reader import read_graph
from edge_srcnn.engine.tflite_writer import write_graph
from edge_srcnn.models.bundled import bundled_models
from edge_srcnn.models.file import parse_model
from tests.edge_srcnn.engine.flatbuffer_files import file_of, same, stack
from tests.edge_srcnn.engine.stacks import (
    REPEATABLE,
    SHIPPED,
    compute,
    float_stack,
    float_stacks,
    int8_stack,
    int8_stacks,
    random_input,
    some_channels,
    some_quantization,
)


@pytest.mark.slow
@REPEATABLE
@given(int8_stacks(some_channels, some_quantization))
def test_int8_stacks_are_read_as_they_were_written(graph):
    assert same(read_graph(write_graph(graph)), graph)


@REPEATABLE
@given(float_stacks(some_channels))
def test_float_stacks_are_read_as_they_were_written(graph):
    assert same(read_graph(write_graph(graph)), graph)


@pytest.mark.parametrize("name", bundled_models())
def test_the_shipped_graphs_are_read_as_they_were_written(name):
    graph = read_graph(parse_model(bundled_models()[name].read_bytes(), name).graph)
    assert same(read_graph(write_graph(graph)), graph)


@pytest.mark.parametrize("name", bundled_models())
def test_the_shipped_graphs_written_anew_compute_the_same_bytes(engine, name):
    data = parse_model(bundled_models()[name].read_bytes(), name).graph
    pixels = random_input(np.random.default_rng(0), np.int8, (31, 45))
    expected = open_interpreter(engine, data, 1).compute(pixels)
    assert open_interpreter(engine, write_graph(read_graph(data)), 1).compute(pixels).tobytes() == expected.tobytes()


@pytest.mark.parametrize("packing", ["1x1", "2x2", "2x4-4x4", "3x3"])
@pytest.mark.parametrize("make", [int8_stack, float_stack])
def test_every_interpreter_loads_what_is_written(engine, make, packing):
    graph = pack(make(1, SHIPPED, (1, 5, 3, 1), (True, True, False)), Blocks.parse(packing), (12, 12))
    network = open_interpreter(engine, write_graph(graph), 1)
    assert network.input.dtype == graph.dtype
    assert (network.input.shape, network.output.shape) == (graph.input_shape, graph.output_shape)
    assert (network.input_quantization, network.output_quantization) == (graph.input, graph.output)
    network.run()


def test_a_convolution_of_ones_counts_its_pixels(engine):
    """Three by three ones over ones, in steps of 0.5 from zero point 7: 9 + bias 2 = 11 is 22 steps."""
    layer = int8_stack(0, ((3, 3),), (1, 1), (False,)).layers[0]
    ones = replace(
        layer,
        weights=np.ones((1, 3, 3, 1), np.int8),
        bias=np.array([2], np.int32),
        weight_scales=np.ones(1, np.float32),
        output=Quantization(0.5, 7),
    )
    graph = Graph((4, 5, 1), Quantization(1.0, -3), (ones,))
    out = compute(engine, write_graph(graph), np.full((4, 5, 1), -2, np.int8))
    assert out.tolist() == np.full((2, 3, 1), 22 + 7).tolist()


def test_activations_and_zero_points_by_hand(engine):
    """1x1 by -1 at scale 1: RELU keeps what is above the zero point, and without it nothing is kept back."""
    layer = int8_stack(0, ((1, 1),), (1, 1), (False,)).layers[0]
    minus = replace(
        layer,
        weights=np.full((1, 1, 1, 1), -1, np.int8),
        bias=np.zeros(1, np.int32),
        weight_scales=np.ones(1, np.float32),
        output=Quantization(1.0, 10),
    )
    pixels = np.array([[[-128], [-5], [0], [3], [127]]], np.int8)
    for relu, expected in ((False, [127, 15, 10, 7, -117]), (True, [127, 15, 10, 10, 10])):
        graph = Graph((1, 5, 1), Quantization(1.0, 0), (replace(minus, relu=relu),))
        assert compute(engine, write_graph(graph), pixels).ravel().tolist() == expected


@pytest.mark.parametrize("packing", ["1x1", "2x2", "3x3-3x6"])
@pytest.mark.parametrize("make", [int8_stack, float_stack])
def test_the_file_is_what_the_schema_says(make, packing):
    stack = make(2, SHIPPED, (1, 5, 3, 1), (True, True, False))
    graph = pack(stack, Blocks.parse(packing), (6, 12))
    data = write_graph(graph)
    assert data[4:8] == b"TFL3"
    model = tflite.Model.GetRootAs(data, 0)
    assert (model.Version(), model.SubgraphsLength()) == (3, 1)
    assert model.Buffers(0).DataIsNone()  # number 0 is the empty buffer
    filled = [model.Buffers(number) for number in range(1, model.BuffersLength())]
    assert len(filled) == 2 * len(graph.layers) + (len(graph.steps) - len(graph.layers))
    for buffer in filled:
        table = buffer._tab
        assert table.Vector(table.Offset(4)) % 16 == 0
    subgraph = model.Subgraphs(0)
    assert subgraph.OperatorsLength() == len(graph.steps)
    shapes = [subgraph.Tensors(number).ShapeAsNumpy().tolist() for number in range(subgraph.TensorsLength())]
    assert shapes[subgraph.Inputs(0)] == [1, *graph.input_shape]
    assert shapes[subgraph.Outputs(0)] == [1, *graph.output_shape]


def test_the_same_graph_gives_the_same_bytes():
    first, second = (write_graph(int8_stack(9, SHIPPED, (1, 4, 3, 1), (True, True, False))) for _ in range(2))
    assert first == second


def test_a_file_that_was_taken_apart_and_put_together_is_read(schema):
    assert same(read_graph(file_of(schema).packed()), stack())
