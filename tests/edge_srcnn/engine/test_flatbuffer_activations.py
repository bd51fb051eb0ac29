"""Inputs and results that are not known are refused, each in a file that is whole but for one thing."""

import numpy as np
import pytest

from tests.edge_srcnn.engine.flatbuffer_files import FLOAT32, INT16, UINT8, file_of, refusal, stack


@pytest.mark.parametrize("shape", [[2, 12, 12, 1], [12, 12, 1], [1, 0, 12, 1], [1, 12, -1, 1], [1, 1, 12, 12, 1], []])
def test_an_input_that_is_no_picture(schema, shape):
    file = file_of(schema)
    file.operand(0, 0).shape = shape
    assert refusal(file.packed()) == f"the graph's input has shape {shape}; [1, height, width, channels] is known"


def test_layers_of_both_types(schema):
    file = file_of(schema)
    weights, bias, result = (file.operand(1, place) for place in (1, 2, 3))
    layer = stack().layers[1]
    for tensor, values in ((weights, layer.weights), (bias, layer.bias)):
        tensor.type = FLOAT32
        file.fill(tensor, values.astype(np.float32))
    assert refusal(file.packed()) == "an activation has tensor type 9 where weights are float32"
    result.type = FLOAT32
    assert refusal(file.packed()) == "the graph mixes int8 and float32"


@pytest.mark.parametrize("code", [UINT8, INT16, FLOAT32])
@pytest.mark.parametrize("place", [0, 3])
def test_activations_of_other_types(schema, place, code):
    file = file_of(schema)
    file.operand(0, place).type = code
    assert refusal(file.packed()) == f"an activation has tensor type {code} where weights are int8"


@pytest.mark.parametrize(
    ("scales", "zero_points"), [(None, None), ([], []), ([0.1, 0.1], [0]), ([0.1], [0, 0]), ([0.1], [])], ids=str
)
@pytest.mark.parametrize("place", [0, 3])
def test_activations_without_one_scale_and_zero_point(schema, place, scales, zero_points):
    file = file_of(schema)
    tensor = file.operand(0, place)
    if scales is None:
        tensor.quantization = None
    else:
        tensor.quantization.scale = np.array(scales, np.float32)
        tensor.quantization.zeroPoint = np.array(zero_points, np.int64)
    assert refusal(file.packed()) == "an int8 activation needs one scale and one zero point"


@pytest.mark.parametrize(
    ("scale", "zero_point"), [(0.0, 0), (-0.5, 0), (np.nan, 0), (np.inf, 0), (0.5, 128), (0.5, -129), (0.5, 2**40)]
)
def test_activations_with_a_scale_or_zero_point_that_cannot_be(schema, scale, zero_point):
    file = file_of(schema)
    quantization = file.operand(1, 3).quantization
    quantization.scale, quantization.zeroPoint = np.array([scale], np.float32), np.array([zero_point], np.int64)
    assert refusal(file.packed()) == f"an activation has scale {scale} and zero point {zero_point}"
