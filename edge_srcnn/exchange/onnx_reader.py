"""Read ONNX files as chains of convolutions."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from edge_srcnn.errors import BadData, ModelUnsupported, reason
from edge_srcnn.exchange.chain import Chain, QuantizedChain, Value
from edge_srcnn.exchange.onnx_attributes import attributes_of
from edge_srcnn.exchange.onnx_constants import Constants
from edge_srcnn.exchange.onnx_file import open_onnx
from edge_srcnn.exchange.onnx_operators import Operators
from edge_srcnn.exchange.onnx_quantized import QuantizedReader

OLDEST_OPSET = 11

RESIDUAL = "residual"
"""The metadata that says ``true`` where the bicubic picture is to be added to the result."""

_SHAPES = frozenset({"Shape", "Size", "Range", "ConstantOfShape", "Expand", "Floor", "Ceil"})
"""They compute sizes, which a chain does not need; so does all that reads their results."""

_QUANTIZED = frozenset({"QLinearConv", "ConvInteger", "DynamicQuantizeLinear"})


def read_onnx(path: Path, white: float) -> tuple[Chain, Value] | QuantizedChain:
    """Read a network.

    Parameters
    ----------
    path
        An ONNX file.
    white
        What stands for white in its input: 1 or 255.

    Returns
    -------
    The chain of a float network, and its result, white as 1; or an int8 network.

    Raises
    ------
    Unavailable, NoInput, BadData
        The package ``onnx`` or the file is missing, or damaged.
    ModelUnsupported
        It is of another form; the message names the node.
    """
    model: Any = open_onnx(path)
    try:
        return _read(model, white)
    except ModelUnsupported as error:
        raise ModelUnsupported(f"{path}: {error}") from error


def _read(model: Any, white: float) -> tuple[Chain, Value] | QuantizedChain:
    graph, nodes = model.graph, list(model.graph.node)
    opset = next((each.version for each in model.opset_import if each.domain in ("", "ai.onnx")), 0)
    if opset < OLDEST_OPSET:
        raise ModelUnsupported(f"opset {opset}; {OLDEST_OPSET} and later are known: export it again")
    constants, chain = Constants(opset), Chain(_unshuffle(nodes))
    for tensor in graph.initializer:
        constants.add(tensor, tensor.name)
    inputs = [each for each in graph.input if each.name not in constants]
    if len(inputs) != 1 or len(graph.output) != 1:
        raise ModelUnsupported(f"has {len(inputs)} inputs and {len(graph.output)} outputs; 1 of each is known")
    residual = {each.key: each.value for each in model.metadata_props}.get(RESIDUAL) == "true"  # as we write it
    if any(node.op_type == "QuantizeLinear" and node.input[0] not in constants for node in nodes):
        quantized = QuantizedReader(inputs[0].name, constants)
        _channel_axis(inputs[0])
        _walk(nodes, quantized.take)
        return quantized.finish(graph.output[0].name, residual=residual)
    operators = Operators(chain, constants)
    operators.values[inputs[0].name] = chain.scale(chain.source(), white), _channel_axis(inputs[0])
    sizes: set[str] = set()
    _walk(nodes, lambda node: _take(node, constants, operators, sizes))
    value, _ = operators.value(graph.output[0].name)
    if residual:
        value = replace(value, base=white)
    return chain, chain.scale(value, 1 / (white if value.white is None else value.white))


def _walk(nodes: list[Any], take: Callable[[Any], None]) -> None:
    """Take all nodes in their order, and name the one that is refused."""
    for number, node in enumerate(nodes, 1):
        try:
            take(node)
        except BadData as error:
            raise ModelUnsupported(f"{_place(number, nodes)}: {error}") from error
        except (KeyError, IndexError, ValueError, TypeError, ArithmeticError, AttributeError) as error:
            told = f"has inputs or attributes that do not fit ({reason(error)})"
            raise ModelUnsupported(f"{_place(number, nodes)}: {told}") from error


def _take(node: Any, constants: Constants, operators: Operators, sizes: set[str]) -> None:
    """Go on with a node: of constants, of sizes, or of pictures."""
    if node.domain not in ("", "ai.onnx"):
        raise ModelUnsupported(f"is of the domain {node.domain}; ONNX's own operators are known")
    if constants.compute(node):
        return
    if node.op_type in _QUANTIZED:
        raise ModelUnsupported("is of a quantized network; give the float one, and let 'edge-srcnn export' quantize it")
    if node.op_type in _SHAPES or (node.op_type != "Resize" and any(name in sizes for name in node.input)):
        sizes.update(node.output)
    else:
        operators.run(node)


def _place(number: int, nodes: list[Any]) -> str:
    node = nodes[number - 1]
    return f"node {number} of {len(nodes)}, {node.op_type}{f' {node.name!r}' if node.name else ''}"


def _unshuffle(nodes: list[Any]) -> int:
    """Find the side of the blocks that the first convolution reads."""
    sides = {int(attributes_of(node).get("blocksize", 0)) for node in nodes if node.op_type == "SpaceToDepth"}
    if len(sides) > 1 or not sides <= set(range(2, 33)):
        raise ModelUnsupported(f"SpaceToDepth by {sorted(sides)}; one factor from 2 to 32 is known")
    return sides.pop() if sides else 1


def _channel_axis(tensor: Any) -> int:
    """Find the axis of the channels of the input, 1 or 3."""
    shape = [each.dim_value or None for each in tensor.type.tensor_type.shape.dim]
    if len(shape) != 4 or 1 not in (shape[1], shape[3]):
        told = "x".join("?" if side is None else str(side) for side in shape) or "of unknown shape"
        raise ModelUnsupported(f"its input is {told}; one plane of luma is known, 1x1xHxW or 1xHxWx1")
    return 1 if shape[1] == 1 else 3
