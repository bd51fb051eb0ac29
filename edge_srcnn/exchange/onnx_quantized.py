"""Read int8 networks in ONNX: QuantizeLinear and DequantizeLinear around each convolution (QDQ).

Source: the ONNX operator schemas, opset 13 and later; what onnxruntime computes of them is what our engine computes.
"""

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge_srcnn.engine.graph import Convolution, Quantization
from edge_srcnn.errors import ModelUnsupported
from edge_srcnn.exchange.chain import QuantizedChain
from edge_srcnn.exchange.onnx_attributes import attributes_of, border_of
from edge_srcnn.exchange.onnx_constants import Constants

KNOWN = ("QuantizeLinear", "DequantizeLinear", "Conv", "Relu", "Pad", "DepthToSpace", "Identity")

_NOT_YET = Quantization(0.0, 0)
_BIAS_TOLERANCE = 1e-3


class QuantizedReader:
    """Follow the one path through a quantized graph.

    Parameters
    ----------
    source
        Name of its input.
    constants
        Of the graph; those that are dequantized are left as integers.
    """

    def __init__(self, source: str, constants: Constants) -> None:
        self._current, self._constants = source, constants
        self._integers: dict[str, tuple[NDArray[Any], NDArray[np.float32], NDArray[Any]]] = {}
        self._source = _NOT_YET
        self._layers: list[Convolution] = []
        self._shuffle = 1

    def take(self, node: Any) -> None:
        """Go on with a node; ``ModelUnsupported`` where it is not known here."""
        if node.op_type == "DequantizeLinear" and node.input[0] in self._constants:
            values, scales = (self._constants[name] for name in node.input[:2])
            zeros = self._constants[node.input[2]] if len(node.input) > 2 else np.zeros(1, values.dtype)
            self._integers[node.output[0]] = values, np.atleast_1d(scales).astype(np.float32), zeros
            return
        if self._constants.compute(node):
            return
        if node.op_type not in KNOWN:
            raise ModelUnsupported(f"is not known in an int8 network; known are {', '.join(KNOWN)}. Give the float one")
        if node.input[0] != self._current:
            raise ModelUnsupported("does not read the result before it; a chain is known. Give the float network")
        if node.op_type == "QuantizeLinear":
            self._quantize(node)
        elif node.op_type == "Conv":
            self._convolve(node)
        elif node.op_type == "Relu":
            if not self._layers or self._layers[-1].output != _NOT_YET:
                raise ModelUnsupported("does not belong to a convolution")
            self._layers[-1] = replace(self._layers[-1], relu=True)
        elif node.op_type == "DepthToSpace":
            self._shuffle = int(attributes_of(node)["blocksize"])
        self._current = node.output[0]

    def finish(self, output: str, *, residual: bool) -> QuantizedChain:
        """End the chain at the graph's output."""
        if output != self._current or not self._layers or self._layers[-1].output == _NOT_YET:
            raise ModelUnsupported("its output is not the quantized result of its last convolution")
        return QuantizedChain(self._source, tuple(self._layers), self._shuffle, residual)

    def _quantize(self, node: Any) -> None:
        scale, zero = self._constants[node.input[1]], self._constants[node.input[2]]
        if scale.size != 1 or zero.dtype not in (np.int8, np.uint8):
            raise ModelUnsupported(f"gives {zero.dtype} with {scale.size} scales; int8 or uint8 with one are known")
        found = Quantization(float(scale.reshape(())), int(zero.reshape(())) - (128 if zero.dtype == np.uint8 else 0))
        if not self._layers:
            self._source = found
        elif self._layers[-1].output == _NOT_YET:
            self._layers[-1] = replace(self._layers[-1], output=found)
        elif self._layers[-1].output != found:
            raise ModelUnsupported("quantizes a second time, in another way")

    def _convolve(self, node: Any) -> None:
        attributes, source = attributes_of(node), self._layers[-1].output if self._layers else self._source
        if source == _NOT_YET or self._shuffle != 1 or any(name not in self._integers for name in node.input[1:]):
            raise ModelUnsupported("has an input, weights or a bias that are not quantized")
        weights, scales, zeros = self._integers[node.input[1]]
        plain = {attributes.get("group", 1), *attributes.get("strides", [1]), *attributes.get("dilations", [1])} == {1}
        if weights.dtype != np.int8 or zeros.any() or weights.ndim != 4 or not plain:
            raise ModelUnsupported("has weights other than int8 with zero point 0, or strides, dilation or groups")
        border_of(attributes, weights.shape[2:])
        scales = np.broadcast_to(scales, len(weights)).copy()
        bias = np.zeros(len(weights), np.int32)
        if len(node.input) > 2:
            bias, bias_scales, _ = self._integers[node.input[2]]
            if bias.dtype != np.int32 or not np.allclose(bias_scales, scales * source.scale, rtol=_BIAS_TOLERANCE):
                raise ModelUnsupported("has a bias that does not count input scale times weight scale in int32")
        self._layers.append(Convolution(weights.transpose(0, 2, 3, 1).copy(), bias, scales, _NOT_YET, relu=False))
