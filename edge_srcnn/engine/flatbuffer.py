"""TFLite flatbuffers: read a convolution stack from one, write one from a ``Graph``.

Source: the TFLite schema, version 3 (``schema.fbs``), as the package ``tflite`` spells it. No interpreter is needed.
"""

import struct
from typing import Any

import flatbuffers
import numpy as np
import tflite
from numpy.typing import NDArray

from edge_srcnn.engine.graph import FLOAT, Convolution, Graph, Quantization, Reshape, Step
from edge_srcnn.errors import ModelError, ModelUnsupported

_SCHEMA_VERSION = 3
_IDENTIFIER = b"TFL3"
_MAX_LAYERS = 64
_DATA_ALIGNMENT = 16  # of Buffer.data, by the schema
_CONV_2D = tflite.BuiltinOperator.CONV_2D
_RESHAPE = tflite.BuiltinOperator.RESHAPE
_CONV_2D_INT8_VERSION = 3  # the first one with weights quantized per channel
_ACTIVATIONS = {tflite.ActivationFunctionType.NONE: False, tflite.ActivationFunctionType.RELU: True}
_DTYPES: dict[int, Any] = {
    tflite.TensorType.INT8: np.int8,
    tflite.TensorType.INT32: np.int32,
    tflite.TensorType.FLOAT32: np.float32,
}
_CODES = {np.dtype(dtype): code for code, dtype in _DTYPES.items()}


def read_graph(data: bytes) -> Graph:
    """Read a stack of convolutions without padding, stride or dilation, in int8 per channel or in float32.

    Nothing of the flatbuffer is trusted: damaged bytes raise, they do not crash.

    Raises
    ------
    ModelUnsupported
        It holds something else; the message says what.
    """
    try:
        return _read(data)
    except ModelError:
        raise
    except (struct.error, IndexError, KeyError, TypeError, ValueError, OverflowError, AttributeError) as error:
        raise ModelUnsupported(
            f"the graph cannot be read as a TFLite flatbuffer ({error or type(error).__name__})"
        ) from error


def write_graph(graph: Graph) -> bytes:
    """Write a flatbuffer of CONV_2D and RESHAPE with static shapes, which every TFLite interpreter runs."""
    return _Writer().write(graph)


def _read(data: bytes) -> Graph:
    model = tflite.Model.GetRootAs(data, 0)
    if model.SubgraphsLength() != 1:
        raise ModelUnsupported(f"the graph has {model.SubgraphsLength()} subgraphs; 1 is known")
    subgraph = model.Subgraphs(0)
    count = subgraph.OperatorsLength()
    if not 1 <= count <= _MAX_LAYERS:
        raise ModelUnsupported(f"the graph has {count} operators; 1 to {_MAX_LAYERS} convolutions are known")
    if (subgraph.InputsLength(), subgraph.OutputsLength()) != (1, 1):
        raise ModelUnsupported(
            f"the graph has {subgraph.InputsLength()} inputs and {subgraph.OutputsLength()} outputs; 1 of each is known"
        )
    source = _tensor(subgraph, subgraph.Inputs(0))
    shape = [int(side) for side in source.ShapeAsNumpy()]
    if len(shape) != 4 or min(shape) < 1 or shape[0] != 1:
        raise ModelUnsupported(f"the graph's input has shape {shape}; [1, height, width, channels] is known")
    current, channels, layers = subgraph.Inputs(0), shape[3], []
    for number in range(count):
        operator = subgraph.Operators(number)
        layer = _convolution(model, subgraph, operator, current, f"operator {number + 1} of {count}")
        if layer.weights.shape[3] != channels:
            raise ModelUnsupported(
                f"operator {number + 1} of {count} reads {layer.weights.shape[3]} channels where there are {channels}"
            )
        layers.append(layer)
        current, channels = operator.Outputs(0), layer.weights.shape[0]
    if current != subgraph.Outputs(0):
        raise ModelUnsupported("the graph's output is not that of its last operator")
    if len({layer.weights.dtype for layer in layers}) > 1:
        raise ModelUnsupported("the graph mixes int8 and float32")
    return Graph((shape[1], shape[2], shape[3]), _quantization(source, layers[0].weights.dtype), tuple(layers))


def _convolution(model: Any, subgraph: Any, operator: Any, source: int, where: str) -> Convolution:
    if operator.OpcodeIndex() >= model.OperatorCodesLength():
        raise ModelUnsupported(f"{where} has a code that the graph does not list")
    code = model.OperatorCodes(operator.OpcodeIndex())
    kind = max(code.BuiltinCode(), code.DeprecatedBuiltinCode())
    if kind != _CONV_2D:
        raise ModelUnsupported(f"{where} is {tflite.opcode2name(kind)}; CONV_2D is known")
    if (
        (operator.InputsLength(), operator.OutputsLength()) != (3, 1)
        or operator.Inputs(0) != source
        or operator.Inputs(2) < 0
    ):
        raise ModelUnsupported(f"{where} does not take the result before it, weights and a bias")
    options, table = tflite.Conv2DOptions(), operator.BuiltinOptions()
    if operator.BuiltinOptionsType() != tflite.BuiltinOptions.Conv2DOptions or table is None:
        raise ModelUnsupported(f"{where} has no Conv2DOptions")
    options.Init(table.Bytes, table.Pos)
    steps = (options.StrideH(), options.StrideW(), options.DilationHFactor(), options.DilationWFactor())
    if options.Padding() != tflite.Padding.VALID or steps != (1, 1, 1, 1):
        raise ModelUnsupported(f"{where}: VALID padding, stride 1 and dilation 1 are known, not {steps}")
    activation = options.FusedActivationFunction()
    if activation not in _ACTIVATIONS:
        raise ModelUnsupported(f"{where} has fused activation {activation}; none and RELU are known")
    weights_tensor, bias_tensor, result = (
        _tensor(subgraph, number) for number in (operator.Inputs(1), operator.Inputs(2), operator.Outputs(0))
    )
    weights, bias = _constant(model, weights_tensor, where), _constant(model, bias_tensor, where)
    kinds = (weights.dtype.name, bias.dtype.name)
    if kinds not in (("int8", "int32"), ("float32", "float32")):
        raise ModelUnsupported(
            f"{where}: weights and bias are {kinds[0]} and {kinds[1]}; int8 and int32 are known, or float32"
        )
    if weights.ndim != 4 or bias.shape != weights.shape[:1] or 0 in weights.shape:
        raise ModelUnsupported(f"{where}: weights {list(weights.shape)} and bias {list(bias.shape)} do not fit")
    if weights.shape[1] % 2 == 0 or weights.shape[2] % 2 == 0:
        raise ModelUnsupported(f"{where}: kernel {weights.shape[1]}x{weights.shape[2]}; odd sides are known")
    scales = np.zeros(0, np.float32)
    if weights.dtype == np.int8:
        scales = _weight_scales(weights_tensor, len(weights), where)
    return Convolution(weights, bias, scales, _quantization(result, weights.dtype), _ACTIVATIONS[activation])


def _weight_scales(tensor: Any, channels: int, where: str) -> NDArray[np.float32]:
    found = tensor.Quantization()
    scales = np.zeros(0, np.float32) if found is None or found.ScaleIsNone() else found.ScaleAsNumpy()
    zeros = found is None or found.ZeroPointIsNone() or not found.ZeroPointAsNumpy().any()
    if len(scales) != channels or not zeros or not np.isfinite(scales).all() or not (scales > 0).all():
        raise ModelUnsupported(f"{where}: int8 weights need a scale above 0 for each channel, and zero point 0")
    return np.array(scales, np.float32)


def _quantization(tensor: Any, dtype: np.dtype[Any]) -> Quantization:
    if _DTYPES.get(tensor.Type()) != dtype:
        raise ModelUnsupported(f"an activation has tensor type {tensor.Type()} where weights are {dtype}")
    if dtype == np.float32:
        return FLOAT
    found = tensor.Quantization()
    if found is None or (found.ScaleLength(), found.ZeroPointLength()) != (1, 1):
        raise ModelUnsupported("an int8 activation needs one scale and one zero point")
    scale, zero_point = float(found.Scale(0)), int(found.ZeroPoint(0))
    if not (np.isfinite(scale) and scale > 0 and -128 <= zero_point <= 127):
        raise ModelUnsupported(f"an activation has scale {scale} and zero point {zero_point}")
    return Quantization(scale, zero_point)


def _tensor(subgraph: Any, number: int) -> Any:
    if not 0 <= number < subgraph.TensorsLength():
        raise ModelUnsupported(f"the graph has {subgraph.TensorsLength()} tensors, none of them number {number}")
    return subgraph.Tensors(number)


def _constant(model: Any, tensor: Any, where: str) -> NDArray[Any]:
    if tensor.Type() not in _DTYPES:
        raise ModelUnsupported(
            f"{where} has a constant of tensor type {tensor.Type()}; int8, int32 and float32 are known"
        )
    if tensor.Buffer() >= model.BuffersLength():
        raise ModelUnsupported(f"{where} has a constant in a buffer that the graph does not have")
    buffer = model.Buffers(tensor.Buffer())
    if buffer.DataIsNone():
        raise ModelUnsupported(f"{where}: a parameter is no constant")
    shape = [int(side) for side in tensor.ShapeAsNumpy()]
    return np.frombuffer(buffer.DataAsNumpy().tobytes(), _DTYPES[tensor.Type()]).reshape(shape)


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
        """A table of the schema; fields are numbers or offsets of children that are written already."""
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
