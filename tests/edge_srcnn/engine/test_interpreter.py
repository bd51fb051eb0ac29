"""The interpreters: which one is chosen, what it tells of a graph, what it computes."""

import threading

import numpy as np
import pytest

from edge_srcnn.engine.backends import backend_named
from edge_srcnn.engine.graph import FLOAT
from edge_srcnn.engine.interpreter import open_interpreter
from edge_srcnn.engine.tflite_writer import write_graph
from edge_srcnn.errors import ModelUnsupported, UsageError
from edge_srcnn.models.bundled import bundled_models
from edge_srcnn.models.file import Model, golden_plane, parse_model

HALO = 6  # 9-1-5: (9 - 1) / 2 + 0 + (5 - 1) / 2


@pytest.fixture(scope="module")
def model(model_bytes) -> Model:
    return parse_model(model_bytes, "bundled")


def as_int8(pixels: np.ndarray) -> np.ndarray:
    """Scale 1/255 and zero point -128: 0 becomes -128, 255 becomes 127."""
    return (pixels.astype(np.int16) - 128).astype(np.int8)


@pytest.mark.slow
@pytest.mark.parametrize("name", bundled_models())
def test_the_shipped_graphs_take_int8_pixels_as_they_are(engine, name):
    graph = parse_model(bundled_models()[name].read_bytes(), name).graph
    network = open_interpreter(engine, graph, 1)
    assert network.input.dtype == np.int8
    assert network.input_quantization.scale == pytest.approx(1 / 255)
    assert network.input_quantization.zero_point == -128
    assert network.output_quantization.scale > 0


@pytest.mark.parametrize("size", [(1, 1), (3, 2), (17, 40)])
def test_the_output_is_smaller_by_the_halo_on_each_side(engine, model, size):
    network = open_interpreter(engine, model.graph, 1)
    pixels = np.zeros((size[0] + 2 * HALO, size[1] + 2 * HALO), np.int8)
    assert network.compute(pixels).shape == size
    assert network.input.shape[:2] == pixels.shape


def test_sizes_may_change_from_call_to_call(engine, model):
    network = open_interpreter(engine, model.graph, 1)
    plane = as_int8(golden_plane())
    first = network.compute(plane).copy()
    network.compute(plane[:20, :30])
    assert (network.compute(plane) == first).all()


def test_input_and_output_are_the_graphs_own_memory_in_the_shapes_that_it_came_with(engine, networks):
    network = open_interpreter(engine, write_graph(networks.tap(4, 1)), 1)
    assert network.input.shape[:2] == (16, 16)
    assert (network.input.shape, network.input.dtype) == ((16, 16, 1), np.int8)
    assert (network.output.shape, network.output.dtype) == ((12, 12, 1), np.int8)
    for seed in range(3):
        pixels = np.random.default_rng(seed).integers(-128, 128, (16, 16, 1), dtype=np.int8)
        network.input[...] = pixels
        network.run()
        assert (network.output == pixels[4:16, 1:13]).all()
        assert (network.input == pixels).all()


def test_the_two_ways_give_the_same(engine, networks):
    network = open_interpreter(engine, write_graph(networks.random()), 1)
    plane = as_int8(golden_plane())[:16, :16]
    network.input[:, :, 0] = plane
    network.run()
    in_place = network.output[:, :, 0].copy()
    assert (network.compute(np.ascontiguousarray(plane)) == in_place).all()


def test_in_place_follows_a_change_of_size(engine, networks):
    network = open_interpreter(engine, write_graph(networks.tap(0, 0)), 1)
    network.compute(np.zeros((20, 30), np.int8))
    assert network.input.shape == (20, 30, 1)
    network.input[...] = 5
    network.run()
    assert network.output.shape == (16, 26, 1)
    assert (network.output == 5).all()


def test_an_array_that_somebody_lets_go_soon_is_waited_for(engine, networks):
    network = open_interpreter(engine, write_graph(networks.random(3)))
    held = [network.input]
    timer = threading.Timer(0.02, held.clear)  # as a profiler that looks at a frame of ours in another thread
    timer.start()
    network.run()
    timer.join()
    assert not held


@pytest.mark.parametrize("held", ["input", "output"])
def test_while_an_array_is_held_the_interpreter_refuses_to_run_and_afterwards_it_runs(engine, networks, held):
    network = open_interpreter(engine, write_graph(networks.tap(2, 2)), 1)
    network.run()
    view = getattr(network, held)
    for use in (network.run, lambda: network.compute(np.zeros((16, 16), np.int8))):
        with pytest.raises(RuntimeError, match="reference to internal data"):
            use()
    del view
    network.input[...] = 9
    network.run()
    assert (network.output == 9).all()


def test_a_float_graph_is_not_quantized(engine, networks):
    network = open_interpreter(engine, write_graph(networks.tap(1, 1, real=True)), 1)
    assert network.input.dtype == np.float32
    assert network.input_quantization == network.output_quantization == FLOAT
    pixels = np.random.default_rng(0).random((9, 8), np.float32)
    assert (network.compute(pixels) == pixels[1:6, 1:5]).all()


def test_quantizations_are_those_of_the_graph(engine, networks):
    graph = networks.random()
    network = open_interpreter(engine, write_graph(graph), 1)
    assert network.input_quantization == graph.input
    assert network.output_quantization == graph.output


def test_a_part_of_the_input_gives_that_part_of_the_output(engine, model):
    network = open_interpreter(engine, model.graph, 1)
    plane = as_int8(golden_plane())
    whole = network.compute(plane).copy()
    part = network.compute(np.ascontiguousarray(plane[5:30, 7:40]))
    assert (part == whole[5 : 30 - 2 * HALO, 7 : 40 - 2 * HALO]).all()


def test_both_interpreters_agree_to_one_level(model):
    outputs = []
    for engine in ("litert", "tflite"):
        if backend_named(engine).version() is None:
            pytest.skip(f"engine {engine} is not installed")
        outputs.append(open_interpreter(engine, model.graph, 1).compute(as_int8(golden_plane())).astype(int))
    assert np.abs(outputs[0] - outputs[1]).max() <= 1


@pytest.mark.parametrize("graph", [b"", b"garbage", b"\x1c\0\0\0TFL3" + bytes(64)])
def test_a_graph_that_is_none_is_unsupported(engine, graph):
    with pytest.raises(ModelUnsupported, match=f"engine {engine} refuses the model"):
        open_interpreter(engine, graph, 1)


def test_an_impossible_size_is_unsupported(engine, model):
    network = open_interpreter(engine, model.graph, 1)
    with pytest.raises(ModelUnsupported, match="cannot resize"):
        network.compute(np.zeros((4, 4), np.int8))  # smaller than the first kernel


def test_what_is_no_interpreter_is_told():
    with pytest.raises(UsageError, match="engine bicubic: is no TFLite interpreter"):
        open_interpreter("bicubic", b"")
