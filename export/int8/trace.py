"""Every tensor of a graph after a run, for reports of where a network loses quality."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge_srcnn.engine.interpreter import interpreter_backend
from edge_srcnn.system.native_stderr import quiet_native_code


@dataclass(frozen=True)
class TensorTrace:
    """A tensor's name, type, and real values (float64, the tensor's own shape)."""

    name: str
    dtype: np.dtype[Any]
    values: NDArray[np.float64]


def trace(engine: str, graph: bytes, pixels: NDArray[Any]) -> list[TensorTrace]:
    """Run a graph on ``[h, w]`` or ``[h, w, channels]`` with plain kernels, and return every tensor, for reports."""
    backend = interpreter_backend(engine)
    plain_kernels = backend.reach("OpResolverType").BUILTIN_WITHOUT_DEFAULT_DELEGATES
    with quiet_native_code():
        interpreter = backend.reach(backend.attribute)(
            model_content=graph, experimental_preserve_all_tensors=True, experimental_op_resolver_type=plain_kernels
        )
    index = interpreter.get_input_details()[0]["index"]
    shape = (1, *pixels.shape, 1)[:4]
    interpreter.resize_tensor_input(index, shape)
    interpreter.allocate_tensors()
    interpreter.set_tensor(index, pixels.reshape(shape))
    interpreter.invoke()
    found = []
    for detail in interpreter.get_tensor_details():
        raw = interpreter.get_tensor(detail["index"])
        scales = detail["quantization_parameters"]["scales"]
        zero_points = detail["quantization_parameters"]["zero_points"]
        values = raw.astype(np.float64)
        if len(scales) == 1:
            values = (values - zero_points[0]) * scales[0]
        found.append(TensorTrace(detail["name"], np.dtype(detail["dtype"]), values))
    return found
