"""TFLite flatbuffers written from a ``Graph``.

Source: the TFLite schema, version 3 (``schema.fbs``), as the package ``tflite`` spells it. No interpreter is needed.
"""

from collections.abc import Sequence
from typing import Any

import flatbuffers
import numpy as np
import tflite
from numpy.typing import ArrayLike, DTypeLike, NDArray

from edge_srcnn.engine.graph import FLOAT, Graph, Quantization, Reshape, Shape

_SCHEMA_VERSION = 3
_IDENTIFIER = b"TFL3"
_DATA_ALIGNMENT = 16  # of Buffer.data, by the schema
_CONV_2D_INT8_VERSION = 3  # the first one with weights quantized per channel
_ACTIVATIONS = {False: tflite.ActivationFunctionType.NONE, True: tflite.ActivationFunctionType.RELU}
_TYPES: dict[Any, int] = {
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
        self._codes: dict[tuple[int, int], int] = {}

    def write(self, graph: Graph) -> bytes:
        operators, shape, quantization = list[int](), graph.input_shape, graph.input
        source = current = self._activation("luma", shape, graph.dtype, quantization)
        for number, step in enumerate(graph.steps):
            if isinstance(step, Reshape):
                code, kind = (tflite.BuiltinOperator.RESHAPE, 1), tflite.BuiltinOptions.ReshapeOptions
                options = self._table("ReshapeOptions", NewShape=self._vector([1, *step.shape]))
                inputs = [current, self._constant(f"shape_{number}", np.array([1, *step.shape], np.int32))]
            else:
                version = _CONV_2D_INT8_VERSION if len(step.weight_scales) else 1
                code, kind = (tflite.BuiltinOperator.CONV_2D, version), tflite.BuiltinOptions.Conv2DOptions
                options = self._table(
                    "Conv2DOptions",
                    Padding=tflite.Padding.VALID,
                    StrideH=step.stride[0],
                    StrideW=step.stride[1],
                    DilationHFactor=1,
                    DilationWFactor=1,
                    FusedActivationFunction=_ACTIVATIONS[step.relu],
                )
                weights = self._constant(f"weights_{number}", step.weights, step.weight_scales)
                bias_scales = step.weight_scales * np.float32(quantization.scale)
                inputs = [current, weights, self._constant(f"bias_{number}", step.bias, bias_scales)]
                quantization = step.output
            shape = step.result(shape)
            current = self._activation(f"result_{number}", shape, graph.dtype, quantization)
            operator = self._table(
                "Operator",
                OpcodeIndex=self._codes.setdefault(code, len(self._codes)),
                Inputs=self._vector(inputs),
                Outputs=self._vector([current]),
                BuiltinOptionsType=kind,
                BuiltinOptions=options,
            )
            operators.append(operator)
        return self._finish(source, current, operators)

    def _finish(self, source: int, result: int, operators: list[int]) -> bytes:
        codes = [
            self._table("OperatorCode", DeprecatedBuiltinCode=code, BuiltinCode=code, Version=version)
            for code, version in self._codes
        ]
        subgraph = self._table(
            "SubGraph",
            Tensors=self._offsets(self._tensors),
            Inputs=self._vector([source]),
            Outputs=self._vector([result]),
            Operators=self._offsets(operators),
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

    def _activation(self, name: str, shape: Shape, dtype: np.dtype[Any], quantization: Quantization) -> int:
        scales = () if quantization == FLOAT else (quantization.scale,)
        return self._tensor(name, (1, *shape), dtype, scales, quantization.zero_point)

    def _constant(self, name: str, values: NDArray[Any], scales: ArrayLike = ()) -> int:
        data = np.frombuffer(np.ascontiguousarray(values).tobytes(), np.uint8)
        self._builder.Prep(_DATA_ALIGNMENT, len(data))
        self._buffers.append(self._table("Buffer", Data=self._vector(data, np.uint8)))
        return self._tensor(name, values.shape, values.dtype, scales, buffer=len(self._buffers) - 1)

    def _tensor(
        self,
        name: str,
        shape: Sequence[int],
        dtype: np.dtype[Any],
        scales: ArrayLike,
        zero_point: int = 0,
        buffer: int = 0,
    ) -> int:
        fields = {"Shape": self._vector(shape), "Name": self._builder.CreateString(name)}
        count = np.size(scales)
        if count:
            fields["Quantization"] = self._table(
                "QuantizationParameters",
                Scale=self._vector(scales, np.float32),
                ZeroPoint=self._vector(np.full(count, zero_point), np.int64),
            )
        self._tensors.append(self._table("Tensor", Type=_TYPES[dtype], Buffer=buffer, **fields))
        return len(self._tensors) - 1

    def _table(self, name: str, **fields: int) -> int:
        """Write a table of the schema; fields are numbers or offsets of children that are written already."""
        getattr(tflite, f"{name}Start")(self._builder)
        for field, value in fields.items():
            getattr(tflite, f"{name}Add{field}")(self._builder, value)
        offset: int = getattr(tflite, f"{name}End")(self._builder)
        return offset

    def _vector(self, values: ArrayLike, dtype: DTypeLike = np.int32) -> int:
        offset: int = self._builder.CreateNumpyVector(np.asarray(values, dtype))
        return offset

    def _offsets(self, offsets: list[int]) -> int:
        self._builder.StartVector(4, len(offsets), 4)
        for offset in reversed(offsets):
            self._builder.PrependUOffsetTRelative(offset)
        end: int = self._builder.EndVector()
        return end
