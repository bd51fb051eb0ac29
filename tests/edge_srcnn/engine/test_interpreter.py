"""The interpreters: which one is chosen, what it tells of a graph, what it computes."""

import logging

import numpy as np
import pytest

from edge_srcnn.engine import interpreter
from edge_srcnn.engine.graph import FLOAT
from edge_srcnn.engine.interpreter import Interpreter, choose_engine, installed_version, trace
from edge_srcnn.engine.tflite_writer import write_graph
from edge_srcnn.errors import ModelUnsupported, Unavailable, UsageError
from edge_srcnn.models.bundled import bundled_models
from edge_srcnn.models.file import Model, golden_plane, parse_model

HALO = 6  # 9-1-5: (9 - 1) / 2 + 0 + (5 - 1) / 2


@pytest.fixture(scope="module")
def model(model_bytes) -> Model:
    return parse_model(model_bytes, "bundled")


def as_int8(pixels: np.ndarray) -> np.ndarray:
    """Scale 1/255 and zero point -128: 0 becomes -128, 255 becomes 127."""
    return (pixels.astype(np.int16) - 128).astype(np.int8)


def test_bicubic_needs_nothing_installed(monkeypatch):
    monkeypatch.setattr(interpreter, "installed_version", lambda engine: None)
    assert choose_engine("bicubic") == "bicubic"


def test_auto_takes_the_first_that_is_installed(monkeypatch):
    monkeypatch.setattr(interpreter, "installed_version", lambda engine: {"tflite": "2.14.0"}.get(engine))
    assert choose_engine("auto") == "tflite"
    monkeypatch.setattr(interpreter, "installed_version", lambda engine: "2")
    assert choose_engine("auto") == "litert"


def test_auto_falls_back_to_bicubic_with_one_warning_that_tells_the_cure(monkeypatch, caplog):
    monkeypatch.setattr(interpreter, "installed_version", lambda engine: None)
    assert choose_engine("auto") == "bicubic"
    assert [record.levelno for record in caplog.records] == [logging.WARNING]
    assert "pip install ai-edge-litert" in caplog.text


@pytest.mark.parametrize("name", ["litert", "tflite", "tensorflow"])
def test_an_engine_asked_for_by_name_is_never_replaced(monkeypatch, name):
    monkeypatch.setattr(interpreter, "installed_version", lambda engine: None)
    with pytest.raises(Unavailable, match=f"{name}.*pip install"):
        choose_engine(name)


def test_an_unknown_engine_is_refused_with_the_names_of_all():
    with pytest.raises(UsageError, match="auto, litert, tflite, tensorflow, edgetpu, bicubic"):
        choose_engine("onnx")


def test_the_version_is_that_of_the_installed_package(engine):
    assert (installed_version(engine) or "").split(".")[0].isdigit()
    assert choose_engine(engine) == engine


def test_an_engine_that_cannot_be_imported_is_unavailable(monkeypatch, model):
    broken = interpreter.EngineInfo("no_such_module", "Interpreter", "no-such-package", "pip install it")
    monkeypatch.setitem(interpreter.ENGINES, "litert", broken)
    with pytest.raises(Unavailable, match=r"no-such-package.*pip install it"):
        Interpreter("litert", model.graph, 1)


@pytest.mark.slow
@pytest.mark.parametrize("name", bundled_models())
def test_the_shipped_graphs_take_int8_pixels_as_they_are(engine, name):
    graph = parse_model(bundled_models()[name].read_bytes(), name).graph
    network = Interpreter(engine, graph, 1)
    assert network.dtype == np.int8
    assert network.input_quantization.scale == pytest.approx(1 / 255)
    assert network.input_quantization.zero_point == -128
    assert network.output_quantization.scale > 0


@pytest.mark.parametrize("size", [(1, 1), (3, 2), (17, 40)])
def test_the_output_is_smaller_by_the_halo_on_each_side(engine, model, size):
    network = Interpreter(engine, model.graph, 1)
    pixels = np.zeros((size[0] + 2 * HALO, size[1] + 2 * HALO), np.int8)
    assert network.run(pixels).shape == size
    assert network.input_size == pixels.shape


def test_sizes_may_change_from_call_to_call(engine, model):
    network = Interpreter(engine, model.graph, 1)
    plane = as_int8(golden_plane())
    first = network.run(plane).copy()
    network.run(plane[:20, :30])
    assert (network.run(plane) == first).all()


def test_input_and_output_are_the_graphs_own_memory_in_the_shapes_that_it_came_with(engine, networks):
    network = Interpreter(engine, write_graph(networks.tap(4, 1)), 1)
    assert network.input_size == (16, 16)
    assert (network.input.shape, network.input.dtype) == ((16, 16, 1), np.int8)
    assert (network.output.shape, network.output.dtype) == ((12, 12, 1), np.int8)
    for seed in range(3):
        pixels = np.random.default_rng(seed).integers(-128, 128, (16, 16, 1), dtype=np.int8)
        network.input[...] = pixels
        network.invoke()
        assert (network.output == pixels[4:16, 1:13]).all()
        assert (network.input == pixels).all()


def test_the_two_ways_give_the_same(engine, networks):
    network = Interpreter(engine, write_graph(networks.random()), 1)
    plane = as_int8(golden_plane())[:16, :16]
    network.input[:, :, 0] = plane
    network.invoke()
    in_place = network.output[:, :, 0].copy()
    assert (network.run(np.ascontiguousarray(plane)) == in_place).all()


def test_in_place_follows_a_change_of_size(engine, networks):
    network = Interpreter(engine, write_graph(networks.tap(0, 0)), 1)
    network.run(np.zeros((20, 30), np.int8))
    assert network.input.shape == (20, 30, 1)
    network.input[...] = 5
    network.invoke()
    assert network.output.shape == (16, 26, 1)
    assert (network.output == 5).all()


@pytest.mark.parametrize("held", ["input", "output"])
def test_while_an_array_is_held_the_interpreter_refuses_to_run_and_afterwards_it_runs(engine, networks, held):
    network = Interpreter(engine, write_graph(networks.tap(2, 2)), 1)
    network.invoke()
    view = getattr(network, held)
    for use in (network.invoke, lambda: network.run(np.zeros((16, 16), np.int8))):
        with pytest.raises(RuntimeError, match="reference to internal data"):
            use()
    del view
    network.input[...] = 9
    network.invoke()
    assert (network.output == 9).all()


def test_a_float_graph_is_not_quantized(engine, networks):
    network = Interpreter(engine, write_graph(networks.tap(1, 1, real=True)), 1)
    assert network.dtype == np.float32
    assert network.input_quantization == network.output_quantization == FLOAT
    pixels = np.random.default_rng(0).random((9, 8), np.float32)
    assert (network.run(pixels) == pixels[1:6, 1:5]).all()


def test_quantizations_are_those_of_the_graph(engine, networks):
    graph = networks.random()
    network = Interpreter(engine, write_graph(graph), 1)
    assert network.input_quantization == graph.input
    assert network.output_quantization == graph.output


def test_a_part_of_the_input_gives_that_part_of_the_output(engine, model):
    network = Interpreter(engine, model.graph, 1)
    plane = as_int8(golden_plane())
    whole = network.run(plane).copy()
    part = network.run(np.ascontiguousarray(plane[5:30, 7:40]))
    assert (part == whole[5 : 30 - 2 * HALO, 7 : 40 - 2 * HALO]).all()


def test_both_interpreters_agree_to_one_level(model):
    outputs = []
    for engine in ("litert", "tflite"):
        if installed_version(engine) is None:
            pytest.skip(f"engine {engine} is not installed")
        outputs.append(Interpreter(engine, model.graph, 1).run(as_int8(golden_plane())).astype(int))
    assert np.abs(outputs[0] - outputs[1]).max() <= 1


@pytest.mark.parametrize("graph", [b"", b"garbage", b"\x1c\0\0\0TFL3" + bytes(64)])
def test_a_graph_that_is_none_is_unsupported(engine, graph):
    with pytest.raises(ModelUnsupported, match=f"engine {engine} refuses the model"):
        Interpreter(engine, graph, 1)


def test_an_impossible_size_is_unsupported(engine, model):
    network = Interpreter(engine, model.graph, 1)
    with pytest.raises(ModelUnsupported, match="cannot resize"):
        network.run(np.zeros((4, 4), np.int8))  # smaller than the first kernel


def test_a_trace_holds_every_tensor_from_input_to_output(engine, model):
    plane = as_int8(golden_plane())
    tensors = trace(engine, model.graph, plane)
    network = Interpreter(engine, model.graph, 1)
    shown = {tensor.values.shape: tensor for tensor in tensors}
    height, width = plane.shape
    assert (shown[1, height, width, 1].values[0, :, :, 0] * 255).round().tolist() == (plane.astype(int) + 128).tolist()
    assert (1, height - 8, width - 8, 64) in shown
    assert (1, height - 8, width - 8, 32) in shown
    out = shown[1, height - 2 * HALO, width - 2 * HALO, 1]
    quantization = network.output_quantization
    real = (network.run(plane).astype(int) - quantization.zero_point) * quantization.scale
    assert np.abs(out.values[0, :, :, 0] - real).max() <= quantization.scale * 1.01  # plain kernels: 1 level
    assert all(tensor.dtype != np.float32 for tensor in tensors)
