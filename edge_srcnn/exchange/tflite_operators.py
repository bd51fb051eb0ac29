"""Read TFLite files of others: float networks as chains of convolutions, int8 ones as they are.

Source: the TFLite schema, version 3 (``schema.fbs``), as the package ``tflite`` spells it.
"""

import struct
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import tflite
from numpy.typing import NDArray

from edge_srcnn.engine.graph import Convolution, Quantization
from edge_srcnn.engine.tflite_reader import read_convolution
from edge_srcnn.errors import BadData, ModelUnsupported, NotAModel, reason
from edge_srcnn.exchange import read_bytes
from edge_srcnn.exchange.chain import Chain, QuantizedChain, Value
from edge_srcnn.exchange.tflite_tensors import Tensors

_PADDINGS = (tflite.Padding.VALID, tflite.Padding.SAME)
_ACTIVATIONS = {tflite.ActivationFunctionType.NONE: False, tflite.ActivationFunctionType.RELU: True}


def read_tflite(path: Path, white: float) -> tuple[Chain, Value] | QuantizedChain:
    """Read a network.

    Parameters
    ----------
    path
        A ``.tflite`` of others.
    white
        What stands for white in its input: 1 or 255.

    Returns
    -------
    The chain of a float network, and its result, white as 1; or an int8 network.

    Raises
    ------
    NoInput, BadData
        The file is missing or damaged.
    ModelUnsupported
        It is of another form; the message names the operator.
    """
    data = read_bytes(path)
    if data[4:8] != b"TFL3":
        raise NotAModel(f"{path}: not a TFLite model (no TFL3 at byte 4)")
    try:
        tensors = Tensors(data)
        return _quantized(tensors) if _is_int8(tensors) else _Reader(tensors).chain(white)
    except ModelUnsupported as error:
        raise ModelUnsupported(f"{path}: {error}") from error
    except (struct.error, IndexError, KeyError, TypeError, ValueError, OverflowError, AttributeError) as error:
        raise ModelUnsupported(f"{path}: is damaged: no TFLite flatbuffer ({reason(error)})") from error


def _is_int8(tensors: Tensors) -> bool:
    """Tell whether a convolution has int8 weights."""
    return any(
        tensors.name(operator) == "CONV_2D" and tensors.tensor(operator.Inputs(1)).Type() == tflite.TensorType.INT8
        for operator in tensors.operators
    )


def _quantized(tensors: Tensors) -> QuantizedChain:
    """Read an int8 network, whose only branch is none."""
    current, layers, shuffle = tensors.graph.Inputs(0), list[Convolution](), 1
    first: Quantization | None = None
    for number, operator in enumerate(tensors.operators, 1):
        name, where = tensors.name(operator), f"operator {number} of {len(tensors.operators)}"
        if shuffle != 1 and name not in ("QUANTIZE", "DEQUANTIZE"):
            raise ModelUnsupported(f"{where} is {name}, after DEPTH_TO_SPACE")
        if name == "CONV_2D":
            first = tensors.quantization(current) if first is None else first
            layers.append(
                read_convolution(
                    tensors.model, tensors.graph, operator, current, where, paddings=_PADDINGS, per_tensor=True
                )
            )
        elif name == "DEPTH_TO_SPACE":
            shuffle = tensors.block(operator)
        elif name not in ("QUANTIZE", "DEQUANTIZE"):
            raise ModelUnsupported(
                f"{where} is {name}, in an int8 network; there CONV_2D, and DEPTH_TO_SPACE at the end, are known."
                " Give the float network, and let 'edge-srcnn export' quantize it"
            )
        if operator.Inputs(0) != current:
            raise ModelUnsupported(f"{where} does not read the result before it")
        current = operator.Outputs(0)
    if first is None or current != tensors.graph.Outputs(0):
        raise ModelUnsupported("its output is not that of its last operator")
    return QuantizedChain(first, tuple(layers), shuffle)


class _Reader:
    """Walk the operators of a flatbuffer."""

    def __init__(self, tensors: Tensors) -> None:
        self._tensors, self._values = tensors, dict[int, Value]()

    def chain(self, white: float) -> tuple[Chain, Value]:
        """Read a float network."""
        sides = {
            self._tensors.block(operator)
            for operator in self._tensors.operators
            if self._tensors.name(operator) == "SPACE_TO_DEPTH"
        }
        if len(sides) > 1 or not sides <= set(range(2, 33)):
            raise ModelUnsupported(f"SPACE_TO_DEPTH by {sorted(sides)}; one factor from 2 to 32 is known")
        self._chain = chain = Chain(*sides)
        self._values[self._tensors.graph.Inputs(0)] = chain.scale(chain.source(), white)
        for number, operator in enumerate(self._tensors.operators, 1):
            name = self._tensors.name(operator)
            try:
                if name == "DEQUANTIZE" and self._tensors.is_constant(operator.Inputs(0)):
                    continue  # weights in float16, see _constant
                if name not in KNOWN:
                    raise ModelUnsupported(f"is not known; known are {', '.join(KNOWN)}")
                self._values[operator.Outputs(0)] = KNOWN[name](self, operator)
            except BadData as error:
                raise ModelUnsupported(
                    f"operator {number} of {len(self._tensors.operators)}, {name}: {error}"
                ) from error
        value = self._value(self._tensors.graph.Outputs(0))
        return chain, chain.scale(value, 1 / (white if value.white is None else value.white))

    def convolution(self, operator: Any) -> Value:
        """Convolve."""
        options = self._tensors.options(operator, tflite.Conv2DOptions())
        if {options.StrideH(), options.StrideW(), options.DilationHFactor(), options.DilationWFactor()} != {1}:
            raise ModelUnsupported("has strides or dilation; 1 is known")
        weights = self._tensors.constant(operator.Inputs(1)).transpose(1, 2, 3, 0)
        bias = np.zeros(weights.shape[3])
        if operator.InputsLength() > 2 and operator.Inputs(2) >= 0:
            bias = self._tensors.constant(operator.Inputs(2))
        same, side = options.Padding() == tflite.Padding.SAME, max(weights.shape[:2])
        if not same and weights.shape[0] != weights.shape[1]:
            raise ModelUnsupported(f"has a kernel of {weights.shape[0]}x{weights.shape[1]} without padding")
        made = self._chain.convolve(self._value(operator.Inputs(0)), weights, bias, 0 if same else -(side // 2))
        return self._activated(made, options.FusedActivationFunction())

    def addition(self, operator: Any, sign: float = 1.0) -> Value:
        """Add, or subtract."""
        options = tflite.AddOptions() if sign > 0 else tflite.SubOptions()
        first, second = operator.Inputs(0), operator.Inputs(1)
        if self._tensors.is_constant(second):
            made = self._chain.scale(self._value(first), 1.0, sign * self._per_channel(second, self._value(first)))
        elif self._tensors.is_constant(first):
            made = self._chain.scale(self._value(second), sign, self._per_channel(first, self._value(second)))
        else:
            made = self._chain.add(self._value(first), self._chain.scale(self._value(second), sign))
        return self._activated(made, self._tensors.options(operator, options).FusedActivationFunction())

    def subtraction(self, operator: Any) -> Value:
        """Subtract."""
        return self.addition(operator, -1.0)

    def product(self, operator: Any) -> Value:
        """Multiply by constants."""
        first, second = operator.Inputs(0), operator.Inputs(1)
        first, second = (first, second) if self._tensors.is_constant(second) else (second, first)
        value = self._value(first)
        made = self._chain.scale(value, self._per_channel(second, value))
        return self._activated(made, self._tensors.options(operator, tflite.MulOptions()).FusedActivationFunction())

    def rectifier(self, operator: Any) -> Value:
        """Rectify."""
        return self._chain.rectify(self._value(operator.Inputs(0)))

    def leaky_rectifier(self, operator: Any) -> Value:
        """Rectify, with one slope."""
        slope = float(self._tensors.options(operator, tflite.LeakyReluOptions()).Alpha())
        return self._chain.rectify(self._value(operator.Inputs(0)), slope)

    def learned_rectifier(self, operator: Any) -> Value:
        """Rectify, with a slope for each channel."""
        value = self._value(operator.Inputs(0))
        return self._chain.rectify(value, self._per_channel(operator.Inputs(1), value))

    def pad(self, operator: Any) -> Value:
        """Put cells around."""
        value, pads = self._value(operator.Inputs(0)), self._tensors.constant(operator.Inputs(1))
        if pads.shape != (4, 2) or pads[0].any() or pads[3].any() or len(set(pads[1:3].flat)) > 1 or value.shuffle > 1:
            raise ModelUnsupported(f"has pads {pads.tolist()}; equal ones on all sides of the input's grid are known")
        return replace(value, border=value.border + int(pads[1, 0]))

    def concatenation(self, operator: Any) -> Value:
        """Join channels."""
        if self._tensors.options(operator, tflite.ConcatenationOptions()).Axis() % 4 != 3:
            raise ModelUnsupported("joins pixels; channels are known")
        return self._chain.join([self._value(operator.Inputs(n)) for n in range(operator.InputsLength())])

    def depth_to_space(self, operator: Any) -> Value:
        """Make pixels of channels."""
        value, side = self._value(operator.Inputs(0)), self._tensors.block(operator)
        if value.shuffle != 1 or value.channels != side**2:
            raise ModelUnsupported(f"by {side} of {value.channels} channels; {side**2}, which give one, are known")
        return replace(value, shuffle=side)

    def space_to_depth(self, operator: Any) -> Value:
        """Make channels of pixels."""
        value = self._value(operator.Inputs(0))
        if value.shuffle != self._tensors.block(operator) or set(value.terms) != {0}:
            raise ModelUnsupported("of something else than the input")
        return replace(value, shuffle=1)

    def clip_to_1(self, operator: Any) -> Value:
        """Limit to 0 to 1."""
        return self._chain.limit(self._value(operator.Inputs(0)), 1.0)

    def limit(self, operator: Any) -> Value:
        """Limit from above or below by a constant."""
        value, bound = self._value(operator.Inputs(0)), float(self._tensors.constant(operator.Inputs(1)).reshape(()))
        if self._tensors.name(operator) == "MAXIMUM" and bound == 0:
            return self._chain.rectify(value)
        if self._tensors.name(operator) == "MINIMUM" and bound in (1, 255):
            return self._chain.limit(value, bound)
        raise ModelUnsupported(f"by {bound:g}; 0 from below, and 1 or 255 from above are known")

    def _activated(self, value: Value, activation: int) -> Value:
        if activation not in _ACTIVATIONS:
            raise ModelUnsupported(f"has fused activation {activation}; none and RELU are known")
        return self._chain.rectify(value) if _ACTIVATIONS[activation] else value

    def _value(self, number: int) -> Value:
        if number not in self._values:
            raise ModelUnsupported("reads what is not computed from the picture")
        return self._values[number]

    def _per_channel(self, number: int, value: Value) -> NDArray[np.float64]:
        found = self._tensors.constant(number).astype(np.float64)
        if found.size not in (1, value.channels) or (value.shuffle > 1 and found.size > 1):
            raise ModelUnsupported(f"has constants {list(found.shape)}; one, or one for each channel are known")
        return found.reshape(-1)


KNOWN: dict[str, Callable[[_Reader, Any], Value]] = {
    "CONV_2D": _Reader.convolution,
    "RELU": _Reader.rectifier,
    "PRELU": _Reader.learned_rectifier,
    "LEAKY_RELU": _Reader.leaky_rectifier,
    "ADD": _Reader.addition,
    "SUB": _Reader.subtraction,
    "MUL": _Reader.product,
    "PAD": _Reader.pad,
    "MIRROR_PAD": _Reader.pad,
    "CONCATENATION": _Reader.concatenation,
    "DEPTH_TO_SPACE": _Reader.depth_to_space,
    "SPACE_TO_DEPTH": _Reader.space_to_depth,
    "MINIMUM": _Reader.limit,
    "MAXIMUM": _Reader.limit,
    "RELU_0_TO_1": _Reader.clip_to_1,
}
"""What is done for each operator that is known."""
