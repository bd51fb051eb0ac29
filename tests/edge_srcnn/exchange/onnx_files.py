"""ONNX networks of others, written node by node, and what onnxruntime makes of a plane with them."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

OPSET = 13
INPUT, OUTPUT = "luma", "picture"


class Builder:
    """Write a graph down: each method adds a node, and gives the name of its result."""

    def __init__(self, *, seed: int = 0, constants: str = "initializer", dtype: Any = np.float32) -> None:
        self.nodes: list[Any] = []
        self.weights: list[Any] = []
        self.rng = np.random.default_rng(seed)
        self._constants, self._dtype, self._count = constants, dtype, 0

    def name(self) -> str:
        self._count += 1
        return f"t{self._count}"

    def add(self, kind: str, *inputs: str, output: str | None = None, **attributes: Any) -> str:
        result = output or self.name()
        self.nodes.append(
            helper.make_node(kind, list(inputs), [result], name=f"{kind}_{len(self.nodes)}", **attributes)
        )
        return result

    def constant(self, values: Any, dtype: Any = None) -> str:
        """Hold a constant as an initializer or a node; in float16, a Cast makes float32 of it."""
        array = np.asarray(values, dtype or self._dtype)
        name = self.name()
        tensor = numpy_helper.from_array(array, name)
        if self._constants == "initializer":
            self.weights.append(tensor)
        else:
            self.nodes.append(helper.make_node("Constant", [], [name], value=tensor))
        return self.add("Cast", name, to=TensorProto.FLOAT) if array.dtype == np.float16 else name

    def conv(self, source: str, inputs: int, outputs: int, side: int, *, gain: float = 1.0, **attributes: Any) -> str:
        """Convolve with random weights that keep the size of what they read; zeros around, unless told otherwise."""
        group = attributes.get("group", 1)
        weights = self.rng.normal(0, gain / (side * np.sqrt(inputs / group)), (outputs, inputs // group, side, side))
        bias = self.rng.normal(0, 0.1, outputs)
        if "pads" not in attributes and "auto_pad" not in attributes:
            attributes["pads"] = [side // 2] * 4
        return self.add("Conv", source, self.constant(weights), self.constant(bias), **attributes)

    def save(self, path: Path, *, shape: Sequence[Any] = (1, 1, "h", "w"), opset: int = OPSET, **options: Any) -> Path:
        value = helper.make_tensor_value_info
        out = value(OUTPUT, TensorProto.FLOAT, [None] * 4)
        nodes = [*self.nodes]
        graph = helper.make_graph(nodes, "network", [value(INPUT, TensorProto.FLOAT, shape)], [out], self.weights)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)
        onnx.save_model(model, path, **options)
        return path


def open_session(model: str | bytes) -> onnxruntime.InferenceSession:
    """Open a network, exactly: without this, sums saturate on x86 processors that have no int8 dot products."""
    options = onnxruntime.SessionOptions()
    options.add_session_config_entry("session.x64quantprecision", "1")
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])


def run_onnx(path: Path, plane: Any, *, nhwc: bool = False) -> Any:
    """Compute a plane ``[h, w]`` in float32."""
    session = open_session(str(path))
    given = plane.astype(np.float32)[None, :, :, None] if nhwc else plane.astype(np.float32)[None, None]
    (result,) = session.run(None, {session.get_inputs()[0].name: given})
    return result.squeeze()
