"""TFLite flatbuffers read: a convolution stack, of which nothing is trusted.

Source: the TFLite schema, version 3 (``schema.fbs``), as the package ``tflite`` spells it. No interpreter is needed.
"""

import struct
from collections.abc import Sequence
from typing import Any

import numpy as np
import tflite
from numpy.typing import NDArray

from edge_srcnn.engine.graph import FLOAT, Convolution, Graph, Quantization
from edge_srcnn.errors import ModelError, ModelUnsupported

_MAX_LAYERS = 64
_CONV_2D = tflite.BuiltinOperator.CONV_2D
_ACTIVATIONS = {tflite.ActivationFunctionType.NONE: False, tflite.ActivationFunctionType.RELU: True}
_DTYPES: dict[int, Any] = {
    tflite.TensorType.INT8: np.int8,
    tflite.TensorType.INT32: np.int32,
    tflite.TensorType.FLOAT32: np.float32,
}


def read_graph(data: bytes) -> Graph:
    """Read a stack of convolutions without padding, stride or dilation, in int8 per channel or in float32.

    Parameters
    ----------
    data
        The flatbuffer, of which nothing is trusted: damaged bytes raise, they do not crash.

    Returns
    -------
    As many convolutions as it has operators.

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
        layer = read_convolution(model, subgraph, operator, current, f"operator {number + 1} of {count}")
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


def read_convolution(
    model: Any,
    subgraph: Any,
    operator: Any,
    source: int,
    where: str,
    *,
    paddings: Sequence[int] = (tflite.Padding.VALID,),
    per_tensor: bool = False,
) -> Convolution:
    """Read an operator that must be a convolution.

    Parameters
    ----------
    model
        The flatbuffer.
    subgraph
        Its only one.
    operator
        Of the subgraph.
    source
        The tensor that it must read.
    where
        Names the operator in messages.
    paddings
        Those that are known.
    per_tensor
        Whether one scale for all int8 weights is known, too.

    Returns
    -------
    The convolution, which has no padding.

    Raises
    ------
    ModelUnsupported
        It is something else, or in another form.
    """
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
    if options.Padding() not in paddings or steps != (1, 1, 1, 1):
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
        scales = _weight_scales(weights_tensor, len(weights), where, per_tensor=per_tensor)
    return Convolution(weights, bias, scales, _quantization(result, weights.dtype), _ACTIVATIONS[activation])


def _weight_scales(tensor: Any, channels: int, where: str, *, per_tensor: bool) -> NDArray[np.float32]:
    found = tensor.Quantization()
    scales = np.zeros(0, np.float32) if found is None or found.ScaleIsNone() else found.ScaleAsNumpy()
    if per_tensor and len(scales) == 1:
        scales = np.repeat(scales, channels)
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
