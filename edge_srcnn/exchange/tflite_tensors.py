"""Operators, tensors and constants of a TFLite flatbuffer, of which nothing is trusted.

Source: the TFLite schema, version 3 (``schema.fbs``), as the package ``tflite`` spells it.
"""

from typing import Any

import numpy as np
import tflite
from numpy.typing import NDArray

from edge_srcnn.engine.graph import Quantization
from edge_srcnn.errors import ModelUnsupported
from edge_srcnn.exchange.levels import MOST_LEVELS, MOST_WEIGHTS

_MOST_OPERATORS = 8 * MOST_LEVELS
_TYPES: dict[int, Any] = {
    tflite.TensorType.FLOAT32: np.float32,
    tflite.TensorType.FLOAT16: np.float16,
    tflite.TensorType.INT32: np.int32,
}
_NAMES: dict[int, str] = {value: name for name, value in vars(tflite.BuiltinOperator).items() if isinstance(value, int)}


class Tensors:
    """Read a flatbuffer.

    Parameters
    ----------
    data
        Its bytes.

    Attributes
    ----------
    model, graph
        The flatbuffer, and its only subgraph.
    operators
        In the order of computation.
    """

    def __init__(self, data: bytes) -> None:
        self.model = tflite.Model.GetRootAs(data, 0)
        if self.model.SubgraphsLength() != 1:
            raise ModelUnsupported(f"has {self.model.SubgraphsLength()} subgraphs; 1 is known")
        self.graph = self.model.Subgraphs(0)
        count = self.graph.OperatorsLength()
        if not 1 <= count <= _MOST_OPERATORS:
            raise ModelUnsupported(f"has {count} operators; 1 to {_MOST_OPERATORS} are known")
        if (self.graph.InputsLength(), self.graph.OutputsLength()) != (1, 1):
            told = f"{self.graph.InputsLength()} inputs and {self.graph.OutputsLength()} outputs"
            raise ModelUnsupported(f"has {told}; 1 of each is known")
        self.operators = [self.graph.Operators(number) for number in range(count)]
        shape = [int(side) for side in self.tensor(self.graph.Inputs(0)).ShapeAsNumpy()]
        if len(shape) != 4 or shape[3] != 1:
            told = "x".join(map(str, shape))
            raise ModelUnsupported(f"its input is {told}; one plane of luma is known, 1xHxWx1")

    def name(self, operator: Any) -> str:
        """Name the kind of an operator."""
        code = self.model.OperatorCodes(operator.OpcodeIndex())
        kind = max(code.BuiltinCode(), code.DeprecatedBuiltinCode())
        return _NAMES.get(kind, f"operator code {kind}")

    def options(self, operator: Any, options: Any) -> Any:
        """Read the options of an operator into the class that the package has for them."""
        table = operator.BuiltinOptions()
        if table is None:
            raise ModelUnsupported("has no options")
        options.Init(table.Bytes, table.Pos)
        return options

    def block(self, operator: Any) -> int:
        """Read the side of the blocks of DEPTH_TO_SPACE and SPACE_TO_DEPTH."""
        is_first = self.name(operator) == "SPACE_TO_DEPTH"
        options = tflite.SpaceToDepthOptions() if is_first else tflite.DepthToSpaceOptions()
        return int(self.options(operator, options).BlockSize())

    def tensor(self, number: int) -> Any:
        """Find a tensor."""
        if not 0 <= number < self.graph.TensorsLength():
            raise ModelUnsupported(f"has {self.graph.TensorsLength()} tensors, none of them number {number}")
        return self.graph.Tensors(number)

    def quantization(self, number: int) -> Quantization:
        """Read how an activation is quantized."""
        found = self.tensor(number).Quantization()
        if found is None or (found.ScaleLength(), found.ZeroPointLength()) != (1, 1):
            raise ModelUnsupported("an int8 activation needs one scale and one zero point")
        return Quantization(float(found.Scale(0)), int(found.ZeroPoint(0)))

    def is_constant(self, number: int) -> bool:
        """Tell whether a tensor holds weights, in whatever precision."""
        buffer = self.tensor(number).Buffer()
        return self._source_of(number) is not None or not self.model.Buffers(buffer).DataIsNone()

    def _source_of(self, number: int) -> int | None:
        """Find the float16 constant that a tensor is made of."""
        for operator in self.operators:
            if self.name(operator) == "DEQUANTIZE" and operator.Outputs(0) == number:
                return int(operator.Inputs(0))
        return None

    def constant(self, number: int) -> NDArray[Any]:
        """Read weights."""
        tensor = self.tensor(number if (source := self._source_of(number)) is None else source)
        buffer = self.model.Buffers(tensor.Buffer())
        if tensor.Type() not in _TYPES or buffer.DataIsNone():
            raise ModelUnsupported("reads what is no constant of float32, float16 or int32")
        data = buffer.DataAsNumpy()
        if len(data) > 4 * MOST_WEIGHTS:
            raise ModelUnsupported(f"has {len(data):,} bytes of weights; at most {4 * MOST_WEIGHTS:,} are known")
        shape = [int(side) for side in tensor.ShapeAsNumpy()] if tensor.ShapeLength() else []
        return np.frombuffer(data.tobytes(), _TYPES[tensor.Type()]).reshape(shape)
