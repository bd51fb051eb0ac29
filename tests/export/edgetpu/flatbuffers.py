"""Flatbuffers by hand, where a converter would be slow, or would not make them."""

import flatbuffers
from ai_edge_litert import schema_py_generated as schema

INT8, FLOAT32, INT32 = schema.TensorType.INT8, schema.TensorType.FLOAT32, schema.TensorType.INT32


def tensor(name, shape, dtype=INT8, buffer=0, signature=None):
    made = schema.TensorT()
    made.name, made.shape, made.type, made.buffer = name, list(shape), dtype, buffer
    made.shapeSignature = signature
    return made


def code(builtin, version=1, custom=None):
    made = schema.OperatorCodeT()
    made.builtinCode, made.deprecatedBuiltinCode = builtin, min(builtin, 127)
    made.version, made.customCode = version, custom
    return made


def operator(index, inputs, outputs):
    made = schema.OperatorT()
    made.opcodeIndex, made.inputs, made.outputs = index, inputs, outputs
    return made


def model(tensors, operators, codes, inputs, outputs, *, buffers=(), subgraphs=1):
    """The bytes; buffer 0 is empty, the others are ``buffers``."""
    graph, made, all_buffers = schema.SubGraphT(), schema.ModelT(), [schema.BufferT()]
    graph.tensors, graph.operators, graph.inputs, graph.outputs = tensors, operators, inputs, outputs
    for data in buffers:
        all_buffers.append(schema.BufferT())
        all_buffers[-1].data = list(data)
    made.version, made.subgraphs, made.operatorCodes, made.buffers = 3, [graph] * subgraphs, codes, all_buffers
    builder = flatbuffers.Builder(1024)
    builder.Finish(made.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def compiled(input_shape, output_shape, *, rest=()):
    """What the compiler makes: one custom operator, and operators that it left to the CPU, named in ``rest``."""
    tensors = [tensor("in", (1, *input_shape)), *(tensor(f"out{n}", (1, *output_shape)) for n in range(len(rest) + 1))]
    codes = [code(schema.BuiltinOperator.CUSTOM, custom="edgetpu-custom-op")]
    codes += [code(getattr(schema.BuiltinOperator, name)) for name in rest]
    operators = [operator(n, [n], [n + 1]) for n in range(len(codes))]
    return model(tensors, operators, codes, [0], [len(codes)])
