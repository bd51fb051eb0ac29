"""What must not pass as full int8, and conversions that fail: one line of ours."""

import builtins
from typing import Any

import keras
import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter as LiteRt

from edge_srcnn.errors import EdgeSrcnnError, Unavailable
from export.architectures import find_architecture
from export.int8.convert import check_full_int8, convert
from tests.export.layers import random_layers


def test_a_float_graph_is_not_full_int8(small: Any) -> None:
    with pytest.raises(EdgeSrcnnError, match=r"the input is float32 .*; wanted int8, 1/255"):
        check_full_int8(small.float32)


def converted(**options: Any) -> bytes:
    """A network by TensorFlow's converter with options that are not ours."""
    import tensorflow as tf

    architecture = find_architecture(
        "srcnn-915", filters=(16, 8)
    )  # the dynamic range form leaves kernels below 1024 weights alone
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


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:Statistics for quantized inputs were expected")
def test_graphs_that_stayed_float_in_part_are_refused(small: Any) -> None:
    import tensorflow as tf

    def samples() -> Any:
        return ([sample] for sample in small.representative)

    dynamic_range = converted()
    tensors = LiteRt(model_content=dynamic_range).get_tensor_details()
    assert np.dtype(np.int8) in {np.dtype(tensor["dtype"]) for tensor in tensors}
    with pytest.raises(EdgeSrcnnError, match="the input is float32"):
        check_full_int8(dynamic_range)

    float_edges = converted(representative_dataset=samples)
    with pytest.raises(EdgeSrcnnError, match="the input is float32"):
        check_full_int8(float_edges)

    float_output = converted(representative_dataset=samples, inference_input_type=tf.int8)
    with pytest.raises(EdgeSrcnnError, match=r"tensor '.+' stayed float32: the model is not full int8"):
        check_full_int8(float_output)


@pytest.mark.slow
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
    with pytest.raises(Unavailable, match=r"pip install .*\[export\]'"):
        convert(small.layers, small.architecture)
