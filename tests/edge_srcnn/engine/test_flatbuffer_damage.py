"""Damaged flatbuffers and model files are read or refused, and do no harm."""

import hashlib

import numpy as np
import pytest

from edge_srcnn.engine.graph import FLOAT
from edge_srcnn.engine.tflite_reader import read_graph
from edge_srcnn.engine.tflite_writer import write_graph
from edge_srcnn.errors import ModelError, ModelUnsupported
from edge_srcnn.models.file import parse_model
from tests.edge_srcnn.engine.flatbuffer_files import file_of
from tests.edge_srcnn.engine.stacks import float_stack, int8_stack

SEAL_LENGTH = len("sha256:") + 64


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


@pytest.mark.slow
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


@pytest.mark.slow
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


@pytest.mark.slow
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
