"""A model's flatbuffer taken apart, to be changed in one thing; and the words with which it is refused then."""

import flatbuffers
import numpy as np
import pytest
import tflite

from edge_srcnn.engine.tflite_reader import read_graph
from edge_srcnn.engine.tflite_writer import write_graph
from edge_srcnn.errors import ModelUnsupported
from tests.edge_srcnn.engine.stacks import int8_stack

UINT8, INT16 = tflite.TensorType.UINT8, tflite.TensorType.INT16
FLOAT32 = tflite.TensorType.FLOAT32


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
