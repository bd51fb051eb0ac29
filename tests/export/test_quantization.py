"""Full int8: read back from the flatbuffer itself, and judged against the float network."""

import builtins
from collections import Counter
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as tflite
from ai_edge_litert.interpreter import Interpreter as LiteRt

from edge_srcnn.engine.interpreter import Interpreter
from edge_srcnn.errors import BadData, EdgeSrcnnError, Unavailable
from edge_srcnn.imaging.luma import UInt8Array
from edge_srcnn.model import GOLDEN_SHAPE
from export.architecture import LAYER_NAMES, Architecture, Layer, build_model, layers_of, set_layers
from export.dataset import Float32Array, Pair
from export.quantization import N_REPRESENTATIVE, check_full_int8, convert, layer_noise, representative_dataset

Draw = Callable[..., UInt8Array]


def random_layers(architecture: Architecture, seed: int = 11) -> tuple[Layer, ...]:
    """Layers of random weights that neither fade nor explode."""
    rng = np.random.default_rng(seed)
    channels = (1, *architecture.filters, 1)
    return tuple(
        Layer(
            rng.normal(0, 1 / (k * np.sqrt(channels[i])), (k, k, channels[i], channels[i + 1])).astype(np.float32),
            rng.normal(0, 0.05, channels[i + 1]).astype(np.float32),
        )
        for i, k in enumerate(architecture.kernels)
    )


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


# --- the int8 graph ---


def test_every_tensor_is_an_integer(small: Any) -> None:
    assert {np.dtype(tensor["dtype"]).name for tensor in tensors(small.int8)} == {"int8", "int32"}


def test_the_graph_is_exactly_three_convolutions(small: Any) -> None:
    assert operators(small.int8) == {tflite.BuiltinOperator.CONV_2D: 3}
    assert operators(small.float32) == {tflite.BuiltinOperator.CONV_2D: 3}


def test_the_input_is_uint8_with_one_bit_flipped(small: Any) -> None:
    (detail,) = LiteRt(model_content=small.int8).get_input_details()
    scale, zero_point = detail["quantization"]
    assert detail["dtype"] is np.int8
    assert scale == pytest.approx(1 / 255, rel=1e-6)
    assert zero_point == -128


def test_the_residual_comes_out_in_grey_levels(small: Any) -> None:
    (detail,) = LiteRt(model_content=small.int8).get_output_details()
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


def test_int8_costs_little_of_the_picture(small: Any, draw: Draw) -> None:
    luma = draw(77, 172, 172)
    real = Interpreter("litert", small.float32, 1).run(luma.astype(np.float32) / np.float32(255))
    whole = Interpreter("litert", small.int8, 1).run(quantized(luma)).astype(np.float64) / 255
    error = np.mean((whole - real) ** 2)
    # rounding to whole levels alone costs 1/12 level^2, which is 58.9 dB; int8 weights may cost as much again, and more
    assert -10 * np.log10(error) > 45
    assert np.mean(real**2) > 10 * error, "the residual itself is far larger"


@pytest.mark.parametrize("name", ["srcnn-915", "srcnn-935", "srcnn-955"])
def test_the_direct_form_becomes_int8_too(name: str, small: Any, draw: Draw) -> None:
    architecture = Architecture(name, (8, 4), residual=False)
    layers = random_layers(architecture)
    passing = [Layer(np.zeros_like(layer.kernel), np.zeros_like(layer.bias)) for layer in layers]
    for layer in passing:
        layer.kernel[layer.kernel.shape[0] // 2, layer.kernel.shape[1] // 2, 0, 0] = 1.0
    samples = representative_dataset(small.split.train, architecture.halo_px)
    graph = convert(tuple(passing), architecture, samples)
    (detail,) = LiteRt(model_content=graph).get_output_details()
    assert detail["quantization"] == (pytest.approx(1 / 255, rel=1e-6), -128), "a picture, in uint8 XOR 0x80"
    luma = draw(5, 60, 76)
    halo = architecture.halo_px
    out = Interpreter("litert", graph, 1).run(quantized(luma)).astype(int) + 128
    assert np.abs(out - luma[halo:-halo, halo:-halo]).max() <= 1, "weights that pass the picture through pass it"


# --- the float32 graph ---


@pytest.mark.parametrize(
    "architecture",
    [Architecture("srcnn-915", (8, 4)), Architecture("srcnn-935", (8, 4)), Architecture("srcnn-955", (4, 4), False)],
)
def test_the_float32_graph_computes_what_keras_computes(architecture: Architecture) -> None:
    model = build_model(architecture)
    set_layers(model, random_layers(architecture))
    luma = np.random.default_rng(0).random((60, 76), np.float32)
    halo = architecture.halo_px
    expected = keras.ops.convert_to_numpy(model(luma[None, :, :, None], training=False))[0, :, :, 0]
    out = Interpreter("litert", convert(layers_of(model), architecture), 1).run(luma)
    if architecture.residual:
        out = out + luma[halo:-halo, halo:-halo]
    np.testing.assert_allclose(out, expected, atol=1e-5)


def test_a_graph_runs_at_every_size(small: Any) -> None:
    network = Interpreter("litert", small.int8, 1)
    for h, w in ((13, 13), (60, 76), (41, 100)):
        assert network.run(np.zeros((h, w), np.int8)).shape == (h - 12, w - 12)


def test_the_same_network_converts_to_the_same_bytes(small: Any) -> None:
    assert convert(small.layers, small.architecture, small.representative) == small.int8
    assert convert(small.layers, small.architecture) == small.float32


# --- what must not pass as full int8 ---


def test_a_float_graph_is_not_full_int8(small: Any) -> None:
    with pytest.raises(EdgeSrcnnError, match=r"the input is float32 .*; wanted int8, 1/255"):
        check_full_int8(small.float32)


def converted(**options: Any) -> bytes:
    """A network by TensorFlow's converter with options that are not ours."""
    import tensorflow as tf

    architecture = Architecture("srcnn-915", (16, 8))  # the dynamic range form leaves kernels below 1024 weights alone
    inputs = keras.Input((60, 76, 1), batch_size=1)
    x = inputs
    for layer, activation in zip(random_layers(architecture), ("relu", "relu", None), strict=True):
        k, _, _, n = layer.kernel.shape
        convolution = keras.layers.Conv2D(n, k, activation=activation)
        x = convolution(x)
        convolution.set_weights([layer.kernel, layer.bias])
    converter = tf.lite.TFLiteConverter.from_keras_model(keras.Model(inputs, x))
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    for name, value in options.items():
        setattr(converter, name, value)
    graph: bytes = converter.convert()
    return graph


@pytest.mark.filterwarnings("ignore:Statistics for quantized inputs were expected")
def test_graphs_that_stayed_float_in_part_are_refused(small: Any) -> None:
    import tensorflow as tf

    def samples() -> Any:
        return ([sample] for sample in small.representative)

    dynamic_range = converted()
    assert np.dtype(np.int8) in {np.dtype(tensor["dtype"]) for tensor in tensors(dynamic_range)}
    with pytest.raises(EdgeSrcnnError, match="the input is float32"):
        check_full_int8(dynamic_range)

    float_edges = converted(representative_dataset=samples)
    with pytest.raises(EdgeSrcnnError, match="the input is float32"):
        check_full_int8(float_edges)

    float_output = converted(representative_dataset=samples, inference_input_type=tf.int8)
    with pytest.raises(EdgeSrcnnError, match=r"tensor '.+' stayed float32: the model is not full int8"):
        check_full_int8(float_output)


def test_an_input_of_another_range_is_refused(small: Any) -> None:
    half = [sample * np.float32(0.5) for sample in small.representative]
    with pytest.raises(EdgeSrcnnError, match=r"the input is int8 with scale 0\.00196\d*; wanted int8, 1/255"):
        convert(small.layers, small.architecture, half)
    shifted = [sample - np.float32(0.5) for sample in small.representative]
    with pytest.raises(EdgeSrcnnError, match=r"the input's zero point is -?\d; wanted -128"):
        convert(small.layers, small.architecture, shifted)


def test_a_converter_that_fails_is_an_error_of_ours(small: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    import tensorflow as tf

    def fail(_: object) -> None:
        raise RuntimeError("no luck")

    monkeypatch.setattr(tf.lite.TFLiteConverter, "convert", fail)
    with pytest.raises(EdgeSrcnnError, match="TensorFlow could not convert the network: no luck"):
        convert(small.layers, small.architecture)


def test_without_tensorflow_the_message_names_the_package(small: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def without(name: str, *rest: Any) -> Any:
        if name.startswith("tensorflow"):
            raise ImportError(name)
        return real(name, *rest)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(Unavailable, match=r"pip install 'edge-srcnn\[export\]'"):
        convert(small.layers, small.architecture)


# --- the representative dataset ---


def test_representative_inputs_are_pieces_of_the_training_pictures(small: Any) -> None:
    samples = small.representative
    assert len(samples) == N_REPRESENTATIVE + 1
    h, w = GOLDEN_SHAPE[0] + 12, GOLDEN_SHAPE[1] + 12
    assert all(sample.shape == (1, h, w, 1) and sample.dtype == np.float32 for sample in samples)
    piece = np.rint(samples[0][0, :, :, 0] * 255).astype(np.uint8)
    windows = np.lib.stride_tricks.sliding_window_view(small.split.train[0].bicubic, (h, w))
    assert any(np.array_equal(piece, window) for row in windows for window in row)


def test_one_representative_input_spans_the_whole_range(small: Any) -> None:
    last = small.representative[-1]
    assert (last.min(), last.max()) == (0.0, 1.0)
    assert max(sample.max() for sample in small.representative) == 1.0


def test_representative_inputs_are_the_same_for_a_seed(small: Any) -> None:
    def drawn(seed: int) -> Float32Array:
        return np.stack(representative_dataset(small.split.train, 6, seed=seed))

    assert np.array_equal(drawn(0), np.stack(small.representative))
    assert not np.array_equal(drawn(0), drawn(1))


def test_pictures_that_are_too_small_are_passed_over_and_too_few_are_an_error(draw: Draw) -> None:
    little, enough = (Pair(plane, plane) for plane in (draw(0, 59, 200), draw(1, 60, 76)))
    samples = representative_dataset((little, enough), 6)
    assert all(np.array_equal(np.rint(s[0, :, :, 0] * 255), enough.bicubic) for s in samples[:-1])
    with pytest.raises(BadData, match="no training picture is 76x60 pixels or more"):
        representative_dataset((little,), 6)


# --- what int8 does to each layer ---


def test_a_graph_against_itself_has_no_noise(small: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from export import quantization

    real = quantization._outputs

    def as_float(graph: bytes, plane: Any, architecture: Architecture) -> Any:
        if plane.dtype == np.int8:
            plane = (plane.astype(np.float32) + 128) / np.float32(255)
        return real(graph, plane, architecture)

    monkeypatch.setattr(quantization, "_outputs", as_float)
    noise = layer_noise(small.float32, small.float32, small.architecture, small.representative[:2])
    assert [layer.name for layer in noise] == list(LAYER_NAMES)
    assert all(layer.snr_db > 100 for layer in noise)


def test_a_known_error_gives_the_ratio_of_arithmetic(small: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from export import quantization

    real = quantization._outputs

    def disturbed(graph: bytes, plane: Any, architecture: Architecture) -> Any:
        if plane.dtype != np.int8:
            return real(graph, plane, architecture)
        exact = real(small.float32, (plane.astype(np.float32) + 128) / np.float32(255), architecture)
        return [values * factor for values, factor in zip(exact, (1.1, 1.01, 2.0), strict=True)]

    monkeypatch.setattr(quantization, "_outputs", disturbed)
    noise = layer_noise(small.float32, small.int8, small.architecture, small.representative[:2])
    # an error of a tenth is 20 dB below the signal, of a hundredth 40 dB; one as large as the signal 0 dB
    assert [layer.snr_db for layer in noise] == pytest.approx([20.0, 40.0, 0.0], abs=0.01)


def test_errors_grow_from_layer_to_layer(small: Any) -> None:
    patches, mapping, reconstruction = layer_noise(
        small.float32, small.int8, small.architecture, small.representative[:8]
    )
    assert patches.snr_db > mapping.snr_db > reconstruction.snr_db
    # 8 bits over the range of an activation: 30 to 50 dB
    assert 25 < patches.snr_db < 55
    assert reconstruction.snr_db > 10


@pytest.mark.parametrize("filters", [(8, 8), (81, 4), (1, 1)], ids=["alike", "as many as the kernel has taps", "one"])
def test_layers_of_the_same_shape_are_told_apart(small: Any, filters: tuple[int, int]) -> None:
    architecture = Architecture("srcnn-915", filters)
    first, second, third = random_layers(architecture)
    layers = (first, Layer(second.kernel * 0.5, second.bias * 0), third)
    samples = small.representative[:4]
    plane = samples[0][0, :, :, 0]

    from export.quantization import _outputs

    outputs = _outputs(convert(layers, architecture), plane, architecture)
    windows = np.lib.stride_tricks.sliding_window_view(plane, (9, 9))
    expected = np.maximum(np.einsum("yxij,ijo->yxo", windows, first.kernel[:, :, 0]) + first.bias, 0)
    np.testing.assert_allclose(outputs[0][0], expected, atol=1e-5)
    np.testing.assert_allclose(outputs[1][0], np.maximum(expected @ layers[1].kernel[0, 0], 0), atol=1e-5)
