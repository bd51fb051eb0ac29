"""Full int8: read back from the flatbuffer itself, and compared with the float network."""

from collections import Counter
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as tflite
from ai_edge_litert.interpreter import Interpreter as LiteRt

from edge_srcnn.engine.interpreter import open_interpreter
from edge_srcnn.imaging.luma import UInt8Array
from export.architectures import Architecture, Layer, find_architecture
from export.data.pair import Pair
from export.int8.convert import convert, representative_dataset
from export.training.network import build_model, build_stack, layers_of, set_layers
from tests.export.layers import random_layers

Draw = Callable[..., UInt8Array]


def tensors(graph: bytes) -> list[dict[str, Any]]:
    interpreter = LiteRt(model_content=graph)
    found: list[dict[str, Any]] = interpreter.get_tensor_details()
    return found


def operators(graph: bytes) -> Counter[int]:
    """Built-in operator codes of the flatbuffer, and how often each is used."""
    model = tflite.ModelT.InitFromPackedBuf(graph, 0)
    return Counter(model.operatorCodes[used.opcodeIndex].builtinCode for used in model.subgraphs[0].operators)


def quantized(luma: UInt8Array) -> Any:
    """uint8 XOR 0x80, read as int8."""
    return (luma ^ np.uint8(0x80)).view(np.int8)


def test_every_tensor_is_an_integer(either: Any) -> None:
    assert {np.dtype(tensor["dtype"]).name for tensor in tensors(either.int8)} == {"int8", "int32"}


def test_the_graph_is_exactly_its_convolutions(either: Any) -> None:
    assert operators(either.int8) == operators(either.float32) == {tflite.BuiltinOperator.CONV_2D: 3}


def test_the_input_is_uint8_with_one_bit_flipped(either: Any) -> None:
    (detail,) = LiteRt(model_content=either.int8).get_input_details()
    scale, zero_point = detail["quantization"]
    assert detail["dtype"] is np.int8
    assert scale == pytest.approx(1 / 255, rel=1e-6)
    assert zero_point == -128


def test_the_residual_comes_out_in_grey_levels(either: Any) -> None:
    (detail,) = LiteRt(model_content=either.int8).get_output_details()
    assert detail["dtype"] is np.int8
    assert detail["quantization"] == (pytest.approx(1 / 255, rel=1e-6), 0)


def test_weights_are_quantized_per_channel(small: Any) -> None:
    kernels = {tuple(t["shape"]): t["quantization_parameters"] for t in tensors(small.int8) if len(t["shape"]) == 4}
    for shape in ((8, 9, 9, 1), (4, 1, 1, 8), (1, 5, 5, 4)):  # TFLite: outputs first
        parameters = kernels[shape]
        assert len(parameters["scales"]) == shape[0]
        assert not np.any(parameters["zero_points"]), "weights are symmetrical"


def test_each_channel_uses_the_whole_range_of_its_weights(small: Any) -> None:
    interpreter = LiteRt(model_content=small.int8)
    (index,) = [t["index"] for t in tensors(small.int8) if tuple(t["shape"]) == (8, 9, 9, 1)]
    assert np.abs(interpreter.get_tensor(index).astype(int)).max(axis=(1, 2, 3)).tolist() == [127] * 8


def test_activations_have_one_scale_each(small: Any) -> None:
    outputs = [t for t in tensors(small.int8) if t["name"] and t["shape"][1:3].tolist() in ([52, 68], [48, 64])]
    assert len(outputs) == 3
    assert all(len(t["quantization_parameters"]["scales"]) == 1 for t in outputs)


def test_int8_costs_little_of_the_picture(either: Any, draw: Draw) -> None:
    side = either.architecture.unshuffle
    luma = np.ascontiguousarray(draw(77, 172, 172).reshape(172 // side, side, 172 // side, side).swapaxes(1, 2))
    luma = luma.reshape(172 // side, 172 // side, side**2)
    real = open_interpreter("litert", either.float32, 1).compute(luma.astype(np.float32) / np.float32(255))
    whole = open_interpreter("litert", either.int8, 1).compute(quantized(luma)).astype(np.float64) / 255
    error = np.mean((whole - real) ** 2)
    # rounding to whole levels alone costs 1/12 level^2, which is 58.9 dB; int8 weights may cost as much again, and more
    assert -10 * np.log10(error) > 45
    assert np.mean(real**2) > 10 * error, "the residual itself is far larger"


@pytest.mark.parametrize("name", ["srcnn-915", "srcnn-935", "srcnn-955"])
def test_the_direct_form_becomes_int8_too(name: str, small: Any, draw: Draw) -> None:
    architecture = find_architecture(name, filters=(8, 4), residual=False)
    layers = random_layers(architecture)
    passing = [Layer(np.zeros_like(layer.kernel), np.zeros_like(layer.bias)) for layer in layers]
    for layer in passing:
        layer.kernel[layer.kernel.shape[0] // 2, layer.kernel.shape[1] // 2, 0, 0] = 1.0
    samples = representative_dataset(small.split.train, architecture)
    graph = convert(tuple(passing), architecture, samples)
    (detail,) = LiteRt(model_content=graph).get_output_details()
    assert detail["quantization"] == (pytest.approx(1 / 255, rel=1e-6), -128), "a picture, in uint8 XOR 0x80"
    luma = draw(5, 60, 76)
    halo = architecture.halo_px
    out = open_interpreter("litert", graph, 1).compute(quantized(luma)).astype(int) + 128
    assert np.abs(out - luma[halo:-halo, halo:-halo]).max() <= 1, "weights that pass the picture through pass it"


# --- the float32 graph ---


@pytest.mark.slow
@pytest.mark.parametrize(
    "architecture",
    [
        find_architecture("srcnn-915", filters=(8, 4)),
        find_architecture("srcnn-935", filters=(8, 4)),
        find_architecture("srcnn-955", filters=(4, 4), residual=False),
    ],
)
def test_the_float32_graph_computes_what_keras_computes(architecture: Architecture) -> None:
    model = build_model(architecture)
    set_layers(model, random_layers(architecture))
    luma = np.random.default_rng(0).random((60, 76), np.float32)
    halo = architecture.halo_px
    expected = keras.ops.convert_to_numpy(model(luma[None, :, :, None], training=False))[0, :, :, 0]
    out = open_interpreter("litert", convert(layers_of(model), architecture), 1).compute(luma)
    if architecture.residual:
        out = out + luma[halo:-halo, halo:-halo]
    np.testing.assert_allclose(out, expected, atol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "scale"), [("fast-c4d24", 2), ("fast-c128d1", 4), ("fast-c1d1k7", 3), ("fast-c8d1b2", 4)]
)
def test_every_fast_network_converts(name: str, scale: int, draw: Draw) -> None:
    architecture = find_architecture(name, scale)
    plane = draw(0, 160, 160)
    samples = representative_dataset((Pair(plane, plane, plane),), architecture)[-8:]
    layers = random_layers(architecture)
    convert(layers, architecture, samples)  # checks that it is full int8
    cells = open_interpreter("litert", convert(layers, architecture), 1).compute(samples[0][0])
    stack = build_stack(architecture)
    model = build_model(architecture)
    set_layers(model, layers)
    stack.set_weights(model.get_weights())
    expected = keras.ops.convert_to_numpy(stack(samples[0], training=False))[0]
    np.testing.assert_allclose(cells.reshape(expected.shape), expected, atol=1e-4)


def test_a_graph_runs_at_every_size(small: Any) -> None:
    network = open_interpreter("litert", small.int8, 1)
    for h, w in ((13, 13), (60, 76), (41, 100)):
        assert network.compute(np.zeros((h, w), np.int8)).shape == (h - 12, w - 12)


def test_the_same_network_converts_to_the_same_bytes(either: Any) -> None:
    assert convert(either.layers, either.architecture, either.representative) == either.int8
    assert convert(either.layers, either.architecture) == either.float32
