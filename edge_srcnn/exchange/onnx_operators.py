"""Operators of ONNX on pictures, each a method: how it goes on with the chain.

Source: the ONNX operator schemas, opset 11 and later.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge_srcnn.errors import ModelUnsupported
from edge_srcnn.exchange.chain import Chain, Value, factor_of
from edge_srcnn.exchange.levels import MOST_CHANNELS
from edge_srcnn.exchange.onnx_attributes import attributes_of, border_of, dense_kernel
from edge_srcnn.exchange.onnx_constants import Constants

CUBIC = -0.75
"""The coefficient of our bicubic interpolation, which is OpenCV's, and the default of ONNX."""

HALF_PIXEL = ("half_pixel", "pytorch_half_pixel")

_Picture = tuple[Value, int]
"""A value, and the axis of its channels: 1 in NCHW, 3 in NHWC."""

KNOWN = (
    *("Conv", "Relu", "PRelu", "LeakyRelu", "BatchNormalization", "Add", "Sub", "Mul", "Div", "Clip", "Min", "Max"),
    *("Pad", "Concat", "Tile", "DepthToSpace", "SpaceToDepth", "Transpose", "Resize", "Identity", "Cast", "Dropout"),
)
"""The method of each is its name in small letters."""


class Operators:
    """Follow the pictures through a graph.

    Parameters
    ----------
    chain
        Of the graph.
    constants
        Of the graph.

    Attributes
    ----------
    values
        What was computed so far, by name: a value, and the axis of its channels, 1 in NCHW and 3 in NHWC.
    """

    def __init__(self, chain: Chain, constants: Constants) -> None:
        self._chain, self._constants = chain, constants
        self.values: dict[str, _Picture] = {}

    def run(self, node: Any) -> None:
        """Go on with a node; ``ModelUnsupported`` where it is not known, or not in this form."""
        if node.op_type not in KNOWN:
            raise ModelUnsupported(f"is not known; known are {', '.join(KNOWN)}")
        method: Callable[[Any, dict[str, Any]], _Picture] = getattr(self, f"_{node.op_type.lower()}")
        self.values[node.output[0]] = method(node, attributes_of(node))

    def _conv(self, node: Any, attributes: dict[str, Any]) -> _Picture:
        value, axis = self.value(node.input[0])
        if axis != 1:
            raise ModelUnsupported("reads channels in the last place; NCHW is known")
        weights = self._constants[node.input[1]]
        if weights.ndim != 4 or 0 in weights.shape:
            raise ModelUnsupported(f"has weights {list(weights.shape)}; [outputs, inputs, height, width] are known")
        bias = self._constants[node.input[2]] if len(node.input) > 2 and node.input[2] else np.zeros(len(weights))
        if bias.shape != weights.shape[:1]:
            raise ModelUnsupported(f"has weights {list(weights.shape)} and a bias {list(bias.shape)}")
        if set(attributes.get("strides", [1])) != {1}:
            raise ModelUnsupported(f"has strides {attributes['strides']}; 1 is known")
        kernel = dense_kernel(weights, int(attributes.get("group", 1)), attributes.get("dilations", [1, 1]))
        border = border_of(attributes, kernel.shape[2:])
        return self._chain.convolve(value, kernel.transpose(2, 3, 1, 0), bias, border), axis

    def _pad(self, node: Any, attributes: dict[str, Any]) -> _Picture:
        value, axis = self.value(node.input[0])
        pads = [int(pad) for pad in (self._constants[node.input[1]] if len(node.input) > 1 else attributes["pads"])]
        if len(node.input) > 3 and node.input[3]:
            raise ModelUnsupported("names its axes; pads of all axes are known")
        rows = 2 if axis == 1 else 1
        sides = {*pads[rows : rows + 2], *pads[4 + rows : 6 + rows]}
        if len(pads) != 8 or len(sides) > 1 or any(pads[a] or pads[4 + a] for a in (0, axis)) or value.shuffle > 1:
            raise ModelUnsupported(f"has pads {pads}; equal ones on all sides of the input's grid are known")
        return replace(value, border=value.border + sides.pop()), axis

    def _relu(self, node: Any, attributes: dict[str, Any]) -> _Picture:
        value, axis = self.value(node.input[0])
        return self._chain.rectify(value), axis

    def _leakyrelu(self, node: Any, attributes: dict[str, Any]) -> _Picture:
        value, axis = self.value(node.input[0])
        return self._chain.rectify(value, float(attributes.get("alpha", 0.01))), axis

    def _prelu(self, node: Any, attributes: dict[str, Any]) -> _Picture:
        value, axis = self.value(node.input[0])
        return self._chain.rectify(value, self._per_channel(node.input[1], value)), axis

    def _batchnormalization(self, node: Any, attributes: dict[str, Any]) -> _Picture:
        value, axis = self.value(node.input[0])
        gain, shift, mean, variance = (self._constants[name].astype(np.float64) for name in node.input[1:5])
        gain = gain / np.sqrt(variance + float(attributes.get("epsilon", 1e-5)))
        return self._chain.scale(value, gain, shift - mean * gain), axis

    def _add(self, node: Any, attributes: dict[str, Any], sign: float = 1.0) -> _Picture:
        first, second = node.input
        if second in self._constants:
            value, axis = self.value(first)
            return self._chain.scale(value, 1.0, sign * self._per_channel(second, value)), axis
        if first in self._constants:
            value, axis = self.value(second)
            return self._chain.scale(value, sign, self._per_channel(first, value)), axis
        (one, axis), (other, other_axis) = self.value(first), self.value(second)
        if axis != other_axis:
            raise ModelUnsupported("adds NCHW to NHWC")
        return self._chain.add(one, self._chain.scale(other, sign)), axis

    def _sub(self, node: Any, attributes: dict[str, Any]) -> _Picture:
        return self._add(node, attributes, -1.0)

    def _mul(self, node: Any, attributes: dict[str, Any]) -> _Picture:
        first, second = node.input if node.input[1] in self._constants else reversed(node.input)
        value, axis = self.value(first)
        return self._chain.scale(value, self._per_channel(second, value)), axis

    def _div(self, node: Any, attributes: dict[str, Any]) -> _Picture:
        value, axis = self.value(node.input[0])
        return self._chain.scale(value, 1 / self._per_channel(node.input[1], value)), axis

    def _clip(self, node: Any, attributes: dict[str, Any]) -> _Picture:
        bounds = [attributes.get("min"), attributes.get("max")]
        for number, name in enumerate(node.input[1:3]):
            bounds[number] = float(self._constants[name].reshape(())) if name else None
        return self._between(node.input[0], bounds[0], bounds[1])

    def _max(self, node: Any, attributes: dict[str, Any]) -> _Picture:
        return self._between(node.input[0], float(self._constants[node.input[1]].reshape(())), None)

    def _min(self, node: Any, attributes: dict[str, Any]) -> _Picture:
        return self._between(node.input[0], None, float(self._constants[node.input[1]].reshape(())))

    def _between(self, name: str, low: float | None, high: float | None) -> _Picture:
        value, axis = self.value(name)
        low = None if low is None or low < -1e30 else low
        high = None if high is None or high > 1e30 else high
        if low == 0 and high is None:
            return self._chain.rectify(value), axis
        if low not in (None, 0) or high not in (None, 1, 255):
            raise ModelUnsupported(f"limits to {low} and {high}; 0 to 1 or 255 are known, for the picture at the end")
        return self._chain.limit(value, high), axis

    def _depthtospace(self, node: Any, attributes: dict[str, Any]) -> _Picture:
        value, axis = self.value(node.input[0])
        side = int(attributes["blocksize"])  # with one channel as the result, DCR and CRD are the same
        if value.shuffle != 1 or value.channels != side**2 or axis != 1:
            raise ModelUnsupported(
                f"by {side} of {value.channels} channels; {side**2} channels, which give one, are known"
            )
        return replace(value, shuffle=side), axis

    def _spacetodepth(self, node: Any, attributes: dict[str, Any]) -> _Picture:
        value, axis = self.value(node.input[0])
        if value.shuffle != int(attributes["blocksize"]) or set(value.terms) != {0} or axis != 1:
            raise ModelUnsupported("of something else than the input")
        return replace(value, shuffle=1), axis

    def _transpose(self, node: Any, attributes: dict[str, Any]) -> _Picture:
        value, axis = self.value(node.input[0])
        order = tuple(attributes.get("perm", (3, 2, 1, 0)))
        known = {(1, (0, 2, 3, 1)): 3, (3, (0, 3, 1, 2)): 1, (axis, (0, 1, 2, 3)): axis}
        if (axis, order) not in known:
            raise ModelUnsupported(f"with perm {list(order)}; NCHW to NHWC and back are known")
        return value, known[axis, order]

    def _concat(self, node: Any, attributes: dict[str, Any]) -> _Picture:
        found = [self.value(name) for name in node.input]
        axis = found[0][1]
        if any(each[1] != axis for each in found) or int(attributes["axis"]) % 4 != axis:
            raise ModelUnsupported("joins pixels; channels are known")
        return self._chain.join([value for value, _ in found]), axis

    def _tile(self, node: Any, attributes: dict[str, Any]) -> _Picture:
        value, axis = self.value(node.input[0])
        times = [int(each) for each in self._constants[node.input[1]]]
        others = [each for a, each in enumerate(times) if a != axis]
        if others != [1, 1, 1] or not 1 <= times[axis] <= MOST_CHANNELS:
            raise ModelUnsupported(f"by {times}; channels are known")
        return self._chain.join([value] * times[axis]), axis

    def _resize(self, node: Any, attributes: dict[str, Any]) -> _Picture:
        value, axis = self.value(node.input[0])
        if attributes.get("mode", "nearest") == "nearest":
            return self._repeated(value, self._factor(node), attributes), axis
        where, coefficient = _coordinates(attributes), float(attributes.get("cubic_coeff_a", CUBIC))
        if (
            attributes["mode"] != "cubic"
            or coefficient != CUBIC
            or where not in HALF_PIXEL
            or attributes.get("antialias")
        ):
            raise ModelUnsupported(
                f"in mode {attributes['mode']!r}, {where}; known are nearest, and the bicubic one of the host:"
                f" cubic, half pixels, cubic_coeff_a {CUBIC}"
            )
        factor = factor_of(value.terms.get(0, np.zeros((1, 0))))
        if factor is None or set(value.terms) != {0} or value.shuffle != self._chain.unshuffle or value.shift.any():
            raise ModelUnsupported("of something else than the input")
        return Value({}, np.zeros(1), base=factor), axis

    def _repeated(self, value: Value, factor: int, attributes: dict[str, Any]) -> Value:
        """Give a plane with its pixels repeated, as channels of blocks."""
        how = _coordinates(attributes), attributes.get("nearest_mode", "round_prefer_floor")
        whole = how == ("asymmetric", "floor") or (how[0] in HALF_PIXEL and how[1].startswith("round_prefer"))
        if not whole or value.channels != 1 or value.shuffle != 1:
            raise ModelUnsupported(f"in mode 'nearest', {how[0]}, {how[1]}; a plane with its pixels repeated is known")
        return replace(self._chain.join([value] * factor**2), shuffle=factor)

    def _factor(self, node: Any) -> int:
        scales = [float(each) for each in self._constants[node.input[2]]] if len(node.input) == 3 else []
        if len(scales) != 4 or scales[:2] != [1, 1] or scales[2] != scales[3] or scales[2] not in range(2, 9):
            raise ModelUnsupported(f"by {scales or 'sizes'}; constant scales, 2 to 8 down and across, are known")
        return int(scales[2])

    def _same(self, node: Any, attributes: dict[str, Any]) -> _Picture:
        return self.value(node.input[0])

    _identity = _cast = _dropout = _same

    def value(self, name: str) -> _Picture:
        """Give what was computed under a name; ``ModelUnsupported`` where that is no picture."""
        if name not in self.values:
            kind = "a constant" if name in self._constants else "not computed from the picture"
            raise ModelUnsupported(f"reads {name!r}, which is {kind}")
        return self.values[name]

    def _per_channel(self, name: str, value: Value) -> NDArray[np.float64]:
        found = self._constants[name].astype(np.float64)
        if found.size not in (1, value.channels) or (value.shuffle > 1 and found.size > 1):
            raise ModelUnsupported(f"has constants {list(found.shape)}; one, or one for each channel are known")
        return found.reshape(-1)


def _coordinates(attributes: dict[str, Any]) -> str:
    return str(attributes.get("coordinate_transformation_mode", "half_pixel"))
