"""Flatbuffers: what is written is read back and runs, what is not known is refused, damage does no harm."""

import hashlib
from dataclasses import replace

import flatbuffers
import numpy as np
import pytest
import tflite
from hypothesis import given

from edge_srcnn.bundled import bundled_models
from edge_srcnn.engine.flatbuffer_reader import read_graph
from edge_srcnn.engine.flatbuffer_writer import write_graph
from edge_srcnn.engine.graph import FLOAT, Graph, Quantization
from edge_srcnn.engine.interpreter import Interpreter
from edge_srcnn.engine.packing import Blocks, pack
from edge_srcnn.errors import ModelError, ModelUnsupported
from edge_srcnn.model import parse_model
from tests.edge_srcnn.engine.stacks import (
    PIXELS,
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

UINT8, INT16 = tflite.TensorType.UINT8, tflite.TensorType.INT16
FLOAT32 = tflite.TensorType.FLOAT32
SEAL_LENGTH = len("sha256:") + 64


def same(graph, other):
    """Whether two stacks are the same to the last bit."""
    assert (graph.input_shape, graph.input) == (other.input_shape, other.input)
    assert len(graph.steps) == len(other.steps)
    for ours, theirs in zip(graph.steps, other.steps, strict=True):
        assert (ours.output, ours.relu, ours.stride) == (theirs.output, theirs.relu, theirs.stride)
        for name in ("weights", "bias", "weight_scales"):
            mine, yours = getattr(ours, name), getattr(theirs, name)
            assert (mine.dtype, mine.shape, mine.tobytes()) == (yours.dtype, yours.shape, yours.tobytes()), name
    return True


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
    expected = Interpreter(engine, data, 1).run(pixels)
    assert Interpreter(engine, write_graph(read_graph(data)), 1).run(pixels).tobytes() == expected.tobytes()


@pytest.mark.parametrize("packing", ["1x1", "2x2", "2x4-4x4", "3x3"])
@pytest.mark.parametrize("make", [int8_stack, float_stack])
def test_every_interpreter_loads_what_is_written(engine, make, packing):
    graph = pack(make(1, SHIPPED, (1, 5, 3, 1), (True, True, False)), Blocks.parse(packing), (12, 12))
    network = Interpreter(engine, write_graph(graph), 1)
    assert network.dtype == graph.dtype
    assert (network.input.shape, network.output.shape) == (graph.input_shape, graph.output_shape)
    assert (network.input_quantization, network.output_quantization) == (graph.input, graph.output)
    network.invoke()


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


# What is refused, one by one, each in a file that is whole but for one thing.


@pytest.fixture(scope="module")
def schema():
    return pytest.importorskip("ai_edge_litert.schema_py_generated")


def stack():
    """Two layers, 5 to 3 channels between them: tensors 0 luma, 1 weights, 2 bias, 3 result, 4 to 6 likewise."""
    return int8_stack(6, ((3, 3), (5, 1)), (1, 4, 2), (True, False))


class File:
    """A file's tables, to be changed."""

    def __init__(self, schema, data):
        self.schema, self.model = schema, schema.ModelT.InitFromPackedBuf(data, 0)

    @property
    def subgraph(self):
        return self.model.subgraphs[0]

    def operator(self, number):
        return self.subgraph.operators[number]

    def operand(self, number, place):
        """A layer's tensor: 0 input, 1 weights, 2 bias; 3 its result."""
        operator = self.operator(number)
        return self.subgraph.tensors[(*operator.inputs, *operator.outputs)[place]]

    def fill(self, tensor, values):
        self.model.buffers[tensor.buffer].data = np.frombuffer(values.tobytes(), np.uint8)

    def packed(self):
        builder = flatbuffers.Builder(1024)
        builder.Finish(self.model.Pack(builder), b"TFL3")
        return bytes(builder.Output())


def file_of(schema, graph=None):
    graph = graph or stack()
    file = File(schema, write_graph(graph))
    names = [tensor.name for tensor in file.subgraph.tensors]
    assert (names[0], len(names)) == (b"luma", 1 + 3 * len(graph.layers))
    return file


def refusal(data):
    """The message with which a file is refused, one line."""
    with pytest.raises(ModelUnsupported) as caught:
        read_graph(data)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_a_file_that_was_taken_apart_and_put_together_is_read(schema):
    assert same(read_graph(file_of(schema).packed()), stack())


@pytest.mark.parametrize(
    ("packing", "reason"),
    [
        ("2x2", "operator 2 of 5 is RESHAPE; CONV_2D is known"),
        ("1x1-2x4", "operator 3 of 3: VALID padding, stride 1 and dilation 1 are known, not (2, 4, 1, 1)"),
    ],
)
def test_a_packed_graph_is_not_packed_again(packing, reason):
    graph = int8_stack(0, SHIPPED, (1, 4, 3, 1), (True, True, False))
    assert refusal(write_graph(pack(graph, Blocks.parse(packing), (8, 8)))) == reason


@pytest.mark.parametrize("number", [0, 1])
@pytest.mark.parametrize(("code", "name"), [(4, "DEPTHWISE_CONV_2D"), (9, "FULLY_CONNECTED"), (67, "TRANSPOSE_CONV")])
def test_another_operator(schema, number, code, name):
    file = file_of(schema)
    other = schema.OperatorCodeT()
    other.builtinCode = other.deprecatedBuiltinCode = code
    file.model.operatorCodes.append(other)
    file.operator(number).opcodeIndex = 1
    assert refusal(file.packed()) == f"operator {number + 1} of 2 is {name}; CONV_2D is known"


def test_an_operator_that_only_the_newer_field_can_name(schema):
    file = file_of(schema)
    file.model.operatorCodes[0].deprecatedBuiltinCode = 127  # PLACEHOLDER_FOR_GREATER_OP_CODES
    file.model.operatorCodes[0].builtinCode = 130
    assert refusal(file.packed()) == "operator 1 of 2 is BROADCAST_TO; CONV_2D is known"


def test_a_file_from_before_the_newer_field(schema):
    file = file_of(schema)
    file.model.operatorCodes[0].builtinCode = 0  # the default: old converters wrote the deprecated one alone
    assert same(read_graph(file.packed()), stack())


@pytest.mark.parametrize(
    ("option", "value", "shown"),
    [
        ("padding", 0, (1, 1, 1, 1)),  # SAME
        ("strideH", 2, (2, 1, 1, 1)),
        ("strideW", 3, (1, 3, 1, 1)),
        ("dilationHFactor", 2, (1, 1, 2, 1)),
        ("dilationWFactor", 4, (1, 1, 1, 4)),
    ],
)
def test_padding_stride_and_dilation(schema, option, value, shown):
    file = file_of(schema)
    setattr(file.operator(1).builtinOptions, option, value)
    reason = f"operator 2 of 2: VALID padding, stride 1 and dilation 1 are known, not {shown}"
    assert refusal(file.packed()) == reason


@pytest.mark.parametrize("activation", [2, 3, 4])  # RELU_N1_TO_1, RELU6, TANH
def test_another_activation(schema, activation):
    file = file_of(schema)
    file.operator(0).builtinOptions.fusedActivationFunction = activation
    assert refusal(file.packed()) == f"operator 1 of 2 has fused activation {activation}; none and RELU are known"


def test_no_options(schema):
    file = file_of(schema)
    file.operator(1).builtinOptions, file.operator(1).builtinOptionsType = None, 0
    assert refusal(file.packed()) == "operator 2 of 2 has no Conv2DOptions"


def test_two_subgraphs(schema):
    file = file_of(schema)
    file.model.subgraphs.append(file.subgraph)
    assert refusal(file.packed()) == "the graph has 2 subgraphs; 1 is known"


@pytest.mark.parametrize(("inputs", "outputs"), [(2, 1), (1, 2), (0, 1), (1, 0)])
def test_more_or_less_than_one_input_and_output(schema, inputs, outputs):
    file = file_of(schema)
    file.subgraph.inputs = [int(file.subgraph.inputs[0])] * inputs
    file.subgraph.outputs = [int(file.subgraph.outputs[0])] * outputs
    assert refusal(file.packed()) == f"the graph has {inputs} inputs and {outputs} outputs; 1 of each is known"


@pytest.mark.parametrize("count", [0, 65])
def test_no_layers_or_too_many(schema, count):
    file = file_of(schema)
    file.subgraph.operators = count * [file.operator(0)]
    assert refusal(file.packed()) == f"the graph has {count} operators; 1 to 64 convolutions are known"


@pytest.mark.parametrize("shape", [[2, 12, 12, 1], [12, 12, 1], [1, 0, 12, 1], [1, 12, -1, 1], [1, 1, 12, 12, 1], []])
def test_an_input_that_is_no_picture(schema, shape):
    file = file_of(schema)
    file.operand(0, 0).shape = shape
    assert refusal(file.packed()) == f"the graph's input has shape {shape}; [1, height, width, channels] is known"


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


@pytest.mark.parametrize("inputs", [lambda given: given[:2], lambda given: [*given[:2], -1]], ids=["short", "optional"])
@pytest.mark.parametrize("number", [0, 1])
def test_a_layer_without_a_bias(schema, number, inputs):
    """TFLite leaves out an operand by a shorter list or by number -1."""
    file = file_of(schema)
    file.operator(number).inputs = inputs([int(place) for place in file.operator(number).inputs])
    reason = f"operator {number + 1} of 2 does not take the result before it, weights and a bias"
    assert refusal(file.packed()) == reason


@pytest.mark.parametrize("place", [1, 2])
def test_a_parameter_that_is_computed(schema, place):
    file = file_of(schema)
    file.operand(1, place).buffer = 0
    assert refusal(file.packed()) == "operator 2 of 2: a parameter is no constant"


@pytest.mark.parametrize("order", [[0, 4, 5], [6, 4, 5]])  # the picture again, or its own result
def test_a_layer_that_reads_something_else_than_the_result_before_it(schema, order):
    file = file_of(schema)
    file.operator(1).inputs = order
    assert refusal(file.packed()) == "operator 2 of 2 does not take the result before it, weights and a bias"


def test_an_output_that_is_not_the_last_operator_s(schema):
    file = file_of(schema)
    file.subgraph.outputs = file.operator(0).outputs
    assert refusal(file.packed()) == "the graph's output is not that of its last operator"


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


@pytest.mark.parametrize("data", [b"", b"T", b"not a flatbuffer at all", bytes(64), b"\xff" * 64, b"\x1c\0\0\0TFL3"])
def test_bytes_that_are_no_flatbuffer(data):
    with pytest.raises(ModelUnsupported):
        read_graph(data)


@pytest.mark.parametrize("index", [-1, -2, 7, 1000, 2**31 - 1, -(2**31)])
@pytest.mark.parametrize("place", [1, 2])
def test_tensors_that_are_not_there(schema, place, index):
    file = file_of(schema)
    inputs = [int(number) for number in file.operator(1).inputs]
    inputs[place] = index
    file.operator(1).inputs = inputs
    with pytest.raises(ModelUnsupported):
        read_graph(file.packed())


@pytest.mark.parametrize("index", [13, 1000, 2**31 - 1, 2**32 - 1])
def test_buffers_that_are_not_there(schema, index):
    file = file_of(schema)
    file.operand(1, 1).buffer = index
    with pytest.raises(ModelUnsupported):
        read_graph(file.packed())


# Damage.


def damaged(rng, data):
    """Some bytes of a file changed, moved, lost or doubled."""
    made, kind = bytearray(data), rng.integers(6)
    for _ in range(rng.integers(1, 4)):
        at, other, length = int(rng.integers(len(made))), int(rng.integers(len(made))), int(rng.integers(1, 65))
        if kind == 0:
            made[at] ^= 1 << int(rng.integers(8))
        elif kind == 1:
            made[at] = int(rng.integers(256))
        elif kind == 2:
            made = made[: max(at, 1)]
        elif kind == 3:
            made[at : at + length] = made[other : other + length]
        elif kind == 4:  # a field of four bytes, where most offsets and lengths are
            made[at & ~3 : (at & ~3) + 4] = bytes([rng.choice([0, 1, 0x7F, 0x80, 0xFF])]) * 4
        else:
            made[at:at] = made[other : other + length]
    return bytes(made)


def small(make):
    """A file of about 1 KB, nearly all of it structure."""
    return write_graph(make(0, ((3, 3), (1, 1)), (1, 2, 1), (True, False)))


@pytest.mark.parametrize("source", ["shipped", "int8", "float32"])
def test_a_damaged_graph_is_read_or_refused_and_nothing_else(model_bytes, source):
    whole = parse_model(model_bytes, "").graph
    data = {"shipped": whole, "int8": small(int8_stack), "float32": small(float_stack)}[source]
    rng, refused = np.random.default_rng(20), 0
    for _ in range(4000):
        try:
            graph = read_graph(damaged(rng, data))
        except ModelError:
            refused += 1
            continue
        assert graph.dtype in (np.int8, np.float32)
        assert min(graph.input_shape) >= 1
        for layer in graph.layers:
            assert layer.weights.nbytes <= len(data)
            assert layer.bias.shape == layer.weights.shape[:1]
            assert layer.output == FLOAT or layer.output.scale > 0
    assert 400 < refused < 4000


def test_a_damaged_model_file_is_never_read(model_bytes):
    rng, changed = np.random.default_rng(21), 0
    for _ in range(10_000):
        data = damaged(rng, model_bytes)
        if data == model_bytes:
            continue
        changed += 1
        with pytest.raises(ModelError):
            parse_model(data, "m.tflite")
    assert changed > 9000


def test_a_damaged_zip_under_a_seal_that_fits_is_a_model_error_or_does_not_matter(model_bytes):
    """Whoever wrote the file was broken, not the disk."""
    graph = parse_model(model_bytes, "").graph
    rng, seen = np.random.default_rng(22), set()
    for _ in range(10_000):
        body = graph + damaged(rng, model_bytes[len(graph) : -SEAL_LENGTH])
        try:
            parse_model(body + b"sha256:" + hashlib.sha256(body).hexdigest().encode(), "m.tflite")
        except ModelError:
            continue
        except Exception as error:
            seen.add(type(error).__name__)
    assert not seen
