"""Weights and biases that are not known are refused, each in a file that is whole but for one thing."""

from dataclasses import replace

import numpy as np
import pytest
import tflite

from edge_srcnn.engine.graph import Graph
from edge_srcnn.engine.tflite_writer import write_graph
from tests.edge_srcnn.engine.flatbuffer_files import FLOAT32, UINT8, file_of, refusal, stack
from tests.edge_srcnn.engine.stacks import PIXELS


@pytest.mark.parametrize("kernel", [(2, 3), (3, 2), (4, 4)])
def test_a_kernel_without_a_middle(kernel):
    layer = stack().layers[0]
    even = replace(layer, weights=np.ones((4, *kernel, 1), np.int8))
    reason = f"operator 1 of 1: kernel {kernel[0]}x{kernel[1]}; odd sides are known"
    assert refusal(write_graph(Graph((12, 12, 1), PIXELS, (even,)))) == reason


BAD_SCALES = "operator 1 of 2: int8 weights need a scale above 0 for each channel, and zero point 0"


@pytest.mark.parametrize(
    "scales",
    [[0.1], [0.1] * 3, [0.1] * 5, [0.1, 0.1, 0.0, 0.1], [0.1, -0.1, 0.1, 0.1], [np.nan] * 4, [0.1, 0.1, 0.1, np.inf]],
    ids=str,
)
def test_weights_that_are_not_quantized_per_channel(schema, scales):
    file = file_of(schema)
    file.operand(0, 1).quantization.scale = np.array(scales, np.float32)
    assert refusal(file.packed()) == BAD_SCALES


def test_weights_without_scales(schema):
    for missing in ("scale", "all"):
        file = file_of(schema)
        if missing == "scale":
            file.operand(0, 1).quantization.scale = None
        else:
            file.operand(0, 1).quantization = None
        assert refusal(file.packed()) == BAD_SCALES


@pytest.mark.parametrize("zero_points", [[1, 0, 0, 0], [0, 0, 0, -128], [5, 5, 5, 5]])
def test_weights_with_a_zero_point(schema, zero_points):
    file = file_of(schema)
    file.operand(0, 1).quantization.zeroPoint = np.array(zero_points, np.int64)
    assert refusal(file.packed()) == BAD_SCALES


@pytest.mark.parametrize("place", [1, 2])
def test_a_parameter_that_is_computed(schema, place):
    file = file_of(schema)
    file.operand(1, place).buffer = 0
    assert refusal(file.packed()) == "operator 2 of 2: a parameter is no constant"


@pytest.mark.parametrize(
    ("weights", "bias", "shown"),
    [
        (np.int8, np.float32, "int8 and float32"),
        (np.int8, np.int8, "int8 and int8"),
        (np.int32, np.int32, "int32 and int32"),
    ],
)
def test_parameters_of_other_types(schema, weights, bias, shown):
    file, layer = file_of(schema), stack().layers[0]
    codes = {np.int8: tflite.TensorType.INT8, np.int32: tflite.TensorType.INT32, np.float32: FLOAT32}
    for place, values, dtype in ((1, layer.weights, weights), (2, layer.bias, bias)):
        file.operand(0, place).type = codes[dtype]
        file.fill(file.operand(0, place), values.astype(dtype))
    reason = f"operator 1 of 2: weights and bias are {shown}; int8 and int32 are known, or float32"
    assert refusal(file.packed()) == reason


@pytest.mark.parametrize("place", [1, 2])
def test_uint8_parameters(schema, place):
    file = file_of(schema)
    file.operand(0, place).type = UINT8
    reason = f"operator 1 of 2 has a constant of tensor type {UINT8}; int8, int32 and float32 are known"
    assert refusal(file.packed()) == reason


def test_channels_that_do_not_fit():
    first, second = stack().layers
    narrow = replace(second, weights=np.ascontiguousarray(second.weights[:, :, :, :3]))
    reason = "operator 2 of 2 reads 3 channels where there are 4"
    assert refusal(write_graph(Graph((12, 12, 1), PIXELS, (first, narrow)))) == reason
    reason = "operator 1 of 2 reads 1 channels where there are 3"
    assert refusal(write_graph(Graph((12, 12, 3), PIXELS, (first, second)))) == reason


def test_a_bias_that_does_not_fit():
    first = replace(stack().layers[0], bias=np.zeros(3, np.int32), weight_scales=np.ones(3, np.float32))
    reason = "operator 1 of 1: weights [4, 3, 3, 1] and bias [3] do not fit"
    assert refusal(write_graph(Graph((12, 12, 1), PIXELS, (first,)))) == reason


def test_a_layer_that_puts_out_nothing():
    first = stack().layers[0]
    nothing = replace(first, weights=first.weights[:0], bias=first.bias[:0], weight_scales=first.weight_scales[:0])
    reason = "operator 1 of 1: weights [0, 3, 3, 1] and bias [0] do not fit"
    assert refusal(write_graph(Graph((12, 12, 1), PIXELS, (nothing,)))) == reason
