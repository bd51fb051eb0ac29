"""Constants of an ONNX graph: its weights, and what is computed of them alone."""

from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge_srcnn.errors import ModelUnsupported, reason
from edge_srcnn.exchange.levels import MOST_WEIGHTS
from edge_srcnn.exchange.onnx_attributes import attributes_of
from edge_srcnn.exchange.onnx_file import import_onnx

_COMPUTED = frozenset(
    {
        *("Identity", "Cast", "Unsqueeze", "Squeeze", "Reshape", "Transpose", "Concat", "Slice", "Gather", "Flatten"),
        *("Add", "Sub", "Mul", "Div", "Neg", "Sqrt", "Exp", "Reciprocal", "Pow", "DequantizeLinear"),
    }
)


class Constants:
    """Hold the constants by name.

    Parameters
    ----------
    opset
        Of the graph: what its operators mean.
    """

    def __init__(self, opset: int) -> None:
        self._onnx, self._opset = import_onnx(), opset
        self._arrays: dict[str, NDArray[Any]] = {}

    def __contains__(self, name: str) -> bool:
        return name in self._arrays

    def __getitem__(self, name: str) -> NDArray[Any]:
        if name not in self._arrays:
            raise ModelUnsupported(f"reads {name!r}, which is no constant")
        return self._arrays[name]

    def add(self, tensor: Any, name: str) -> None:
        """Read a tensor of a file, whose size it claims is not trusted."""
        count = prod(max(int(side), 0) for side in tensor.dims)
        if count > MOST_WEIGHTS:
            raise ModelUnsupported(f"weights {name!r} are {count:,} numbers; at most {MOST_WEIGHTS:,} are known")
        try:
            self._arrays[name] = self._onnx.numpy_helper.to_array(tensor)
        except Exception as error:  # of numpy, protobuf or ml_dtypes
            raise ModelUnsupported(f"weights {name!r} cannot be read ({reason(error)})") from error

    def compute(self, node: Any) -> bool:
        """Compute a node whose inputs are all constant; tell whether it is one."""
        names = [name for name in node.input if name]
        if node.op_type == "Constant":
            ((kind, found),) = attributes_of(node).items()
            if kind == "value":
                self.add(found, node.output[0])
            elif kind in ("value_float", "value_int", "value_floats", "value_ints"):
                self._arrays[node.output[0]] = np.asarray(found)
            else:
                raise ModelUnsupported(f"of kind {kind}; numbers are known")
            return True
        if node.op_type not in _COMPUTED or not names or not all(name in self._arrays for name in names):
            return False
        self._arrays[node.output[0]] = self._evaluated(node, {name: self._arrays[name] for name in names})
        return True

    def _evaluated(self, node: Any, given: dict[str, NDArray[Any]]) -> NDArray[Any]:
        helper = self._onnx.helper
        try:
            inputs = [
                helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(array.dtype), None)
                for name, array in given.items()
            ]
            outputs = [helper.make_empty_tensor_value_info(node.output[0])]
            graph = helper.make_graph([node], "constant", inputs, outputs)
            model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", self._opset)])
            (found,) = self._onnx.reference.ReferenceEvaluator(model).run(None, given)
        except Exception as error:  # of numpy, for shapes that do not fit, and of the evaluator
            raise ModelUnsupported(f"cannot be computed ({reason(error)})") from error
        result = np.asarray(found)
        if result.size > MOST_WEIGHTS:
            raise ModelUnsupported(f"gives {result.size:,} numbers; at most {MOST_WEIGHTS:,} are known")
        return result
