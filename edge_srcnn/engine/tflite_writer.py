"""TFLite flatbuffers written from a ``Graph``.

Source: the TFLite schema, version 3 (``schema.fbs``), as the package ``tflite`` spells it. No interpreter is needed.
"""

from typing import Any

import flatbuffers
import numpy as np
import tflite
from numpy.typing import NDArray

from edge_srcnn.engine.graph import FLOAT, Convolution, Graph, Quantization, Reshape, Step

_SCHEMA_VERSION = 3
_IDENTIFIER = b"TFL3"
_DATA_ALIGNMENT = 16  # of Buffer.data, by the schema
_CONV_2D = tflite.BuiltinOperator.CONV_2D
_RESHAPE = tflite.BuiltinOperator.RESHAPE
_CONV_2D_INT8_VERSION = 3  # the first one with weights quantized per channel
_CODES: dict[Any, int] = {
    np.dtype(np.int8): tflite.TensorType.INT8,
    np.dtype(np.int32): tflite.TensorType.INT32,
    np.dtype(np.float32): tflite.TensorType.FLOAT32,
}


def write_graph(graph: Graph) -> bytes:
    """Write a flatbuffer of CONV_2D and RESHAPE with static shapes, which every TFLite interpreter runs."""
    return _Writer().write(graph)


class _Writer:
    """One flatbuffer in the making. It grows from its end: children first, then what points at them."""

    def __init__(self) -> None:
        self._builder = flatbuffers.Builder(1 << 16)
        self._buffers = [self._table("Buffer")]  # number 0 is the empty one, by the schema
        self._tensors: list[int] = []
        self._operators: list[int] = []
        self._codes: list[tuple[int, int]] = []

    def write(self, graph: Graph) -> bytes:
        source = current = self._tensor("luma", (1, *graph.input_shape), graph.dtype, _scales(graph.input))
        shape, quantization = graph.input_shape, graph.input
        for number, step in enumerate(graph.steps):
            inputs, options = [current], self._options(step)
            if isinstance(step, Reshape):
                code, version = _RESHAPE, 1
                inputs.append(self._constant(f"shape_{number}", np.array([1, *step.shape], np.int32)))
            else:
                code, version = _CONV_2D, _CONV_2D_INT8_VERSION if len(step.weight_scales) else 1
                inputs += self._parameters(step, number, quantization)
                quantization = step.output
            shape = step.result(shape)
            current = self._tensor(f"result_{number}", (1, *shape), graph.dtype, _scales(quantization))
            self._operate(code, version, inputs, current, *options)
        return self._finish(source, current)

    def _parameters(self, layer: Convolution, number: int, source: Quantization) -> list[int]:
        weights = self._constant(f"weights_{number}", layer.weights, layer.weight_scales)
        bias = self._constant(f"bias_{number}", layer.bias, layer.weight_scales * np.float32(source.scale))
        return [weights, bias]

    def _options(self, step: Step) -> tuple[int, int]:
        if isinstance(step, Reshape):
            shape = self._vector(np.array([1, *step.shape], np.int32))
            return tflite.BuiltinOptions.ReshapeOptions, self._table("ReshapeOptions", NewShape=shape)
        activation = tflite.ActivationFunctionType.RELU if step.relu else tflite.ActivationFunctionType.NONE
        return tflite.BuiltinOptions.Conv2DOptions, self._table(
            "Conv2DOptions",
            Padding=tflite.Padding.VALID,
            StrideH=step.stride[0],
            StrideW=step.stride[1],
            DilationHFactor=1,
            DilationWFactor=1,
            FusedActivationFunction=activation,
        )

    def _operate(self, code: int, version: int, inputs: list[int], output: int, kind: int, options: int) -> None:
        if (code, version) not in self._codes:
            self._codes.append((code, version))
        operator = self._table(
            "Operator",
            OpcodeIndex=self._codes.index((code, version)),
            Inputs=self._vector(np.array(inputs, np.int32)),
            Outputs=self._vector(np.array([output], np.int32)),
            BuiltinOptionsType=kind,
            BuiltinOptions=options,
        )
        self._operators.append(operator)

    def _constant(self, name: str, values: NDArray[Any], scales: NDArray[np.float32] | None = None) -> int:
        data = np.frombuffer(np.ascontiguousarray(values).tobytes(), np.uint8)
        self._builder.Prep(_DATA_ALIGNMENT, len(data))
        self._buffers.append(self._table("Buffer", Data=self._vector(data)))
        quantization = None if scales is None or not len(scales) else (scales, np.zeros(len(scales), np.int64))
        return self._tensor(name, values.shape, values.dtype, quantization, len(self._buffers) - 1)

    def _tensor(
        self,
        name: str,
        shape: tuple[int, ...],
        dtype: np.dtype[Any],
        quantization: tuple[NDArray[np.float32], NDArray[np.int64]] | None,
        buffer: int = 0,
    ) -> int:
        fields = {
            "Shape": self._vector(np.array(shape, np.int32)),
            "Name": self._builder.CreateString(name),
        }
        if quantization is not None:
            scales, zero_points = quantization
            fields["Quantization"] = self._table(
                "QuantizationParameters", Scale=self._vector(scales), ZeroPoint=self._vector(zero_points)
            )
        self._tensors.append(self._table("Tensor", Type=_CODES[dtype], Buffer=buffer, **fields))
        return len(self._tensors) - 1

    def _finish(self, source: int, result: int) -> bytes:
        codes = [
            self._table("OperatorCode", DeprecatedBuiltinCode=code, BuiltinCode=code, Version=version)
            for code, version in self._codes
        ]
        subgraph = self._table(
            "SubGraph",
            Tensors=self._offsets(self._tensors),
            Inputs=self._vector(np.array([source], np.int32)),
            Outputs=self._vector(np.array([result], np.int32)),
            Operators=self._offsets(self._operators),
            Name=self._builder.CreateString("main"),
        )
        model = self._table(
            "Model",
            Version=_SCHEMA_VERSION,
            OperatorCodes=self._offsets(codes),
            Subgraphs=self._offsets([subgraph]),
            Description=self._builder.CreateString("edge-srcnn"),
            Buffers=self._offsets(self._buffers),
        )
        self._builder.Finish(model, _IDENTIFIER)
        return bytes(self._builder.Output())

    def _table(self, name: str, **fields: int) -> int:
        """Write a table of the schema; fields are numbers or offsets of children that are written already."""
        getattr(tflite, f"{name}Start")(self._builder)
        for field, value in fields.items():
            getattr(tflite, f"{name}Add{field}")(self._builder, value)
        offset: int = getattr(tflite, f"{name}End")(self._builder)
        return offset

    def _vector(self, values: NDArray[Any]) -> int:
        offset: int = self._builder.CreateNumpyVector(values)
        return offset

    def _offsets(self, offsets: list[int]) -> int:
        self._builder.StartVector(4, len(offsets), 4)
        for offset in reversed(offsets):
            self._builder.PrependUOffsetTRelative(offset)
        end: int = self._builder.EndVector()
        return end


def _scales(quantization: Quantization) -> tuple[NDArray[np.float32], NDArray[np.int64]] | None:
    if quantization == FLOAT:
        return None
    return np.array([quantization.scale], np.float32), np.array([quantization.zero_point], np.int64)
