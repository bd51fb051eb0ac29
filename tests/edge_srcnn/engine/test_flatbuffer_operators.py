"""Operators and graphs that are not known are refused, each in a file that is whole but for one thing."""

import pytest

from edge_srcnn.engine.packing import pack
from edge_srcnn.engine.plan import Blocks
from edge_srcnn.engine.tflite_reader import read_graph
from edge_srcnn.engine.tflite_writer import write_graph
from tests.edge_srcnn.engine.flatbuffer_files import file_of, refusal, same, stack
from tests.edge_srcnn.engine.stacks import SHIPPED, int8_stack


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


@pytest.mark.parametrize("inputs", [lambda given: given[:2], lambda given: [*given[:2], -1]], ids=["short", "optional"])
@pytest.mark.parametrize("number", [0, 1])
def test_a_layer_without_a_bias(schema, number, inputs):
    """TFLite leaves out an operand by a shorter list or by number -1."""
    file = file_of(schema)
    file.operator(number).inputs = inputs([int(place) for place in file.operator(number).inputs])
    reason = f"operator {number + 1} of 2 does not take the result before it, weights and a bias"
    assert refusal(file.packed()) == reason


@pytest.mark.parametrize("order", [[0, 4, 5], [6, 4, 5]])  # the picture again, or its own result
def test_a_layer_that_reads_something_else_than_the_result_before_it(schema, order):
    file = file_of(schema)
    file.operator(1).inputs = order
    assert refusal(file.packed()) == "operator 2 of 2 does not take the result before it, weights and a bias"


def test_an_output_that_is_not_the_last_operator_s(schema):
    file = file_of(schema)
    file.subgraph.outputs = file.operator(0).outputs
    assert refusal(file.packed()) == "the graph's output is not that of its last operator"
